"""Through ECS with a scripted user: cluster, service, task, container, and only where there is something to choose."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ec2menu.errors import AccessDenied
from ec2menu.flows.context import Context
from ec2menu.models import Container
from ec2menu.resources.kinds import ECS
from ec2menu.ui.menu import Menu
from ec2menu.ui.screens.containers import ContainerScreen
from tests.fakes.clock import START
from tests.unit.desk import REGION, CannedAws, Desk, context_at, sit_down

Line = str | BaseException | Callable[[], object]
ARN = f"arn:aws:ecs:{REGION}:123456789012"


class EcsAws(CannedAws):
    """An AWS with clusters; `add` a task or a service to one."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.tasks: dict[str, list[dict[str, Any]]] = {}
        self.services: dict[str, list[str]] = {}
        self.enabled = True

    def cluster(self, name: str) -> None:
        """Add a cluster."""
        self.tasks.setdefault(name, [])
        self.services.setdefault(name, [])

    def service(self, cluster: str, name: str) -> None:
        """Add a service without tasks."""
        self.cluster(cluster)
        self.services[cluster].append(f"{ARN}:service/{cluster}/{name}")

    def task(self, cluster: str, service: str, task_id: str, *names: str) -> None:
        """Add a task with containers."""
        self.cluster(cluster)
        containers = [self._container(name, f"{task_id}-{name}") for name in names or ("app",)]
        self.tasks[cluster].append(
            {
                "taskArn": f"{ARN}:task/{cluster}/{task_id}",
                "clusterArn": f"{ARN}:cluster/{cluster}",
                "taskDefinitionArn": f"{ARN}:task-definition/web:1",
                "group": f"service:{service}" if service else "family:web",
                "lastStatus": "RUNNING",
                "startedAt": START,
                "containers": containers,
            }
        )

    @staticmethod
    def _container(name: str, runtime_id: str) -> dict[str, Any]:
        agent = {"name": "ExecuteCommandAgent", "lastStatus": "RUNNING"}
        return {"name": name, "lastStatus": "RUNNING", "runtimeId": runtime_id, "managedAgents": [agent]}

    def list_all(self, service: str, operation: str, region: str, **more: Any) -> list[Any]:
        cluster = str(more.get("cluster", "")).rpartition("/")[2]
        found: Sequence[str] = {
            "ListClusters": [f"{ARN}:cluster/{name}" for name in self.tasks],
            "ListTasks": [task["taskArn"] for task in self.tasks.get(cluster, [])],
            "ListServices": self.services.get(cluster, []),
        }[operation]
        self.asked.append((operation, region))
        refusal = self.lists.get((operation, ""))
        if isinstance(refusal, AccessDenied):
            raise refusal
        return [item for entry in found for item in more["parse"](entry)]

    def call(self, service: str, operation: str, region: str, **more: Any) -> dict[str, Any]:
        if operation == "DescribeTaskDefinition":
            ports = [{"containerPort": 8080}]
            return {"taskDefinition": {"containerDefinitions": [{"name": "app", "portMappings": ports}]}}
        if operation != "DescribeTasks":
            return super().call(service, operation, region, **more)
        cluster = str(more["cluster"]).rpartition("/")[2]
        return {"tasks": [{**task, "enableExecuteCommand": self.enabled} for task in self.tasks[cluster]]}


@pytest.fixture(autouse=True)
def _screen_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("LINES", "24")


@pytest.fixture
def aws() -> EcsAws:
    return EcsAws()


@pytest.fixture
def visit(aws: EcsAws, tmp_path: Path) -> Callable[..., Desk]:
    """`visit(*typed)`: type lines at the ECS screen until they run out (Ctrl-D), and return the desk."""

    def go(*typed: Line, forward: Callable[[Context, Container], int] | None = None) -> Desk:
        desk = sit_down(*typed)
        Menu(desk.terminal).run(ContainerScreen(context_at(desk, aws, tmp_path), (REGION,), forward=forward))
        assert desk.keyboard.left == 0
        return desk

    return go


