"""SendCommand, once, and what to make of its failure; and finding a command again whose reply was lost.

Calls only; who is sent to, and what follows, others decide. Facts: Run Command.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ec2menu.aws.fate import SendFate
from ec2menu.aws.sending import fate_of, text_of
from ec2menu.aws.session import Aws
from ec2menu.batch.actions import LookupReport, Order, SendReport, Trouble
from ec2menu.batch.nouns import BatchPlan, CommandSpec
from ec2menu.errors import AccessDenied, CredentialsError, Ec2MenuError, Throttled

# AWS refuses signatures of a clock that is off by more, so no command of ours can look older.
CLOCK_SKEW_SECONDS = 300
PAGE_SIZE = 50
_NODE_ID = re.compile(r"\bm?i-[0-9a-f]{8,17}\b")


def send(aws: Aws, order: Order, plan: BatchPlan) -> SendReport:
    """Send the order (SSM SendCommand), a single time whatever happens."""
    request = _request(order, plan)
    try:
        answer = aws.call("ssm", "SendCommand", order.region, once=True, key="Command", **request)
        command_id = str(answer["Command"]["CommandId"])
    except Ec2MenuError as error:
        return SendReport(
            fate=fate_of(error),
            code=str(getattr(error, "code", "")),
            message=error.message,
            bad_ids=frozenset(_NODE_ID.findall(text_of(error))) & frozenset(order.node_ids),
        )
    except (KeyError, TypeError):
        return SendReport(fate=SendFate.UNCLEAR, message="the reply to SendCommand was not whole")
    return SendReport(command_id=command_id)


def look_up(aws: Aws, order: Order, run_id: str, *, sent_after: datetime) -> LookupReport:
    """Look for the order's command by its Comment (SSM ListCommands, from a while before `sent_after` on)."""
    since = (sent_after - timedelta(seconds=CLOCK_SKEW_SECONDS)).astimezone(UTC)
    comment = order.comment(run_id)

    def ours(entry: Mapping[str, Any]) -> Iterator[str]:
        if entry.get("Comment") == comment:
            yield str(entry["CommandId"])

    filters = [
        {"key": "InvokedAfter", "value": f"{since:%Y-%m-%dT%H:%M:%SZ}"},
        {"key": "DocumentName", "value": order.document},
    ]
    try:
        found = aws.list_all(
            "ssm", "ListCommands", order.region, key="Commands", parse=ours, page_size=PAGE_SIZE, Filters=filters
        )
    except Ec2MenuError as error:
        return LookupReport(trouble=trouble_of(error), message=error.message)
    return LookupReport(command_id=found[0] if found else "")


def trouble_of(error: Ec2MenuError) -> Trouble:
    """Say why a call that only reads, or may be repeated, did not answer."""
    kinds = ((Throttled, Trouble.THROTTLED), (CredentialsError, Trouble.NEEDS_LOGIN), (AccessDenied, Trouble.DENIED))
    return next((trouble for kind, trouble in kinds if isinstance(error, kind)), Trouble.OTHER)


def _request(order: Order, plan: BatchPlan) -> dict[str, Any]:
    spec = plan.spec
    request: dict[str, Any] = {
        "DocumentName": order.document,
        "Comment": order.comment(plan.run_id),
        "Parameters": {"commands": list(spec.lines), "executionTimeout": [str(spec.execution_seconds)]},
        "TimeoutSeconds": order.timeout_seconds,
        "MaxConcurrency": str(order.share),
        "MaxErrors": order.max_errors,
    }
    if order.tag is None:
        request["InstanceIds"] = list(order.node_ids)
    else:
        request["Targets"] = [{"Key": f"tag:{order.tag.key}", "Values": [order.tag.value]}]
    return request | _sink(spec, plan.run_id)


def _sink(spec: CommandSpec, run_id: str) -> dict[str, str]:
    if not spec.output_s3:
        return {}
    bucket, prefix = s3_place(spec, run_id)
    return {"OutputS3BucketName": bucket, "OutputS3KeyPrefix": prefix}


def s3_place(spec: CommandSpec, run_id: str) -> tuple[str, str]:
    """Return the bucket and the key prefix of a run's full output."""
    bucket, _, prefix = spec.output_s3.partition("/")
    return bucket, "/".join(filter(None, (prefix.strip("/"), run_id)))
