"""The list of caches against AWS's page sizes and refusals over HTTP: complete or told, never quietly short."""

import math
from collections.abc import Sequence

import pytest

from ec2menu.aws.session import Aws
from ec2menu.demo import elasticache as demo_elasticache
from ec2menu.demo import elasticache_tables as tables
from ec2menu.demo.server import DemoAws
from ec2menu.errors import AccessDenied, AwsError, ExitStatus, LoginExpired, RegionDisabled
from ec2menu.models import Cache, CacheAuth, EndpointRole, Listing
from ec2menu.resources.elasticache import each_node, explain_unavailable, fetch_caches, find_vpc
from tests.cloud.conftest import Client
from tests.cloud.identities import aws_as
from tests.fakes.clock import START

HOME = "us-east-1"
ARN = "arn:aws:iam::123456789012:user/demo"
COUNTS = [0, 1, 2, 21, 101]
GROUPS, CLUSTERS, SERVERLESS = "DescribeReplicationGroups", "DescribeCacheClusters", "DescribeServerlessCaches"
HOSTILE = ["서울-cache-🚀", "a\nb\tc", "\u202egnp.exe", "x" * 255, "<b>&amp;\"'", "\\x1b[31m", "a:reader", " "]


@pytest.fixture
def aws(aws_demo: DemoAws, shared: list[Aws]) -> Aws:
    """One identity for the module, made in the first test's environment: clients cost more than most tests."""
    if not shared:
        shared.append(aws_as())
    return shared[0]


def caches(aws: Aws, *, heard: list[str] | None = None) -> Listing[Cache]:
    words: list[str] = [] if heard is None else heard
    return fetch_caches(aws, HOME, now=START, on_progress=words.append)


def ids(items: Sequence[Cache]) -> list[str]:
    found = [item.id for item in items]
    assert len(found) == len(set(found)), "nothing is listed twice"
    return sorted(found)


def add_one_of_each() -> None:
    tables.add_replication_group(HOME, "sessions")
    tables.add_cache_cluster(HOME, "pages", nodes=2)
    tables.add_serverless_cache(HOME, "search", fields={"SubnetIds": []})


OF_GROUPS = ["sessions:primary", "sessions:reader"]
OF_CLUSTERS = ["pages:configuration"]
OF_SERVERLESS = ["search:reader", "search:serverless"]
EVERYTHING = sorted([*OF_GROUPS, *OF_CLUSTERS, *OF_SERVERLESS])


# -- complete ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", COUNTS)
def test_every_cluster_is_listed(aws_demo: DemoAws, aws: Aws, count: int) -> None:
    made = tables.add_cache_clusters(HOME, count)
    listing = caches(aws)
    assert ids(listing.items) == sorted(f"{name}:configuration" for name in made)
    assert (listing.problems, listing.as_of) == ((), START)
    assert len(aws_demo.calls_of(CLUSTERS)) == max(1, math.ceil(count / 100))


@pytest.mark.parametrize("count", COUNTS)
def test_every_group_is_listed_with_all_its_members_folded(aws_demo: DemoAws, aws: Aws, count: int) -> None:
    for number in range(count):
        tables.add_replication_group(HOME, f"g-{number:03d}", replicas=1)
    listing = caches(aws)
    expected = [f"g-{number:03d}:{role}" for number in range(count) for role in ("primary", "reader")]
    assert ids(listing.items) == sorted(expected)
    assert {len(item.nodes) for item in listing.items} <= {2}
    assert len(aws_demo.calls_of(CLUSTERS)) == max(1, math.ceil(2 * count / 100))


@pytest.mark.parametrize("count", COUNTS)
def test_every_serverless_cache_is_listed(aws_demo: DemoAws, aws: Aws, count: int) -> None:
    for number in range(count):
        tables.add_serverless_cache(HOME, f"s-{number:03d}")
    expected = [f"s-{number:03d}:{role}" for number in range(count) for role in ("serverless", "reader")]
    assert ids(caches(aws).items) == sorted(expected)
    assert len(aws_demo.calls_of(SERVERLESS)) == max(1, math.ceil(count / 50))


