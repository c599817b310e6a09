"""ElastiCache's answers turned into the ways into caches: endpoints of groups, clusters and serverless caches.

Pure: entries of DescribeReplicationGroups, DescribeCacheClusters (with ShowCacheNodeInfo) and DescribeServerlessCaches
come in. Any member may be missing. Asking AWS is done in `elasticache`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ec2menu.models import Cache, CacheAuth, Endpoint, EndpointRole
from ec2menu.resources.parts import Entry, by_identifier, to_endpoint, with_unique_ids

Nodes = tuple[tuple[str, Endpoint], ...]


def parse_caches(
    groups: Iterable[Entry], clusters: Iterable[Entry], serverless: Iterable[Entry], *, region: str
) -> tuple[Cache, ...]:
    """Return every way into every cache. Members are folded into their group, unless that is not among them."""
    by_id = by_identifier(clusters, "CacheClusterId")
    listed = by_identifier(groups, "ReplicationGroupId")
    without_servers = by_identifier(serverless, "ServerlessCacheName")
    folded = {member for group in listed.values() for member in _member_ids(group, by_id)}
    return with_unique_ids(
        (
            ("group", (row for group in listed.values() for row in parse_group(group, by_id, region))),
            ("cluster", (parse_cluster(entry, region) for key, entry in by_id.items() if key not in folded)),
            ("serverless", (row for entry in without_servers.values() for row in parse_serverless(entry, region))),
        )
    )


def parse_group(entry: Entry, clusters: Mapping[str, Entry], region: str) -> tuple[Cache, ...]:
    """Turn one ReplicationGroup into its endpoints: the configuration in cluster mode, else primary and reader.

    A group between the modes ("compatible") has all three. `clusters` are all of the region by identifier; only they
    tell the version, the subnet group and, in cluster mode, the nodes.
    """
    name = str(entry.get("ReplicationGroupId", ""))
    shard: Entry = next(iter(entry.get("NodeGroups") or ()), {})
    members = [clusters[member] for member in _member_ids(entry, clusters) if member in clusters]
    is_clustered = bool(entry.get("ClusterEnabled")) or str(entry.get("ClusterMode", "")).lower() == "enabled"
    group = Cache(
        id=name,
        region=region,
        name=name,
        role=EndpointRole.PRIMARY,
        engine=(str(entry.get("Engine") or "") or _first(members, "Engine") or "redis").lower(),
        engine_version=_first(members, "EngineVersion"),
        status=str(entry.get("Status", "")).lower(),
        tls=bool(entry.get("TransitEncryptionEnabled")),
        auth=_auth(entry),
        cluster_mode=is_clustered,
        nodes=_group_nodes(entry, clusters),
        subnet_group=_first(members, "CacheSubnetGroupName"),
    )
    configuration, primary, reader = (
        to_endpoint(found)
        for found in (entry.get("ConfigurationEndpoint"), shard.get("PrimaryEndpoint"), shard.get("ReaderEndpoint"))
    )
    rows = (
        (EndpointRole.CONFIGURATION, configuration, is_clustered or configuration is not None),
        (EndpointRole.PRIMARY, primary, not is_clustered or primary is not None),
        (EndpointRole.READER, reader, reader is not None),
    )
    return tuple(_as(group, role, endpoint) for role, endpoint, exists in rows if exists)


def parse_cluster(entry: Entry, region: str) -> Cache:
    """Turn one CacheCluster into its way in: memcached's configuration endpoint, or its only node.

    A cluster in a group can be one, too, where the group itself is not known.
    """
    name, engine = str(entry.get("CacheClusterId", "")), str(entry.get("Engine", "")).lower()
    configuration, nodes = to_endpoint(entry.get("ConfigurationEndpoint")), _cluster_nodes(entry)
    cluster = Cache(
        id=name,
        region=region,
        name=name,
        role=EndpointRole.NODE,
        engine=engine,
        engine_version=str(entry.get("EngineVersion", "")),
        status=str(entry.get("CacheClusterStatus", "")).lower(),
        endpoint=nodes[0][1] if nodes else None,
        tls=bool(entry.get("TransitEncryptionEnabled")),
        auth=_auth(entry),
        nodes=nodes,
        subnet_group=str(entry.get("CacheSubnetGroupName", "")),
    )
    if configuration is None and (nodes or engine != "memcached"):
        return cluster
    return _as(cluster, EndpointRole.CONFIGURATION, configuration)


def parse_serverless(entry: Entry, region: str) -> tuple[Cache, ...]:
    """Turn one ServerlessCache into its endpoint and its reader endpoint; TLS is always on there."""
    name = str(entry.get("ServerlessCacheName", ""))
    main = Cache(
        id=f"{name}:{EndpointRole.SERVERLESS}",
        region=region,
        name=name,
        role=EndpointRole.SERVERLESS,
        engine=str(entry.get("Engine", "")).lower(),
        engine_version=str(entry.get("FullEngineVersion") or entry.get("MajorEngineVersion") or ""),
        status=str(entry.get("Status", "")).lower(),
        endpoint=to_endpoint(entry.get("Endpoint")),
        tls=True,
        auth=CacheAuth.RBAC if entry.get("UserGroupId") else CacheAuth.NONE,
        subnet_ids=tuple(str(subnet) for subnet in entry.get("SubnetIds") or ()),
    )
    reader = to_endpoint(entry.get("ReaderEndpoint"))
    return (main, _as(main, EndpointRole.READER, reader)) if reader else (main,)


def _as(cache: Cache, role: EndpointRole, endpoint: Endpoint | None) -> Cache:
    return replace(cache, id=f"{cache.name}:{role}", role=role, endpoint=endpoint)


def _auth(entry: Entry) -> CacheAuth:
    if entry.get("UserGroupIds"):
        return CacheAuth.RBAC
    return CacheAuth.TOKEN if entry.get("AuthTokenEnabled") else CacheAuth.NONE


def _group_members(group: Entry) -> list[Entry]:
    shards = group.get("NodeGroups") or ()
    return [member for shard in shards for member in shard.get("NodeGroupMembers") or ()]


def _member_ids(group: Entry, clusters: Mapping[str, Entry]) -> list[str]:
    """Return the identifiers of the group's clusters, in its own order; a cluster may know its group before it does."""
    name = group.get("ReplicationGroupId")
    told = (str(member.get("CacheClusterId", "")) for member in _group_members(group))
    listed = (str(member) for member in group.get("MemberClusters") or ())
    added = (key for key, entry in clusters.items() if name and entry.get("ReplicationGroupId") == name)
    return [member for member in dict.fromkeys((*told, *listed, *added)) if member]


def _group_nodes(group: Entry, clusters: Mapping[str, Entry]) -> Nodes:
    """Return the group's nodes that have an endpoint; in cluster mode only their clusters tell it."""
    told = {
        str(member.get("CacheClusterId", "")): to_endpoint(member.get("ReadEndpoint"))
        for member in _group_members(group)
    }
    found = (
        (member, told.get(member) or next((node for _, node in _cluster_nodes(clusters.get(member, {}))), None))
        for member in _member_ids(group, clusters)
    )
    return tuple((member, endpoint) for member, endpoint in found if endpoint is not None)


def _cluster_nodes(cluster: Entry) -> Nodes:
    found = ((str(node.get("CacheNodeId", "")), to_endpoint(node.get("Endpoint"))) for node in _nodes_of(cluster))
    return tuple((node_id, endpoint) for node_id, endpoint in found if endpoint is not None)


def _nodes_of(cluster: Entry) -> Iterable[Entry]:
    nodes: Iterable[Entry] = cluster.get("CacheNodes") or ()
    return nodes


def _first(entries: Iterable[Entry], member: str) -> str:
    """Return what the first entry that says anything says."""
    return next((str(entry[member]) for entry in entries if entry.get(member)), "")
