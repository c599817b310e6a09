"""Session Manager, which moto lacks: start, resume, terminate and list sessions on nodes that are Online.

Sessions are kept per region, so that a test can see which were opened, with what, and whether each was ended. No data
flows here: the stream URL carries in its query what the demo's plugin needs to play its part, and the plugin reports
to that URL when it has ended the session, as AWS's service does by itself when a data channel closes.
"""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from ec2menu.clock import SystemClock
from ec2menu.demo import ecs_tables, strict
from ec2menu.demo.destinations import far_end
from ec2menu.demo.ecs_exec import container_facts
from ec2menu.demo.nodes import ec2_tags, find_node
from ec2menu.demo.strict import USER_ARN, PerRegion, aws_error, check_length, paginate, param, reply

LARGEST_PAGE, DEFAULT_PAGE = 200, 50
LONGEST_TARGET, LONGEST_REASON = 400, 256
MOST_FILTERS = 6
SHELL_DOCUMENT = "SSM-SessionManagerRunShell"
CHANNEL_PATH = "/v1/data-channel/"

_PORT = re.compile(r"^([0-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$")
_PORTS = {"portNumber": _PORT, "localPortNumber": re.compile(f"^$|{_PORT.pattern}")}
_ANY = re.compile(r"^.+$", re.DOTALL)
_DOCUMENTS: Mapping[str, Mapping[str, re.Pattern[str]]] = {
    SHELL_DOCUMENT: {},
    "AWS-StartSSHSession": {"portNumber": _PORT},
    "AWS-StartPortForwardingSession": _PORTS,
    "AWS-StartPortForwardingSessionToRemoteHost": {**_PORTS, "host": re.compile(r"^[\w.:-]+$")},
    "AWS-StartInteractiveCommand": {"command": _ANY},
    "AWS-StartNonInteractiveCommand": {"command": _ANY, "separateOutputStream": re.compile("^(true|false)$")},
}
"""The session documents and the parameters that each of them takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as DescribeSessions shows it, with what it was started with."""

    id: str
    region: str
    target: str
    document: str = SHELL_DOCUMENT
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    reason: str = ""
    token: str = field(repr=False)
    started: datetime
    ended: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether the session has not been terminated."""
        return self.ended is None

    @property
    def status(self) -> str:
        """AWS's SessionStatus."""
        return "Connected" if self.is_active else "Terminated"


_sessions: PerRegion[dict[str, Session]] = PerRegion(dict)
_FILTERS: dict[str, Callable[[Session, str], bool]] = {
    "InvokedAfter": lambda session, value: session.started >= datetime.fromisoformat(value),
    "InvokedBefore": lambda session, value: session.started < datetime.fromisoformat(value),
    "Target": lambda session, value: session.target == value,
    "Owner": lambda _, value: value == USER_ARN,
    "Status": lambda session, value: session.status == value,
    "SessionId": lambda session, value: session.id == value,
    "AccessType": lambda _, value: value == "Standard",
}


def install() -> None:
    """Put the session operations onto moto."""
    from moto.ssm.responses import SimpleSystemManagerResponse  # noqa: PLC0415 - moto is imported when the server starts

    for action in (_start_session, _resume_session, _terminate_session, _describe_sessions):
        strict.install(SimpleSystemManagerResponse, action.__name__.removeprefix("_"), action)


def sessions(region: str) -> list[Session]:
    """Return every session ever started in the region, oldest first."""
    return list(_sessions.at(region).values())


def open_session(
    region: str, target: str, *, prefix: str = "demo", document: str = SHELL_DOCUMENT, **more: Any
) -> Session:
    """Record a new session, `PREFIX-` and 17 hex digits; `more` is `parameters` and `reason`."""
    session = Session(
        id=f"{prefix}-{secrets.token_hex(9)[:17]}",
        region=region,
        target=target,
        document=document,
        token=secrets.token_urlsafe(48),
        started=SystemClock().wall(),
        **more,
    )
    _sessions.at(region)[session.id] = session
    return session


def end_session(region: str, session_id: str) -> None:
    """Mark a session as terminated; unknown and ended ones are left as they are."""
    table = _sessions.at(region)
    session = table.get(session_id)
    if session is not None and session.is_active:
        table[session_id] = replace(session, ended=SystemClock().wall())


def close_channel(region: str, session_id: str, *, token: str) -> bool:
    """End a session on behalf of its plugin, which proves itself with the session's token."""
    session = _sessions.at(region).get(session_id)
    if session is None or not secrets.compare_digest(session.token.encode(), token.encode()):
        return False
    end_session(region, session_id)
    return True


