"""ECS for the demo: listing and describing clusters, services and tasks within AWS's limits, and ExecuteCommand.

The rows are those of `ecs_tables`; clusters, services and tasks that clients create through moto's own actions are
answered together with them. No data is made up here, and no command is run.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ec2menu.demo import strict
from ec2menu.demo.ecs_exec import command_facts, container_facts
from ec2menu.demo.ecs_fleet import seed_clusters
from ec2menu.demo.ecs_rows import has_agent
from ec2menu.demo.ecs_tables import Row, tables
from ec2menu.demo.sessions import open_session, stream_url
from ec2menu.demo.strict import ACCOUNT_ID, ECS, Refused, aws_error, paginate, param, reply

MAX_RESULTS = 100
SERVICES_DEFAULT_RESULTS = 10
MAX_DESCRIBED_SERVICES, MAX_DESCRIBED_TASKS, MAX_DESCRIBED_CLUSTERS = 10, 100, 100
EXEC_DOCUMENT = "AmazonECS-ExecuteInteractiveCommand"
EXEC_NOT_ENABLED = (
    "The execute command failed because execute command was not enabled when the task was run or the execute command "
    "agent isn’t running. Wait and try again or run a new task with execute command enabled and try again."  # noqa: RUF001 - AWS's own apostrophe
)
EXEC_NOT_CONNECTED = "The execute command failed due to an internal error. Try again later."


def install() -> None:
    """Put the actions onto moto's ECS; doing it again changes nothing."""
    from moto.ecs.responses import EC2ContainerServiceResponse  # noqa: PLC0415 - moto's responses are slow to import

    strict.install(EC2ContainerServiceResponse, "list_clusters", list_clusters)
    strict.install(EC2ContainerServiceResponse, "list_services", list_services)
    strict.install(EC2ContainerServiceResponse, "list_tasks", list_tasks)
    strict.install(EC2ContainerServiceResponse, "describe_clusters", describe_clusters)
    strict.install(EC2ContainerServiceResponse, "describe_services", describe_services)
    strict.install(EC2ContainerServiceResponse, "describe_tasks", describe_tasks)
    strict.install(EC2ContainerServiceResponse, "execute_command", execute_command)


def seed(region: str) -> None:
    """Add the showcase clusters of `region`."""
    seed_clusters(region)


def list_clusters(response: Any) -> Any:
    """Answer ECS ListClusters."""
    arns = [row["clusterArn"] for row in list(tables.at(response.region).clusters.values())]
    return _page(response, "clusterArns", [*arns, *response.ecs_backend.list_clusters()])


def list_services(response: Any) -> Any:
    """Answer ECS ListServices, whose pages hold 10 unless asked otherwise."""
    cluster = _cluster(response)
    asked = {key: param(response, key) for key in ("launchType", "schedulingStrategy")}
    rows = _with_fields(tables.at(response.region).services.get(cluster, {}).values(), asked)
    arns = [row["serviceArn"] for row in rows]
    if cluster in response.ecs_backend.clusters:
        arns += response.ecs_backend.list_services(cluster, asked["schedulingStrategy"], asked["launchType"])
    return _page(response, "serviceArns", arns, default=SERVICES_DEFAULT_RESULTS)


def list_tasks(response: Any) -> Any:
    """Answer ECS ListTasks; desiredStatus is RUNNING unless asked otherwise, and PENDING never finds anything."""
    cluster = _cluster(response)
    rows = _with_fields(tables.at(response.region).tasks.get(cluster, {}).values(), _asked_of_tasks(response, cluster))
    family = param(response, "family")
    arns = [row["taskArn"] for row in rows if family in (None, _family(row))]
    if cluster in response.ecs_backend.clusters:
        arns += _moto_task_arns(response, cluster)
    return _page(response, "taskArns", arns)


def describe_clusters(response: Any) -> Any:
    """Answer ECS DescribeClusters for at most 100 clusters; unknown ones are failures, not an error."""
    names = param(response, "clusters") or ["default"]
    _check_count(names, name="Clusters", maximum=MAX_DESCRIBED_CLUSTERS)
    rows = tables.at(response.region).clusters
    found = [_counted(rows[_short(name)], region=response.region) for name in names if _short(name) in rows]
    others = [name for name in names if _short(name) not in rows]
    moto_found, _ = response.ecs_backend.describe_clusters(others) if others else ([], [])
    known = {cluster.name for cluster in moto_found}
    missing = [name for name in others if _short(name) not in known]
    clusters = [*_without_tags(found, response), *moto_found]
    return reply({"clusters": clusters, "failures": _failures(response, "cluster", missing)})


