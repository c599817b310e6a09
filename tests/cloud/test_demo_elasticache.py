"""ElastiCache of the demo by real boto3: paging, limits, errors, and what each kind of cache looks like."""

from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ec2menu.demo import elasticache, elasticache_tables
from ec2menu.demo.server import DemoAws
from tests.cloud.conftest import Client

REGION = "us-east-1"


@pytest.fixture
def caches(client: Client) -> Any:
    return client("elasticache")


def clusters(caches: Any, **request: Any) -> dict[str, dict[str, Any]]:
    pages = caches.get_paginator("describe_cache_clusters").paginate(**request)
    return {each["CacheClusterId"]: each for page in pages for each in page["CacheClusters"]}


def groups(caches: Any) -> dict[str, dict[str, Any]]:
    pages = caches.get_paginator("describe_replication_groups").paginate()
    return {each["ReplicationGroupId"]: each for page in pages for each in page["ReplicationGroups"]}


@pytest.mark.parametrize("count", [0, 1, 10, 11, 50, 51, 100, 101])
def test_clusters_are_listed_by_identifier_over_any_number_of_pages(caches: Any, count: int) -> None:
    names = elasticache_tables.add_cache_clusters(REGION, count)
    assert list(clusters(caches)) == names
    pages = list(caches.get_paginator("describe_cache_clusters").paginate())
    assert [len(page["CacheClusters"]) for page in pages] == ([count] if count <= 100 else [100, count - 100])


@pytest.mark.parametrize("count", [0, 1, 50, 51, 100, 101])
def test_serverless_caches_come_fifty_to_a_page(caches: Any, count: int) -> None:
    for n in range(count):
        elasticache_tables.add_serverless_cache(REGION, f"s-{n:03d}")
    pages = list(caches.get_paginator("describe_serverless_caches").paginate())
    assert [len(page["ServerlessCaches"]) for page in pages] == [50] * (count // 50) + [count % 50] * (
        count % 50 > 0 or count == 0
    )


