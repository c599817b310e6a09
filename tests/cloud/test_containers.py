"""ECS over HTTP: every container is listed or told to be missing, and ExecuteCommand is asked for what it can do."""

from collections.abc import Mapping
from typing import Any

import pytest

from ec2menu.aws.session import Aws
from ec2menu.demo import ecs_tables
from ec2menu.demo.ecs_fleet import seed_clusters
from ec2menu.demo.ecs_tables import TaskSpec
from ec2menu.demo.server import DemoAws
from ec2menu.errors import (
    AccessDenied,
    ExitStatus,
    LoginExpired,
)
from ec2menu.models import Container, ExecStatus, Listing
from ec2menu.resources.ecs import fetch_containers
from tests.cloud.identities import aws_as
from tests.fakes.clock import START

HOME = "us-east-1"
ARN = "arn:aws:iam::123456789012:user/demo"
COUNTS = [0, 1, 2, 21, 101]
LISTS = ["ListClusters", "ListTasks", "ListServices"]
TROUBLES = ["throttle", "fail", "lose_reply", "truncate_reply"]


@pytest.fixture
def aws(aws_demo: DemoAws, shared: list[Aws]) -> Aws:
    """One identity for the module, made in the first test's environment: clients cost more than most tests."""
    if not shared:
        shared.append(aws_as())
    return shared[0]


def containers(aws: Aws, *, heard: list[str] | None = None) -> Listing[Container]:
    found = fetch_containers(aws, HOME, now=START, on_progress=([] if heard is None else heard).append)
    ids = [row.id for row in found.items]
    assert len(ids) == len(set(ids)), "nothing is listed twice"
    return found


def short(arns: list[str]) -> list[str]:
    return sorted(arn.rpartition("/")[2] for arn in arns)


# -- complete ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", COUNTS)
def test_every_cluster_is_a_row_although_nothing_is_in_it(aws_demo: DemoAws, aws: Aws, count: int) -> None:
    made = ecs_tables.add_clusters(HOME, count)
    found = containers(aws)
    assert sorted(row.cluster for row in found.items) == short(made)
    assert {row.status for row in found.items} <= {"empty"}
    assert (found.problems, found.as_of) == ((), START)
    assert len(aws_demo.calls_of("ListClusters")) == (2 if count > 100 else 1)
    assert aws_demo.calls_of("DescribeTasks") == []


@pytest.mark.parametrize("count", COUNTS)
def test_every_service_without_tasks_is_a_row(aws_demo: DemoAws, aws: Aws, count: int) -> None:
    ecs_tables.add_cluster(HOME, "shop")
    made = ecs_tables.add_services(HOME, "shop", count)
    found = containers(aws)
    assert sorted(row.service for row in found.items if row.service) == short(made)
    assert {row.status for row in found.items} == {"no tasks" if count else "empty"}
    assert len(aws_demo.calls_of("ListServices")) == (2 if count > 100 else 1)


@pytest.mark.parametrize("count", COUNTS)
def test_every_task_of_a_service_is_listed(aws_demo: DemoAws, aws: Aws, count: int) -> None:
    ecs_tables.add_cluster(HOME, "shop")
    ecs_tables.add_service(HOME, "shop", "web", tasks=count)
    heard: list[str] = []
    found = containers(aws, heard=heard)
    with_task = [row for row in found.items if row.task_id]
    assert len({row.task_id for row in with_task}) == len(with_task) == count
    assert {(row.service, row.exec_status) for row in with_task} <= {("web", ExecStatus.READY)}
    assert len(found.items) == max(1, count)
    assert [len(call.parameters["tasks"]) for call in aws_demo.calls_of("DescribeTasks")] in (
        ([100, 1], [1, 100]) if count > 100 else ([count],) if count else ([],)
    )
    assert len(aws_demo.calls_of("DescribeTaskDefinition")) == min(1, count)
    assert heard[-1] == (f"1 clusters, {count:,} tasks" if count else "1 clusters")


@pytest.mark.parametrize("count", COUNTS)
def test_every_standalone_task_is_listed_and_a_stopped_one_is_not(aws_demo: DemoAws, aws: Aws, count: int) -> None:
    ecs_tables.add_cluster(HOME, "batch")
    made = ecs_tables.add_tasks(HOME, "batch", count, spec=TaskSpec(family="nightly"))
    ecs_tables.add_tasks(HOME, "batch", 3, spec=TaskSpec(family="nightly", last_status="STOPPED"))
    with_task = [row for row in containers(aws).items if row.task_id]
    assert sorted(row.task_id for row in with_task) == short(made)
    assert {row.service for row in with_task} <= {""}


