"""`ls` of databases, caches, containers and jump hosts over real calls: its four forms, filters, order, and denials."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ec2menu.aws.session import Aws
from ec2menu.commands.ls import LsRequest, run_ls
from ec2menu.demo import ecs_tables, elasticache_tables, rds_tables
from ec2menu.demo.ecs_tables import TaskSpec
from ec2menu.demo.server import DemoAws
from ec2menu.errors import AccessDenied, ExitStatus, InvalidInput
from tests.cloud.command_line import CommandLine
from tests.cloud.identities import aws_as
from tests.unit.desk import Desk, context_at, sit_down

HERE, THERE, DENIED = "us-east-1", "eu-west-1", "ap-northeast-2"
FIRST_CALLS = {
    "rds": ("DescribeDBInstances", "DescribeDBClusters", "DescribeDBProxies"),
    "cache": ("DescribeReplicationGroups", "DescribeCacheClusters", "DescribeServerlessCaches"),
    "ecs": ("ListClusters",),
    "jumphosts": ("DescribeInstances", "DescribeInstanceInformation"),
}
KINDS = list(FIRST_CALLS)


@pytest.fixture
def aws(aws_demo: DemoAws, shared: list[Aws]) -> Aws:
    """One identity for the module, made in the first test's environment: clients cost more than most tests."""
    shared[:] = shared or [aws_as()]
    return shared[0]


def fill(demo: DemoAws, region: str = HERE) -> None:
    """Add a few resources of every kind."""
    demo.add_instances(region, 1, name="jump-1", tags={"Role": "jumphost"})
    demo.add_instances(region, 1, name="jump-2", tags={"Role": "jumphost"}, state="stopped")
    demo.add_instances(region, 1, name="jump-3", tags={"role": "Jump-Host"})
    demo.add_instances(region, 1, name="web-1")
    rds_tables.add_instance(region, "billing", engine="mysql")
    rds_tables.add_instance(region, "newborn", ready=False)
    rds_tables.add_cluster(region, "orders", custom_endpoints=["reports"])
    elasticache_tables.add_cache_cluster(region, "pages", nodes=2)
    elasticache_tables.add_replication_group(region, "sessions", fields={"AuthTokenEnabled": True})
    ecs_tables.add_cluster(region, "shop")
    ecs_tables.add_cluster(region, "idle")
    web = TaskSpec(containers=("app", "envoy"), ports={"app": (8080,)})
    ecs_tables.add_service(region, "shop", "web", spec=web, tasks=1)
    ecs_tables.add_service(region, "shop", "admin")


def ls(
    aws: Aws, folder: Path, kind: str, *filters: str, regions: Sequence[str] = (HERE,), **more: Any
) -> tuple[Desk, int]:
    desk = sit_down(color=False)
    request: dict[str, Any] = {"sort": "name", "output": "ids", "refresh": False} | more
    context = context_at(desk, aws, folder, regions=regions)
    return desk, run_ls(context, LsRequest(kind=kind, filters=filters, **request))


def names(desk: Desk, key: str = "name") -> list[str]:
    """Return the names in a list that was printed as JSON, in its order."""
    return [record[key] for record in json.loads(desk.data)]


# -- forms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "heads", "words"),
    [
        ("rds", "Name Role Engine Status Endpoint Port VPC Login Members", ["orders", "writer", "newborn", "creating"]),
        ("cache", "Name Role Engine Status Endpoint Port TLS Auth Mode", ["sessions", "primary", "token", "pages"]),
        ("ecs", "Cluster Service Task Container Exec Status", ["shop", "envoy", "ready", "idle"]),
        ("jumphosts", "Name Instance ID State VPC SSM Last ping Jump host", ["usable", "the instance is stopped"]),
    ],
)
def test_a_table_has_the_columns_of_the_kind(
    kind: str, heads: str, words: list[str], aws_demo: DemoAws, aws: Aws, tmp_path: Path
) -> None:
    fill(aws_demo)
    desk, status = ls(aws, tmp_path, kind, output="table")
    assert " ".join(desk.data.splitlines()[0].split()).startswith(heads)
    assert [word for word in words if word not in desk.data] == []
    assert (desk.notes, status) == ("", ExitStatus.DONE)


@pytest.mark.parametrize("kind", KINDS)
def test_csv_ids_and_json_tell_the_same_of_each_row(kind: str, aws_demo: DemoAws, aws: Aws, tmp_path: Path) -> None:
    fill(aws_demo)
    forms = {}
    desk = sit_down()
    context = context_at(desk, aws, tmp_path)  # one list for all three: a ping comes at any moment
    for form in ("json", "csv", "ids"):
        before = len(desk.data)
        run_ls(context, LsRequest(kind=kind, filters=(), sort="name", output=form, refresh=False))
        forms[form] = desk.data[before:]
    records, rows = json.loads(forms["json"]), list(csv.DictReader(io.StringIO(forms["csv"])))
    ids = forms["ids"].splitlines()
    assert ids == [record["id"] for record in records] == [row["id"] for row in rows]
    assert len(ids) == len(set(ids)) >= 3
    for record, row in zip(records, rows, strict=True):
        assert list(record) == list(row)
        for key, value in record.items():
            nested = isinstance(value, dict | list)
            assert (json.loads(row[key]) if nested else row[key]) == (value if nested else _as_text(value)), key


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)


