"""The list of caches: what is asked of AWS and what a refusal costs, the VPC, why one cannot be used, the columns."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from ec2menu.errors import AccessDenied, AwsError, Ec2MenuError, LoginExpired
from ec2menu.models import Cache, CacheAuth, Cell, Column, Style
from ec2menu.resources.elasticache import COLUMNS, explain_unavailable, fetch_caches, find_vpc
from ec2menu.resources.elasticache_parse import parse_caches, parse_cluster
from ec2menu.ui.tables import render
from tests.fakes.clock import START
from tests.unit.desk import CannedAws
from tests.unit.resources.cache_entries import GROUP, MEMBERS, REGION, SERVERLESS, SHARDED, SHARDS, cache, ids


def cell(key: str, item: Cache) -> Cell:
    return next(column for column in COLUMNS if column.key == key).cell(item, START)


# -- fetching, as far as it needs no network --------------------------------------------------------------------------


def canned(**lists: list[dict[str, Any]] | Ec2MenuError) -> CannedAws:
    return CannedAws(lists={(operation, ""): found for operation, found in lists.items()})


DENIED = AccessDenied("denied")
UNKNOWN = AwsError("could not find operation", code="InvalidAction")


def test_progress_counts_what_has_been_read() -> None:
    heard: list[str] = []
    aws = canned(DescribeReplicationGroups=[GROUP], DescribeCacheClusters=MEMBERS)
    fetch_caches(aws, REGION, now=START, on_progress=heard.append)
    assert heard[-1] == "1 replication groups, 2 clusters, 0 serverless caches"


def test_where_the_service_does_not_know_serverless_caches_there_are_none_without_a_word() -> None:
    listing = fetch_caches(
        canned(DescribeReplicationGroups=[GROUP], DescribeServerlessCaches=UNKNOWN), REGION, now=START
    )
    assert (ids(listing.items), listing.problems) == (["sessions:primary", "sessions:reader"], ())


def test_all_that_the_service_knows_being_refused_is_an_error() -> None:
    refused: dict[str, Ec2MenuError] = {"DescribeReplicationGroups": DENIED, "DescribeCacheClusters": AccessDenied("2")}
    for serverless in (UNKNOWN, AccessDenied("3")):
        with pytest.raises(AccessDenied, match="denied"):
            fetch_caches(canned(**refused, DescribeServerlessCaches=serverless), REGION, now=START)


def test_two_refusals_are_two_problems_beside_what_the_third_call_says_even_if_that_is_nothing() -> None:
    refused: dict[str, Ec2MenuError] = {"DescribeReplicationGroups": DENIED, "DescribeCacheClusters": AccessDenied("2")}
    for found in ([SERVERLESS], []):
        listing = fetch_caches(canned(**refused, DescribeServerlessCaches=found), REGION, now=START)
        assert len(listing.items) == 2 * len(found)
        assert [problem.message for problem in listing.problems] == ["denied", "2"]


def test_a_login_that_runs_out_in_any_of_the_calls_is_no_list_in_part() -> None:
    aws = canned(DescribeReplicationGroups=[GROUP], DescribeServerlessCaches=LoginExpired("expired"))
    with pytest.raises(LoginExpired):
        fetch_caches(aws, REGION, now=START)


# -- the VPC ----------------------------------------------------------------------------------------------------------


@dataclass
class Answering(CannedAws):
    """An AWS that answers single calls, too, and remembers what it was asked with."""

    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    parameters: list[dict[str, Any]] = field(default_factory=list)

    def call(self, service: str, operation: str, region: str, **parameters: Any) -> dict[str, Any]:
        self.asked.append((operation, region))
        self.parameters.append(parameters)
        return self.answers[operation]


@pytest.mark.parametrize(
    ("fields", "operation", "key", "parameters"),
    [
        (
            {"subnet_group": "main", "subnet_ids": ("subnet-1",)},
            "DescribeCacheSubnetGroups",
            "CacheSubnetGroups",
            {"CacheSubnetGroupName": "main"},
        ),
        (
            {"subnet_ids": ("subnet-1", "subnet-2")},
            "DescribeSubnets",
            "Subnets",
            {"SubnetIds": ["subnet-1", "subnet-2"]},
        ),
    ],
)
@pytest.mark.parametrize(
    ("entries", "vpc"), [([], ""), ([{}], ""), ([{}, {"VpcId": "vpc-1"}, {"VpcId": "vpc-2"}], "vpc-1")]
)
def test_the_vpc_is_asked_for_where_the_subnets_are_known(
    fields: dict[str, Any],
    operation: str,
    key: str,
    parameters: dict[str, Any],
    entries: list[dict[str, str]],
    vpc: str,
) -> None:
    aws = Answering(answers={operation: {key: entries}})
    assert find_vpc(aws, cache(**fields)) == vpc
    assert aws.asked == [(operation, REGION)]
    assert aws.parameters == [{"key": key, **parameters}]


def test_nobody_is_asked_for_the_vpc_of_a_cache_without_subnets() -> None:
    aws = Answering()
    assert find_vpc(aws, cache()) == ""
    assert aws.asked == []


# -- why not ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "why", "hint"),
    [
        (cache(status="creating", endpoint=None), "the cache is creating and has no endpoint yet", "list it again"),
        (cache(status="creating"), "the cache is creating", "list it again"),
        (cache(status="deleting"), "the cache is deleting", ""),
        (
            cache(status="create-failed", endpoint=None),
            "the cache is out of order (create-failed)",
            "see why: aws elasticache describe-events --region us-east-1 --duration 1440",
        ),
        (cache(endpoint=None), "the cache has no endpoint (status available)", "list it again"),
        (cache(status="", endpoint=None), "the cache has no endpoint", "list it again"),
    ],
)
def test_a_cache_that_nobody_can_connect_to_is_explained_with_what_to_do(item: Cache, why: str, hint: str) -> None:
    found = explain_unavailable(item)
    assert found is not None
    assert found[0] == why
    assert hint in found[1]
    assert bool(found[1]) == bool(hint)


@pytest.mark.parametrize("status", ["available", "modifying", "snapshotting", "rebooting cluster nodes", ""])
def test_where_a_connection_has_a_chance_nothing_stands_in_its_way(status: str) -> None:
    assert explain_unavailable(cache(status=status)) is None


# -- columns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "text", "style"),
    [
        ("available", "available", Style.GOOD),
        ("modifying", "modifying", Style.WARN),
        ("creating", "creating", Style.WARN),
        ("restore-failed", "restore-failed", Style.BAD),
        ("deleting", "deleting", Style.BAD),
        ("", "-", Style.DIM),
    ],
)
def test_the_status_is_coloured_by_its_meaning(status: str, text: str, style: Style) -> None:
    assert cell("status", cache(status=status)) == Cell(text=text, style=style)


def test_the_columns_show_a_cache_with_everything_and_one_with_nothing() -> None:
    (feed,) = parse_caches([SHARDED], SHARDS, [], region=REGION)
    assert {column.key: column.cell(feed, START).text for column in COLUMNS} == {
        "name": "feed",
        "region": REGION,
        "role": "configuration",
        "engine": "redis 8.0.1",
        "status": "available",
        "endpoint": "clustercfg.feed",
        "port": "6379",
        "tls": "TLS",
        "auth": "token",
        "mode": "cluster",
    }
    bare = {column.key: column.cell(parse_cluster({}, ""), START).text for column in COLUMNS}
    assert (bare["endpoint"], bare["port"], bare["tls"], bare["auth"], bare["mode"]) == ("-", "", "-", "-", "")
    assert cell("port", feed).sort_key == 6379
    assert cell("auth", cache(auth=CacheAuth.RBAC)).text == "users"


def test_eighty_columns_show_what_tells_the_ways_in_apart() -> None:
    found = parse_caches([GROUP, SHARDED], [*MEMBERS, *SHARDS], [SERVERLESS], region=REGION)
    columns: tuple[Column[Cache], ...] = tuple(column for column in COLUMNS if column.key != "region")
    lines = render(
        found,
        columns,
        now=START,
        width=80,
        numbers=range(1, len(found) + 1),
        paint=lambda text, _style: text,
        dimmed=lambda _item: False,
    )
    assert max(map(len, lines)) <= 80
    assert lines[0].split()[:5] == ["#", "Name", "Role", "Engine", "Status"]
    assert lines[3].split() == [
        "3",
        "feed",
        "configuration",
        "redis",
        "8.0.1",
        "available",
        "6379",
        "TLS",
        "token",
        "cluster",
    ]
