"""ElastiCache for the demo: the Describe actions of clusters, replication groups and serverless caches, as AWS pages.

The caches are rows of `elasticache_tables`; what clients create through moto's own actions is listed after them.
No data is made up here.
"""

from collections.abc import Mapping
from typing import Any

from ec2menu.demo import strict
from ec2menu.demo.elasticache_fleet import seed_caches
from ec2menu.demo.elasticache_tables import Row, tables, without_nodes
from ec2menu.demo.strict import RDS, Refused, aws_error, paginate, param, reply

MIN_RECORDS, MAX_RECORDS = 20, 100
SERVERLESS_RESULTS, MAX_SERVERLESS_RESULTS = 50, 100
NOT_FOUND = 404


def install() -> None:
    """Put the Describe actions onto moto's ElastiCache; doing it again changes nothing."""
    from moto.elasticache.responses import ElastiCacheResponse  # noqa: PLC0415 - moto's responses are slow to import

    strict.install(ElastiCacheResponse, "describe_cache_clusters", describe_cache_clusters)
    strict.install(ElastiCacheResponse, "describe_replication_groups", describe_replication_groups)
    strict.install(ElastiCacheResponse, "describe_serverless_caches", describe_serverless_caches)
    strict.install(ElastiCacheResponse, "describe_cache_subnet_groups", describe_cache_subnet_groups)


def seed(region: str) -> None:
    """Add the showcase caches of `region`."""
    seed_caches(region)


def describe_cache_clusters(response: Any) -> Any:
    """Answer ElastiCache DescribeCacheClusters; members of replication groups are clusters too unless excluded."""
    name, backend = param(response, "CacheClusterId"), response.elasticache_backend
    rows = tables.at(response.region).clusters
    not_found = _not_found("CacheClusterNotFound", f"CacheCluster not found: {name}")
    found = _find(rows, name, moto=backend.cache_clusters, not_found=not_found)
    if param(response, "ShowCacheClustersNotInReplicationGroups"):
        found = [cluster for cluster in found if not _group_of(cluster)]
    if not param(response, "ShowCacheNodeInfo"):
        found = [without_nodes(row) if isinstance(row, dict) else row for row in found]
    return _page(response, "CacheClusters", found)


def describe_replication_groups(response: Any) -> Any:
    """Answer ElastiCache DescribeReplicationGroups."""
    name, backend = param(response, "ReplicationGroupId"), response.elasticache_backend
    rows = tables.at(response.region).groups
    not_found = _not_found("ReplicationGroupNotFoundFault", f"ReplicationGroup {name} not found.")
    found = _find(rows, name, moto=backend.replication_groups, not_found=not_found)
    return _page(response, "ReplicationGroups", found)


def describe_serverless_caches(response: Any) -> Any:
    """Answer ElastiCache DescribeServerlessCaches, which pages by MaxResults and NextToken."""
    name = param(response, "ServerlessCacheName")
    not_found = _not_found("ServerlessCacheNotFoundFault", f"ServerlessCache {name} not found.")
    found = _find(tables.at(response.region).serverless, name, moto={}, not_found=not_found)
    page, token = paginate(
        found,
        token=param(response, "NextToken"),
        size=param(response, "MaxResults"),
        default=SERVERLESS_RESULTS,
        minimum=1,
        maximum=MAX_SERVERLESS_RESULTS,
        style=RDS,
    )
    return reply({"ServerlessCaches": page, "NextToken": token})


def describe_cache_subnet_groups(response: Any) -> Any:
    """Answer ElastiCache DescribeCacheSubnetGroups, the only place that tells the VPC of a cache."""
    name, backend = param(response, "CacheSubnetGroupName"), response.elasticache_backend
    rows = tables.at(response.region).subnet_groups
    not_found = aws_error("CacheSubnetGroupNotFoundFault", f"CacheSubnetGroup {name} not found.")
    found = _find(rows, name, moto=backend.cache_subnet_groups, not_found=not_found)
    return _page(response, "CacheSubnetGroups", found)


def _find(rows: Mapping[str, Row], name: str | None, *, moto: Mapping[str, Any], not_found: Refused) -> list[Any]:
    """Return the cache called `name`, or every one: the demo's own by identifier, then those that moto keeps."""
    if name is None:
        return [*(rows[key] for key in sorted(rows)), *moto.values()]
    found = rows.get(name.lower()) or moto.get(name)
    if found is None:
        raise not_found
    return [found]


def _group_of(cluster: Any) -> str | None:
    """Return the replication group that a cluster belongs to, of the demo's rows as of moto's objects."""
    if isinstance(cluster, dict):
        return cluster.get("ReplicationGroupId")
    return getattr(cluster, "replication_group_id", None)


def _page(response: Any, name: str, rows: list[Any]) -> Any:
    page, marker = paginate(
        rows,
        token=param(response, "Marker"),
        size=param(response, "MaxRecords"),
        default=MAX_RECORDS,
        minimum=MIN_RECORDS,
        maximum=MAX_RECORDS,
        style=RDS,
    )
    return reply({name: page, "Marker": marker})


def _not_found(code: str, message: str) -> Refused:
    return aws_error(code, message, status=NOT_FOUND)
