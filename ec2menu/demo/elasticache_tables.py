"""The demo's caches as dictionaries in ElastiCache's own shapes, per region, and the functions that add to them.

Here live the tables and the builders that the showcase and tests use. Nothing here answers a call (`elasticache` does)
and nothing here knows which caches the showcase has (`elasticache_fleet` does).
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ec2menu.clock import SystemClock
from ec2menu.demo.strict import ACCOUNT_ID, PerRegion
from ec2menu.demo.vpcs import main_vpc, subnets_of

Row = dict[str, Any]

REDIS_PORT = 6379
READER_PORT = 6380
MAIN_SUBNET_GROUP = "main"
MEMCACHED_PORT = 11211
SLOTS = 16384
_VERSIONS = {"valkey": "8.0.1", "redis": "7.1.0", "memcached": "1.6.22"}
_ODD_SHORT_REGIONS = {"ap-northeast-2": "apn2"}
_DIRECTIONS = {"east": "e", "west": "w", "north": "n", "south": "s", "central": "c"}


@dataclass(slots=True, kw_only=True)
class CacheTables:
    """The caches of one region, by identifier."""

    clusters: dict[str, Row] = field(default_factory=dict)
    groups: dict[str, Row] = field(default_factory=dict)
    serverless: dict[str, Row] = field(default_factory=dict)
    subnet_groups: dict[str, Row] = field(default_factory=dict)


tables: PerRegion[CacheTables] = PerRegion(CacheTables)


def add_cache_cluster(
    region: str, name: str, *, engine: str = "memcached", nodes: int = 1, fields: Mapping[str, Any] | None = None
) -> Row:
    """Add a CacheCluster: memcached with `nodes`, or one node of redis or valkey. `fields` are AWS's, and win."""
    name, port = name.lower(), MEMCACHED_PORT if engine == "memcached" else REDIS_PORT
    domain = f"{_digest(region)}.{{label}}.{short_region(region)}.cache.amazonaws.com"
    row: Row = {
        "CacheClusterId": name,
        "ARN": _arn(region, "cluster", name),
        "CacheNodeType": "cache.t4g.small",
        "Engine": engine,
        "EngineVersion": _VERSIONS[engine],
        "CacheClusterStatus": "available",
        "NumCacheNodes": nodes,
        "PreferredAvailabilityZone": f"{region}a" if nodes == 1 else "Multiple",
        "CacheClusterCreateTime": SystemClock().wall() - timedelta(days=zlib.crc32(name.encode()) % 700 + 1),
        "CacheSubnetGroupName": _main_subnet_group(region),
        "AutoMinorVersionUpgrade": True,
        "AuthTokenEnabled": False,
        "TransitEncryptionEnabled": False,
        "AtRestEncryptionEnabled": False,
        "CacheNodes": [
            {
                "CacheNodeId": f"{number:04d}",
                "CacheNodeStatus": "available",
                "Endpoint": _endpoint(f"{name}.{domain.format(label=f'{number:04d}')}", port),
                "CustomerAvailabilityZone": f"{region}{'abc'[number % 3]}",
            }
            for number in range(1, nodes + 1)
        ],
    }
    if engine == "memcached":
        row["ConfigurationEndpoint"] = _endpoint(f"{name}.{domain.format(label='cfg')}", port)
    row |= fields or {}
    tables.at(region).clusters[name] = row
    return row


def add_replication_group(
    region: str,
    name: str,
    *,
    engine: str = "valkey",
    shards: int = 1,
    replicas: int = 1,
    cluster_mode: bool = False,
    fields: Mapping[str, Any] | None = None,
) -> Row:
    """Add a ReplicationGroup and its members as CacheClusters, with TLS required unless `fields` say otherwise."""
    name = name.lower()
    tls = {"TransitEncryptionEnabled": True, "TransitEncryptionMode": "required"}
    row: Row = {
        "ReplicationGroupId": name,
        "ARN": _arn(region, "replicationgroup", name),
        "Description": f"{name} of the demo",
        "Status": "available",
        "Engine": engine,
        "CacheNodeType": "cache.r7g.large",
        "ClusterEnabled": cluster_mode,
        "ClusterMode": "enabled" if cluster_mode else "disabled",
        "MultiAZ": "enabled" if replicas else "disabled",
        "AutomaticFailover": "enabled" if replicas else "disabled",
        "AuthTokenEnabled": False,
        "AtRestEncryptionEnabled": True,
        "ReplicationGroupCreateTime": SystemClock().wall() - timedelta(days=200),
        **tls,
    }
    row |= fields or {}
    if not row["TransitEncryptionEnabled"]:
        del row["TransitEncryptionMode"]
    row["NodeGroups"] = [
        _node_group(region, row, shard=shard, shards=shards, replicas=replicas) for shard in range(1, shards + 1)
    ]
    if cluster_mode:
        row["ConfigurationEndpoint"] = _endpoint(_group_host(region, row, role="clustercfg"), REDIS_PORT)
    row["MemberClusters"] = [
        member["CacheClusterId"] for group in row["NodeGroups"] for member in group["NodeGroupMembers"]
    ]
    shared = {key: row[key] for key in ("TransitEncryptionEnabled", "AuthTokenEnabled", "CacheNodeType")}
    for member in row["MemberClusters"]:
        add_cache_cluster(region, member, engine=engine, fields={"ReplicationGroupId": name, **shared})
    tables.at(region).groups[name] = row
    return row


