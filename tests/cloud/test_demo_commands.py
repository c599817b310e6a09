"""SendCommand's limits and errors, and the lists that read commands back, asked by real boto3 over HTTP."""

from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from ec2menu.demo import commands
from ec2menu.demo.command_answers import list_output
from ec2menu.demo.invocations import Outcome
from ec2menu.demo.server import DemoAws
from tests.cloud.conftest import Client

REGION = "us-east-1"
SHELL = "AWS-RunShellScript"
POWERSHELL = "AWS-RunPowerShellScript"


@pytest.fixture
def ssm(client: Client) -> Any:
    commands.simulation().visible_after_seconds = 0
    commands.simulation().listed_after_seconds = 0
    commands.simulation().behave = lambda *_: Outcome()
    return client("ssm")


def send(ssm: Any, ids: list[str] | None = None, **more: Any) -> dict[str, Any]:
    request: dict[str, Any] = {"DocumentName": SHELL, "Parameters": {"commands": ["true"]}} | more
    if ids is not None:
        request["InstanceIds"] = ids
    command: dict[str, Any] = ssm.send_command(**request)["Command"]
    return command


def refusal(ssm: Any, ids: list[str] | None = None, **more: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        send(ssm, ids, **more)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_command_is_answered_as_pending_with_the_defaults_of_the_service(ssm: Any, aws_demo: DemoAws) -> None:
    ids = aws_demo.add_instances(REGION, 2)
    command = send(ssm, ids, Comment="run 7")
    assert (command["Status"], command["StatusDetails"]) == ("Pending", "Pending")
    assert (command["MaxConcurrency"], command["MaxErrors"], command["TimeoutSeconds"]) == ("50", "0", 3600)
    assert command["ExpiresAfter"] - command["RequestedDateTime"] == timedelta(seconds=7200)
    assert (command["InstanceIds"], command["TargetCount"], command["Comment"]) == (ids, 2, "run 7")
    assert len(command["CommandId"]) == 36


def test_fifty_nodes_are_taken_and_fifty_one_look_like_throttling(ssm: Any, aws_demo: DemoAws) -> None:
    ids = aws_demo.add_instances(REGION, 51)
    assert send(ssm, ids[:50])["TargetCount"] == 50
    assert refusal(ssm, ids) == ("ThrottlingException", "Rate exceeded")


def test_one_node_that_is_not_online_refuses_the_whole_call_and_nothing_is_sent(ssm: Any, aws_demo: DemoAws) -> None:
    good, lost = aws_demo.add_instances(REGION, 2)
    (unmanaged,) = aws_demo.add_instances(REGION, 1, managed=False)
    aws_demo.set_ping(lost, "ConnectionLost")
    for bad in (lost, unmanaged, "i-00000000000000000"):
        text = f"Instances [[{bad}]] not in a valid state for account 123456789012"
        assert refusal(ssm, [good, bad]) == ("InvalidInstanceId", text)
    assert refusal(ssm, Targets=[{"Key": "InstanceIds", "Values": [good, lost]}])[0] == "InvalidInstanceId"
    assert ssm.list_commands()["Commands"] == []
    assert commands.simulation().executions() == {}


def test_a_stopped_instance_and_one_of_another_region_are_not_in_a_valid_state(ssm: Any, aws_demo: DemoAws) -> None:
    (stopped,) = aws_demo.add_instances(REGION, 1, state="stopped")
    (elsewhere,) = aws_demo.add_instances("eu-west-1", 1)
    assert refusal(ssm, [stopped])[0] == "InvalidInstanceId"
    assert refusal(ssm, [elsewhere])[0] == "InvalidInstanceId"


def test_a_document_has_to_exist_and_to_fit_the_platform(ssm: Any, aws_demo: DemoAws) -> None:
    (linux,) = aws_demo.add_instances(REGION, 1)
    (windows,) = aws_demo.add_instances(REGION, 1, platform="Windows")
    assert refusal(ssm, [linux], DocumentName="AWS-Nothing")[0] == "InvalidDocument"
    assert refusal(ssm, [linux, windows])[0] == "UnsupportedPlatformType"
    assert refusal(ssm, [linux], DocumentName=POWERSHELL)[0] == "UnsupportedPlatformType"
    assert send(ssm, [windows], DocumentName=POWERSHELL)["DocumentName"] == POWERSHELL


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ({"Comment": "c" * 101}, ("ValidationException", "comment")),
        ({"TimeoutSeconds": 2592001}, ("ValidationException", "timeoutSeconds")),
        ({"MaxConcurrency": "0"}, ("ValidationException", "maxConcurrency")),
        ({"MaxConcurrency": "101%"}, ("ValidationException", "maxConcurrency")),
        ({"MaxConcurrency": "12345678"}, ("ValidationException", "maxConcurrency")),
        ({"MaxErrors": "-1"}, ("ValidationException", "maxErrors")),
        ({"MaxErrors": "101%"}, ("ValidationException", "maxErrors")),
        ({"Parameters": {}}, ("InvalidParameters", "commands")),
        ({"Parameters": {"commands": []}}, ("InvalidParameters", "commands")),
        ({"Parameters": {"commands": ["id"], "shell": ["sh"]}}, ("InvalidParameters", "shell")),
        ({"Parameters": {"commands": ["id"], "executionTimeout": ["172801"]}}, ("InvalidParameters", "172801")),
        ({"Parameters": {"commands": ["id"], "executionTimeout": ["soon"]}}, ("InvalidParameters", "soon")),
        (
            {"Parameters": {"commands": ["id"], "executionTimeout": ["1", "2"]}},
            ("InvalidParameters", "executionTimeout"),
        ),
        ({"Parameters": {"commands": ["id"], "workingDirectory": ["/" * 4097]}}, ("InvalidParameters", "4096")),
        ({"Parameters": {"commands": ["x" * 65536]}}, ("MaxDocumentSizeExceeded", "64 KB")),
        ({"Targets": [{"Key": "tag:A", "Values": ["1"]}]}, ("ValidationException", "not both")),
    ],
)
def test_a_request_past_a_limit_is_refused_by_name(
    ssm: Any, aws_demo: DemoAws, more: dict[str, Any], refused: tuple[str, str]
) -> None:
    code, text = refusal(ssm, aws_demo.add_instances(REGION, 1), **more)
    assert code == refused[0]
    assert refused[1] in text


