"""Programs in the background: heard, stopped, and never left behind, also not by a guard of their own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ec2menu.connectors.process import BackgroundProcess
from tests.fakes.plugin import process_is_alive
from tests.unit.connectors.test_process import ENVIRONMENT, python, wait_until

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
