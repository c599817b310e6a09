"""The fetches of resources against AWS's own page sizes and refusals: complete or told, never quietly short."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ec2menu.aws.session import Aws
from ec2menu.demo.account import ENABLED_REGIONS, OPT_IN_REGIONS
from ec2menu.demo.server import DemoAws
from ec2menu.errors import (
    AccessDenied,
    Ec2MenuError,
    ExitStatus,
    IncompleteAnswer,
    LoginExpired,
    RegionDisabled,
)
from ec2menu.models import Instance, Listing, Region, SsmStatus
from ec2menu.resources.ec2 import fetch_instances
from ec2menu.resources.inventory import Inventory
from ec2menu.resources.kinds import EC2, NODES, REGIONS
from ec2menu.resources.nodes import fetch_nodes
from ec2menu.resources.regions import fetch_regions
from tests.cloud.identities import aws_as
from tests.fakes.clock import START, FakeClock

HOME = "us-east-1"
ARN = "arn:aws:iam::123456789012:user/demo"
COUNTS = [0, 1, 10, 11, 50, 51, 100, 101]
INSTANCES, NODE_LIST = "DescribeInstances", "DescribeInstanceInformation"


@pytest.fixture
def aws(aws_demo: DemoAws, shared: list[Aws]) -> Aws:
    """One identity for the module, made in the first test's environment: clients cost more than most tests."""
    if not shared:
        shared.append(aws_as())
    return shared[0]


def machines(aws: Aws, region: str = HOME, *, heard: list[str] | None = None) -> Listing[Instance]:
    words: list[str] = [] if heard is None else heard
    return fetch_instances(aws, region, now=START, on_progress=words.append)


def ids(items: Sequence[Any]) -> list[str]:
    found = [item.id for item in items]
    assert len(found) == len(set(found)), "nothing is listed twice"
    return sorted(found)


def once_past(count: int, act: Callable[[], None]) -> Callable[[int], None]:
    """An `on_count` that acts when the first `count` have been read: in the middle of a list."""
    acted: list[int] = []

    def note(number: int) -> None:
        if number >= count and not acted:
            acted.append(number)
            act()

    return note


# -- complete -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", COUNTS)
def test_every_machine_is_listed_with_its_node_whatever_the_page_size(aws_demo: DemoAws, aws: Aws, count: int) -> None:
    made = aws_demo.add_instances(HOME, count)
    listing = machines(aws)
    assert ids(listing.items) == sorted(made)
    assert {machine.ssm_status for machine in listing.items} <= {SsmStatus.ONLINE}
    assert (listing.problems, listing.as_of) == ((), START)
    assert len(aws_demo.calls_of(NODE_LIST)) == max(1, math.ceil(count / 50))
    assert len(aws_demo.calls_of(INSTANCES)) == 1


def test_a_thousand_and_one_machines_are_all_listed(aws_demo: DemoAws, aws: Aws) -> None:
    made = aws_demo.add_instances(HOME, 1001)
    heard: list[str] = []
    listing = machines(aws, heard=heard)
    assert ids(listing.items) == sorted(made)
    assert heard[-1] == "1,001 instances, 1,001 SSM nodes"
    assert len(aws_demo.calls_of(INSTANCES)) == 2
    # A chain of 21 pages, or a part of it, and then queries by id for what it has not shown yet, and one for hybrids.
    assert 21 <= len(aws_demo.calls_of(NODE_LIST)) <= 23


@pytest.mark.parametrize("count", COUNTS)
def test_every_node_is_listed_hybrid_ones_included(aws_demo: DemoAws, aws: Aws, count: int) -> None:
    made = [aws_demo.add_hybrid_node(HOME, f"node-{number}") for number in range(count)]
    assert ids(fetch_nodes(aws, HOME)) == sorted(made)
    assert ids(machines(aws).items) == sorted(made)


@pytest.mark.parametrize("operation", [INSTANCES, NODE_LIST])
def test_empty_and_short_pages_hide_nothing(aws_demo: DemoAws, aws: Aws, operation: str) -> None:
    made = aws_demo.add_instances(HOME, 23)
    aws_demo.faults.empty_pages(operation)
    aws_demo.faults.short_pages(operation, 4)
    listing = machines(aws)
    assert ids(listing.items) == sorted(made)
    assert {machine.ssm_status for machine in listing.items} == {SsmStatus.ONLINE}
    assert len(aws_demo.calls_of(operation)) == 12


@pytest.mark.parametrize("fault", ["throttle", "fail", "lose_reply", "truncate_reply"])
def test_trouble_in_the_middle_of_the_nodes_costs_none_of_them(aws_demo: DemoAws, aws: Aws, fault: str) -> None:
    made = aws_demo.add_instances(HOME, 101)
    trouble = once_past(50, lambda: getattr(aws_demo.faults, fault)(NODE_LIST))
    assert ids(fetch_nodes(aws, HOME, on_count=trouble)) == sorted(made)