def test_a_record_of_a_database_has_its_endpoint_inside_and_its_members_as_a_list(
    aws_demo: DemoAws, aws: Aws, tmp_path: Path
) -> None:
    fill(aws_demo)
    desk, _ = ls(aws, tmp_path, "rds", output="json")
    by_id = {record["id"]: record for record in json.loads(desk.data)}
    assert set(by_id) == {"billing", "newborn", "orders:reader", "orders:reports", "orders:writer"}
    writer = by_id["orders:writer"]
    assert writer["endpoint"]["host"].startswith("orders.cluster-")
    assert (writer["endpoint"]["port"], writer["role"], writer["iam_auth"]) == (5432, "writer", False)
    assert [(each["id"], each["is_writer"]) for each in writer["members"]] == [("orders-1", True), ("orders-2", False)]
    assert writer["members"][0]["endpoint"]["port"] == 5432
    assert by_id["newborn"]["endpoint"] is None


def test_a_record_of_a_cache_has_its_nodes_as_lists(aws_demo: DemoAws, aws: Aws, tmp_path: Path) -> None:
    fill(aws_demo)
    by_id = {record["id"]: record for record in json.loads(ls(aws, tmp_path, "cache", output="json")[0].data)}
    assert set(by_id) == {"pages:configuration", "sessions:primary", "sessions:reader"}
    (first, endpoint), (second, _) = by_id["pages:configuration"]["nodes"]
    assert (first, second, endpoint["port"]) == ("0001", "0002", 11211)
    assert (by_id["sessions:primary"]["auth"], by_id["sessions:primary"]["tls"]) == ("token", True)


def test_a_record_of_a_container_has_its_ports_and_its_moment(aws_demo: DemoAws, aws: Aws, tmp_path: Path) -> None:
    fill(aws_demo)
    records = json.loads(ls(aws, tmp_path, "ecs", "app", output="json")[0].data)
    (app,) = (record for record in records if record["name"] == "app")
    assert (app["cluster"], app["service"], app["ports"], app["exec_status"]) == ("shop", "web", [8080], "ready")
    assert app["started_at"].endswith("+00:00")


def test_a_record_of_a_jump_host_is_that_of_the_machine_with_what_is_wrong(
    aws_demo: DemoAws, aws: Aws, tmp_path: Path
) -> None:
    fill(aws_demo)
    desk, status = ls(aws, tmp_path, "jumphosts", output="json")
    by_name = {record["name"]: record for record in json.loads(desk.data)}
    assert set(by_name) == {"jump-1", "jump-2", "jump-3"}
    assert (by_name["jump-1"]["reason"], by_name["jump-1"]["ssm_status"]) == ("", "Online")
    assert by_name["jump-2"]["reason"] == "the instance is stopped"
    assert by_name["jump-2"]["hint"].startswith("start it: aws ec2 start-instances")
    assert (by_name["jump-3"]["is_near_miss"], by_name["jump-1"]["is_near_miss"]) == (True, False)
    assert by_name["jump-3"]["tags"]["role"] == "Jump-Host"
    assert status == ExitStatus.DONE


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_a_kind_is_told_in_words_and_is_no_data(
    kind: str, aws_demo: DemoAws, aws: Aws, tmp_path: Path
) -> None:
    desk, status = ls(aws, tmp_path, kind, output="table")
    assert desk.data == ""
    assert desk.notes.startswith("there are no ")
    assert desk.notes.endswith(" in us-east-1\n")
    assert [ls(aws, tmp_path, kind, output=form)[0].data for form in ("json", "ids")] == ["[]\n", ""]
    assert ls(aws, tmp_path, kind, output="csv")[0].data.count("\n") == 1, "a header and nothing else"
    assert status == ExitStatus.DONE


# -- filters and order ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "filters", "found"),
    [
        ("rds", ["mysql"], ["billing"]),
        ("rds", ["engine:aurora", "!role:custom"], ["orders:reader", "orders:writer"]),
        ("rds", ["status:creating"], ["newborn"]),
        ("cache", ["auth:token", "role:read"], ["sessions:reader"]),
        ("cache", ["memcached"], ["pages:configuration"]),
        ("cache", ["tls:tls", "!reader"], ["sessions:primary"]),
        ("rds", ["nothing-like-it"], []),
    ],
)
def test_filters_look_at_the_columns_of_the_kind(
    kind: str, filters: list[str], found: list[str], aws_demo: DemoAws, aws: Aws, tmp_path: Path
) -> None:
    fill(aws_demo)
    assert ls(aws, tmp_path, kind, *filters)[0].data.splitlines() == found


