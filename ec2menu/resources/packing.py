"""Machines as plain rows and back, for the snapshot: positions instead of names keep the file small, reading quick.

No files here, and no JSON but that of a row.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, overload

from ec2menu.models import Instance, ManagedNode, PingStatus

Row = Sequence[Any]
Unpack = Callable[[Row], Any]
_NO_BREAKS = str.maketrans("\t\n\r", "   ")
_write = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """How a kind's items become rows and come back; `fields` names the positions, so that a change is noticed."""

    fields: tuple[str, ...]
    pack: Callable[[Any], Row]
    unpack: Callable[[Row, str], Any]

    def pack_lines(self, items: Iterable[Any], order_key: Callable[[Any], str]) -> list[bytes]:
        """Return a line for each item, sorted: its key in the list's order, a tab, and its row as JSON."""
        return sorted(b"%b\t%b" % (_as_key(order_key(item)), _write(self.pack(item)).encode()) for item in items)

    def unpack_lines(self, lines: Iterable[bytes], region: str) -> "PackedItems":
        """Return the items of such lines."""

        def unpack(row: Row) -> Any:
            return self.unpack(row, region)

        return PackedItems([(line, unpack) for line in lines])


class PackedItems(Sequence[Any]):
    """Items that are made of their lines when somebody looks at them: of thousands, a screen shows thirty.

    Who goes through all of them has all of them made, once. `lines` are theirs, each with what makes an item of a row.
    """

    def __init__(self, lines: Sequence[tuple[bytes, Unpack]]) -> None:
        self.lines = lines
        self._all: tuple[Any, ...] | None = None

    @classmethod
    def merge(cls, parts: "Iterable[PackedItems]") -> "PackedItems":
        """Return the items of all parts in one order."""
        return cls(sorted((line for part in parts for line in part.lines), key=itemgetter(0)))

    def __len__(self) -> int:
        return len(self.lines)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if self._all is not None:
            return self._all[index]
        if isinstance(index, slice):
            return [unpack(json.loads(_row_of(line))) for line, unpack in self.lines[index]]
        line, unpack = self.lines[index]
        return unpack(json.loads(_row_of(line)))

    def __iter__(self) -> Iterator[Any]:
        if self._all is None:
            rows = json.loads(b"[%b]" % b",".join([_row_of(line) for line, _ in self.lines]))
            self._all = tuple([unpack(row) for row, (_, unpack) in zip(rows, self.lines, strict=True)])
        return iter(self._all)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # as lists have none


def _as_key(text: str) -> bytes:
    """Return a text as the beginning of a line, which may hold neither tabs nor line ends."""
    return text.translate(_NO_BREAKS).encode("utf-8", "surrogatepass")


def _row_of(line: bytes) -> bytes:
    return line.partition(b"\t")[2]


_NODE_FIELDS = (
    "id",
    "ping",
    "last_ping",
    "registered",
    "platform_type",
    "platform_name",
    "platform_version",
    "agent_version",
    "ip",
    "computer_name",
    "name",
)
_INSTANCE_FIELDS = (
    "id",
    "name",
    "state",
    "type",
    "private_ip",
    "public_ip",
    "az",
    "platform",
    "vpc_id",
    "instance_profile",
    "launch_time",
    "ssm_known",
    "tags",
)
_NO_NODE: list[None] = [None] * len(_NODE_FIELDS)
_PINGS = {ping.value: ping for ping in PingStatus}


class _OpenNode:
    """A ManagedNode while it is being filled in: plain assignment is ten times as fast as a frozen class's own.

    Ten thousand machines and their nodes are made before the first picture. Having the same slots, an object may change
    its class once it is whole.
    """

    __slots__ = ManagedNode.__slots__


class _OpenInstance:
    """An Instance while it is being filled in, like `_OpenNode`."""

    __slots__ = Instance.__slots__


def pack_node(node: ManagedNode) -> Row:
    """Return the node as a row, in the order of its fields."""
    moments = {"last_ping": _to_seconds(node.last_ping), "registered": _to_seconds(node.registered)}
    return [moments[name] if name in moments else getattr(node, name) for name in _NODE_FIELDS]


def unpack_node(row: Row, region: str) -> ManagedNode:
    """Return the node of a row."""
    node: Any = _OpenNode()
    node.region = region
    (
        node.id,
        ping,
        last_ping,
        registered,
        node.platform_type,
        node.platform_name,
        node.platform_version,
        node.agent_version,
        node.ip,
        node.computer_name,
        node.name,
    ) = row
    node.ping = _PINGS[ping]
    node.last_ping = _from_seconds(last_ping)
    node.registered = _from_seconds(registered)
    node.__class__ = ManagedNode
    whole: ManagedNode = node
    return whole


def pack_instance(instance: Instance) -> Row:
    """Return the machine as a row, in the order of its fields; then its node's, which are None where it has none."""
    others = {"launch_time": _to_seconds(instance.launch_time), "tags": dict(instance.tags)}
    row = [others[name] if name in others else getattr(instance, name) for name in _INSTANCE_FIELDS]
    return [*row, *(pack_node(instance.node) if instance.node else _NO_NODE)]


def unpack_instance(row: Row, region: str) -> Instance:
    """Return the machine of a row."""
    instance: Any = _OpenInstance()
    instance.region = region
    (
        instance.id,
        instance.name,
        instance.state,
        instance.type,
        instance.private_ip,
        instance.public_ip,
        instance.az,
        instance.platform,
        instance.vpc_id,
        instance.instance_profile,
        launched,
        instance.ssm_known,
        instance.tags,
        *node,
    ) = row
    instance.launch_time = _from_seconds(launched)
    instance.node = None if node == _NO_NODE else unpack_node(node, region)
    instance.__class__ = Instance
    whole: Instance = instance
    return whole


def _to_seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _from_seconds(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


NODES = Packing(fields=_NODE_FIELDS, pack=pack_node, unpack=unpack_node)
INSTANCES = Packing(fields=(*_INSTANCE_FIELDS, *_NODE_FIELDS), pack=pack_instance, unpack=unpack_instance)
