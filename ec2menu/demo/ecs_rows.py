"""What a task of the demo looks like: its definition (moto's), its containers, network interface and agents.

Builds dictionaries in ECS's own shapes from a `TaskSpec`; keeps none of them.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ec2menu.clock import SystemClock
from ec2menu.demo.strict import ACCOUNT_ID

Row = dict[str, Any]

NOT_STARTED = frozenset({"PROVISIONING", "PENDING"})
LINUX_SHELLS, WINDOWS_SHELLS = ("bash", "sh"), ("powershell", "cmd")
WINDOWS_FAMILY = "WINDOWS_SERVER_2022_CORE"
_FIRST_HOST_PORT = 32768


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """What `add_tasks` makes; an empty `service` is a standalone task, `agent_status` that of ExecuteCommandAgent.

    `images`, `ports` and `shells` go by the container's name; an image has both usual shells unless they say otherwise.
    """

    service: str = ""
    family: str = "web"
    containers: Sequence[str] = ("app",)
    launch_type: str = "FARGATE"
    last_status: str = "RUNNING"
    exec_enabled: bool = True
    agent_status: str = "RUNNING"
    read_only_root: bool = False
    started_by: str = ""
    age_seconds: float = 7200
    windows: bool = False
    images: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, Sequence[int]] = field(default_factory=dict)
    shells: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def has_interface(self) -> bool:
        """Whether the task has an address of its own; on an EC2 host it goes by the host's."""
        return self.launch_type == "FARGATE"

    def shells_of(self, container: str) -> tuple[str, ...]:
        """Return the shells that a container's image has."""
        return tuple(self.shells.get(container, WINDOWS_SHELLS if self.windows else LINUX_SHELLS))

    def image_of(self, container: str, region: str) -> str:
        """Return a container's image; the account's own registry has those that are not named."""
        return self.images.get(container) or f"{ACCOUNT_ID}.dkr.ecr.{region}.amazonaws.com/{container}:latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a task stands: moto's subnet and an address in it; no subnet where the region has none."""

    subnet: Any
    address: str


def define(region: str, spec: TaskSpec) -> str:
    """Return the ARN of the task definition for `spec`, registered with moto at first use of its family."""
    from moto.ecs.models import ecs_backends  # noqa: PLC0415 - moto's models take a second to import

    backend = ecs_backends[ACCOUNT_ID][region]
    known = backend.task_definitions.get(spec.family)
    if known:
        return str(known[max(known)].arn)
    containers = [
        {
            "name": name,
            "image": spec.image_of(name, region),
            "memory": 512,
            "portMappings": [{"containerPort": port, "protocol": "tcp"} for port in spec.ports.get(name, ())],
            "readonlyRootFilesystem": spec.read_only_root,
        }
        for name in spec.containers
    ]
    definition = backend.register_task_definition(
        spec.family,
        containers,
        requires_compatibilities=[spec.launch_type],
        cpu="256",
        memory="1024",
        runtime_platform={
            "operatingSystemFamily": WINDOWS_FAMILY if spec.windows else "LINUX",
            "cpuArchitecture": "X86_64",
        },
    )
    return str(definition.arn)


def ports_of(region: str, task: Row) -> tuple[int, ...]:
    """Return the ports that the containers of a task declare, which is in its definition only."""
    from moto.ecs.models import ecs_backends  # noqa: PLC0415 - moto's models take a second to import

    definition = ecs_backends[ACCOUNT_ID][region].describe_task_definition(task["taskDefinitionArn"])
    mappings = [each for container in definition.container_definitions for each in container["portMappings"]]
    return tuple(int(each["containerPort"]) for each in mappings)


def addresses_of(task: Row) -> list[str]:
    """Return the addresses that a task has of its own."""
    interfaces = (each for container in task["containers"] for each in container["networkInterfaces"])
    return [str(each["privateIpv4Address"]) for each in interfaces]


def has_agent(container: Row) -> bool:
    """Say whether the agent of ECS Exec runs in a container."""
    return any(agent["lastStatus"] == "RUNNING" for agent in container.get("managedAgents", []))


