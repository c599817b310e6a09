"""ECS: cluster, service, task, container, a list each; a step that leaves no choice is skipped, on the way back, too.

The lists are made of the one list of containers that the inventory has; what a number does is decided here.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ec2menu.errors import ExitStatus, TargetUnavailable
from ec2menu.flows.containers import SHORT_TASK, check_container, connect_container, describe_container
from ec2menu.flows.context import Context
from ec2menu.models import Container
from ec2menu.resources import ecs_columns, ecs_groups
from ec2menu.resources.ecs_groups import STANDALONE, EcsCluster, EcsService, EcsTask, Group
from ec2menu.resources.kinds import ECS, ResourceKind
from ec2menu.ui.choices import Choice, choose_one
from ec2menu.ui.menu import Move, Screen
from ec2menu.ui.screens.lists import ListScreen

Forward = Callable[[Context, Container], int]


class ContainerScreen:
    """The ECS containers of some regions, at the first list that leaves a choice; where that is may change with news.

    `forward` opens a tunnel to a port of a container; without it a container is connected to without a question.
    """

    def __init__(self, context: Context, regions: Sequence[str], *, forward: Forward | None = None) -> None:
        self._context = context
        self._regions = tuple(regions)
        self._forward = forward
        self._clusters = ListScreen(
            context, clusters_kind(), regions, choose=self._choose_group, choosing="opens", several=False
        )
        self._screen: Screen = self._clusters
        self._place = ""

    def open(self) -> None:
        """Get the list, and go to where the choice begins."""
        self._clusters.open()
        self._settle()

    def ask(self) -> "Move | Screen":
        """Ask at the first list that leaves a choice now."""
        self._settle()
        return self._screen.ask()

    def _settle(self) -> None:
        """Change to another list where a step that was skipped leaves a choice by now, or the other way round."""
        group = self._first_choice()
        place = f"{type(group).__name__} {group.id}" if group else ""
        if place != self._place:
            self._place = place
            self._screen = self._below(group) if group else self._clusters
            self._screen.open()

    def _first_choice(self) -> Group | None:
        """Return the group at which the choice begins, or None where that is among the clusters."""
        view = self._context.inventory.view(ECS, self._regions, fetch=False)
        clusters = ecs_groups.clusters_of(view.listing.items)
        if len(clusters) != 1 or view.unknown:
            return None
        found = ecs_groups.descend(clusters[0])
        return found if ecs_groups.below(found) else None

    def _below(self, group: Group) -> Screen:
        """Return the list of what is in a group."""
        is_task = isinstance(group, EcsTask)
        return ListScreen(
            self._context,
            kind_below(group),
            (group.region,),
            choose=self._choose_container if is_task else self._choose_group,
            choosing="connects" if is_task else "opens",
            several=False,
        )

    def _choose_group(self, chosen: Sequence[Any]) -> "Move | Screen | None":
        found = ecs_groups.descend(chosen[0])
        below = ecs_groups.below(found)
        if not below:
            row = found.containers[0]  # it stands for what is not there, and says why
            raise TargetUnavailable(row.reason, hint=row.fix)
        return self._choose_container(below) if isinstance(found, EcsTask) and len(below) == 1 else self._below(found)

    def _choose_container(self, chosen: Sequence[Any]) -> Move | None:
        container: Container = chosen[0]
        check_container(container)
        if self._forward is not None and self._ask_way(container) == "tunnel":
            self._forward(self._context, container)
            return Move.STAY
        return Move.STAY if connect_container(self._context, container) == ExitStatus.DONE else None

    def _ask_way(self, container: Container) -> str:
        port = f"such as {container.ports[0]}" if container.ports else ""
        ways = (
            Choice(key="shell", label="shell (ECS Exec)"),
            Choice(key="tunnel", label="tunnel to a port", remark=port),
        )
        return choose_one(self._context.terminal, describe_container(container), ways)


def clusters_kind() -> ResourceKind:
    """Return the clusters, as a list of their own."""
    return _derived("clusters", "ECS clusters", ecs_columns.CLUSTER_COLUMNS, ecs_groups.clusters_of)


def kind_below(group: Group) -> ResourceKind:
    """Return what is in a group, as a list of its own."""
    match group:
        case EcsCluster():
            title, columns = f"services of {group.name}", ecs_columns.SERVICE_COLUMNS
            return _derived("services", title, columns, lambda rows: ecs_groups.services_now(group, rows))
        case EcsService():
            title = f"tasks of {group.name}" if group.service else f"standalone tasks of {group.cluster}"
            return _derived("tasks", title, ecs_columns.TASK_COLUMNS, lambda rows: ecs_groups.tasks_now(group, rows))
        case EcsTask():
            of = group.service or STANDALONE
            title = f"containers of task {group.name[:SHORT_TASK]} ({of})"
            return _derived(
                "containers", title, ecs_columns.WITHIN_TASK, lambda rows: ecs_groups.containers_now(group, rows)
            )
    raise TypeError(type(group))


def _derived(
    name: str, title: str, columns: tuple[Any, ...], derive: Callable[[Sequence[Any]], Sequence[Any]]
) -> ResourceKind:
    return ResourceKind(
        name=name,
        title=title,
        fetch=ECS.fetch,
        columns=columns,
        identify=lambda item: (item.id, item.name),
        is_dimmed=_is_dimmed,
        base=ECS,
        derive=derive,
    )


def _is_dimmed(item: Any) -> bool:
    return not item.running if isinstance(item, Group) else ECS.is_dimmed(item)