def describe_services(response: Any) -> Any:
    """Answer ECS DescribeServices for at most 10 services."""
    cluster, names = _cluster(response), param(response, "services") or []
    _check_count(names, name="Services", maximum=MAX_DESCRIBED_SERVICES)
    rows = tables.at(response.region).services.get(cluster, {})
    found = [_with_task_counts(rows[_short(name)], response, cluster) for name in names if _short(name) in rows]
    missing = [name for name in names if _short(name) not in rows]
    moto_found: list[Any] = []
    if missing and cluster in response.ecs_backend.clusters:
        moto_found, _ = response.ecs_backend.describe_services(cluster, missing)
        known = {service.name for service in moto_found}
        missing = [name for name in missing if _short(name) not in known]
    services = [*_without_tags(found, response), *moto_found]
    return reply({"services": services, "failures": _failures(response, f"service/{cluster}", missing)})


def describe_tasks(response: Any) -> Any:
    """Answer ECS DescribeTasks for at most 100 tasks."""
    cluster, names = _cluster(response), param(response, "tasks") or []
    _check_count(names, name="Tasks", maximum=MAX_DESCRIBED_TASKS)
    rows = tables.at(response.region).tasks.get(cluster, {})
    found = [rows[_short(name)] for name in names if _short(name) in rows]
    missing = [name for name in names if _short(name) not in rows]
    moto_found: list[Any] = []
    if missing and cluster in response.ecs_backend.clusters:
        moto_found = response.ecs_backend.describe_tasks(cluster, missing)
        known = {task.id for task in moto_found}
        missing = [name for name in missing if _short(name) not in known]
    tasks = [*_without_tags(found, response), *moto_found]
    return reply({"tasks": tasks, "failures": _failures(response, f"task/{cluster}", missing)})


def execute_command(response: Any) -> Any:
    """Answer ECS ExecuteCommand with a session for the plugin; the command itself runs nowhere."""
    cluster = _cluster(response)
    if not param(response, "interactive"):
        raise _invalid("Interactive is the only mode supported currently.")
    task = tables.at(response.region).tasks.get(cluster, {}).get(_short(param(response, "task")))
    if task is None:
        raise _invalid("The task provided was not found.")
    container = _exec_container(task, name=param(response, "container"))
    known, command = tables.at(response.region), str(param(response, "command") or "")
    if container["containerArn"] in known.cut_off:
        raise aws_error("TargetNotConnectedException", EXEC_NOT_CONNECTED)
    session = open_session(
        response.region,
        f"ecs:{cluster}_{_short(task['taskArn'])}_{container['runtimeId']}",
        prefix="ecs-execute-command",
        document=EXEC_DOCUMENT,
        parameters={"command": [command]},
    )
    shown = container_facts(task, container) | command_facts(command, known.shells.get(container["containerArn"], ()))
    url = stream_url(session, host=response.headers["Host"], **shown)
    return reply(
        {
            "clusterArn": task["clusterArn"],
            "taskArn": task["taskArn"],
            "containerArn": container["containerArn"],
            "containerName": container["name"],
            "interactive": True,
            "session": {"sessionId": session.id, "streamUrl": url, "tokenValue": session.token},
        }
    )


def _exec_container(task: Row, *, name: str | None) -> Row:
    """Return the container to run in; raises InvalidParameterException where exec cannot work there."""
    containers = {container["name"]: container for container in task["containers"]}
    if name is None and len(containers) > 1:
        raise _invalid("A container name is required when the task has more than one container.")
    if name is not None and name not in containers:
        raise _invalid("The container provided was not found in the task.")
    container: Row = containers[name] if name is not None else task["containers"][0]
    if not task["enableExecuteCommand"] or not has_agent(container) or "runtimeId" not in container:
        raise _invalid(EXEC_NOT_ENABLED)
    return container


