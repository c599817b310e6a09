"""From the flat list of containers to clusters, services and tasks, and down again where there is no choice."""

from typing import Any

import pytest

from ec2menu.errors import AccessDenied
from ec2menu.models import Column, Container, ExecStatus
from ec2menu.resources.ecs_columns import CLUSTER_COLUMNS, SERVICE_COLUMNS, TASK_COLUMNS
from ec2menu.resources.ecs_groups import (
    EcsCluster,
    EcsService,
    EcsTask,
    below,
    clusters_of,
    containers_now,
    descend,
    services_now,
    services_of,
    tasks_now,
    tasks_of,
)
from ec2menu.resources.ecs_parse import empty_row
from tests.fakes.clock import START

REGION = "us-east-1"


def row(cluster: str, service: str, task: str, name: str = "app", **members: Any) -> Container:
    fields: dict[str, Any] = {"region": REGION, "status": "RUNNING", "exec_status": ExecStatus.READY}
    where: dict[str, Any] = {"cluster": cluster, "service": service, "task_id": task, "name": name}
    return Container(id=f"{cluster}/{task}/{name}", **{**fields, **where, **members})


SHOP = (
    row("shop", "web", "t1"),
    row("shop", "web", "t1", "envoy", exec_status=ExecStatus.NO, status="STOPPED"),
    row("shop", "web", "t2", exec_status=ExecStatus.MAY_FAIL),
    row("shop", "", "t3"),
    empty_row(REGION, "shop", "admin"),
)
EMPTY = empty_row(REGION, "idle")


def texts(item: Any, columns: tuple[Column[Any], ...]) -> dict[str, str]:
    return {column.key: column.cell(item, START).text for column in columns}


def shop() -> EcsCluster:
    return clusters_of(SHOP)[0]


def named(service: str) -> EcsService:
    (found,) = (each for each in services_of(shop()) if each.name == service)
    return found


def test_clusters_of_the_same_name_in_two_regions_are_two() -> None:
    found = clusters_of([row("shop", "web", "t1"), row("shop", "web", "t1", region="eu-west-1"), EMPTY])
    assert [(cluster.region, cluster.id) for cluster in found] == [
        (REGION, "shop"),
        ("eu-west-1", "shop"),
        (REGION, "idle"),
    ]


def test_a_cluster_counts_services_tasks_and_what_exec_can_reach() -> None:
    assert texts(shop(), CLUSTER_COLUMNS) == {
        "name": "shop",
        "services": "2",
        "tasks": "3",
        "exec": "3 of 4",
        "region": REGION,
    }


def test_an_empty_cluster_counts_nothing_and_has_no_services() -> None:
    (idle,) = clusters_of([EMPTY])
    assert [texts(idle, CLUSTER_COLUMNS)[key] for key in ("services", "tasks", "exec")] == ["0", "0", "-"]
    assert services_of(idle) == ()


def test_services_without_tasks_and_standalone_tasks_are_among_the_services() -> None:
    found = {each.name: (each.service, each.task_count) for each in services_of(shop())}
    assert found == {"web": ("web", 2), "(standalone)": ("", 1), "admin": ("admin", 0)}
    assert len({each.id for each in services_of(shop())}) == 3


def test_tasks_come_with_their_containers() -> None:
    found = tasks_of(named("web"))
    assert [(task.name, [each.name for each in task.containers]) for task in found] == [
        ("t1", ["app", "envoy"]),
        ("t2", ["app"]),
    ]
    assert texts(found[0], TASK_COLUMNS)["containers"] == "app, envoy"
    assert tasks_of(named("admin")) == ()


def test_the_best_that_exec_can_do_stands_for_a_task() -> None:
    first, second = tasks_of(named("web"))
    assert (first.exec_status, second.exec_status) == (ExecStatus.READY, ExecStatus.MAY_FAIL)
    assert named("admin").exec_status is ExecStatus.NO


def test_a_task_that_lost_a_container_is_not_called_stopped() -> None:
    first, second = tasks_of(named("web"))
    assert (first.status, second.status) == ("1 of 2 RUNNING", "RUNNING")


def test_a_cluster_whose_tasks_nobody_may_see_shows_no_number() -> None:
    from_denied = empty_row(REGION, "shop", "web", error=AccessDenied("denied"))
    (cluster,) = clusters_of([from_denied])
    assert not cluster.is_known
    assert texts(cluster, CLUSTER_COLUMNS)["tasks"] == "?"
    assert texts(services_of(cluster)[0], SERVICE_COLUMNS)["tasks"] == "?"


@pytest.mark.parametrize(
    ("rows", "kind", "count"),
    [
        ([row("a", "s", "t")], EcsTask, 1),
        ([row("a", "s", "t"), row("a", "s", "t", "side")], EcsTask, 2),
        ([row("a", "s", "t"), row("a", "s", "u")], EcsService, 2),
        ([row("a", "s", "t"), row("a", "", "u")], EcsCluster, 2),
        ([row("a", "", "t")], EcsTask, 1),
        ([empty_row(REGION, "a", "s")], EcsService, 0),
        ([empty_row(REGION, "a")], EcsCluster, 0),
        ([empty_row(REGION, "a", "s"), empty_row(REGION, "a", "r")], EcsCluster, 2),
    ],
)
def test_steps_without_a_choice_are_followed_down_to_the_first_with_one(
    rows: list[Container], kind: type, count: int
) -> None:
    found = descend(clusters_of(rows)[0])
    assert (type(found), len(below(found))) == (kind, count)


def test_a_group_finds_itself_in_a_newer_list() -> None:
    newer = [
        *SHOP[:1],
        row("shop", "web", "t9"),
        row("other", "web", "t1"),
        row("shop", "web", "t1", region="eu-west-1"),
    ]
    assert [task.name for task in tasks_now(named("web"), newer)] == ["t1", "t9"]
    assert [each.name for each in services_now(shop(), newer)] == ["web"]
    assert containers_now(tasks_of(named("web"))[0], newer) == SHOP[:1]
    assert tasks_now(named("(standalone)"), newer) == ()
    assert services_now(shop(), []) == ()


def test_a_group_does_not_print_all_that_is_in_it() -> None:
    assert "envoy" not in repr(shop())