def stream_url(session: Session, *, host: str, **shown: str) -> str:
    """Return the URL of the session's data channel at the server `host`; `shown` tells the plugin what to play."""
    query = {"region": session.region, "document": session.document}
    query |= {key: values[0] for key, values in session.parameters.items() if values}
    return f"ws://{host}{CHANNEL_PATH}{session.id}?{urlencode(query | shown)}"


def _start_session(response: Any) -> Any:
    target, document = str(param(response, "Target", "")), param(response, "DocumentName") or SHELL_DOCUMENT
    reason, parameters = param(response, "Reason"), param(response, "Parameters") or {}
    check_length("target", len(target), maximum=LONGEST_TARGET)
    if reason is not None:
        # AWS's pattern is one line of any characters.
        check_length("reason", 0 if "\n" in reason else len(reason), maximum=LONGEST_REASON)
    _check_document(document, parameters)
    shown = _machine(response.region, target) | far_end(response.region, target, document, parameters)
    session = open_session(response.region, target, document=document, parameters=parameters, reason=reason or "")
    return reply(_grant(session, stream_url(session, host=response.headers["Host"], **shown)))


def _resume_session(response: Any) -> Any:
    session = _sessions.at(response.region).get(param(response, "SessionId"))
    if session is None or not session.is_active:
        raise aws_error("DoesNotExistException", f"Session {param(response, 'SessionId')} does not exist")
    shown = _machine(response.region, session.target)
    shown |= far_end(response.region, session.target, session.document, session.parameters)
    return reply(_grant(session, stream_url(session, host=response.headers["Host"], **shown)))


def _terminate_session(response: Any) -> Any:
    session_id = str(param(response, "SessionId"))
    end_session(response.region, session_id)
    return reply({"SessionId": session_id})


def _describe_sessions(response: Any) -> Any:
    state, filters = param(response, "State"), param(response, "Filters") or []
    if state not in ("Active", "History"):
        raise aws_error("ValidationException", f"Value '{state}' at 'state' failed to satisfy constraint")
    check_length("filters", len(filters), minimum=0, maximum=MOST_FILTERS)
    for each in filters:
        if each.get("key") not in _FILTERS:
            raise aws_error("InvalidFilterKey", "The specified key isn't valid.")
    found = [session for session in reversed(sessions(response.region)) if session.is_active == (state == "Active")]
    page, token = paginate(
        [session for session in found if all(_FILTERS[each["key"]](session, each["value"]) for each in filters)],
        token=param(response, "NextToken"),
        size=param(response, "MaxResults"),
        default=DEFAULT_PAGE,
        minimum=1,
        maximum=LARGEST_PAGE,
    )
    return reply({"Sessions": [_described(session) for session in page], "NextToken": token})


def _described(session: Session) -> dict[str, Any]:
    return {
        "SessionId": session.id,
        "Target": session.target,
        "Status": session.status,
        "StartDate": session.started,
        "EndDate": session.ended,
        "DocumentName": session.document,
        "Owner": USER_ARN,
        "Reason": session.reason or None,
        "AccessType": "Standard",
    }


def _grant(session: Session, url: str) -> dict[str, str]:
    return {"SessionId": session.id, "TokenValue": session.token, "StreamUrl": url}


def _machine(region: str, target: str) -> dict[str, str]:
    """Return what a session on `target` shows of the machine; raises TargetNotConnected if SSM cannot reach it."""
    if target.startswith("ecs:") and (found := ecs_tables.find_container(region, target)):
        return container_facts(*found)
    node = find_node(region, target)
    if node is None or not node.is_online:
        raise aws_error("TargetNotConnected", f"{target} is not connected.")
    name = node.name or ec2_tags(region, target).get("Name", "")
    return {"platform": node.platform_type, "name": name, "computer": node.computer_name}


def _check_document(document: str, parameters: Mapping[str, Any]) -> None:
    """Refuse unknown documents, and parameters that the document does not take or that have the wrong form."""
    known = _DOCUMENTS.get(document)
    if known is None:
        raise aws_error("InvalidDocument", f"Document with name {document} does not exist.")
    for name, values in parameters.items():
        if name not in known:
            raise aws_error("InvalidParameters", f"Parameter {name} is not defined in document {document}.")
        if not isinstance(values, list) or not all(known[name].match(str(value)) for value in values):
            raise aws_error(
                "InvalidParameters", f"Parameter {name} has a value that document {document} does not allow."
            )
    if "command" in known and not parameters.get("command"):
        raise aws_error("InvalidParameters", f"Parameter command is required by document {document}.")
