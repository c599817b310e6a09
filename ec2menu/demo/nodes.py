"""The SSM side of the demo's machines: which agents have registered, what they are, and whether they answer.

Kept beside moto, which knows no managed nodes, per account and region. Whether an EC2 instance is running stays
moto's knowledge and is read at every look, so that a stopped instance vanishes from SSM and comes back when started
(`boot` says how soon).
No AWS operation is answered here; `ssm`, `sessions` and `commands` do that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ec2menu.clock import SystemClock
from ec2menu.demo import boot
from ec2menu.demo.strict import ACCOUNT_ID, PerRegion

ONLINE = "Online"
CONNECTION_LOST = "ConnectionLost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A registered agent, in the words of SSM DescribeInstanceInformation; `last_ping` None means a moment ago."""

    id: str
    ping: str = ONLINE
    last_ping: datetime | None = None
    platform_type: str = "Linux"
    platform_name: str = "Amazon Linux"
    platform_version: str = "2023"
    agent_version: str = "3.3.2299.0"
    ip: str = ""
    computer_name: str = ""
    name: str = ""
    iam_role: str = ""
    activation_id: str = ""
    registered: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_hybrid(self) -> bool:
        """Whether the node is outside EC2 (`mi-*`)."""
        return self.id.startswith("mi-")

    @property
    def is_online(self) -> bool:
        """Whether SSM has a connection to the agent."""
        return self.ping == ONLINE


_registered: PerRegion[dict[str, Node]] = PerRegion(dict)


def register(region: str, node: Node) -> None:
    """Make an agent known to SSM in `region`, or replace what was known of it."""
    _registered.at(region)[node.id] = node


def deregister(region: str, node_id: str) -> None:
    """Make an agent unknown again; unknown ids are ignored."""
    _registered.at(region).pop(node_id, None)


def set_ping(region: str, node_id: str, ping: str, *, age: timedelta | None = None) -> None:
    """Change a node's PingStatus; `age` is how long ago it was last heard of. Raises KeyError for an unknown node."""
    last_ping = None if age is None else SystemClock().wall() - age
    table = _registered.at(region)
    table[node_id] = replace(table[node_id], ping=ping, last_ping=last_ping)


def visible_nodes(region: str) -> list[Node]:
    """Return the nodes that SSM lists: registered ones that are hybrid or whose instance runs, oldest first."""
    return complete(region, visible_agents(region))


def visible_agents(region: str) -> list[Node]:
    """Return the same nodes without what EC2 knows of them (address, tags), which is costly for a page of thousands."""
    instances = ec2_instances(region)
    registered = list(_registered.at(region).values())
    return [node for node in registered if _is_listed(region, node, instances.get(node.id))]


def complete(region: str, agents: Iterable[Node]) -> list[Node]:
    """Add what EC2 knows of the machines."""
    instances = ec2_instances(region)
    return [_joined(agent, instances.get(agent.id)) for agent in agents]


def find_node(region: str, node_id: str) -> Node | None:
    """Return one node as `visible_nodes` would, or None where SSM does not list it."""
    node = _registered.at(region).get(node_id)
    if node is None:
        return None
    instance = ec2_instances(region).get(node_id)
    return _joined(node, instance) if _is_listed(region, node, instance) else None


def registered_ids(region: str) -> list[str]:
    """Return the ids of all agents that have ever registered, whatever the state of their machines."""
    return list(_registered.at(region))


def ec2_instances(region: str) -> dict[str, Any]:
    """Return moto's instance objects of `region` by id, terminated ones included."""
    from moto.ec2.models import ec2_backends  # noqa: PLC0415 - moto's models take a second to import

    boot.settle(region)
    reservations = list(ec2_backends[ACCOUNT_ID][region].reservations.values())
    return {instance.id: instance for reservation in reservations for instance in reservation.instances}


def ec2_tags(region: str, resource_id: str) -> dict[str, str]:
    """Return the EC2 tags of a resource; moto's own accessor scans every tag of the region."""
    from moto.ec2.models import ec2_backends  # noqa: PLC0415 - moto's models take a second to import

    return dict(ec2_backends[ACCOUNT_ID][region].tags.get(resource_id, {}))


def _is_listed(region: str, node: Node, instance: Any) -> bool:
    if node.is_hybrid:
        return True
    return instance is not None and instance.state == "running" and boot.is_agent_up(region, node.id)


def _joined(node: Node, instance: Any) -> Node:
    if node.is_hybrid or instance is None:
        return node
    return replace(
        node,
        ip=instance.private_ip_address or "",
        computer_name=node.computer_name or instance.private_dns_name,
        registered=node.registered or instance.launch_time,
        tags=ec2_tags(instance.region_name, instance.id),
    )
