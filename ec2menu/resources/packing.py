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
    "node",
)
_PINGS = {ping.value: ping for ping in PingStatus}


def pack_node(node: ManagedNode) -> Row:
    """Return the node as a row, in the order of its fields."""
    moments = {"last_ping": _to_seconds(node.last_ping), "registered": _to_seconds(node.registered)}
    return [moments[name] if name in moments else getattr(node, name) for name in _NODE_FIELDS]


def unpack_node(row: Row, region: str) -> ManagedNode:
    """Return the node of a row; written out, because ten thousand are read before the first picture."""
    key, ping, last_ping, registered, kind, platform, version, agent, ip, computer, name = row
    return ManagedNode(
        id=key,
        region=region,
        ping=_PINGS[ping],
        last_ping=_from_seconds(last_ping),
        registered=_from_seconds(registered),
        platform_type=kind,
        platform_name=platform,
        platform_version=version,
        agent_version=agent,
        ip=ip,
        computer_name=computer,
        name=name,
    )


def pack_instance(instance: Instance) -> Row:
    """Return the machine, with its node, as a row in the order of its fields."""
    others = {
        "launch_time": _to_seconds(instance.launch_time),
        "tags": dict(instance.tags),
        "node": pack_node(instance.node) if instance.node else None,
    }
    return [others[name] if name in others else getattr(instance, name) for name in _INSTANCE_FIELDS]


def unpack_instance(row: Row, region: str) -> Instance:
    """Return the machine of a row."""
    key, name, state, kind, private_ip, public_ip, az, platform, vpc, profile, launched, known, tags, node = row
    return Instance(
        id=key,
        region=region,
        name=name,
        state=state,
        type=kind,
        private_ip=private_ip,
        public_ip=public_ip,
        az=az,
        platform=platform,
        vpc_id=vpc,
        instance_profile=profile,
        launch_time=_from_seconds(launched),
        ssm_known=known,
        tags=tags,
        node=unpack_node(node, region) if node else None,
    )


def _to_seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _from_seconds(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


NODES = Packing(fields=_NODE_FIELDS, pack=pack_node, unpack=unpack_node)
INSTANCES = Packing(fields=(*_INSTANCE_FIELDS, *_NODE_FIELDS), pack=pack_instance, unpack=unpack_instance)
