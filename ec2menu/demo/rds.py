"""RDS for the demo: the Describe actions of instances, clusters, proxies and their endpoints, paged as AWS pages them.

The databases are rows of `rds_tables`; what clients create through moto's own actions is listed after them. DocumentDB
and Neptune come in the same answers, as they do at AWS. No data is made up here.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ec2menu.demo import strict
from ec2menu.demo.rds_fleet import seed_databases
from ec2menu.demo.rds_tables import Row, tables
from ec2menu.demo.strict import RDS, Refused, aws_error, paginate, param, reply

MIN_RECORDS, MAX_RECORDS = 20, 100
NOT_FOUND = 404
_FILTER_FIELDS = {
    "db-instance-id": "DBInstanceIdentifier",
    "db-cluster-id": "DBClusterIdentifier",
    "dbi-resource-id": "DbiResourceId",
    "db-cluster-resource-id": "DbClusterResourceId",
    "engine": "Engine",
    "db-cluster-endpoint-id": "DBClusterEndpointIdentifier",
    "db-cluster-endpoint-type": "EndpointType",
    "db-cluster-endpoint-custom-type": "CustomEndpointType",
    "db-cluster-endpoint-status": "Status",
}
_INSTANCE_FILTERS = frozenset({"db-instance-id", "db-cluster-id", "dbi-resource-id", "engine"})
_CLUSTER_FILTERS = frozenset({"db-cluster-id", "db-cluster-resource-id", "engine"})
_ENDPOINT_FILTERS = frozenset(name for name in _FILTER_FIELDS if name.startswith("db-cluster-endpoint-"))


def install() -> None:
    """Put the Describe actions onto moto's RDS; doing it again changes nothing."""
    from moto.rds.responses import RDSResponse  # noqa: PLC0415 - moto's responses are slow to import

    strict.install(RDSResponse, "describe_db_instances", describe_db_instances)
    strict.install(RDSResponse, "describe_db_clusters", describe_db_clusters)
    strict.install(RDSResponse, "describe_db_cluster_endpoints", describe_db_cluster_endpoints)
    strict.install(RDSResponse, "describe_db_proxies", describe_db_proxies)
    strict.install(RDSResponse, "describe_db_proxy_endpoints", describe_db_proxy_endpoints)


def seed(region: str) -> None:
    """Add the showcase databases of `region`."""
    seed_databases(region)


def describe_db_instances(response: Any) -> Any:
    """Answer RDS DescribeDBInstances."""
    name, filters = param(response, "DBInstanceIdentifier"), _filters(response, allowed=_INSTANCE_FILTERS)
    rows = tables.at(response.region).instances
    found = _own_or_moto(rows, name, moto=lambda: response.backend.describe_db_instances(name, filters=filters))
    return _page(response, "DBInstances", _matching(found, filters))


def describe_db_clusters(response: Any) -> Any:
    """Answer RDS DescribeDBClusters."""
    name, filters = param(response, "DBClusterIdentifier"), _filters(response, allowed=_CLUSTER_FILTERS)
    rows = tables.at(response.region).clusters
    found = _own_or_moto(rows, name, moto=lambda: response.backend.describe_db_clusters(name, filters=filters))
    return _page(response, "DBClusters", _matching(found, filters))


def describe_db_cluster_endpoints(response: Any) -> Any:
    """Answer RDS DescribeDBClusterEndpoints; writer and reader endpoints have no identifier of their own."""
    cluster, endpoint = param(response, "DBClusterIdentifier"), param(response, "DBClusterEndpointIdentifier")
    filters = _filters(response, allowed=_ENDPOINT_FILTERS)
    if cluster and _short(cluster) not in tables.at(response.region).clusters:
        raise _not_found("DBClusterNotFoundFault", f"DBCluster {cluster} not found.")
    asked = {"DBClusterIdentifier": cluster, "DBClusterEndpointIdentifier": endpoint}
    rows = _with_fields(tables.at(response.region).cluster_endpoints.values(), asked)
    return _page(response, "DBClusterEndpoints", _matching(rows, filters))


def describe_db_proxies(response: Any) -> Any:
    """Answer RDS DescribeDBProxies."""
    name = param(response, "DBProxyName")
    rows = tables.at(response.region).proxies
    found = _own_or_moto(rows, name, moto=lambda: response.backend.describe_db_proxies(name))
    return _page(response, "DBProxies", found)


def describe_db_proxy_endpoints(response: Any) -> Any:
    """Answer RDS DescribeDBProxyEndpoints; a proxy's own endpoint is listed as `default`."""
    proxy, endpoint = param(response, "DBProxyName"), param(response, "DBProxyEndpointName")
    if proxy and proxy not in tables.at(response.region).proxies:
        raise _not_found("DBProxyNotFoundFault", f"DB proxy {proxy} not found.")
    asked = {"DBProxyName": proxy, "DBProxyEndpointName": endpoint}
    found = _with_fields(tables.at(response.region).proxy_endpoints.values(), asked)
    if endpoint and not found:
        raise _not_found("DBProxyEndpointNotFoundFault", f"DB proxy endpoint {endpoint} not found.")
    return _page(response, "DBProxyEndpoints", found)


def _own_or_moto(rows: Mapping[str, Row], name: str | None, *, moto: Callable[[], Iterable[Any]]) -> list[Any]:
    """Return the row called `name`, or everything; moto answers for names that are not here, also with its error."""
    if name is None:
        return [*_sorted(rows), *moto()]
    return [rows[_short(name)]] if _short(name) in rows else list(moto())


def _sorted(rows: Mapping[str, Row]) -> list[Row]:
    """Return rows by identifier, which is how RDS lists them."""
    return [rows[key] for key in sorted(rows)]


def _short(name: str) -> str:
    """Return an identifier in lower case; it may be given in any case and as an ARN."""
    return name.rpartition(":")[2].lower()


def _with_fields(rows: Iterable[Row], asked: Mapping[str, str | None]) -> list[Row]:
    wanted = {key: _short(value) for key, value in asked.items() if value}
    return [row for row in list(rows) if all(row.get(key) == value for key, value in wanted.items())]


def _filters(response: Any, *, allowed: frozenset[str]) -> dict[str, list[str]]:
    filters = {each["Name"]: list(each["Values"]) for each in param(response, "Filters") or ()}
    for name in filters:
        if name not in allowed:
            raise aws_error("InvalidParameterValue", f"Unrecognized filter name: {name}")
    return filters


def _matching(rows: Iterable[Any], filters: Mapping[str, list[str]]) -> list[Any]:
    """Apply filters to rows; moto has filtered its own objects already."""
    return [row for row in rows if not isinstance(row, dict) or _passes(row, filters)]


def _passes(row: Row, filters: Mapping[str, list[str]]) -> bool:
    wanted = ((_FILTER_FIELDS[name], {_short(value) for value in values}) for name, values in filters.items())
    return all(str(row.get(key, "")).lower() in values for key, values in wanted)


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
