"""The calls that follow a command: its nodes' states, one node's output in full, cancelling.

One list call per command and round, its pages of 50 to the end; a call per node only where the list had to cut.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ec2menu.aws.session import Aws
from ec2menu.batch.actions import Cancel, CancelReport, Poll, PollReport, Read, ReadReport, Trouble
from ec2menu.batch.send import PAGE_SIZE, trouble_of
from ec2menu.batch.status import Row, parse_invocation
from ec2menu.batch.streams import parse_result
from ec2menu.errors import Ec2MenuError

_OPEN_COMMAND = frozenset({"Pending", "InProgress", "Cancelling", "Delayed"})


def poll(aws: Aws, action: Poll) -> PollReport:
    """Return the nodes of a command as they are now (SSM ListCommandInvocations with Details).

    Rows of nodes that are settled already come without output, so that a poll holds no more than is new.
    """

    def parse(entry: Mapping[str, Any]) -> Iterator[Row]:
        yield parse_invocation(entry, with_output=str(entry.get("InstanceId")) not in action.settled)

    region = action.order.region
    try:
        rows = aws.list_all(
            "ssm",
            "ListCommandInvocations",
            region,
            key="CommandInvocations",
            parse=parse,
            page_size=PAGE_SIZE,
            CommandId=action.command_id,
            Details=True,
        )
    except Ec2MenuError as error:
        return PollReport(trouble=trouble_of(error), message=error.message)
    return _with_count(aws, action, tuple(rows)) if action.with_total else PollReport(rows=tuple(rows))


def cancel(aws: Aws, action: Cancel) -> CancelReport:
    """Have SSM cancel a command where it has not ended, or on some nodes (SSM CancelCommand; no guarantee is given)."""
    some: dict[str, Any] = {"InstanceIds": list(action.node_ids)} if action.node_ids else {}
    try:
        aws.call("ssm", "CancelCommand", action.order.region, CommandId=action.command_id, **some)
    except Ec2MenuError as error:
        return CancelReport(trouble=trouble_of(error), message=error.message)
    return CancelReport()


def read(aws: Aws, action: Read) -> ReadReport:
    """Return one node's output (SSM GetCommandInvocation: 24,000 characters of stdout, 8,000 of stderr)."""
    try:
        answer = aws.call(
            "ssm",
            "GetCommandInvocation",
            action.order.region,
            key="StandardOutputContent",
            CommandId=action.command_id,
            InstanceId=action.node_id,
        )
    except Ec2MenuError as error:
        return ReadReport(trouble=trouble_of(error), message=f"its output could not be read: {error.message}")
    return ReadReport(streams=parse_result(answer))


def _with_count(aws: Aws, action: Poll, rows: tuple[Row, ...]) -> PollReport:
    """Return the rows with the command's own count, or, where that cannot be had, with the reason."""
    try:
        total, is_over = _count(aws, action)
    except Ec2MenuError as error:
        trouble = trouble_of(error)
        if trouble is Trouble.NEEDS_LOGIN:
            return PollReport(trouble=trouble, message=error.message)
        return PollReport(rows=rows, uncounted=trouble, message=error.message)
    return PollReport(rows=rows, total=total, is_over=is_over)


def _count(aws: Aws, action: Poll) -> tuple[int | None, bool]:
    """Return how many nodes a command of a tag has, and whether it is over (SSM ListCommands)."""
    answer = aws.call("ssm", "ListCommands", action.order.region, key="Commands", CommandId=action.command_id)
    for entry in answer["Commands"]:
        return int(entry.get("TargetCount", 0)), str(entry.get("Status", "Pending")) not in _OPEN_COMMAND
    return None, False
