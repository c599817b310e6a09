"""The list of databases against AWS's page sizes and refusals over HTTP: complete or told, never quietly short."""

import math
from collections.abc import Sequence

import pytest

from ec2menu.aws.session import Aws
from ec2menu.demo import rds as demo_rds
from ec2menu.demo import rds_tables as tables
from ec2menu.demo.server import DemoAws
from ec2menu.errors import AccessDenied, ExitStatus, LoginExpired, RegionDisabled
from ec2menu.models import Database, EndpointRole, Listing
from ec2menu.resources.rds import explain_unavailable, fetch_databases
from tests.cloud.identities import aws_as
from tests.fakes.clock import START

HOME = "us-east-1"
ARN = "arn:aws:iam::123456789012:user/demo"
COUNTS = [0, 1, 2, 21, 101]
INSTANCES, CLUSTERS = "DescribeDBInstances", "DescribeDBClusters"
PROXIES, PROXY_ENDPOINTS = "DescribeDBProxies", "DescribeDBProxyEndpoints"
HOSTILE = ["서울-db-🚀", "a\nb\tc", "\u202egnp.exe", "x" * 255, "<b>&amp;\"'", "\\x1b[31m", "a:writer", " "]


@pytest.fixture
def aws(aws_demo: DemoAws, shared: list[Aws]) -> Aws:
    """One identity for the module, made in the first test's environment: clients cost more than most tests."""
    if not shared:
        shared.append(aws_as())
    return shared[0]


def databases(aws: Aws, *, heard: list[str] | None = None) -> Listing[Database]:
    words: list[str] = [] if heard is None else heard
    return fetch_databases(aws, HOME, now=START, on_progress=words.append)


def ids(items: Sequence[Database]) -> list[str]:
    found = [item.id for item in items]
    assert len(found) == len(set(found)), "nothing is listed twice"
    return sorted(found)


def add_one_of_each() -> None:
    tables.add_instance(HOME, "billing")
    tables.add_cluster(HOME, "orders", readers=1, custom_endpoints=["reports"])
    tables.add_proxy(HOME, "front", read_only_endpoints=["front-ro"])


OF_INSTANCES = ["billing"]
OF_CLUSTERS = ["orders:reader", "orders:reports", "orders:writer"]
OF_PROXIES = ["front:front-ro", "front:proxy"]
EVERYTHING = sorted([*OF_INSTANCES, *OF_CLUSTERS, *OF_PROXIES])


# -- complete ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", COUNTS)
def test_every_instance_is_listed(aws_demo: DemoAws, aws: Aws, count: int) -> None:
    made = tables.add_instances(HOME, count)
    listing = databases(aws)
    assert ids(listing.items) == sorted(made)
    assert (listing.problems, listing.as_of) == ((), START)
    assert len(aws_demo.calls_of(INSTANCES)) == max(1, math.ceil(count / 100))


@pytest.mark.parametrize("count", COUNTS)
def test_every_cluster_is_listed_with_all_its_members_folded(aws_demo: DemoAws, aws: Aws, count: int) -> None:
    for number in range(count):
        tables.add_cluster(HOME, f"c-{number:03d}", readers=1)
    listing = databases(aws)
    expected = [f"c-{number:03d}:{role}" for number in range(count) for role in ("writer", "reader")]
    assert ids(listing.items) == sorted(expected)
    assert {tuple(member.is_writer for member in item.members) for item in listing.items} <= {(True, False)}
    assert all(member.endpoint and member.status for item in listing.items for member in item.members)


@pytest.mark.parametrize("count", COUNTS)
def test_every_proxy_is_listed_with_its_further_endpoints(aws_demo: DemoAws, aws: Aws, count: int) -> None:
    for number in range(count):
        tables.add_proxy(HOME, f"p-{number:03d}", read_only_endpoints=[f"p-{number:03d}-ro"])
    listing = databases(aws)
    expected = [f"p-{number:03d}:{name}" for number in range(count) for name in ("proxy", f"p-{number:03d}-ro")]
    assert ids(listing.items) == sorted(expected)
    assert len(aws_demo.calls_of(PROXY_ENDPOINTS)) == math.ceil(2 * count / 100)


def test_a_cluster_of_a_hundred_and_one_custom_endpoints_has_them_all(aws_demo: DemoAws, aws: Aws) -> None:
    names = [f"e-{number:03d}" for number in range(101)]
    tables.add_cluster(HOME, "orders", custom_endpoints=names)
    assert ids(databases(aws).items) == sorted(
        [*(f"orders:{name}" for name in names), "orders:reader", "orders:writer"]
    )


def test_the_progress_counts_what_has_been_read(aws_demo: DemoAws, aws: Aws) -> None:
    add_one_of_each()
    heard: list[str] = []
    databases(aws, heard=heard)
    assert heard[-1] == "3 instances, 1 clusters, 1 proxies"