def task_row(region: str, cluster: str, *, spec: TaskSpec, definition: str, place: Place) -> Row:
    """Return a Task of ECS."""
    task_id, wall = _random_hex(32), SystemClock().wall()
    arn = _arn(region, "task", f"{cluster}/{task_id}")
    started = wall - timedelta(seconds=spec.age_seconds)
    stopped = spec.last_status == "STOPPED"
    interface = _interface(task_id, region, spec, place)
    row: Row = {
        "taskArn": arn,
        "clusterArn": _arn(region, "cluster", cluster),
        "taskDefinitionArn": definition,
        "group": f"service:{spec.service}" if spec.service else f"family:{spec.family}",
        "startedBy": spec.started_by or ("ecs-svc/1" if spec.service else ""),
        "launchType": spec.launch_type,
        "desiredStatus": "STOPPED" if stopped else "RUNNING",
        "lastStatus": spec.last_status,
        "enableExecuteCommand": spec.exec_enabled,
        "availabilityZone": f"{region}a",
        "cpu": "256",
        "memory": "1024",
        "createdAt": started,
        "healthStatus": "UNKNOWN",
        "tags": [],
        "attachments": interface,
        "containers": [_container(region, arn, name, spec=spec, interface=interface) for name in spec.containers],
    }
    if spec.last_status not in NOT_STARTED:
        row["startedAt"] = started + timedelta(seconds=20)
    if stopped:
        row |= {"stoppedAt": wall, "stoppedReason": "Essential container in task exited", "stopCode": "UserInitiated"}
    return row | _host_of(region, cluster, spec)


def _host_of(region: str, cluster: str, spec: TaskSpec) -> Row:
    """Return what tells where a task runs: Fargate's platform, or the container instance."""
    if spec.launch_type == "FARGATE":
        family = "Windows_Server_2022_Core" if spec.windows else "Linux"
        return {"platformVersion": "1.0.0" if spec.windows else "1.4.0", "platformFamily": family}
    system = {"name": "ecs.os-type", "value": "windows" if spec.windows else "linux"}
    arn = _arn(region, "container-instance", f"{cluster}/{_stable_id(cluster)}")
    return {"containerInstanceArn": arn, "attributes": [system]}


def _interface(task_id: str, region: str, spec: TaskSpec, place: Place) -> list[Row]:
    """Return the attachments of a task: its network interface, if it has one already."""
    if not spec.has_interface or spec.last_status in NOT_STARTED or place.subnet is None:
        return []
    details = {
        "subnetId": place.subnet.id,
        "networkInterfaceId": f"eni-{task_id[:17]}",
        "macAddress": "0e:" + ":".join(task_id[at : at + 2] for at in range(0, 10, 2)),
        "privateDnsName": f"ip-{place.address.replace('.', '-')}.{region}.compute.internal",
        "privateIPv4Address": place.address,
    }
    return [
        {
            "id": f"{task_id[:8]}-{task_id[8:12]}-4{task_id[13:16]}-8{task_id[17:20]}-{task_id[20:]}",
            "type": "ElasticNetworkInterface",
            "status": "DELETED" if spec.last_status == "STOPPED" else "ATTACHED",
            "details": [{"name": name, "value": value} for name, value in details.items()],
        }
    ]


def _container(region: str, task_arn: str, name: str, *, spec: TaskSpec, interface: Sequence[Row]) -> Row:
    """Return a container; before it starts it has no runtimeId, and without exec no managed agent."""
    task_id = task_arn.rpartition("/")[2]
    row: Row = {
        "containerArn": f"{task_arn.replace(':task/', ':container/')}/{_random_hex(32)}",
        "taskArn": task_arn,
        "name": name,
        "image": spec.image_of(name, region),
        "lastStatus": spec.last_status,
        "networkInterfaces": [
            {"attachmentId": each["id"], "privateIpv4Address": each["details"][-1]["value"]} for each in interface
        ],
        "healthStatus": "UNKNOWN",
        "cpu": "0",
    }
    if spec.last_status not in NOT_STARTED:
        number = zlib.crc32((task_id + name).encode())
        row["runtimeId"] = f"{task_id}-{number % 10**10:010d}" if spec.has_interface else _random_hex(64)
    if spec.last_status == "RUNNING" and not spec.has_interface:
        row["networkBindings"] = [
            {"bindIP": "0.0.0.0", "containerPort": port, "hostPort": _FIRST_HOST_PORT + at, "protocol": "tcp"}  # noqa: S104 - what ECS shows
            for at, port in enumerate(spec.ports.get(name, ()))
        ]
    if spec.exec_enabled:
        status = spec.agent_status if spec.last_status == "RUNNING" else spec.last_status
        row["managedAgents"] = [{"name": "ExecuteCommandAgent", "lastStatus": status}]
    return row


def _random_hex(length: int) -> str:
    """Return digits from moto's source of ids, which the showcase seeds to get the same ids every time."""
    from moto.moto_api._internal import mock_random  # noqa: PLC0415 - moto is imported when the server starts

    return str(mock_random.get_random_hex(length))


def _arn(region: str, kind: str, name: str) -> str:
    return f"arn:aws:ecs:{region}:{ACCOUNT_ID}:{kind}/{name}"


def _stable_id(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}" * 4
