"""Other programs: the one home of subprocess and of signal handling around it.

Ways to run one: quietly to the end, detached for good, in the foreground with the terminal to itself, or in the
background while we listen. Session shells, which have the terminal and are listened to, are in `relay`.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from ec2menu.fanout import Task

Handler = Callable[[int, FrameType | None], object] | signal.Handlers

OUTPUT_BYTES = 65536
LAST_WORDS_SECONDS = 1.0
FOREGROUND_SIGNALS = ("SIGINT", "SIGQUIT", "SIGTSTP")
ENDING_SIGNALS = ("SIGTERM", "SIGHUP")


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A program that ran to its end; `status` is negative for a signal, 127 if it could not be started."""

    status: int
    output: str


def run_quietly(
    argv: Sequence[str], *, timeout_seconds: float, environment: Mapping[str, str] | None = None
) -> Completed:
    """Run a program without a terminal; one that hangs is killed and counts as status -9."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_seconds,
            env=environment,
            check=False,
            start_new_session=True,
        )
    except OSError as error:
        return Completed(status=127, output=str(error))
    except subprocess.TimeoutExpired:
        return Completed(status=-9, output=f"no answer within {timeout_seconds:.0f} s")
    return Completed(status=done.returncode, output=done.stdout.decode(errors="replace"))


def start_detached(argv: Sequence[str]) -> int:
    """Start a desktop program that outlives us; return 0, or 127 where it cannot be started."""
    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return 127
    Task(child.wait)  # so that it does not stay as a zombie for as long as we live
    return 0


def run_in_foreground(
    argv: Sequence[str], *, environment: Mapping[str, str] | None = None, descriptors: Sequence[int] = ()
) -> int:
    """Give the terminal to a program until it ends; return its status (127: could not be started).

    The program has our `descriptors`, too, under the same numbers. Interrupt and quit are the program's. Ctrl-Z stops
    us with it: were it ignored here, nobody could wake the program. Terminal settings and our own handlers are put back
    on every path.
    """
    with terminal_kept(), signals_ignored("SIGINT", "SIGQUIT"):
        try:
            words = [*launcher("plain"), *argv] if os.name == "posix" else argv
            child = subprocess.Popen(words, env=environment, pass_fds=descriptors)
        except OSError:
            return 127
        try:
            return child.wait()
        finally:
            with undisturbed():
                if child.poll() is None:
                    child.kill()
                    child.wait()


class BackgroundProcess:
    """A program without the terminal, in a session of its own, whose words are collected; stopped by SIGINT.

    It is interrupted when we are gone, however that came: on Linux by the kernel, which ties it to the *thread* that
    started it, elsewhere by a small parent (`guarded`; see `launch`). Raises OSError.
    """

    def __init__(
        self, argv: Sequence[str], *, environment: Mapping[str, str], guarded: bool = sys.platform != "linux"
    ) -> None:
        self._output = bytearray()
        self._heard = 0
        self._lock = threading.Lock()
        guarded = guarded and os.name == "posix"
        self._child = subprocess.Popen(
            [*launcher("guard" if guarded else "tunnel"), *argv] if os.name == "posix" else argv,
            stdin=subprocess.PIPE if guarded else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self._reader: Task[None] = Task(self._collect)

    def output(self, *, since: int = 0) -> str:
        """Return what it has printed (the last part of much), or only what came after `heard` was `since`."""
        with self._lock:
            skipped = max(0, since - (self._heard - len(self._output)))
            return self._output[skipped:].decode(errors="replace")

    @property
    def heard(self) -> int:
        """How many bytes it has printed so far."""
        with self._lock:
            return self._heard

    def poll(self) -> int | None:
        """Return its status (negative: signal), or None while it runs; after its end `output` is complete."""
        with undisturbed():  # a handler that raises within it would leave Popen's lock taken for ever
            status = self._child.poll()
        if status is not None:
            self._reader.wait(LAST_WORDS_SECONDS)  # a grandchild that holds the pipe is not waited for
        return status

    def interrupt(self) -> None:
        """Ask it to end (SIGINT), without waiting."""
        self._child.send_signal(signal.SIGINT if os.name == "posix" else signal.CTRL_BREAK_EVENT)  # type: ignore[attr-defined]  # Windows

    def kill(self) -> None:
        """End its whole group at once."""
        if self._child.poll() is not None:
            return
        if os.name == "posix":
            with contextlib.suppress(OSError):  # it has just ended: macOS refuses signals to a group of the dead
                os.killpg(self._child.pid, signal.SIGKILL)
        else:
            self._child.kill()

    def stop(self, *, grace_seconds: float) -> int:
        """Ask it to end (SIGINT), kill its whole group after the grace; return its status."""
        if self._child.poll() is None:
            self.interrupt()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(grace_seconds)
        self.kill()
        status = self._child.wait()
        self._reader.wait(LAST_WORDS_SECONDS)
        return status

    def _collect(self) -> None:
        stream = self._child.stdout
        while stream is not None and (chunk := os.read(stream.fileno(), 65536)):
            with self._lock:
                self._heard += len(chunk)
                self._output += chunk
                del self._output[:-OUTPUT_BYTES]
        for end in (stream, self._child.stdin):
            if end is not None:
                end.close()


def launcher(mode: str) -> list[str]:
    """Return the argv prefix that prepares the new process and then becomes the program (see `launch`)."""
    script = Path(__file__).with_name("launch.py")
    return [sys.executable, "-I", "-S", str(script), mode, str(os.getpid())]


@contextlib.contextmanager
def signals_ignored(*names: str) -> Iterator[None]:
    """Ignore signals (the keyboard's) while another program has the terminal; put back what was there before."""
    with _signals_handled(names or FOREGROUND_SIGNALS, signal.SIG_IGN):
        yield


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let no signal break off a cleanup of bounded length: the keyboard's are ignored, those that end us come after it.

    A closed terminal often sends SIGHUP twice, and people press Ctrl-C twice.
    """
    held: list[int] = []
    try:
        with signals_ignored(), _signals_handled(ENDING_SIGNALS, lambda number, _frame: held.append(number)):
            yield
    finally:
        for number in held[:1]:
            signal.raise_signal(number)


@contextlib.contextmanager
def _signals_handled(names: Sequence[str], handler: Handler) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are handled in the main thread only, so nothing can disturb this one
        return
    previous = {}
    for name in names:
        number = getattr(signal, name, None)  # Windows lacks most of them
        if number is not None:
            previous[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before if before is not None else signal.SIG_DFL)


@contextlib.contextmanager
def terminal_kept(descriptor: int = 0) -> Iterator[None]:
    """Put the terminal's settings back afterwards, on every path."""
    if sys.platform == "win32" or not os.isatty(descriptor):
        yield
        return
    import termios  # noqa: PLC0415 - does not exist on Windows

    before = termios.tcgetattr(descriptor)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSANOW, before)  # waiting for a stuck screen could take for ever


def discard_typed(descriptor: int = 0) -> None:
    """Forget what was typed and not yet read."""
    if sys.platform == "win32":
        return
    import termios  # noqa: PLC0415 - does not exist on Windows

    with contextlib.suppress(termios.error):
        termios.tcflush(descriptor, termios.TCIFLUSH)
