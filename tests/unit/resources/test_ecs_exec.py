"""The verdict on exec: every reason why not, with what to type."""

from typing import Any

import pytest

from ec2menu.models import Container, ExecStatus
from ec2menu.resources.ecs_exec import ExecFacts, judge_exec

REGION = "eu-west-1"
ROLE = (
    "its task role needs ssmmessages:CreateControlChannel, ssmmessages:CreateDataChannel, "
    "ssmmessages:OpenControlChannel and ssmmessages:OpenDataChannel"
)
AGENT_NEEDS = "Fargate needs platform version 1.4.0, an EC2 host needs ECS agent 1.50.2"
UPDATE = f"aws ecs update-service --region {REGION} --cluster shop_prod --service web"
RUN = f"aws ecs run-task --region {REGION} --cluster shop_prod --task-definition web"


def container(**members: Any) -> Container:
    fields: dict[str, Any] = {"id": "x", "region": REGION, "cluster": "shop_prod", "service": "web", "family": "web"}
    fields |= {"task_id": "t1", "name": "app", "status": "RUNNING", "runtime_id": "r-1"}
    return Container(**{**fields, **members})


def facts(**members: Any) -> ExecFacts:
    return ExecFacts(**{"enabled": True, "task_status": "RUNNING", "agent_status": "RUNNING", **members})


def test_exec_is_ready_where_nothing_stands_in_the_way() -> None:
    found = judge_exec(container(reason="old", fix="old"), facts())
    assert (found.exec_status, found.reason, found.fix) == (ExecStatus.READY, "", "")


def test_a_service_without_exec_gets_the_exact_command_that_enables_it() -> None:
    found = judge_exec(container(), facts(enabled=False))
    assert found.exec_status is ExecStatus.NO
    assert found.reason == "ECS Exec is not enabled on its task"
    assert found.fix == (f"{UPDATE} --enable-execute-command --force-new-deployment (only new tasks get it; {ROLE})")


def test_a_standalone_task_without_exec_gets_the_command_that_starts_a_new_one() -> None:
    found = judge_exec(container(service=""), facts(enabled=False))
    assert found.fix.startswith(f"{RUN} --enable-execute-command and the options it was started with (")
    assert ROLE in found.fix


@pytest.mark.parametrize(
    ("members", "more", "reason", "fix"),
    [
        ({}, {"task_status": "PENDING"}, "its task is PENDING", "wait until it runs, then list it again"),
        ({}, {"task_status": "DEACTIVATING"}, "its task is DEACTIVATING", ""),
        ({"status": "PENDING"}, {}, "the container is PENDING", "wait until it runs, then list it again"),
        ({"status": "STOPPED"}, {}, "the container is STOPPED", ""),
        (
            {},
            {"agent_status": "PENDING"},
            "its ExecuteCommandAgent is PENDING",
            "wait a moment, then list it again",
        ),
        (
            {},
            {"agent_status": "STOPPED", "agent_reason": "Essential agent exited"},
            "its ExecuteCommandAgent is STOPPED (Essential agent exited)",
            f"{UPDATE} --force-new-deployment; {ROLE}, and its subnet must reach ssmmessages",
        ),
        (
            {"service": ""},
            {"agent_status": ""},
            "no ExecuteCommandAgent runs in it",
            f"{AGENT_NEEDS}; then {RUN} --enable-execute-command",
        ),
        ({"runtime_id": ""}, {}, "AWS has not said its runtime id yet", "wait a moment, then list it again"),
    ],
)
def test_each_obstacle_is_named_with_what_to_do(
    members: dict[str, Any], more: dict[str, Any], reason: str, fix: str
) -> None:
    found = judge_exec(container(**members), facts(**more))
    assert (found.exec_status, found.reason, found.fix) == (ExecStatus.NO, reason, fix)


def test_a_read_only_root_may_fail_and_says_which_definition_to_change() -> None:
    found = judge_exec(container(family="search"), facts(has_read_only_root=True))
    assert found.exec_status is ExecStatus.MAY_FAIL
    assert "read-only" in found.reason
    assert found.fix.startswith("set readonlyRootFilesystem to false in the task definition search")


def test_what_stands_in_the_way_for_sure_is_told_before_what_may_fail() -> None:
    found = judge_exec(container(), facts(enabled=False, has_read_only_root=True))
    assert found.exec_status is ExecStatus.NO


def test_names_in_a_command_to_copy_are_safe_for_the_shell() -> None:
    found = judge_exec(container(service="a b; rm -rf ~"), facts(enabled=False))
    assert "--service 'a b; rm -rf ~' --enable" in found.fix
