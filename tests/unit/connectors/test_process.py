"""Other programs: run, given the terminal, kept in the background, stopped; and what is put back afterwards."""

import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ec2menu.connectors.process import (
    BackgroundProcess,
    Completed,
    discard_typed,
    run_in_foreground,
    run_quietly,
    signals_ignored,
    start_detached,
    terminal_kept,
    undisturbed,
)
from ec2menu.fanout import Task
from tests.fakes.plugin import process_is_alive

KEYBOARD = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
DEAF = """
import os, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = os.fork()
if child:
    print(os.getpid(), child, flush=True)
while True:
    signal.pause()
"""
TUNNEL_STARTER = """
import os, sys, time
from ec2menu.connectors.process import BackgroundProcess
process = BackgroundProcess(
    [sys.executable, "-c", sys.argv[1]], environment=dict(os.environ), guarded=sys.argv[2] == "guarded"
)
while "ready" not in process.output():
    time.sleep(0.01)
print(process.output().split()[0], flush=True)
time.sleep(60)
"""


def python(program: str) -> list[str]:
    return [sys.executable, "-IS", "-c", program]


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(params=[signal.SIG_DFL, signal.SIG_IGN, lambda number, frame: None], ids=["default", "ignored", "own"])
def handler(request: pytest.FixtureRequest) -> Iterator[object]:
    """One disposition for all of the keyboard's signals."""
    before = [signal.signal(number, request.param) for number in KEYBOARD]
    yield request.param
    for number, previous in zip(KEYBOARD, before, strict=True):
        signal.signal(number, previous)


def _fail_after(action: Callable[[], object]) -> None:
    action()
    raise ZeroDivisionError


def dispositions() -> list[object]:
    return [signal.getsignal(number) for number in KEYBOARD]


# -- signals ----------------------------------------------------------------------------------------------------


def test_the_keyboard_s_signals_are_ignored_and_then_what_they_were(handler: object) -> None:
    with signals_ignored():
        assert dispositions() == [signal.SIG_IGN] * 3
        os.kill(os.getpid(), signal.SIGINT)
    assert dispositions() == [handler] * 3


def test_they_are_what_they_were_after_an_error_too(handler: object) -> None:
    with pytest.raises(ZeroDivisionError), signals_ignored():
        raise ZeroDivisionError
    assert dispositions() == [handler] * 3


def test_only_the_named_signals_are_ignored() -> None:
    quit_before = signal.getsignal(signal.SIGQUIT)
    with signals_ignored("SIGINT"):
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGQUIT) is quit_before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_us_waits_for_the_cleanup(number: signal.Signals) -> None:
    came: list[int] = []
    before = signal.signal(number, lambda number, _frame: came.append(number))
    try:
        with undisturbed():
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), signal.SIGINT)
            assert came == []
        assert came == [number]
    finally:
        signal.signal(number, before)


def test_a_cleanup_in_another_thread_is_undisturbed_anyway() -> None:
    def clean_up() -> object:
        with undisturbed():
            return signal.getsignal(signal.SIGINT)

    assert Task(clean_up).result() is signal.getsignal(signal.SIGINT)


def test_a_signal_during_the_cleanup_of_an_error_is_not_lost() -> None:
    def leave(_number: int, _frame: object) -> None:
        raise SystemExit(143)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        with pytest.raises(SystemExit), undisturbed():
            _fail_after(lambda: os.kill(os.getpid(), signal.SIGTERM))
    finally:
        signal.signal(signal.SIGTERM, before)


# -- the terminal -----------------------------------------------------------------------------------------------


def test_terminal_settings_are_put_back_on_every_path() -> None:
    glass, descriptor = os.openpty()
    before = termios.tcgetattr(descriptor)
    with pytest.raises(ZeroDivisionError), terminal_kept(descriptor):
        _fail_after(lambda: subprocess.run(["stty", "raw", "-echo"], stdin=descriptor, check=True))
    assert termios.tcgetattr(descriptor) == before
    os.close(glass)
    os.close(descriptor)


def test_a_terminal_that_is_gone_and_what_is_none_do_no_harm(tmp_path: Path) -> None:
    glass, descriptor = os.openpty()
    with terminal_kept(descriptor):
        os.close(glass)
    discard_typed(descriptor)
    os.close(descriptor)
    with (tmp_path / "file").open("w") as file, terminal_kept(file.fileno()):
        discard_typed(file.fileno())


