"""The relay: what is typed and printed passes unchanged, and every way out leaves the terminal as it was."""

import fcntl
import gc
import os
import resource
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2menu.clock import Clock, SystemClock
from ec2menu.connectors.relay import EscapeWatch, Left, RelayResult, relay
from tests.fakes.clock import FakeClock
from tests.fakes.plugin import process_is_alive
from tests.terminal.harness import Robot
from tests.unit.connectors.pty_user import PtyUser

ECHO_SIZES = "import os; print(os.get_terminal_size().columns)"
SILENT = "import signal; print('first line', flush=True); signal.pause()"
SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGWINCH)


@pytest.fixture
def user() -> Iterator[PtyUser]:
    with PtyUser() as terminal:
        yield terminal


def run(
    terminal: PtyUser,
    program: str,
    *,
    has_answered: Callable[[str], bool] = lambda text: True,
    seconds: float = 20.0,
    clock: Clock | None = None,
    descriptor: int = -1,
) -> RelayResult:
    """Run a Python program at the user's terminal."""
    descriptor = terminal.descriptor if descriptor < 0 else descriptor
    return relay(
        [sys.executable, "-IS", "-c", program],
        environment={"PATH": os.environ["PATH"]},
        has_answered=has_answered,
        answer_seconds=seconds,
        clock=clock or SystemClock(),
        user_in=descriptor,
        user_out=descriptor,
    )


class HurryingClock(FakeClock):
    """Some seconds pass whenever somebody looks, once `when` holds."""

    def __init__(self, *, when: Callable[[], bool]) -> None:
        super().__init__()
        self._when = when

    def now(self) -> float:
        self.advance(10 if self._when() else 0)
        return super().now()


def descriptors() -> set[int]:
    return {int(path.name) for path in Path("/proc/self/fd").iterdir()}


def never(_text: str) -> bool:
    return False


# -- the way out ------------------------------------------------------------------------------------------------


def feed(chunks: list[bytes]) -> tuple[bytes, bool]:
    """Feed an EscapeWatch until it has seen the way out; return what passed."""
    watch, passed = EscapeWatch(), b""
    for chunk in chunks:
        more, left = watch.feed(chunk)
        passed += more
        if left:
            return passed, True
    return passed, False


def expected(typed: bytes) -> tuple[bytes, bool]:
    """Say what should pass, as a person would: line by line."""
    passed, rest = b"", typed
    while rest:
        if rest.startswith(b"~."):
            return passed, True
        if rest == b"~":
            return passed, False
        if rest.startswith(b"~"):
            # `~~` types one; what follows on the line is passed as it is, and so is `~` before anything else.
            second = rest[1:2]
            passed, rest = passed + (b"~" if second == b"~" else b"~" + second), rest[2:]
            if second in b"\r\n":
                continue
        ends = [at for at in (rest.find(b"\r"), rest.find(b"\n")) if at >= 0]
        end = min(ends) + 1 if ends else len(rest)
        passed, rest = passed + rest[:end], rest[end:]
    return passed, False


@given(st.lists(st.binary(max_size=8) | st.sampled_from([b"~", b".", b"\r", b"\n", b"~.", b"\r~", b"~~", b"a"])))
def test_bytes_pass_unchanged_but_for_the_tilde_at_the_start_of_a_line(chunks: list[bytes]) -> None:
    assert feed(chunks) == expected(b"".join(chunks))


@given(st.binary().map(lambda data: data.replace(b"~", b"")), st.integers(1, 7))
def test_bytes_without_a_tilde_pass_unchanged_in_any_pieces(typed: bytes, size: int) -> None:
    pieces = [typed[at : at + size] for at in range(0, len(typed), size)]
    assert feed(pieces) == (typed, False)


@pytest.mark.parametrize(
    ("typed", "passed", "left"),
    [
        (b"~.", b"", True),
        (b"ls\r~.rest", b"ls\r", True),
        (b"ls\n~.", b"ls\n", True),
        (b"a~.\r", b"a~.\r", False),
        (b"~~.\r", b"~.\r", False),
        (b"~a~.", b"~a~.", False),
        (b"~\r~.", b"~\r", True),
        (b"~", b"", False),
        ("~é서울\r".encode(), "~é서울\r".encode(), False),
    ],
)
def test_the_way_out_is_ssh_s(typed: bytes, passed: bytes, left: bool) -> None:
    assert feed([typed]) == (passed, left)
    assert feed([bytes([byte]) for byte in typed]) == (passed, left)


# -- running a program ------------------------------------------------------------------------------------------


def test_a_program_s_words_are_shown_kept_and_its_status_told(user: PtyUser) -> None:
    result = run(user, "print('one'); raise SystemExit(7)")
    assert result == RelayResult(left=Left.EXITED, status=7, tail="one\r\n", has_answered=True)
    user.wait_for(b"one\r\n")


