"""Machines as plain rows and back, for the snapshot: positions instead of names keep the file small, reading quick."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ec2menu.models import Instance, ManagedNode, PingStatus

Row = list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """How a kind's items become rows and come back; `fields` names the positions, so that a change is noticed."""

    fields: tuple[str, ...]
    pack: Callable[[Any], Row]
    unpack: Callable[[Row, str], Any]


_NODE_TEXTS = (
    "id",
    "platform_type",
    "platform_name",
    "platform_version",
    "agent_version",
    "ip",
    "computer_name",
    "name",
)
_INSTANCE_TEXTS = (
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
)


def pack_node(node: ManagedNode) -> Row:
    """Return the node as a row."""
    texts = [getattr(node, name) for name in _NODE_TEXTS]
    return [node.ping.value, _to_seconds(node.last_ping), _to_seconds(node.registered), *texts]


def unpack_node(row: Row, region: str) -> ManagedNode:
    """Return the node of a row."""
    ping, last_ping, registered, *texts = row
    return ManagedNode(
        region=region,
        ping=PingStatus(ping),
        last_ping=_from_seconds(last_ping),
        registered=_from_seconds(registered),
        **dict(zip(_NODE_TEXTS, texts, strict=True)),
    )


def pack_instance(instance: Instance) -> Row:
    """Return the machine, with its node, as a row."""
    texts = [getattr(instance, name) for name in _INSTANCE_TEXTS]
    node = pack_node(instance.node) if instance.node else None
    return [_to_seconds(instance.launch_time), instance.ssm_known, dict(instance.tags), node, *texts]


def unpack_instance(row: Row, region: str) -> Instance:
    """Return the machine of a row."""
    launch_time, ssm_known, tags, node, *texts = row
    return Instance(
        region=region,
        launch_time=_from_seconds(launch_time),
        ssm_known=ssm_known,
        tags=tags,
        node=unpack_node(node, region) if node else None,
        **dict(zip(_INSTANCE_TEXTS, texts, strict=True)),
    )


def _to_seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _from_seconds(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


NODES = Packing(fields=("ping", "last_ping", "registered", *_NODE_TEXTS), pack=pack_node, unpack=unpack_node)
INSTANCES = Packing(
    fields=("launch_time", "ssm_known", "tags", *NODES.fields, *_INSTANCE_TEXTS),
    pack=pack_instance,
    unpack=unpack_instance,
)
