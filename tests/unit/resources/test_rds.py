"""Databases: instances, clusters with folded members, proxies, and ids that are each their own."""

from typing import Any

import pytest

from ec2menu.models import Database, DbMember, Endpoint, EndpointRole
from ec2menu.resources.rds_parse import parse_cluster, parse_databases, parse_instance, parse_proxy
from tests.unit.resources.database_entries import CLUSTER, INSTANCE, PROXY, REGION, ids, member

# -- instances --------------------------------------------------------------------------------------------------------


def test_an_instance_becomes_a_database_with_every_field() -> None:
    assert parse_instance(INSTANCE, REGION) == Database(
        id="billing",
        region=REGION,
        name="billing",
        role=EndpointRole.INSTANCE,
        engine="postgres",
        engine_version="16.4",
        status="available",
        endpoint=Endpoint(host="billing.c1.us-east-1.rds.amazonaws.com", port=5433),
        vpc_id="vpc-1",
        multi_az=True,
        iam_auth=True,
        secret_arn="arn:secret",
        username="postgres",
        database="bills",
    )


@pytest.mark.parametrize("missing", sorted(INSTANCE))
def test_any_member_of_an_instance_may_be_missing(missing: str) -> None:
    found = parse_instance({key: value for key, value in INSTANCE.items() if key != missing}, REGION)
    assert (found.region, found.role) == (REGION, EndpointRole.INSTANCE)
    assert found != parse_instance(INSTANCE, REGION) or missing == "DbInstancePort"


@pytest.mark.parametrize("endpoint", [None, {}, {"Address": "h"}, {"Port": 5432}, {"Address": "h", "Port": 0}])
def test_an_endpoint_that_is_not_whole_is_none(endpoint: dict[str, Any] | None) -> None:
    assert parse_instance(INSTANCE | {"Endpoint": endpoint}, REGION).endpoint is None


def test_status_and_engine_come_in_any_case() -> None:
    found = parse_instance(INSTANCE | {"DBInstanceStatus": "Creating", "Engine": "MySQL"}, REGION)
    assert (found.status, found.engine) == ("creating", "mysql")


def test_empty_entries_are_empty_databases() -> None:
    assert parse_instance({}, "r") == Database(id="", region="r", name="", role=EndpointRole.INSTANCE, engine="")
    assert [(row.id, row.endpoint) for row in parse_cluster({}, {}, "r")] == [(":writer", None)]
    assert (parse_proxy({}, "r").id, parse_proxy({}, "r").endpoint) == (":proxy", None)


# -- clusters ---------------------------------------------------------------------------------------------------------


def test_a_cluster_is_a_writer_a_reader_and_its_custom_endpoints_with_the_members_folded() -> None:
    writing = member("orders-2", Endpoint={"Address": "o2", "Port": 5432}, DBSubnetGroup={"VpcId": "vpc-9"})
    found = parse_databases([member("orders-1", Endpoint=None), writing, INSTANCE], [CLUSTER], region=REGION)
    assert ids(found) == ["orders:writer", "orders:reader", "orders:reports", "billing"]
    assert [row.role.value for row in found] == ["writer", "reader", "custom", "instance"]
    assert [row.endpoint.host for row in found[:3] if row.endpoint] == [
        "orders.cluster-c1.us-east-1.rds.amazonaws.com",
        "orders.cluster-ro-c1.us-east-1.rds.amazonaws.com",
        "reports.cluster-custom-c1.us-east-1.rds.amazonaws.com",
    ]
    for row in found[:3]:
        assert (row.name, row.vpc_id, row.username, row.database) == ("orders", "vpc-1", "admin", "shop")
        assert (row.iam_auth, row.secret_arn) == (True, "arn:cluster-secret")
        assert row.members == (
            DbMember(id="orders-1", status="available"),
            DbMember(id="orders-2", is_writer=True, status="available", endpoint=Endpoint(host="o2", port=5432)),
        )


