"""What the demo tells a tunnel's plugin of the far end: who answers behind a host and a port, and what is not there.

Asked by real boto3: StartSession's stream URL carries the answer.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from ec2menu.demo import ecs_tables, elasticache_tables, rds_tables
from ec2menu.demo.account import HOME_REGION as REGION
from ec2menu.demo.ecs_tables import TaskSpec
from ec2menu.demo.fleet import SERVICE_REGIONS
from ec2menu.demo.server import DemoAws
from tests.cloud.conftest import Client
from tests.cloud.test_demo_ec2 import instances_in, refusal

PORTS = "AWS-StartPortForwardingSession"
REMOTE = "AWS-StartPortForwardingSessionToRemoteHost"
UNREACHABLE = {"reachable": "no"}
Ask = Callable[..., dict[str, str]]


@pytest.fixture
def ask(aws_demo: DemoAws, client: Client) -> Ask:
    """`ask(host, port, node=…)`: what a tunnel there is told of its far end."""

    def start(host: str, port: int, *, node: str = "", region: str = REGION) -> dict[str, str]:
        node = node or aws_demo.add_instances(region, 1, name="jump")[0]
        parameters = {"portNumber": [str(port)], **({"host": [host]} if host else {})}
        document = REMOTE if host else PORTS
        grant = client("ssm", region).start_session(Target=node, DocumentName=document, Parameters=parameters)
        told = dict(parse_qsl(urlsplit(grant["StreamUrl"]).query))
        return {key: told[key] for key in ("reachable", "speaks", "engine", "version", "tls") if key in told}

    return start


def speaks(told: dict[str, str]) -> str:
    assert told["reachable"] == "yes"
    return told.get("speaks", "")


@pytest.mark.parametrize(
    ("engine", "language"),
    [
        ("postgres", "postgres"),
        ("mysql", "mysql"),
        ("mariadb", "mysql"),
        ("sqlserver-ex", "sqlserver"),
        ("oracle-se2", "oracle"),
        ("docdb", "docdb"),
    ],
)
def test_a_database_is_spoken_to_in_its_own_language(ask: Ask, engine: str, language: str) -> None:
    row = rds_tables.add_instance(REGION, "main", engine=engine)
    told = ask(row["Endpoint"]["Address"], row["Endpoint"]["Port"])
    assert speaks(told) == language
    assert (told["engine"], told["version"]) == (engine, row["EngineVersion"])


def test_every_endpoint_of_a_cluster_and_a_proxy_is_there(ask: Ask) -> None:
    cluster = rds_tables.add_cluster(REGION, "orders", engine="aurora-mysql", custom_endpoints=["orders-reports"])
    proxy = rds_tables.add_proxy(REGION, "orders-proxy", read_only_endpoints=["orders-proxy-ro"])
    further = [row["Endpoint"] for row in rds_tables.tables.at(REGION).proxy_endpoints.values()]
    hosts = [cluster["Endpoint"], cluster["ReaderEndpoint"], *cluster["CustomEndpoints"]]
    assert [speaks(ask(host, 3306)) for host in hosts] == ["mysql"] * 3
    assert proxy["Endpoint"] in further
    assert [speaks(ask(host, 5432)) for host in further] == ["postgres"] * 2


def test_every_endpoint_of_a_cache_is_there_with_its_tls(ask: Ask) -> None:
    sessions = elasticache_tables.add_replication_group(REGION, "sessions")
    feed = elasticache_tables.add_replication_group(
        REGION, "feed", engine="redis", cluster_mode=True, fields={"TransitEncryptionMode": "preferred"}
    )
    pages = elasticache_tables.add_cache_cluster(REGION, "pages", nodes=2)
    search = elasticache_tables.add_serverless_cache(REGION, "search")
    (shard,) = sessions["NodeGroups"]
    node = elasticache_tables.tables.at(REGION).clusters["feed-0001-002"]["CacheNodes"][0]
    for endpoint, language, tls in (
        (shard["PrimaryEndpoint"], "redis", "required"),
        (shard["ReaderEndpoint"], "redis", "required"),
        (shard["NodeGroupMembers"][1]["ReadEndpoint"], "redis", "required"),
        (feed["ConfigurationEndpoint"], "redis", "preferred"),
        (node["Endpoint"], "redis", "required"),
        (pages["ConfigurationEndpoint"], "memcached", ""),
        (pages["CacheNodes"][1]["Endpoint"], "memcached", ""),
        (search["Endpoint"], "redis", "required"),
        (search["ReaderEndpoint"], "redis", "required"),
    ):
        told = ask(endpoint["Address"], endpoint["Port"])
        assert (speaks(told), told.get("tls", "")) == (language, tls)
        assert told["version"]


def test_the_name_of_a_host_may_be_written_in_capitals_and_with_a_dot(ask: Ask) -> None:
    host = rds_tables.add_instance(REGION, "main")["Endpoint"]["Address"]
    assert speaks(ask(host.upper() + ".", 5432)) == "postgres"


def test_what_is_not_in_the_demo_s_network_cannot_be_reached(ask: Ask) -> None:
    running = rds_tables.add_instance(REGION, "main")["Endpoint"]["Address"]
    stopped = rds_tables.add_instance(REGION, "old", fields={"DBInstanceStatus": "stopped"})["Endpoint"]["Address"]
    elsewhere = rds_tables.add_instance("eu-west-1", "far")["Endpoint"]["Address"]
    for host, port in ((running, 5433), (stopped, 5432), (elsewhere, 5432), ("example.com", 443), ("10.9.9.9", 22)):
        assert ask(host, port) == UNREACHABLE


def test_a_vpc_that_the_node_is_not_in_cannot_be_reached(ask: Ask, aws_demo: DemoAws, client: Client) -> None:
    aws_demo.seed_fleet()
    host = rds_tables.tables.at(REGION).instances["warehouse"]["Endpoint"]["Address"]
    named = {
        tag["Value"]: each["InstanceId"]
        for each in instances_in(client("ec2").describe_instances())
        for tag in each.get("Tags", [])
        if tag["Key"] == "Name"
    }
    assert ask(host, 5432, node=named["jump-a"]) == UNREACHABLE
    assert speaks(ask(host, 5432, node=named["etl-loader"])) == "postgres"
    assert ask(host, 5432, node=aws_demo.add_hybrid_node(REGION)) == UNREACHABLE


def test_a_machine_is_reached_by_its_address_and_its_private_name(ask: Ask, aws_demo: DemoAws, client: Client) -> None:
    (jump, target) = aws_demo.add_instances(REGION, 2)
    (stopped,) = aws_demo.add_instances(REGION, 1, state="stopped")
    found = {each["InstanceId"]: each for each in instances_in(client("ec2").describe_instances())}
    address, name = found[target]["PrivateIpAddress"], found[target]["PrivateDnsName"]
    assert speaks(ask(address, 5432, node=jump)) == "postgres"
    assert speaks(ask(name, 80, node=jump)) == "http"
    assert speaks(ask(address, 3389, node=jump)) == ""
    assert ask(found[stopped]["PrivateIpAddress"], 22, node=jump) == UNREACHABLE


@pytest.mark.parametrize("host", ["", "localhost", "127.0.0.1"])
def test_a_node_reaches_itself(ask: Ask, aws_demo: DemoAws, host: str) -> None:
    for node in (aws_demo.add_instances(REGION, 1)[0], aws_demo.add_hybrid_node(REGION)):
        assert speaks(ask(host, 3306, node=node)) == "mysql"
        assert speaks(ask(host, 3389, node=node)) == ""


def test_a_shell_is_told_of_no_far_end(aws_demo: DemoAws, client: Client) -> None:
    grant = client("ssm").start_session(Target=aws_demo.add_instances(REGION, 1)[0])
    assert "reachable" not in grant["StreamUrl"]


def test_a_resumed_tunnel_still_knows_where_it_leads(aws_demo: DemoAws, client: Client) -> None:
    host = rds_tables.add_instance(REGION, "main")["Endpoint"]["Address"]
    (node,) = aws_demo.add_instances(REGION, 1)
    parameters = {"portNumber": ["5432"], "host": [host]}
    grant = client("ssm").start_session(Target=node, DocumentName=REMOTE, Parameters=parameters)
    resumed = client("ssm").resume_session(SessionId=grant["SessionId"])
    assert resumed["StreamUrl"] == grant["StreamUrl"]
    assert "speaks=postgres" in resumed["StreamUrl"]


# -- containers -------------------------------------------------------------------------------------------------------


def container_of(ecs: Any, arn: str) -> tuple[str, str]:
    """Return the SSM target of a task's first container, and its address, empty where it has none."""
    (task,) = ecs.describe_tasks(cluster="shop", tasks=[arn])["tasks"]
    container = task["containers"][0]
    interfaces = container["networkInterfaces"]
    address = interfaces[0]["privateIpv4Address"] if interfaces else ""
    return f"ecs:shop_{arn.rpartition('/')[2]}_{container['runtimeId']}", address


