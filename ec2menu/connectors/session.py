"""A session on the user's terminal: the plugin runs there, and the session is closed for sure; shells on nodes.

The order matters: the plugin is known to work before StartSession is called, and the session is terminated on every
path on which the plugin did not end it itself.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ec2menu.connectors.connector import Connector, SessionSpec
from ec2menu.connectors.plugin import Ending, Verdict, has_answered, read_ending
from ec2menu.connectors.process import discard_typed, undisturbed
from ec2menu.connectors.starting import Watch, start_watched, wait_quietly
from ec2menu.errors import SessionFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionResult:
    """A session that is over: its id, how it ended, and how long it lasted."""

    session_id: str
    verdict: Verdict
    lasted_seconds: float


def open_shell(connector: Connector, spec: SessionSpec, *, watch: Watch = wait_quietly) -> SessionResult:
    """Open a shell on the user's terminal and return when it is over; `watch` as for `start_watched`.

    Raises AwsError when StartSession fails, SessionFailed when the plugin cannot be started.
    """
    answer = start_watched(connector, spec.region, lambda: connector.start(spec), watch=watch)
    return run_session(connector, spec, answer)


def run_session(connector: Connector, spec: SessionSpec, answer: Mapping[str, Any]) -> SessionResult:
    """Put a session that has been started on the user's terminal and return when it is over.

    `answer` is StartSession's. Raises SessionFailed when the plugin cannot be started.
    """
    session_id = str(answer["SessionId"])
    started = connector.clock.now()
    closed = False
    try:
        verdict = _run(connector, spec, answer)
        closed = verdict.is_closed
    except OSError as error:
        raise SessionFailed(f"the plugin could not be started: {error}", hint="type: ec2menu doctor") from error
    finally:
        if not closed:
            with undisturbed():
                connector.terminate(spec.region, session_id)
    if verdict.ending is not Ending.NORMAL:
        discard_typed()  # keys hammered at a dead shell must not choose from our menu
    return SessionResult(session_id=session_id, verdict=verdict, lasted_seconds=connector.clock.now() - started)


def _run(connector: Connector, spec: SessionSpec, answer: Mapping[str, Any]) -> Verdict:
    argv, environment = connector.plugin_call(spec, answer)
    if sys.platform == "win32":
        from ec2menu.connectors.process import run_in_foreground  # noqa: PLC0415 - relay below exists on POSIX only

        status = run_in_foreground(argv, environment=environment)
        return Verdict(ending=Ending.UNKNOWN if status == 0 else Ending.FAILED, detail=f"status {status}")
    from ec2menu.connectors.relay import Left, relay  # noqa: PLC0415 - POSIX only

    result = relay(
        argv,
        environment=environment,
        has_answered=has_answered,
        answer_seconds=connector.answer_seconds,
        clock=connector.clock,
    )
    if result.left is Left.ESCAPED:
        return Verdict(ending=Ending.LEFT, detail="with ~.")
    if result.left is Left.HUNG_UP:
        return Verdict(ending=Ending.LEFT, detail="the terminal is gone")
    if result.left is Left.GAVE_UP:
        return Verdict(ending=Ending.GIVEN_UP)
    if result.left is Left.NO_ANSWER:
        return Verdict(ending=Ending.NO_ANSWER, detail=f"none within {connector.answer_seconds:.0f} s")
    verdict = read_ending(result.tail, str(answer["SessionId"]), status=result.status)
    if verdict.ending is Ending.UNKNOWN and not result.has_answered:
        return Verdict(ending=Ending.FAILED, detail="the plugin ended without a word")
    return verdict