def test_containers_and_jump_hosts_are_filtered_too(aws_demo: DemoAws, aws: Aws, tmp_path: Path) -> None:
    fill(aws_demo)
    assert names(ls(aws, tmp_path, "ecs", "service:web", "exec:ready", output="json")[0]) == ["app", "envoy"]
    assert names(ls(aws, tmp_path, "jumphosts", "why:usable", output="json")[0]) == ["jump-1"]
    assert names(ls(aws, tmp_path, "jumphosts", "state:running", "!usable", output="json")[0]) == ["jump-3"]


@pytest.mark.parametrize(
    ("kind", "sort", "first"),
    [
        ("rds", "name", "billing"),
        ("rds", "-name", "orders:reader"),
        ("rds", "-port", "orders:reader"),
        ("rds", "members", "orders:reader"),
        ("cache", "-port", "pages:configuration"),
        ("cache", "auth", "sessions:primary"),
        ("cache", "-role", "sessions:reader"),
    ],
)
def test_a_column_of_the_kind_sorts_and_equals_stand_in_the_order_of_their_ids(
    kind: str, sort: str, first: str, aws_demo: DemoAws, aws: Aws, tmp_path: Path
) -> None:
    fill(aws_demo)
    assert ls(aws, tmp_path, kind, sort=sort)[0].data.splitlines()[0] == first


@pytest.mark.parametrize(("kind", "sort"), [("rds", "tls"), ("cache", "login"), ("ecs", "port"), ("jumphosts", "type")])
def test_a_column_that_the_kind_does_not_have_is_refused_with_those_that_it_has(
    kind: str, sort: str, aws_demo: DemoAws, aws: Aws, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="does not name one column") as caught:
        ls(aws, tmp_path, kind, sort=sort)
    assert "name" in caught.value.hint
    assert not any(aws_demo.calls_of(operation) for operation in FIRST_CALLS[kind])


def test_jump_hosts_are_those_of_the_tag_that_is_set(aws_demo: DemoAws, tmp_path: Path) -> None:
    bastion = aws_demo.add_instances(HERE, 1, name="b", tags={"Use": "bastion"})
    aws_demo.add_instances(HERE, 1, name="j", tags={"Role": "jumphost"})
    cli = CommandLine(demo=aws_demo, folder=tmp_path)
    (tmp_path / "config.toml").write_text('jump_tag = "Use=bastion"\n')
    found = cli.run("ls", "jumphosts", "-o", "ids", "--config", str(tmp_path / "config.toml"))
    assert (found.lines, found.err, found.status) == (bastion, "", 0)


# -- denials ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_of_several_regions_one_that_is_denied_is_a_line_and_the_status(
    kind: str, aws_demo: DemoAws, aws: Aws, tmp_path: Path
) -> None:
    for region in (HERE, THERE, DENIED):
        fill(aws_demo, region)
    for operation in FIRST_CALLS[kind]:
        aws_demo.faults.deny(operation, DENIED)
    desk, status = ls(aws, tmp_path, kind, regions=(HERE, DENIED, THERE), output="json")
    counts = {region: names(desk, "region").count(region) for region in (HERE, THERE, DENIED)}
    assert counts[HERE] == counts[THERE] >= 3
    assert counts[DENIED] == 0
    assert [line.split(": ")[0] for line in desk.notes.splitlines()] == [f"! {DENIED}"]
    assert "is denied" in desk.notes
    assert status == ExitStatus.AWS


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_is_denied_is_an_error_that_names_the_action(
    kind: str, aws_demo: DemoAws, aws: Aws, tmp_path: Path
) -> None:
    for operation in FIRST_CALLS[kind]:
        aws_demo.faults.deny(operation)
    with pytest.raises(AccessDenied) as caught:
        ls(aws, tmp_path, kind)
    assert caught.value.action.endswith(f":{FIRST_CALLS[kind][0]}")


def test_all_regions_are_asked_and_a_table_says_which_a_row_is_of(aws_demo: DemoAws, tmp_path: Path) -> None:
    rds_tables.add_instance(HERE, "billing")
    rds_tables.add_instance(THERE, "billing")
    aws_demo.faults.deny("DescribeDBInstances", DENIED)
    cli = CommandLine(demo=aws_demo, folder=tmp_path)
    found = cli.run("-r", "all", "ls", "rds")
    assert [line.split()[:2] for line in found.lines] == [["Name", "Region"], ["billing", THERE], ["billing", HERE]]
    assert found.told[0].startswith(f"! {DENIED}: rds:DescribeDBInstances in {DENIED} is denied")
    assert (len(found.told), found.status) == (1, 3)