def add_serverless_cache(
    region: str, name: str, *, engine: str = "valkey", fields: Mapping[str, Any] | None = None
) -> Row:
    """Add a ServerlessCache; its Status is in capitals, unlike that of every other cache."""
    name = name.lower()
    host = f"{name}-{_digest(region)}.serverless.{short_region(region)}.cache.amazonaws.com"
    port = MEMCACHED_PORT if engine == "memcached" else REDIS_PORT
    row: Row = {
        "ServerlessCacheName": name,
        "ARN": _arn(region, "serverlesscache", name),
        "Description": " ",
        "Status": "AVAILABLE",
        "Engine": engine,
        "MajorEngineVersion": _VERSIONS[engine].partition(".")[0],
        "FullEngineVersion": _VERSIONS[engine],
        "CreateTime": SystemClock().wall() - timedelta(days=60),
        "Endpoint": _endpoint(host, port),
        "ReaderEndpoint": _endpoint(host, READER_PORT if engine != "memcached" else port + 1),
        "SubnetIds": [subnet.id for subnet in subnets_of(region, main_vpc(region))[:2]],
        "SecurityGroupIds": [],
    }
    row |= fields or {}
    tables.at(region).serverless[name] = row
    return row


def add_cache_clusters(region: str, count: int, *, name: str = "cache-{n:04d}") -> list[str]:
    """Add `count` memcached clusters of one node and return their identifiers."""
    return [str(add_cache_cluster(region, name.format(n=n))["CacheClusterId"]) for n in range(1, count + 1)]


def add_subnet_group(region: str, name: str, *, vpc_id: str) -> Row:
    """Add a CacheSubnetGroup over the subnets of a VPC."""
    name = name.lower()
    row: Row = {
        "CacheSubnetGroupName": name,
        "CacheSubnetGroupDescription": f"{name} of the demo",
        "VpcId": vpc_id,
        "ARN": _arn(region, "subnetgroup", name),
        "Subnets": [
            {"SubnetIdentifier": subnet.id, "SubnetAvailabilityZone": {"Name": subnet.availability_zone}}
            for subnet in subnets_of(region, vpc_id)
        ],
        "SupportedNetworkTypes": ["ipv4"],
    }
    tables.at(region).subnet_groups[name] = row
    return row


def _main_subnet_group(region: str) -> str:
    """Return the name of the group in the region's main VPC, added with the first cache."""
    if MAIN_SUBNET_GROUP not in tables.at(region).subnet_groups:
        add_subnet_group(region, MAIN_SUBNET_GROUP, vpc_id=main_vpc(region))
    return MAIN_SUBNET_GROUP


def short_region(region: str) -> str:
    """Return the region as ElastiCache's host names shorten it: `us-east-1` is `use1`, `ap-northeast-2` is `apn2`."""
    if region in _ODD_SHORT_REGIONS:
        return _ODD_SHORT_REGIONS[region]
    area, direction, number = region.split("-")[-3:]
    for word, letter in _DIRECTIONS.items():
        direction = direction.replace(word, letter)
    return f"{area}{direction}{number}"


def without_nodes(row: Row) -> Row:
    """Return a CacheCluster as DescribeCacheClusters shows it without ShowCacheNodeInfo."""
    return {key: value for key, value in row.items() if key != "CacheNodes"}


def _node_group(region: str, group: Row, *, shard: int, shards: int, replicas: int) -> Row:
    """Return one NodeGroup; only without cluster mode has it a primary and a reader endpoint."""
    name, clustered = group["ReplicationGroupId"], group["ClusterEnabled"]
    ids = [f"{name}-{shard:04d}-{n:03d}" if clustered else f"{name}-{n:03d}" for n in range(1, replicas + 2)]
    row: Row = {"NodeGroupId": f"{shard:04d}", "Status": "available"}
    row["NodeGroupMembers"] = [_member(region, group, member_id, primary=member_id == ids[0]) for member_id in ids]
    if clustered:
        first, last = SLOTS * (shard - 1) // shards, SLOTS * shard // shards - 1
        row["Slots"] = f"{first}-{last}"
    else:
        row["PrimaryEndpoint"] = _endpoint(_group_host(region, group, role="master"), REDIS_PORT)
        row["ReaderEndpoint"] = _endpoint(_group_host(region, group, role="replica"), REDIS_PORT)
    return row


def _member(region: str, group: Row, member_id: str, *, primary: bool) -> Row:
    row: Row = {"CacheClusterId": member_id, "CacheNodeId": "0001", "PreferredAvailabilityZone": f"{region}a"}
    if not group["ClusterEnabled"]:
        host = f"{member_id}.{_digest(region)}.0001.{short_region(region)}.cache.amazonaws.com"
        row["ReadEndpoint"] = _endpoint(host, REDIS_PORT)
        row["CurrentRole"] = "primary" if primary else "replica"
    return row


def _group_host(region: str, group: Row, *, role: str) -> str:
    """Return an endpoint's host: with TLS the role comes first, without it the name does."""
    name, tail = group["ReplicationGroupId"], f"{short_region(region)}.cache.amazonaws.com"
    if group["TransitEncryptionEnabled"]:
        return f"{role}.{name}.{_digest(region)}.{tail}"
    plain = {"master": ("", "ng.0001"), "replica": ("-ro", "ng.0001"), "clustercfg": ("", "clustercfg")}
    suffix, label = plain[role]
    return f"{name}{suffix}.{_digest(region)}.{label}.{tail}"


def _endpoint(host: str, port: int) -> Row:
    return {"Address": host, "Port": port}


def _arn(region: str, kind: str, name: str) -> str:
    return f"arn:aws:elasticache:{region}:{ACCOUNT_ID}:{kind}:{name}"


def _digest(region: str) -> str:
    return f"{zlib.crc32(region.encode()):08x}"[:6]
