"""Regions: AWS's two ways of saying what is enabled, and the table known offline."""

import botocore.session
import pytest

from ec2menu.aws.profiles import is_region_name, partition_home
from ec2menu.models import Region, Style
from ec2menu.resources.region_names import TITLES, offline_regions
from ec2menu.resources.regions import COLUMNS, parse_region
from tests.fakes.clock import START


@pytest.mark.parametrize("status", ["opt-in-not-required", "opted-in", "not-opted-in"])
def test_describe_regions_is_taken_at_its_word(status: str) -> None:
    found = parse_region({"RegionName": "ap-east-1", "OptInStatus": status, "Endpoint": "x"})
    assert found == Region(name="ap-east-1", title="Hong Kong", opt_in=status)
    assert found.is_enabled is (status != "not-opted-in")


@pytest.mark.parametrize(
    ("status", "enabled"),
    [
        ("ENABLED_BY_DEFAULT", True),
        ("ENABLED", True),
        ("ENABLING", False),
        ("DISABLING", False),
        ("DISABLED", False),
        ("SOMETHING_NEW", True),
    ],
)
def test_list_regions_words_are_turned_into_those_of_describe_regions(status: str, enabled: bool) -> None:
    assert parse_region({"RegionName": "x", "RegionOptStatus": status}).is_enabled is enabled


def test_a_region_that_is_newer_than_this_program_has_no_place() -> None:
    assert parse_region({"RegionName": "xx-new-1"}) == Region(name="xx-new-1")


def test_the_columns_show_name_place_and_status() -> None:
    def row(region: Region) -> list[str]:
        return [column.cell(region, START).text for column in COLUMNS]

    disabled = parse_region({"RegionName": "ap-east-1", "OptInStatus": "not-opted-in"})
    assert row(disabled) == ["ap-east-1", "Hong Kong", "not-opted-in"]
    assert row(Region(name="xx-new-1")) == ["xx-new-1", "", "unknown"]
    assert COLUMNS[2].cell(disabled, START).style is Style.DIM


def test_every_name_in_the_table_is_a_regions_name() -> None:
    assert [name for name in TITLES if not is_region_name(name)] == []
    assert all(TITLES.values())


def test_the_table_knows_every_commercial_region_that_botocore_knows() -> None:
    known = botocore.session.Session().get_available_regions("ec2")
    assert sorted(set(known) - set(TITLES)) == []


@pytest.mark.parametrize(
    ("home", "includes", "excludes"),
    [
        ("", "us-east-1", "ap-east-1"),
        ("eu-west-1", "us-east-1", "cn-north-1"),
        ("ap-east-1", "ap-east-1", "me-south-1"),
        ("cn-north-1", "cn-northwest-1", "us-east-1"),
        ("us-gov-east-1", "us-gov-west-1", "us-east-1"),
        ("us-iso-east-1", "us-iso-east-1", "us-east-1"),
        ("eusc-de-east-1", "eusc-de-east-1", "us-east-1"),
    ],
)
def test_the_offline_list_is_the_home_regions_partition_and_what_every_account_has(
    home: str, includes: str, excludes: str
) -> None:
    names = [region.name for region in offline_regions(home)]
    assert includes in names
    assert excludes not in names
    assert len(names) == len(set(names))
    assert all(region.is_enabled and region.opt_in == "" for region in offline_regions(home))


@pytest.mark.parametrize(
    ("region", "home"),
    [
        ("", "us-east-1"),
        ("ap-east-1", "us-east-1"),
        ("eu-isoe-west-1", "eu-isoe-west-1"),
        ("cn-northwest-1", "cn-north-1"),
        ("us-gov-east-1", "us-gov-west-1"),
        ("us-iso-west-1", "us-iso-east-1"),
        ("us-isob-east-1", "us-isob-east-1"),
        ("eusc-de-east-1", "eusc-de-east-1"),
    ],
)
def test_the_region_to_judge_keys_in_is_of_the_same_partition(region: str, home: str) -> None:
    assert partition_home(region) == home
