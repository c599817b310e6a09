"""ECS answers to containers, rows for what has none, and how they are shown."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ec2menu.errors import AccessDenied
from ec2menu.models import Container, ExecStatus, Style
from ec2menu.resources.ecs import fetch_containers
from ec2menu.resources.ecs_columns import COLUMNS
from ec2menu.resources.ecs_parse import Definition, empty_row, parse_definition, parse_task
from tests.fakes.clock import START
from tests.unit.desk import CannedAws

REGION = "eu-west-1"
ARN = f"arn:aws:ecs:{REGION}:123456789012"
TASK_ID = "0123456789abcdef0123456789abcdef"
AGENT = {"name": "ExecuteCommandAgent", "lastStatus": "RUNNING"}
APP: dict[str, Any] = {
    "name": "app",
    "lastStatus": "RUNNING",
    "image": "app:1",
    "runtimeId": f"{TASK_ID}-12345",
    "networkInterfaces": [{"privateIpv4Address": "10.0.0.9"}],
    "managedAgents": [AGENT],
}
TASK: dict[str, Any] = {
    "taskArn": f"{ARN}:task/shop_prod/{TASK_ID}",
    "clusterArn": f"{ARN}:cluster/shop_prod",
    "taskDefinitionArn": f"{ARN}:task-definition/web:7",
    "group": "service:web",
    "launchType": "FARGATE",
    "lastStatus": "RUNNING",
    "enableExecuteCommand": True,
    "platformFamily": "Linux",
    "startedAt": START - timedelta(hours=2),
    "containers": [APP],
}
DEFINITION = Definition(ports={"app": (8080, 9090)})


def parsed(*, definition: Definition = DEFINITION, **members: Any) -> Container:
    (container,) = parse_task({**TASK, **members}, REGION, definition=definition)
    return container


# -- one task ---------------------------------------------------------------------------------------------------------


def test_a_task_becomes_its_containers_with_every_field() -> None:
    assert parsed() == Container(
        id=f"shop_prod/{TASK_ID}/app",
        region=REGION,
        cluster="shop_prod",
        service="web",
        task_id=TASK_ID,
        name="app",
        family="web",
        status="RUNNING",
        launch_type="FARGATE",
        image="app:1",
        runtime_id=f"{TASK_ID}-12345",
        started_at=START - timedelta(hours=2),
        exec_status=ExecStatus.READY,
        private_ip="10.0.0.9",
        ports=(8080, 9090),
    )


def test_the_target_has_the_cluster_s_name_whatever_is_in_it() -> None:
    assert parsed().ssm_target == f"ecs:shop_prod_{TASK_ID}_{TASK_ID}-12345"


def test_every_container_is_one_row_with_its_own_verdict() -> None:
    sidecar = {"name": "envoy", "lastStatus": "STOPPED"}
    rows = parse_task({**TASK, "containers": [APP, sidecar]}, REGION, definition=DEFINITION)
    assert [(row.name, row.status, row.exec_status) for row in rows] == [
        ("app", "RUNNING", ExecStatus.READY),
        ("envoy", "STOPPED", ExecStatus.NO),
    ]


def test_a_stopped_task_is_not_listed() -> None:
    assert parse_task({**TASK, "lastStatus": "STOPPED"}, REGION, definition=DEFINITION) == []


@pytest.mark.parametrize("containers", [[], None])
def test_a_task_whose_containers_are_not_named_yet_is_one_row(containers: Any) -> None:
    row = parsed(containers=containers, lastStatus="PROVISIONING")
    assert (row.id, row.name, row.status) == (f"shop_prod/{TASK_ID}", "", "PROVISIONING")
    assert row.exec_status is ExecStatus.NO


@pytest.mark.parametrize(
    ("group", "service"), [("service:web", "web"), ("family:web", ""), ("batch", ""), ("", ""), (None, "")]
)
def test_only_a_group_of_a_service_names_one(group: str | None, service: str) -> None:
    assert parsed(group=group).service == service


@pytest.mark.parametrize(
    ("members", "launch_type"),
    [
        ({"launchType": "EC2"}, "EC2"),
        ({"launchType": None, "capacityProviderName": "FARGATE_SPOT"}, "FARGATE_SPOT"),
        ({"launchType": None}, ""),
    ],
)
def test_a_task_of_a_capacity_provider_may_have_no_launch_type(members: dict[str, Any], launch_type: str) -> None:
    assert parsed(**members).launch_type == launch_type


def test_an_address_that_the_container_does_not_have_is_that_of_the_task_s_interface() -> None:
    details = [{"name": "subnetId", "value": "subnet-1"}, {"name": "privateIPv4Address", "value": "10.0.0.7"}]
    row = parsed(containers=[{**APP, "networkInterfaces": []}], attachments=[{"details": details}])
    assert row.private_ip == "10.0.0.7"


@pytest.mark.parametrize(
    ("members", "definition", "is_windows"),
    [
        ({"platformFamily": "Windows Server 2022 Core"}, DEFINITION, True),
        ({"platformFamily": None, "attributes": [{"name": "ecs.os-type", "value": "windows"}]}, DEFINITION, True),
        ({"platformFamily": None}, Definition(is_windows=True), True),
        ({"platformFamily": None, "attributes": [{"name": "ecs.os-type", "value": "linux"}]}, DEFINITION, False),
        ({}, DEFINITION, False),
    ],
)
def test_windows_is_told_by_the_task_or_by_its_definition(
    members: dict[str, Any], definition: Definition, is_windows: bool
) -> None:
    assert parsed(definition=definition, **members).is_windows is is_windows


@pytest.mark.parametrize("task", [{}, {"containers": [{}]}, {"containers": [{"managedAgents": [{}]}]}])
def test_whatever_is_missing_a_row_comes_out(task: dict[str, Any]) -> None:
    (row,) = parse_task(task, REGION, definition=Definition())
    assert row.exec_status is ExecStatus.NO


def test_a_definition_tells_read_only_roots_tcp_ports_and_the_system() -> None:
    found = parse_definition(
        {
            "runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"},
            "containerDefinitions": [
                {"name": "app", "readonlyRootFilesystem": True, "portMappings": [{"containerPort": 80}]},
                {
                    "name": "dns",
                    "readonlyRootFilesystem": False,
                    "portMappings": [
                        {"containerPort": 53, "protocol": "udp"},
                        {"containerPort": 53, "protocol": "tcp"},
                        {"containerPort": 53, "protocol": "tcp", "hostPort": 53},
                        {"containerPortRange": "8000-8010", "protocol": "tcp"},
                    ],
                },
                {"name": "plain"},
            ],
        }
    )
    assert found == Definition(is_windows=True, read_only=frozenset({"app"}), ports={"app": (80,), "dns": (53,)})


@pytest.mark.parametrize("entry", [{}, {"runtimePlatform": None, "containerDefinitions": None}])
def test_a_definition_that_says_nothing_is_linux_without_ports(entry: dict[str, Any]) -> None:
    assert parse_definition(entry) == Definition()


def test_the_parser_hands_all_of_it_to_the_verdict() -> None:
    read_only = Definition(read_only=frozenset({"app"}))
    stopped = {**APP, "managedAgents": [{**AGENT, "lastStatus": "STOPPED", "reason": "no memory"}]}
    other_agent = {**APP, "managedAgents": [{"name": "OtherAgent", "lastStatus": "RUNNING"}]}
    assert parsed(definition=read_only).exec_status is ExecStatus.MAY_FAIL
    assert "not enabled" in parsed(enableExecuteCommand=False).reason
    assert parsed(containers=[stopped]).reason == "its ExecuteCommandAgent is STOPPED (no memory)"
    assert parsed(containers=[other_agent]).reason == "no ExecuteCommandAgent runs in it"
    assert parsed(containers=[{**APP, "runtimeId": None}]).reason == "AWS has not said its runtime id yet"
    assert parsed(lastStatus="DEPROVISIONING").reason == "its task is DEPROVISIONING"


# -- tasks that AWS does not describe ---------------------------------------------------------------------------------


class AnsweringAws(CannedAws):
    """An AWS with one cluster and one task, whose DescribeTasks finds nothing, for a reason."""

    reason = ""

    def call(self, service: str, operation: str, region: str, **_parameters: Any) -> dict[str, Any]:
        return {"tasks": [], "failures": [{"arn": TASK["taskArn"], "reason": self.reason}]}


@pytest.mark.parametrize(
    ("reason", "status", "problems"),
    [
        ("MISSING", "empty", []),
        ("", "empty", []),
        ("ACCESS_DENIED", "unknown", ["ecs:DescribeTasks in eu-west-1 says ACCESS_DENIED of some tasks"]),
    ],
)
def test_a_task_that_is_missing_has_ended_and_any_other_reason_is_told(
    reason: str, status: str, problems: list[str]
) -> None:
    aws = AnsweringAws()
    aws.reason = reason
    aws.lists["ListClusters", ""] = [TASK["clusterArn"]]
    aws.lists["ListTasks", ""] = [TASK["taskArn"]]
    found = fetch_containers(aws, REGION, now=START)
    assert [row.status for row in found.items] == [status]
    assert [each.message for each in found.problems] == problems


# -- rows without a container -----------------------------------------------------------------------------------------


def test_a_service_without_tasks_says_so_and_how_to_see_why() -> None:
    row = empty_row(REGION, "shop", "web")
    assert (row.id, row.service, row.task_id, row.status) == ("shop/web", "web", "", "no tasks")
    assert row.exec_status is ExecStatus.NO
    assert row.reason == "the service web has no tasks"
    assert f"aws ecs describe-services --region {REGION} --cluster shop --services web" in row.fix


def test_an_empty_cluster_says_so() -> None:
    row = empty_row(REGION, "shop")
    assert (row.id, row.status, row.reason) == (
        "shop",
        "empty",
        "the cluster shop has neither services nor tasks",
    )


def test_what_could_not_be_read_is_not_called_empty() -> None:
    row = empty_row(REGION, "shop", "web", error=AccessDenied("ecs:ListTasks is denied", hint="have it allowed"))
    assert (row.status, row.fix) == ("unknown", "have it allowed")
    assert row.reason == "the tasks of the service web could not be read: ecs:ListTasks is denied"


# -- columns ----------------------------------------------------------------------------------------------------------


def cells(row: Container) -> dict[str, str]:
    return {column.key: column.cell(row, START).text for column in COLUMNS}


def test_a_row_shows_where_the_container_is_and_whether_exec_works() -> None:
    assert cells(parsed()) == {
        "cluster": "shop_prod",
        "service": "web",
        "task": TASK_ID,
        "name": "app",
        "exec": "ready",
        "status": "RUNNING",
        "launch": "FARGATE",
        "started": "2h",
        "ip": "10.0.0.9",
        "region": REGION,
        "why": "",
    }


def test_standalone_tasks_and_rows_without_a_task_are_told_apart() -> None:
    assert cells(parsed(group="family:web"))["service"] == "(standalone)"
    assert cells(empty_row(REGION, "shop"))["service"] == ""
    assert cells(empty_row(REGION, "shop", "web"))["name"] == "-"


@pytest.mark.parametrize(
    ("status", "style"), [(ExecStatus.READY, Style.GOOD), (ExecStatus.MAY_FAIL, Style.WARN), (ExecStatus.NO, Style.DIM)]
)
def test_the_verdict_has_a_colour(status: ExecStatus, style: Style) -> None:
    (column,) = (column for column in COLUMNS if column.key == "exec")
    assert column.cell(replace(parsed(), exec_status=status), START).style is style


def test_containers_sort_by_where_they_are_first() -> None:
    (column,) = (column for column in COLUMNS if column.key == "name")
    rows = [
        replace(parsed(), cluster="b", name="a"),
        replace(parsed(), cluster="a", service="z", name="a"),
        replace(parsed(), cluster="a", service="a", name="z"),
    ]
    keys = [str(column.cell(row, START).sort_key) for row in rows]
    assert sorted(keys) == keys[::-1]
