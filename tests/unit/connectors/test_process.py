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

KEYBOARD = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


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
    with (tmp_path / "file").open("w+") as file:
        file.write("kept")
        file.flush()
        with terminal_kept(file.fileno()):
            discard_typed(file.fileno())
        assert file.seek(0) == 0
        assert file.read() == "kept"


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
