"""Caches as ElastiCache words them, and as the product knows them, for the tests of the list."""

from collections.abc import Sequence
from typing import Any

from ec2menu.models import Cache, Endpoint, EndpointRole

REGION = "us-east-1"


def at(host: str, port: int = 6379) -> dict[str, Any]:
    return {"Address": host, "Port": port}


def end(host: str, port: int = 6379) -> Endpoint:
    return Endpoint(host=host, port=port)


def cluster(name: str, engine: str = "valkey", nodes: Sequence[str] = ("0001",), **members: Any) -> dict[str, Any]:
    found = [{"CacheNodeId": node, "Endpoint": at(f"{name}.{node}")} for node in nodes]
    known = {"EngineVersion": "8.0.1", "CacheClusterStatus": "available", "CacheSubnetGroupName": "main"}
    return {"CacheClusterId": name, "Engine": engine, "CacheNodes": found} | known | members


GROUP: dict[str, Any] = {
    "ReplicationGroupId": "sessions",
    "Status": "available",
    "Engine": "valkey",
    "ClusterEnabled": False,
    "ClusterMode": "disabled",
    "TransitEncryptionEnabled": True,
    "AuthTokenEnabled": False,
    "UserGroupIds": ["team"],
    "MemberClusters": ["sessions-001", "sessions-002"],
    "NodeGroups": [
        {
            "NodeGroupId": "0001",
            "PrimaryEndpoint": at("master.sessions"),
            "ReaderEndpoint": at("replica.sessions"),
            "NodeGroupMembers": [
                {"CacheClusterId": "sessions-001", "CacheNodeId": "0001", "ReadEndpoint": at("read-1")},
                {"CacheClusterId": "sessions-002", "CacheNodeId": "0001", "ReadEndpoint": at("read-2")},
            ],
        }
    ],
}
MEMBERS = [cluster(f"sessions-00{n}", ReplicationGroupId="sessions") for n in (1, 2)]
SHARDED: dict[str, Any] = {
    "ReplicationGroupId": "feed",
    "Status": "available",
    "Engine": "redis",
    "ClusterEnabled": True,
    "ConfigurationEndpoint": at("clustercfg.feed"),
    "AuthTokenEnabled": True,
    "TransitEncryptionEnabled": True,
    "NodeGroups": [
        {"NodeGroupMembers": [{"CacheClusterId": f"feed-{shard:04d}-001", "CacheNodeId": "0001"}]} for shard in (1, 2)
    ],
}
SHARDS = [cluster(f"feed-{shard:04d}-001", "redis", ReplicationGroupId="feed") for shard in (1, 2)]
SERVERLESS: dict[str, Any] = {
    "ServerlessCacheName": "search",
    "Status": "AVAILABLE",
    "Engine": "valkey",
    "MajorEngineVersion": "8",
    "FullEngineVersion": "8.0.1",
    "Endpoint": at("search.serverless"),
    "ReaderEndpoint": at("search.serverless", 6380),
    "UserGroupId": "team",
    "SubnetIds": ["subnet-1", "subnet-2"],
}


def ids(found: Sequence[Cache]) -> list[str]:
    return [cache.id for cache in found]


def cache(**fields: Any) -> Cache:
    known: dict[str, Any] = {
        "id": "scratch",
        "region": REGION,
        "name": "scratch",
        "role": EndpointRole.NODE,
        "engine": "redis",
    }
    return Cache(**(known | {"status": "available", "endpoint": end("h")} | fields))
