"""The simulated agent: order, concurrency, errors, time-outs and cancelling, in simulated time."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ec2menu.demo import commands
from ec2menu.demo.invocations import Outcome
from ec2menu.demo.server import DemoAws
from tests.cloud.conftest import Client

REGION = "us-east-1"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class HandClock:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds

    def wall(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds - 1000)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Bench:
    """A client, a clock and nodes whose outcomes a test sets by id; every other node needs ten seconds."""

    def __init__(self, aws_demo: DemoAws, ssm: Any) -> None:
        self.demo = aws_demo
        self.clock = HandClock()
        self.outcomes: dict[str, Outcome] = {}
        self.simulation = commands.simulation()
        self.simulation.clock = self.clock
        self.simulation.behave = lambda node_id, _: self.outcomes.get(node_id, Outcome(delay_seconds=10))
        self.ssm = ssm

    def send(self, ids: list[str], *, lines: tuple[str, ...] = ("true",), **more: Any) -> str:
        document = more.pop("DocumentName", "AWS-RunShellScript")
        parameters = {"commands": list(lines)} | more.pop("Parameters", {})
        answer = self.ssm.send_command(InstanceIds=ids, DocumentName=document, Parameters=parameters, **more)
        return str(answer["Command"]["CommandId"])

    def details(self, command_id: str) -> list[str]:
        pages = self.ssm.get_paginator("list_command_invocations").paginate(CommandId=command_id)
        return [each["StatusDetails"] for page in pages for each in page["CommandInvocations"]]

    def command(self, command_id: str) -> dict[str, Any]:
        (found,) = self.ssm.list_commands(CommandId=command_id)["Commands"]
        return dict(found)

    def result(self, command_id: str, node_id: str) -> dict[str, Any]:
        return dict(self.ssm.get_command_invocation(CommandId=command_id, InstanceId=node_id))


@pytest.fixture
def bench(aws_demo: DemoAws, client: Client) -> Bench:
    return Bench(aws_demo, client("ssm"))


def test_a_command_is_invisible_for_a_moment_after_it_was_sent(bench: Bench) -> None:
    (node,) = bench.demo.add_instances(REGION, 1)
    bench.simulation.visible_after_seconds, bench.simulation.listed_after_seconds = 2, 5
    command = bench.send([node])
    bench.clock.sleep(1.9)
    assert bench.details(command) == []
    with pytest.raises(ClientError, match="InvocationDoesNotExist"):
        bench.result(command, node)
    bench.clock.sleep(0.1)
    assert bench.details(command) == ["InProgress"]
    assert bench.ssm.list_commands()["Commands"] == []
    bench.clock.sleep(3)
    assert bench.command(command)["Status"] == "InProgress"


def test_no_more_nodes_run_at_once_than_the_concurrency_allows(bench: Bench) -> None:
    ids = bench.demo.add_instances(REGION, 5)
    command = bench.send(ids, MaxConcurrency="2")
    bench.clock.sleep(1)
    assert bench.details(command) == ["InProgress"] * 2 + ["Pending"] * 3
    bench.clock.sleep(9)
    assert bench.details(command) == ["Success"] * 2 + ["InProgress"] * 2 + ["Pending"]
    bench.clock.sleep(19)
    assert bench.details(command) == ["Success"] * 4 + ["InProgress"]
    bench.clock.sleep(1)
    assert bench.details(command) == ["Success"] * 5
    assert bench.simulation.executions() == dict.fromkeys(ids, 1)


def test_the_state_does_not_depend_on_how_often_it_was_read(bench: Bench) -> None:
    ids = bench.demo.add_instances(REGION, 7)
    bench.outcomes = {node: Outcome(delay_seconds=3 + n, exit_code=n == 4) for n, node in enumerate(ids)}
    watched = bench.send(ids, MaxConcurrency="2", MaxErrors="1")
    unwatched = bench.send(ids, MaxConcurrency="2", MaxErrors="1")
    for _ in range(80):
        bench.clock.sleep(0.5)
        bench.details(watched)
    finished = [bench.result(command, node) for command in (watched, unwatched) for node in ids]
    assert [each["ExecutionEndDateTime"] for each in finished[:7]] == [
        each["ExecutionEndDateTime"] for each in finished[7:]
    ]


@pytest.mark.parametrize(("percent", "running"), [("10%", 2), ("1%", 1), ("100%", 20), ("99%", 19)])
def test_a_percentage_of_the_nodes_is_rounded_down_and_at_least_one(bench: Bench, percent: str, running: int) -> None:
    command = bench.send(bench.demo.add_instances(REGION, 20), MaxConcurrency=percent)
    bench.clock.sleep(1)
    assert bench.details(command).count("InProgress") == running


@pytest.mark.parametrize(
    ("max_errors", "failed"), [("0", 1), ("3", 4), ("10%", 6), ("100%", 50)], ids=["0", "3", "10%", "100%"]
)
def test_sending_stops_one_failure_past_max_errors(bench: Bench, max_errors: str, failed: int) -> None:
    ids = bench.demo.add_instances(REGION, 50)
    bench.outcomes = dict.fromkeys(ids, Outcome(delay_seconds=1, exit_code=2))
    command = bench.send(ids, MaxConcurrency="1", MaxErrors=max_errors)
    bench.clock.sleep(100)
    details = bench.details(command)
    assert details == ["Failed"] * failed + ["Terminated"] * (50 - failed)
    assert sum(bench.simulation.executions().values()) == failed
    answer = bench.command(command)
    assert (answer["ErrorCount"], answer["CompletedCount"], answer["TargetCount"]) == (failed, 50, 50)


def test_nodes_that_run_already_finish_after_the_limit_of_errors(bench: Bench) -> None:
    bad, good, late = bench.demo.add_instances(REGION, 3)
    bench.outcomes = {bad: Outcome(delay_seconds=1, exit_code=1)}
    command = bench.send([bad, good, late], MaxConcurrency="2")
    bench.clock.sleep(2)
    assert bench.details(command) == ["Failed", "InProgress", "Terminated"]
    bench.clock.sleep(8)
    assert bench.details(command) == ["Failed", "Success", "Terminated"]
    assert bench.result(command, late)["ResponseCode"] == -1
    assert late not in bench.simulation.executions()


@pytest.mark.parametrize(
    ("outcome", "expected", "runs"),
    [
        (Outcome(), ("Success", "Success", 0), 1),
        (Outcome(exit_code=7), ("Failed", "Failed", 7), 1),
        (Outcome(exit_code=137), ("TimedOut", "ExecutionTimedOut", 137), 1),
        (Outcome(status_details="Undeliverable"), ("Failed", "Undeliverable", -1), 0),
        (Outcome(status_details="Delivery Timed Out"), ("TimedOut", "DeliveryTimedOut", -1), 0),
        (Outcome(status_details="InvalidPlatform"), ("Failed", "InvalidPlatform", -1), 0),
        (Outcome(status_details="AccessDenied"), ("Failed", "AccessDenied", -1), 0),
        (Outcome(status_details="Cancelled", exit_code=137), ("Cancelled", "Cancelled", 137), 1),
    ],
)
def test_an_outcome_becomes_the_words_of_the_service(
    bench: Bench, outcome: Outcome, expected: tuple[str, str, int], runs: int
) -> None:
    (node,) = bench.demo.add_instances(REGION, 1)
    bench.outcomes = {node: outcome}
    command = bench.send([node])
    bench.clock.sleep(1)
    result = bench.result(command, node)
    assert (result["Status"], result["StatusDetails"], result["ResponseCode"]) == expected
    assert bench.simulation.executions()[node] == runs
    assert bool(result["ExecutionStartDateTime"]) is (runs > 0)


def test_output_appears_only_when_the_node_has_finished(bench: Bench) -> None:
    (node,) = bench.demo.add_instances(REGION, 1)
    bench.outcomes = {node: Outcome(delay_seconds=10, stdout="done", stderr="warned")}
    command = bench.send([node])
    bench.clock.sleep(9)
    early = bench.result(command, node)
    assert (early["StandardOutputContent"], early["StandardErrorContent"], early["ResponseCode"]) == ("", "", -1)
    bench.clock.sleep(1)
    late = bench.result(command, node)
    assert (late["StandardOutputContent"], late["StandardErrorContent"]) == ("done", "warned")
    assert late["ExecutionStartDateTime"] == "2026-03-01T12:00:00.000Z"
    assert (late["ExecutionEndDateTime"], late["ExecutionElapsedTime"]) == ("2026-03-01T12:00:10.000Z", "PT10.000S")


def test_a_script_is_killed_at_its_execution_timeout(bench: Bench) -> None:
    (linux,) = bench.demo.add_instances(REGION, 1)
    (windows,) = bench.demo.add_instances(REGION, 1, platform="Windows")
    bench.outcomes = dict.fromkeys((linux, windows), Outcome(delay_seconds=100))
    limit = {"executionTimeout": ["60"]}
    sent = {
        linux: bench.send([linux], Parameters=limit),
        windows: bench.send([windows], Parameters=limit, DocumentName="AWS-RunPowerShellScript"),
    }
    bench.clock.sleep(59)
    assert bench.details(sent[linux]) == ["InProgress"]
    bench.clock.sleep(1)
    codes = {node: bench.result(command, node)["ResponseCode"] for node, command in sent.items()}
    assert bench.details(sent[linux]) == ["ExecutionTimedOut"]
    assert codes == {linux: 137, windows: -1}
    assert bench.command(sent[linux])["StatusDetails"] == "ExecutionTimedOut"


def test_an_execution_timeout_that_the_agent_ignores_is_an_hour(bench: Bench) -> None:
    (node,) = bench.demo.add_instances(REGION, 1)
    bench.outcomes = {node: Outcome(delay_seconds=3600)}
    command = bench.send([node], Parameters={"executionTimeout": ["4"]})
    bench.clock.sleep(3600)
    assert bench.details(command) == ["Success"]


def test_a_node_that_never_answers_is_given_up_when_the_command_expires(bench: Bench) -> None:
    (node,) = bench.demo.add_instances(REGION, 1)
    bench.outcomes = {node: Outcome(delay_seconds=math.inf)}
    command = bench.send([node], TimeoutSeconds=30, Parameters={"executionTimeout": ["60"]})
    bench.clock.sleep(89)
    assert bench.details(command) == ["InProgress"]
    bench.clock.sleep(1)
    answer = bench.command(command)
    assert bench.details(command) == ["DeliveryTimedOut"]
    assert (answer["StatusDetails"], answer["DeliveryTimedOutCount"], answer["ErrorCount"]) == (
        "DeliveryTimedOut",
        1,
        0,
    )
    assert answer["ExpiresAfter"] == NOON + timedelta(seconds=90)
    assert bench.simulation.executions() == {node: 1}


def test_a_node_still_waiting_at_the_delivery_timeout_is_never_started(bench: Bench) -> None:
    first, second = bench.demo.add_instances(REGION, 2)
    bench.outcomes = {first: Outcome(delay_seconds=40)}
    limits: dict[str, Any] = {"TimeoutSeconds": 30, "Parameters": {"executionTimeout": ["60"]}}
    command = bench.send([first, second], MaxConcurrency="1", **limits)
    bench.clock.sleep(89)
    assert bench.details(command) == ["Success", "Pending"]
    bench.clock.sleep(1)
    assert bench.details(command) == ["Success", "DeliveryTimedOut"]
    assert bench.simulation.executions() == {first: 1}


def test_a_delayed_delivery_is_tried_again_until_the_node_takes_it(bench: Bench) -> None:
    (node,) = bench.demo.add_instances(REGION, 1)
    bench.outcomes = {node: Outcome(status_details="Delayed", delay_seconds=10)}
    command = bench.send([node])
    bench.clock.sleep(25)
    assert bench.details(command) == ["Delayed"]
    assert bench.simulation.executions() == {}
    bench.outcomes = {node: Outcome(delay_seconds=1)}
    bench.clock.sleep(6)
    assert bench.details(command) == ["Success"]
    assert bench.simulation.executions() == {node: 1}


@pytest.mark.parametrize(("platform", "code"), [("Linux", 194), ("Windows", 3010)])
def test_the_reboot_exit_code_runs_the_script_a_second_time(bench: Bench, platform: str, code: int) -> None:
    (node,) = bench.demo.add_instances(REGION, 1, platform=platform)
    bench.outcomes = {node: Outcome(delay_seconds=1, exit_code=code)}
    document = "AWS-RunPowerShellScript" if platform == "Windows" else "AWS-RunShellScript"
    command = bench.send([node], DocumentName=document)
    bench.clock.sleep(2)
    assert (bench.details(command), bench.simulation.executions()[node]) == (["InProgress"], 1)
    bench.outcomes = {node: Outcome(delay_seconds=1)}
    bench.clock.sleep(60)
    assert (bench.details(command), bench.simulation.executions()[node]) == (["Success"], 2)


def test_cancelling_stops_waiting_nodes_at_once_and_running_ones_shortly_after(bench: Bench) -> None:
    done, running, waiting = bench.demo.add_instances(REGION, 3)
    bench.outcomes = {done: Outcome(delay_seconds=1)}
    command = bench.send([done, running, waiting], MaxConcurrency="1")
    bench.clock.sleep(2)
    assert bench.ssm.cancel_command(CommandId=command)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert bench.details(command) == ["Success", "Cancelling", "Cancelled"]
    assert bench.command(command)["Status"] == "Cancelling"
    bench.clock.sleep(1)
    assert bench.details(command) == ["Success", "Cancelled", "Cancelled"]
    assert bench.command(command)["Status"] == "Cancelled"
    codes = [bench.result(command, node)["ResponseCode"] for node in (done, running, waiting)]
    assert codes == [0, 137, -1]
    assert waiting not in bench.simulation.executions()


def test_cancelling_one_node_leaves_the_others_running(bench: Bench) -> None:
    one, two = bench.demo.add_instances(REGION, 2)
    command = bench.send([one, two])
    bench.clock.sleep(1)
    bench.ssm.cancel_command(CommandId=command, InstanceIds=[one])
    bench.clock.sleep(9)
    assert bench.details(command) == ["Cancelled", "Success"]
    assert bench.command(command)["Status"] == "Success"


def test_a_node_that_ends_before_the_cancel_reaches_it_keeps_its_result(bench: Bench) -> None:
    (node,) = bench.demo.add_instances(REGION, 1)
    command = bench.send([node])
    bench.clock.sleep(9.5)
    bench.ssm.cancel_command(CommandId=command)
    bench.clock.sleep(5)
    assert bench.details(command) == ["Success"]
    bench.ssm.cancel_command(CommandId=command)
    assert bench.details(command) == ["Success"]


def test_cancel_checks_the_command_and_the_nodes(bench: Bench) -> None:
    one, two = bench.demo.add_instances(REGION, 2)
    command = bench.send([one])
    many = [f"i-{n:017x}" for n in range(51)]
    for code, request in (
        ("InvalidCommandId", {"CommandId": "0" * 36}),
        ("InvalidInstanceId", {"CommandId": command, "InstanceIds": [two]}),
        ("DuplicateInstanceId", {"CommandId": command, "InstanceIds": [one, one]}),
        ("ValidationException", {"CommandId": command, "InstanceIds": many}),
    ):
        with pytest.raises(ClientError) as caught:
            bench.ssm.cancel_command(**request)
        assert caught.value.response["Error"]["Code"] == code


def test_fewer_failures_than_allowed_leave_the_command_incomplete(bench: Bench) -> None:
    bad, good = bench.demo.add_instances(REGION, 2)
    bench.outcomes = {bad: Outcome(exit_code=1)}
    command = bench.send([bad, good], MaxErrors="1")
    bench.clock.sleep(10)
    answer = bench.command(command)
    assert (answer["Status"], answer["StatusDetails"]) == ("Failed", "Incomplete")
