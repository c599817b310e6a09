"""The demo plugin's toy shell: echoes, edits a line, answers a handful of commands from a table, executes nothing.

On a terminal it works in cbreak without echo as the real plugin does, takes Ctrl-C and Ctrl-Z as keys, and puts the
terminal back on its normal exits. No network, no subprocess.
"""

import codecs
import os
import signal
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from types import FrameType

from ec2menu.demo.plugin_channel import Channel, say

try:
    import termios
    import tty
except ImportError:  # Windows has no termios; there the console echoes and edits
    termios = None  # type: ignore[assignment]  # the module stands for "can do cbreak"

LINUX_PROMPT, WINDOWS_PROMPT = "sh-5.2$ ", "PS C:\\> "
CONTAINER_PROMPTS = {"bash": "root@{host}:/# ", "sh": "# ", "powershell": WINDOWS_PROMPT, "cmd": "C:\\>"}
"""The prompts of shells that the session names; in a container everybody is root."""

NOT_STARTED = "----------ERROR-------\nUnable to start command: Failed to start pty: {complaint}"
COMMANDS = ("help", "hostname", "whoami", "uptime", "ls", "date", "clear", "exit")
SHELLS = frozenset({"sh", "bash", "ash", "zsh", "powershell", "pwsh", "cmd"})

_CTRL_D, _CTRL_U, _ESCAPE = "\x04", "\x15", "\x1b"
_BACKSPACES = ("\x7f", "\b")
_KEYS = {"SIGINT": "^C", "SIGQUIT": "^\\", "SIGTSTP": "^Z"}


def shown(text: str) -> str:
    """Return text that is safe on a terminal: what does not print is spelled out."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


class Shell:
    """One shell session. `play` returns when it has ended."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._windows = channel.facts.get("platform", "").lower().startswith("windows")
        self._host = channel.facts.get("computer") or "demo"
        usual_user = f"{self._host}\\ssm-user" if self._windows else "ssm-user"
        self._user = channel.facts.get("user", usual_user)
        usual = WINDOWS_PROMPT if self._windows else LINUX_PROMPT
        prompt = CONTAINER_PROMPTS.get(channel.facts.get("shell", ""), usual)
        self._prompt = prompt.format(host=shown(self._host))
        self._line = ""
        self._in_escape = False
        self._ended = False

    def play(self) -> None:
        """Greet, take keys until the session ends, and say goodbye; prints the real plugin's error if input ends."""
        for name, key in _KEYS.items():
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._on_signal(key))
        say(f"\nStarting session with SessionId: {self._channel.session_id}\n")
        if complaint := self._channel.facts.get("missing"):
            reason = NOT_STARTED.format(complaint=shown(complaint))
            say(f"\n\nSessionId: {self._channel.session_id} : {reason}\n\n")
            self._channel.report_end()
            return
        if self._is_one_command():
            say(f"demo: {shown(self._channel.facts['command'])}: not run\n")
            self._goodbye()
            return
        self._greet()
        if termios is not None and os.isatty(0):
            self._with_terminal()
        else:
            self._take_lines()
        if self._ended:
            self._goodbye()
        else:
            say("Cannot perform start session: EOF\n")

    def _is_one_command(self) -> bool:
        if "shell" in self._channel.facts:
            return self._channel.facts["shell"] not in CONTAINER_PROMPTS
        command = self._channel.facts.get("command", "").split()
        return bool(command) and command[0].rpartition("/")[2] not in SHELLS

    def _greet(self) -> None:
        name = shown(self._channel.facts.get("name", ""))
        say(
            f"\nThis is ec2menu's demo: a toy shell for {name or 'a machine'} ({shown(self._host)}), "
            "with no machine behind it.\n"
            f"Nothing typed here is executed anywhere. Try: {', '.join(COMMANDS)}.\n\n{self._prompt}"
        )

    def _goodbye(self) -> None:
        say(f"\n\nExiting session with sessionId: {self._channel.session_id}.\n\n")
        self._channel.report_end()

    def _on_signal(self, key: str) -> Callable[[int, FrameType | None], None]:
        def forward(_number: int, _frame: FrameType | None) -> None:
            self._line = ""
            say(f"{key}\n{self._prompt}")

        return forward

    def _with_terminal(self) -> None:
        before = termios.tcgetattr(0)
        try:
            tty.setcbreak(0, termios.TCSANOW)
            self._take_keys()
        finally:
            termios.tcsetattr(0, termios.TCSANOW, before)

    def _take_keys(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while not self._ended:
            data = os.read(0, 1024)
            if not data:
                return
            for char in decoder.decode(data):
                self._take_key(char)
                if self._ended:
                    return

    def _take_key(self, char: str) -> None:
        if self._in_escape:
            self._in_escape = not (char.isalpha() or char == "~")
        elif char in "\r\n":
            say("\n")
            line, self._line = self._line, ""
            self._take_line(line)
        elif char == _CTRL_D:
            self._ended = not self._line
        elif char in _BACKSPACES or char == _CTRL_U:
            self._line = "" if char == _CTRL_U else self._line[:-1]
            # Redrawn whole, because the erased character may have been two columns wide.
            say(f"\r\x1b[K{self._prompt}{self._line}")
        elif char == _ESCAPE:
            self._in_escape = True
        elif char.isprintable():
            self._line += char
            say(char)

    def _take_lines(self) -> None:
        for line in sys.stdin:
            self._take_line(line.rstrip("\r\n"))
            if self._ended:
                return

    def _take_line(self, line: str) -> None:
        word = next(iter(line.split()), "")
        if word in ("exit", "logout"):
            self._ended = True
            return
        if word == "clear":
            say("\x1b[2J\x1b[H")
        elif word:
            say(self._answer(word))
        say(self._prompt)

    def _answer(self, word: str) -> str:
        answers: Mapping[str, Callable[[], str]] = _WINDOWS if self._windows else _LINUX
        answer = answers.get(word)
        if answer is None:
            return f"demo: {shown(word)}: not run\n"
        return answer().format(host=shown(self._host), user=shown(self._user)) + "\n"


def _help() -> str:
    return f"The demo answers {', '.join(COMMANDS)}; anything else is not run."


def _date() -> str:
    return datetime.now().astimezone().strftime("%a %b %e %H:%M:%S %Z %Y" if os.name != "nt" else "%c")


_COMMON: dict[str, Callable[[], str]] = {"help": _help, "hostname": lambda: "{host}", "date": _date}
_LINUX = _COMMON | {
    "whoami": lambda: "{user}",
    "uptime": lambda: " 09:41:00 up 40 days,  3:07,  1 user,  load average: 0.08, 0.03, 0.01",
    "ls": lambda: "README.demo  app  logs",
}
_WINDOWS = _COMMON | {
    "whoami": lambda: "{user}",
    "uptime": lambda: "Days : 40, Hours : 3, Minutes : 7",
    "ls": lambda: "    Directory: C:\\\n\nd-----  app\nd-----  logs\n-a----  README.demo",
    "dir": lambda: "    Directory: C:\\\n\nd-----  app\nd-----  logs\n-a----  README.demo",
}