@pytest.mark.parametrize("fault", ["throttle", "fail", "lose_reply", "truncate_reply"])
def test_trouble_with_the_instances_costs_none_of_them(aws_demo: DemoAws, aws: Aws, fault: str) -> None:
    made = aws_demo.add_instances(HOME, 11)
    aws_demo.faults.short_pages(INSTANCES, 5)
    getattr(aws_demo.faults, fault)(INSTANCES)
    listing = machines(aws)
    assert (ids(listing.items), listing.problems) == (sorted(made), ())


# -- partly or wholly refused -----------------------------------------------------------------------------------------


def test_without_ssm_the_instances_are_listed_and_the_missing_permission_is_named(aws_demo: DemoAws, aws: Aws) -> None:
    made = aws_demo.add_instances(HOME, 3)
    aws_demo.faults.deny(NODE_LIST)
    listing = machines(aws)
    assert ids(listing.items) == sorted(made)
    assert {machine.ssm_status for machine in listing.items} == {SsmStatus.UNKNOWN}
    (problem,) = listing.problems
    assert problem.where == HOME
    assert problem.message == f"ssm:DescribeInstanceInformation in us-east-1 is denied for {ARN}"
    assert problem.hint == "have ssm:DescribeInstanceInformation allowed for that identity"
    assert problem.status == ExitStatus.AWS


def test_without_ec2_the_nodes_alone_are_listed_and_the_missing_permission_is_named(
    aws_demo: DemoAws, aws: Aws
) -> None:
    made = [*aws_demo.add_instances(HOME, 2), aws_demo.add_hybrid_node(HOME, "on-prem")]
    aws_demo.faults.deny(INSTANCES)
    listing = machines(aws)
    assert ids(listing.items) == sorted(made)
    assert {machine.ssm_status for machine in listing.items} == {SsmStatus.ONLINE}
    assert [problem.message for problem in listing.problems] == [
        f"ec2:DescribeInstances in us-east-1 is denied for {ARN}"
    ]


def test_without_both_the_denial_is_an_error(aws_demo: DemoAws, aws: Aws) -> None:
    aws_demo.faults.deny("*")
    with pytest.raises(AccessDenied) as caught:
        machines(aws)
    assert caught.value.action == "ec2:DescribeInstances"
    assert ARN in caught.value.message


def test_an_expired_login_is_an_error_that_can_be_renewed(aws_demo: DemoAws, aws: Aws) -> None:
    aws_demo.add_instances(HOME, 3)
    aws_demo.faults.expire_credentials()
    with pytest.raises(LoginExpired):
        machines(aws)


def test_a_login_that_expires_between_the_two_lists_is_no_list_with_nothing_online(aws_demo: DemoAws, aws: Aws) -> None:
    aws_demo.add_instances(HOME, 3)
    aws_demo.faults.delay(NODE_LIST, 20)

    def expire_after_the_instances(text: str) -> None:
        if text.startswith("3 instances"):
            aws_demo.faults.expire_credentials()
            aws_demo.faults._cleared.set()  # the nodes' call goes on, into the refusal

    with pytest.raises(LoginExpired):
        fetch_instances(aws, HOME, now=START, on_progress=expire_after_the_instances)
    assert len(aws_demo.calls_of(NODE_LIST)) == 1


def test_a_list_that_is_cut_every_time_is_a_problem_and_never_shown_in_part(aws_demo: DemoAws, aws: Aws) -> None:
    made = aws_demo.add_instances(HOME, 60)
    aws_demo.faults.truncate_reply(NODE_LIST, times=99)
    listing = machines(aws)
    assert ids(listing.items) == sorted(made)
    assert {machine.ssm_status for machine in listing.items} == {SsmStatus.UNKNOWN}
    assert "was cut short" in listing.problems[0].message
    with pytest.raises(IncompleteAnswer):
        fetch_nodes(aws, HOME)


def test_a_disabled_region_among_several_is_one_problem_that_names_the_account(aws_demo: DemoAws, aws: Aws) -> None:
    made = aws_demo.add_instances(HOME, 2)
    aws_demo.faults.disable_region("eu-west-1")
    shelf = Inventory(aws=lambda: aws, clock=FakeClock(), ttl_seconds=300, workers=4)
    listing = shelf.listing(EC2, [HOME, "eu-west-1"])
    assert ids(listing.items) == sorted(made)
    assert [(problem.where, problem.message) for problem in listing.problems] == [
        ("eu-west-1", "the region eu-west-1 is not enabled for account 123456789012")
    ]
    with pytest.raises(RegionDisabled):
        shelf.listing(EC2, ["eu-west-1"])


def test_machines_of_several_regions_know_where_they_are(aws_demo: DemoAws, aws: Aws) -> None:
    made = {(region, node) for region in (HOME, "eu-west-2") for node in aws_demo.add_instances(region, 2)}
    shelf = Inventory(aws=lambda: aws, clock=FakeClock(), ttl_seconds=300, workers=4)
    assert {(item.region, item.id) for item in shelf.listing(EC2, [HOME, "eu-west-2"]).items} == made
    assert {(item.region, item.id) for item in shelf.listing(NODES, [HOME, "eu-west-2"]).items} == made


