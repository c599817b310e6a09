"""Every operation that the product calls is answered by the demo on its showcase fleet, one call each."""

from collections.abc import Callable
from typing import Any

import pytest

from ec2menu.aws.trim import USED
from ec2menu.demo import commands, ecs_tables
from ec2menu.demo.account import HOME_REGION as REGION
from ec2menu.demo.rds_fleet import CRM_SECRET
from ec2menu.demo.server import DemoAws
from tests.cloud.conftest import Client
from tests.cloud.test_demo_ec2 import instances_in

OPERATIONS = sorted((service, operation) for service, used in USED.items() for operation in used.operations)
Request = dict[str, Any]


def nothing(_client: Client) -> Request:
    return {}


def named(client: Client, name: str) -> str:
    filters = [{"Name": "tag:Name", "Values": [name]}]
    return str(instances_in(client("ec2").describe_instances(Filters=filters))[0]["InstanceId"])


def sent_command(client: Client) -> Request:
    commands.simulation().visible_after_seconds = 0
    commands.simulation().listed_after_seconds = 0
    node = named(client, "web-1")
    ssm = client("ssm")
    command = ssm.send_command(
        InstanceIds=[node], DocumentName="AWS-RunShellScript", Parameters={"commands": ["uptime"]}
    )["Command"]
    return {"CommandId": command["CommandId"], "InstanceId": node}


def running_task(client: Client) -> Request:
    (task,) = client("ecs").list_tasks(cluster="shop-prod", serviceName="search")["taskArns"]
    return {"cluster": "shop-prod", "task": task}


REQUESTS: dict[str, Callable[[Client], Request]] = {
    "DescribeSubnets": lambda client: {
        "SubnetIds": client("elasticache").describe_serverless_caches()["ServerlessCaches"][0]["SubnetIds"]
    },
    "StartInstances": lambda client: {"InstanceIds": [named(client, "jump-old")]},
    "CancelCommand": lambda client: {"CommandId": sent_command(client)["CommandId"]},
    "GetCommandInvocation": sent_command,
    "ListCommandInvocations": lambda client: {"CommandId": sent_command(client)["CommandId"]},
    "ListCommands": lambda client: {"CommandId": sent_command(client)["CommandId"]},
    "SendCommand": lambda client: {
        "InstanceIds": [named(client, "web-1")],
        "DocumentName": "AWS-RunShellScript",
        "Parameters": {"commands": ["uptime"]},
    },
    "StartSession": lambda client: {"Target": named(client, "web-1")},
    "TerminateSession": lambda client: {
        "SessionId": client("ssm").start_session(Target=named(client, "web-1"))["SessionId"]
    },
    "DescribeTaskDefinition": lambda _: {"taskDefinition": "shop-web"},
    "DescribeTasks": lambda client: {"cluster": "shop-prod", "tasks": [running_task(client)["task"]]},
    "ExecuteCommand": lambda client: {**running_task(client), "command": "/bin/sh", "interactive": True},
    "ListServices": lambda _: {"cluster": "shop-prod", "maxResults": 100},
    "ListTasks": lambda _: {"cluster": "shop-prod", "maxResults": 100},
    "GetSecretValue": lambda _: {"SecretId": CRM_SECRET},
}
ANSWERED_WITH_NOTHING = {"CancelCommand"}


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_an_operation_that_is_used_is_answered(aws_demo: DemoAws, client: Client, service: str, operation: str) -> None:
    aws_demo.seed_fleet()
    request = REQUESTS.get(operation, nothing)(client)
    asked = client(service)
    methods = {api: method for method, api in asked.meta.method_to_api_mapping.items()}
    answer = getattr(asked, methods[operation])(**request)
    told = {key for key, value in answer.items() if key != "ResponseMetadata" and value}
    assert bool(told) is (operation not in ANSWERED_WITH_NOTHING)
    assert aws_demo.calls_of(operation, REGION)


def test_pending_tasks_are_listed_with_the_running_ones(aws_demo: DemoAws, client: Client) -> None:
    aws_demo.seed_fleet()
    ecs = client("ecs")
    listed = ecs.list_tasks(cluster="payments_prod")["taskArns"]
    statuses = {each["lastStatus"] for each in ecs.describe_tasks(cluster="payments_prod", tasks=listed)["tasks"]}
    assert statuses == {"RUNNING", "PENDING"}
    assert len(listed) == len(ecs_tables.tables.at(REGION).tasks["payments_prod"])