@pytest.mark.parametrize(
    "more",
    [
        {"Comment": "c" * 100},
        {"TimeoutSeconds": 30},
        {"TimeoutSeconds": 2592000},
        {"MaxConcurrency": "1", "MaxErrors": "0"},
        {"MaxConcurrency": "100%", "MaxErrors": "0%"},
        {"MaxConcurrency": "9999999", "MaxErrors": "100%"},
        {"Parameters": {"commands": ["id"], "executionTimeout": ["172800"], "workingDirectory": ["/" * 4096]}},
    ],
)
def test_a_request_at_a_limit_is_taken(ssm: Any, aws_demo: DemoAws, more: dict[str, Any]) -> None:
    assert send(ssm, aws_demo.add_instances(REGION, 1), **more)["Status"] == "Pending"


def test_the_shortest_delivery_timeout_is_kept_by_the_service_as_well(ssm: Any, aws_demo: DemoAws) -> None:
    loose = boto3.client("ssm", region_name=REGION, config=Config(parameter_validation=False))
    code, text = refusal(loose, aws_demo.add_instances(REGION, 1), TimeoutSeconds=29)
    assert (code, "greater than or equal to 30" in text) == ("ValidationException", True)


def test_an_id_given_twice_and_no_target_at_all_are_refused(ssm: Any, aws_demo: DemoAws) -> None:
    (node,) = aws_demo.add_instances(REGION, 1)
    assert refusal(ssm, [node, node])[0] == "DuplicateInstanceId"
    assert refusal(ssm)[0] == "ValidationException"
    assert refusal(ssm, ["web-1"])[0] == "ValidationException"


