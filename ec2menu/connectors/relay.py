"""A program on a pseudo-terminal between us and the user's terminal, so that we can hear what it prints.

session-manager-plugin says how a session ended only in words on its screen, and hangs for ever in several ways; so we
pass every byte through, remember the last ones, and keep a way out (`Enter ~ .`). POSIX only. Knows nothing of SSM.
"""

import contextlib
import errno
import fcntl
import os
import select
import signal
import subprocess
import termios
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import FrameType

from ec2menu.clock import Clock
from ec2menu.connectors.process import launcher, signals_ignored, terminal_kept

TAIL_BYTES = 8192
CHUNK_BYTES = 65536
MAX_PENDING_BYTES = 1 << 20
POLL_SECONDS = 0.2
KILL_GRACE_SECONDS = 2.0
CTRL_C = b"\x03"


class Left(StrEnum):
    """Why the relay stopped."""

    EXITED = "exited"
    ESCAPED = "escaped"
    GAVE_UP = "gave up"
    NO_ANSWER = "no answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayResult:
    """How it went: why it stopped, the exit status (negative: signal), and the last bytes it printed as text."""

    left: Left
    status: int
    tail: str


@dataclass(slots=True)
class EscapeWatch:
    """Finds `~.` at the start of a line in what the user types, as ssh does; `~~` there types one `~`."""

    _line_start: bool = True
    _tilde: bool = False

    def feed(self, typed: bytes) -> tuple[bytes, bool]:
        """Return what to pass on, and whether the user asked to leave."""
        passed = bytearray()
        for byte in typed:
            if self._tilde:
                self._tilde = False
                if byte == ord("."):
                    return bytes(passed), True
                passed += b"~" if byte == ord("~") else b"~" + bytes([byte])
                self._line_start = byte in b"\r\n"
            elif self._line_start and byte == ord("~"):
                self._tilde = True
            else:
                passed.append(byte)
                self._line_start = byte in b"\r\n"
        return bytes(passed), False


@dataclass(slots=True)
class _Pump:
    """The bytes under way between the user's terminal and the program."""

    master: int
    user_in: int
    user_out: int
    has_answered: Callable[[str], bool]
    escape: EscapeWatch = field(default_factory=EscapeWatch)
    pending: bytes = b""
    tail: bytes = b""
    answered: bool = False
    user_gone: bool = False

    def turn(self, timeout_seconds: float) -> Left | None:
        """Move what is there in both directions; return why to stop, if there is a reason."""
        reading = [self.master]
        if not self.user_gone and len(self.pending) < MAX_PENDING_BYTES:
            reading.append(self.user_in)
        readable, writable, _ = select.select(reading, [self.master] if self.pending else [], [], timeout_seconds)
        if self.user_in in readable and (left := self._from_user()):
            return left
        if writable:
            with contextlib.suppress(BlockingIOError):
                self.pending = self.pending[os.write(self.master, self.pending) :]
        return Left.EXITED if self.master in readable and not self.from_program() else None

    def _from_user(self) -> Left | None:
        typed = os.read(self.user_in, CHUNK_BYTES)
        if not typed:
            self.user_gone = True
            return None
        if not self.answered and CTRL_C in typed:
            return Left.GAVE_UP
        passed, asked_to_leave = self.escape.feed(typed)
        self.pending += passed
        return Left.ESCAPED if asked_to_leave else None

    def from_program(self) -> bool:
        """Show what the program printed; return False at its end."""
        try:
            printed = os.read(self.master, CHUNK_BYTES)
        except BlockingIOError:
            return True
        except OSError as error:
            if error.errno == errno.EIO:  # Linux's way to say that the other side is closed
                return False
            raise
        if printed:
            _write_all(self.user_out, printed)
            self.tail = (self.tail + printed)[-TAIL_BYTES:]
            self.answered = self.answered or self.has_answered(self.tail.decode(errors="replace"))
        return bool(printed)


def relay(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    has_answered: Callable[[str], bool],
    answer_seconds: float,
    clock: Clock,
    user_in: int = 0,
    user_out: int = 1,
) -> RelayResult:
    """Run a program on the user's terminal until it ends, the user leaves, or it has not answered in time.

    `has_answered` is asked of all text so far; until it says yes, Ctrl-C gives up. Raises OSError if the program cannot
    be started. The terminal's settings and our signal handlers are as before on every path, the program is gone.
    """
    master, slave = os.openpty()
    try:
        _dress_like(user_in, slave)
        _copy_size(user_out, master)
        with terminal_kept(user_in), signals_ignored(), _size_followed(user_out, master):
            child = subprocess.Popen(
                [*launcher("tty"), *argv],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env=dict(environment),
                start_new_session=True,
            )
            os.close(slave)
            slave = -1
            try:
                os.set_blocking(master, False)
                tty.setraw(user_in, termios.TCSADRAIN)
                pump = _Pump(master=master, user_in=user_in, user_out=user_out, has_answered=has_answered)
                left = _pump_until_left(pump, child, clock, answer_seconds)
                status = _end(child, by_itself=left is Left.EXITED)
            finally:
                _end(child, by_itself=False)
            if left is not Left.EXITED or status != 0:  # keys hammered at a dead shell must not choose from our menu
                termios.tcflush(user_in, termios.TCIFLUSH)
    finally:
        os.close(master)
        if slave != -1:
            os.close(slave)
    return RelayResult(left=left, status=status, tail=pump.tail.decode(errors="replace"))


def _pump_until_left(pump: _Pump, child: subprocess.Popen[bytes], clock: Clock, answer_seconds: float) -> Left:
    deadline = clock.now() + answer_seconds
    while True:
        if left := pump.turn(POLL_SECONDS):
            return left
        if child.poll() is not None:
            # A grandchild may still hold the terminal open: take what is there and do not wait for its end.
            while select.select([pump.master], [], [], 0)[0] and pump.from_program():
                pass
            return Left.EXITED
        if not pump.answered and clock.now() > deadline:
            return Left.NO_ANSWER


def _end(child: subprocess.Popen[bytes], *, by_itself: bool) -> int:
    """Let a program end, hanging up on it unless it ends by itself, and kill it after a grace; return its status."""
    if child.poll() is None and not by_itself:
        child.send_signal(signal.SIGHUP)
    try:
        return child.wait(KILL_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def _dress_like(user_in: int, slave: int) -> None:
    """Give the pseudo-terminal the user's settings, but never let Ctrl-S freeze it."""
    settings = termios.tcgetattr(user_in)
    settings[0] &= ~(termios.IXON | termios.IXOFF)
    termios.tcsetattr(slave, termios.TCSANOW, settings)


def _copy_size(source: int, master: int) -> None:
    with contextlib.suppress(OSError):
        fcntl.ioctl(master, termios.TIOCSWINSZ, fcntl.ioctl(source, termios.TIOCGWINSZ, b"\0" * 8))


@contextlib.contextmanager
def _size_followed(user_out: int, master: int) -> Iterator[None]:
    def follow(_signal: int, _frame: FrameType | None) -> None:
        _copy_size(user_out, master)

    previous = signal.signal(signal.SIGWINCH, follow)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, previous if previous is not None else signal.SIG_DFL)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:  # somebody made the terminal non-blocking
            select.select([], [descriptor], [], POLL_SECONDS)
