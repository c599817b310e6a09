"""Reading many nodes at the same time: nothing is missing afterwards, whatever happens on the way."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from ec2menu.demo.server import DemoAws
from ec2menu.errors import LoginExpired, Throttled
from ec2menu.models import Instance, Listing, SsmStatus
from ec2menu.resources.ec2 import fetch_instances
from ec2menu.resources.node_reader import WORTH_SHARDING
from tests.cloud.identities import aws_as
from tests.cloud.tunnel_rig import wait_until

REGION = "us-east-1"
NODE_LIST = "DescribeInstanceInformation"
SHORT_PAGE = WORTH_SHARDING + 50
WAIT_SECONDS = 60
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def fetch() -> Listing[Instance]:
    return fetch_instances(aws_as(), REGION, now=NOW, on_progress=lambda _text: None)


def statuses(listing: Listing[Instance]) -> Counter[SsmStatus]:
    return Counter(item.ssm_status for item in listing.items)


def queries(demo: DemoAws) -> list[object]:
    return [call.parameters for call in demo.calls_of(NODE_LIST) if "Filters" in call.parameters]


@pytest.fixture(autouse=True)
def _slow_chain(aws_demo: DemoAws) -> None:
    """Let every page of nodes take a moment, so that EC2 has answered long before the chain is through."""
    aws_demo.faults.delay("DescribeInstanceInformation", 0.05)


@pytest.mark.parametrize("count", [WORTH_SHARDING - 1, WORTH_SHARDING + 60, 501])
def test_every_node_is_there_and_hybrid_ones_too(aws_demo: DemoAws, count: int) -> None:
    aws_demo.add_instances(REGION, count)
    for _ in range(7):
        aws_demo.add_hybrid_node(REGION)
    found = fetch()
    assert statuses(found) == {SsmStatus.ONLINE: count + 7}
    assert len({item.id for item in found.items}) == count + 7


def test_many_nodes_are_asked_for_by_id_and_few_are_not(aws_demo: DemoAws) -> None:
    aws_demo.add_instances(REGION, 20)
    fetch()
    assert queries(aws_demo) == []
    aws_demo.add_instances(REGION, 600, name="more-{n}")
    assert statuses(fetch_and(aws_demo)) == {SsmStatus.ONLINE: 620}
    assert queries(aws_demo), "a chain of thirteen pages was waited for"


def test_stopped_and_unmanaged_ones_are_told_from_managed_ones(aws_demo: DemoAws) -> None:
    aws_demo.add_instances(REGION, 300)
    aws_demo.add_instances(REGION, 100, name="unmanaged-{n}", managed=False)
    aws_demo.add_instances(REGION, 50, name="stopped-{n}", state="stopped")
    expected = {SsmStatus.ONLINE: 300, SsmStatus.NOT_MANAGED: 100, SsmStatus.NOT_RUNNING: 50}
    assert statuses(fetch()) == expected


@pytest.mark.parametrize("times", [1, 3])
def test_throttling_in_the_middle_loses_nothing(aws_demo: DemoAws, times: int) -> None:
    aws_demo.add_instances(REGION, 400)
    aws_demo.faults.throttle("DescribeInstanceInformation", times)
    assert statuses(fetch()) == {SsmStatus.ONLINE: 400}


def test_a_cut_reply_in_the_middle_loses_nothing(aws_demo: DemoAws) -> None:
    aws_demo.add_instances(REGION, 400)
    aws_demo.faults.truncate_reply("DescribeInstanceInformation", 2)
    assert statuses(fetch()) == {SsmStatus.ONLINE: 400}


def fetch_and(demo: DemoAws, act: Callable[[], object] = lambda: None) -> Listing[Instance]:
    """Fetch; after the first, short page of EC2 wait for queries by id, and then do something.

    SSM answers nobody until then: the chain of its pages might have come to all nodes, which would need no query.
    """
    demo.faults.short_pages("DescribeInstances", SHORT_PAGE)
    demo.faults.delay(NODE_LIST, WAIT_SECONDS)

    def note(text: str) -> None:
        if text.startswith(f"{SHORT_PAGE} instances") and not acted:
            acted.append(text)
            wait_until(lambda: bool(queries(demo)), what="query by id")
            demo.faults.clear()
            act()

    acted: list[str] = []
    found = fetch_instances(aws_as(), REGION, now=NOW, on_progress=note)
    assert acted
    return found


def test_nodes_are_asked_for_while_ec2_still_lists(aws_demo: DemoAws) -> None:
    aws_demo.add_instances(REGION, 500)
    found = fetch_and(aws_demo)
    assert statuses(found) == {SsmStatus.ONLINE: 500}
    assert len(aws_demo.calls_of("DescribeInstances")) == 2


def test_where_ec2_breaks_off_half_way_every_node_is_listed_all_the_same(aws_demo: DemoAws) -> None:
    aws_demo.add_instances(REGION, 500)
    found = fetch_and(aws_demo, lambda: aws_demo.faults.deny("DescribeInstances"))
    assert statuses(found) == {SsmStatus.ONLINE: 500}
    assert "ec2:DescribeInstances" in found.problems[0].message


def test_a_login_that_ran_out_is_told_as_such(aws_demo: DemoAws) -> None:
    aws_demo.add_instances(REGION, 400)
    aws_demo.faults.expire_credentials()
    with pytest.raises(LoginExpired):
        fetch()


def test_an_endpoint_that_never_stops_throttling_is_a_problem_beside_the_instances(
    aws_demo: DemoAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ec2menu.aws.session.TOTAL_ATTEMPTS", 1)
    aws_demo.add_instances(REGION, 400)
    aws_demo.faults.throttle("DescribeInstanceInformation", 1000)
    found = fetch()
    assert statuses(found) == {SsmStatus.UNKNOWN: 400}
    assert [type(problem).__name__ for problem in found.problems] == ["Problem"]
    assert "throttling" in found.problems[0].message
    assert Throttled.status == found.problems[0].status
