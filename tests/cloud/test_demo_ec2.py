"""DescribeInstances and DescribeRegions of the demo, to AWS's limits and error codes."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ec2menu.demo.account import ENABLED_REGIONS, OPT_IN_REGIONS
from ec2menu.demo.server import DemoAws
from tests.cloud.conftest import Client


def instances_in(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [instance for reservation in answer["Reservations"] for instance in reservation["Instances"]]


def ids_in(answer: dict[str, Any]) -> list[str]:
    return [instance["InstanceId"] for instance in instances_in(answer)]


def paged_ids(ec2: Any, size: int, **more: Any) -> list[str]:
    pages = ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": size}, **more)
    return [each for page in pages for each in ids_in(page)]


def refusal(call: Any, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize("count", [0, 1, 10, 11, 50, 51, 100, 101])
@pytest.mark.parametrize("size", [5, 10, 1000])
def test_a_paginator_finds_every_instance_once(aws_demo: DemoAws, client: Client, count: int, size: int) -> None:
    made = aws_demo.add_instances("us-east-1", count)
    assert sorted(paged_ids(client("ec2"), size)) == sorted(made)


def test_a_thousand_and_one_instances_are_two_pages(aws_demo: DemoAws, client: Client) -> None:
    made = aws_demo.add_instances("us-east-1", 1001)
    assert sorted(paged_ids(client("ec2"), 1000)) == sorted(made)
    assert len(aws_demo.calls_of("DescribeInstances")) == 2


def test_one_reservation_of_many_instances_is_split_over_pages(aws_demo: DemoAws, client: Client) -> None:
    ec2 = client("ec2")
    ec2.run_instances(ImageId="ami-12345678", MinCount=12, MaxCount=12)
    first = ec2.describe_instances(MaxResults=5)
    assert len(ids_in(first)) == 5
    assert len(set(paged_ids(ec2, 5))) == 12


def test_without_max_results_everything_comes_at_once(aws_demo: DemoAws, client: Client) -> None:
    made = aws_demo.add_instances("us-east-1", 101)
    answer = client("ec2").describe_instances()
    assert ids_in(answer) == made
    assert "NextToken" not in answer


@pytest.mark.parametrize(("size", "bound"), [(0, "greater than 5"), (4, "greater than 5"), (1001, "less than 1000")])
def test_a_page_size_outside_5_to_1000_is_refused(aws_demo: DemoAws, client: Client, size: int, bound: str) -> None:
    code, text = refusal(client("ec2").describe_instances, MaxResults=size)
    assert code == "InvalidParameterValue"
    assert text == f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value {bound}."


def test_max_results_and_ids_cannot_be_combined(aws_demo: DemoAws, client: Client) -> None:
    (made,) = aws_demo.add_instances("us-east-1", 1)
    code, text = refusal(client("ec2").describe_instances, InstanceIds=[made], MaxResults=5)
    assert code == "InvalidParameterCombination"
    assert text == "The parameter instancesSet cannot be used with the parameter maxResults"


@pytest.mark.parametrize("token", ["nonsense", "MTA6MDowMDAwMDAwMA==", "ÿ"])
def test_a_token_that_was_not_given_is_refused(aws_demo: DemoAws, client: Client, token: str) -> None:
    code, _ = refusal(client("ec2").describe_instances, NextToken=token, MaxResults=5)
    assert code == "InvalidParameterValue"


def test_one_unknown_id_fails_the_whole_call(aws_demo: DemoAws, client: Client) -> None:
    (made,) = aws_demo.add_instances("us-east-1", 1)
    code, text = refusal(client("ec2").describe_instances, InstanceIds=[made, "i-0123456789abcdef0"])
    assert code == "InvalidInstanceID.NotFound"
    assert text == "The instance ID 'i-0123456789abcdef0' does not exist"
    assert refusal(client("ec2").describe_instances, InstanceIds=["i-xyz"])[0] == "InvalidInstanceID.Malformed"


def test_the_instance_id_filter_leaves_unknown_ids_out(aws_demo: DemoAws, client: Client) -> None:
    made = aws_demo.add_instances("us-east-1", 3)
    wanted = [{"Name": "instance-id", "Values": [made[1], "i-0123456789abcdef0"]}]
    assert ids_in(client("ec2").describe_instances(Filters=wanted)) == [made[1]]


def test_more_than_200_filter_values_are_refused(aws_demo: DemoAws, client: Client) -> None:
    def of(count: int) -> list[dict[str, Any]]:
        return [{"Name": "instance-id", "Values": [f"i-{n:08x}" for n in range(count)]}]

    assert ids_in(client("ec2").describe_instances(Filters=of(200))) == []
    assert refusal(client("ec2").describe_instances, Filters=of(201))[0] == "FilterLimitExceeded"


def test_an_unknown_filter_is_refused(aws_demo: DemoAws, client: Client) -> None:
    code, text = refusal(client("ec2").describe_instances, Filters=[{"Name": "colour", "Values": ["red"]}])
    assert (code, text) == ("InvalidParameterValue", "The filter 'colour' is invalid")


@pytest.mark.parametrize(
    ("name_and_value", "expected"),
    [
        (("tag:Name", "web-*"), {"web", "old"}),
        (("tag:Name", "web-?1"), {"web"}),
        (("tag:Name", r"web-\*"), set()),
        (("tag:Role", "jumphost"), {"jump"}),
        (("tag:role", "jumphost"), set()),
        (("tag-key", "Role"), {"jump"}),
        (("instance-state-name", "stopped"), {"old"}),
        (("instance-type", "m5.*"), {"jump"}),
        (("platform", "windows"), {"jump"}),
    ],
)
def test_filters_match_as_aws_matches(
    aws_demo: DemoAws, client: Client, name_and_value: tuple[str, str], expected: set[str]
) -> None:
    made = {
        "web": aws_demo.add_instances("us-east-1", 1, name="web-01")[0],
        "old": aws_demo.add_instances("us-east-1", 1, name="web-002", state="stopped")[0],
        "jump": aws_demo.add_instances(
            "us-east-1", 1, name="jump", tags={"Role": "jumphost"}, type="m5.large", platform="Windows"
        )[0],
    }
    name, value = name_and_value
    found = ids_in(client("ec2").describe_instances(Filters=[{"Name": name, "Values": [value]}]))
    assert set(found) == {made[each] for each in expected}


def test_filters_work_with_pages(aws_demo: DemoAws, client: Client) -> None:
    aws_demo.add_instances("us-east-1", 8, name="other-{n}")
    wanted = aws_demo.add_instances("us-east-1", 11, name="api-{n}")
    filters = [{"Name": "tag:Name", "Values": ["api-*"]}]
    assert paged_ids(client("ec2"), 5, Filters=filters) == wanted


def test_an_instance_looks_as_it_does_at_aws(aws_demo: DemoAws, client: Client) -> None:
    aws_demo.add_instances("ap-northeast-2", 1, name="결제 & <api>", public=True, age=timedelta(days=400))
    (found,) = instances_in(client("ec2", "ap-northeast-2").describe_instances())
    assert found["State"] == {"Code": 16, "Name": "running"}
    assert found["Tags"] == [{"Key": "Name", "Value": "결제 & <api>"}]
    assert found["Placement"]["AvailabilityZone"] == "ap-northeast-2a"
    assert found["IamInstanceProfile"]["Arn"].startswith("arn:aws:iam::123456789012:instance-profile/")
    assert found["LaunchTime"].year < 2100
    assert found["PublicIpAddress"]
    assert found["VpcId"].startswith("vpc-")
    assert "Platform" not in found
    assert found["PlatformDetails"] == "Linux/UNIX"


def test_an_instance_without_tags_has_no_tags_member(aws_demo: DemoAws, client: Client) -> None:
    client("ec2").run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)
    (found,) = instances_in(client("ec2").describe_instances())
    assert "Tags" not in found


def test_a_character_that_xml_cannot_carry_is_replaced(aws_demo: DemoAws, client: Client) -> None:
    aws_demo.add_instances("us-east-1", 1, name="a\x1bb\nc")
    (found,) = instances_in(client("ec2").describe_instances())
    assert found["Tags"][0]["Value"] == "a\ufffdb\nc"


def test_stopping_stays_motos_own(aws_demo: DemoAws, client: Client) -> None:
    (made,) = aws_demo.add_instances("us-east-1", 1)
    client("ec2").stop_instances(InstanceIds=[made])
    (stopped,) = instances_in(client("ec2").describe_instances(InstanceIds=[made]))
    assert stopped["State"]["Name"] == "stopped"
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"


def test_subnets_are_found_by_id_and_come_in_pages(aws_demo: DemoAws, client: Client) -> None:
    ec2 = client("ec2")
    everything = ec2.describe_subnets()["Subnets"]
    pages = list(ec2.get_paginator("describe_subnets").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["Subnets"]) for page in pages[:-1]] == [5] * (len(pages) - 1)
    assert [each for page in pages for each in page["Subnets"]] == everything
    wanted = everything[0]["SubnetId"]
    (found,) = ec2.describe_subnets(SubnetIds=[wanted])["Subnets"]
    assert found["VpcId"].startswith("vpc-")
    there = [{"Name": "vpc-id", "Values": [found["VpcId"]]}]
    assert wanted in {each["SubnetId"] for each in ec2.describe_subnets(Filters=there)["Subnets"]}
    assert refusal(ec2.describe_subnets, SubnetIds=["subnet-00000000"])[0] == "InvalidSubnetID.NotFound"
    assert refusal(ec2.describe_subnets, SubnetIds=[wanted], MaxResults=5)[0] == "InvalidParameterCombination"
    assert refusal(ec2.describe_subnets, MaxResults=4)[0] == "InvalidParameterValue"


def test_a_terminated_instance_lingers_without_address(aws_demo: DemoAws, client: Client) -> None:
    (made,) = aws_demo.add_instances("us-east-1", 1)
    client("ec2").terminate_instances(InstanceIds=[made])
    (found,) = instances_in(client("ec2").describe_instances(InstanceIds=[made]))
    assert found["State"]["Name"] == "terminated"
    assert "PrivateIpAddress" not in found


def test_dry_run_says_that_it_would_have_worked(aws_demo: DemoAws, client: Client) -> None:
    assert refusal(client("ec2").describe_instances, DryRun=True)[0] == "DryRunOperation"


def test_only_enabled_regions_are_described_by_default(aws_demo: DemoAws, client: Client) -> None:
    regions = client("ec2").describe_regions()["Regions"]
    assert {region["RegionName"] for region in regions} == set(ENABLED_REGIONS)
    assert {region["OptInStatus"] for region in regions} == {"opt-in-not-required"}
    assert len(regions) == 17


def test_all_regions_include_those_not_opted_in(aws_demo: DemoAws, client: Client) -> None:
    regions = client("ec2").describe_regions(AllRegions=True)["Regions"]
    by_name = {region["RegionName"]: region["OptInStatus"] for region in regions}
    assert set(by_name) == {*ENABLED_REGIONS, *OPT_IN_REGIONS}
    assert by_name["af-south-1"] == "not-opted-in"
    assert by_name["us-east-1"] == "opt-in-not-required"


def test_the_opt_in_filter_and_region_names_are_honoured(aws_demo: DemoAws, client: Client) -> None:
    ec2 = client("ec2")
    off = [{"Name": "opt-in-status", "Values": ["not-opted-in"]}]
    assert ec2.describe_regions(Filters=off)["Regions"] == []
    found = ec2.describe_regions(Filters=off, AllRegions=True)["Regions"]
    assert {region["RegionName"] for region in found} == set(OPT_IN_REGIONS)
    (one,) = ec2.describe_regions(RegionNames=["eu-west-1"])["Regions"]
    assert one["RegionName"] == "eu-west-1"
    assert refusal(ec2.describe_regions, RegionNames=["mars-1"])[0] == "InvalidParameterValue"
    assert refusal(ec2.describe_regions, Filters=[{"Name": "x", "Values": ["y"]}])[0] == "InvalidParameterValue"
