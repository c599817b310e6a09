"""Databases of RDS, DocumentDB and Neptune: the lists of a region read together, why one cannot be used, the columns.

What AWS's entries mean is in `rds_parse`. Nothing here connects or knows a password.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from ec2menu.models import Cell, Column, Database, EndpointRole, Listing, Style
from ec2menu.resources.parts import ListCall, PartReader, raise_if_all_failed, to_problems
from ec2menu.resources.rds_parse import parse_databases

if TYPE_CHECKING:
    from ec2menu.aws.session import Aws

# All of them take 20..100.
PAGE_SIZE = 100

_INSTANCES = ListCall(operation="DescribeDBInstances", key="DBInstances", page_size=PAGE_SIZE, noun="instances")
_CLUSTERS = ListCall(operation="DescribeDBClusters", key="DBClusters", page_size=PAGE_SIZE, noun="clusters")
_PROXIES = ListCall(
    operation="DescribeDBProxies", key="DBProxies", page_size=PAGE_SIZE, noun="proxies", may_be_unknown=True
)
_PROXY_ENDPOINTS = ListCall(
    operation="DescribeDBProxyEndpoints",
    key="DBProxyEndpoints",
    page_size=PAGE_SIZE,
    noun="proxy endpoints",
    may_be_unknown=True,
)

_BROKEN = frozenset(
    {
        "cloning-failed",
        "failed",
        "inaccessible-encryption-credentials",
        "inaccessible-encryption-credentials-recoverable",
        "incompatible-create",
        "incompatible-network",
        "incompatible-parameters",
        "incompatible-restore",
        "insufficient-capacity",
        "insufficient-resource-limits",
        "migration-failed",
        "restore-error",
    }
)
_SUSPENDED = frozenset({"suspended", "suspending"})
_GOING = frozenset({"deleting", "deleted"})
_COMING = frozenset({"creating", "starting", "reactivating"})
_STOPPED = frozenset({"stopped", "stopping"})
_WAIT_HINT = "wait until it is available, then list it again"
_CUSTOM_LABELS = frozenset({EndpointRole.CUSTOM, EndpointRole.PROXY})


def fetch_databases(
    aws: "Aws", region: str, *, now: datetime, on_progress: Callable[[str], None] = lambda _text: None
) -> Listing[Database]:
    """Return every way into every database of a region, proxies included; `on_progress` hears how many so far.

    DescribeDBInstances, DescribeDBClusters and DescribeDBProxies are read at the same time, DescribeDBProxyEndpoints
    where there are proxies. What is refused becomes a Problem beside the rest; instances and clusters both refused
    raises, and so does a login that ran out. A region without proxies of RDS has none, without a word.
    """
    reader = PartReader(aws, "rds", region, on_progress=on_progress)
    (instances,), (clusters,), (proxies, endpoints) = reader.read(
        (_INSTANCES,), (_CLUSTERS,), (_PROXIES, _PROXY_ENDPOINTS)
    )
    raise_if_all_failed((instances, clusters))
    found = parse_databases(
        instances.entries,
        clusters.entries,
        region=region,
        proxies=proxies.entries,
        proxy_endpoints=endpoints.entries,
    )
    return Listing(items=found, as_of=now, problems=to_problems((instances, clusters, proxies, endpoints), region))


def explain_unavailable(database: Database) -> tuple[str, str] | None:
    """Say why nobody can connect to the database now and what to do: a sentence and a hint; None where one can.

    Only what is certain is said: one that is being modified or backed up may be reached. Pure.
    """
    status, subject = database.status, f"the {_thing(database)}"
    members = {member.status for member in database.members}
    if status not in _COMING | _STOPPED | _GOING and members and members <= _COMING:
        return f"{subject} has no instance yet: they are {'/'.join(sorted(members))}", _WAIT_HINT
    if status in _COMING:
        return f"{subject} is {status}" + ("" if database.endpoint else " and has no endpoint yet"), _WAIT_HINT
    if status in _STOPPED:
        return f"{subject} is {status}", _start_hint(database)
    if status in _GOING:
        return f"{subject} is {status}", ""
    if status in _BROKEN | _SUSPENDED:
        return f"{subject} is out of order ({status})", f"see why: {_events_command(database)}"
    if database.endpoint is None:
        return f"{subject} has no endpoint" + (f" (status {status})" if status else ""), _WAIT_HINT
    return None


def _thing(database: Database) -> str:
    return {EndpointRole.INSTANCE: "database", EndpointRole.PROXY: "proxy"}.get(database.role, "cluster")


def _service(database: Database) -> str:
    """Name the service of the AWS CLI that the database belongs to."""
    return next((name for name in ("docdb", "neptune") if database.engine.startswith(name)), "rds")


def _start_hint(database: Database) -> str:
    if database.role is EndpointRole.PROXY:
        return ""
    first = "wait for it to stop, then start it" if database.status == "stopping" else "start it"
    if database.role is not EndpointRole.INSTANCE:
        command = f"start-db-cluster --region {database.region} --db-cluster-identifier {database.name}"
    elif database.engine.startswith(("aurora", "docdb", "neptune")):
        return f"{first}, by starting its cluster: aws {_service(database)} start-db-cluster"
    else:
        command = f"start-db-instance --region {database.region} --db-instance-identifier {database.name}"
    return f"{first}: aws {_service(database)} {command}"


def _events_command(database: Database) -> str:
    source = {EndpointRole.INSTANCE: "db-instance", EndpointRole.PROXY: "db-proxy"}.get(database.role, "db-cluster")
    return (
        f"aws {_service(database)} describe-events --region {database.region} --duration 1440"
        f" --source-type {source} --source-identifier {database.name}"
    )


def _role(database: Database, _now: datetime) -> Cell:
    """Show the role, and the endpoint's own name where the role alone would not tell it from others."""
    label = database.id.removeprefix(database.name).lstrip(":")
    named = database.role in _CUSTOM_LABELS and label != database.role
    return Cell(text=f"{database.role} {label}" if named else database.role.value)


