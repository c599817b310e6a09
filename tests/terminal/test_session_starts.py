"""Leaving while AWS is starting a session: it is waited for and closed, however one leaves and whatever was started."""

import signal
from collections.abc import Callable

import pytest

from ec2menu.demo import ecs_tables
from tests.terminal.harness import Robot
from tests.terminal.stage import LIST_PROMPT, REGION, Stage, wait_until

CLOSING = "closing, as soon as AWS has started the session"
SLOW_SECONDS = 60


def shell(stage: Stage) -> Robot:
    return stage.connect(stage.add_instance())


def remote_desktop(stage: Stage) -> Robot:
    return stage.ec2menu("connect", stage.add_instance(platform="Windows"), "--rdp")


def container(stage: Stage) -> Robot:
    ecs_tables.add_cluster(REGION, "shop")
    ecs_tables.add_service(REGION, "shop", "web", tasks=1)
    (task,) = ecs_tables.tables.at(REGION).tasks["shop"].values()
    return stage.ec2menu("connect", f"shop/{task['taskArn'].rpartition('/')[2]}/app")


def begin(stage: Stage, start: Callable[[Stage], Robot]) -> Robot:
    """Connect and wait until AWS has been asked for the session, which it does not answer yet."""
    operation = "ExecuteCommand" if start is container else "StartSession"
    stage.demo.faults.delay(operation, SLOW_SECONDS)
    robot = start(stage)
    robot.wait_for("starting the session")
    wait_until(lambda: stage.count(operation) == 1, what="call")
    return robot


@pytest.mark.parametrize("start", [shell, remote_desktop, container])
def test_ctrl_c_while_aws_starts_a_session_waits_for_it_and_closes_it(
    stage: Stage, start: Callable[[Stage], Robot]
) -> None:
    with begin(stage, start) as robot:
        robot.control("c")
        robot.wait_for(CLOSING)
        stage.demo.faults.clear()
        assert robot.wait_exit() == 130
    assert [session.status for session in stage.sessions()] == ["Terminated"]
    assert stage.runs() == ()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_so_does_a_signal_that_ends_us(stage: Stage, number: signal.Signals) -> None:
    with begin(stage, shell) as robot:
        robot.kill(number)
        robot.kill(number)
        stage.demo.faults.clear()
        assert robot.wait_exit() == 128 + number
    assert [session.status for session in stage.sessions()] == ["Terminated"]


def test_so_does_a_signal_after_ctrl_c(stage: Stage) -> None:
    with begin(stage, shell) as robot:
        robot.control("c")
        robot.wait_for(CLOSING)
        robot.kill(signal.SIGTERM)
        stage.demo.faults.clear()
        assert robot.wait_exit() == 128 + signal.SIGTERM
    assert [session.status for session in stage.sessions()] == ["Terminated"]


def test_a_second_ctrl_c_does_not_wait(stage: Stage) -> None:
    with begin(stage, shell) as robot:
        robot.control("c")
        robot.wait_for(CLOSING)
        robot.control("c")
        assert robot.wait_exit() == 130
    assert stage.count("TerminateSession") == 0


def test_in_the_menu_the_list_is_there_again(stage: Stage) -> None:
    stage.add_instance()
    stage.demo.faults.delay("StartSession", SLOW_SECONDS)
    with stage.open_list() as robot:
        robot.line("1")
        robot.wait_for("starting the session")
        robot.control("c")
        robot.wait_for(CLOSING)
        stage.demo.faults.clear()
        robot.wait_for("not connected")
        robot.wait_for(LIST_PROMPT, new=True)
    assert [session.status for session in stage.sessions()] == ["Terminated"]
