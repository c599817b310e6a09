"""Making machines in the demo: EC2 instances on moto's own objects, and the agents that go with them.

For seeding and for tests; a thousand take a second or two. What RunInstances cannot say (launch age, platform, state)
is set on moto's objects. Nothing here answers a request.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ec2menu.clock import SystemClock
from ec2menu.demo import nodes
from ec2menu.demo.nodes import Node
from ec2menu.demo.strict import ACCOUNT_ID

LINUX, WINDOWS = "Linux", "Windows"
PROFILE_ARN = f"arn:aws:iam::{ACCOUNT_ID}:instance-profile/"
_STATE_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "stopping": 64}
_PLATFORMS = {LINUX: ("Amazon Linux", "2023"), WINDOWS: ("Microsoft Windows Server 2022 Datacenter", "10.0.20348")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine to make; `managed` means that its agent has registered, `ping` is SSM's word for how it answers."""

    name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    type: str = "t3.micro"
    state: str = "running"
    platform: str = LINUX
    subnet_id: str | None = None
    public: bool = False
    age: timedelta = timedelta(hours=1)
    managed: bool = True
    ping: str = nodes.ONLINE
    ping_age: timedelta | None = None
    profile: str | None = "ec2-ssm"
    computer_name: str = ""


def backend(region: str) -> Any:
    """Return moto's EC2 of a region."""
    from moto.ec2.models import ec2_backends  # noqa: PLC0415 - moto is imported when the server starts

    return ec2_backends[ACCOUNT_ID][region]


def launch(region: str, machine: Machine) -> str:
    """Make one machine and return its instance id."""
    tags = dict(machine.tags) if machine.name is None else {"Name": machine.name, **machine.tags}
    reservation = backend(region).run_instances(
        "ami-0demo0demo0demo00",
        1,
        None,
        [],
        instance_type=machine.type,
        is_instance_type_default=True,
        region_name=region,
        subnet_id=machine.subnet_id,
        associate_public_ip=machine.public,
        tags={"instance": tags},
        block_device_mappings=[],
        client_token="",
    )
    instance = reservation.instances[0]
    _dress(instance, machine)
    if machine.managed:
        nodes.register(region, _agent(instance.id, machine))
    return str(instance.id)


def _dress(instance: Any, machine: Machine) -> None:
    """Set what RunInstances has no word for."""
    instance.launch_time = SystemClock().wall().replace(tzinfo=None) - machine.age
    instance.virtualization_type = "hvm"
    instance.root_device_name = "/dev/xvda"
    if machine.platform == WINDOWS:
        instance.platform = "windows"
        instance.root_device_name = "/dev/sda1"
    if machine.profile is not None:
        instance.iam_instance_profile = {
            "Arn": PROFILE_ARN + machine.profile,
            "Id": "AIPADEMODEMODEMODEMO",
        }
    _bring_to_state(instance, machine.state)


def _bring_to_state(instance: Any, state: str) -> None:
    if state == "stopped":
        instance.stop()
    elif state == "terminated":
        instance.terminate()
    else:
        # Moto passes through these states in no time; here a machine can be caught in them.
        instance.instance_state.name = state
        instance.instance_state.code = _STATE_CODES[state]


def _agent(instance_id: str, machine: Machine) -> Node:
    name, version = _PLATFORMS[machine.platform]
    return Node(
        id=instance_id,
        ping=machine.ping,
        last_ping=None if machine.ping_age is None else SystemClock().wall() - machine.ping_age,
        platform_type=machine.platform,
        platform_name=name,
        platform_version=version,
        computer_name=machine.computer_name,
    )


def hybrid_node(
    region: str,
    name: str,
    *,
    platform: str = LINUX,
    ping: str = nodes.ONLINE,
    ping_age: timedelta | None = None,
    computer_name: str = "",
    tags: Mapping[str, str] | None = None,
) -> str:
    """Register a machine outside EC2 and return its id, `mi-` and 17 hex digits."""
    digest = hashlib.sha256(f"{region}/{name}/{len(nodes.registered_ids(region))}".encode()).digest()
    node_id = f"mi-{digest.hex()[:17]}"
    system, version = _PLATFORMS[platform]
    now = SystemClock().wall()
    node = Node(
        id=node_id,
        name=name,
        ping=ping,
        last_ping=None if ping_age is None else now - ping_age,
        platform_type=platform,
        platform_name=system,
        platform_version=version,
        ip=f"192.168.{digest[20] % 250}.{digest[21] % 250 + 1}",
        computer_name=computer_name or name,
        iam_role="service-role/AmazonEC2RunCommandRoleForManagedInstances",
        activation_id="0d3m0000-0000-4000-8000-000000000000",
        registered=now - timedelta(days=200),
        tags=dict(tags or {}),
    )
    nodes.register(region, node)
    return node_id
