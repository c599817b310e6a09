"""What a tunnel of the demo leads to: databases, caches, machines and containers by host name or address, and port.

Read from the tables of the other modules whenever a session starts; what the plugin is told of it goes into the stream
URL. A host that is not here, a port that nothing listens on, and a VPC that the node is not in cannot be reached.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ec2menu.demo import ecs_tables, elasticache_tables, rds_tables
from ec2menu.demo.ecs_rows import Row, ports_of
from ec2menu.demo.nodes import ec2_instances
from ec2menu.demo.vpcs import vpc_of_subnet

PORT_DOCUMENT, HOST_DOCUMENT = "AWS-StartPortForwardingSession", "AWS-StartPortForwardingSessionToRemoteHost"
DEFAULT_PORT = "80"
ITSELF = frozenset({"", "localhost", "127.0.0.1", "::1"})
SPEAKERS = (
    ("aurora-postgresql", "postgres"),
    ("postgres", "postgres"),
    ("aurora-mysql", "mysql"),
    ("mysql", "mysql"),
    ("mariadb", "mysql"),
    ("sqlserver", "sqlserver"),
    ("redis", "redis"),
    ("valkey", "redis"),
    ("memcached", "memcached"),
    ("oracle", "oracle"),
    ("docdb", "docdb"),
    ("neptune", "neptune"),
)
"""Which of `servers` stands for an engine; the first beginning that fits."""

USUAL_PORTS = {
    **dict.fromkeys((80, 3000, 8000, 8080, 9901), "http"),
    1433: "sqlserver",
    3306: "mysql",
    5432: "postgres",
    6379: "redis",
    11211: "memcached",
}
"""What listens on a port of a machine or container; on any other something that keeps still."""

_FAMILIES = {"POSTGRESQL": ("postgres", 5432), "MYSQL": ("mysql", 3306), "SQLSERVER": ("sqlserver-ee", 1433)}
_DOWN = frozenset({"creating", "stopped", "stopping", "starting", "deleting"})
_REFUSED = {"reachable": "no"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Something that listens; an empty `vpc_id` means that nobody knows where. `tls` as `Stream.accept_tls` has it."""

    host: str
    port: int
    vpc_id: str
    engine: str
    version: str = ""
    tls: str = ""

    def shown(self) -> dict[str, str]:
        """Return what the plugin is told."""
        speaks = next((speaks for prefix, speaks in SPEAKERS if self.engine.startswith(prefix)), "")
        told = {"speaks": speaks, "engine": self.engine, "version": self.version, "tls": self.tls}
        return {"reachable": "yes", **{name: value for name, value in told.items() if value}}


