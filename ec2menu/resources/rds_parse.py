"""RDS's answers turned into the ways into databases: one for an instance and a proxy, several for a cluster.

Pure: entries of DescribeDBInstances, DescribeDBClusters, DescribeDBProxies and DescribeDBProxyEndpoints come in, with
DocumentDB and Neptune among them. Any member may be missing. Asking AWS is done in `rds`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ec2menu.models import Database, DbMember, EndpointRole
from ec2menu.resources.parts import Entry, by_identifier, to_endpoint, with_unique_ids

# A proxy has no port of its own: it answers on the port of its family.
_PROXY_FAMILIES = {"MYSQL": ("mysql", 3306), "POSTGRESQL": ("postgres", 5432), "SQLSERVER": ("sqlserver", 1433)}


def parse_databases(
    instances: Iterable[Entry],
    clusters: Iterable[Entry],
    *,
    region: str,
    proxies: Iterable[Entry] = (),
    proxy_endpoints: Iterable[Entry] = (),
) -> tuple[Database, ...]:
    """Return every way into every database. Members are folded under their cluster, unless that is not among them."""
    by_id = by_identifier(instances, "DBInstanceIdentifier")
    listed = by_identifier(clusters, "DBClusterIdentifier")
    folded = {member for cluster in listed.values() for member in _member_ids(cluster, by_id)}
    return with_unique_ids(
        (
            ("custom", (row for cluster in listed.values() for row in parse_cluster(cluster, by_id, region))),
            ("instance", (parse_instance(entry, region) for key, entry in by_id.items() if key not in folded)),
            ("proxy", _parse_proxies(by_identifier(proxies, "DBProxyName"), proxy_endpoints, region)),
        )
    )


def parse_instance(entry: Entry, region: str) -> Database:
    """Turn one DBInstance into a Database; no endpoint while it is being created."""
    name = str(entry.get("DBInstanceIdentifier", ""))
    return Database(
        id=name,
        region=region,
        name=name,
        role=EndpointRole.INSTANCE,
        engine=_engine(entry),
        engine_version=str(entry.get("EngineVersion", "")),
        status=str(entry.get("DBInstanceStatus", "")).lower(),
        endpoint=to_endpoint(entry.get("Endpoint")),
        vpc_id=_vpc(entry),
        multi_az=bool(entry.get("MultiAZ")),
        iam_auth=bool(entry.get("IAMDatabaseAuthenticationEnabled")),
        secret_arn=_managed_secret(entry),
        username=str(entry.get("MasterUsername", "")),
        database=str(entry.get("DBName", "")),
        accepts_password=_engine(entry) != "neptune",
    )


def parse_cluster(entry: Entry, instances: Mapping[str, Entry], region: str) -> tuple[Database, ...]:
    """Turn one DBCluster into its writer, reader and custom endpoints, each with the cluster's members.

    `instances` are all of the region by identifier. AWS tells the VPC of instances only: the members', or that of any
    instance in the same subnet group.
    """
    name = str(entry.get("DBClusterIdentifier", ""))
    member_ids = _member_ids(entry, instances)
    writer = Database(
        id=f"{name}:{EndpointRole.WRITER}",
        region=region,
        name=name,
        role=EndpointRole.WRITER,
        engine=_engine(entry),
        engine_version=str(entry.get("EngineVersion", "")),
        status=str(entry.get("Status", "")).lower(),
        endpoint=to_endpoint({"Address": entry.get("Endpoint"), "Port": entry.get("Port")}),
        vpc_id=_cluster_vpc(entry, [instances.get(member, {}) for member in member_ids], instances),
        multi_az=bool(entry.get("MultiAZ")),
        iam_auth=bool(entry.get("IAMDatabaseAuthenticationEnabled")),
        secret_arn=_managed_secret(entry),
        username=str(entry.get("MasterUsername", "")),
        database=str(entry.get("DatabaseName", "")),
        members=tuple(
            _parse_member(member, instances.get(member, {}), is_writer=is_writer)
            for member, is_writer in member_ids.items()
        ),
        accepts_password=_engine(entry) != "neptune",
    )
    return writer, *_other_endpoints(entry, writer)


def parse_proxy(entry: Entry, region: str) -> Database:
    """Turn one DBProxy into a Database; its secrets are those of the users whom it lets in by password."""
    name, auths = str(entry.get("DBProxyName", "")), entry.get("Auth") or []
    engine, port = _proxy_family(entry)
    required = [str(auth.get("IAMAuth", "")).upper() == "REQUIRED" for auth in auths]
    iam = str(entry.get("DefaultAuthScheme", "")).upper() == "IAM_AUTH" or any(
        str(auth.get("IAMAuth", "")).upper() in ("ENABLED", "REQUIRED") for auth in auths
    )
    accepts_password = not iam or not all(required)
    # With several there is one for each user, and nobody has said which user is meant.
    only = auths[0] if len(auths) == 1 and accepts_password else {}
    return Database(
        id=f"{name}:{EndpointRole.PROXY}",
        region=region,
        name=name,
        role=EndpointRole.PROXY,
        engine=engine,
        status=str(entry.get("Status", "")).lower(),
        endpoint=to_endpoint({"Address": entry.get("Endpoint"), "Port": port}),
        vpc_id=str(entry.get("VpcId", "")),
        iam_auth=iam,
        secret_arn=str(only.get("SecretArn", "")),
        username=str(only.get("UserName", "")),
        requires_tls=bool(entry.get("RequireTLS")),
        accepts_password=accepts_password,
    )


def _other_endpoints(cluster: Entry, writer: Database) -> Iterable[Database]:
    """Return the reader and custom endpoints; a custom one goes by the first label of its host, which is its name."""
    customs = [str(host) for host in dict.fromkeys(cluster.get("CustomEndpoints") or ())]
    named = (
        (EndpointRole.READER, EndpointRole.READER.value, str(cluster.get("ReaderEndpoint") or "")),
        *((EndpointRole.CUSTOM, host.partition(".")[0], host) for host in customs),
    )
    return (
        replace(
            writer,
            id=f"{writer.name}:{label}",
            role=role,
            endpoint=to_endpoint({"Address": host, "Port": cluster.get("Port")}),
        )
        for role, label, host in named
        if host
    )


def _parse_proxies(proxies: Mapping[str, Entry], endpoints: Iterable[Entry], region: str) -> list[Database]:
    found = {name: parse_proxy(entry, region) for name, entry in proxies.items()}
    further = {
        (entry["DBProxyName"], entry.get("DBProxyEndpointName")): entry
        for entry in endpoints
        if entry.get("DBProxyName") in found and not _is_default(entry, proxies)
    }
    return [*found.values(), *(_parse_proxy_endpoint(entry, found) for entry in further.values())]


def _is_default(endpoint: Entry, proxies: Mapping[str, Entry]) -> bool:
    """Tell the endpoint that is the proxy's own, and is listed with the proxy."""
    own = proxies[endpoint["DBProxyName"]].get("Endpoint")
    named_so = endpoint.get("IsDefault") or endpoint.get("DBProxyEndpointName") == "default"
    return bool(named_so) or (own is not None and endpoint.get("Endpoint") == own)


