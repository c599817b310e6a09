"""SSM-managed nodes: every agent that has registered in a region, EC2 or hybrid (`mi-*`)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ec2menu.clock import describe_age
from ec2menu.models import Cell, Column, ManagedNode, PingStatus, Style

if TYPE_CHECKING:
    from ec2menu.aws.session import Aws

# DescribeInstanceInformation takes 5..50 and gives 10 when not asked: the list that "only looked at 10 of my 100".
PAGE_SIZE = 50
_KNOWN_PINGS = frozenset(PingStatus)


def fetch_nodes(
    aws: "Aws",
    region: str,
    *,
    filters: Sequence[dict[str, Any]] = (),
    on_node: Callable[[ManagedNode], None] = lambda _node: None,
    on_count: Callable[[int], None] = lambda _count: None,
) -> list[ManagedNode]:
    """Return each managed node of a region once (SSM DescribeInstanceInformation).

    Stopped instances are not among them. `filters` are AWS's own; `on_node` hears each node as it comes.
    """

    def parse(entry: dict[str, Any]) -> tuple[ManagedNode]:
        node = parse_node(entry, region)
        on_node(node)
        return (node,)

    found = aws.list_all(
        "ssm",
        "DescribeInstanceInformation",
        region,
        key="InstanceInformationList",
        page_size=PAGE_SIZE,
        parse=parse,
        on_count=on_count,
        **({"Filters": list(filters)} if filters else {}),
    )
    return list({node.id: node for node in found}.values())  # one that moved to another page was listed twice


def parse_node(entry: dict[str, Any], region: str) -> ManagedNode:
    """Turn one InstanceInformation into a ManagedNode; an unknown PingStatus counts as lost."""
    status = str(entry.get("PingStatus", ""))
    return ManagedNode(
        id=str(entry.get("InstanceId", "")),
        region=region,
        ping=PingStatus(status) if status in _KNOWN_PINGS else PingStatus.CONNECTION_LOST,
        last_ping=entry.get("LastPingDateTime"),
        platform_type=str(entry.get("PlatformType", "")),
        platform_name=str(entry.get("PlatformName", "")),
        platform_version=str(entry.get("PlatformVersion", "")),
        agent_version=str(entry.get("AgentVersion", "")),
        ip=str(entry.get("IPAddress", "")),
        computer_name=str(entry.get("ComputerName", "")),
        name=str(entry.get("Name", "")),
        registered=entry.get("RegistrationDate"),
    )


def age_cell(moment: datetime | None, now: datetime) -> Cell:
    """Show how long ago a moment was; nothing where it is not known. Sorts the youngest first."""
    if moment is None:
        return Cell(text="")
    seconds = (now - moment).total_seconds()
    return Cell(text=describe_age(seconds), sort_key=seconds)


def _ping(node: ManagedNode, _now: datetime) -> Cell:
    return Cell(text=node.ping.value, style=Style.GOOD if node.ping is PingStatus.ONLINE else Style.BAD)


COLUMNS: tuple[Column[ManagedNode], ...] = (
    Column(
        key="name", title="Name", cell=lambda node, _now: Cell(text=node.label), priority=1, min_width=12, max_width=40
    ),
    Column(key="id", title="Node ID", cell=lambda node, _now: Cell(text=node.id)),
    Column(key="ping", title="SSM", cell=_ping, priority=1),
    Column(key="last_ping", title="Last ping", cell=lambda node, now: age_cell(node.last_ping, now), priority=3),
    Column(key="platform", title="Platform", cell=lambda node, _now: Cell(text=node.platform), priority=4, min_width=8),
    Column(key="agent", title="Agent", cell=lambda node, _now: Cell(text=node.agent_version), priority=6),
    Column(key="ip", title="IP", cell=lambda node, _now: Cell(text=node.ip), priority=2),
    Column(key="region", title="Region", cell=lambda node, _now: Cell(text=node.region), priority=5),
)
