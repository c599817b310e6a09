"""The demo's ECS clusters, services and tasks as dictionaries in ECS's own shapes, per region, and their builders.

Task definitions are moto's. Nothing here answers a call (`ecs` does), and nothing here knows what the showcase has
(`ecs_fleet` does).
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from ec2menu.clock import SystemClock
from ec2menu.demo.strict import ACCOUNT_ID, PerRegion

Row = dict[str, Any]

NOT_STARTED = frozenset({"PROVISIONING", "PENDING"})


@dataclass(slots=True, kw_only=True)
class EcsTables:
    """One region: clusters by name, services and tasks by cluster and then by name or id.

    `cut_off` are the ARNs of containers whose agent says RUNNING and does not answer.
    """

    clusters: dict[str, Row] = field(default_factory=dict)
    services: dict[str, dict[str, Row]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Row]] = field(default_factory=dict)
    cut_off: set[str] = field(default_factory=set)


tables: PerRegion[EcsTables] = PerRegion(EcsTables)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """What `add_tasks` makes; an empty `service` is a standalone task, `agent_status` that of ExecuteCommandAgent."""

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


def add_cluster(region: str, name: str) -> str:
    """Add a cluster and return its ARN."""
    region_tables = tables.at(region)
    arn = _arn(region, "cluster", name)
    region_tables.clusters[name] = {
        "clusterArn": arn,
        "clusterName": name,
        "status": "ACTIVE",
        "registeredContainerInstancesCount": 0,
        "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
        "settings": [{"name": "containerInsights", "value": "disabled"}],
        "tags": [],
    }
    region_tables.services.setdefault(name, {})
    region_tables.tasks.setdefault(name, {})
    return arn


def add_clusters(region: str, count: int, *, name: str = "cluster-{n:04d}") -> list[str]:
    """Add `count` empty clusters and return their ARNs."""
    return [add_cluster(region, name.format(n=n)) for n in range(1, count + 1)]


def add_service(
    region: str, cluster: str, name: str, *, spec: TaskSpec | None = None, tasks: int = 0, desired: int | None = None
) -> str:
    """Add a service with `tasks` running tasks like `spec` to an existing cluster and return its ARN.

    `desired` is the desiredCount where it is not the number of tasks. Raises KeyError for an unknown cluster.
    """
    spec = spec or TaskSpec()
    arn = _arn(region, "service", f"{cluster}/{name}")
    tables.at(region).services[cluster][name] = {
        "serviceArn": arn,
        "serviceName": name,
        "clusterArn": _arn(region, "cluster", cluster),
        "status": "ACTIVE",
        "desiredCount": tasks if desired is None else desired,
        "launchType": spec.launch_type,
        "schedulingStrategy": "REPLICA",
        "taskDefinition": define(region, spec),
        "enableExecuteCommand": spec.exec_enabled,
        "propagateTags": "NONE",
        "createdAt": SystemClock().wall() - timedelta(days=zlib.crc32(name.encode()) % 300 + 1),
        "deployments": [],
        "events": [],
        "loadBalancers": [],
        "tags": [],
    }
    if tasks:
        add_tasks(region, cluster, tasks, spec=replace(spec, service=name))
    return arn


def add_services(region: str, cluster: str, count: int, *, name: str = "service-{n:04d}") -> list[str]:
    """Add `count` services without tasks and return their ARNs."""
    return [add_service(region, cluster, name.format(n=n)) for n in range(1, count + 1)]


def add_tasks(region: str, cluster: str, count: int = 1, *, spec: TaskSpec | None = None) -> list[str]:
    """Add `count` tasks like `spec` to an existing cluster and return their ARNs."""
    spec = spec or TaskSpec()
    definition = define(region, spec)
    rows = [_task(region, cluster, spec=spec, definition=definition) for _ in range(count)]
    tables.at(region).tasks[cluster].update({row["taskArn"].rpartition("/")[2]: row for row in rows})
    return [row["taskArn"] for row in rows]


def cut_off(region: str, container_arn: str) -> None:
    """Let ExecuteCommand answer TargetNotConnectedException for a container."""
    tables.at(region).cut_off.add(container_arn)


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
            "image": f"{ACCOUNT_ID}.dkr.ecr.{region}.amazonaws.com/{name}:latest",
            "memory": 512,
            "readonlyRootFilesystem": spec.read_only_root,
        }
        for name in spec.containers
    ]
    definition = backend.register_task_definition(
        spec.family, containers, requires_compatibilities=[spec.launch_type], cpu="256", memory="1024"
    )
    return str(definition.arn)


def _task(region: str, cluster: str, *, spec: TaskSpec, definition: str) -> Row:
    task_id, wall = _random_hex(32), SystemClock().wall()
    arn = _arn(region, "task", f"{cluster}/{task_id}")
    started = wall - timedelta(seconds=spec.age_seconds)
    stopped = spec.last_status == "STOPPED"
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
        "containers": [_container(arn, name, spec=spec) for name in spec.containers],
    }
    if spec.last_status not in NOT_STARTED:
        row["startedAt"] = started + timedelta(seconds=20)
    if stopped:
        row |= {"stoppedAt": wall, "stoppedReason": "Essential container in task exited", "stopCode": "UserInitiated"}
    if spec.launch_type == "FARGATE":
        row |= {"platformVersion": "1.4.0", "platformFamily": "Linux"}
    else:
        row["containerInstanceArn"] = _arn(region, "container-instance", f"{cluster}/{_stable_id(cluster)}")
    return row


def _container(task_arn: str, name: str, *, spec: TaskSpec) -> Row:
    """Return a container; before it starts it has no runtimeId, and without exec no managed agent."""
    task_id = task_arn.rpartition("/")[2]
    row: Row = {
        "containerArn": f"{task_arn.replace(':task/', ':container/')}/{_random_hex(32)}",
        "taskArn": task_arn,
        "name": name,
        "image": f"{name}:latest",
        "lastStatus": spec.last_status,
        "networkInterfaces": [],
        "healthStatus": "UNKNOWN",
        "cpu": "0",
    }
    if spec.last_status not in NOT_STARTED:
        on_fargate = spec.launch_type == "FARGATE"
        number = f"{zlib.crc32((task_id + name).encode()) % 10**10:010d}"
        row["runtimeId"] = f"{task_id}-{number}" if on_fargate else _random_hex(64)
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
