"""The Filters of SSM ListCommands and ListCommandInvocations, applied to answers that are ready to be sent."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ec2menu.demo.command_rules import check_node_id, invalid
from ec2menu.demo.strict import aws_error

MAX_FILTERS = 5
INVOCATION_FILTERS = frozenset({"InvokedAfter", "InvokedBefore", "Status", "DocumentName"})
LIST_FILTERS = INVOCATION_FILTERS | {"ExecutionStage"}
_RUNNING = frozenset({"Pending", "InProgress", "Cancelling"})

_Test = Callable[[dict[str, Any]], bool]


def check_list(request: Mapping[str, Any], *, allowed: frozenset[str]) -> None:
    """Refuse a list request with a bad node id, too many filters, or a filter that is not in `allowed`."""
    if "InstanceId" in request:
        check_node_id(request["InstanceId"], name="instanceId")
    filters = request.get("Filters", [])
    if len(filters) > MAX_FILTERS:
        raise invalid(filters, name="filters", rule="Member must have length less than or equal to 5")
    for each in filters:
        if each["key"] not in allowed:
            raise aws_error("InvalidFilterKey", "The specified key isn't valid.")
        if each["key"].startswith("Invoked"):
            _moment(each["value"])


def filtered(answers: list[dict[str, Any]], request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the answers that pass every filter of the request."""
    tests = [_TESTS[each["key"]](each["value"]) for each in request.get("Filters", [])]
    return [answer for answer in answers if all(test(answer) for test in tests)]


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(text, name="filters", rule="Member must be a timestamp such as 2024-07-07T00:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _invoked_after(value: str) -> _Test:
    return lambda answer: answer["RequestedDateTime"] >= _moment(value)


def _invoked_before(value: str) -> _Test:
    return lambda answer: answer["RequestedDateTime"] <= _moment(value)


def _status(value: str) -> _Test:
    return lambda answer: value in (answer["Status"], answer["StatusDetails"])


def _stage(value: str) -> _Test:
    return lambda answer: (answer["Status"] in _RUNNING) == (value == "Executing")


def _document(value: str) -> _Test:
    return lambda answer: answer["DocumentName"] == value


_TESTS: dict[str, Callable[[str], _Test]] = {
    "InvokedAfter": _invoked_after,
    "InvokedBefore": _invoked_before,
    "Status": _status,
    "ExecutionStage": _stage,
    "DocumentName": _document,
}
