"""Every fault of the demo, seen through boto3 in each of AWS's protocols."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.parsers import ResponseParserError

from ec2menu.demo.account import OPT_IN_REGIONS
from ec2menu.demo.server import DemoAws
from tests.cloud.conftest import Client
from tests.cloud.test_demo_ec2 import ids_in, paged_ids, refusal

Ask = Callable[[Client], Callable[..., Any]]

ASKS: dict[str, Ask] = {
    "ec2": lambda client: client("ec2").describe_instances,
    "ssm": lambda client: client("ssm").describe_instance_information,
    "rds": lambda client: client("rds").describe_db_instances,
    "elasticache": lambda client: client("elasticache").describe_cache_clusters,
    "ecs": lambda client: client("ecs").list_clusters,
    "sts": lambda client: client("sts").get_caller_identity,
    "account": lambda client: client("account").list_regions,
}
BAD_KEYS = {
    "ec2": "AuthFailure",
    "ssm": "UnrecognizedClientException",
    "rds": "InvalidClientTokenId",
    "elasticache": "InvalidClientTokenId",
    "ecs": "UnrecognizedClientException",
    "sts": "InvalidClientTokenId",
}


@pytest.mark.parametrize("service", ASKS)
def test_without_faults_every_service_answers(aws_demo: DemoAws, client: Client, service: str) -> None:
    assert ASKS[service](client)()["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("ec2", "RequestLimitExceeded"),
        ("ssm", "ThrottlingException"),
        ("rds", "Throttling"),
        ("elasticache", "Throttling"),
        ("ecs", "ThrottlingException"),
    ],
)
def test_throttling_lasts_for_the_given_number_of_calls(
    aws_demo: DemoAws, client: Client, service: str, code: str
) -> None:
    ask = ASKS[service](client)
    ask()
    aws_demo.faults.throttle(aws_demo.calls[0].operation, times=2)
    assert refusal(ask)[0] == code
    assert refusal(ask)[0] == code
    assert ask()


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("ec2", "UnauthorizedOperation"),
        ("ssm", "AccessDeniedException"),
        ("rds", "AccessDenied"),
        ("elasticache", "AccessDenied"),
        ("ecs", "AccessDeniedException"),
    ],
)
def test_a_denial_names_the_action_and_the_user(aws_demo: DemoAws, client: Client, service: str, code: str) -> None:
    ask = ASKS[service](client)
    ask()
    operation = aws_demo.calls[0].operation
    aws_demo.faults.deny(operation)
    found, text = refusal(ask)
    assert found == code
    assert f"arn:aws:iam::123456789012:user/demo is not authorized to perform: {service}:{operation}" in text
    assert f"because no identity-based policy allows the {service}:{operation} action" in text


def test_a_denial_may_be_for_one_region(aws_demo: DemoAws, client: Client) -> None:
    aws_demo.faults.deny("DescribeInstances", region="eu-west-1")
    assert refusal(client("ec2", "eu-west-1").describe_instances)[0] == "UnauthorizedOperation"
    assert client("ec2").describe_instances()["Reservations"] == []


def test_denying_everything_spares_get_caller_identity(aws_demo: DemoAws, client: Client) -> None:
    aws_demo.faults.deny("*")
    assert refusal(client("ec2").describe_instances)[0] == "UnauthorizedOperation"
    assert client("sts").get_caller_identity()["Account"]


def test_an_operation_may_be_named_with_its_service(aws_demo: DemoAws, client: Client) -> None:
    aws_demo.faults.deny("ssm:DescribeInstances")
    assert client("ec2").describe_instances()["Reservations"] == []
    aws_demo.faults.deny("ec2:DescribeInstances")
    assert refusal(client("ec2").describe_instances)[0] == "UnauthorizedOperation"


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("ec2", "RequestExpired"),
        ("ssm", "ExpiredTokenException"),
        ("rds", "ExpiredToken"),
        ("elasticache", "ExpiredToken"),
        ("ecs", "ExpiredTokenException"),
        ("sts", "ExpiredToken"),
    ],
)
def test_expired_credentials_are_worded_per_service(aws_demo: DemoAws, client: Client, service: str, code: str) -> None:
    aws_demo.faults.expire_credentials()
    assert refusal(ASKS[service](client))[0] == code


@pytest.mark.parametrize(("service", "code"), BAD_KEYS.items())
def test_a_disabled_region_answers_as_if_the_keys_were_bad(
    aws_demo: DemoAws, client: Client, service: str, code: str
) -> None:
    aws_demo.faults.disable_region("us-east-1")
    assert refusal(ASKS[service](client))[0] == code
    assert client("ec2", "eu-west-1").describe_instances()["Reservations"] == []


@pytest.mark.parametrize("region", ["ap-east-1", "me-south-1", "af-south-1", "eu-south-1"])
def test_a_region_not_opted_in_answers_as_disabled(aws_demo: DemoAws, client: Client, region: str) -> None:
    assert region in OPT_IN_REGIONS
    assert refusal(client("ec2", region).describe_instances)[0] == "AuthFailure"
    assert refusal(client("ssm", region).describe_instance_information)[0] == "UnrecognizedClientException"


@pytest.mark.parametrize(("service", "code"), BAD_KEYS.items())
def test_unknown_keys_are_refused(aws_demo: DemoAws, service: str, code: str) -> None:
    session = boto3.session.Session("AKIANOBODYNOBODYNOBO", "x", region_name="us-east-1")
    made = session.client(service)
    assert refusal(ASKS[service](lambda *_: made))[0] == code
    made.close()


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({"X-Amz-Target": "AmazonSSM.ListCommands"}, "{}", "UnrecognizedClientException"),
        ({}, "Action=DescribeInstances&Version=2016-11-15", "AuthFailure"),
        ({}, "Action=GetCallerIdentity&Version=2011-06-15", "InvalidClientTokenId"),
    ],
)
def test_a_request_without_signature_is_refused(
    aws_demo: DemoAws, headers: dict[str, str], body: str, code: str
) -> None:
    address = urlsplit(aws_demo.endpoint_url)
    connection = HTTPConnection(address.hostname or "", address.port)
    connection.request("POST", "/", body=body, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status >= 400
    assert code in text


def test_a_failing_service_answers_with_the_given_status(aws_demo: DemoAws, client: Client) -> None:
    aws_demo.faults.fail("DescribeInstances", status=503)
    with pytest.raises(ClientError) as caught:
        client("ec2").describe_instances()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert caught.value.response["Error"]["Code"] == "ServiceUnavailable"
    assert client("ec2").describe_instances()["Reservations"] == []
    aws_demo.faults.fail("DescribeInstanceInformation")
    assert refusal(client("ssm").describe_instance_information)[0] == "InternalFailure"


def test_a_lost_reply_leaves_the_call_carried_out(aws_demo: DemoAws, client: Client) -> None:
    (made,) = aws_demo.add_instances("us-east-1", 1)
    aws_demo.faults.lose_reply("StartSession")
    with pytest.raises(ConnectionClosedError):
        client("ssm").start_session(Target=made)
    assert len(aws_demo.sessions()) == 1
    client("ssm").start_session(Target=made)
    assert len(aws_demo.sessions()) == 2


def test_botocore_sends_a_call_again_when_its_reply_is_lost(aws_demo: DemoAws) -> None:
    (made,) = aws_demo.add_instances("us-east-1", 1)
    aws_demo.faults.lose_reply("StartSession", times=1)
    ssm = boto3.session.Session().client("ssm")
    ssm.start_session(Target=made)
    ssm.close()
    assert len(aws_demo.sessions()) == 2


def test_a_truncated_json_reply_loses_its_members(aws_demo: DemoAws, client: Client) -> None:
    aws_demo.add_instances("us-east-1", 1)
    aws_demo.faults.truncate_reply("DescribeInstanceInformation")
    cut = client("ssm").describe_instance_information()
    assert set(cut) == {"ResponseMetadata"}
    assert cut["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert client("ssm").describe_instance_information()["InstanceInformationList"]


def test_a_truncated_xml_reply_cannot_be_parsed(aws_demo: DemoAws, client: Client) -> None:
    aws_demo.faults.truncate_reply("DescribeInstances")
    with pytest.raises(ResponseParserError):
        client("ec2").describe_instances()
    assert client("ec2").describe_instances()["Reservations"] == []


@pytest.mark.parametrize("count", [0, 1, 11])
def test_empty_pages_come_before_every_page_and_carry_a_token(aws_demo: DemoAws, client: Client, count: int) -> None:
    made = aws_demo.add_instances("us-east-1", count)
    aws_demo.faults.empty_pages("DescribeInstances")
    aws_demo.faults.empty_pages("DescribeInstanceInformation")
    first = client("ec2").describe_instances(MaxResults=5)
    assert ids_in(first) == []
    assert first["NextToken"]
    assert paged_ids(client("ec2"), 5) == made
    pages = client("ssm").get_paginator("describe_instance_information").paginate(PaginationConfig={"PageSize": 5})
    sizes = [len(page["InstanceInformationList"]) for page in pages]
    assert sum(sizes) == count
    assert sizes[0] == 0


def test_short_pages_hold_fewer_items_than_asked_for(aws_demo: DemoAws, client: Client) -> None:
    made = aws_demo.add_instances("us-east-1", 11)
    aws_demo.faults.short_pages("DescribeInstances", 3)
    assert len(ids_in(client("ec2").describe_instances(MaxResults=1000))) == 3
    assert paged_ids(client("ec2"), 1000) == made
    assert len(aws_demo.calls_of("DescribeInstances")) == 1 + 4


def test_a_delayed_call_is_answered_once_the_fault_is_cleared(aws_demo: DemoAws, client: Client) -> None:
    ec2 = client("ec2")
    aws_demo.faults.delay("DescribeInstances", seconds=0)
    aws_demo.faults.delay("DescribeInstances", seconds=3600)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ec2.describe_instances)
        # Another operation goes through meanwhile; recorded first is the call that is being held.
        while not aws_demo.calls_of("DescribeInstances"):
            ec2.describe_regions()
        assert not answer.done()
        aws_demo.faults.clear()
        assert answer.result(timeout=60)["Reservations"] == []


def test_clear_takes_every_fault_back(aws_demo: DemoAws, client: Client) -> None:
    aws_demo.faults.expire_credentials()
    aws_demo.faults.deny("*")
    aws_demo.faults.disable_region("us-east-1")
    aws_demo.faults.clear()
    assert client("ec2").describe_instances()["Reservations"] == []


def test_refused_calls_are_recorded_too(aws_demo: DemoAws, client: Client) -> None:
    aws_demo.faults.throttle("DescribeInstances")
    refusal(client("ec2").describe_instances)
    assert len(aws_demo.calls_of("DescribeInstances")) == 1