def test_one_hundred_and_one_replication_groups_are_two_pages(caches: Any) -> None:
    for n in range(101):
        elasticache_tables.add_replication_group(REGION, f"g-{n:03d}", replicas=0)
    assert len(caches.describe_replication_groups()["ReplicationGroups"]) == 100
    assert len(groups(caches)) == 101


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("describe_cache_clusters", {"MaxRecords": 19}),
        ("describe_cache_clusters", {"MaxRecords": 101}),
        ("describe_cache_clusters", {"Marker": "x"}),
        ("describe_replication_groups", {"MaxRecords": 19}),
        ("describe_replication_groups", {"MaxRecords": 101}),
        ("describe_replication_groups", {"Marker": "x"}),
        ("describe_cache_subnet_groups", {"MaxRecords": 19}),
        ("describe_cache_subnet_groups", {"MaxRecords": 101}),
        ("describe_cache_subnet_groups", {"Marker": "x"}),
        ("describe_serverless_caches", {"MaxResults": 101}),
        ("describe_serverless_caches", {"NextToken": "x"}),
    ],
)
def test_a_page_size_out_of_range_and_a_foreign_token_are_refused(
    caches: Any, operation: str, request_: dict[str, Any]
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(caches, operation)(**request_)
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        ("describe_cache_clusters", {"CacheClusterId": "nope"}, "CacheClusterNotFound"),
        ("describe_replication_groups", {"ReplicationGroupId": "nope"}, "ReplicationGroupNotFoundFault"),
        ("describe_serverless_caches", {"ServerlessCacheName": "nope"}, "ServerlessCacheNotFoundFault"),
    ],
)
def test_what_does_not_exist_is_a_404_with_a_code_of_its_own(
    caches: Any, operation: str, request_: dict[str, str], code: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(caches, operation)(**request_)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_nodes_are_shown_only_when_asked_for(caches: Any) -> None:
    elasticache_tables.add_cache_cluster(REGION, "pages", nodes=3)
    plain, full = clusters(caches)["pages"], clusters(caches, ShowCacheNodeInfo=True)["pages"]
    assert "CacheNodes" not in plain
    assert [node["CacheNodeId"] for node in full["CacheNodes"]] == ["0001", "0002", "0003"]
    assert plain["ConfigurationEndpoint"] == full["ConfigurationEndpoint"]
    assert ".cfg." in plain["ConfigurationEndpoint"]["Address"]
    assert {node["Endpoint"]["Port"] for node in full["CacheNodes"]} == {11211}


def test_members_of_a_replication_group_are_clusters_too_unless_left_out(caches: Any) -> None:
    elasticache_tables.add_replication_group(REGION, "sessions", replicas=1)
    elasticache_tables.add_cache_cluster(REGION, "alone", engine="redis")
    everything = clusters(caches)
    assert sorted(everything) == ["alone", "sessions-001", "sessions-002"]
    assert everything["sessions-001"]["ReplicationGroupId"] == "sessions"
    assert "ConfigurationEndpoint" not in everything["alone"]
    assert list(clusters(caches, ShowCacheClustersNotInReplicationGroups=True)) == ["alone"]


def test_a_group_without_cluster_mode_has_a_primary_and_a_reader_endpoint(caches: Any) -> None:
    elasticache_tables.add_replication_group(REGION, "sessions", replicas=2)
    group = groups(caches)["sessions"]
    (shard,) = group["NodeGroups"]
    assert shard["PrimaryEndpoint"]["Address"].startswith("master.sessions.")
    assert shard["ReaderEndpoint"]["Address"].startswith("replica.sessions.")
    assert (shard["PrimaryEndpoint"]["Port"], shard["ReaderEndpoint"]["Port"]) == (6379, 6379)
    assert [member["CurrentRole"] for member in shard["NodeGroupMembers"]] == ["primary", "replica", "replica"]
    assert (group["ClusterEnabled"], group["ClusterMode"], "ConfigurationEndpoint" in group) == (
        False,
        "disabled",
        False,
    )
    assert group["MemberClusters"] == ["sessions-001", "sessions-002", "sessions-003"]


def test_a_group_with_cluster_mode_has_only_a_configuration_endpoint(caches: Any) -> None:
    elasticache_tables.add_replication_group(REGION, "feed", engine="redis", shards=3, cluster_mode=True)
    group = groups(caches)["feed"]
    assert group["ConfigurationEndpoint"]["Address"].startswith("clustercfg.feed.")
    assert (group["ClusterEnabled"], group["ClusterMode"]) == (True, "enabled")
    slots = [shard["Slots"].split("-") for shard in group["NodeGroups"]]
    assert (slots[0][0], slots[-1][1]) == ("0", "16383")
    assert all(int(after[0]) == int(before[1]) + 1 for before, after in pairwise(slots))
    assert not any("PrimaryEndpoint" in shard or "ReaderEndpoint" in shard for shard in group["NodeGroups"])
    assert len(group["MemberClusters"]) == 6


def test_the_showcase_has_every_engine_with_and_without_tls(caches: Any) -> None:
    elasticache.seed(REGION)
    found = groups(caches)
    tls = {name: (row["Engine"], row["TransitEncryptionEnabled"]) for name, row in found.items()}
    assert tls == {"feed": ("redis", True), "legacy-queue": ("redis", False), "sessions": ("valkey", True)}
    assert found["sessions"]["TransitEncryptionMode"] == "required"
    assert "TransitEncryptionMode" not in found["legacy-queue"]
    assert (found["feed"]["AuthTokenEnabled"], found["sessions"]["UserGroupIds"]) == (True, ["sessions-users"])
    creating = clusters(caches, ShowCacheNodeInfo=True)["next-cache"]
    assert (creating["CacheClusterStatus"], creating["CacheNodes"]) == ("creating", [])
    assert "ConfigurationEndpoint" not in creating


def test_serverless_caches_shout_their_status_and_have_two_endpoints(caches: Any) -> None:
    elasticache.seed(REGION)
    found = caches.describe_serverless_caches(ServerlessCacheName="search")["ServerlessCaches"]
    (search,) = found
    assert (search["Status"], search["Engine"]) == ("AVAILABLE", "valkey")
    assert (search["Endpoint"]["Port"], search["ReaderEndpoint"]["Port"]) == (6379, 6380)


@pytest.mark.parametrize("count", [0, 1, 100, 101])
def test_subnet_groups_are_listed_over_any_number_of_pages(caches: Any, count: int) -> None:
    for n in range(count):
        elasticache_tables.add_subnet_group(REGION, f"group-{n:03d}", vpc_id="vpc-1")
    pages = list(caches.get_paginator("describe_cache_subnet_groups").paginate())
    assert [len(page["CacheSubnetGroups"]) for page in pages] == ([count] if count <= 100 else [100, count - 100])


def test_the_subnet_group_of_a_cache_tells_its_vpc(caches: Any, client: Client) -> None:
    elasticache_tables.add_replication_group(REGION, "sessions")
    elasticache_tables.add_serverless_cache(REGION, "search")
    name = clusters(caches)["sessions-001"]["CacheSubnetGroupName"]
    (group,) = caches.describe_cache_subnet_groups(CacheSubnetGroupName=name.upper())["CacheSubnetGroups"]
    (search,) = caches.describe_serverless_caches()["ServerlessCaches"]
    subnets = client("ec2").describe_subnets(SubnetIds=search["SubnetIds"])["Subnets"]
    assert {each["VpcId"] for each in subnets} == {group["VpcId"]}
    assert set(search["SubnetIds"]) <= {each["SubnetIdentifier"] for each in group["Subnets"]}


def test_an_unknown_subnet_group_is_an_error_of_its_own(caches: Any) -> None:
    with pytest.raises(ClientError) as caught:
        caches.describe_cache_subnet_groups(CacheSubnetGroupName="nope")
    assert caught.value.response["Error"]["Code"] == "CacheSubnetGroupNotFoundFault"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("region", "short"),
    [("us-east-1", "use1"), ("ap-northeast-2", "apn2"), ("ap-southeast-1", "apse1"), ("eu-central-1", "euc1")],
)
def test_host_names_carry_the_short_name_of_the_region(region: str, short: str) -> None:
    assert elasticache_tables.short_region(region) == short


def test_what_a_client_creates_is_listed_with_the_demo_s_own(caches: Any) -> None:
    elasticache_tables.add_cache_cluster(REGION, "zebra")
    caches.create_cache_cluster(CacheClusterId="mine", Engine="redis", CacheNodeType="cache.t3.micro", NumCacheNodes=1)
    assert list(clusters(caches)) == ["zebra", "mine"]
    assert caches.describe_cache_clusters(CacheClusterId="mine")["CacheClusters"][0]["Engine"] == "redis"


def test_regions_are_apart_and_a_reset_empties_them(caches: Any, aws_demo: DemoAws, client: Client) -> None:
    elasticache.seed(REGION)
    assert clusters(client("elasticache", "eu-west-1")) == {}
    aws_demo.reset()
    assert (clusters(caches), groups(caches)) == ({}, {})
    assert caches.describe_serverless_caches()["ServerlessCaches"] == []