def test_a_tunnel_into_a_container_reaches_the_ports_that_its_task_declares(ask: Ask, client: Client) -> None:
    ecs_tables.add_cluster(REGION, "shop")
    spec = TaskSpec(family="web", containers=("app", "envoy"), ports={"app": (8080,), "envoy": (9901, 5432)})
    (arn,) = ecs_tables.add_tasks(REGION, "shop", spec=spec)
    target, address = container_of(client("ecs"), arn)
    assert [speaks(ask("", port, node=target)) for port in (8080, 9901, 5432)] == ["http", "http", "postgres"]
    assert ask("localhost", 22, node=target) == UNREACHABLE
    assert speaks(ask(address, 8080)) == "http"
    assert ask(address, 22) == UNREACHABLE


def test_a_container_that_declares_no_port_may_listen_on_any(ask: Ask, client: Client) -> None:
    ecs_tables.add_cluster(REGION, "shop")
    (arn,) = ecs_tables.add_tasks(REGION, "shop", spec=TaskSpec(launch_type="EC2"))
    target, address = container_of(client("ecs"), arn)
    assert address == ""
    assert speaks(ask("", 9999, node=target)) == ""


@pytest.mark.parametrize(
    "spec", [TaskSpec(exec_enabled=False), TaskSpec(agent_status="PENDING")], ids=["off", "starting"]
)
def test_no_session_starts_in_a_container_without_an_agent(client: Client, spec: TaskSpec) -> None:
    ecs_tables.add_cluster(REGION, "shop")
    (arn,) = ecs_tables.add_tasks(REGION, "shop", spec=spec)
    target, _ = container_of(client("ecs"), arn)
    assert refusal(client("ssm").start_session, Target=target, DocumentName=PORTS)[0] == "TargetNotConnected"


