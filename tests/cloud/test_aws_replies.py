"""Trimmed models and our own readers of replies give the values that stock boto3 gives, only fewer of them."""

from typing import Any

import boto3.session
import pytest

from ec2menu.aws import replies, second_process, trim
from ec2menu.aws.session import Aws
from ec2menu.demo.server import DemoAws
from tests.cloud.identities import aws_as

REGION = "us-east-1"


@pytest.fixture(params=["here", "in the second process"])
def aws(aws_demo: DemoAws, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Aws:
    """Our way, on the seeded fleet, however small its replies are."""
    aws_demo.seed_fleet()
    monkeypatch.setattr(replies, "LARGE_BYTES", 0)
    if request.param == "in the second process":
        monkeypatch.setattr(second_process, "_is_worth_it", lambda: True)
        monkeypatch.setattr(replies, "VERY_LARGE_BYTES", 0)
        monkeypatch.setattr(replies, "read_xml_reply", None)  # nothing is read here
    return aws_as()


def stock(service: str) -> Any:
    return boto3.session.Session().client(service, region_name=REGION)


def trimmed(service: str, shape: str, value: dict[str, Any]) -> dict[str, Any]:
    """Return what is left of a stock value of a shape by the rules of `trim`."""
    return {name: inner for name, inner in value.items() if name in trim.USED[service].members[shape]}


def trimmed_instance(instance: dict[str, Any]) -> dict[str, Any]:
    kept = trimmed("ec2", "Instance", instance)
    kept["Placement"] = trimmed("ec2", "Placement", kept["Placement"])
    return kept


def instances(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [instance for reservation in answer["Reservations"] for instance in reservation["Instances"]]


def test_instances_are_as_stock_boto3_has_them(aws: Aws) -> None:
    ours = instances(aws.call("ec2", "DescribeInstances", REGION, MaxResults=1000))
    theirs = [trimmed_instance(instance) for instance in instances(stock("ec2").describe_instances(MaxResults=1000))]
    assert len(ours) > 20
    assert ours == theirs


def test_pages_and_metadata_are_as_stock_boto3_has_them(aws: Aws) -> None:
    ours = aws.call("ec2", "DescribeInstances", REGION, MaxResults=5)
    theirs = stock("ec2").describe_instances(MaxResults=5)
    assert ours["NextToken"] == theirs["NextToken"]
    assert ours["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert ours["ResponseMetadata"].keys() == theirs["ResponseMetadata"].keys()


def test_an_account_without_instances_has_an_empty_list(aws_demo: DemoAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "LARGE_BYTES", 0)
    assert aws_as().call("ec2", "DescribeInstances", REGION)["Reservations"] == []


def test_nodes_are_as_stock_boto3_has_them(aws: Aws) -> None:
    ours = aws.call("ssm", "DescribeInstanceInformation", REGION, MaxResults=50)["InstanceInformationList"]
    theirs = stock("ssm").describe_instance_information(MaxResults=50)["InstanceInformationList"]
    theirs = [trimmed("ssm", "InstanceInformation", node) for node in theirs]
    moments = [node.pop("LastPingDateTime") for node in [*ours, *theirs]]  # an online agent's is always just now
    assert all(moment.tzinfo is not None for moment in moments)
    assert ours == theirs


def test_what_our_readers_do_not_know_is_left_to_botocore(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = instances(aws.call("ec2", "DescribeInstances", REGION, MaxResults=1000))
    monkeypatch.setattr(replies, "SCALARS", {})
    assert instances(aws_as().call("ec2", "DescribeInstances", REGION, MaxResults=1000)) == expected


def test_a_second_process_that_does_not_do_its_work_costs_nothing(
    aws_demo: DemoAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws_demo.seed_fleet()
    expected = instances(aws_as().call("ec2", "DescribeInstances", REGION, MaxResults=1000))
    monkeypatch.setattr(replies, "LARGE_BYTES", 0)
    monkeypatch.setattr(replies, "VERY_LARGE_BYTES", 0)
    monkeypatch.setattr(second_process, "_is_worth_it", lambda: True)
    monkeypatch.setattr(second_process, "_PROGRAM", "raise SystemExit(1)")
    assert instances(aws_as().call("ec2", "DescribeInstances", REGION, MaxResults=1000)) == expected


def test_a_model_that_lacks_what_is_used_is_left_as_it_is() -> None:
    model: dict[str, Any] = {"operations": {"DescribeInstances": {}}, "shapes": {}}
    assert trim.trim(model, trim.USED["ec2"]) is model


def test_only_what_is_used_is_left_of_a_model(aws: Aws) -> None:
    assert set(aws.client("ec2", REGION).meta.method_to_api_mapping.values()) == trim.USED["ec2"].operations
    assert set(aws.client("ssm", REGION).meta.method_to_api_mapping.values()) == trim.USED["ssm"].operations


@pytest.mark.parametrize(
    "text",
    ["2026-03-01T12:00:00.000Z", "2026-03-01T12:00:00+00:00", "20260301T120000Z", "Sun, 01 Mar 2026 12:00:00 GMT"],
)
def test_moments_are_read_in_every_form_that_botocore_reads(text: str) -> None:
    assert replies.parse_moment(text).isoformat() == "2026-03-01T12:00:00+00:00"
    assert replies.parse_moment(1772366400.0).isoformat() == "2026-03-01T12:00:00+00:00"
