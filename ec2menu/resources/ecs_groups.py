"""Clusters, services and tasks as a person walks through them, grouped from the flat list of containers; pure.

A group keeps its containers, so that what is below it is known without asking AWS again. Rows that stand for a service
without tasks or an empty cluster make their groups, too, and count as nothing in them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from ec2menu.models import Container, ExecStatus
from ec2menu.resources.ecs_exec import RUNNING
from ec2menu.resources.ecs_parse import UNKNOWN

K = TypeVar("K")
STANDALONE = "(standalone)"
# The best that a group can offer stands for it.
_BEST_FIRST = (ExecStatus.READY, ExecStatus.MAY_FAIL, ExecStatus.NO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Containers that belong together, in one region; `id` is unique there, `name` is what people read."""

    id: str
    name: str
    region: str
    cluster: str
    containers: tuple[Container, ...] = field(repr=False)

    @property
    def running(self) -> tuple[Container, ...]:
        """The rows that are containers of a task."""
        return tuple(row for row in self.containers if row.task_id)

    @property
    def task_count(self) -> int:
        """How many tasks there are."""
        return len({row.task_id for row in self.running})

    @property
    def is_known(self) -> bool:
        """Whether AWS said what tasks there are."""
        return all(row.status != UNKNOWN for row in self.containers)

    @property
    def exec_status(self) -> ExecStatus:
        """The best that exec can do here."""
        found = {row.exec_status for row in self.running}
        return next((status for status in _BEST_FIRST if status in found), ExecStatus.NO)


@dataclass(frozen=True, slots=True, kw_only=True)
class EcsCluster(Group):
    """A cluster."""

    @property
    def service_count(self) -> int:
        """How many services there are, those without tasks included."""
        return len({row.service for row in self.containers if row.service})


@dataclass(frozen=True, slots=True, kw_only=True)
class EcsService(Group):
    """A service of a cluster, or all its standalone tasks: then `service` is empty."""

    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EcsTask(Group):
    """A task; its `name` is its id. `launch_type`, `status` and `started_at` are the task's."""

    service: str
    family: str = ""
    status: str = ""
    launch_type: str = ""
    started_at: datetime | None = None


def clusters_of(containers: Iterable[Container]) -> tuple[EcsCluster, ...]:
    """Return the clusters, in the order of their first rows."""
    groups = _group(containers, lambda row: (row.region, row.cluster))
    return tuple(
        EcsCluster(id=cluster, name=cluster, region=region, cluster=cluster, containers=rows)
        for (region, cluster), rows in groups
    )


def services_of(cluster: EcsCluster) -> tuple[EcsService, ...]:
    """Return a cluster's services, and its standalone tasks as one more; nothing for a cluster without either."""
    groups = _group((row for row in cluster.containers if row.service or row.task_id), lambda row: row.service)
    return tuple(
        EcsService(
            id=f"{cluster.id}/{service or STANDALONE}",
            name=service or STANDALONE,
            region=cluster.region,
            cluster=cluster.cluster,
            service=service,
            containers=rows,
        )
        for service, rows in groups
    )


def tasks_of(service: EcsService) -> tuple[EcsTask, ...]:
    """Return a service's tasks, or the standalone ones; nothing for a service without tasks."""
    return tuple(
        EcsTask(
            id=f"{service.cluster}/{task_id}",
            name=task_id,
            region=service.region,
            cluster=service.cluster,
            service=service.service,
            family=rows[0].family,
            status=_status_of(rows),
            launch_type=rows[0].launch_type,
            started_at=rows[0].started_at,
            containers=rows,
        )
        for task_id, rows in _group(service.running, lambda row: row.task_id)
    )


def _status_of(rows: Sequence[Container]) -> str:
    """Return the status that all containers of a task have, or how many of them run."""
    if len({row.status for row in rows}) == 1:
        return rows[0].status
    return f"{sum(row.status == RUNNING for row in rows)} of {len(rows)} {RUNNING}"


def below(group: Group) -> Sequence[Any]:
    """Return what the next step chooses from: services, tasks, or a task's containers."""
    match group:
        case EcsCluster():
            return services_of(group)
        case EcsService():
            return tasks_of(group)
    return group.containers


def descend(group: Group) -> Group:
    """Follow the steps that leave no choice: to a task, or to a group with several others below it, or none."""
    while not isinstance(group, EcsTask) and len(found := below(group)) == 1:
        group = found[0]
    return group


def services_now(cluster: EcsCluster, containers: Iterable[Container]) -> tuple[EcsService, ...]:
    """Return the services of a cluster as a newer list of containers has them."""
    return services_of(replace(cluster, containers=_still(cluster, containers)))


def tasks_now(service: EcsService, containers: Iterable[Container]) -> tuple[EcsTask, ...]:
    """Return the tasks of a service as a newer list of containers has them."""
    rows = tuple(row for row in _still(service, containers) if row.service == service.service)
    return tasks_of(replace(service, containers=rows))


def containers_now(task: EcsTask, containers: Iterable[Container]) -> tuple[Container, ...]:
    """Return the containers of a task as a newer list of containers has them."""
    return tuple(row for row in _still(task, containers) if row.task_id == task.name)


def _still(group: Group, containers: Iterable[Container]) -> tuple[Container, ...]:
    return tuple(row for row in containers if (row.region, row.cluster) == (group.region, group.cluster))


def _group(rows: Iterable[Container], key: Callable[[Container], K]) -> list[tuple[K, tuple[Container, ...]]]:
    groups: dict[K, list[Container]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return [(name, tuple(members)) for name, members in groups.items()]
