"""The endpoint that the benchmarks measure against, asked by real boto3: all is there, and AWS's limits hold."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.bench.canned import Canned, variables
from tests.bench.fleet import Size

SIZE = Size(instances=1105, regions=5, unmanaged=100, hybrid=7)
ONE_ATTEMPT = Config(retries={"mode": "standard", "total_max_attempts": 1}, proxies={})


@pytest.fixture(scope="module")
def session() -> boto3.session.Session:
    return boto3.session.Session("AKIAIOSFODNN7EXAMPLE", "not-checked", region_name="us-east-1")


@pytest.fixture(scope="module")
def _aws() -> Iterator[Canned]:
    with Canned(SIZE, latency_ms=0) as aws:
        yield aws


@pytest.fixture
def aws(_aws: Canned) -> Canned:
    _aws.stats(reset=True)
    return _aws


def client(session: boto3.session.Session, aws: Canned, service: str, region: str = "us-east-1") -> Any:
    return session.client(service, region_name=region, endpoint_url=aws.url, config=ONE_ATTEMPT)


def node_ids(ssm: Any, page_size: int | None = None, **parameters: Any) -> list[str]:
    pages = ssm.get_paginator("describe_instance_information").paginate(
        **parameters, PaginationConfig={"PageSize": page_size}
    )
    return [node["InstanceId"] for page in pages for node in page["InstanceInformationList"]]


def instance_ids(ec2: Any, page_size: int | None = None) -> list[str]:
    pages = ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": page_size})
    return [each["InstanceId"] for page in pages for entry in page["Reservations"] for each in entry["Instances"]]


def code_of(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return str(refused.value.response["Error"]["Code"])


def test_every_instance_is_there_exactly_once_over_all_regions_and_pages(
    session: boto3.session.Session, aws: Canned
) -> None:
    regions = [entry["RegionName"] for entry in client(session, aws, "ec2").describe_regions()["Regions"]]
    assert len(regions) == SIZE.regions
    found = [i for region in regions for i in instance_ids(client(session, aws, "ec2", region), page_size=100)]
    assert len(found) == len(set(found)) == SIZE.instances
    assert aws.stats()["calls"] == {"DescribeRegions": 1, "DescribeInstances": 5 * 3}


def test_the_managed_instances_are_nodes_and_the_hybrid_ones_come_on_top(
    session: boto3.session.Session, aws: Canned
) -> None:
    regions = [entry["RegionName"] for entry in client(session, aws, "ec2").describe_regions()["Regions"]]
    instances = {i for region in regions for i in instance_ids(client(session, aws, "ec2", region))}
    nodes = [i for region in regions for i in node_ids(client(session, aws, "ssm", region), page_size=50)]
    assert len(nodes) == len(set(nodes)) == SIZE.instances - SIZE.unmanaged + SIZE.hybrid
    assert {node for node in nodes if node not in instances} == {node for node in nodes if node.startswith("mi-")}


@pytest.mark.parametrize(("page_size", "calls"), [(None, 21), (50, 5), (10, 21)])
def test_ssm_gives_ten_nodes_a_page_unless_asked_for_more(
    session: boto3.session.Session, aws: Canned, page_size: int | None, calls: int
) -> None:
    assert len(node_ids(client(session, aws, "ssm"), page_size)) == 208
    assert aws.stats()["calls"] == {"DescribeInstanceInformation": calls}


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code"),
    [
        ("ec2", "describe_instances", {"MaxResults": 4}, "InvalidParameterValue"),
        ("ec2", "describe_instances", {"MaxResults": 1001}, "InvalidParameterValue"),
        ("ec2", "describe_instances", {"NextToken": "made up"}, "InvalidParameterValue"),
        ("ec2", "describe_instances", {"InstanceIds": ["i-0369448176afe0b50"]}, "UnknownParameter"),
        ("ec2", "describe_vpcs", {}, "InvalidAction"),
        ("ssm", "describe_instance_information", {"MaxResults": 51}, "ValidationException"),
        ("ssm", "describe_instance_information", {"NextToken": "made up"}, "InvalidNextToken"),
        (
            "ssm",
            "describe_instance_information",
            {"Filters": [{"Key": "InstanceIds", "Values": [f"i-{number:017x}" for number in range(101)]}]},
            "ValidationException",
        ),
        ("ssm", "describe_instance_information", {"Filters": [{"Key": "tag:a", "Values": ["b"]}]}, "InvalidFilterKey"),
    ],
)
def test_what_aws_or_the_endpoint_does_not_take_is_refused(
    session: boto3.session.Session, aws: Canned, *, service: str, operation: str, parameters: dict[str, Any], code: str
) -> None:
    assert code_of(getattr(client(session, aws, service), operation), **parameters) == code


def test_a_token_only_continues_its_own_query(session: boto3.session.Session, aws: Canned) -> None:
    ssm = client(session, aws, "ssm")
    token = ssm.describe_instance_information(MaxResults=50)["NextToken"]
    online = [{"Key": "PingStatus", "Values": ["Online"]}]
    assert code_of(ssm.describe_instance_information, NextToken=token, Filters=online) == "InvalidNextToken"


def test_a_region_that_is_not_enabled_answers_as_if_the_keys_were_bad(
    session: boto3.session.Session, aws: Canned
) -> None:
    regions = client(session, aws, "ec2").describe_regions(AllRegions=True)["Regions"]
    disabled = [entry["RegionName"] for entry in regions if entry["OptInStatus"] == "not-opted-in"]
    assert len(disabled) == len(regions) - SIZE.regions > 0
    assert code_of(client(session, aws, "ec2", disabled[0]).describe_instances) == "AuthFailure"
    ssm = client(session, aws, "ssm", disabled[0])
    assert code_of(ssm.describe_instance_information) == "UnrecognizedClientException"


def test_filters_choose_by_id_kind_platform_and_ping_and_all_must_hold(
    session: boto3.session.Session, aws: Canned
) -> None:
    ssm = client(session, aws, "ssm")
    everything = [
        node
        for page in ssm.get_paginator("describe_instance_information").paginate()
        for node in page["InstanceInformationList"]
    ]
    chosen = [node["InstanceId"] for node in everything[:100]]
    filters = [
        {"Key": "InstanceIds", "Values": [*chosen[:99], "i-00000000000000000"]},
        {"Key": "ResourceType", "Values": ["EC2Instance"]},
        {"Key": "PlatformTypes", "Values": ["Windows", "MacOS"]},
        {"Key": "PingStatus", "Values": ["Online"]},
    ]
    wanted = [
        node["InstanceId"]
        for node in everything[:99]
        if node["PlatformType"] == "Windows" and node["PingStatus"] == "Online"
    ]
    assert 0 < len(wanted) < 99
    assert node_ids(ssm, Filters=filters) == wanted
    hybrid = [{"Key": "ResourceType", "Values": ["ManagedInstance"]}]
    assert len(node_ids(ssm, Filters=hybrid)) == SIZE.hybrid


def test_every_third_ssm_call_is_throttled_and_nothing_else(session: boto3.session.Session) -> None:
    with Canned(Size(instances=20, regions=1), latency_ms=0, throttle_every=3) as aws:
        ssm, ec2 = client(session, aws, "ssm"), client(session, aws, "ec2")
        for _ in range(2):
            assert len(node_ids(ssm)) == len(instance_ids(ec2)) == 20
            assert code_of(ssm.describe_instance_information) == "ThrottlingException"
        assert aws.stats()["throttled"] == 2


def test_calls_under_way_at_once_are_counted_and_do_not_wait_for_each_other() -> None:
    scope = "AKIAIOSFODNN7EXAMPLE/20250101/us-east-1/sts/aws4_request"
    with Canned(Size(instances=20, regions=1), latency_ms=60_000) as aws, ExitStack() as stack:
        for _ in range(8):
            connection = stack.enter_context(closing(HTTPConnection(aws.url.removeprefix("http://"))))
            headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
            connection.request("POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", headers)
        deadline = time.monotonic() + 30
        while aws.stats()["calls"] != {"GetCallerIdentity": 8}:
            assert time.monotonic() < deadline
        assert aws.stats(reset=True)["most_at_once"] == 8
        assert aws.stats()["calls"] == {}


def test_an_environment_leads_to_the_endpoint_and_keeps_files_in_its_home(
    aws: Canned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    environment = aws.environment("/somewhere")
    assert variables(aws.url).items() <= environment.items()
    assert "AWS_PROFILE" not in environment
    assert environment["XDG_STATE_HOME"] == "/somewhere/state"
