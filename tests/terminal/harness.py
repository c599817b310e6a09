"""A robot user: it starts a program on a real pseudo-terminal, types, and looks at the screen as a person would.

pexpect owns the pty, `screen.TerminalScreen` is the glass. There is no thread: output is read while the robot waits.
Nothing here knows ec2menu.
"""

import os
import re
import signal
import termios
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pexpect
import pyte

from tests.fakes.plugin import process_is_alive
from tests.terminal.screen import CellStyle, TerminalScreen

READ_BYTES = 65536
STEP_SECONDS = 0.05
CLOSE_SECONDS = 10.0
TERMINAL_VARIABLES = ("COLUMNS", "LINES", "NO_COLOR", "TERM")


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalSettings:
    """The pty's settings: three that a broken program leaves behind, and all of them (`attributes`) to compare."""

    echo: bool
    canonical: bool
    signals: bool
    attributes: tuple[Any, ...]


class Robot:
    """A user at a terminal with one program on it; leaving the `with` block kills it and all its children.

    `environment` replaces the whole environment; without it the current one is passed on, with TERM=xterm-256color
    and without what would override the size or the colours.
    """

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        columns: int = 100,
        rows: int = 30,
    ) -> None:
        self._screen = TerminalScreen(columns, rows)
        self._screen.write_process_input = self.send  # a terminal answers where its cursor is when asked
        self._stream = pyte.ByteStream(self._screen)
        self._seen = 0
        command, *arguments = map(str, argv)
        with warnings.catch_warnings():
            # Newer Pythons warn that a child forked beside threads may hang; this one execs at once.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._child: pexpect.spawn[bytes] = pexpect.spawn(
                command,
                arguments,
                env=_environment() if environment is None else environment,
                cwd=cwd,
                dimensions=(rows, columns),
                use_poll=True,
            )
        self._child.delaybeforesend = None
        self._child.ptyproc.delayafterclose = 0.0  # type: ignore[attr-defined] # the stubs leave ptyproc out

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The program's process id, which is also its session's."""
        return int(self._child.pid or 0)

    @property
    def transcript(self) -> str:
        """The plain text of everything that was ever drawn and read, also what has scrolled away."""
        return self._screen.transcript

    def send(self, text: str) -> None:
        """Type `text` as it is."""
        data = text.encode()
        while data:
            data = data[self._child.send(data) :]

    def line(self, text: str = "") -> None:
        """Type `text` and press Enter (a carriage return, as keyboards send it)."""
        self.send(f"{text}\r")

    def control(self, letter: str) -> None:
        """Press Ctrl and a letter, or Ctrl and one of ``[ \\ ] ^ _``."""
        self.send(chr(ord(letter.upper()) & 0x1F))

    def resize(self, columns: int, rows: int) -> None:
        """Change the window's size; the kernel tells the program."""
        self._screen.resize(rows, columns)
        self._child.setwinsize(rows, columns)

    def wait_for(self, wanted: str | re.Pattern[str], *, seconds: float = 60.0, new: bool = False) -> str:
        """Wait until `wanted` shows on the screen or in what arrived after the last match, and return what matched.

        With `new` only what arrived after the last match counts: for a prompt that may still stand on the screen.
        Raises AssertionError with the screen's picture when time is up or the program has ended.
        """
        pattern = wanted if isinstance(wanted, re.Pattern) else re.compile(re.escape(wanted))
        found: list[str] = []

        def shows() -> bool:
            found.extend(self._find(pattern, new=new))
            return bool(found)

        self.wait_until(shows, what=repr(wanted if isinstance(wanted, str) else wanted.pattern), seconds=seconds)
        return found[0]

    def wait_until(self, condition: Callable[[], bool], *, what: str = "it", seconds: float = 60.0) -> None:
        """Read the program's output until `condition` holds; AssertionError as for `wait_for`."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"no {what} within {seconds} s\n{self.picture()}"
            if not self._read(STEP_SECONDS):
                assert condition(), f"the program ended without {what}\n{self.picture()}"
                return

    def lines(self) -> list[str]:
        """Return the screen as text lines, right-stripped; as many as the window has rows."""
        return self._screen.text_lines()

    def style_at(self, column: int, row: int) -> CellStyle:
        """Return how the cell looks; both count from 0, in display columns."""
        return self._screen.style_at(column, row)

    def style_of(self, text: str) -> CellStyle:
        """Return how the first character of the first place of `text` on the screen looks."""
        place = self._screen.locate(text)
        assert place is not None, f"{text!r} is not on the screen\n{self.picture()}"
        return self.style_at(*place)

    @property
    def cursor(self) -> tuple[int, int]:
        """The cursor's place: (column, row), both from 0."""
        return self._screen.cursor.x, self._screen.cursor.y

    def picture(self) -> str:
        """Draw the screen in a frame, down to the cursor, whose place counts from 0 as `cursor` does."""
        lines = self.lines()
        last = max(self.cursor[1], *(row for row, line in enumerate(lines) if line), 0)
        body = "\n".join(f"| {line}" for line in lines[: last + 1])
        return f"+-- {self._screen.columns}x{self._screen.lines}\n{body}\n+-- cursor {self.cursor}"

    def termios(self) -> TerminalSettings:
        """Read the pty's settings as they are now, also after the program's end."""
        attributes = termios.tcgetattr(self._child.child_fd)
        flags = attributes[3]
        return TerminalSettings(
            echo=bool(flags & termios.ECHO),
            canonical=bool(flags & termios.ICANON),
            signals=bool(flags & termios.ISIG),
            attributes=(*attributes[:6], tuple(attributes[6])),
        )

    def wait_exit(self, *, seconds: float = 60.0) -> int:
        """Read to the end and return the exit status, or the negative number of the signal that killed the program."""
        self.wait_until(lambda: not self._child.isalive(), what="end of the program", seconds=seconds)
        while self._read(0.0):
            pass
        if self._child.exitstatus is not None:
            return self._child.exitstatus
        return -int(self._child.signalstatus or 0)

    def feed(self, output: bytes) -> None:
        """Take in output of the program that a test has read by itself."""
        self._stream.feed(output)

    def relatives(self) -> set[int]:
        """Return the processes that the program has started, and those of its session."""
        return _relatives(self.pid)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the program alone."""
        os.kill(self.pid, number)

    def close(self) -> None:
        """Kill the program with its session and descendants, hang up, and reap it."""
        was_alive = self._child.isalive()
        relatives = _relatives(self.pid)
        for pid in relatives:
            _kill(pid)
        if was_alive:
            _kill(self.pid)
            self._child.wait()
        self._child.close(force=True)
        _wait_until_gone(relatives)

    def _find(self, pattern: re.Pattern[str], *, new: bool) -> list[str]:
        """Search the unseen text first, which then counts as seen up to the match; then the screen."""
        match = pattern.search(self._screen.transcript, self._seen)
        if match:
            self._seen = match.end()
        elif not new:
            match = pattern.search(self._screen.text_to_cursor())
        return [match.group()] if match else []

    def _read(self, seconds: float) -> bool:
        """Feed the screen with what arrives within `seconds`; False when nothing can arrive any more."""
        try:
            self._stream.feed(self._child.read_nonblocking(READ_BYTES, timeout=seconds))
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            # pexpect says so without reading again what came between its last look and the program's end.
            return seconds > 0 and self._read(0.0)
        return True


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in TERMINAL_VARIABLES}
    return {**kept, "TERM": "xterm-256color"}


def _relatives(pid: int) -> set[int]:
    """Return the other members of the session that `pid` leads and all its descendants, where /proc tells."""
    parents: dict[int, int] = {}
    family = {pid}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.parent.name)] = int(fields[1])
        if int(fields[3]) == pid:
            family.add(int(entry.parent.name))
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return family - {pid}


def _wait_until_gone(pids: set[int]) -> None:
    """Wait until what we killed is dead: the kernel takes its moment."""
    deadline = time.monotonic() + CLOSE_SECONDS
    while alive := [pid for pid in pids if process_is_alive(pid)]:
        assert time.monotonic() < deadline, f"still alive after SIGKILL: {alive}"
        time.sleep(STEP_SECONDS)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
