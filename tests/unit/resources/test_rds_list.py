"""The list of databases: what is asked of AWS and what a refusal costs, why one cannot be used, and the columns."""

from typing import Any

import pytest

from ec2menu.errors import AccessDenied, AwsError, Ec2MenuError, LoginExpired
from ec2menu.models import Cell, Column, Database, DbMember, EndpointRole, Style
from ec2menu.resources.rds import COLUMNS, explain_unavailable, fetch_databases
from ec2menu.resources.rds_parse import parse_databases, parse_instance
from ec2menu.ui.tables import fit, render
from tests.fakes.clock import START
from tests.unit.desk import CannedAws
from tests.unit.resources.database_entries import CLUSTER, INSTANCE, PROXY, REGION, database, ids, member


def cell(key: str, item: Database) -> Cell:
    return next(column for column in COLUMNS if column.key == key).cell(item, START)


# -- fetching, as far as it needs no network --------------------------------------------------------------------------


def canned(**lists: list[dict[str, Any]] | Ec2MenuError) -> CannedAws:
    return CannedAws(lists={(operation, ""): found for operation, found in lists.items()})


def test_proxy_endpoints_are_asked_for_only_where_there_are_proxies() -> None:
    without, having = canned(DescribeDBInstances=[INSTANCE]), canned(DescribeDBProxies=[PROXY])
    heard: list[str] = []
    assert ids(fetch_databases(without, REGION, now=START, on_progress=heard.append).items) == ["billing"]
    assert sorted(operation for operation, _ in without.asked) == [
        "DescribeDBClusters",
        "DescribeDBInstances",
        "DescribeDBProxies",
    ]
    assert heard[-1] == "1 instances, 0 clusters, 0 proxies"
    fetch_databases(having, REGION, now=START)
    assert ("DescribeDBProxyEndpoints", REGION) in having.asked


@pytest.mark.parametrize(
    "error",
    [
        AwsError("could not find operation", code="InvalidAction"),
        AwsError("unknown", code="UnknownOperationException"),
        AwsError("rds:DescribeDBProxies in x: RDS Proxy is Not Supported in this region", code="InvalidParameterValue"),
        AwsError("Access Denied to API Version: 2014-10-31", code="InvalidParameterValue"),
    ],
)
def test_a_region_that_has_no_proxies_has_none_without_a_word(error: AwsError) -> None:
    listing = fetch_databases(canned(DescribeDBInstances=[INSTANCE], DescribeDBProxies=error), REGION, now=START)
    assert (ids(listing.items), listing.problems) == (["billing"], ())


@pytest.mark.parametrize(
    "error", [AwsError("value out of range", code="InvalidParameterValue"), AccessDenied("no", code="AccessDenied")]
)
def test_any_other_refusal_of_proxies_is_a_problem(error: AwsError) -> None:
    listing = fetch_databases(canned(DescribeDBInstances=[INSTANCE], DescribeDBProxies=error), REGION, now=START)
    assert (ids(listing.items), [each.message for each in listing.problems]) == (["billing"], [error.message])


def test_an_operation_that_every_region_has_may_not_be_unknown() -> None:
    unknown = AwsError("could not find operation", code="InvalidAction")
    listing = fetch_databases(canned(DescribeDBClusters=unknown), REGION, now=START)
    assert [each.message for each in listing.problems] == [unknown.message]


def test_proxies_alone_do_not_hide_that_all_else_is_refused() -> None:
    first, second = AccessDenied("instances"), AccessDenied("clusters")
    aws = canned(DescribeDBInstances=first, DescribeDBClusters=second, DescribeDBProxies=[PROXY])
    with pytest.raises(AccessDenied, match="instances"):
        fetch_databases(aws, REGION, now=START)


def test_a_login_that_runs_out_in_any_of_the_calls_is_no_list_in_part() -> None:
    aws = canned(DescribeDBInstances=[INSTANCE], DescribeDBProxies=LoginExpired("expired"))
    with pytest.raises(LoginExpired):
        fetch_databases(aws, REGION, now=START)


# -- why not ----------------------------------------------------------------------------------------------------------

WRITER = {"role": EndpointRole.WRITER, "name": "orders"}


