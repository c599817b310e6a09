"""Caches of ElastiCache: the lists of a region read together, their VPC and nodes, why one cannot be used, the columns.

What AWS's entries mean is in `elasticache_parse`. Nothing here connects or knows a token.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ec2menu.models import Cache, CacheAuth, Cell, Column, EndpointRole, Listing, Style
from ec2menu.resources.elasticache_parse import parse_caches
from ec2menu.resources.parts import ListCall, PartReader, raise_if_all_failed, to_problems

if TYPE_CHECKING:
    from ec2menu.aws.session import Aws

# Groups and clusters take 20..100; for serverless caches 50 is what AWS gives when not asked, and no limit is told.
PAGE_SIZE = 100
SERVERLESS_PAGE_SIZE = 50

_GROUPS = ListCall(
    operation="DescribeReplicationGroups", key="ReplicationGroups", page_size=PAGE_SIZE, noun="replication groups"
)
# Without ShowCacheNodeInfo no node has an endpoint.
_CLUSTERS = ListCall(
    operation="DescribeCacheClusters",
    key="CacheClusters",
    page_size=PAGE_SIZE,
    noun="clusters",
    parameters={"ShowCacheNodeInfo": True},
)
_SERVERLESS = ListCall(
    operation="DescribeServerlessCaches",
    key="ServerlessCaches",
    page_size=SERVERLESS_PAGE_SIZE,
    noun="serverless caches",
    may_be_unknown=True,
)

_BROKEN = frozenset({"create-failed", "incompatible-network", "restore-failed"})
_GOING = frozenset({"deleting", "deleted"})
_WAIT_HINT = "wait until it is available, then list it again"


def fetch_caches(
    aws: "Aws", region: str, *, now: datetime, on_progress: Callable[[str], None] = lambda _text: None
) -> Listing[Cache]:
    """Return every way into every cache of a region; `on_progress` hears how many so far.

    DescribeReplicationGroups, DescribeCacheClusters and DescribeServerlessCaches are read at the same time. What is
    refused becomes a Problem beside the rest; all refused raises, and so does a login that ran out. A region without
    serverless caches has none, without a word.
    """
    reader = PartReader(aws, "elasticache", region, on_progress=on_progress)
    (groups,), (clusters,), (serverless,) = reader.read((_GROUPS,), (_CLUSTERS,), (_SERVERLESS,))
    raise_if_all_failed((groups, clusters, serverless))
    found = parse_caches(groups.entries, clusters.entries, serverless.entries, region=region)
    return Listing(items=found, as_of=now, problems=to_problems((groups, clusters, serverless), region))


def find_vpc(aws: "Aws", cache: Cache) -> str:
    """Return the VPC of a cache, which its own entry does not name; empty where AWS does not say.

    Asks ElastiCache DescribeCacheSubnetGroups, or EC2 DescribeSubnets for a serverless cache. Raises AwsError.
    """
    if cache.subnet_group:
        answer = aws.call(
            "elasticache",
            "DescribeCacheSubnetGroups",
            cache.region,
            key="CacheSubnetGroups",
            CacheSubnetGroupName=cache.subnet_group,
        )
        return _first_vpc(answer["CacheSubnetGroups"])
    if cache.subnet_ids:
        answer = aws.call("ec2", "DescribeSubnets", cache.region, key="Subnets", SubnetIds=list(cache.subnet_ids))
        return _first_vpc(answer["Subnets"])
    return ""


def _first_vpc(entries: Iterable[Mapping[str, Any]]) -> str:
    return next((str(entry["VpcId"]) for entry in entries if entry.get("VpcId")), "")


def each_node(cache: Cache) -> tuple[Cache, ...]:
    """Return one Cache for each node behind the endpoint, for a tunnel to each: `feed:feed-0001-001`."""
    return tuple(
        replace(cache, id=f"{cache.name}:{node_id}", role=EndpointRole.NODE, endpoint=endpoint, nodes=())
        for node_id, endpoint in cache.nodes
    )


def explain_unavailable(cache: Cache) -> tuple[str, str] | None:
    """Say why nobody can connect to the cache now and what to do: a sentence and a hint; None where one can. Pure."""
    status = cache.status
    if status == "creating":
        return "the cache is creating" + ("" if cache.endpoint else " and has no endpoint yet"), _WAIT_HINT
    if status in _GOING:
        return f"the cache is {status}", ""
    if status in _BROKEN:
        events = f"aws elasticache describe-events --region {cache.region} --duration 1440"
        return f"the cache is out of order ({status})", f"see why: {events}"
    if cache.endpoint is None:
        return "the cache has no endpoint" + (f" (status {status})" if status else ""), _WAIT_HINT
    return None


def _status(cache: Cache, _now: datetime) -> Cell:
    if not cache.status:
        return Cell(text="-", style=Style.DIM)
    if cache.status == "available":
        return Cell(text=cache.status, style=Style.GOOD)
    return Cell(text=cache.status, style=Style.BAD if cache.status in _BROKEN | _GOING else Style.WARN)


def _endpoint(cache: Cache, _now: datetime) -> Cell:
    return Cell(text=cache.endpoint.host) if cache.endpoint else Cell(text="-", style=Style.DIM)


def _port(cache: Cache, _now: datetime) -> Cell:
    port = cache.endpoint.port if cache.endpoint else None
    return Cell(text="" if port is None else str(port), sort_key=port)


def _auth(cache: Cache, _now: datetime) -> Cell:
    return Cell(text="-") if cache.auth is CacheAuth.NONE else Cell(text=cache.auth.value)


COLUMNS: tuple[Column[Cache], ...] = (
    Column(
        key="name",
        title="Name",
        cell=lambda cache, _now: Cell(text=cache.name, style=Style.STRONG),
        min_width=14,
        max_width=40,
    ),
    Column(key="region", title="Region", cell=lambda cache, _now: Cell(text=cache.region), priority=1),
    Column(key="role", title="Role", cell=lambda cache, _now: Cell(text=cache.role.value), priority=1),
    Column(
        key="engine",
        title="Engine",
        cell=lambda cache, _now: Cell(text=f"{cache.engine} {cache.engine_version}".strip()),
        priority=3,
        min_width=9,
    ),
    Column(key="status", title="Status", cell=_status, priority=2),
    Column(key="endpoint", title="Endpoint", cell=_endpoint, priority=9, min_width=20),
    Column(key="port", title="Port", cell=_port, priority=7, align_right=True),
    Column(key="tls", title="TLS", cell=lambda cache, _now: Cell(text="TLS" if cache.tls else "-"), priority=4),
    Column(key="auth", title="Auth", cell=_auth, priority=5),
    Column(
        key="mode",
        title="Mode",
        cell=lambda cache, _now: Cell(text="cluster" if cache.cluster_mode else ""),
        priority=6,
    ),
)