def test_nodes_are_found_by_tags_that_all_have_to_match(ssm: Any, aws_demo: DemoAws) -> None:
    both, _ = (aws_demo.add_instances(REGION, 1, tags=tags)[0] for tags in ({"A": "1", "B": "2"}, {"A": "1"}))
    targets = [{"Key": "tag:A", "Values": ["0", "1"]}, {"Key": "tag:B", "Values": ["2"]}]
    command = send(ssm, Targets=targets)
    assert (command["InstanceIds"], command["Targets"], command["TargetCount"]) == ([], targets, 1)
    (found,) = ssm.list_command_invocations(CommandId=command["CommandId"])["CommandInvocations"]
    assert found["InstanceId"] == both


def test_more_than_five_targets_or_fifty_values_are_refused(ssm: Any) -> None:
    target = {"Key": "tag:A", "Values": ["1"]}
    assert refusal(ssm, Targets=[target] * 6)[0] == "ValidationException"
    assert refusal(ssm, Targets=[{"Key": "tag:A", "Values": [str(n) for n in range(51)]}])[0] == "ValidationException"
    assert refusal(ssm, Targets=[{"Key": "Name", "Values": ["web"]}])[0] == "ValidationException"
    assert send(ssm, Targets=[target] * 5)["TargetCount"] == 0


def test_a_tag_that_nothing_carries_ends_in_success_without_nodes(ssm: Any) -> None:
    command = send(ssm, Targets=[{"Key": "tag:A", "Values": ["1"]}])
    (listed,) = ssm.list_commands(CommandId=command["CommandId"])["Commands"]
    assert (listed["Status"], listed["StatusDetails"]) == ("Success", "NoInstancesInTag")


def test_tagged_nodes_that_cannot_run_show_it_in_their_status(ssm: Any, aws_demo: DemoAws) -> None:
    (lost,) = aws_demo.add_instances(REGION, 1, tags={"A": "1"}, ping="ConnectionLost")
    (windows,) = aws_demo.add_instances(REGION, 1, tags={"A": "1"}, platform="Windows")
    (linux,) = aws_demo.add_instances(REGION, 1, tags={"A": "1"})
    command = send(ssm, Targets=[{"Key": "tag:A", "Values": ["1"]}])
    found = ssm.list_command_invocations(CommandId=command["CommandId"])["CommandInvocations"]
    details = {each["InstanceId"]: each["StatusDetails"] for each in found}
    assert details == {lost: "Undeliverable", windows: "InvalidPlatform", linux: "Success"}
    assert ssm.list_commands()["Commands"][0]["Status"] == "Success"
    assert commands.simulation().executions() == {linux: 1}


def test_hybrid_nodes_run_commands_too(ssm: Any, aws_demo: DemoAws) -> None:
    node = aws_demo.add_hybrid_node(REGION)
    command = send(ssm, [node])
    result = ssm.get_command_invocation(CommandId=command["CommandId"], InstanceId=node)
    assert (result["Status"], result["ResponseCode"]) == ("Success", 0)