@pytest.mark.parametrize("missing", sorted(CLUSTER))
def test_any_member_of_a_cluster_may_be_missing(missing: str) -> None:
    without = {key: value for key, value in CLUSTER.items() if key != missing}
    others = {"billing": INSTANCE}
    assert parse_cluster(without, others, REGION)[0].role is EndpointRole.WRITER
    assert parse_cluster(without, others, REGION) != parse_cluster(CLUSTER, others, REGION)


def test_members_whose_instances_may_not_be_listed_are_known_by_name() -> None:
    (writer, *_) = parse_cluster(CLUSTER, {}, REGION)
    assert writer.members == (DbMember(id="orders-1"), DbMember(id="orders-2", is_writer=True))
    assert writer.vpc_id == ""


def test_members_are_rows_of_their_own_where_their_cluster_is_not_listed() -> None:
    assert ids(parse_databases([member("orders-1"), member("orders-2")], [], region=REGION)) == ["orders-1", "orders-2"]


def test_a_member_that_its_cluster_does_not_name_yet_is_folded_all_the_same() -> None:
    found = parse_databases([member("orders-3")], [CLUSTER], region=REGION)
    assert ids(found) == ["orders:writer", "orders:reader", "orders:reports"]
    assert [each.id for each in found[0].members] == ["orders-1", "orders-2", "orders-3"]


def test_a_cluster_without_instances_is_in_the_vpc_of_its_subnet_group() -> None:
    headless = CLUSTER | {"DBClusterMembers": []}
    assert parse_cluster(headless, {"billing": INSTANCE}, REGION)[0].vpc_id == "vpc-1"
    assert parse_cluster(headless | {"DBSubnetGroup": "other"}, {"billing": INSTANCE}, REGION)[0].vpc_id == ""


def test_a_cluster_is_in_the_vpc_of_its_members_whatever_their_subnet_group_is_called() -> None:
    instances = {"orders-2": member("orders-2", DBSubnetGroup={"VpcId": "vpc-9"}), "billing": INSTANCE}
    assert {row.vpc_id for row in parse_cluster(CLUSTER, instances, REGION)} == {"vpc-9"}


def test_a_cluster_that_is_being_created_is_listed_without_endpoint() -> None:
    young = {"DBClusterIdentifier": "next", "Status": "creating", "Port": 5432}
    (found,) = parse_databases([], [young], region=REGION)
    assert (found.id, found.endpoint, found.status) == ("next:writer", None, "creating")


def test_documentdb_and_neptune_are_databases_and_neptune_has_no_passwords() -> None:
    docs, graph = (CLUSTER | {"DBClusterIdentifier": name, "Engine": name} for name in ("docdb", "neptune"))
    found = parse_databases([], [docs, graph], region=REGION)
    assert {(row.engine, row.accepts_password) for row in found} == {("docdb", True), ("neptune", False)}


# -- proxies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "engine", "port"),
    [("MYSQL", "mysql", 3306), ("POSTGRESQL", "postgres", 5432), ("SQLSERVER", "sqlserver", 1433)],
)
def test_a_proxy_answers_on_the_port_of_its_family(family: str, engine: str, port: int) -> None:
    found = parse_proxy(PROXY | {"EngineFamily": family}, REGION)
    assert (found.id, found.role, found.engine) == ("orders-proxy:proxy", EndpointRole.PROXY, engine)
    assert found.endpoint == Endpoint(host=PROXY["Endpoint"], port=port)
    assert (found.vpc_id, found.requires_tls, found.status) == ("vpc-1", True, "available")


def test_a_proxy_of_a_family_that_is_not_known_is_listed_without_endpoint() -> None:
    found = parse_proxy(PROXY | {"EngineFamily": "GRAPH"}, REGION)
    assert (found.engine, found.endpoint) == ("graph", None)