def test_what_was_typed_can_be_forgotten() -> None:
    glass, descriptor = os.openpty()
    os.write(glass, b"old\n")
    discard_typed(descriptor)
    os.write(glass, b"new\n")
    assert os.read(descriptor, 100) == b"new\n"
    os.close(glass)
    os.close(descriptor)


# -- quietly ----------------------------------------------------------------------------------------------------


def test_a_quiet_run_collects_both_streams_and_the_status() -> None:
    program = "import sys; print('out', flush=True); print('err', file=sys.stderr, flush=True); sys.exit(3)"
    assert run_quietly(python(program), timeout_seconds=20) == Completed(status=3, output="out\nerr\n")


def test_a_quiet_run_has_no_input_and_not_our_terminal() -> None:
    program = "import os, sys; print(repr(sys.stdin.read()), os.getsid(0) == os.getpid())"
    assert run_quietly(python(program), timeout_seconds=20).output == "'' True\n"


def test_a_quiet_run_that_hangs_is_killed() -> None:
    done = run_quietly(python("import signal; signal.pause()"), timeout_seconds=0.2)
    assert done == Completed(status=-9, output="no answer within 0 s")


def test_output_that_is_no_text_does_not_stop_a_quiet_run() -> None:
    program = "import sys; sys.stdout.buffer.write(b'\\xff1.2')"
    assert run_quietly(python(program), timeout_seconds=20).output == "\N{REPLACEMENT CHARACTER}1.2"


def test_a_program_that_is_missing_has_status_127() -> None:
    done = run_quietly(["/nowhere/at-all"], timeout_seconds=5)
    assert (done.status, "No such file" in done.output) == (127, True)
    assert start_detached(["/nowhere/at-all"]) == 127


def test_a_detached_program_runs_on_in_a_session_of_its_own(tmp_path: Path) -> None:
    told = tmp_path / "told"
    program = f"import os, pathlib; pathlib.Path({str(told)!r}).write_text(str(os.getsid(0) == os.getpid()))"
    assert start_detached(python(program)) == 0
    wait_until(lambda: told.exists() and bool(told.read_text()))
    assert told.read_text() == "True"


# -- in the foreground ------------------------------------------------------------------------------------------


def test_a_foreground_program_s_status_comes_back(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_in_foreground(python("raise SystemExit(5)")) == 5
    assert run_in_foreground(python("import os; os.kill(os.getpid(), 9)")) == -9
    assert run_in_foreground(["/nowhere/at-all"]) == 127
    assert "/nowhere/at-all: No such file" in capfd.readouterr().out


def test_ctrl_c_reaches_the_foreground_program_and_not_us(handler: object) -> None:
    program = "import os, signal; os.kill(os.getppid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGINT)"
    assert run_in_foreground(["/bin/sh", "-c", f"exec {sys.executable} -IS -c '{program}'"]) == -signal.SIGINT
    assert dispositions() == [handler] * 3


def test_ctrl_z_stops_us_together_with_the_foreground_program() -> None:
    script = (
        "from ec2menu.connectors.process import run_in_foreground\n"
        "raise SystemExit(run_in_foreground(['/bin/sh', '-c', 'echo here; kill -TSTP 0; exit 6']))"
    )
    ours = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, process_group=0)
    assert ours.stdout is not None
    assert ours.stdout.read(4) == b"here"
    pid, status = os.waitpid(ours.pid, os.WUNTRACED)
    assert (pid, os.WIFSTOPPED(status)) == (ours.pid, True)
    os.killpg(ours.pid, signal.SIGCONT)
    assert ours.wait(10) == 6
    ours.stdout.close()


# -- in the background ------------------------------------------------------------------------------------------


def test_a_background_process_is_heard_and_its_last_words_are_there_with_its_status() -> None:
    for _ in range(20):
        process = BackgroundProcess(python("import os; print('bye'); os._exit"), environment=ENVIRONMENT)
        wait_until(lambda running=process: running.poll() is not None)  # type: ignore[misc]  # a default pins it
        assert process.output() == "bye\n"


def test_a_background_process_is_asked_to_stop_by_sigint_and_then_reaped() -> None:
    program = "import signal, sys; signal.signal(signal.SIGINT, lambda *_: sys.exit(9))"
    process = BackgroundProcess(python(f"{program}; print('up', flush=True); signal.pause()"), environment=ENVIRONMENT)
    wait_until(lambda: "up" in process.output())
    assert process.poll() is None
    assert process.stop(grace_seconds=10) == 9
    assert process.stop(grace_seconds=10) == 9
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_deaf_background_process_is_killed_with_its_children() -> None:
    process = BackgroundProcess(python(DEAF), environment=ENVIRONMENT)
    wait_until(lambda: process.output().endswith("\n"))
    pids = [int(word) for word in process.output().split()]
    assert process.stop(grace_seconds=0.1) == -signal.SIGKILL
    wait_until(lambda: not any(map(process_is_alive, pids)))


