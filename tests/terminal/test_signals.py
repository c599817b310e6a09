"""Signals at the worst moment: just before a prompt's read, several at once. None is lost, the first way out counts."""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

import pytest

from tests.terminal.harness import Robot
from tests.terminal.stage import REGION, Stage

FIRST = f"region [{REGION}]:"
KINDS = "list (0 back, q quit):"
# Holds readline between its prompt and its read until a signal has come; the read then knows nothing of that signal.
LATE_READER = """
import ctypes, readline
from ec2menu.__main__ import run
library = ctypes.CDLL(getattr(readline, "__file__", None))
hook = ctypes.c_void_p.in_dll(library, "rl_pre_input_hook")
hook.value = ctypes.cast(ctypes.CDLL(None).pause, ctypes.c_void_p).value
run()
"""


def signal_main_thread(pid: int, number: int) -> None:
    """Send a signal to the thread that is the process's first: of those for all, each could be taken by another."""
    if ctypes.CDLL(None).tgkill(pid, pid, number) != 0:
        os.kill(pid, number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_between_a_prompt_and_its_read_is_not_lost(stage: Stage, number: signal.Signals) -> None:
    argv = [sys.executable, "-c", LATE_READER]
    with Robot(argv, environment=stage.environment(), cwd=stage.folder, columns=80) as robot:
        robot.wait_until(lambda: FIRST in robot.transcript or "Traceback" in robot.transcript)
        if "Traceback" in robot.transcript:
            pytest.skip(f"this Python's readline cannot be held: {robot.lines()}")
        robot.kill(number)
        assert robot.wait_exit() == 128 + number


@pytest.mark.parametrize(
    ("numbers", "first"),
    [
        ((signal.SIGHUP, signal.SIGTERM), signal.SIGHUP),
        ((signal.SIGHUP, signal.SIGINT), signal.SIGHUP),
        ((signal.SIGTERM, signal.SIGINT), signal.SIGTERM),
    ],
)
@pytest.mark.parametrize(("arguments", "prompt"), [((), FIRST), (("-r", REGION), KINDS)], ids=["first", "second"])
def test_several_signals_at_once_end_it_as_the_one_that_ends_it(
    stage: Stage, arguments: Sequence[str], prompt: str, numbers: Sequence[signal.Signals], first: signal.Signals
) -> None:
    with stage.ec2menu(*arguments) as robot:
        robot.wait_for(prompt)
        os.kill(robot.pid, signal.SIGSTOP)
        for number in numbers:
            signal_main_thread(robot.pid, number)
        os.kill(robot.pid, signal.SIGCONT)
        assert robot.wait_exit() == 128 + first
        assert "bug" not in robot.transcript
