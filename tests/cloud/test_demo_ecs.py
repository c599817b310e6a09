"""ECS of the demo by real boto3: paging, limits, failures, and where exec works."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from ec2menu.demo import ecs, ecs_tables
from ec2menu.demo.ecs_tables import TaskSpec
from ec2menu.demo.server import DemoAws
from tests.cloud.conftest import Client

REGION = "us-east-1"
SHELL: dict[str, Any] = {"command": "/bin/sh", "interactive": True}


@pytest.fixture
def ecs_client(client: Client) -> Any:
    ecs_tables.add_cluster(REGION, "shop")
    return client("ecs")


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def tasks(ecs_client: Any, **request: Any) -> list[str]:
    pages = ecs_client.get_paginator("list_tasks").paginate(cluster="shop", **request)
    return [arn for page in pages for arn in page["taskArns"]]


@pytest.mark.parametrize("count", [0, 1, 10, 11, 50, 51, 100, 101])
def test_clusters_are_listed_over_any_number_of_pages(client: Client, count: int) -> None:
    arns = ecs_tables.add_clusters(REGION, count)
    pages = [page["clusterArns"] for page in client("ecs").get_paginator("list_clusters").paginate()]
    assert [arn for page in pages for arn in page] == arns
    assert [len(page) for page in pages] == ([count] if count <= 100 else [100, 1])


@pytest.mark.parametrize("count", [0, 1, 10, 11, 50, 51, 100, 101])
def test_services_come_ten_to_a_page_unless_asked_otherwise(ecs_client: Any, count: int) -> None:
    arns = ecs_tables.add_services(REGION, "shop", count)
    pages = [page["serviceArns"] for page in ecs_client.get_paginator("list_services").paginate(cluster="shop")]
    assert [arn for page in pages for arn in page] == arns
    assert [len(page) for page in pages] == [10] * (count // 10) + [count % 10] * (count % 10 > 0 or count == 0)
    assert len(ecs_client.list_services(cluster="shop", maxResults=100)["serviceArns"]) == min(count, 100)


@pytest.mark.parametrize("count", [0, 1, 10, 11, 50, 51, 100, 101])
def test_tasks_are_listed_over_any_number_of_pages(ecs_client: Any, count: int) -> None:
    arns = ecs_tables.add_tasks(REGION, "shop", count)
    assert tasks(ecs_client) == arns
    assert len(ecs_client.list_tasks(cluster="shop")["taskArns"]) == min(count, 100)


@pytest.mark.parametrize("operation", ["list_clusters", "list_services", "list_tasks"])
@pytest.mark.parametrize("request_", [{"maxResults": 0}, {"maxResults": 101}, {"nextToken": "x"}], ids=str)
def test_a_page_size_outside_1_to_100_and_a_foreign_token_are_refused(
    ecs_client: Any, operation: str, request_: dict[str, Any]
) -> None:
    where = {} if operation == "list_clusters" else {"cluster": "shop"}
    assert refusal(getattr(ecs_client, operation), **where, **request_)[0] == "InvalidParameterException"


def test_describe_calls_take_so_many_and_no_more(ecs_client: Any) -> None:
    services = ecs_tables.add_services(REGION, "shop", 11)
    many = ecs_tables.add_tasks(REGION, "shop", 101)
    clusters = ["shop", *ecs_tables.add_clusters(REGION, 100)]
    assert len(ecs_client.describe_services(cluster="shop", services=services[:10])["services"]) == 10
    assert len(ecs_client.describe_tasks(cluster="shop", tasks=many[:100])["tasks"]) == 100
    assert len(ecs_client.describe_clusters(clusters=clusters[:100])["clusters"]) == 100
    for call, request in (
        (ecs_client.describe_services, {"cluster": "shop", "services": services}),
        (ecs_client.describe_services, {"cluster": "shop", "services": []}),
        (ecs_client.describe_tasks, {"cluster": "shop", "tasks": many}),
        (ecs_client.describe_tasks, {"cluster": "shop", "tasks": []}),
        (ecs_client.describe_clusters, {"clusters": clusters}),
    ):
        assert refusal(call, **request)[0] == "InvalidParameterException"


def test_what_is_missing_comes_back_as_a_failure_and_not_as_an_error(ecs_client: Any) -> None:
    for answer, arn in (
        (ecs_client.describe_clusters(clusters=["nope"]), "cluster/nope"),
        (ecs_client.describe_services(cluster="shop", services=["nope"]), "service/shop/nope"),
        (ecs_client.describe_tasks(cluster="shop", tasks=["0" * 32]), f"task/shop/{'0' * 32}"),
    ):
        assert answer["failures"] == [{"arn": f"arn:aws:ecs:{REGION}:123456789012:{arn}", "reason": "MISSING"}]


def test_an_unknown_cluster_is_an_error_except_to_describe_clusters(ecs_client: Any) -> None:
    for call, request in (
        (ecs_client.list_services, {}),
        (ecs_client.list_tasks, {}),
        (ecs_client.describe_services, {"services": ["web"]}),
        (ecs_client.describe_tasks, {"tasks": ["0" * 32]}),
        (ecs_client.execute_command, {"task": "0" * 32, **SHELL}),
    ):
        assert refusal(call, cluster="nope", **request) == ("ClusterNotFoundException", "Cluster not found.")
        assert refusal(call, **request)[0] == "ClusterNotFoundException"


def test_tasks_are_narrowed_by_each_filter(ecs_client: Any) -> None:
    ecs_tables.add_service(REGION, "shop", "web", tasks=1)
    on_ec2 = ecs_tables.add_tasks(REGION, "shop", spec=TaskSpec(family="job", launch_type="EC2", started_by="me"))
    stopped = ecs_tables.add_tasks(REGION, "shop", spec=TaskSpec(family="job", last_status="STOPPED"))
    (web,) = tasks(ecs_client, serviceName="web")
    (described,) = ecs_client.describe_tasks(cluster="shop", tasks=on_ec2)["tasks"]
    narrowed: list[tuple[dict[str, str], list[str]]] = [
        ({}, [web, *on_ec2]),
        ({"desiredStatus": "RUNNING"}, [web, *on_ec2]),
        ({"desiredStatus": "STOPPED"}, stopped),
        ({"desiredStatus": "PENDING"}, []),
        ({"family": "job"}, on_ec2),
        ({"family": "jo"}, []),
        ({"launchType": "FARGATE"}, [web]),
        ({"startedBy": "me"}, on_ec2),
        ({"containerInstance": described["containerInstanceArn"]}, on_ec2),
        ({"containerInstance": described["containerInstanceArn"].rpartition("/")[2]}, on_ec2),
    ]
    for request, expected in narrowed:
        assert tasks(ecs_client, **request) == expected
    assert refusal(ecs_client.list_tasks, cluster="shop", serviceName="nope")[0] == "ServiceNotFoundException"


def test_services_are_narrowed_by_launch_type_and_strategy(ecs_client: Any) -> None:
    web = ecs_tables.add_service(REGION, "shop", "web")
    api = ecs_tables.add_service(REGION, "shop", "api", spec=TaskSpec(family="api", launch_type="EC2"))
    for request, expected in (
        ({"launchType": "EC2"}, [api]),
        ({"launchType": "FARGATE"}, [web]),
        ({"schedulingStrategy": "REPLICA"}, [web, api]),
        ({"schedulingStrategy": "DAEMON"}, []),
    ):
        assert ecs_client.list_services(cluster="shop", **request)["serviceArns"] == expected


def test_counts_follow_the_tasks(ecs_client: Any) -> None:
    ecs_tables.add_service(REGION, "shop", "web", tasks=2)
    ecs_tables.add_service(REGION, "shop", "idle", desired=0)
    ecs_tables.add_tasks(REGION, "shop", spec=TaskSpec(service="web", last_status="PENDING"))
    (shop,) = ecs_client.describe_clusters(clusters=["shop"])["clusters"]
    counts = (shop["activeServicesCount"], shop["runningTasksCount"], shop["pendingTasksCount"])
    assert counts == (2, 2, 1)
    web, idle = ecs_client.describe_services(cluster="shop", services=["web", "idle"])["services"]
    assert (web["desiredCount"], web["runningCount"], web["pendingCount"]) == (2, 2, 1)
    assert (idle["desiredCount"], idle["runningCount"]) == (0, 0)


def test_tags_come_only_when_asked_for(ecs_client: Any) -> None:
    assert "tags" not in ecs_client.describe_clusters(clusters=["shop"])["clusters"][0]
    assert ecs_client.describe_clusters(clusters=["shop"], include=["TAGS"])["clusters"][0]["tags"] == []


def test_a_running_task_shows_what_exec_needs_and_a_pending_one_does_not(ecs_client: Any) -> None:
    fargate = ecs_tables.add_tasks(REGION, "shop", spec=TaskSpec(family="web", containers=("app", "envoy")))
    on_ec2 = ecs_tables.add_tasks(REGION, "shop", spec=TaskSpec(family="api", launch_type="EC2"))
    pending = ecs_tables.add_tasks(REGION, "shop", spec=TaskSpec(last_status="PENDING"))
    one, two, three = ecs_client.describe_tasks(cluster="shop", tasks=fargate + on_ec2 + pending)["tasks"]
    assert [each["name"] for each in one["containers"]] == ["app", "envoy"]
    task_id = fargate[0].rpartition("/")[2]
    assert all(each["runtimeId"].startswith(f"{task_id}-") for each in one["containers"])
    assert one["containers"][0]["managedAgents"] == [{"name": "ExecuteCommandAgent", "lastStatus": "RUNNING"}]
    assert (one["launchType"], two["launchType"]) == ("FARGATE", "EC2")
    assert len(two["containers"][0]["runtimeId"]) == 64
    assert ("containerInstanceArn" in one, "containerInstanceArn" in two) == (False, True)
    assert (three["lastStatus"], "runtimeId" in three["containers"][0]) == ("PENDING", False)


@pytest.mark.parametrize("read_only", [True, False])
def test_the_task_definition_tells_a_read_only_root_file_system(ecs_client: Any, read_only: bool) -> None:
    arns = ecs_tables.add_tasks(REGION, "shop", spec=TaskSpec(family="frozen", read_only_root=read_only))
    (task,) = ecs_client.describe_tasks(cluster="shop", tasks=arns)["tasks"]
    definition = ecs_client.describe_task_definition(taskDefinition=task["taskDefinitionArn"])["taskDefinition"]
    assert definition["containerDefinitions"][0]["readonlyRootFilesystem"] is read_only


def test_exec_answers_with_a_session_of_session_manager(ecs_client: Any, aws_demo: DemoAws, client: Client) -> None:
    (arn,) = ecs_tables.add_tasks(REGION, "shop", spec=TaskSpec(containers=("app", "envoy")))
    answer = ecs_client.execute_command(cluster="shop", task=arn, container="envoy", **SHELL)
    assert sorted(answer["session"]) == ["sessionId", "streamUrl", "tokenValue"]
    assert (answer["containerName"], answer["interactive"], answer["taskArn"]) == ("envoy", True, arn)
    (session,) = aws_demo.sessions(REGION)
    task_id = arn.rpartition("/")[2]
    assert session.id == answer["session"]["sessionId"]
    assert session.target.startswith(f"ecs:shop_{task_id}_{task_id}-")
    client("ssm").terminate_session(SessionId=session.id)
    assert not aws_demo.sessions(REGION)[0].is_active


def test_a_single_container_needs_no_name(ecs_client: Any) -> None:
    (arn,) = ecs_tables.add_tasks(REGION, "shop")
    answer = ecs_client.execute_command(cluster="shop", task=arn.rpartition("/")[2], **SHELL)
    assert answer["containerName"] == "app"


@pytest.mark.parametrize(
    "spec",
    [
        TaskSpec(exec_enabled=False),
        TaskSpec(agent_status="PENDING"),
        TaskSpec(last_status="PENDING"),
        TaskSpec(last_status="STOPPED"),
    ],
    ids=["disabled", "agent starting", "task starting", "task stopped"],
)
def test_exec_is_refused_where_it_was_not_enabled_or_its_agent_is_not_running(ecs_client: Any, spec: TaskSpec) -> None:
    (arn,) = ecs_tables.add_tasks(REGION, "shop", spec=spec)
    code, text = refusal(ecs_client.execute_command, cluster="shop", task=arn, **SHELL)
    assert code == "InvalidParameterException"
    assert text.startswith("The execute command failed because execute command was not enabled when the task was run")


def test_exec_needs_a_known_task_a_known_container_and_interaction(ecs_client: Any) -> None:
    (arn,) = ecs_tables.add_tasks(REGION, "shop", spec=TaskSpec(containers=("app", "envoy")))
    good: dict[str, Any] = {"cluster": "shop", "task": arn, "container": "app", **SHELL}
    for change, word in (
        ({"interactive": False}, "Interactive"),
        ({"task": "0" * 32}, "task"),
        ({"container": "db"}, "container"),
    ):
        code, text = refusal(ecs_client.execute_command, **(good | change))
        assert (code, word in text) == ("InvalidParameterException", True)
    del good["container"]
    assert refusal(ecs_client.execute_command, **good)[0] == "InvalidParameterException"


def test_a_container_that_is_cut_off_is_not_connected(ecs_client: Any, aws_demo: DemoAws) -> None:
    (arn,) = ecs_tables.add_tasks(REGION, "shop")
    (task,) = ecs_client.describe_tasks(cluster="shop", tasks=[arn])["tasks"]
    ecs_tables.cut_off(REGION, task["containers"][0]["containerArn"])
    code, _ = refusal(ecs_client.execute_command, cluster="shop", task=arn, **SHELL)
    assert (code, aws_demo.sessions(REGION)) == ("TargetNotConnectedException", [])


def test_what_a_client_creates_is_answered_with_the_demo_s_own(ecs_client: Any) -> None:
    mine = ecs_client.create_cluster(clusterName="mine")["cluster"]["clusterArn"]
    ecs_client.register_task_definition(family="f", containerDefinitions=[{"name": "a", "image": "i", "memory": 64}])
    service = ecs_client.create_service(cluster="mine", serviceName="s", taskDefinition="f", desiredCount=0)["service"]
    assert mine in ecs_client.list_clusters()["clusterArns"]
    found = ecs_client.describe_clusters(clusters=["mine", "shop", "nope"])
    assert ([each["clusterName"] for each in found["clusters"]], len(found["failures"])) == (["shop", "mine"], 1)
    assert ecs_client.list_services(cluster="mine")["serviceArns"] == [service["serviceArn"]]
    described = ecs_client.describe_services(cluster="mine", services=["s", "nope"])
    assert ([each["serviceName"] for each in described["services"]], len(described["failures"])) == (["s"], 1)
    assert ecs_client.list_tasks(cluster="mine")["taskArns"] == []
    assert ecs_client.describe_tasks(cluster="mine", tasks=["0" * 32])["failures"][0]["reason"] == "MISSING"


def test_the_showcase_has_each_case_once(client: Client) -> None:
    ecs.seed(REGION)
    seeded = client("ecs")
    assert [arn.rpartition("/")[2] for arn in seeded.list_clusters()["clusterArns"]] == [
        "shop-prod",
        "payments_prod",
        "batch",
        "sandbox-empty",
    ]
    assert seeded.list_tasks(cluster="shop-prod", serviceName="legacy-admin")["taskArns"] == []
    assert seeded.list_services(cluster="batch")["serviceArns"] == []
    assert len(seeded.list_tasks(cluster="batch")["taskArns"]) == 3
    assert len(seeded.list_tasks(cluster="batch", desiredStatus="STOPPED")["taskArns"]) == 1
    (cut,) = seeded.list_tasks(cluster="batch", family="reindex")["taskArns"]
    assert refusal(seeded.execute_command, cluster="batch", task=cut, **SHELL)[0] == "TargetNotConnectedException"
