"""Starting a stopped machine in the demo: pending, running, and then its agent, in its own time or at once."""

from typing import Any

import pytest

from ec2menu.demo import boot
from ec2menu.demo.account import HOME_REGION
from ec2menu.demo.server import DemoAws
from tests.cloud.conftest import Client
from tests.cloud.test_demo_ec2 import instances_in, refusal

NEVER = 1_000_000.0


@pytest.fixture
def stopped(aws_demo: DemoAws) -> str:
    return aws_demo.add_instances(HOME_REGION, 1, state="stopped")[0]


def state_of(client: Client, node: str) -> str:
    (found,) = instances_in(client("ec2").describe_instances(InstanceIds=[node]))
    return str(found["State"]["Name"])


def online(client: Client) -> list[str]:
    listed = client("ssm").describe_instance_information(MaxResults=50)["InstanceInformationList"]
    return [node["InstanceId"] for node in listed if node["PingStatus"] == "Online"]


def start(client: Client, *nodes: str) -> list[tuple[str, str]]:
    answer = client("ec2").start_instances(InstanceIds=list(nodes))["StartingInstances"]
    return [(each["PreviousState"]["Name"], each["CurrentState"]["Name"]) for each in answer]


def test_a_started_machine_is_pending_then_runs_then_is_online(aws_demo: DemoAws, client: Client, stopped: str) -> None:
    aws_demo.set_start_pace(running_after_seconds=NEVER, online_after_seconds=NEVER)
    assert start(client, stopped) == [("stopped", "pending")]
    assert (state_of(client, stopped), online(client)) == ("pending", [])
    aws_demo.set_start_pace(running_after_seconds=0, online_after_seconds=NEVER)
    assert (state_of(client, stopped), online(client)) == ("running", [])
    assert refusal(client("ssm").start_session, Target=stopped)[0] == "TargetNotConnected"
    aws_demo.set_start_pace()
    assert (state_of(client, stopped), online(client)) == ("running", [stopped])
    assert client("ssm").start_session(Target=stopped)["SessionId"]


def test_without_the_showcase_it_takes_no_time(client: Client, stopped: str) -> None:
    assert start(client, stopped) == [("stopped", "pending")]
    assert online(client) == [stopped]
    assert state_of(client, stopped) == "running"


def test_the_showcase_takes_a_few_seconds(aws_demo: DemoAws, client: Client) -> None:
    assert 0 < boot.SHOWCASE_RUNNING_SECONDS < boot.SHOWCASE_ONLINE_SECONDS < 10
    aws_demo.seed_fleet()
    tagged = [{"Name": "tag:Name", "Values": ["jump-warehouse"]}]
    (host,) = instances_in(client("ec2").describe_instances(Filters=tagged))
    assert start(client, host["InstanceId"]) == [("stopped", "pending")]
    assert host["InstanceId"] not in online(client)
    aws_demo.set_start_pace()
    assert host["InstanceId"] in online(client)


def test_a_started_machine_was_launched_now(client: Client, stopped: str) -> None:
    (before,) = instances_in(client("ec2").describe_instances(InstanceIds=[stopped]))
    start(client, stopped)
    (after,) = instances_in(client("ec2").describe_instances(InstanceIds=[stopped]))
    assert after["LaunchTime"] > before["LaunchTime"]
    assert after["PrivateIpAddress"] == before["PrivateIpAddress"]


def test_what_runs_is_left_as_it_is(aws_demo: DemoAws, client: Client) -> None:
    aws_demo.set_start_pace(running_after_seconds=NEVER, online_after_seconds=NEVER)
    (running,) = aws_demo.add_instances(HOME_REGION, 1)
    assert start(client, running) == [("running", "running")]
    assert online(client) == [running]


def test_a_machine_that_is_stopped_while_it_starts_stays_stopped(
    aws_demo: DemoAws, client: Client, stopped: str
) -> None:
    aws_demo.set_start_pace(running_after_seconds=NEVER, online_after_seconds=NEVER)
    start(client, stopped)
    client("ec2").stop_instances(InstanceIds=[stopped])
    aws_demo.set_start_pace()
    assert (state_of(client, stopped), online(client)) == ("stopped", [])


def test_a_machine_without_an_agent_never_comes_online(aws_demo: DemoAws, client: Client) -> None:
    (bare,) = aws_demo.add_instances(HOME_REGION, 1, state="stopped", managed=False)
    start(client, bare)
    assert (state_of(client, bare), online(client)) == ("running", [])


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"InstanceIds": ["i-00000000000000000"]}, "InvalidInstanceID.NotFound"),
        ({"InstanceIds": ["nonsense"]}, "InvalidInstanceID.Malformed"),
        ({"InstanceIds": []}, "MissingParameter"),
        ({"InstanceIds": ["i-00000000000000000"], "DryRun": True}, "DryRunOperation"),
    ],
)
def test_what_cannot_be_started_is_refused(client: Client, request_: dict[str, Any], code: str) -> None:
    assert refusal(client("ec2").start_instances, **request_)[0] == code


def test_a_terminated_machine_is_refused_and_the_others_are_not_started(
    aws_demo: DemoAws, client: Client, stopped: str
) -> None:
    (gone,) = aws_demo.add_instances(HOME_REGION, 1, state="terminated")
    assert refusal(client("ec2").start_instances, InstanceIds=[stopped, gone])[0] == "IncorrectInstanceState"
    assert state_of(client, stopped) == "stopped"


def test_a_reset_forgets_what_was_starting(aws_demo: DemoAws, client: Client, stopped: str) -> None:
    aws_demo.set_start_pace(running_after_seconds=NEVER, online_after_seconds=NEVER)
    start(client, stopped)
    aws_demo.reset()
    (again,) = aws_demo.add_instances(HOME_REGION, 1, state="stopped")
    start(client, again)
    assert online(client) == [again]
