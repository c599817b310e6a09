"""What sessions of every kind have in common for a person: a terminal, how they ended, the record.

What is said before a session, and how it is opened, is in the flow of each kind.
"""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ec2menu.clock import describe_duration
from ec2menu.connectors.forward import TunnelWish
from ec2menu.connectors.plugin import Ending, Verdict
from ec2menu.connectors.process import undisturbed
from ec2menu.connectors.session import SessionResult
from ec2menu.errors import ConnectorError, ExitStatus, InvalidInput
from ec2menu.flows.context import Context
from ec2menu.models import Style
from ec2menu.state.history import Connection, record

# Every other ending is the plugin's or the service's failure.
_STATUSES = {
    Ending.NORMAL: ExitStatus.DONE,
    Ending.LEFT: ExitStatus.DONE,
    Ending.UNKNOWN: ExitStatus.DONE,
    Ending.GIVEN_UP: ExitStatus.INTERRUPTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One connection as it is told and recorded: what was done (`shell`, `exec`) and where; people read `label`.

    `wish` is what its tunnel was asked for, where it has one; `user` and `database` what its client was.
    """

    action: str
    region: str
    target: str
    name: str
    label: str
    wish: TunnelWish | None = None
    user: str = ""
    database: str = ""


def require_terminal(context: Context) -> None:
    """Raise InvalidInput where no shell can be shown, ConnectorError where the plugin lacks what a shell needs."""
    if not context.terminal.is_interactive:
        raise InvalidInput("a shell needs a terminal", hint="run ec2menu connect in a terminal")
    if sys.platform != "win32" and shutil.which("stty") is None:
        raise ConnectorError("the plugin needs the program stty for a shell", hint="install coreutils")


def hold_session(context: Context, visit: Visit, hold: Callable[[], SessionResult]) -> int:
    """Hold a session until it is over; tell and record how it ended; return the exit status for the command line.

    Recorded, too, is one that ends because we are told to (SIGTERM, a closed window). Raises what `hold` raises.
    """
    began, started = context.clock.wall(), context.clock.now()

    def hold_with_credentials() -> SessionResult:
        context.load_credentials()  # here, because the session is started in another thread
        return hold()

    try:
        result = context.attempt(hold_with_credentials)
    except SystemExit:
        lasted, outcome = context.clock.now() - started, "ended with ec2menu"
        with undisturbed():
            record_visit(context, visit, began=began, session_id="", outcome=outcome, lasted_seconds=lasted)
        raise
    return _report_session(context, visit, result, began=began)


def _report_session(context: Context, visit: Visit, result: SessionResult, *, began: datetime) -> int:
    ending = result.verdict.ending
    outcome, lasted = describe_ending(result.verdict), describe_duration(result.lasted_seconds)
    if ending is not Ending.NORMAL:
        context.terminal.note("")  # the far side's last line may have no end
    style = Style.GOOD if ending in _STATUSES else Style.BAD
    context.terminal.note(f"session with {visit.label}: {outcome}, after {lasted}", style)
    record_visit(
        context,
        visit,
        began=began,
        session_id=result.session_id,
        outcome=outcome,
        lasted_seconds=result.lasted_seconds,
    )
    return _STATUSES.get(ending, ExitStatus.CONNECTOR)


def describe_ending(verdict: Verdict) -> str:
    """Word how a session ended, with the reason where one was given."""
    return f"{verdict.ending} ({verdict.detail})" if verdict.detail else str(verdict.ending)


def record_visit(
    context: Context, visit: Visit, *, began: datetime, session_id: str, outcome: str, lasted_seconds: float
) -> None:
    """Append a connection to the history."""
    connection = Connection(
        started_at=began,
        profile=context.profile,
        region=visit.region,
        target=visit.target,
        name=visit.name,
        action=visit.action,
        session_id=session_id,
        outcome=outcome,
        lasted_seconds=lasted_seconds,
        via=visit.wish.via if visit.wish else "",
        host=visit.wish.host if visit.wish else "",
        port=visit.wish.port if visit.wish else None,
        user=visit.user,
        database=visit.database,
    )
    record(context.store, connection)
