"""How SSM writes down the state of a command: the dictionaries that the Run Command actions answer with.

Output is cut the way the agent cuts it. Only shapes: nothing here changes a command, and nothing here knows of HTTP.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ec2menu.demo.command_rules import PLUGIN_OF_DOCUMENT, Order
from ec2menu.demo.invocations import STATUS_OF_DETAILS, CommandRun, Invocation, Outcome

STDOUT_BYTES = 24000
STDERR_BYTES = 8000
LIST_OUTPUT_BYTES = 2500
OUTPUT_TRUNCATED = "--output truncated--"
LIST_OUTPUT_TRUNCATED = "\n---Output truncated---"
LIST_ERROR_TRUNCATED = "\n---Error truncated----"
ERROR_TITLE = "\n----------ERROR-------\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRecord:
    """A command that SSM has accepted.

    Before `visible_at` the service does not know its invocations when asked, before `listed_at` not the command
    itself; both are simulated seconds.
    """

    id: str
    region: str
    order: Order
    run: CommandRun
    sent: datetime
    visible_at: float
    listed_at: float

    def wall(self, moment: float) -> datetime:
        """Turn simulated seconds into the time of day."""
        return self.sent + timedelta(seconds=moment - self.run.sent_at)


def command_answer(record: CommandRecord, *, details: str | None = None) -> dict[str, Any]:
    """Return the Command structure; `details` overrides the StatusDetails (SendCommand always says Pending)."""
    order, run = record.order, record.run
    shown = details or run.status_details()
    each = [invocation.details for invocation in run.invocations.values()]
    return {
        "CommandId": record.id,
        "DocumentName": order.document,
        "DocumentVersion": "$DEFAULT",
        "Comment": order.comment,
        "ExpiresAfter": record.wall(run.expires_at),
        "Parameters": order.parameters,
        "InstanceIds": list(order.instance_ids),
        "Targets": list(order.targets),
        "RequestedDateTime": record.sent,
        "Status": STATUS_OF_DETAILS[shown],
        "StatusDetails": shown,
        "OutputS3BucketName": "",
        "OutputS3KeyPrefix": "",
        "MaxConcurrency": order.max_concurrency,
        "MaxErrors": order.max_errors,
        "TargetCount": len(each),
        "CompletedCount": run.completed_count,
        "ErrorCount": run.error_count,
        "DeliveryTimedOutCount": each.count("DeliveryTimedOut"),
        "ServiceRole": "",
        "TimeoutSeconds": order.timeout_seconds,
        **order.sinks,
    }


def invocation_answer(record: CommandRecord, invocation: Invocation, *, with_output: bool) -> dict[str, Any]:
    """Return the CommandInvocation structure; `with_output` is ListCommandInvocations' Details."""
    return {
        "CommandId": record.id,
        "InstanceId": invocation.target.id,
        "InstanceName": invocation.target.computer_name,
        "Comment": record.order.comment,
        "DocumentName": record.order.document,
        "DocumentVersion": "$DEFAULT",
        "RequestedDateTime": record.sent,
        "Status": invocation.status,
        "StatusDetails": invocation.details,
        "TraceOutput": "",
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "CommandPlugins": [_plugin(record, invocation)] if with_output else [],
        "ServiceRole": "",
    }


def result_answer(record: CommandRecord, invocation: Invocation) -> dict[str, Any]:
    """Return the answer of GetCommandInvocation."""
    outcome = _shown_outcome(invocation)
    started, ended = _times(record, invocation)
    elapsed = f"PT{(ended - started).total_seconds():.3f}S" if started and ended else ""
    return {
        "CommandId": record.id,
        "InstanceId": invocation.target.id,
        "Comment": record.order.comment,
        "DocumentName": record.order.document,
        "DocumentVersion": "$DEFAULT",
        "PluginName": PLUGIN_OF_DOCUMENT[record.order.document],
        "ResponseCode": invocation.exit_code,
        "ExecutionStartDateTime": _iso(started),
        "ExecutionElapsedTime": elapsed,
        "ExecutionEndDateTime": _iso(ended),
        "Status": invocation.status,
        "StatusDetails": invocation.details,
        "StandardOutputContent": _first_part(outcome.stdout, STDOUT_BYTES, mark=OUTPUT_TRUNCATED),
        "StandardOutputUrl": "",
        "StandardErrorContent": _first_part(outcome.stderr, STDERR_BYTES, mark=OUTPUT_TRUNCATED),
        "StandardErrorUrl": "",
        "CloudWatchOutputConfig": record.order.sinks.get("CloudWatchOutputConfig", {"CloudWatchOutputEnabled": False}),
    }


def list_output(stdout: str, stderr: str) -> str:
    """Join both streams the way the agent does for the list call: at most 2500 bytes, each cut marked.

    A stream that needs less than half of the room is kept whole.
    """
    title = ERROR_TITLE if stderr else ""
    room = LIST_OUTPUT_BYTES - len(title)
    out_size, error_size = len(stdout.encode()), len(stderr.encode())
    if out_size + error_size <= room:
        return stdout + title + stderr
    half = room // 2
    if out_size < half:
        out_room, error_room = out_size, room - out_size
    elif error_size < half:
        out_room, error_room = room - error_size, error_size
    else:
        out_room, error_room = half, half
    cut_stdout = _first_part(stdout, out_room, mark=LIST_OUTPUT_TRUNCATED)
    return cut_stdout + title + _first_part(stderr, error_room, mark=LIST_ERROR_TRUNCATED)


def _plugin(record: CommandRecord, invocation: Invocation) -> dict[str, Any]:
    outcome = _shown_outcome(invocation)
    started, ended = _times(record, invocation)
    status = {"Delayed": "Pending", "Cancelling": "InProgress"}.get(invocation.status, invocation.status)
    plugin = {
        "Name": PLUGIN_OF_DOCUMENT[record.order.document],
        "Status": status,
        "StatusDetails": invocation.details,
        "ResponseCode": invocation.exit_code,
        "Output": list_output(outcome.stdout, outcome.stderr),
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "OutputS3Region": record.region,
        "OutputS3BucketName": "",
        "OutputS3KeyPrefix": "",
    }
    times = {"ResponseStartDateTime": started, "ResponseFinishDateTime": ended}
    return plugin | {name: moment for name, moment in times.items() if moment is not None}


def _shown_outcome(invocation: Invocation) -> Outcome:
    """Return what the node printed, which the service shows only once it has heard the end of it."""
    silent = invocation.ended_at is None or not invocation.ran or invocation.details == "DeliveryTimedOut"
    return Outcome() if silent or invocation.outcome is None else invocation.outcome


def _times(record: CommandRecord, invocation: Invocation) -> tuple[datetime | None, datetime | None]:
    if not invocation.ran or invocation.started_at is None:
        return None, None
    ended = None if invocation.ended_at is None else record.wall(invocation.ended_at)
    return record.wall(invocation.started_at), ended


def _iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _first_part(text: str, limit: int, *, mark: str) -> str:
    """Cut by bytes, as the agent does; a character that the cut would split is dropped."""
    data = text.encode()
    if len(data) <= limit:
        return text
    return data[: max(0, limit - len(mark))].decode(errors="ignore") + mark