def test_a_group_of_a_hundred_and_one_nodes_has_a_way_to_each(aws_demo: DemoAws, aws: Aws) -> None:
    tables.add_replication_group(HOME, "feed", shards=101, replicas=0, cluster_mode=True)
    (feed,) = caches(aws).items
    nodes = each_node(feed)
    assert len({node.id for node in nodes}) == len({node.endpoint for node in nodes}) == 101


def test_the_progress_counts_what_has_been_read(aws_demo: DemoAws, aws: Aws) -> None:
    add_one_of_each()
    heard: list[str] = []
    caches(aws, heard=heard)
    assert heard[-1] == "1 replication groups, 3 clusters, 1 serverless caches"


@pytest.mark.parametrize("operation", [GROUPS, CLUSTERS, SERVERLESS])
def test_empty_and_short_pages_hide_nothing(aws_demo: DemoAws, aws: Aws, operation: str) -> None:
    for name in ("a", "b", "c"):
        tables.add_replication_group(HOME, f"{name}-group", replicas=0)
        tables.add_cache_cluster(HOME, f"{name}-pages")
        tables.add_serverless_cache(HOME, f"{name}-less")
    whole = ids(caches(aws).items)
    before = len(aws_demo.calls_of(operation))
    aws_demo.faults.empty_pages(operation)
    aws_demo.faults.short_pages(operation, 1)
    assert ids(caches(aws).items) == whole
    assert len(aws_demo.calls_of(operation)) - before >= 6
    assert len(whole) == 15


@pytest.mark.parametrize("operation", [GROUPS, CLUSTERS, SERVERLESS])
@pytest.mark.parametrize("fault", ["throttle", "fail", "lose_reply", "truncate_reply"])
def test_trouble_that_passes_costs_nothing(aws_demo: DemoAws, aws: Aws, operation: str, fault: str) -> None:
    add_one_of_each()
    aws_demo.faults.short_pages(operation, 1)
    getattr(aws_demo.faults, fault)(operation)
    listing = caches(aws)
    assert (ids(listing.items), listing.problems) == (EVERYTHING, ())


# -- partly or wholly refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "left"),
    [
        (GROUPS, ["sessions-001", "sessions-002", *OF_CLUSTERS, *OF_SERVERLESS]),
        (CLUSTERS, [*OF_GROUPS, *OF_SERVERLESS]),
        (SERVERLESS, [*OF_GROUPS, *OF_CLUSTERS]),
    ],
)
def test_what_is_denied_is_named_beside_everything_else(
    aws_demo: DemoAws, aws: Aws, operation: str, left: list[str]
) -> None:
    add_one_of_each()
    aws_demo.faults.deny(operation)
    listing = caches(aws)
    assert ids(listing.items) == sorted(left)
    (problem,) = listing.problems
    assert (problem.where, problem.status) == (HOME, ExitStatus.AWS)
    assert problem.message == f"elasticache:{operation} in us-east-1 is denied for {ARN}"
    assert problem.hint == f"have elasticache:{operation} allowed for that identity"


def test_two_of_three_denied_are_two_problems_and_all_three_an_error(aws_demo: DemoAws, aws: Aws) -> None:
    add_one_of_each()
    aws_demo.faults.deny(GROUPS)
    aws_demo.faults.deny(CLUSTERS)
    listing = caches(aws)
    assert (ids(listing.items), len(listing.problems)) == (OF_SERVERLESS, 2)
    aws_demo.faults.deny(SERVERLESS)
    with pytest.raises(AccessDenied) as caught:
        caches(aws)
    assert caught.value.action == f"elasticache:{GROUPS}"


def test_a_list_that_is_cut_every_time_is_a_problem_and_never_shown_in_part(aws_demo: DemoAws, aws: Aws) -> None:
    add_one_of_each()
    aws_demo.faults.truncate_reply(SERVERLESS, times=99)
    listing = caches(aws)
    assert ids(listing.items) == sorted([*OF_GROUPS, *OF_CLUSTERS])
    assert "was cut short" in listing.problems[0].message