# -- what a machine says of itself ------------------------------------------------------------------------------------


def test_states_and_agents_make_the_status(aws_demo: DemoAws, aws: Aws) -> None:
    made = {
        "online": aws_demo.add_instances(HOME, 1),
        "lost": aws_demo.add_instances(HOME, 1, ping="ConnectionLost"),
        "stopped": aws_demo.add_instances(HOME, 1, state="stopped"),
        "unmanaged": aws_demo.add_instances(HOME, 1, managed=False, profile=None),
        "windows": aws_demo.add_instances(HOME, 1, platform="Windows"),
    }
    by_id = {machine.id: machine for machine in machines(aws).items}
    found = {name: by_id[node] for name, (node,) in made.items()}
    assert {name: machine.ssm_status for name, machine in found.items()} == {
        "online": SsmStatus.ONLINE,
        "lost": SsmStatus.CONNECTION_LOST,
        "stopped": SsmStatus.NOT_RUNNING,
        "unmanaged": SsmStatus.NOT_MANAGED,
        "windows": SsmStatus.ONLINE,
    }
    assert [name for name, machine in found.items() if machine.is_windows] == ["windows"]
    assert (found["unmanaged"].instance_profile, found["online"].instance_profile) == ("", "ec2-ssm")
    assert found["online"].launch_time is not None
    assert found["online"].launch_time.tzinfo is not None


@pytest.mark.parametrize(
    "name", ["서울-웹-🚀", "a\nb\tc", "\u202egnp.exe", "x" * 255, "<b>&amp;\"'", "\\x1b[31m", " ", ""]
)
def test_a_name_of_any_letters_arrives_as_it_is(aws_demo: DemoAws, aws: Aws, name: str) -> None:
    (node,) = aws_demo.add_instances(HOME, 1)
    aws_demo.set_tags(node, {"Name": name, "Team": name})
    (machine,) = machines(aws).items
    assert machine.name == machine.tags["Team"] == name


# -- regions ----------------------------------------------------------------------------------------------------------


def names(listing: Listing[Region], *, enabled: bool) -> list[str]:
    return [region.name for region in listing.items if region.is_enabled is enabled]


def test_regions_come_with_their_opt_in_status(aws_demo: DemoAws, aws: Aws) -> None:
    listing = fetch_regions(aws, now=START)
    assert names(listing, enabled=True) == sorted(ENABLED_REGIONS)
    assert names(listing, enabled=False) == sorted(OPT_IN_REGIONS)
    assert listing.problems == ()
    assert [region.title for region in listing.items if region.name == "ap-northeast-2"] == ["Seoul"]


def test_the_kind_lists_only_regions_that_can_be_used(aws_demo: DemoAws, aws: Aws) -> None:
    found = REGIONS.fetch(aws, "", START, lambda _text: None)
    assert [region.name for region in found.items] == sorted(ENABLED_REGIONS)


def test_where_ec2_may_not_say_the_account_service_is_asked(aws_demo: DemoAws, aws: Aws) -> None:
    aws_demo.faults.deny("DescribeRegions")
    aws_demo.faults.short_pages("ListRegions", 7)
    listing = fetch_regions(aws, now=START)
    assert names(listing, enabled=True) == sorted(ENABLED_REGIONS)
    assert names(listing, enabled=False) == sorted(OPT_IN_REGIONS)
    assert listing.problems == ()


def test_where_nobody_may_say_the_known_list_stands_in_with_a_problem(aws_demo: DemoAws, aws: Aws) -> None:
    aws_demo.faults.deny("DescribeRegions")
    aws_demo.faults.deny("ListRegions")
    listing = fetch_regions(aws, now=START)
    assert sorted(names(listing, enabled=True)) == sorted(ENABLED_REGIONS)
    (problem,) = listing.problems
    assert problem.message.startswith(f"ec2:DescribeRegions in us-east-1 is denied for {ARN}; only the regions")


def test_regions_that_were_cut_off_are_read_again(aws_demo: DemoAws, aws: Aws) -> None:
    aws_demo.faults.truncate_reply("DescribeRegions", times=2)
    assert names(fetch_regions(aws, now=START), enabled=True) == sorted(ENABLED_REGIONS)


def test_a_home_region_that_is_disabled_does_not_hide_the_others(aws_demo: DemoAws) -> None:
    listing = fetch_regions(aws_as(home="ap-east-1"), now=START)
    assert names(listing, enabled=True) == sorted(ENABLED_REGIONS)


def test_any_other_failure_to_list_regions_is_raised(aws_demo: DemoAws, aws: Aws) -> None:
    aws_demo.faults.expire_credentials()
    with pytest.raises(Ec2MenuError, match="expired"):
        fetch_regions(aws, now=START)