@pytest.mark.parametrize("count", [0, 1, 10, 11, 49, 50, 51, 100, 101])
def test_commands_are_listed_newest_first_over_any_number_of_pages(ssm: Any, aws_demo: DemoAws, count: int) -> None:
    ids = aws_demo.add_instances(REGION, 1)
    sent = [send(ssm, ids)["CommandId"] for _ in range(count)]
    pages = list(ssm.get_paginator("list_commands").paginate())
    assert [command["CommandId"] for page in pages for command in page["Commands"]] == sent[::-1]
    assert len(pages) == max(1, -(-count // 50))


@pytest.mark.parametrize("count", [1, 10, 11, 50, 51, 100, 101])
def test_invocations_are_listed_over_any_number_of_pages(ssm: Any, aws_demo: DemoAws, count: int) -> None:
    ids = aws_demo.add_instances(REGION, count, tags={"A": "1"})
    send(ssm, Targets=[{"Key": "tag:A", "Values": ["1"]}])
    pages = ssm.get_paginator("list_command_invocations").paginate(PaginationConfig={"PageSize": 11})
    found = [page["CommandInvocations"] for page in pages]
    assert sorted(each["InstanceId"] for page in found for each in page) == sorted(ids)
    assert [len(page) for page in found] == [11] * (count // 11) + [count % 11] * (count % 11 > 0)


@pytest.mark.parametrize("operation", ["list_commands", "list_command_invocations"])
def test_page_sizes_tokens_and_filters_of_the_lists_are_checked(ssm: Any, operation: str) -> None:
    bad: list[tuple[str, dict[str, Any]]] = [
        ("ValidationException", {"MaxResults": 51}),
        ("InvalidNextToken", {"NextToken": "x"}),
        ("InvalidFilterKey", {"Filters": [{"key": "Comment", "value": "x"}]}),
        ("ValidationException", {"Filters": [{"key": "Status", "value": "Failed"}] * 6}),
        ("ValidationException", {"Filters": [{"key": "InvokedAfter", "value": "yesterday"}]}),
        ("ValidationException", {"InstanceId": "web-1"}),
    ]
    for code, request in bad:
        with pytest.raises(ClientError) as caught:
            getattr(ssm, operation)(**request)
        assert caught.value.response["Error"]["Code"] == code


def test_the_execution_stage_filters_commands_and_not_invocations(ssm: Any, aws_demo: DemoAws) -> None:
    send(ssm, aws_demo.add_instances(REGION, 1))
    for stage, count in (("Executing", 0), ("Complete", 1)):
        filters = [{"key": "ExecutionStage", "value": stage}]
        assert len(ssm.list_commands(Filters=filters)["Commands"]) == count
        with pytest.raises(ClientError, match="InvalidFilterKey"):
            ssm.list_command_invocations(Filters=filters)


def test_lists_can_be_narrowed_by_status_document_node_and_region(ssm: Any, aws_demo: DemoAws, client: Client) -> None:
    one, two = aws_demo.add_instances(REGION, 2)
    commands.simulation().behave = lambda node_id, _: Outcome(exit_code=int(node_id == two))
    first, second = send(ssm, [one])["CommandId"], send(ssm, [two])["CommandId"]
    narrowed: list[tuple[dict[str, Any], list[str]]] = [
        ({"Filters": [{"key": "Status", "value": "Failed"}]}, [second]),
        ({"Filters": [{"key": "DocumentName", "value": SHELL}]}, [second, first]),
        ({"Filters": [{"key": "DocumentName", "value": POWERSHELL}]}, []),
        ({"InstanceId": one}, [first]),
        ({"CommandId": first}, [first]),
        ({"CommandId": "0" * 36}, []),
    ]
    for request, expected in narrowed:
        assert [each["CommandId"] for each in ssm.list_commands(**request)["Commands"]] == expected
        found = ssm.list_command_invocations(**request)["CommandInvocations"]
        assert [each["CommandId"] for each in found] == expected
    assert client("ssm", "eu-west-1").list_commands()["Commands"] == []


def test_the_time_of_a_command_bounds_a_list_by_comment(ssm: Any, aws_demo: DemoAws) -> None:
    command = send(ssm, aws_demo.add_instances(REGION, 1), Comment="run 7")
    sent = command["RequestedDateTime"]
    for key, moment, count in (
        ("InvokedAfter", sent - timedelta(seconds=5), 1),
        ("InvokedAfter", sent + timedelta(seconds=5), 0),
        ("InvokedBefore", sent + timedelta(seconds=5), 1),
        ("InvokedBefore", sent - timedelta(seconds=5), 0),
    ):
        found = ssm.list_commands(Filters=[{"key": key, "value": moment.isoformat()}])["Commands"]
        assert [each["Comment"] for each in found] == ["run 7"] * count


def test_an_unknown_command_node_or_plugin_is_named_by_its_error(ssm: Any, aws_demo: DemoAws) -> None:
    one, two = aws_demo.add_instances(REGION, 2)
    known = send(ssm, [one])["CommandId"]
    for code, request in (
        ("InvocationDoesNotExist", {"CommandId": "0" * 36, "InstanceId": one}),
        ("InvocationDoesNotExist", {"CommandId": known, "InstanceId": two}),
        ("InvalidPluginName", {"CommandId": known, "InstanceId": one, "PluginName": "aws:runDocument"}),
        ("ValidationException", {"CommandId": known, "InstanceId": "web-1"}),
    ):
        with pytest.raises(ClientError) as caught:
            ssm.get_command_invocation(**request)
        assert caught.value.response["Error"]["Code"] == code
    plugin = ssm.get_command_invocation(CommandId=known, InstanceId=one, PluginName="aws:runShellScript")["PluginName"]
    assert plugin == "aws:runShellScript"


def test_the_lists_carry_output_only_when_asked_for_details(ssm: Any, aws_demo: DemoAws) -> None:
    commands.simulation().behave = lambda *_: Outcome(stdout="out", stderr="bad", exit_code=3)
    command = send(ssm, aws_demo.add_instances(REGION, 1))["CommandId"]
    (plain,) = ssm.list_command_invocations(CommandId=command)["CommandInvocations"]
    (detailed,) = ssm.list_command_invocations(CommandId=command, Details=True)["CommandInvocations"]
    assert plain["CommandPlugins"] == []
    (plugin,) = detailed["CommandPlugins"]
    assert plugin["Output"] == "out\n----------ERROR-------\nbad"
    assert (plugin["Name"], plugin["Status"], plugin["ResponseCode"]) == ("aws:runShellScript", "Failed", 3)


def test_full_output_is_cut_by_bytes_and_marked(ssm: Any, aws_demo: DemoAws) -> None:
    commands.simulation().behave = lambda *_: Outcome(stdout="가" * 8001, stderr="e" * 8001)
    (node,) = aws_demo.add_instances(REGION, 1)
    result = ssm.get_command_invocation(CommandId=send(ssm, [node])["CommandId"], InstanceId=node)
    stdout, stderr = result["StandardOutputContent"], result["StandardErrorContent"]
    assert stdout == "가" * ((24000 - 20) // 3) + "--output truncated--"
    assert stderr == "e" * 7980 + "--output truncated--"


def test_full_output_at_the_limit_is_whole(ssm: Any, aws_demo: DemoAws) -> None:
    commands.simulation().behave = lambda *_: Outcome(stdout="o" * 24000, stderr="e" * 8000)
    (node,) = aws_demo.add_instances(REGION, 1)
    result = ssm.get_command_invocation(CommandId=send(ssm, [node])["CommandId"], InstanceId=node)
    assert (result["StandardOutputContent"], result["StandardErrorContent"]) == ("o" * 24000, "e" * 8000)


@pytest.mark.parametrize(
    ("out", "error", "cut_out", "cut_error"),
    [
        (2500, 0, False, False),
        (2501, 0, True, False),
        (3000, 50, True, False),
        (50, 3000, False, True),
        (3000,) * 2 + (True,) * 2,
    ],
)
def test_list_output_keeps_the_short_stream_and_marks_the_cut_one(
    out: int, error: int, cut_out: bool, cut_error: bool
) -> None:
    text = list_output("o" * out, "e" * error)
    assert len(text) <= 2500
    assert ("\n---Output truncated---" in text) is cut_out
    assert text.endswith("\n---Error truncated----") is cut_error
    assert cut_out or text.startswith("o" * out)
    assert cut_error or text.endswith("e" * error)


def test_the_same_request_sent_twice_is_two_commands(ssm: Any, aws_demo: DemoAws) -> None:
    (node,) = aws_demo.add_instances(REGION, 1)
    assert send(ssm, [node])["CommandId"] != send(ssm, [node])["CommandId"]
    assert commands.simulation().executions() == {node: 2}


def test_a_reset_forgets_commands_and_settings(ssm: Any, aws_demo: DemoAws) -> None:
    send(ssm, aws_demo.add_instances(REGION, 1))
    aws_demo.reset()
    assert ssm.list_commands()["Commands"] == []
    assert commands.simulation().visible_after_seconds == commands.VISIBLE_AFTER_SECONDS
    assert commands.simulation().executions() == {}
