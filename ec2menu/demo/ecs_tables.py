"""The demo's ECS clusters, services and tasks per region, as dictionaries in ECS's own shapes: adding and finding them.

What a task looks like is in `ecs_rows`. Nothing here answers a call (`ecs` does), and nothing here knows what the
showcase has (`ecs_fleet` does).
"""

import zlib
from dataclasses import dataclass, field, replace
from datetime import timedelta

from ec2menu.clock import SystemClock
from ec2menu.demo.ecs_rows import Place, Row, TaskSpec, addresses_of, define, has_agent, task_row
from ec2menu.demo.strict import ACCOUNT_ID, PerRegion
from ec2menu.demo.vpcs import late_address, main_vpc, subnets_of, vpc_of_subnet

__all__ = [
    "EcsTables",
    "Row",
    "TaskSpec",
    "add_cluster",
    "add_clusters",
    "add_service",
    "add_services",
    "add_tasks",
    "cut_off",
    "find_container",
    "tables",
    "task_at",
    "vpc_of",
]


@dataclass(slots=True, kw_only=True)
class EcsTables:
    """One region: clusters by name, services and tasks by cluster and then by name or id.

    `cut_off` are the ARNs of containers whose agent says RUNNING and does not answer, `shells` says by ARN which shells
    a container's image has, `addresses` is how many addresses have been given out.
    """

    clusters: dict[str, Row] = field(default_factory=dict)
    services: dict[str, dict[str, Row]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Row]] = field(default_factory=dict)
    cut_off: set[str] = field(default_factory=set)
    shells: dict[str, tuple[str, ...]] = field(default_factory=dict)
    addresses: int = 0


tables: PerRegion[EcsTables] = PerRegion(EcsTables)


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
    spec, known = spec or TaskSpec(), tables.at(region)
    definition = define(region, spec)
    subnet = next(iter(subnets_of(region, main_vpc(region))), None)
    arns = []
    for _ in range(count):
        known.addresses += 1
        address = late_address(subnet, known.addresses) if subnet else ""
        row = task_row(region, cluster, spec=spec, definition=definition, place=Place(subnet=subnet, address=address))
        known.tasks[cluster][row["taskArn"].rpartition("/")[2]] = row
        known.shells |= {each["containerArn"]: spec.shells_of(each["name"]) for each in row["containers"]}
        arns.append(row["taskArn"])
    return arns


def cut_off(region: str, container_arn: str) -> None:
    """Let ExecuteCommand answer TargetNotConnectedException for a container."""
    tables.at(region).cut_off.add(container_arn)


def find_container(region: str, target: str) -> tuple[Row, Row] | None:
    """Return the task and the container that SSM reaches as `target`; compared whole, because names may have `_`.

    None for an unknown target, and for a container without an agent that answers.
    """
    known = tables.at(region)
    for cluster, tasks in list(known.tasks.items()):
        for task_id, task in list(tasks.items()):
            for container in task["containers"]:
                is_meant = target == f"ecs:{cluster}_{task_id}_{container.get('runtimeId')}"
                if is_meant:
                    answers = has_agent(container) and container["containerArn"] not in known.cut_off
                    return (task, container) if answers else None
    return None


def task_at(region: str, address: str) -> Row | None:
    """Return the task that has an address of its own in the VPC, or None where nobody has it."""
    known = [task for tasks in list(tables.at(region).tasks.values()) for task in list(tasks.values())]
    return next((task for task in known if address in addresses_of(task) and task["lastStatus"] == "RUNNING"), None)


def vpc_of(region: str, task: Row) -> str:
    """Return the VPC that a task is in; without an address of its own it stands with the machines."""
    details = [each for attachment in task.get("attachments", []) for each in attachment["details"]]
    subnet_id = next((each["value"] for each in details if each["name"] == "subnetId"), "")
    return vpc_of_subnet(region, subnet_id) or main_vpc(region)


def _arn(region: str, kind: str, name: str) -> str:
    return f"arn:aws:ecs:{region}:{ACCOUNT_ID}:{kind}/{name}"