def _status(database: Database, _now: datetime) -> Cell:
    status = database.status
    if not status:
        return Cell(text="-", style=Style.DIM)
    if status == "available":
        return Cell(text=status, style=Style.GOOD)
    bad = status in _BROKEN | _SUSPENDED | _GOING | {"stopped"} or status.startswith(("incompatible-", "storage-full"))
    return Cell(text=status, style=Style.BAD if bad else Style.WARN)


def _login(database: Database, _now: datetime) -> Cell:
    words = ["IAM"] if database.iam_auth else []
    if database.secret_arn:
        words.append("secret")
    elif database.accepts_password:
        words.append("password")
    return Cell(text=", ".join(words) or "-")


def _endpoint(database: Database, _now: datetime) -> Cell:
    return Cell(text=database.endpoint.host) if database.endpoint else Cell(text="-", style=Style.DIM)


def _port(database: Database, _now: datetime) -> Cell:
    port = database.endpoint.port if database.endpoint else None
    return Cell(text="" if port is None else str(port), sort_key=port)


def _members(database: Database, _now: datetime) -> Cell:
    count = len(database.members)
    return Cell(text=str(count), sort_key=count) if count else Cell(text="")


COLUMNS: tuple[Column[Database], ...] = (
    Column(
        key="name",
        title="Name",
        cell=lambda database, _now: Cell(text=database.name, style=Style.STRONG),
        min_width=14,
        max_width=40,
    ),
    Column(key="region", title="Region", cell=lambda database, _now: Cell(text=database.region), priority=1),
    Column(key="role", title="Role", cell=_role, priority=1, min_width=8, max_width=30),
    Column(
        key="engine",
        title="Engine",
        cell=lambda database, _now: Cell(text=f"{database.engine} {database.engine_version}".strip()),
        priority=3,
        min_width=22,
        max_width=32,
    ),
    Column(key="status", title="Status", cell=_status, priority=2),
    Column(key="endpoint", title="Endpoint", cell=_endpoint, priority=9, min_width=20),
    Column(key="port", title="Port", cell=_port, priority=5, align_right=True),
    Column(key="vpc", title="VPC", cell=lambda database, _now: Cell(text=database.vpc_id), priority=8),
    Column(key="login", title="Login", cell=_login, priority=4),
    Column(key="members", title="Members", cell=_members, priority=7, align_right=True),
)
