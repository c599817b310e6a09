"""Databases as RDS words them, and as the product knows them, for the tests of the list."""

from collections.abc import Sequence
from typing import Any

from ec2menu.models import Database, Endpoint, EndpointRole

REGION = "us-east-1"
INSTANCE: dict[str, Any] = {
    "DBInstanceIdentifier": "billing",
    "Engine": "postgres",
    "EngineVersion": "16.4",
    "DBInstanceStatus": "available",
    "Endpoint": {"Address": "billing.c1.us-east-1.rds.amazonaws.com", "Port": 5433},
    "DbInstancePort": 0,
    "DBSubnetGroup": {"DBSubnetGroupName": "main", "VpcId": "vpc-1"},
    "MultiAZ": True,
    "IAMDatabaseAuthenticationEnabled": True,
    "MasterUserSecret": {"SecretArn": "arn:secret", "SecretStatus": "active"},
    "MasterUsername": "postgres",
    "DBName": "bills",
}
CLUSTER: dict[str, Any] = {
    "DBClusterIdentifier": "orders",
    "Engine": "aurora-postgresql",
    "EngineVersion": "16.4",
    "Status": "available",
    "Endpoint": "orders.cluster-c1.us-east-1.rds.amazonaws.com",
    "ReaderEndpoint": "orders.cluster-ro-c1.us-east-1.rds.amazonaws.com",
    "CustomEndpoints": ["reports.cluster-custom-c1.us-east-1.rds.amazonaws.com"],
    "Port": 5432,
    "DBSubnetGroup": "main",
    "DBClusterMembers": [
        {"DBInstanceIdentifier": "orders-1", "IsClusterWriter": False},
        {"DBInstanceIdentifier": "orders-2", "IsClusterWriter": True},
    ],
    "MasterUsername": "admin",
    "DatabaseName": "shop",
    "IAMDatabaseAuthenticationEnabled": True,
    "MasterUserSecret": {"SecretArn": "arn:cluster-secret"},
}
PROXY: dict[str, Any] = {
    "DBProxyName": "orders-proxy",
    "Status": "available",
    "EngineFamily": "POSTGRESQL",
    "VpcId": "vpc-1",
    "Endpoint": "orders-proxy.proxy-c1.us-east-1.rds.amazonaws.com",
    "RequireTLS": True,
    "Auth": [{"AuthScheme": "SECRETS", "SecretArn": "arn:proxy-secret", "IAMAuth": "DISABLED"}],
}


def member(name: str, cluster: str = "orders", **members: Any) -> dict[str, Any]:
    return INSTANCE | {"DBInstanceIdentifier": name, "DBClusterIdentifier": cluster} | members


def ids(found: Sequence[Database]) -> list[str]:
    return [database.id for database in found]


def database(**fields: Any) -> Database:
    known: dict[str, Any] = {
        "id": "billing",
        "region": REGION,
        "name": "billing",
        "role": EndpointRole.INSTANCE,
        "engine": "postgres",
    }
    return Database(**(known | {"status": "available", "endpoint": Endpoint(host="h", port=5432)} | fields))
