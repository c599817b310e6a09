"""SSM's status words, and one node's row of ListCommandInvocations as a value.

Every StatusDetails is known by name (SSM user guide, "Understanding command statuses"); what follows from one is in
`verdicts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

PENDING, DELAYED, IN_PROGRESS, CANCELLING = "Pending", "Delayed", "InProgress", "Cancelling"
SUCCESS, FAILED, EXECUTION_TIMED_OUT = "Success", "Failed", "ExecutionTimedOut"
DELIVERY_TIMED_OUT, CANCELLED = "DeliveryTimedOut", "Cancelled"
UNDELIVERABLE, TERMINATED = "Undeliverable", "Terminated"
INVALID_PLATFORM, ACCESS_DENIED = "InvalidPlatform", "AccessDenied"

OPEN = frozenset({PENDING, DELAYED, IN_PROGRESS, CANCELLING})
NOT_HANDED_OVER = frozenset({"", PENDING, DELAYED})
NEVER_RAN = frozenset({UNDELIVERABLE, TERMINATED, INVALID_PLATFORM, ACCESS_DENIED})
# What SSM counts towards a command's MaxErrors.
ERRORS = frozenset({FAILED, EXECUTION_TIMED_OUT})
FINAL = NEVER_RAN | {SUCCESS, FAILED, EXECUTION_TIMED_OUT, DELIVERY_TIMED_OUT, CANCELLED}
# For a StatusDetails that this version does not know: the Status beside it, read the way that claims least.
_BY_STATUS = {
    "Success": SUCCESS,
    "Failed": FAILED,
    "TimedOut": DELIVERY_TIMED_OUT,
    "Cancelled": CANCELLED,
    "Cancelling": CANCELLING,
    "Delayed": DELAYED,
    "Pending": PENDING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One node of one command, as the list call shows it; `output` is at most 2,500 bytes of both streams."""

    node_id: str
    details: str
    exit_code: int | None = None
    output: str = ""
    lasted_seconds: float = 0.0
    name: str = ""

    @property
    def is_final(self) -> bool:
        """Whether the node's part of the command has ended."""
        return self.details in FINAL


def status_word(status: str, details: str) -> str:
    """Return the StatusDetails by its plain name (`Delivery Timed Out` → `DeliveryTimedOut`)."""
    word = details.replace(" ", "")
    return word if word in FINAL | OPEN else _BY_STATUS.get(status.replace(" ", ""), IN_PROGRESS)


def parse_invocation(entry: Mapping[str, Any], *, with_output: bool = True) -> Row:
    """Return the row of a CommandInvocation (ListCommandInvocations with Details)."""
    plugins = entry.get("CommandPlugins") or [{}]
    plugin = plugins[-1]
    details = status_word(str(entry.get("Status", "")), str(entry.get("StatusDetails", "")))
    return Row(
        node_id=str(entry["InstanceId"]),
        details=details,
        exit_code=plugin.get("ResponseCode"),
        output=str(plugin.get("Output") or "") if with_output and details in FINAL else "",
        lasted_seconds=_lasted(plugin.get("ResponseStartDateTime"), plugin.get("ResponseFinishDateTime")),
        name=str(entry.get("InstanceName") or ""),
    )


def _lasted(started: datetime | None, finished: datetime | None) -> float:
    if started is None or finished is None:
        return 0.0
    return max(0.0, (finished - started).total_seconds())