def test_a_container_reaches_the_databases_of_its_vpc(ask: Ask, client: Client) -> None:
    ecs_tables.add_cluster(REGION, "shop")
    (arn,) = ecs_tables.add_tasks(REGION, "shop")
    host = rds_tables.add_instance(REGION, "main")["Endpoint"]["Address"]
    assert speaks(ask(host, 5432, node=container_of(client("ecs"), arn)[0])) == "postgres"


# -- where things stand -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", SERVICE_REGIONS)
def test_databases_caches_and_containers_stand_where_the_jump_hosts_of_prod_do(
    aws_demo: DemoAws, client: Client, region: str
) -> None:
    aws_demo.seed_fleet()
    right = [{"Name": "tag:Role", "Values": ["jumphost"]}, {"Name": "instance-state-name", "Values": ["running"]}]
    hosts = instances_in(client("ec2", region).describe_instances(Filters=right))
    prod = {each["VpcId"] for each in hosts if each["PrivateIpAddress"].startswith("10.20.")}
    databases = client("rds", region).describe_db_instances()["DBInstances"]
    placed = {each["DBSubnetGroup"]["VpcId"] for each in databases if each["DBInstanceIdentifier"] != "warehouse"}
    proxies = {each["VpcId"] for each in client("rds", region).describe_db_proxies()["DBProxies"]}
    caches = client("elasticache", region)
    groups = {each["CacheSubnetGroupName"] for each in caches.describe_cache_clusters()["CacheClusters"]}
    cached = {each["VpcId"] for each in caches.describe_cache_subnet_groups()["CacheSubnetGroups"]}
    subnets = [each for row in caches.describe_serverless_caches()["ServerlessCaches"] for each in row["SubnetIds"]]
    serverless = {
        each["VpcId"] for each in client("ec2", region).describe_subnets(SubnetIds=sorted(set(subnets)))["Subnets"]
    }
    tasks = [task for rows in ecs_tables.tables.at(region).tasks.values() for task in rows.values()]
    assert len(prod) == 1
    assert placed == proxies == cached == serverless == {ecs_tables.vpc_of(region, task) for task in tasks} == prod
    assert groups == {"main"}


def test_one_database_stands_in_a_vpc_whose_jump_host_is_stopped(aws_demo: DemoAws, client: Client) -> None:
    aws_demo.seed_fleet()
    (warehouse,) = client("rds").describe_db_instances(DBInstanceIdentifier="warehouse")["DBInstances"]
    there = [{"Name": "vpc-id", "Values": [warehouse["DBSubnetGroup"]["VpcId"]]}]
    found = {
        next(tag["Value"] for tag in each["Tags"] if tag["Key"] == "Name"): each["State"]["Name"]
        for each in instances_in(client("ec2").describe_instances(Filters=there))
    }
    assert found == {"etl-loader": "running", "jump-warehouse": "stopped"}