@pytest.mark.parametrize("operation", [INSTANCES, CLUSTERS, PROXIES, PROXY_ENDPOINTS])
def test_empty_and_short_pages_hide_nothing(aws_demo: DemoAws, aws: Aws, operation: str) -> None:
    tables.add_instances(HOME, 3)
    for name in ("a", "b", "c"):
        tables.add_cluster(HOME, name, readers=0)
        tables.add_proxy(HOME, name, read_only_endpoints=[f"{name}-ro"])
    whole = ids(databases(aws).items)
    before = len(aws_demo.calls_of(operation))
    aws_demo.faults.empty_pages(operation)
    aws_demo.faults.short_pages(operation, 1)
    assert ids(databases(aws).items) == whole
    assert len(aws_demo.calls_of(operation)) - before >= 6
    assert len(whole) == 15


@pytest.mark.parametrize("operation", [INSTANCES, CLUSTERS, PROXIES, PROXY_ENDPOINTS])
@pytest.mark.parametrize("fault", ["throttle", "fail", "lose_reply", "truncate_reply"])
def test_trouble_that_passes_costs_nothing(aws_demo: DemoAws, aws: Aws, operation: str, fault: str) -> None:
    add_one_of_each()
    aws_demo.faults.short_pages(operation, 1)
    getattr(aws_demo.faults, fault)(operation)
    listing = databases(aws)
    assert (ids(listing.items), listing.problems) == (EVERYTHING, ())


# -- partly or wholly refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "left"),
    [
        (INSTANCES, [*OF_CLUSTERS, *OF_PROXIES]),
        (CLUSTERS, [*OF_INSTANCES, "orders-1", "orders-2", *OF_PROXIES]),
        (PROXIES, [*OF_INSTANCES, *OF_CLUSTERS]),
        (PROXY_ENDPOINTS, [*OF_INSTANCES, *OF_CLUSTERS, "front:proxy"]),
    ],
)
def test_what_is_denied_is_named_beside_everything_else(
    aws_demo: DemoAws, aws: Aws, operation: str, left: list[str]
) -> None:
    add_one_of_each()
    aws_demo.faults.deny(operation)
    listing = databases(aws)
    assert ids(listing.items) == sorted(left)
    (problem,) = listing.problems
    assert (problem.where, problem.status) == (HOME, ExitStatus.AWS)
    assert problem.message == f"rds:{operation} in us-east-1 is denied for {ARN}"
    assert problem.hint == f"have rds:{operation} allowed for that identity"


def test_instances_and_clusters_both_denied_is_an_error(aws_demo: DemoAws, aws: Aws) -> None:
    add_one_of_each()
    aws_demo.faults.deny(INSTANCES)
    aws_demo.faults.deny(CLUSTERS)
    with pytest.raises(AccessDenied) as caught:
        databases(aws)
    assert caught.value.action == f"rds:{INSTANCES}"


def test_a_list_that_is_cut_every_time_is_a_problem_and_never_shown_in_part(aws_demo: DemoAws, aws: Aws) -> None:
    add_one_of_each()
    aws_demo.faults.truncate_reply(CLUSTERS, times=99)
    listing = databases(aws)
    assert ids(listing.items) == sorted([*OF_INSTANCES, "orders-1", "orders-2", *OF_PROXIES])
    assert "was cut short" in listing.problems[0].message


def test_an_expired_login_and_a_disabled_region_are_errors(aws_demo: DemoAws, aws: Aws) -> None:
    aws_demo.faults.disable_region("eu-west-1")
    with pytest.raises(RegionDisabled):
        fetch_databases(aws, "eu-west-1", now=START)
    aws_demo.faults.expire_credentials()
    with pytest.raises(LoginExpired):
        databases(aws)


# -- what a database says of itself -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_of_any_letters_arrives_as_it_is(aws_demo: DemoAws, aws: Aws, name: str) -> None:
    tables.add_instance(HOME, name)
    tables.add_cluster(HOME, name, readers=0)
    tables.add_proxy(HOME, name)
    listing = databases(aws)
    assert {item.name for item in listing.items} == {name}
    assert len(ids(listing.items)) == 4


def test_the_showcase_has_every_kind_of_way_in(aws_demo: DemoAws, aws: Aws) -> None:
    aws_demo.add_instances(HOME, 1)
    demo_rds.seed(HOME)
    found = {item.id: item for item in databases(aws).items}
    assert {item.role for item in found.values()} == {
        EndpointRole.INSTANCE,
        EndpointRole.WRITER,
        EndpointRole.READER,
        EndpointRole.CUSTOM,
        EndpointRole.PROXY,
    }
    orders = found["orders:writer"]
    assert (orders.engine, orders.database, orders.iam_auth) == ("aurora-postgresql", "orders", True)
    assert "secret:rds!" in orders.secret_arn
    assert [member.is_writer for member in orders.members] == [True, False, False]
    assert {item.vpc_id for item in found.values()} == {orders.vpc_id}
    assert orders.vpc_id.startswith("vpc-")
    assert found["orders:orders-analytics"].endpoint != orders.endpoint
    proxy = found["shop-proxy:proxy"]
    assert proxy.endpoint is not None
    assert (proxy.engine, proxy.endpoint.port, proxy.requires_tls) == ("mysql", 3306, False)
    assert [key for key, item in found.items() if explain_unavailable(item)] == ["billing-next", "old-archive"]
    assert found["billing-next"].endpoint is None