def far_end(region: str, target: str, document: str, parameters: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return what a session of `document` on `target` shows of its far end; nothing for one that is no tunnel."""
    if document not in (PORT_DOCUMENT, HOST_DOCUMENT):
        return {}
    port = int(next(iter(parameters.get("portNumber") or [DEFAULT_PORT])))
    host = next(iter(parameters.get("host") or [""])).lower().rstrip(".")
    if document == PORT_DOCUMENT or host in ITSELF:
        return _on_target(region, target, port)
    vpc_id = _vpc_of_target(region, target)
    return _on_machine(region, host, port, vpc_id) or _on_service(region, host, port, vpc_id)


def _on_target(region: str, target: str, port: int) -> dict[str, str]:
    if not target.startswith("ecs:"):
        return _usual(port)
    found = ecs_tables.find_container(region, target)
    return _REFUSED if found is None else _in_task(region, found[0], port)


def _on_machine(region: str, host: str, port: int, vpc_id: str) -> dict[str, str]:
    """Return what a host that is a machine's or a task's address shows, or nothing if it is none."""
    for instance in ec2_instances(region).values():
        if host in (instance.private_ip_address, instance.private_dns_name):
            return _usual(port) if instance.state == "running" and instance.vpc_id == vpc_id else _REFUSED
    task = ecs_tables.task_at(region, host)
    if task is None:
        return {}
    return _in_task(region, task, port) if ecs_tables.vpc_of(region, task) == vpc_id else _REFUSED


def _on_service(region: str, host: str, port: int, vpc_id: str) -> dict[str, str]:
    for service in services(region):
        if (service.host, service.port) == (host, port) and service.vpc_id in ("", vpc_id):
            return service.shown()
    return _REFUSED


def _in_task(region: str, task: Row, port: int) -> dict[str, str]:
    """Look at all containers of a task: they share its address, and where none declares a port, any may be open."""
    declared = ports_of(region, task)
    return _usual(port) if not declared or port in declared else _REFUSED


def _usual(port: int) -> dict[str, str]:
    speaks = USUAL_PORTS.get(port, "")
    return {"reachable": "yes", **({"speaks": speaks} if speaks else {})}


def _vpc_of_target(region: str, target: str) -> str:
    """Return the VPC that a session's target is in; no VPC is that of a machine outside EC2."""
    if target.startswith("ecs:"):
        found = ecs_tables.find_container(region, target)
        return ecs_tables.vpc_of(region, found[0]) if found else "-"
    instance = ec2_instances(region).get(target)
    return str(instance.vpc_id) if instance is not None else "-"


# -- services -----------------------------------------------------------------------------------------------------


def services(region: str) -> Iterator[Service]:
    """Yield everything that listens under a name of its own."""
    yield from _databases(rds_tables.tables.at(region))
    yield from _caches(region, elasticache_tables.tables.at(region))


def _databases(rows: rds_tables.RdsTables) -> Iterator[Service]:
    instances = dict(rows.instances)
    for row in instances.values():
        if "Endpoint" in row and row["DBInstanceStatus"] not in _DOWN:
            yield from _services([row["Endpoint"]], row, vpc_id=row["DBSubnetGroup"]["VpcId"])
    for row in list(rows.clusters.values()):
        members = [instances[each["DBInstanceIdentifier"]] for each in row["DBClusterMembers"]]
        vpc_id = members[0]["DBSubnetGroup"]["VpcId"] if members else ""
        hosts = [row["Endpoint"], row["ReaderEndpoint"], *row.get("CustomEndpoints", [])]
        if row["Status"] not in _DOWN:
            yield from _services([{"Address": host, "Port": row["Port"]} for host in hosts], row, vpc_id=vpc_id)
    for row in list(rows.proxy_endpoints.values()):
        engine, port = _FAMILIES[rows.proxies[row["DBProxyName"]]["EngineFamily"]]
        endpoint = {"Address": row["Endpoint"], "Port": port}
        yield from _services([endpoint], {"Engine": engine}, vpc_id=row["VpcId"])


def _caches(region: str, rows: elasticache_tables.CacheTables) -> Iterator[Service]:
    for row in [*rows.groups.values(), *rows.clusters.values()]:
        # Of a replication group only its members tell the subnets and the version.
        member = rows.clusters.get(next(iter(row.get("MemberClusters", [])), ""), {}) | row
        vpc_id = rows.subnet_groups.get(member.get("CacheSubnetGroupName", ""), {}).get("VpcId", "")
        mode = row.get("TransitEncryptionMode", "required") if row["TransitEncryptionEnabled"] else ""
        yield from _services(_cache_endpoints(row), member, vpc_id=vpc_id, tls=mode)
    for row in list(rows.serverless.values()):
        vpc_id = vpc_of_subnet(region, next(iter(row["SubnetIds"]), ""))
        yield from _services([row["Endpoint"], row["ReaderEndpoint"]], row, vpc_id=vpc_id, tls="required")


def _cache_endpoints(row: Row) -> Iterator[Row]:
    """Yield the endpoints of a cluster or a replication group, wherever ElastiCache keeps them."""
    if "ConfigurationEndpoint" in row:
        yield row["ConfigurationEndpoint"]
    yield from (node["Endpoint"] for node in row.get("CacheNodes", []))
    for shard in row.get("NodeGroups", []):
        yield from (shard[name] for name in ("PrimaryEndpoint", "ReaderEndpoint") if name in shard)
        yield from (member["ReadEndpoint"] for member in shard["NodeGroupMembers"] if "ReadEndpoint" in member)


def _services(endpoints: Iterable[Row], row: Row, *, vpc_id: str, tls: str = "") -> Iterator[Service]:
    for endpoint in endpoints:
        yield Service(
            host=str(endpoint["Address"]).lower(),
            port=int(endpoint["Port"]),
            vpc_id=vpc_id,
            engine=row["Engine"],
            version=str(row.get("EngineVersion") or row.get("FullEngineVersion") or ""),
            tls=tls,
        )