@pytest.mark.parametrize(
    ("members", "iam", "secret", "accepts_password"),
    [
        ({}, False, "arn:proxy-secret", True),
        ({"Auth": [{"SecretArn": "arn:a", "IAMAuth": "ENABLED"}]}, True, "arn:a", True),
        ({"Auth": [{"SecretArn": "arn:a", "IAMAuth": "REQUIRED"}]}, True, "", False),
        ({"Auth": [{"SecretArn": "arn:a"}, {"SecretArn": "arn:b"}]}, False, "", True),
        ({"Auth": [{"IAMAuth": "REQUIRED"}, {"IAMAuth": "DISABLED"}]}, True, "", True),
        ({"Auth": [], "DefaultAuthScheme": "IAM_AUTH"}, True, "", False),
        ({"Auth": [], "DefaultAuthScheme": "NONE"}, False, "", True),
    ],
)
def test_a_proxy_says_how_it_lets_in(members: dict[str, Any], iam: bool, secret: str, accepts_password: bool) -> None:
    found = parse_proxy(PROXY | members, REGION)
    assert (found.iam_auth, found.secret_arn, found.accepts_password) == (iam, secret, accepts_password)


def test_a_proxy_is_listed_once_and_its_further_endpoints_beside_it() -> None:
    endpoint = {"DBProxyName": "orders-proxy", "Status": "Creating", "VpcId": "vpc-2"}
    found = parse_databases(
        [],
        [],
        region=REGION,
        proxies=[PROXY],
        proxy_endpoints=[
            endpoint | {"DBProxyEndpointName": "default", "Endpoint": PROXY["Endpoint"], "IsDefault": True},
            endpoint | {"DBProxyEndpointName": "orders-proxy", "Endpoint": PROXY["Endpoint"]},
            endpoint | {"DBProxyEndpointName": "ro", "Endpoint": "ro.endpoint", "IsDefault": False},
            endpoint | {"DBProxyEndpointName": "young"},
            endpoint | {"DBProxyEndpointName": "younger"},
            {"DBProxyName": "gone", "DBProxyEndpointName": "orphan"},
            {},
        ],
    )
    assert ids(found) == ["orders-proxy:proxy", "orders-proxy:ro", "orders-proxy:young", "orders-proxy:younger"]
    assert found[1].endpoint == Endpoint(host="ro.endpoint", port=5432)
    assert (found[1].status, found[1].vpc_id, found[1].requires_tls) == ("creating", "vpc-2", True)
    assert found[2].endpoint is None


def test_a_proxy_that_is_being_created_is_listed_once_and_without_endpoint() -> None:
    young = {"DBProxyName": "next", "Status": "creating", "EngineFamily": "MYSQL"}
    own = {"DBProxyName": "next", "DBProxyEndpointName": "default", "Status": "creating"}
    (found,) = parse_databases([], [], region=REGION, proxies=[young], proxy_endpoints=[own])
    assert (found.id, found.endpoint, found.engine) == ("next:proxy", None, "mysql")


# -- ids --------------------------------------------------------------------------------------------------------------


def test_an_instance_a_cluster_and_a_proxy_of_one_name_have_ids_of_their_own() -> None:
    custom = [f"{label}.cluster-custom-c1" for label in ("writer", "proxy", "reports")]
    named = {"DBProxyName": "orders"}
    found = parse_databases(
        [INSTANCE | {"DBInstanceIdentifier": "orders"}],
        [CLUSTER | {"CustomEndpoints": custom}],
        region=REGION,
        proxies=[PROXY | named],
        proxy_endpoints=[named | {"DBProxyEndpointName": name, "Endpoint": name} for name in ("reader", "reports")],
    )
    assert ids(found) == [
        "orders:writer",
        "orders:reader",
        "orders:custom:writer",
        "orders:proxy",
        "orders:reports",
        "orders",
        "orders:proxy:proxy",
        "orders:proxy:reader",
        "orders:proxy:reports",
    ]


def test_what_two_pages_list_twice_is_listed_once() -> None:
    later = INSTANCE | {"DBInstanceStatus": "modifying"}
    (found,) = parse_databases([INSTANCE, later], [], region=REGION)
    assert found.status == "modifying"
