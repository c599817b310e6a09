"""How containers, tasks, services and clusters of ECS are shown in a list: their columns, and nothing else."""

from datetime import datetime

from ec2menu.models import Cell, Column, Container, ExecStatus, Style
from ec2menu.resources.ecs_groups import STANDALONE, EcsCluster, EcsService, EcsTask, Group
from ec2menu.resources.nodes import age_cell

# A task's id is 32 hexadecimal digits, and the first few tell it from others; as wide as is shown of it on a screen.
TASK_ID_COLUMNS = 9
EXEC_STYLES = {ExecStatus.READY: Style.GOOD, ExecStatus.MAY_FAIL: Style.WARN, ExecStatus.NO: Style.DIM}
_STATUS_STYLES = {
    "RUNNING": Style.GOOD,
    "PENDING": Style.WARN,
    "PROVISIONING": Style.WARN,
    "ACTIVATING": Style.WARN,
    "STOPPED": Style.BAD,
    "unknown": Style.WARN,
}


def status_cell(status: str) -> Cell:
    """Show a lastStatus of ECS, or one of the words that stand in a row without a container."""
    style = Style.WARN if " of " in status else _STATUS_STYLES.get(status, Style.DIM)
    return Cell(text=status or "-", style=style)


def service_of(container: Container) -> str:
    """Return the service as people read it; a task without one is standalone, a row without a task has none."""
    return container.service or (STANDALONE if container.task_id else "")


def _name(container: Container, _now: datetime) -> Cell:
    """Name the container; in the order of names the containers of a task, a service and a cluster stay together."""
    place = (container.cluster, container.service, container.task_id, container.name)
    return Cell(text=container.name or "-", style=Style.STRONG, sort_key=" ".join(place))


def _exec(container: Container, _now: datetime) -> Cell:
    return Cell(text=container.exec_status.value, style=EXEC_STYLES[container.exec_status])


def _group_name(group: Group, _now: datetime) -> Cell:
    return Cell(text=group.name, style=Style.STRONG)


def _region(group: Group, _now: datetime) -> Cell:
    return Cell(text=group.region)


def _tasks(group: Group, _now: datetime) -> Cell:
    if not group.is_known:
        return Cell(text="?", style=Style.WARN, sort_key=float(group.task_count))
    return Cell(text=f"{group.task_count:,}", sort_key=float(group.task_count))


def _best_exec(group: Group, _now: datetime) -> Cell:
    if not group.running:
        return Cell(text="-", style=Style.DIM)
    return Cell(text=group.exec_status.value, style=EXEC_STYLES[group.exec_status])


def _ready(group: Group, _now: datetime) -> Cell:
    """Show in how many containers exec works or may work."""
    if not group.running:
        return Cell(text="-", style=Style.DIM)
    usable = sum(row.exec_status is not ExecStatus.NO for row in group.running)
    style = EXEC_STYLES[group.exec_status]
    return Cell(text=f"{usable:,} of {len(group.running):,}", style=style, sort_key=float(usable))


def _container_names(task: EcsTask, _now: datetime) -> Cell:
    return Cell(text=", ".join(row.name for row in task.containers if row.name) or "-")


def _launch_types(service: EcsService, _now: datetime) -> Cell:
    return Cell(text=", ".join(sorted({row.launch_type for row in service.running if row.launch_type})))


COLUMNS: tuple[Column[Container], ...] = (
    Column(
        key="cluster",
        title="Cluster",
        cell=lambda container, _now: Cell(text=container.cluster),
        priority=2,
        min_width=10,
        max_width=40,
    ),
    Column(
        key="service",
        title="Service",
        cell=lambda container, _now: Cell(text=service_of(container)),
        priority=1,
        min_width=10,
        max_width=40,
    ),
    Column(
        key="task",
        title="Task",
        cell=lambda container, _now: Cell(text=container.task_id),
        priority=3,
        max_width=TASK_ID_COLUMNS,
        min_width=TASK_ID_COLUMNS,
    ),
    Column(key="name", title="Container", cell=_name, min_width=12, max_width=40),
    Column(key="exec", title="Exec", cell=_exec, priority=1),
    Column(key="status", title="Status", cell=lambda container, _now: status_cell(container.status), priority=4),
    Column(
        key="launch",
        title="Launch type",
        cell=lambda container, _now: Cell(text=container.launch_type),
        priority=7,
    ),
    Column(
        key="started",
        title="Started",
        cell=lambda container, now: age_cell(container.started_at, now),
        priority=5,
        align_right=True,
    ),
    Column(key="ip", title="Private IP", cell=lambda container, _now: Cell(text=container.private_ip), priority=8),
    Column(key="region", title="Region", cell=lambda container, _now: Cell(text=container.region), priority=6),
    Column(
        key="why",
        title="Why not",
        cell=lambda container, _now: Cell(text=container.reason, style=Style.DIM),
        priority=9,
        min_width=16,
        max_width=60,
    ),
)
# Within one task; where it is has been said.
WITHIN_TASK: tuple[Column[Container], ...] = tuple(
    column for column in COLUMNS if column.key not in ("cluster", "service", "task", "launch")
)
CLUSTER_COLUMNS: tuple[Column[EcsCluster], ...] = (
    Column(key="name", title="Cluster", cell=_group_name, min_width=14, max_width=60),
    Column(
        key="services",
        title="Services",
        cell=lambda cluster, _now: Cell(text=f"{cluster.service_count:,}", sort_key=float(cluster.service_count)),
        priority=3,
        align_right=True,
    ),
    Column(key="tasks", title="Tasks", cell=_tasks, priority=2, align_right=True),
    Column(key="exec", title="Can exec", cell=_ready, priority=4),
    Column(key="region", title="Region", cell=_region, priority=1),
)
SERVICE_COLUMNS: tuple[Column[EcsService], ...] = (
    Column(key="name", title="Service", cell=_group_name, min_width=14, max_width=60),
    Column(key="tasks", title="Tasks", cell=_tasks, priority=2, align_right=True),
    Column(key="exec", title="Can exec", cell=_ready, priority=3),
    Column(key="launch", title="Launch type", cell=_launch_types, priority=4),
    Column(key="region", title="Region", cell=_region, priority=5),
)
TASK_COLUMNS: tuple[Column[EcsTask], ...] = (
    Column(key="name", title="Task", cell=_group_name, min_width=TASK_ID_COLUMNS),
    Column(key="status", title="Status", cell=lambda task, _now: status_cell(task.status), priority=2),
    Column(key="exec", title="Exec", cell=_best_exec, priority=1),
    Column(
        key="started",
        title="Started",
        cell=lambda task, now: age_cell(task.started_at, now),
        priority=3,
        align_right=True,
    ),
    Column(key="family", title="Family", cell=lambda task, _now: Cell(text=task.family), priority=4, min_width=10),
    Column(key="containers", title="Containers", cell=_container_names, priority=5, min_width=12),
    Column(key="launch", title="Launch type", cell=lambda task, _now: Cell(text=task.launch_type), priority=6),
    Column(key="region", title="Region", cell=_region, priority=7),
)