def test_the_showcase_is_told_with_all_its_reasons(aws_demo: DemoAws, aws: Aws) -> None:
    seed_clusters(HOME)
    rows = containers(aws).items
    verdicts = {(row.cluster, row.service, row.name, row.exec_status, row.reason) for row in rows}
    ready, no = ExecStatus.READY, ExecStatus.NO
    read_only = "its root file system is read-only, and the agent of ECS Exec has to write to it"
    assert verdicts == {
        ("shop-prod", "web", "app", ready, ""),
        ("shop-prod", "web", "envoy", ready, ""),
        ("shop-prod", "api", "app", ready, ""),
        ("shop-prod", "search", "app", ExecStatus.MAY_FAIL, read_only),
        ("shop-prod", "legacy-admin", "", no, "the service legacy-admin has no tasks"),
        ("payments_prod", "ledger", "app", no, "ECS Exec is not enabled on its task"),
        ("payments_prod", "invoices", "app", ready, ""),
        ("payments_prod", "refunds", "app", no, "its ExecuteCommandAgent is PENDING"),
        ("payments_prod", "refunds", "app", no, "its task is PENDING"),
        ("batch", "", "app", ready, ""),
        ("sandbox-empty", "", "", no, "the cluster sandbox-empty has neither services nor tasks"),
    }
    assert {row.launch_type for row in rows if row.service == "api"} == {"EC2"}
    assert {row.service for row in rows if row.is_windows} == {"invoices"}
    assert {row.ports for row in rows if row.service == "web"} == {(8080,), (9901,)}
    assert {row.family for row in rows if row.cluster == "batch"} == {"nightly-report", "reindex"}
    assert all(row.started_at and row.started_at.tzinfo for row in rows if row.exec_status is ready)


@pytest.mark.parametrize("operation", LISTS)
def test_empty_and_short_pages_hide_nothing(aws_demo: DemoAws, aws: Aws, operation: str) -> None:
    for cluster in ecs_tables.add_clusters(HOME, 7):
        name = cluster.rpartition("/")[2]
        ecs_tables.add_services(HOME, name, 7)
        ecs_tables.add_tasks(HOME, name, 7)
    whole = containers(aws)
    aws_demo.faults.empty_pages(operation)
    aws_demo.faults.short_pages(operation, 3)
    before = len(aws_demo.calls_of(operation))
    thin = containers(aws)
    assert sorted(thin.items, key=lambda row: row.id) == sorted(whole.items, key=lambda row: row.id)
    assert len(thin.items) == 7 * 14
    assert len(aws_demo.calls_of(operation)) - before > before


@pytest.mark.parametrize("fault", TROUBLES)
@pytest.mark.parametrize("operation", [*LISTS, "DescribeTasks", "DescribeTaskDefinition"])
def test_trouble_that_passes_costs_nothing(aws_demo: DemoAws, aws: Aws, operation: str, fault: str) -> None:
    ecs_tables.add_cluster(HOME, "shop")
    ecs_tables.add_service(HOME, "shop", "web", tasks=2)
    ecs_tables.add_services(HOME, "shop", 2)
    getattr(aws_demo.faults, fault)(operation)
    found = containers(aws)
    assert (len(found.items), found.problems) == (4, ())


# -- partly or wholly refused -----------------------------------------------------------------------------------------


def denied(action: str) -> str:
    return f"ecs:{action} in us-east-1 is denied for {ARN}"


def fill() -> None:
    """Two clusters with a service of two tasks each, and a service without."""
    for cluster in ("shop", "batch"):
        ecs_tables.add_cluster(HOME, cluster)
        ecs_tables.add_service(HOME, cluster, "web", tasks=2)
        ecs_tables.add_service(HOME, cluster, "admin")


def test_without_listclusters_there_is_no_list(aws_demo: DemoAws, aws: Aws) -> None:
    fill()
    aws_demo.faults.deny("ListClusters")
    with pytest.raises(AccessDenied) as caught:
        containers(aws)
    assert caught.value.action == "ecs:ListClusters"


