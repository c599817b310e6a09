"""What is said, and checked, before a container is connected to."""

from pathlib import Path
from typing import Any

import pytest

from ec2menu.errors import InvalidInput, TargetUnavailable
from ec2menu.flows.containers import check_container, connect_container, describe_container
from ec2menu.models import Container, ExecStatus
from tests.unit.desk import CannedAws, context_at, sit_down


def container(**members: Any) -> Container:
    fields: dict[str, Any] = {"service": "web", "task_id": "0123456789abcdef", "name": "app"}
    fields |= {"exec_status": ExecStatus.READY, "cluster": "shop", "id": "shop/0123456789abcdef/app"}
    return Container(region="us-east-1", **{**fields, **members})


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "app (web, task 01234567 in shop)"),
        ({"service": ""}, "app (task 01234567 in shop)"),
        ({"name": ""}, "a container (web, task 01234567 in shop)"),
        ({"name": "a\x1b[31mb"}, "a\\x1b[31mb (web, task 01234567 in shop)"),
    ],
)
def test_a_container_is_named_with_where_it_is(members: dict[str, Any], words: str) -> None:
    assert describe_container(container(**members)) == words


@pytest.mark.parametrize("status", [ExecStatus.READY, ExecStatus.MAY_FAIL])
def test_what_may_work_is_tried(status: ExecStatus) -> None:
    check_container(container(exec_status=status, reason="read-only"))


def test_what_cannot_work_is_refused_with_the_reason_and_the_fix() -> None:
    with pytest.raises(TargetUnavailable) as caught:
        check_container(container(exec_status=ExecStatus.NO, reason="not enabled", fix="aws ecs update-service"))
    assert caught.value.message == "cannot connect to app (web, task 01234567 in shop): not enabled"
    assert caught.value.hint == "aws ecs update-service"


def test_a_row_without_a_task_says_what_it_stands_for() -> None:
    row = container(task_id="", name="", exec_status=ExecStatus.NO, reason="the service web has no tasks", fix="look")
    with pytest.raises(TargetUnavailable) as caught:
        check_container(row)
    assert (caught.value.message, caught.value.hint) == ("the service web has no tasks", "look")


def test_without_a_terminal_nothing_is_asked_of_aws(tmp_path: Path) -> None:
    aws = CannedAws()
    with pytest.raises(InvalidInput, match="a shell needs a terminal"):
        connect_container(context_at(sit_down(), aws, tmp_path), container())
    assert aws.asked == []