def test_only_the_last_words_are_kept(user: PtyUser) -> None:
    result = run(user, "print('x' * 100000); print('the end')")
    assert len(result.tail) == 8192
    assert result.tail.endswith("x\r\nthe end\r\n")


def test_the_program_gets_the_terminal_as_its_own_and_default_signals(user: PtyUser) -> None:
    program = """
import os, signal, termios
flags = termios.tcgetattr(0)[3]
assert os.tcgetpgrp(0) == os.getpgrp() == os.getsid(0) == os.getpid()
assert [os.isatty(n) for n in (0, 1, 2)] == [True] * 3
assert not flags & (termios.ICANON | termios.ECHO) and flags & termios.ISIG
for name in ("SIGQUIT", "SIGTSTP", "SIGHUP", "SIGTERM"):
    assert signal.getsignal(getattr(signal, name)) is signal.SIG_DFL, name
"""
    assert run(user, program).tail == ""


@pytest.mark.parametrize("columns", [1, 80, 500])
def test_the_program_sees_the_window_s_size(user: PtyUser, columns: int) -> None:
    termios.tcsetwinsize(user.descriptor, (25, columns))
    assert run(user, ECHO_SIZES).tail == f"{columns}\r\n"


def test_what_is_typed_before_the_program_listens_arrives_whole_and_is_no_answer(user: PtyUser) -> None:
    keys = "서울 \x7f\x15\x04".encode() + b"\xff" * 3 + b"x" * 5000 + b"\r"
    user.type(keys, after=b"here")
    program = (
        "import os, time\nprint('here', flush=True)\ntime.sleep(0.3)\ndata = b''\n"
        f"while len(data) < {len(keys)}: data += os.read(0, 65536)\nprint(data.hex(), flush=True)"
    )
    heard: list[str] = []

    def hear(text: str) -> bool:
        heard.append(text)
        return len(heard) > 1

    assert run(user, program, has_answered=hear).left is Left.EXITED
    received = keys.replace(b"\r", b"\n").hex()  # Enter is a line feed to every program that has not asked otherwise
    user.wait_for(f"{received}\r\n".encode())
    assert user.seen.decode() == f"here\r\n{received}\r\n"
    assert heard[0].rstrip() == "here", "nothing of what was typed was echoed and taken for an answer"


def test_a_program_that_never_answers_is_given_up_in_time(user: PtyUser) -> None:
    clock = HurryingClock(when=lambda: b"first line" in user.seen)
    result = run(user, SILENT, has_answered=never, clock=clock, seconds=30.0)
    assert (result.left, result.status) == (Left.NO_ANSWER, -signal.SIGHUP)


def test_keys_hammered_at_a_program_that_never_answers_do_not_count_as_its_answer(user: PtyUser) -> None:
    user.type(b"hello?\r\r\r", after=b"first line")
    clock = HurryingClock(when=lambda: user.has_typed)
    result = run(user, SILENT, has_answered=lambda text: bool(text.partition("\n")[2]), clock=clock, seconds=30.0)
    assert result.left is Left.NO_ANSWER
    user.wait_for(b"first line\r\n")
    assert user.seen == b"first line\r\n"


@pytest.mark.parametrize("key", [b"\x03", b"\x1c", b"x\x03"])
def test_ctrl_c_gives_up_while_there_is_no_answer(user: PtyUser, key: bytes) -> None:
    user.type(key, after=b"first line")
    assert run(user, SILENT, has_answered=never).left is Left.GAVE_UP


def test_much_output_is_an_answer_even_where_the_first_words_were_cut_off(user: PtyUser) -> None:
    program = "print('x' * 20000, flush=True); import time; time.sleep(0.5)"
    clock = HurryingClock(when=lambda: user.seen.count(b"x") == 20000)
    assert run(user, program, has_answered=never, clock=clock, seconds=30.0).left is Left.EXITED


def test_the_way_out_ends_a_program_that_is_deaf(user: PtyUser) -> None:
    user.type(b"~.", after=b"deaf")
    program = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); print('deaf', flush=True)"
    result = run(user, f"{program}\nwhile 1: signal.pause()")
    assert (result.left, result.status) == (Left.ESCAPED, -signal.SIGKILL)


@pytest.mark.parametrize("then", ["signal.pause()", "[print('more') for _ in iter(int, 1)]"])
def test_a_closed_window_ends_the_program(then: str) -> None:
    with PtyUser(close_at=b"here") as user:
        result = run(user, f"import signal; print('here', flush=True); {then}")
    assert (result.left, result.status) == (Left.HUNG_UP, -signal.SIGHUP)


def test_keys_typed_at_a_program_that_has_just_ended_do_no_harm(user: PtyUser) -> None:
    user.type(b"x" * 100_000, after=b"bye")
    program = "import os, time; print('bye', flush=True); time.sleep(0.1); os._exit(3)"
    assert run(user, program).status == 3


