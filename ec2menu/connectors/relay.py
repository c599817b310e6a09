"""A program on a pseudo-terminal between us and the user's terminal, so that we can hear what it prints.

session-manager-plugin says how a session ended only in words on its screen, and hangs for ever in several ways; so we
pass every byte through, remember the last ones, and keep a way out (`Enter ~ .`). POSIX only. Knows nothing of SSM.
"""

import contextlib
import errno
import fcntl
import os
import selectors
import signal
import subprocess
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import FrameType

from ec2menu.clock import Clock
from ec2menu.connectors.process import launcher, signals_ignored, terminal_kept, undisturbed

TAIL_BYTES = 8192
CHUNK_BYTES = 65536
MAX_PENDING_BYTES = 1 << 20
POLL_SECONDS = 0.2
KILL_GRACE_SECONDS = 2.0
GIVE_UP_KEYS = (b"\x03", b"\x1c")  # Ctrl-C and Ctrl-\
# poll takes any descriptor where select stops at 1023, but only select works on every terminal of macOS.
_Selector = selectors.PollSelector if sys.platform == "linux" else selectors.SelectSelector


class Left(StrEnum):
    """Why the relay stopped."""

    EXITED = "exited"
    ESCAPED = "escaped"
    HUNG_UP = "hung up"
    GAVE_UP = "gave up"
    NO_ANSWER = "no answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayResult:
    """How it went: why it stopped, the exit status (negative: signal), and the last bytes it printed as text.

    `has_answered` is what `relay` was told to ask of all that was printed.
    """

    left: Left
    status: int
    tail: str
    has_answered: bool


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

    def turn(self, timeout_seconds: float) -> Left | None:
        """Move what is there in both directions; return why to stop, if there is a reason."""
        wanted = {self.master: selectors.EVENT_READ | (selectors.EVENT_WRITE if self.pending else 0)}
        if len(self.pending) < MAX_PENDING_BYTES:
            wanted[self.user_in] = selectors.EVENT_READ
        ready = _wait_for(wanted, timeout_seconds)
        if self.user_in in ready and (left := self._from_user()):
            return left
        if ready.get(self.master, 0) & selectors.EVENT_WRITE:
            self._to_program()
        return self.from_program() if ready.get(self.master, 0) & selectors.EVENT_READ else None

    def _from_user(self) -> Left | None:
        try:
            typed = os.read(self.user_in, CHUNK_BYTES)
        except BlockingIOError:  # somebody made the terminal non-blocking
            return None
        except OSError:
            typed = b""
        if not typed:  # a terminal in raw mode has an end only when it is gone
            return Left.HUNG_UP
        if not self.answered and any(key in typed for key in GIVE_UP_KEYS):
            return Left.GAVE_UP
        passed, asked_to_leave = self.escape.feed(typed)
        self.pending += passed
        return Left.ESCAPED if asked_to_leave else None

    def _to_program(self) -> None:
        try:
            self.pending = self.pending[os.write(self.master, self.pending) :]
        except BlockingIOError:
            return
        except OSError:  # it has just ended; reading it tells
            self.pending = b""

    def from_program(self) -> Left | None:
        """Show what the program printed; return why to stop at its end, or where nobody can see it any more."""
        try:
            printed = os.read(self.master, CHUNK_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno == errno.EIO:  # Linux's way to say that the other side is closed
                return Left.EXITED
            raise
        if not printed:
            return Left.EXITED
        self.tail = (self.tail + printed)[-TAIL_BYTES:]
        if not self.answered:  # a program that has filled the tail has said something, whatever was cut off there
            self.answered = len(self.tail) == TAIL_BYTES or self.has_answered(self.tail.decode(errors="replace"))
        return None if _write_all(self.user_out, printed) else Left.HUNG_UP


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except termios.error as error:  # none, unlike all others
        raise OSError(*error.args) from error


@_as_os_error()
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
                tty.setraw(user_in, termios.TCSANOW)
                pump = _Pump(master=master, user_in=user_in, user_out=user_out, has_answered=has_answered)
                left = _pump_until_left(pump, child, clock, answer_seconds)
                with undisturbed():
                    status = _end(child, by_itself=left is Left.EXITED)
            finally:
                with undisturbed():
                    _end(child, by_itself=False)
    finally:
        os.close(master)
        if slave != -1:
            os.close(slave)
    tail = pump.tail.decode(errors="replace")
    return RelayResult(left=left, status=status, tail=tail, has_answered=pump.answered)


def _pump_until_left(pump: _Pump, child: subprocess.Popen[bytes], clock: Clock, answer_seconds: float) -> Left:
    deadline = clock.now() + answer_seconds
    while True:
        if left := pump.turn(POLL_SECONDS):
            return left
        with undisturbed():
            has_ended = child.poll() is not None
        if has_ended:
            # A grandchild may still hold the terminal open: take what is there and do not wait for its end.
            while _wait_for({pump.master: selectors.EVENT_READ}, 0) and pump.from_program() is None:
                pass
            return Left.EXITED
        if not pump.answered and clock.now() > deadline:
            return Left.NO_ANSWER


def _end(child: subprocess.Popen[bytes], *, by_itself: bool) -> int:
    """Let a program end, hanging up on it unless it ends by itself, and kill it after a grace; return its status.

    A handler that raises in Popen's own waiting leaves its lock taken for ever: no signal may disturb this, nor `poll`.
    """
    if child.poll() is None and not by_itself:
        child.send_signal(signal.SIGHUP)
    try:
        return child.wait(KILL_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def _wait_for(wanted: Mapping[int, int], timeout_seconds: float) -> dict[int, int]:
    """Wait until a descriptor is ready for what is wanted of it; return those that are, and for what."""
    with _Selector() as selector:
        for descriptor, events in wanted.items():
            selector.register(descriptor, events)
        return {key.fd: events for key, events in selector.select(timeout_seconds)}


def _dress_like(user_in: int, slave: int) -> None:
    """Give the pseudo-terminal the user's settings, but never let Ctrl-S freeze it.

    Lines and echo are off from the start, as the plugin will have it in a moment: what is typed until then would be
    edited, cut at 4 KiB, and its echo taken for an answer.
    """
    settings = termios.tcgetattr(user_in)
    settings[0] &= ~(termios.IXON | termios.IXOFF)
    settings[3] &= ~(termios.ICANON | termios.ECHO | termios.ECHONL)
    settings[6][termios.VMIN], settings[6][termios.VTIME] = 1, 0
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


def _write_all(descriptor: int, data: bytes) -> bool:
    """Write to the user's terminal, as slowly as it takes it; return False where it is gone."""
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:  # somebody made the terminal non-blocking
            _wait_for({descriptor: selectors.EVENT_WRITE}, POLL_SECONDS)
        except OSError:
            return False
    return True
