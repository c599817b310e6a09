"""The caches of the demo's showcase: one of each kind that a menu has to tell apart."""

from ec2menu.demo.elasticache_tables import add_cache_cluster, add_replication_group, add_serverless_cache


def seed_caches(region: str) -> None:
    """Add the showcase caches of `region`: one of each kind that a menu has to tell apart."""
    no_tls = {"TransitEncryptionEnabled": False}
    add_replication_group(region, "sessions", replicas=2, fields={"UserGroupIds": ["sessions-users"]})
    add_replication_group(
        region, "feed", engine="redis", shards=3, cluster_mode=True, fields={"AuthTokenEnabled": True}
    )
    add_replication_group(region, "legacy-queue", engine="redis", replicas=0, fields=no_tls)
    add_cache_cluster(region, "page-cache", nodes=3)
    add_cache_cluster(region, "scratch", engine="redis")
    _add_creating_cluster(region, "next-cache")
    add_serverless_cache(region, "search")
    add_serverless_cache(region, "thumbnails", engine="memcached")


def _add_creating_cluster(region: str, name: str) -> None:
    """Add a cluster that has no nodes, endpoint or birthday yet."""
    row = add_cache_cluster(region, name, fields={"CacheClusterStatus": "creating", "CacheNodes": []})
    del row["ConfigurationEndpoint"], row["CacheClusterCreateTime"]
