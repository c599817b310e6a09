"""The registry: every kind of resource the product lists, as data. A new kind is one file here and one entry below.

What can be done with an item (open a shell, a tunnel …) is decided by the screens and commands, by the item's type.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ec2menu.errors import InvalidInput
from ec2menu.models import (
    Cache,
    Column,
    Container,
    Database,
    ExecStatus,
    Instance,
    JumpHost,
    Listing,
    ManagedNode,
    Region,
)
from ec2menu.resources import ec2, ecs, elasticache, jumphosts, nodes, packing, rds, regions
from ec2menu.resources.packing import Packing
from ec2menu.resources.packing_records import record_packing

if TYPE_CHECKING:  # importing boto3 is not worth waiting for where a snapshot is drawn
    from ec2menu.aws.session import Aws

JUMPHOSTS = "jumphosts"

AwsSource = Callable[[], "Aws"]
Fetch = Callable[["Aws", str, datetime, Callable[[str], None]], Listing[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceKind:
    """One kind of resource: how it is fetched for a region, shown, named, and whether it exists once per region.

    `record` is the class of its items, for those that are written as records. A kind with a `base` is not fetched
    itself: its items are what `derive` makes of the base's.
    """

    name: str
    title: str
    fetch: Fetch
    columns: tuple[Column[Any], ...]
    identify: Callable[[Any], tuple[str, str]]
    is_dimmed: Callable[[Any], bool]
    is_regional: bool = True
    record: type = object
    packing: Packing | None = None
    base: "ResourceKind | None" = None
    derive: Callable[[Sequence[Any]], Sequence[Any]] = tuple

    @property
    def source(self) -> "ResourceKind":
        """The kind that is fetched."""
        return self.base or self


def _fetch_ec2(aws: "Aws", region: str, now: datetime, on_progress: Callable[[str], None]) -> Listing[Instance]:
    return ec2.fetch_instances(aws, region, now=now, on_progress=on_progress)


def _fetch_nodes(aws: "Aws", region: str, now: datetime, on_progress: Callable[[str], None]) -> Listing[ManagedNode]:
    found = nodes.fetch_nodes(aws, region, on_count=lambda count: on_progress(f"{count:,} SSM nodes"))
    return Listing(items=tuple(found), as_of=now)


def _fetch_rds(aws: "Aws", region: str, now: datetime, on_progress: Callable[[str], None]) -> Listing[Database]:
    return rds.fetch_databases(aws, region, now=now, on_progress=on_progress)


def _fetch_caches(aws: "Aws", region: str, now: datetime, on_progress: Callable[[str], None]) -> Listing[Cache]:
    return elasticache.fetch_caches(aws, region, now=now, on_progress=on_progress)


def _fetch_ecs(aws: "Aws", region: str, now: datetime, on_progress: Callable[[str], None]) -> Listing[Container]:
    return ecs.fetch_containers(aws, region, now=now, on_progress=on_progress)


def _fetch_regions(aws: "Aws", _region: str, now: datetime, _on_progress: Callable[[str], None]) -> Listing[Region]:
    found = regions.fetch_regions(aws, now=now)
    return replace(found, items=tuple(region for region in found.items if region.is_enabled))


EC2 = ResourceKind(
    name="ec2",
    title="EC2 instances",
    record=Instance,
    fetch=_fetch_ec2,
    columns=ec2.COLUMNS,
    identify=lambda instance: (instance.id, instance.name),
    is_dimmed=lambda instance: not instance.is_connectable,
    packing=packing.INSTANCES,
)
NODES = ResourceKind(
    name="nodes",
    title="SSM nodes",
    record=ManagedNode,
    fetch=_fetch_nodes,
    columns=nodes.COLUMNS,
    identify=lambda node: (node.id, node.label),
    is_dimmed=lambda node: node.ping != "Online",
    packing=packing.NODES,
)
RDS = ResourceKind(
    name="rds",
    title="RDS databases",
    record=Database,
    fetch=_fetch_rds,
    columns=rds.COLUMNS,
    identify=lambda database: (database.id, database.name),
    is_dimmed=lambda database: rds.explain_unavailable(database) is not None,
    packing=record_packing(Database),
)
CACHE = ResourceKind(
    name="cache",
    title="ElastiCache caches",
    record=Cache,
    fetch=_fetch_caches,
    columns=elasticache.COLUMNS,
    identify=lambda cache: (cache.id, cache.name),
    is_dimmed=lambda cache: elasticache.explain_unavailable(cache) is not None,
    packing=record_packing(Cache),
)
ECS = ResourceKind(
    name="ecs",
    title="ECS containers",
    record=Container,
    fetch=_fetch_ecs,
    columns=ecs.COLUMNS,
    identify=lambda container: (container.id, container.name),
    is_dimmed=lambda container: container.exec_status is ExecStatus.NO,
    packing=record_packing(Container),
)
REGIONS = ResourceKind(
    name="regions",
    title="Regions",
    record=Region,
    fetch=_fetch_regions,
    columns=regions.COLUMNS,
    identify=lambda region: (region.name, region.title),
    is_dimmed=lambda _region: False,
    is_regional=False,
)


def jumphosts_kind(tag: str, *, now: Callable[[], datetime]) -> ResourceKind:
    """Return the kind of instances with a tag (`KEY=VALUE`), or with one that is spelled nearly so."""
    wanted = jumphosts.parse_tag(tag)
    return ResourceKind(
        name=JUMPHOSTS,
        title="jump hosts",
        record=JumpHost,
        fetch=_fetch_ec2,
        columns=jumphosts.COLUMNS,
        identify=lambda host: (host.instance.id, host.instance.name),
        is_dimmed=lambda host: bool(host.reason),
        base=EC2,
        derive=jumphosts.derive_jump_hosts(wanted, now),
    )


KINDS: Mapping[str, ResourceKind] = {kind.name: kind for kind in (EC2, RDS, CACHE, ECS, NODES, REGIONS)}
NAMES = (*KINDS, JUMPHOSTS)


def kind_named(name: str) -> ResourceKind:
    """Return a kind by its name; raises InvalidInput that lists the names."""
    if name not in KINDS:
        raise InvalidInput(f"there is no list called {name}", hint="the lists are: " + ", ".join(NAMES))
    return KINDS[name]


def record_fields(record: type) -> list[str]:
    """Return the names of `to_record`, in its order, for a class of items."""
    if record is JumpHost:
        return [*record_fields(Instance), *(name for name in _fields(JumpHost) if name != "instance")]
    return [*_fields(record), *(("ssm_status",) if record is Instance else ())]


def _fields(record: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(record)]


def to_record(item: Any) -> dict[str, Any]:
    """Turn a model into plain JSON-ready values: names as in `models`, moments as ISO 8601 text."""

    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.isoformat()
        if isinstance(value, Mapping):
            return {str(key): plain(entry) for key, entry in value.items()}
        return [plain(entry) for entry in value] if isinstance(value, tuple) else value

    if isinstance(item, JumpHost):
        return {**to_record(item.instance), "is_near_miss": item.is_near_miss, "reason": item.reason, "hint": item.hint}
    record = {name: plain(value) for name, value in dataclasses.asdict(item).items()}
    if isinstance(item, Instance):
        record["ssm_status"] = item.ssm_status.value
    return record