def test_an_expired_login_and_a_disabled_region_are_errors(aws_demo: DemoAws, aws: Aws) -> None:
    aws_demo.faults.disable_region("eu-west-1")
    with pytest.raises(RegionDisabled):
        fetch_caches(aws, "eu-west-1", now=START)
    aws_demo.faults.expire_credentials()
    with pytest.raises(LoginExpired):
        caches(aws)


# -- what a cache says of itself --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_of_any_letters_arrives_as_it_is(aws_demo: DemoAws, aws: Aws, name: str) -> None:
    tables.add_cache_cluster(HOME, name, engine="redis")
    tables.add_replication_group(HOME, name)
    tables.add_serverless_cache(HOME, name)
    listing = caches(aws)
    assert {item.name for item in listing.items} == {name}
    assert len(ids(listing.items)) == 5


def test_the_showcase_has_every_kind_of_way_in(aws_demo: DemoAws, aws: Aws) -> None:
    demo_elasticache.seed(HOME)
    found = {item.id: item for item in caches(aws).items}
    assert {item.role for item in found.values()} == {
        EndpointRole.PRIMARY,
        EndpointRole.READER,
        EndpointRole.CONFIGURATION,
        EndpointRole.NODE,
        EndpointRole.SERVERLESS,
    }
    feed, sessions = found["feed:configuration"], found["sessions:primary"]
    assert (feed.cluster_mode, feed.tls, feed.auth, len(feed.nodes)) == (True, True, CacheAuth.TOKEN, 6)
    assert (sessions.auth, sessions.engine_version, sessions.subnet_group) == (CacheAuth.RBAC, "8.0.1", "main")
    assert (found["legacy-queue:primary"].tls, found["search:serverless"].tls) == (False, True)
    assert found["search:serverless"].status == "available"
    assert [node.id for node in each_node(found["page-cache:configuration"])] == [
        "page-cache:0001",
        "page-cache:0002",
        "page-cache:0003",
    ]
    assert [key for key, item in found.items() if explain_unavailable(item)] == ["next-cache:configuration"]


# -- the VPC ----------------------------------------------------------------------------------------------------------


def test_the_vpc_of_a_cluster_is_that_of_its_subnet_group(aws_demo: DemoAws, aws: Aws, client: Client) -> None:
    subnet = client("ec2").describe_subnets()["Subnets"][0]
    client("elasticache").create_cache_subnet_group(
        CacheSubnetGroupName="private", CacheSubnetGroupDescription="of the test", SubnetIds=[subnet["SubnetId"]]
    )
    tables.add_cache_cluster(HOME, "pages", fields={"CacheSubnetGroupName": "private"})
    (pages,) = caches(aws).items
    assert find_vpc(aws, pages) == subnet["VpcId"]


def test_the_vpc_of_a_serverless_cache_is_that_of_its_subnets(aws_demo: DemoAws, aws: Aws, client: Client) -> None:
    subnets = client("ec2").describe_subnets()["Subnets"]
    tables.add_serverless_cache(HOME, "search", fields={"SubnetIds": [subnet["SubnetId"] for subnet in subnets]})
    assert {find_vpc(aws, item) for item in caches(aws).items} == {subnets[0]["VpcId"]}


def test_a_vpc_that_aws_will_not_tell_is_an_error_and_one_it_does_not_name_is_empty(
    aws_demo: DemoAws, aws: Aws
) -> None:
    tables.add_cache_cluster(HOME, "pages", fields={"CacheSubnetGroupName": "gone"})
    tables.add_serverless_cache(HOME, "search", fields={"SubnetIds": []})
    pages, search, _ = caches(aws).items
    assert find_vpc(aws, search) == ""
    with pytest.raises(AwsError, match="gone"):
        find_vpc(aws, pages)
    aws_demo.faults.deny("DescribeCacheSubnetGroups")
    with pytest.raises(AccessDenied, match="elasticache:DescribeCacheSubnetGroups"):
        find_vpc(aws, pages)
