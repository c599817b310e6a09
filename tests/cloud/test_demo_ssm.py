"""SSM's inventory and sessions in the demo, to AWS's limits and error codes."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ec2menu.demo import ecs_tables
from ec2menu.demo.server import DemoAws
from tests.cloud.conftest import Client
from tests.cloud.test_demo_ec2 import refusal


def ids_in(answer: dict[str, Any]) -> list[str]:
    return [node["InstanceId"] for node in answer["InstanceInformationList"]]


def listed(ssm: Any, **filters: str) -> set[str]:
    wanted = [{"Key": key.replace("__", ":").replace("_", "-"), "Values": [value]} for key, value in filters.items()]
    return set(ids_in(ssm.describe_instance_information(Filters=wanted, MaxResults=50)))


@pytest.mark.parametrize("count", [0, 1, 10, 11, 50, 51, 100, 101])
@pytest.mark.parametrize("size", [5, 50])
def test_a_paginator_finds_every_node_once(aws_demo: DemoAws, client: Client, count: int, size: int) -> None:
    made = aws_demo.add_instances("us-east-1", count)
    pages = client("ssm").get_paginator("describe_instance_information").paginate(PaginationConfig={"PageSize": size})
    found = [each for page in pages for each in ids_in(page)]
    assert sorted(found) == sorted(made)


def test_the_default_page_has_ten_nodes(aws_demo: DemoAws, client: Client) -> None:
    aws_demo.add_instances("us-east-1", 11)
    first = client("ssm").describe_instance_information()
    assert len(ids_in(first)) == 10
    last = client("ssm").describe_instance_information(NextToken=first["NextToken"])
    assert len(ids_in(last)) == 1
    assert last["NextToken"] == ""


@pytest.mark.parametrize(("size", "bound"), [(0, "greater"), (4, "greater"), (51, "less")])
def test_a_page_size_outside_5_to_50_is_refused(aws_demo: DemoAws, client: Client, size: int, bound: str) -> None:
    code, text = refusal(client("ssm").describe_instance_information, MaxResults=size)
    assert code == "ValidationException"
    assert text.startswith(f"1 validation error detected: Value '{size}' at 'maxResults'")
    assert bound in text


def test_a_token_that_was_not_given_is_refused(aws_demo: DemoAws, client: Client) -> None:
    assert refusal(client("ssm").describe_instance_information, NextToken="nonsense")[0] == "InvalidNextToken"


def test_only_running_machines_whose_agent_registered_are_listed(aws_demo: DemoAws, client: Client) -> None:
    online, going, _stopped = (
        *aws_demo.add_instances("us-east-1", 2),
        *aws_demo.add_instances("us-east-1", 1, state="stopped"),
    )
    aws_demo.add_instances("us-east-1", 1, managed=False)
    hybrid = aws_demo.add_hybrid_node("us-east-1", "본사-파일서버")
    client("ec2").terminate_instances(InstanceIds=[going])
    assert set(ids_in(client("ssm").describe_instance_information())) == {online, hybrid}


def test_a_stopped_node_comes_back_when_it_is_started(aws_demo: DemoAws, client: Client) -> None:
    (made,) = aws_demo.add_instances("us-east-1", 1)
    client("ec2").stop_instances(InstanceIds=[made])
    assert ids_in(client("ssm").describe_instance_information()) == []
    client("ec2").start_instances(InstanceIds=[made])
    assert ids_in(client("ssm").describe_instance_information()) == [made]


def test_an_instance_node_looks_as_it_does_at_aws(aws_demo: DemoAws, client: Client) -> None:
    (made,) = aws_demo.add_instances("eu-west-1", 1, name="web", platform="Windows")
    (node,) = client("ssm", "eu-west-1").describe_instance_information()["InstanceInformationList"]
    assert node["InstanceId"] == made
    assert node["PlatformType"] == "Windows"
    assert node["ResourceType"] == "EC2Instance"
    assert node["IPAddress"]
    assert node["ComputerName"].startswith("ip-")
    assert "Name" not in node
    assert datetime.now(UTC) - node["LastPingDateTime"] < timedelta(minutes=10)


def test_a_hybrid_node_has_a_name_and_no_instance(aws_demo: DemoAws, client: Client) -> None:
    made = aws_demo.add_hybrid_node("us-east-1", "dc1-\x1b[31mprinter", tags={"Site": "dc1"})
    (node,) = client("ssm").describe_instance_information()["InstanceInformationList"]
    assert node["InstanceId"] == made
    assert made.startswith("mi-")
    assert len(made) == 20
    assert node["Name"] == "dc1-\x1b[31mprinter"
    assert node["ResourceType"] == "ManagedInstance"
    assert client("ec2").describe_instances()["Reservations"] == []


def test_a_lost_connection_shows_since_when(aws_demo: DemoAws, client: Client) -> None:
    (made,) = aws_demo.add_instances("us-east-1", 1)
    aws_demo.set_ping(made, "ConnectionLost", age=timedelta(days=9))
    (node,) = client("ssm").describe_instance_information()["InstanceInformationList"]
    assert node["PingStatus"] == "ConnectionLost"
    assert datetime.now(UTC) - node["LastPingDateTime"] > timedelta(days=8)
    aws_demo.unregister(made)
    assert ids_in(client("ssm").describe_instance_information()) == []


def test_every_filter_key_selects(aws_demo: DemoAws, client: Client) -> None:
    ssm = client("ssm")
    (linux,) = aws_demo.add_instances("us-east-1", 1, tags={"Role": "jumphost"})
    (windows,) = aws_demo.add_instances("us-east-1", 1, platform="Windows")
    hybrid = aws_demo.add_hybrid_node("us-east-1", "on-prem", tags={"Site": "dc1"})
    aws_demo.set_ping(windows, "ConnectionLost")
    (described,) = ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [hybrid]}])[
        "InstanceInformationList"
    ]
    assert listed(ssm, InstanceIds=linux) == {linux}
    assert listed(ssm, PingStatus="Online") == {linux, hybrid}
    assert listed(ssm, PlatformTypes="Windows") == {windows}
    assert listed(ssm, ResourceType="ManagedInstance") == {hybrid}
    assert listed(ssm, AgentVersion=described["AgentVersion"]) == {linux, windows, hybrid}
    assert listed(ssm, ActivationIds=described["ActivationId"]) == {hybrid}
    assert listed(ssm, IamRole=described["IamRole"]) == {hybrid}
    assert listed(ssm, AssociationStatus="Failed") == set()
    assert listed(ssm, SourceIds=windows) == {windows}
    assert listed(ssm, SourceTypes="AWS::EC2::Instance") == {linux, windows}
    assert listed(ssm, tag_key="Site") == {hybrid}
    assert listed(ssm, tag__Role="jumphost") == {linux}
    assert listed(ssm, tag__Role="JumpHost") == set()
    assert listed(ssm, PlatformTypes="Linux", PingStatus="Online") == {linux, hybrid}


def test_a_valid_id_that_is_not_managed_is_left_out(aws_demo: DemoAws, client: Client) -> None:
    assert listed(client("ssm"), InstanceIds="i-0123456789abcdef0") == set()


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        ([{"Key": "Colour", "Values": ["red"]}], "InvalidFilterKey"),
        ([{"Key": "PingStatus", "Values": ["Asleep"]}], "InvalidInstanceInformationFilterValue"),
        ([{"Key": "InstanceIds", "Values": ["web-1"]}], "InvalidInstanceId"),
        ([{"Key": "InstanceIds", "Values": []}], "ValidationException"),
        ([{"Key": "InstanceIds", "Values": [f"i-{n:08x}" for n in range(101)]}], "ValidationException"),
        ([{"Key": "tag:A", "Values": ["b"]}, {"Key": "PingStatus", "Values": ["Online"]}], "ValidationException"),
    ],
)
def test_a_wrong_filter_is_refused(aws_demo: DemoAws, client: Client, filters: list[dict[str, Any]], code: str) -> None:
    assert refusal(client("ssm").describe_instance_information, Filters=filters)[0] == code


def test_a_hundred_filter_values_are_allowed(aws_demo: DemoAws, client: Client) -> None:
    made = aws_demo.add_instances("us-east-1", 100)
    filters = [{"Key": "InstanceIds", "Values": made}]
    pages = (
        client("ssm")
        .get_paginator("describe_instance_information")
        .paginate(Filters=filters, PaginationConfig={"PageSize": 50})
    )
    assert sorted(each for page in pages for each in ids_in(page)) == sorted(made)


def test_the_two_filter_styles_cannot_be_combined(aws_demo: DemoAws, client: Client) -> None:
    (made,) = aws_demo.add_instances("us-east-1", 1)
    legacy = [{"key": "InstanceIds", "valueSet": [made]}]
    modern = [{"Key": "InstanceIds", "Values": [made]}]
    ssm = client("ssm")
    assert ids_in(ssm.describe_instance_information(InstanceInformationFilterList=legacy)) == [made]
    refused = refusal(ssm.describe_instance_information, InstanceInformationFilterList=legacy, Filters=modern)
    assert refused[0] == "ValidationException"


def test_connection_status_is_asked_one_target_at_a_time(aws_demo: DemoAws, client: Client) -> None:
    up, down = aws_demo.add_instances("us-east-1", 2)
    aws_demo.set_ping(down, "ConnectionLost")
    status = client("ssm").get_connection_status
    assert status(Target=up)["Status"] == "connected"
    assert status(Target=down)["Status"] == "notconnected"
    assert status(Target="i-0123456789abcdef0")["Status"] == "notconnected"


def test_a_session_is_started_seen_resumed_and_terminated(aws_demo: DemoAws, client: Client) -> None:
    ssm = client("ssm")
    (made,) = aws_demo.add_instances("us-east-1", 1, name="결제-api-1")
    started = ssm.start_session(Target=made, Reason="looking around")
    assert started["SessionId"].startswith("demo-")
    assert len(started["SessionId"]) == len("demo-") + 17
    assert started["TokenValue"]
    assert parse_qs(urlsplit(started["StreamUrl"]).query)["name"] == ["결제-api-1"]
    (active,) = ssm.describe_sessions(State="Active")["Sessions"]
    assert active["Reason"] == "looking around"
    assert active["Target"] == made
    assert active["Status"] == "Connected"
    assert active["DocumentName"] == "SSM-SessionManagerRunShell"
    resumed = ssm.resume_session(SessionId=started["SessionId"])
    assert resumed["TokenValue"] == started["TokenValue"]
    assert ssm.terminate_session(SessionId=started["SessionId"])["SessionId"] == started["SessionId"]
    assert ssm.describe_sessions(State="Active")["Sessions"] == []
    (past,) = ssm.describe_sessions(State="History")["Sessions"]
    assert past["Status"] == "Terminated"
    assert past["EndDate"] >= past["StartDate"]
    assert not aws_demo.sessions()[0].is_active
    assert refusal(ssm.resume_session, SessionId=started["SessionId"])[0] == "DoesNotExistException"


def test_a_session_on_a_node_that_is_not_online_is_refused(aws_demo: DemoAws, client: Client) -> None:
    lost, stopped = aws_demo.add_instances("us-east-1", 2)
    (unmanaged,) = aws_demo.add_instances("us-east-1", 1, managed=False)
    aws_demo.set_ping(lost, "ConnectionLost")
    client("ec2").stop_instances(InstanceIds=[stopped])
    for target in (lost, stopped, unmanaged, "i-0123456789abcdef0", "mi-0123456789abcdef0"):
        code, text = refusal(client("ssm").start_session, Target=target)
        assert (code, text) == ("TargetNotConnected", f"{target} is not connected.")
    assert aws_demo.sessions() == []


def test_a_container_is_a_target_while_its_agent_is_connected(aws_demo: DemoAws, client: Client) -> None:
    ecs_tables.add_cluster("us-east-1", "pay_ments")
    (task,) = ecs_tables.add_tasks("us-east-1", "pay_ments")
    (described,) = client("ecs").describe_tasks(cluster="pay_ments", tasks=[task])["tasks"]
    container = described["containers"][0]
    target = f"ecs:pay_ments_{task.rpartition('/')[2]}_{container['runtimeId']}"
    client("ssm").start_session(Target=target)
    assert aws_demo.sessions()[0].target == target
    assert refusal(client("ssm").start_session, Target=f"{target}0")[0] == "TargetNotConnected"
    ecs_tables.cut_off("us-east-1", container["containerArn"])
    assert refusal(client("ssm").start_session, Target=target)[0] == "TargetNotConnected"


@pytest.mark.parametrize(
    ("document", "parameters"),
    [
        ("SSM-SessionManagerRunShell", {}),
        ("AWS-StartPortForwardingSession", {"portNumber": ["3389"], "localPortNumber": ["13389"]}),
        ("AWS-StartPortForwardingSession", {}),
        (
            "AWS-StartPortForwardingSessionToRemoteHost",
            {"host": ["db.abc.us-east-1.rds.amazonaws.com"], "portNumber": ["5432"], "localPortNumber": [""]},
        ),
        ("AWS-StartInteractiveCommand", {"command": ["sudo -i"]}),
        ("AWS-StartSSHSession", {"portNumber": ["22"]}),
    ],
)
def test_known_documents_are_accepted(
    aws_demo: DemoAws, client: Client, document: str, parameters: dict[str, list[str]]
) -> None:
    (made,) = aws_demo.add_instances("us-east-1", 1)
    client("ssm").start_session(Target=made, DocumentName=document, Parameters=parameters)
    (session,) = aws_demo.sessions()
    assert session.document == document
    assert session.parameters == parameters


@pytest.mark.parametrize(
    ("document_and_parameters", "code"),
    [
        (("AWS-RunShellScript", {}), "InvalidDocument"),
        (("AWS-StartPortForwardingSession", {"port": ["80"]}), "InvalidParameters"),
        (("AWS-StartPortForwardingSession", {"portNumber": ["65536"]}), "InvalidParameters"),
        (("AWS-StartPortForwardingSession", {"portNumber": ["eighty"]}), "InvalidParameters"),
        (("AWS-StartPortForwardingSessionToRemoteHost", {"host": ["a b"]}), "InvalidParameters"),
        (("AWS-StartInteractiveCommand", {}), "InvalidParameters"),
    ],
)
def test_unknown_documents_and_parameters_are_refused(
    aws_demo: DemoAws, client: Client, document_and_parameters: tuple[str, dict[str, Any]], code: str
) -> None:
    (made,) = aws_demo.add_instances("us-east-1", 1)
    document, parameters = document_and_parameters
    start = client("ssm").start_session
    assert refusal(start, Target=made, DocumentName=document, Parameters=parameters)[0] == code
    assert aws_demo.sessions() == []


@pytest.mark.parametrize(
    "wrong", [{"Target": "i" * 401}, {"Target": ""}, {"Reason": ""}, {"Reason": "x" * 257}, {"Reason": "two\nlines"}]
)
def test_lengths_of_target_and_reason_are_checked(aws_demo: DemoAws, client: Client, wrong: dict[str, str]) -> None:
    (made,) = aws_demo.add_instances("us-east-1", 1)
    assert refusal(client("ssm").start_session, **({"Target": made} | wrong))[0] == "ValidationException"


@pytest.mark.parametrize("count", [0, 1, 200, 201])
def test_sessions_are_paged(aws_demo: DemoAws, client: Client, count: int) -> None:
    ssm = client("ssm")
    (made,) = aws_demo.add_instances("us-east-1", 1)
    started = [ssm.start_session(Target=made)["SessionId"] for _ in range(count)]
    pages = ssm.get_paginator("describe_sessions").paginate(State="Active", PaginationConfig={"PageSize": 200})
    assert sorted(s["SessionId"] for page in pages for s in page["Sessions"]) == sorted(started)


def test_session_filters_select(aws_demo: DemoAws, client: Client) -> None:
    ssm = client("ssm")
    one, two = aws_demo.add_instances("us-east-1", 2)
    first = ssm.start_session(Target=one)["SessionId"]
    second = ssm.start_session(Target=two)["SessionId"]

    def found(key: str, value: str) -> set[str]:
        answer = ssm.describe_sessions(State="Active", Filters=[{"key": key, "value": value}])
        return {session["SessionId"] for session in answer["Sessions"]}

    assert found("Target", two) == {second}
    assert found("SessionId", first) == {first}
    assert found("Owner", "arn:aws:iam::123456789012:user/demo") == {first, second}
    assert found("Status", "Terminated") == set()
    assert found("InvokedAfter", "2024-01-01T00:00:00Z") == {first, second}
    assert found("InvokedBefore", "2024-01-01T00:00:00Z") == set()
    refused = refusal(ssm.describe_sessions, State="Active", Filters=[{"key": "Colour", "value": "red"}])
    assert refused[0] == "InvalidFilterKey"


def test_wrong_state_size_and_token_of_describe_sessions_are_refused(aws_demo: DemoAws, client: Client) -> None:
    describe = client("ssm").describe_sessions
    assert refusal(describe, State="Everything")[0] == "ValidationException"
    assert refusal(describe, State="Active", MaxResults=0)[0] == "ValidationException"
    assert refusal(describe, State="Active", MaxResults=201)[0] == "ValidationException"
    assert refusal(describe, State="Active", NextToken="nonsense")[0] == "InvalidNextToken"
