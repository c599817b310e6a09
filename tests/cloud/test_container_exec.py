"""ExecuteCommand over HTTP: asked for once, again only while nothing is connected, and no session is left behind."""

from typing import Any

import pytest

from ec2menu.aws.session import Aws
from ec2menu.connectors.connector import Connector
from ec2menu.connectors.containers import exec_in_container
from ec2menu.connectors.plugin import Plugin
from ec2menu.demo import ecs_tables
from ec2menu.demo.ecs_tables import TaskSpec
from ec2menu.demo.server import DemoAws
from ec2menu.errors import AccessDenied, AwsError, IncompleteAnswer, SessionFailed, TargetNotConnected
from ec2menu.models import Container
from ec2menu.resources.ecs import fetch_containers
from tests.cloud.identities import aws_as
from tests.fakes.clock import START, FakeClock

HOME = "us-east-1"


@pytest.fixture
def aws(aws_demo: DemoAws, shared: list[Aws]) -> Aws:
    """One identity for the module, made in the first test's environment: clients cost more than most tests."""
    if not shared:
        shared.append(aws_as())
    return shared[0]


def connector(aws: Aws, clock: FakeClock, command: str = "/nowhere/plugin") -> Connector:
    plugin = Plugin(command=(command,), version=(1, 2, 814, 0))
    return Connector(aws=aws, plugin=plugin, environ={}, clock=clock, answer_seconds=5)


def one_container(aws: Aws, **spec: Any) -> Container:
    ecs_tables.add_cluster(HOME, "payments_prod")
    ecs_tables.add_service(HOME, "payments_prod", "web", spec=TaskSpec(**spec), tasks=1)
    return fetch_containers(aws, HOME, now=START).items[0]


def cut_off(container: Container) -> None:
    task = ecs_tables.tables.at(HOME).tasks[container.cluster][container.task_id]
    ecs_tables.cut_off(HOME, task["containers"][0]["containerArn"])


def test_a_container_that_is_not_connected_is_asked_for_15_seconds_and_then_told(aws_demo: DemoAws, aws: Aws) -> None:
    container, clock = one_container(aws), FakeClock()
    cut_off(container)
    left: list[float] = []

    def wait(seconds_left: float) -> None:
        left.append(seconds_left)
        clock.sleep(1.0)

    with pytest.raises(TargetNotConnected, match="it was tried for 15 s") as caught:
        exec_in_container(connector(aws, clock), container, shells=("/bin/bash", "/bin/sh"), wait=wait)
    assert "ssmmessages" in caught.value.hint
    assert left == [float(seconds) for seconds in range(15, 0, -1)]
    calls = aws_demo.calls_of("ExecuteCommand")
    assert len(calls) == 6
    assert {call.parameters["command"] for call in calls} == {"/bin/bash"}


def test_without_a_countdown_the_clock_is_slept_on(aws_demo: DemoAws, aws: Aws) -> None:
    container, clock = one_container(aws), FakeClock()
    cut_off(container)
    with pytest.raises(TargetNotConnected):
        exec_in_container(connector(aws, clock), container, shells=("/bin/sh",))
    assert clock.slept == [1.0] * 15


def test_ctrl_c_while_waiting_ends_the_waiting(aws_demo: DemoAws, aws: Aws) -> None:
    container = one_container(aws)
    cut_off(container)

    def wait(_seconds_left: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exec_in_container(connector(aws, FakeClock()), container, shells=("/bin/sh",), wait=wait)
    assert len(aws_demo.calls_of("ExecuteCommand")) == 1
    assert aws_demo.sessions(HOME) == []


@pytest.mark.parametrize("fault", ["throttle", "fail", "lose_reply", "truncate_reply"])
def test_executecommand_is_sent_once_whatever_becomes_of_it(aws_demo: DemoAws, aws: Aws, fault: str) -> None:
    container = one_container(aws)
    getattr(aws_demo.faults, fault)("ExecuteCommand")
    with pytest.raises(AwsError):
        exec_in_container(connector(aws, FakeClock()), container, shells=("/bin/bash", "/bin/sh"))
    assert len(aws_demo.calls_of("ExecuteCommand")) == 1


def test_an_answer_that_was_cut_short_is_told_as_such(aws_demo: DemoAws, aws: Aws) -> None:
    container = one_container(aws)
    aws_demo.faults.truncate_reply("ExecuteCommand")
    with pytest.raises(IncompleteAnswer, match="ecs:ExecuteCommand was cut short"):
        exec_in_container(connector(aws, FakeClock()), container, shells=("/bin/sh",))


def test_a_session_whose_token_was_lost_is_closed(aws_demo: DemoAws, aws: Aws) -> None:
    answer = {"SessionId": "ecs-execute-command-0123456789abcdef0", "TokenValue": None, "StreamUrl": "wss://x"}
    with pytest.raises(IncompleteAnswer):
        connector(aws, FakeClock()).require_session(answer, HOME, action="ecs:ExecuteCommand")
    (call,) = aws_demo.calls_of("TerminateSession")
    assert call.parameters == {"SessionId": "ecs-execute-command-0123456789abcdef0"}


def test_a_denial_names_the_action(aws_demo: DemoAws, aws: Aws) -> None:
    container = one_container(aws)
    aws_demo.faults.deny("ExecuteCommand")
    with pytest.raises(AccessDenied) as caught:
        exec_in_container(connector(aws, FakeClock()), container, shells=("/bin/sh",))
    assert caught.value.action == "ecs:ExecuteCommand"


def test_what_ecs_says_of_a_container_that_is_no_longer_ready_is_told(aws_demo: DemoAws, aws: Aws) -> None:
    container = one_container(aws, exec_enabled=False)
    with pytest.raises(AwsError, match="execute command was not enabled"):
        exec_in_container(connector(aws, FakeClock()), container, shells=("/bin/sh",))


def test_a_plugin_that_cannot_be_started_leaves_no_session_behind(aws_demo: DemoAws, aws: Aws) -> None:
    container = one_container(aws)
    with pytest.raises(SessionFailed):  # for want of a terminal
        exec_in_container(connector(aws, FakeClock()), container, shells=("/bin/sh",))
    (session,) = aws_demo.sessions(HOME)
    assert session.target == container.ssm_target == f"ecs:payments_prod_{container.task_id}_{container.runtime_id}"
    assert not session.is_active
    (call,) = aws_demo.calls_of("ExecuteCommand")
    assert call.parameters == {
        "cluster": "payments_prod",
        "task": container.task_id,
        "container": "app",
        "command": "/bin/sh",
        "interactive": True,
    }