def _cluster(response: Any) -> str:
    """Return the name of the cluster that a request means; raises ClusterNotFoundException."""
    name = _short(param(response, "cluster") or "default")
    if name not in tables.at(response.region).clusters and name not in response.ecs_backend.clusters:
        raise aws_error("ClusterNotFoundException", "Cluster not found.")
    return name


def _asked_of_tasks(response: Any, cluster: str) -> dict[str, str | None]:
    service = param(response, "serviceName")
    if service is not None and not _service_exists(response, cluster, _short(service)):
        raise aws_error("ServiceNotFoundException", "Service not found.")
    desired = param(response, "desiredStatus") or "RUNNING"
    return {
        "group": None if service is None else f"service:{_short(service)}",
        "desiredStatus": desired,
        "containerInstanceArn": param(response, "containerInstance"),
        "startedBy": param(response, "startedBy"),
        "launchType": param(response, "launchType"),
    }


def _service_exists(response: Any, cluster: str, name: str) -> bool:
    known = tables.at(response.region).services.get(cluster, {})
    return name in known or f"{cluster}:{name}" in response.ecs_backend.services


def _moto_task_arns(response: Any, cluster: str) -> list[str]:
    keys = ("containerInstance", "family", "startedBy", "serviceName")
    found = response.ecs_backend.list_tasks(
        cluster, *(param(response, key) for key in keys), param(response, "desiredStatus") or "RUNNING"
    )
    launch_type = param(response, "launchType")
    return [task.task_arn for task in found if launch_type in (None, task.launch_type)]


def _with_fields(rows: Iterable[Row], asked: Mapping[str, str | None]) -> list[Row]:
    """Return the rows with the values asked for; what a row has as an ARN may be asked for by its id."""
    wanted = {key: value for key, value in asked.items() if value is not None}
    return [row for row in list(rows) if all(_is(row.get(key, ""), value) for key, value in wanted.items())]


def _is(present: str, value: str) -> bool:
    return value == present or (present.startswith("arn:") and value == _short(present))


def _family(task: Row) -> str:
    return _short(task["taskDefinitionArn"]).partition(":")[0]


def _counted(cluster: Row, *, region: str) -> Row:
    name = cluster["clusterName"]
    tasks = list(tables.at(region).tasks[name].values())
    counts = {
        "activeServicesCount": len(tables.at(region).services[name]),
        "runningTasksCount": sum(task["lastStatus"] == "RUNNING" for task in tasks),
        "pendingTasksCount": sum(task["lastStatus"] == "PENDING" for task in tasks),
    }
    return cluster | counts


def _with_task_counts(service: Row, response: Any, cluster: str) -> Row:
    tasks = tables.at(response.region).tasks[cluster].values()
    status = [task["lastStatus"] for task in list(tasks) if task["group"] == f"service:{service['serviceName']}"]
    return service | {"runningCount": status.count("RUNNING"), "pendingCount": status.count("PENDING")}


def _without_tags(rows: Sequence[Row], response: Any) -> list[Row]:
    """Tags come only when asked for."""
    if "TAGS" in (param(response, "include") or []):
        return list(rows)
    return [{key: value for key, value in row.items() if key != "tags"} for row in rows]


def _failures(response: Any, kind: str, names: Iterable[str]) -> list[Row]:
    arn: Callable[[str], str] = f"arn:aws:ecs:{response.region}:{ACCOUNT_ID}:{kind}/{{}}".format
    return [{"arn": name if name.startswith("arn:") else arn(name), "reason": "MISSING"} for name in names]


def _check_count(names: Sequence[str], *, name: str, maximum: int) -> None:
    if not names:
        raise _invalid(f"{name} cannot be empty.")
    if len(names) > maximum:
        raise _invalid(f"{name} exceeds the maximum of {maximum}.")


def _page(response: Any, name: str, arns: list[str], *, default: int = MAX_RESULTS) -> Any:
    page, token = paginate(
        arns,
        token=param(response, "nextToken"),
        size=param(response, "maxResults"),
        default=default,
        minimum=1,
        maximum=MAX_RESULTS,
        style=ECS,
    )
    return reply({name: page, "nextToken": token})


def _short(name: str) -> str:
    """Return the name of what may be given by name or by ARN."""
    return name.rpartition("/")[2]


def _invalid(message: str) -> Refused:
    return aws_error("InvalidParameterException", message)
