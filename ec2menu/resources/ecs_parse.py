"""What ECS's answers mean: a task and its definition become containers, what has no task becomes a row that says so.

Pure; every member of an answer may be missing. The calls are in `ecs`, the rules of ECS Exec in `ecs_exec`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from shlex import quote
from typing import Any

from ec2menu.errors import Ec2MenuError
from ec2menu.models import Container
from ec2menu.resources.ecs_exec import ExecFacts, judge_exec

# What stands in a row that is no container.
NO_TASKS, EMPTY, UNKNOWN = "no tasks", "empty", "unknown"
STOPPED = "STOPPED"
_AGENT = "ExecuteCommandAgent"
_OF_SERVICE = "service:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What is used of a task definition; the names are those of its containers. Ports are the TCP ones."""

    is_windows: bool = False
    read_only: frozenset[str] = frozenset()
    ports: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def parse_definition(entry: Mapping[str, Any]) -> Definition:
    """Turn the taskDefinition of DescribeTaskDefinition into ours."""
    family = str((entry.get("runtimePlatform") or {}).get("operatingSystemFamily") or "")
    containers = {str(each.get("name", "")): each for each in entry.get("containerDefinitions") or []}
    return Definition(
        is_windows=family.lower().startswith("windows"),
        read_only=frozenset(name for name, each in containers.items() if each.get("readonlyRootFilesystem")),
        ports={name: ports for name, each in containers.items() if (ports := _ports(each))},
    )


def _ports(container: Mapping[str, Any]) -> tuple[int, ...]:
    mappings = container.get("portMappings") or []
    ports = [each.get("containerPort") for each in mappings if each.get("protocol", "tcp") == "tcp"]
    return tuple(dict.fromkeys(int(port) for port in ports if port))


def parse_task(task: Mapping[str, Any], region: str, *, definition: Definition) -> list[Container]:
    """Turn a task of DescribeTasks into its containers, each judged for exec; a stopped task has none.

    A task whose containers AWS does not name yet is one row, so that it is not missing.
    """
    if task.get("lastStatus") == STOPPED:
        return []
    return [_container(task, entry, region, definition) for entry in task.get("containers") or [{}]]


def _container(task: Mapping[str, Any], entry: Mapping[str, Any], region: str, definition: Definition) -> Container:
    cluster, task_id = short_name(task.get("clusterArn")), short_name(task.get("taskArn"))
    name = str(entry.get("name") or "")
    group, status = str(task.get("group") or ""), str(task.get("lastStatus") or "")
    agent = _agent_of(entry)
    container = Container(
        id="/".join(filter(None, (cluster, task_id, name))),
        region=region,
        cluster=cluster,
        service=group.removeprefix(_OF_SERVICE) if group.startswith(_OF_SERVICE) else "",
        task_id=task_id,
        name=name,
        family=short_name(task.get("taskDefinitionArn")).rpartition(":")[0],
        status=str(entry.get("lastStatus") or status),
        # A task of a capacity provider may have no launch type.
        launch_type=str(task.get("launchType") or task.get("capacityProviderName") or ""),
        image=str(entry.get("image") or ""),
        runtime_id=str(entry.get("runtimeId") or ""),
        is_windows=definition.is_windows or _runs_on_windows(task),
        started_at=task.get("startedAt"),
        private_ip=_private_ip(task, entry),
        ports=definition.ports.get(name, ()),
    )
    facts = ExecFacts(
        enabled=bool(task.get("enableExecuteCommand")),
        task_status=status,
        agent_status=str(agent.get("lastStatus") or ""),
        agent_reason=str(agent.get("reason") or ""),
        has_read_only_root=name in definition.read_only,
    )
    return judge_exec(container, facts)


def _agent_of(container: Mapping[str, Any]) -> Mapping[str, Any]:
    agents: list[Mapping[str, Any]] = container.get("managedAgents") or []
    return next((agent for agent in agents if agent.get("name") == _AGENT), {})


def _runs_on_windows(task: Mapping[str, Any]) -> bool:
    """Tell by the task alone: Fargate names the platform, an EC2 host has an attribute."""
    attributes = {str(each.get("name")): str(each.get("value")) for each in task.get("attributes") or []}
    platform = str(task.get("platformFamily") or attributes.get("ecs.os-type") or "")
    return platform.lower().startswith("windows")


def _private_ip(task: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    interfaces = container.get("networkInterfaces") or []
    found = [str(each.get("privateIpv4Address") or "") for each in interfaces]
    for attachment in task.get("attachments") or []:
        details = attachment.get("details") or []
        found += [str(each.get("value") or "") for each in details if each.get("name") == "privateIPv4Address"]
    return next(filter(None, found), "")


def empty_row(region: str, cluster: str, service: str = "", *, error: Ec2MenuError | None = None) -> Container:
    """Return the row of a service without tasks, or of a cluster with nothing; `error` is why its tasks are unknown."""
    what = f"the service {service}" if service else f"the cluster {cluster}"
    if error is not None:
        status, reason, fix = UNKNOWN, f"the tasks of {what} could not be read: {error.message}", error.hint
    elif service:
        look = f"aws ecs describe-services --region {region} --cluster {quote(cluster)} --services {quote(service)}"
        status, reason, fix = NO_TASKS, f"{what} has no tasks", f"its desired count and events say why: {look}"
    else:
        status, reason, fix = EMPTY, f"{what} has neither services nor tasks", ""
    return Container(
        id=f"{cluster}/{service}" if service else cluster,
        region=region,
        cluster=cluster,
        service=service,
        status=status,
        reason=reason,
        fix=fix,
    )


def short_name(arn: object) -> str:
    """Return the last part of an ARN: a cluster's, service's or definition's name, or a task's id."""
    return str(arn or "").rpartition("/")[2]