def titles(desk: Desk) -> list[str]:
    """The titles of the lists that were drawn, up to their counts."""
    return [line.partition(f" in {REGION}")[0] for line in desk.data.splitlines() if " · by name · " in line]


def shop(aws: EcsAws) -> None:
    aws.task("shop", "web", "t1", "app", "envoy")
    aws.task("shop", "web", "t2")
    aws.task("shop", "", "t3")
    aws.service("shop", "admin")
    aws.task("batch", "", "t4")


def test_the_way_goes_over_clusters_services_tasks_and_containers_and_back(
    aws: EcsAws, visit: Callable[..., Desk]
) -> None:
    shop(aws)
    desk = visit("2", "3", "1", "0", "0", "0")
    assert titles(desk) == [
        "ECS clusters",
        "services of shop",
        "tasks of web",
        "containers of task t1 (web)",
        "tasks of web",
        "services of shop",
        "ECS clusters",
    ]
    assert aws.asked.count(("ListClusters", REGION)) == 1


def test_services_without_tasks_and_standalone_tasks_can_be_seen_among_the_services(
    aws: EcsAws, visit: Callable[..., Desk]
) -> None:
    shop(aws)
    lines = visit("shop", "1").data.rpartition("services of shop")[2].splitlines()
    assert [line.split()[1:3] for line in lines[2:5]] == [["(standalone)", "1"], ["admin", "0"], ["web", "2"]]


def test_a_number_behind_which_there_is_one_container_only_connects(aws: EcsAws, visit: Callable[..., Desk]) -> None:
    shop(aws)
    desk = visit("1")
    assert titles(desk) == ["ECS clusters"]
    assert "a shell needs a terminal" in desk.notes


def test_a_single_cluster_and_a_single_service_are_no_steps_and_back_leaves(
    aws: EcsAws, visit: Callable[..., Desk]
) -> None:
    aws.task("shop", "web", "t1")
    aws.task("shop", "web", "t2")
    desk = visit("0")
    assert titles(desk) == ["tasks of web"]


def test_a_single_container_is_shown_and_not_connected_to_before_it_was_chosen(
    aws: EcsAws, visit: Callable[..., Desk]
) -> None:
    aws.task("shop", "web", "t1")
    assert titles(desk := visit()) == ["containers of task t1 (web)"]
    assert "a shell needs" not in desk.notes
    assert "a shell needs a terminal" in visit("1").notes


@pytest.mark.parametrize("services", [[], ["web"]])
def test_a_single_cluster_without_a_task_is_shown_as_it_is(
    aws: EcsAws, visit: Callable[..., Desk], services: list[str]
) -> None:
    aws.cluster("shop")
    for service in services:
        aws.service("shop", service)
    desk = visit("1")
    assert titles(desk) == ["ECS clusters"]
    assert ("the service web has no tasks" if services else "has neither services nor tasks") in desk.notes


def test_a_step_that_was_skipped_is_taken_once_there_is_a_choice(aws: EcsAws, tmp_path: Path) -> None:
    aws.task("shop", "web", "t1")
    aws.task("shop", "web", "t2")

    def news(change: Callable[[], object]) -> Callable[[], None]:
        def come() -> None:
            change()
            context.inventory.listing(ECS, (REGION,), refresh=True)

        return come

    desk = sit_down(
        *(news(lambda: aws.task("shop", "", "t3")), ""),
        *(news(lambda: aws.task("batch", "", "t4")), ""),
        *(news(lambda: [aws.tasks.pop("batch"), aws.tasks["shop"].pop()]), "", "0"),
    )
    context = context_at(desk, aws, tmp_path)
    Menu(desk.terminal).run(ContainerScreen(context, (REGION,)))
    assert titles(desk) == ["tasks of web", "services of shop", "ECS clusters", "tasks of web"]
    assert desk.keyboard.left == 0


