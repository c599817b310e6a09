"""A shell session of the stand-in plugin: the terminal on this side and an obedient machine on the far side.

The far side echoes what is typed and knows these lines: `exit` ends normally, `reason TEXT` and `timeout` end as the
service does, `size` tells the window size it was last sent, `die` is SIGKILL, `drop` loses the connection for good.
"""

import codecs
import os
from typing import NoReturn

from tests.fakes.plugin_run import CONTROL_SIGNALS, Run, window_size

PROMPT = "fake$ "
POLL_SECONDS = 0.5
READ_BYTES = 1024
END_OF_INPUT = "\x04"
CONTROL_CHARACTERS = {"\x03": "^C", "\x1c": "^\\", "\x1a": "^Z"}
CHARACTER_OF_SIGNAL = dict(zip(CONTROL_SIGNALS, CONTROL_CHARACTERS, strict=True))


class Shell:
    """A shell that lives until the far side ends it, the input ends, or a signal does."""

    def __init__(self, run: Run, *, session_id: str) -> None:
        self._run = run
        self._id = session_id
        self._line = ""
        self._lost = False
        self._saved_tty = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._size = window_size()

    def serve(self) -> NoReturn:
        """Play the session. As with the real one, the prompt shows a moment before the terminal is raw."""
        self._run.take_over_signals()
        early = b"" if os.isatty(0) or not self._run.wait(0, 0)[1] else self._read()
        self._run.say(PROMPT)
        self._saved_tty = _stty("-g", capture=True)
        _stty("cbreak")
        _stty("-echo")
        self._run.become_ready()
        self._run.after(self._run.modes.get("ends_after_seconds"), self._end_by_service)
        self._feed(early)
        while True:
            signals, readable = self._run.wait(POLL_SECONDS, 0)
            self._notice_size()
            for number in signals:
                self._take_signal(CHARACTER_OF_SIGNAL.get(number, ""))
            if readable:
                self._feed(self._read())

    def _read(self) -> bytes:
        try:
            data = os.read(0, READ_BYTES)
        except OSError as error:
            self._break_off(f"read /dev/stdin: {os.strerror(error.errno or 0).lower()}")
        if not data:
            self._break_off("EOF")
        self._run.receive(data)
        return data

    def _notice_size(self) -> None:
        size = window_size()
        if size != self._size:
            self._size = size
            self._run.add("sizes", size)

    def _take_signal(self, character: str) -> None:
        """Pass Ctrl-C and its like to the far side; a lost connection swallows them."""
        if character and not self._lost:
            self._control(character)

    def _feed(self, data: bytes) -> None:
        if data and self._lost:
            self._break_off("write: broken pipe")
        for character in self._decoder.decode(data):
            self._key(character)

    def _key(self, character: str) -> None:
        """Do on the far side what a shell's terminal does with one character."""
        if character in "\r\n":
            self._run.say("\r\n")
            line, self._line = self._line, ""
            self._answer(line)
        elif character in CONTROL_CHARACTERS:
            self._control(character)
        elif character == END_OF_INPUT:
            self._end()
        elif character in "\b\x7f":
            self._rub_out()
        elif character.isprintable():
            self._line += character
            self._run.say(character)

    def _control(self, character: str) -> None:
        self._line = ""
        self._run.say(f"{CONTROL_CHARACTERS[character]}\r\n{PROMPT}")

    def _rub_out(self) -> None:
        if self._line:
            self._line = self._line[:-1]
            self._run.say("\b \b")

    def _answer(self, line: str) -> None:
        word, _, rest = line.strip().partition(" ")
        if word == "drop":
            self._lost = True
            return
        ends = {"exit": self._end, "timeout": self._time_out, "die": self._run.die}
        if word in ends:
            ends[word]()
        if word == "reason":
            self._end_by_service(rest)
        if word == "size":
            self._run.say(f"{self._size[0]}x{self._size[1]}\r\n")
        elif word:
            self._run.say(f"fake: {line}\r\n")
        self._run.say(PROMPT)

    def _end(self) -> NoReturn:
        self._run.say(f"\n\nExiting session with sessionId: {self._id}.\n\n")
        self._stop("closed")

    def _end_by_service(self, reason: str | None = None) -> NoReturn:
        text = self._run.modes.get("end_text", "") if reason is None else reason
        if not text:
            self._end()
        self._run.say(f"\n\nSessionId: {self._id} : {text}\n\n")
        self._stop("by the service")

    def _time_out(self) -> NoReturn:
        """End as when ResumeSession gives no token: that path leaves the terminal as it is."""
        self._run.say(f"\nSession: {self._id} timed out.\n")
        self._run.finish("timed out", session_ended=True)

    def _break_off(self, reason: str) -> NoReturn:
        """End on this side; the session stays open at the service, and the terminal raw."""
        self._run.say(f"Cannot perform start session: {reason}\n")
        self._run.finish("broken off")

    def _stop(self, ended: str) -> NoReturn:
        if self._saved_tty:
            _stty(self._saved_tty)
        _stty("echo")
        self._run.finish(ended, session_ended=True)


def _stty(argument: str, *, capture: bool = False) -> str:
    """Run `stty` on our stdin as the real plugin does, and as it does ignore that it fails or is missing."""
    reader, writer = os.pipe()
    quiet = (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)
    actions = [quiet, (os.POSIX_SPAWN_DUP2, writer, 1)] if capture else [quiet]
    try:
        pid = os.posix_spawnp("stty", ["stty", argument], os.environ, file_actions=actions)
    except OSError:
        return ""
    finally:
        os.close(writer)
    with os.fdopen(reader) as output:
        text = output.read().strip()
    os.waitpid(pid, 0)
    return text
