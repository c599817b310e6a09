"""The demo's databases as dictionaries in RDS's own shapes, per region, and the functions that add to them.

Here live the tables and the builders that the showcase and tests use. Nothing here answers a call (`rds` does) and
nothing here knows which databases the showcase has (`rds_fleet` does).
"""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ec2menu.clock import SystemClock
from ec2menu.demo.secrets import add_login
from ec2menu.demo.strict import ACCOUNT_ID, PerRegion
from ec2menu.demo.vpcs import main_vpc

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What the builders know of an engine: its port, a version, the first user, and the domain of its endpoints."""

    port: int
    version: str
    user: str
    domain: str = "rds"


_ENGINES = {
    "postgres": Engine(port=5432, version="16.4", user="postgres"),
    "aurora-postgresql": Engine(port=5432, version="16.4", user="postgres"),
    "mysql": Engine(port=3306, version="8.0.39", user="admin"),
    "aurora-mysql": Engine(port=3306, version="8.0.mysql_aurora.3.07.1", user="admin"),
    "mariadb": Engine(port=3306, version="10.11.9", user="admin"),
    "sqlserver-ex": Engine(port=1433, version="16.00.4135.4.v1", user="admin"),
    "oracle-se2": Engine(port=1521, version="19.0.0.0.ru-2024-07.rur-2024-07.r1", user="admin"),
    "docdb": Engine(port=27017, version="5.0.0", user="docdbadmin", domain="docdb"),
    "neptune": Engine(port=8182, version="1.3.2.1", user="admin", domain="neptune"),
}


@dataclass(slots=True, kw_only=True)
class RdsTables:
    """The databases of one region, by identifier."""

    instances: dict[str, Row] = field(default_factory=dict)
    clusters: dict[str, Row] = field(default_factory=dict)
    proxies: dict[str, Row] = field(default_factory=dict)
    proxy_endpoints: dict[str, Row] = field(default_factory=dict)
    cluster_endpoints: dict[str, Row] = field(default_factory=dict)


tables: PerRegion[RdsTables] = PerRegion(RdsTables)


def add_instance(
    region: str, name: str, *, engine: str = "postgres", ready: bool = True, fields: Mapping[str, Any] | None = None
) -> Row:
    """Add a DBInstance; one that is not `ready` is still creating and has no Endpoint. `fields` are AWS's, and win."""
    name, facts = name.lower(), _ENGINES[engine]
    row: Row = {
        "DBInstanceIdentifier": name,
        "DBInstanceClass": "db.t4g.medium",
        "Engine": engine,
        "EngineVersion": facts.version,
        "DBInstanceStatus": "available" if ready else "creating",
        "MasterUsername": facts.user,
        "AllocatedStorage": 100,
        "AvailabilityZone": f"{region}a",
        "MultiAZ": False,
        "PubliclyAccessible": False,
        "StorageEncrypted": True,
        "StorageType": "gp3",
        "DbInstancePort": 0,
        "DbiResourceId": f"db-{_digest(name, 26).upper()}",
        "DBInstanceArn": _arn(region, "db", name),
        "IAMDatabaseAuthenticationEnabled": False,
        "DBSubnetGroup": {"DBSubnetGroupName": "main", "VpcId": main_vpc(region), "SubnetGroupStatus": "Complete"},
        "TagList": [],
    }
    if ready:
        row["Endpoint"] = {
            "Address": _host(region, name, domain=facts.domain),
            "Port": facts.port,
            "HostedZoneId": "Z2R2ITUGPM61AM",
        }
        row["InstanceCreateTime"] = SystemClock().wall() - timedelta(days=zlib.crc32(name.encode()) % 900 + 1)
    row |= fields or {}
    _keep_login(row)
    tables.at(region).instances[name] = row
    return row


def add_cluster(
    region: str,
    name: str,
    *,
    engine: str = "aurora-postgresql",
    readers: int = 1,
    custom_endpoints: Iterable[str] = (),
    fields: Mapping[str, Any] | None = None,
) -> Row:
    """Add a DBCluster with its writer and `readers` as DBInstances, and one custom endpoint per name given."""
    name, facts = name.lower(), _ENGINES[engine]
    members = [f"{name}-{number}" for number in range(1, readers + 2)]
    row: Row = {
        "DBClusterIdentifier": name,
        "DBClusterArn": _arn(region, "cluster", name),
        "DbClusterResourceId": f"cluster-{_digest(name, 26).upper()}",
        "Engine": engine,
        "EngineVersion": facts.version,
        "EngineMode": "provisioned",
        "Status": "available",
        "Endpoint": _host(region, name, kind="cluster-", domain=facts.domain),
        "ReaderEndpoint": _host(region, name, kind="cluster-ro-", domain=facts.domain),
        "Port": facts.port,
        "MasterUsername": facts.user,
        "MultiAZ": readers > 0,
        "StorageEncrypted": True,
        "DBSubnetGroup": "main",
        "AvailabilityZones": [f"{region}a", f"{region}b", f"{region}c"],
        "IAMDatabaseAuthenticationEnabled": False,
        "ClusterCreateTime": SystemClock().wall() - timedelta(days=400),
        "DBClusterMembers": [
            {"DBInstanceIdentifier": member, "IsClusterWriter": member == members[0], "PromotionTier": 1}
            for member in members
        ],
        "TagList": [],
    }
    row |= fields or {}
    _keep_login(row)
    shared = {key: row[key] for key in ("MasterUsername", "IAMDatabaseAuthenticationEnabled")}
    for member in members:
        add_instance(region, member, engine=engine, fields={"DBClusterIdentifier": name, **shared})
    tables.at(region).clusters[name] = row
    _add_cluster_endpoints(region, row, custom=tuple(custom_endpoints))
    return row