@pytest.mark.parametrize("operation", ["ListTasks", "DescribeTasks"])
def test_without_tasks_the_services_are_listed_and_nothing_is_called_empty(
    aws_demo: DemoAws, aws: Aws, operation: str
) -> None:
    fill()
    aws_demo.faults.deny(operation)
    found = containers(aws)
    assert sorted((row.cluster, row.service, row.status) for row in found.items) == [
        ("batch", "admin", "unknown"),
        ("batch", "web", "unknown"),
        ("shop", "admin", "unknown"),
        ("shop", "web", "unknown"),
    ]
    assert [(each.where, each.message, each.status) for each in found.problems] == [
        ("us-east-1, 2 clusters", denied(operation), ExitStatus.AWS)
    ]
    assert found.items[0].reason.endswith(denied(operation))


def test_without_services_the_tasks_are_listed_with_their_services(aws_demo: DemoAws, aws: Aws) -> None:
    fill()
    aws_demo.faults.deny("ListServices")
    found = containers(aws)
    assert sorted((row.cluster, row.service) for row in found.items) == [("batch", "web")] * 2 + [("shop", "web")] * 2
    assert [each.message for each in found.problems] == [denied("ListServices")]


def test_without_both_the_clusters_are_listed_and_both_actions_are_named(aws_demo: DemoAws, aws: Aws) -> None:
    fill()
    aws_demo.faults.deny("ListServices")
    aws_demo.faults.deny("ListTasks")
    found = containers(aws)
    assert sorted((row.id, row.status) for row in found.items) == [("batch", "unknown"), ("shop", "unknown")]
    assert sorted(each.message for each in found.problems) == [denied("ListServices"), denied("ListTasks")]


def test_without_definitions_exec_is_judged_by_the_rest_and_one_line_names_the_action(
    aws_demo: DemoAws, aws: Aws
) -> None:
    ecs_tables.add_cluster(HOME, "shop")
    for number in range(40):
        ecs_tables.add_tasks(HOME, "shop", spec=TaskSpec(family=f"f{number}", read_only_root=True))
    aws_demo.faults.deny("DescribeTaskDefinition")
    found = containers(aws)
    assert {row.exec_status for row in found.items} == {ExecStatus.READY}
    assert [(each.where, each.message) for each in found.problems] == [(HOME, denied("DescribeTaskDefinition"))]
    assert len(aws_demo.calls_of("DescribeTaskDefinition")) < 20


def test_an_expired_login_is_an_error_wherever_it_comes(aws_demo: DemoAws, aws: Aws) -> None:
    fill()

    def expire(text: str) -> None:
        if text == "2 clusters":
            aws_demo.faults.expire_credentials()

    with pytest.raises(LoginExpired):
        fetch_containers(aws, HOME, now=START, on_progress=expire)


def test_a_cluster_that_vanishes_is_told_once_and_the_others_are_listed(aws_demo: DemoAws, aws: Aws) -> None:
    fill()

    def delete(text: str) -> None:
        if text == "2 clusters":
            region = ecs_tables.tables.at(HOME)
            for table in (region.clusters, region.services, region.tasks):
                table.pop("batch")

    found = fetch_containers(aws, HOME, now=START, on_progress=delete)
    assert {row.cluster for row in found.items} == {"shop"}
    assert [each.message for each in found.problems] == ["the cluster batch was deleted while it was listed"]


def test_a_task_that_ends_while_it_is_listed_is_simply_gone(aws_demo: DemoAws, aws: Aws) -> None:
    ecs_tables.add_cluster(HOME, "shop")
    ecs_tables.add_service(HOME, "shop", "web", tasks=3)
    region = ecs_tables.tables.at(HOME)
    gone, *others = region.tasks["shop"]
    region.tasks["shop"] = _Forgetful(region.tasks["shop"], gone)
    found = containers(aws)
    assert sorted(row.task_id for row in found.items) == sorted(others)
    assert found.problems == ()
    assert gone in str(aws_demo.calls_of("DescribeTasks")[0].parameters["tasks"])


class _Forgetful(dict[str, Any]):
    """Tasks of which one is listed and, when it is described, no longer there."""

    def __init__(self, tasks: Mapping[str, Any], gone: str) -> None:
        super().__init__(tasks)
        self._gone = gone

    def __contains__(self, key: object) -> bool:
        return key != self._gone and super().__contains__(key)
