"""The registry: every kind of resource the product lists, as data. A new kind is one file here and one entry below.

What can be done with an item (open a shell, a tunnel …) is decided by the screens and commands, by the item's type.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ec2menu.errors import InvalidInput
from ec2menu.models import Column, Instance, Listing, ManagedNode, Region
from ec2menu.resources import ec2, nodes, packing, regions
from ec2menu.resources.packing import Packing

if TYPE_CHECKING:  # importing boto3 is not worth waiting for where a snapshot is drawn
    from ec2menu.aws.session import Aws

AwsSource = Callable[[], "Aws"]
Fetch = Callable[["Aws", str, datetime, Callable[[str], None]], Listing[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceKind:
    """One kind of resource: how it is fetched for a region, shown, named, and whether it exists once per region.

    A kind with a `base` is not fetched itself: its items are what `derive` makes of the base's.
    """

    name: str
    title: str
    fetch: Fetch
    columns: tuple[Column[Any], ...]
    identify: Callable[[Any], tuple[str, str]]
    is_dimmed: Callable[[Any], bool]
    is_regional: bool = True
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


def _fetch_regions(aws: "Aws", _region: str, now: datetime, _on_progress: Callable[[str], None]) -> Listing[Region]:
    found = regions.fetch_regions(aws, now=now)
    return replace(found, items=tuple(region for region in found.items if region.is_enabled))


EC2 = ResourceKind(
    name="ec2",
    title="EC2 instances",
    fetch=_fetch_ec2,
    columns=ec2.COLUMNS,
    identify=lambda instance: (instance.id, instance.name),
    is_dimmed=lambda instance: not instance.is_connectable,
    packing=packing.INSTANCES,
)
NODES = ResourceKind(
    name="nodes",
    title="SSM nodes",
    fetch=_fetch_nodes,
    columns=nodes.COLUMNS,
    identify=lambda node: (node.id, node.label),
    is_dimmed=lambda node: node.ping != "Online",
    packing=packing.NODES,
)
REGIONS = ResourceKind(
    name="regions",
    title="Regions",
    fetch=_fetch_regions,
    columns=regions.COLUMNS,
    identify=lambda region: (region.name, region.title),
    is_dimmed=lambda _region: False,
    is_regional=False,
)
KINDS: Mapping[str, ResourceKind] = {kind.name: kind for kind in (EC2, NODES, REGIONS)}


def kind_named(name: str) -> ResourceKind:
    """Return a kind by its name; raises InvalidInput that lists the names."""
    if name not in KINDS:
        raise InvalidInput(f"there is no list called {name}", hint="the lists are: " + ", ".join(KINDS))
    return KINDS[name]


def to_record(item: Any) -> dict[str, Any]:
    """Turn a model into plain JSON-ready values: names as in `models`, moments as ISO 8601 text."""

    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.isoformat()
        if isinstance(value, Mapping):
            return {str(key): plain(entry) for key, entry in value.items()}
        return value

    record = {name: plain(value) for name, value in dataclasses.asdict(item).items()}
    if isinstance(item, Instance):
        record["ssm_status"] = item.ssm_status.value
    return record