def test_a_background_process_keeps_only_the_end_of_much_output() -> None:
    process = BackgroundProcess(python("print('x' * 200000 + 'end')"), environment=ENVIRONMENT)
    wait_until(lambda: process.poll() is not None)
    assert len(process.output()) == 65536
    assert process.output().endswith("xend\n")
    assert process.heard == 200004
    assert process.output(since=200000) == "end\n"
    assert process.output(since=0) == process.output()
    assert process.output(since=process.heard) == ""


def test_a_background_process_that_cannot_be_executed_says_so() -> None:
    process = BackgroundProcess(["/nowhere/at-all"], environment=ENVIRONMENT)
    wait_until(lambda: process.poll() is not None)
    assert process.output() == "Cannot perform start session: /nowhere/at-all: No such file or directory\n"


@pytest.mark.parametrize("way", ["kernel", "guarded"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_tunnel_is_interrupted_when_the_process_that_started_it_is_killed(
    tmp_path: Path, way: str, number: signal.Signals
) -> None:
    if way == "kernel" and sys.platform != "linux":
        pytest.skip("only Linux can tie a process to its parent")
    told = tmp_path / "told"
    tunnel = (
        "import os, pathlib, signal, sys\n"
        f"def end(*_): pathlib.Path({str(told)!r}).write_text('interrupted'); sys.exit()\n"
        "signal.signal(signal.SIGINT, end)\nprint(os.getpid(), 'ready', flush=True)\nsignal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", TUNNEL_STARTER, tunnel, way], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert process_is_alive(pid)
        starter.send_signal(number)
    wait_until(lambda: told.exists() and not process_is_alive(pid))
    assert told.read_text() == "interrupted"


# -- guarded by a parent of its own, as outside Linux -----------------------------------------------------------


def guarded(program: str) -> BackgroundProcess:
    return BackgroundProcess(python(program), environment=ENVIRONMENT, guarded=True)


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("raise SystemExit(5)", 5),
        ("pass", 0),
        ("import os; os.kill(os.getpid(), 9)", -9),
        ("import os; os.kill(os.getpid(), 15)", -15),
    ],
)
def test_a_guard_ends_as_its_program_does(program: str, status: int) -> None:
    process = guarded(program)
    wait_until(lambda: process.poll() is not None)
    assert (process.poll(), process.output()) == (status, "")


def test_a_guarded_program_has_no_input_and_the_usual_signals() -> None:
    process = guarded(
        "import signal, sys; print(repr(sys.stdin.read()), signal.getsignal(signal.SIGINT) is "
        "signal.default_int_handler, signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)"
    )
    wait_until(lambda: process.poll() is not None)
    assert process.output() == "'' True True\n"


def test_a_guard_passes_the_interrupt_on() -> None:
    program = "import signal, sys; signal.signal(signal.SIGINT, lambda *_: sys.exit(9))"
    process = guarded(f"{program}; print('up', flush=True); signal.pause()")
    wait_until(lambda: "up" in process.output())
    assert process.stop(grace_seconds=10) == 9


def test_a_deaf_program_is_killed_with_its_guard_and_its_children() -> None:
    process = guarded(DEAF)
    wait_until(lambda: process.output().endswith("\n"))
    pids = [int(word) for word in process.output().split()]
    assert process.stop(grace_seconds=0.1) == -signal.SIGKILL
    wait_until(lambda: not any(map(process_is_alive, pids)))


def test_a_deaf_program_is_killed_by_its_guard_when_we_are_gone() -> None:
    program = (
        "import os, signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "print(os.getpid(), 'ready', flush=True)\nsignal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", TUNNEL_STARTER, program, "guarded"], stdout=subprocess.PIPE) as ours:
        assert ours.stdout is not None
        pid = int(ours.stdout.readline())
        ours.kill()
    assert process_is_alive(pid)
    wait_until(lambda: not process_is_alive(pid))


def test_a_guarded_program_that_cannot_be_executed_says_so() -> None:
    process = BackgroundProcess(["/nowhere/at-all"], environment=ENVIRONMENT, guarded=True)
    wait_until(lambda: process.poll() is not None)
    assert process.output() == "Cannot perform start session: /nowhere/at-all: No such file or directory\n"
    assert process.poll() == 127