def test_without_clusters_the_list_says_so(visit: Callable[..., Desk]) -> None:
    assert f"there are no ECS clusters in {REGION}" in visit().data


def test_several_numbers_are_refused(aws: EcsAws, visit: Callable[..., Desk]) -> None:
    shop(aws)
    assert "choose one at a time" in visit("1,2").notes


def test_a_container_without_exec_is_refused_with_the_reason_before_anything_is_asked(
    aws: EcsAws, visit: Callable[..., Desk]
) -> None:
    aws.enabled = False
    aws.task("shop", "web", "t1", "app", "envoy")
    desk = visit("1", forward=lambda _context, _container: pytest.fail("a tunnel needs the same agent"))
    assert "cannot connect to app (web, task t1 in shop): ECS Exec is not enabled on its task" in desk.notes
    assert "hint: aws ecs update-service --region us-east-1 --cluster shop --service web --enable" in desk.notes
    assert "how (0 back)" not in desk.notes


def test_where_there_is_a_tunnel_to_be_had_the_way_is_asked_for(aws: EcsAws, visit: Callable[..., Desk]) -> None:
    aws.task("shop", "web", "t1", "app", "envoy")
    forwarded: list[str] = []

    def forward(_context: Context, container: Container) -> int:
        forwarded.append(container.id)
        return 0

    desk = visit("1", "2", "1", "1", "1", "0", "1", "9", "0", forward=forward)
    assert forwarded == ["shop/t1/app"]
    assert "2  tunnel to a port  such as 8080" in desk.data
    assert desk.notes.count("a shell needs a terminal") == 1
    assert desk.notes.count("not connected") == 2
    assert "9 is not in the list; choose 1-2" in desk.notes


def test_a_task_that_vanished_since_it_was_drawn_is_not_connected_to(aws: EcsAws, tmp_path: Path) -> None:
    aws.task("shop", "web", "t1")
    aws.task("shop", "web", "t2")
    aws.task("shop", "web", "t3")

    def vanish() -> None:
        aws.tasks["shop"].pop(0)
        context.inventory.listing(ECS, (REGION,), refresh=True)

    desk = sit_down(vanish, "1", "", "1")
    context = context_at(desk, aws, tmp_path)
    Menu(desk.terminal).run(ContainerScreen(context, (REGION,)))
    assert "shop/t1 is no longer there" in desk.notes
    assert desk.notes.count("a shell needs a terminal") == 1  # t2's, after it was drawn as number 1
    assert "t1" not in desk.data.rpartition("tasks of web")[2]


def test_a_list_within_a_list_is_filtered_sorted_and_refreshed_as_any(aws: EcsAws, visit: Callable[..., Desk]) -> None:
    for number in range(1, 31):
        aws.task("shop", "web", f"t{number:02}")
    desk = visit("t3", "/", "s -name", "n", lambda: aws.task("shop", "web", "t31"), "r")
    heads = [line for line in desk.data.splitlines() if line.startswith("tasks of web")]
    assert [head.partition(": ")[2].partition(" · just")[0] for head in heads] == [
        "30 · by name",
        "1 of 30 with t3 · by name",
        "30 · by name",
        "30 · by -name",
        "30 · by -name",
        "31 · by -name",
    ]


def test_what_was_refused_is_told_below_every_list(aws: EcsAws, visit: Callable[..., Desk]) -> None:
    shop(aws)
    aws.lists["ListServices", ""] = AccessDenied("ecs:ListServices is denied", hint="have it allowed")
    desk = visit("2")
    assert desk.notes.count("ecs:ListServices is denied") == 3  # clusters, services, and clusters again


def test_without_listclusters_the_screen_is_not_entered(aws: EcsAws, visit: Callable[..., Desk]) -> None:
    aws.lists["ListClusters", ""] = AccessDenied("ecs:ListClusters is denied", hint="have it allowed")
    desk = visit()
    assert "ec2menu: ecs:ListClusters is denied" in desk.notes
    assert titles(desk) == []