def test_a_grandchild_that_keeps_the_terminal_open_is_not_waited_for(user: PtyUser) -> None:
    program = (
        "import os, signal, sys, time\n"
        "if os.fork() == 0:\n"
        "    signal.signal(signal.SIGHUP, signal.SIG_IGN); os.setsid(); time.sleep(30)\n"
        "print('bye', flush=True)"
    )
    assert run(user, program).tail == "bye\r\n"


@pytest.mark.parametrize(
    ("program", "words"), [("/nowhere", "No such file"), ("text", "Exec format"), ("", "Permission")]
)
def test_a_program_that_cannot_be_executed_says_so_in_the_plugin_s_words(
    user: PtyUser, tmp_path: Path, program: str, words: str
) -> None:
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    result = relay(
        [str(tmp_path / program)],
        environment={},
        has_answered=never,
        answer_seconds=20,
        clock=SystemClock(),
        user_in=user.descriptor,
        user_out=user.descriptor,
    )
    assert (result.left, result.status) == (Left.EXITED, 127)
    assert result.tail.startswith(f"Cannot perform start session: {tmp_path / program}: {words}")


# -- what is left behind ----------------------------------------------------------------------------------------


def test_terminal_and_signal_handlers_are_as_before(user: PtyUser) -> None:
    settings, handlers = user.settings(), [signal.getsignal(number) for number in SIGNALS]
    run(user, "import os; os.system('stty raw -echo'); os.kill(os.getpid(), 9)")
    assert user.settings() == settings
    assert [signal.getsignal(number) for number in SIGNALS] == handlers


def test_fifty_sessions_leave_no_descriptor_and_no_process(user: PtyUser) -> None:
    run(user, "pass")
    gc.collect()  # what earlier tests have left would be closed meanwhile
    before = descriptors()
    pids = set()
    for _ in range(50):
        result = run(user, "import os; print(os.getpid())")
        pids.add(int(result.tail))
    assert descriptors() <= before
    assert len(pids) == 50
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    assert not any(map(process_is_alive, pids))


SIGNALLED_WHILE_WAITING = """
import signal, subprocess, sys
from ec2menu.clock import SystemClock
from ec2menu.connectors import relay

class Lock:
    def __init__(self, real):
        self.real, self.is_told = real, False
    def acquire(self, *arguments):
        found = self.real.acquire(*arguments)
        if not self.is_told:
            self.is_told = True
            signal.raise_signal(signal.SIGTERM)
        return found
    def release(self):
        self.real.release()
    def __enter__(self):
        return self.real.__enter__()
    def __exit__(self, *error):
        return self.real.__exit__(*error)

class Popen(subprocess.Popen):
    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self._waitpid_lock = Lock(self._waitpid_lock)

def end(number, frame):
    raise SystemExit(128 + number)

relay.subprocess.Popen = Popen
signal.signal(signal.SIGTERM, end)
program = [sys.executable, "-c", "input()"]
relay.relay(program, environment={}, has_answered=bool, answer_seconds=60, clock=SystemClock())
"""


def test_a_signal_while_the_program_s_end_is_asked_for_does_not_leave_us_waiting_for_ever() -> None:
    with Robot([sys.executable, "-c", SIGNALLED_WHILE_WAITING]) as robot:
        assert robot.wait_exit() == 143


def test_descriptors_beyond_what_select_can_take_work(user: PtyUser) -> None:
    high = fcntl.fcntl(user.descriptor, fcntl.F_DUPFD, 1100)
    try:
        assert run(user, "print('high')", descriptor=high).tail == "high\r\n"
    finally:
        os.close(high)


@pytest.mark.parametrize("spare", [0, 1, 2])
def test_without_free_descriptors_it_fails_with_an_os_error_and_leaves_all_as_before(user: PtyUser, spare: int) -> None:
    settings, handlers = user.settings(), [signal.getsignal(number) for number in SIGNALS]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    gc.collect()  # what earlier tests left must not be closed meanwhile
    highest = max(descriptors())
    before = descriptors()
    fill = [os.open(os.devnull, os.O_RDONLY) for _ in range(highest + 1 - len(before))]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + spare, limits[1]))
        with pytest.raises(OSError, match="Too many open files"):
            run(user, "pass")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for descriptor in fill:
            os.close(descriptor)
    assert user.settings() == settings
    assert [signal.getsignal(number) for number in SIGNALS] == handlers
    assert descriptors() <= before  # what earlier tests left may have been closed meanwhile


def test_what_is_no_terminal_is_refused_with_an_os_error() -> None:
    with PtyUser() as user, open(os.devnull, "rb") as nothing, pytest.raises(OSError, match="Inappropriate ioctl"):  # noqa: PTH123 - a descriptor is wanted
        run(user, "pass", descriptor=nothing.fileno())