def add_proxy(
    region: str,
    name: str,
    *,
    engine_family: str = "POSTGRESQL",
    read_only_endpoints: Iterable[str] = (),
    fields: Mapping[str, Any] | None = None,
) -> Row:
    """Add a DBProxy with its default endpoint and one read-only DBProxyEndpoint per name given."""
    name = name.lower()
    secret = f"arn:aws:secretsmanager:{region}:{ACCOUNT_ID}:secret:proxy/{name}-AbCdEf"
    row: Row = {
        "DBProxyName": name,
        "DBProxyArn": _arn(region, "db-proxy", f"prx-{_digest(name, 17)}"),
        "Status": "available",
        "EngineFamily": engine_family,
        "VpcId": main_vpc(region),
        "Endpoint": _host(region, name, kind="proxy-"),
        "RequireTLS": True,
        "IdleClientTimeout": 1800,
        "Auth": [{"AuthScheme": "SECRETS", "SecretArn": secret, "IAMAuth": "DISABLED"}],
        "CreatedDate": SystemClock().wall() - timedelta(days=90),
    }
    row |= fields or {}
    if any(each.get("SecretArn") == secret for each in row["Auth"]):
        add_login(secret, "app")
    tables.at(region).proxies[name] = row
    _add_proxy_endpoint(region, row, name="default", host=row["Endpoint"], role="READ_WRITE")
    for endpoint in read_only_endpoints:
        host = _host(region, endpoint, kind="endpoint.proxy-")
        _add_proxy_endpoint(region, row, name=endpoint, host=host, role="READ_ONLY")
    return row


def add_instances(region: str, count: int, *, name: str = "db-{n:04d}") -> list[str]:
    """Add `count` plain PostgreSQL instances and return their identifiers."""
    return [str(add_instance(region, name.format(n=n))["DBInstanceIdentifier"]) for n in range(1, count + 1)]


def managed_secret(region: str, name: str, *, status: str = "active") -> Row:
    """Return a MasterUserSecret structure, as RDS shows for a password that it manages in Secrets Manager.

    The secret itself comes with the instance or cluster that has the structure among its fields.
    """
    arn = f"arn:aws:secretsmanager:{region}:{ACCOUNT_ID}:secret:rds!{name}-AbCdEf"
    return {"SecretArn": arn, "SecretStatus": status, "KmsKeyId": f"arn:aws:kms:{region}:{ACCOUNT_ID}:key/demo"}


def _keep_login(row: Row) -> None:
    arn = str(row.get("MasterUserSecret", {}).get("SecretArn", ""))
    if ":secret:" in arn:
        add_login(arn, row["MasterUsername"])


def _add_cluster_endpoints(region: str, cluster: Row, *, custom: tuple[str, ...]) -> None:
    name, domain = cluster["DBClusterIdentifier"], _ENGINES[cluster["Engine"]].domain
    base = {"DBClusterIdentifier": name, "Status": "available", "StaticMembers": [], "ExcludedMembers": []}
    rows = tables.at(region).cluster_endpoints
    rows[f"{name}/writer"] = {**base, "EndpointType": "WRITER", "Endpoint": cluster["Endpoint"]}
    rows[f"{name}/reader"] = {**base, "EndpointType": "READER", "Endpoint": cluster["ReaderEndpoint"]}
    readers = [each["DBInstanceIdentifier"] for each in cluster["DBClusterMembers"] if not each["IsClusterWriter"]]
    for endpoint in custom:
        rows[endpoint] = {
            **base,
            "DBClusterEndpointIdentifier": endpoint,
            "DBClusterEndpointArn": _arn(region, "cluster-endpoint", endpoint),
            "EndpointType": "CUSTOM",
            "CustomEndpointType": "READER",
            "Endpoint": _host(region, endpoint, kind="cluster-custom-", domain=domain),
            "StaticMembers": readers,
        }
    if custom:
        cluster["CustomEndpoints"] = [rows[endpoint]["Endpoint"] for endpoint in custom]


def _add_proxy_endpoint(region: str, proxy: Row, *, name: str, host: str, role: str) -> None:
    key = f"{proxy['DBProxyName']}/{name}"
    tables.at(region).proxy_endpoints[key] = {
        "DBProxyEndpointName": name,
        "DBProxyEndpointArn": _arn(region, "db-proxy-endpoint", f"prx-endpoint-{_digest(key, 17)}"),
        "DBProxyName": proxy["DBProxyName"],
        "Status": "available",
        "VpcId": proxy["VpcId"],
        "Endpoint": host,
        "TargetRole": role,
        "IsDefault": name == "default",
        "CreatedDate": proxy["CreatedDate"],
    }


def _host(region: str, name: str, *, kind: str = "", domain: str = "rds") -> str:
    return f"{name}.{kind}c{_digest(region, 11)}.{region}.{domain}.amazonaws.com"


def _arn(region: str, kind: str, name: str) -> str:
    return f"arn:aws:rds:{region}:{ACCOUNT_ID}:{kind}:{name}"


def _digest(text: str, length: int) -> str:
    return (f"{zlib.crc32(text.encode()):08x}" * 4)[:length]