def _parse_proxy_endpoint(entry: Entry, proxies: Mapping[str, Database]) -> Database:
    proxy = proxies[entry["DBProxyName"]]
    port = proxy.endpoint.port if proxy.endpoint else _port_of(proxy.engine)
    return replace(
        proxy,
        id=f"{proxy.name}:{entry.get('DBProxyEndpointName', '')}",
        status=str(entry.get("Status", "")).lower(),
        endpoint=to_endpoint({"Address": entry.get("Endpoint"), "Port": port}),
        vpc_id=str(entry.get("VpcId") or proxy.vpc_id),
    )


def _proxy_family(entry: Entry) -> tuple[str, int]:
    family = str(entry.get("EngineFamily", "")).upper()
    return _PROXY_FAMILIES.get(family, (family.lower(), 0))


def _port_of(engine: str) -> int:
    return next((port for name, port in _PROXY_FAMILIES.values() if name == engine), 0)


def _member_ids(cluster: Entry, instances: Mapping[str, Entry]) -> dict[str, bool]:
    """Return the members' identifiers, and whether each is the writer.

    A member that has just been added may name its cluster before the cluster names it.
    """
    told = {
        str(member.get("DBInstanceIdentifier", "")): bool(member.get("IsClusterWriter"))
        for member in cluster.get("DBClusterMembers") or ()
    }
    name = cluster.get("DBClusterIdentifier")
    added = (key for key, entry in instances.items() if name and entry.get("DBClusterIdentifier") == name)
    return {**told, **{key: False for key in added if key not in told}}


def _parse_member(identifier: str, entry: Entry, *, is_writer: bool) -> DbMember:
    return DbMember(
        id=identifier,
        is_writer=is_writer,
        status=str(entry.get("DBInstanceStatus", "")).lower(),
        endpoint=to_endpoint(entry.get("Endpoint")),
    )


def _engine(entry: Entry) -> str:
    return str(entry.get("Engine", "")).lower()


def _managed_secret(entry: Entry) -> str:
    return str((entry.get("MasterUserSecret") or {}).get("SecretArn", ""))


def _vpc(instance: Entry) -> str:
    return str((instance.get("DBSubnetGroup") or {}).get("VpcId", ""))


def _cluster_vpc(cluster: Entry, members: Iterable[Entry], instances: Mapping[str, Entry]) -> str:
    group = cluster.get("DBSubnetGroup")
    neighbours = (
        entry
        for entry in instances.values()
        if group and (entry.get("DBSubnetGroup") or {}).get("DBSubnetGroupName") == group
    )
    return next((vpc for entry in (*members, *neighbours) if (vpc := _vpc(entry))), "")
