"""RDS of the demo by real boto3: paging, limits, errors, and what each kind of database looks like."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from ec2menu.demo import rds, rds_tables
from ec2menu.demo.server import DemoAws
from tests.cloud.conftest import Client

REGION = "us-east-1"
OPERATIONS = {
    "describe_db_instances": "DBInstances",
    "describe_db_clusters": "DBClusters",
    "describe_db_cluster_endpoints": "DBClusterEndpoints",
    "describe_db_proxies": "DBProxies",
    "describe_db_proxy_endpoints": "DBProxyEndpoints",
}


@pytest.fixture
def rds_client(client: Client) -> Any:
    return client("rds")


def all_of(client: Any, operation: str, **request: Any) -> list[dict[str, Any]]:
    pages = client.get_paginator(operation).paginate(**request)
    return [each for page in pages for each in page[OPERATIONS[operation]]]


@pytest.mark.parametrize("count", [0, 1, 10, 11, 50, 51, 100, 101])
def test_instances_are_listed_by_identifier_over_any_number_of_pages(rds_client: Any, count: int) -> None:
    names = rds_tables.add_instances(REGION, count)
    assert [each["DBInstanceIdentifier"] for each in all_of(rds_client, "describe_db_instances")] == names
    pages = rds_client.get_paginator("describe_db_instances").paginate(PaginationConfig={"PageSize": 20})
    assert [len(page["DBInstances"]) for page in pages] == [20] * (count // 20) + [count % 20] * (
        count % 20 > 0 or count == 0
    )


@pytest.mark.parametrize("operation", ["describe_db_clusters", "describe_db_proxies"])
def test_one_hundred_and_one_clusters_and_proxies_are_two_pages(rds_client: Any, operation: str) -> None:
    for n in range(101):
        rds_tables.add_cluster(REGION, f"c-{n:03d}", readers=0)
        rds_tables.add_proxy(REGION, f"p-{n:03d}")
    first = getattr(rds_client, operation)()
    assert (len(first[OPERATIONS[operation]]), bool(first["Marker"])) == (100, True)
    assert len(all_of(rds_client, operation)) == 101


@pytest.mark.parametrize(
    ("operation", "count"), [("describe_db_cluster_endpoints", 104), ("describe_db_proxy_endpoints", 103)]
)
def test_endpoints_are_paged_as_well(rds_client: Any, operation: str, count: int) -> None:
    custom = [f"e-{n:03d}" for n in range(102)]
    rds_tables.add_cluster(REGION, "c", custom_endpoints=custom)
    rds_tables.add_proxy(REGION, "p", read_only_endpoints=custom)
    assert len(getattr(rds_client, operation)()[OPERATIONS[operation]]) == 100
    assert len(all_of(rds_client, operation)) == count


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("request_", [{"MaxRecords": 19}, {"MaxRecords": 101}, {"Marker": "x"}], ids=str)
def test_a_page_size_outside_20_to_100_and_a_foreign_marker_are_refused(
    rds_client: Any, operation: str, request_: dict[str, Any]
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(rds_client, operation)(**request_)
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        ("describe_db_instances", {"DBInstanceIdentifier": "nope"}, "DBInstanceNotFound"),
        ("describe_db_clusters", {"DBClusterIdentifier": "nope"}, "DBClusterNotFoundFault"),
        ("describe_db_cluster_endpoints", {"DBClusterIdentifier": "nope"}, "DBClusterNotFoundFault"),
        ("describe_db_proxies", {"DBProxyName": "nope"}, "DBProxyNotFoundFault"),
        ("describe_db_proxy_endpoints", {"DBProxyName": "nope"}, "DBProxyNotFoundFault"),
        ("describe_db_proxy_endpoints", {"DBProxyEndpointName": "nope"}, "DBProxyEndpointNotFoundFault"),
    ],
)
def test_what_does_not_exist_is_a_404_with_a_code_of_its_own(
    rds_client: Any, operation: str, request_: dict[str, str], code: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(rds_client, operation)(**request_)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_an_instance_is_found_by_name_in_any_case_and_by_arn(rds_client: Any) -> None:
    row = rds_tables.add_instance(REGION, "Billing")
    for name in ("billing", "Billing", row["DBInstanceArn"]):
        (found,) = rds_client.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        assert found["DBInstanceIdentifier"] == "billing"


def test_filters_narrow_instances_and_unknown_ones_are_refused(rds_client: Any) -> None:
    rds_tables.add_cluster(REGION, "orders", readers=1)
    rds_tables.add_instance(REGION, "wp", engine="mysql")
    narrowed = {
        "db-cluster-id": ["orders"],
        "engine": ["aurora-postgresql"],
        "db-instance-id": ["orders-1", "orders-2"],
    }
    for name, values in narrowed.items():
        found = all_of(rds_client, "describe_db_instances", Filters=[{"Name": name, "Values": values}])
        assert [each["DBInstanceIdentifier"] for each in found] == ["orders-1", "orders-2"]
    with pytest.raises(ClientError, match="Unrecognized filter name: vpc"):
        rds_client.describe_db_instances(Filters=[{"Name": "vpc", "Values": ["x"]}])


def test_what_a_client_creates_is_listed_after_the_demo_s_own(rds_client: Any) -> None:
    rds_tables.add_instance(REGION, "zebra")
    rds_client.create_db_instance(
        DBInstanceIdentifier="mine",
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        MasterUsername="u",
        MasterUserPassword="password",
        AllocatedStorage=20,
    )
    listed = [each["DBInstanceIdentifier"] for each in all_of(rds_client, "describe_db_instances")]
    assert listed == ["zebra", "mine"]
    assert rds_client.describe_db_instances(DBInstanceIdentifier="mine")["DBInstances"][0]["Engine"] == "postgres"


def test_the_showcase_tells_instances_of_every_engine_apart(rds_client: Any) -> None:
    rds.seed(REGION)
    found = {each["DBInstanceIdentifier"]: each for each in all_of(rds_client, "describe_db_instances")}
    ports = {name: row["Endpoint"]["Port"] for name, row in found.items() if "Endpoint" in row}
    assert {name: ports[name] for name in ("billing", "wordpress", "inventory", "crm", "erp")} == {
        "billing": 5432,
        "wordpress": 3306,
        "inventory": 3306,
        "crm": 1433,
        "erp": 1521,
    }
    assert "Endpoint" not in found["billing-next"]
    assert found["billing-next"]["DBInstanceStatus"] == "creating"
    assert found["billing"]["IAMDatabaseAuthenticationEnabled"] is True
    assert "MasterUserSecret" not in found["billing"]
    assert found["billing-reporting"]["MasterUserSecret"]["SecretStatus"] == "active"
    assert found["orders-2"]["DBClusterIdentifier"] == "orders"
    assert {each["Engine"] for each in found.values()} >= {"docdb", "neptune"}


def test_the_showcase_has_aurora_with_writer_readers_and_a_custom_endpoint(rds_client: Any) -> None:
    rds.seed(REGION)
    found = {each["DBClusterIdentifier"]: each for each in all_of(rds_client, "describe_db_clusters")}
    orders = found["orders"]
    assert [each["IsClusterWriter"] for each in orders["DBClusterMembers"]] == [True, False, False]
    assert orders["Endpoint"].startswith("orders.cluster-")
    assert orders["ReaderEndpoint"].startswith("orders.cluster-ro-")
    (custom,) = orders["CustomEndpoints"]
    assert (orders["Port"], orders["DatabaseName"]) == (5432, "orders")
    assert "secret" in orders["MasterUserSecret"]["SecretArn"]
    assert {name: row["Engine"] for name, row in found.items()} == {
        "orders": "aurora-postgresql",
        "shop": "aurora-mysql",
        "catalog-docs": "docdb",
        "graph": "neptune",
    }
    endpoints = all_of(rds_client, "describe_db_cluster_endpoints", DBClusterIdentifier="orders")
    assert [each["EndpointType"] for each in endpoints] == ["WRITER", "READER", "CUSTOM"]
    assert (endpoints[2]["Endpoint"], endpoints[2]["StaticMembers"]) == (custom, ["orders-2", "orders-3"])
    assert "DBClusterEndpointIdentifier" not in endpoints[0]


def test_a_custom_endpoint_is_found_by_its_name_and_by_type(rds_client: Any) -> None:
    rds_tables.add_cluster(REGION, "orders", custom_endpoints=["reports"])
    by_name = all_of(rds_client, "describe_db_cluster_endpoints", DBClusterEndpointIdentifier="reports")
    custom = [{"Name": "db-cluster-endpoint-type", "Values": ["custom"]}]
    by_type = all_of(rds_client, "describe_db_cluster_endpoints", Filters=custom)
    assert [each["DBClusterEndpointIdentifier"] for each in by_name] == ["reports"]
    assert by_name == by_type


def test_a_proxy_has_an_endpoint_without_port_and_more_endpoints_of_its_own(rds_client: Any) -> None:
    rds.seed(REGION)
    proxies = {each["DBProxyName"]: each for each in all_of(rds_client, "describe_db_proxies")}
    assert {name: row["EngineFamily"] for name, row in proxies.items()} == {
        "orders-proxy": "POSTGRESQL",
        "shop-proxy": "MYSQL",
    }
    assert "Port" not in proxies["orders-proxy"]
    endpoints = all_of(rds_client, "describe_db_proxy_endpoints", DBProxyName="orders-proxy")
    assert [(each["DBProxyEndpointName"], each["TargetRole"]) for each in endpoints] == [
        ("default", "READ_WRITE"),
        ("orders-proxy-ro", "READ_ONLY"),
    ]
    assert endpoints[0]["Endpoint"] == proxies["orders-proxy"]["Endpoint"]


def test_databases_are_in_the_vpc_of_the_machines_around_them(
    rds_client: Any, aws_demo: DemoAws, client: Client
) -> None:
    aws_demo.add_instances(REGION, 1)
    rds_tables.add_instance(REGION, "billing")
    machine = client("ec2").describe_instances()["Reservations"][0]["Instances"][0]
    (found,) = rds_client.describe_db_instances()["DBInstances"]
    assert found["DBSubnetGroup"]["VpcId"] == machine["VpcId"]


def test_regions_are_apart_and_a_reset_empties_them(rds_client: Any, aws_demo: DemoAws, client: Client) -> None:
    rds.seed(REGION)
    assert all_of(client("rds", "eu-west-1"), "describe_db_instances") == []
    aws_demo.reset()
    assert all_of(rds_client, "describe_db_instances") == []