@pytest.mark.parametrize(
    ("item", "why", "hint"),
    [
        (
            database(status="creating", endpoint=None),
            "the database is creating and has no endpoint yet",
            "list it again",
        ),
        (database(status="creating"), "the database is creating", "list it again"),
        (database(status="starting"), "the database is starting", "list it again"),
        (database(status="", endpoint=None), "the database has no endpoint", "list it again"),
        (database(endpoint=None), "the database has no endpoint (status available)", "list it again"),
        (
            database(status="stopped"),
            "the database is stopped",
            "start it: aws rds start-db-instance --region us-east-1 --db-instance-identifier billing",
        ),
        (database(status="stopping"), "the database is stopping", "wait for it to stop, then start it: aws rds"),
        (
            database(status="stopped", **WRITER),
            "the cluster is stopped",
            "aws rds start-db-cluster --region us-east-1 --db-cluster-identifier orders",
        ),
        (database(status="stopped", engine="docdb", **WRITER), "the cluster is stopped", "aws docdb start-db-cluster"),
        (database(status="stopped", engine="aurora-mysql"), "the database is stopped", "by starting its cluster"),
        (database(status="deleting"), "the database is deleting", ""),
        (
            database(status="incompatible-network"),
            "the database is out of order (incompatible-network)",
            "see why: aws rds describe-events --region us-east-1 --duration 1440 --source-type db-instance",
        ),
        (
            database(status="suspended", role=EndpointRole.PROXY),
            "the proxy is out of order (suspended)",
            "--source-type db-proxy",
        ),
        (
            database(members=(DbMember(id="orders-1", status="creating"),), **WRITER),
            "the cluster has no instance yet: they are creating",
            "list it again",
        ),
    ],
)
def test_a_database_that_nobody_can_connect_to_is_explained_with_what_to_do(
    item: Database, why: str, hint: str
) -> None:
    found = explain_unavailable(item)
    assert found is not None
    assert found[0] == why
    assert hint in found[1]
    assert bool(found[1]) == bool(hint)


@pytest.mark.parametrize(
    "status", ["available", "backing-up", "modifying", "storage-full", "maintenance", "upgrading", ""]
)
def test_where_a_connection_has_a_chance_nothing_stands_in_its_way(status: str) -> None:
    assert explain_unavailable(database(status=status)) is None


def test_a_cluster_with_one_instance_that_runs_has_a_chance() -> None:
    members = (DbMember(id="a", status="creating"), DbMember(id="b", status="available"))
    assert explain_unavailable(database(members=members, **WRITER)) is None
    assert explain_unavailable(database(members=(DbMember(id="a"),), **WRITER)) is None


# -- columns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "style"),
    [
        ("available", Style.GOOD),
        ("creating", Style.WARN),
        ("modifying", Style.WARN),
        ("stopped", Style.BAD),
        ("failed", Style.BAD),
        ("incompatible-option-group", Style.BAD),
    ],
)
def test_the_status_is_coloured_by_its_meaning(status: str, style: Style) -> None:
    assert cell("status", database(status=status)) == Cell(text=status, style=style)


def test_a_status_that_is_not_told_is_a_dash() -> None:
    assert cell("status", database(status="")) == Cell(text="-", style=Style.DIM)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "password"),
        ({"iam_auth": True}, "IAM, password"),
        ({"secret_arn": "arn"}, "secret"),
        ({"iam_auth": True, "secret_arn": "arn"}, "IAM, secret"),
        ({"iam_auth": True, "accepts_password": False}, "IAM"),
        ({"accepts_password": False}, "-"),
    ],
)
def test_the_login_column_says_how_one_can_log_in(fields: dict[str, Any], words: str) -> None:
    assert cell("login", database(**fields)).text == words


def test_the_role_names_an_endpoint_where_there_can_be_several() -> None:
    names = {"name": "orders"}
    custom = database(id="orders:reports", role=EndpointRole.CUSTOM, **names)
    proxy = database(id="orders:proxy", role=EndpointRole.PROXY, **names)
    further = database(id="orders:ro", role=EndpointRole.PROXY, **names)
    writer = database(id="orders:writer", role=EndpointRole.WRITER, **names)
    texts = [cell("role", row).text for row in (custom, proxy, further, writer)]
    assert texts == ["custom reports", "proxy", "proxy ro", "writer"]


def test_engine_endpoint_port_vpc_and_members_are_shown() -> None:
    item = database(engine_version="16.4", vpc_id="vpc-1", members=(DbMember(id="a"), DbMember(id="b")))
    texts = {column.key: column.cell(item, START).text for column in COLUMNS}
    assert {key: texts[key] for key in ("name", "engine", "endpoint", "port", "vpc", "members", "region")} == {
        "name": "billing",
        "engine": "postgres 16.4",
        "endpoint": "h",
        "port": "5432",
        "vpc": "vpc-1",
        "members": "2",
        "region": REGION,
    }
    assert (cell("port", item).sort_key, cell("members", item).sort_key) == (5432, 2)


def test_every_column_can_be_drawn_for_a_database_of_which_nothing_is_known() -> None:
    bare = parse_instance({}, "")
    texts = {column.key: column.cell(bare, START).text for column in COLUMNS}
    assert (texts["endpoint"], texts["port"], texts["members"], texts["status"]) == ("-", "", "", "-")


def test_eighty_columns_show_what_tells_the_ways_in_apart() -> None:
    found = parse_databases([INSTANCE, member("orders-1"), member("orders-2")], [CLUSTER], region=REGION)
    columns: tuple[Column[Database], ...] = tuple(column for column in COLUMNS if column.key != "region")
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
    assert lines[2].split()[:5] == ["2", "orders", "reader", "aurora-postgresql", "16.4"]
    assert "IAM, secret" in lines[2]
    rows = [tuple(column.cell(row, START) for column in columns) for row in found]
    assert [columns[slot.index].key for slot in fit(columns, rows, width=None)] == [column.key for column in columns]
