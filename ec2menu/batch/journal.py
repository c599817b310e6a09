"""Every run on disk before it is sent: plan, intents, command ids, results. The truth after a crash.

Only rows in and out of the state file; what they mean for a run that is taken up again is in `takeup`.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from ec2menu.batch.actions import Order
from ec2menu.batch.nouns import BatchPlan, NodeResult, Outcome
from ec2menu.batch.records import order_text, plan_text, read_order, read_plan, read_result, result_text
from ec2menu.clock import Clock
from ec2menu.errors import Ec2MenuError, TargetUnavailable, TargetUnclear

HEARTBEAT_SECONDS = 10.0
# A process that has written nothing for this long is not following its run, whatever its number says.
DEAD_AFTER_SECONDS = 60.0
COMMAND_CHARACTERS = 200
KEPT_RUNS = 200
KEPT_DAYS = 30
OPEN_KEPT_DAYS = 90
FORGOTTEN_AT_ONCE = 20
MAX_MATCHES = 5


class RunState(StrEnum):
    """What is known of a run: followed by a living process, left on purpose, left by accident, or done."""

    LIVE = "live"
    DETACHED = "detached"
    INTERRUPTED = "interrupted"
    FINISHED = "finished"


class SendState(StrEnum):
    """What is known of one SendCommand: meant, accepted by AWS, or provably never carried out."""

    INTENDED = "intended"
    SENT = "sent"
    NOT_SENT = "not sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One line of the list of runs. `counts` are rows by Outcome value; `command` is the beginning of the script."""

    id: str
    started_at: datetime
    state: RunState
    command: str
    regions: tuple[str, ...]
    targets: int
    counts: Mapping[str, int]
    profile: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournaledSend:
    """One SendCommand as written down before it was made, and what is known of it."""

    order: Order
    intended_at: datetime
    state: SendState
    command_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournaledRun:
    """Everything written about a run: its record, plan, sends in their order, and the rows so far.

    `owner` is the process that follows it (or 0) and when it was last heard of, as they were when this was read.
    """

    record: RunRecord
    plan: BatchPlan
    sends: tuple[JournaledSend, ...]
    results: tuple[NodeResult, ...]
    owner: tuple[int, str]


class JournalStore(Protocol):
    """What the journal needs of the state file (`state.store.Store`)."""

    is_in_memory: bool

    def write_or_fail(self, steps: Iterable[tuple[str, Iterable[Sequence[Any]]]]) -> int:
        """Write in one transaction, safe on disk on return, or raise Ec2MenuError; return how many rows changed."""

    def read(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""


class Journal:
    """The runs in the state file. Safe to use from several threads, as the store is."""

    def __init__(self, store: JournalStore, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    @property
    def is_durable(self) -> bool:
        """Whether the journal is on disk; if not (Store.warnings), a crash would lose what was sent."""
        return not self._store.is_in_memory

    # -- writing ------------------------------------------------------------------------------------------------

    def begin(self, plan: BatchPlan, *, profile: str = "") -> None:
        """Write a new run down. Raises Ec2MenuError where it cannot be: then nothing may be sent."""
        now = self._now()
        command = " ".join(plan.spec.lines)[:COMMAND_CHARACTERS]
        regions = " ".join(dict.fromkeys(chunk.region for chunk in plan.chunks))
        about = (profile, command, regions, len(plan.targets))
        row = (plan.run_id, now, now, os.getpid(), RunState.LIVE, *about, plan_text(plan))
        self._write("INSERT INTO batch_run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def claim(self, run: JournaledRun) -> None:
        """Make this process the one that follows the run. Raises TargetUnavailable if another one does."""
        pid, heartbeat = run.owner
        if run.record.state is RunState.LIVE:
            raise TargetUnavailable(
                f"run {run.record.id} is being followed by another ec2menu (process {pid})",
                hint="end that one, or wait for it",
            )
        row = (RunState.LIVE, os.getpid(), self._now(), run.record.id, pid, heartbeat)
        changed = self._write(
            "UPDATE batch_run SET state = ?, pid = ?, heartbeat = ? WHERE run_id = ? AND pid = ? AND heartbeat = ?", row
        )
        if not changed:
            raise TargetUnavailable(f"run {run.record.id} was just taken up by another ec2menu", hint="try again")

    def beat(self, run_id: str) -> None:
        """Say that the run is still followed. A beat that cannot be written is not worth an error."""
        with suppress(Ec2MenuError):
            self._write("UPDATE batch_run SET heartbeat = ? WHERE run_id = ?", (self._now(), run_id))

    def intend(self, run_id: str, order: Order) -> None:
        """Write down that the order is about to be sent. Raises Ec2MenuError: then it must not be."""
        row = (run_id, order.seq, self._now(), order_text(order), SendState.INTENDED, "")
        self._write("INSERT INTO batch_send VALUES (?, ?, ?, ?, ?, ?)", row)

    def note_send(self, run_id: str, seq: int, state: SendState, command_id: str = "") -> None:
        """Write down what became of an intent; if that fails the intent stands, and is looked up another time."""
        row = (state, command_id, run_id, seq)
        with suppress(Ec2MenuError):
            self._write("UPDATE batch_send SET state = ?, command_id = ? WHERE run_id = ? AND seq = ?", row)

    def note_results(self, run_id: str, results: Iterable[NodeResult]) -> None:
        """Write rows down, replacing those of the same nodes. Raises Ec2MenuError."""
        rows = [(run_id, each.target.region, each.target.id, each.outcome, result_text(each)) for each in results]
        self._store.write_or_fail([("INSERT OR REPLACE INTO batch_result VALUES (?, ?, ?, ?, ?)", rows)])

    def forget_open_results(self, run_id: str) -> None:
        """Drop the rows of nodes whose end was not known: they are about to be judged again. Raises Ec2MenuError."""
        rows = [(run_id, Outcome.UNKNOWN), (run_id, Outcome.IN_DOUBT)]
        self._store.write_or_fail([("DELETE FROM batch_result WHERE run_id = ? AND outcome = ?", rows)])

    def finish(self, run_id: str, state: RunState) -> None:
        """Write down that nobody follows the run any more, and why."""
        with suppress(Ec2MenuError):
            self._write("UPDATE batch_run SET state = ?, pid = 0 WHERE run_id = ?", (state, run_id))

    def forget_old(self) -> tuple[str, ...]:
        """Drop a few of the runs that are too old, the oldest first; return their ids, whose output can go as well.

        Kept are the newest 200, all that are younger than 30 days or followed by a living process, and for 90 days
        those that were left before their end: SSM keeps commands for about a month, and then nothing can be learnt by
        taking one up. What cannot be dropped now is dropped another time.
        """
        query = "SELECT run_id, started_at, heartbeat, pid, state FROM batch_run ORDER BY started_at DESC"
        rows = self._store.read(f"{query} LIMIT -1 OFFSET {KEPT_RUNS}")
        old = tuple(row[0] for row in reversed(rows) if self._is_old(*row[1:]))[:FORGOTTEN_AT_ONCE]
        keys = [(run_id,) for run_id in old]
        tables = ("batch_result", "batch_send", "batch_run")
        try:
            self._store.write_or_fail((f"DELETE FROM {table} WHERE run_id = ?", keys) for table in tables)  # noqa: S608 - names of ours
        except Ec2MenuError:
            return ()
        return old

    # -- reading ------------------------------------------------------------------------------------------------

    def runs(self, limit: int = 50) -> tuple[RunRecord, ...]:
        """Return the last runs, the newest first."""
        rows = self._store.read(_RECORD + " ORDER BY started_at DESC, run_id DESC LIMIT ?", (limit,))
        return tuple(self._record(row) for row in rows)

    def load(self, run_id: str) -> JournaledRun:
        """Return everything about a run; its id may be shortened while it is unique. Raises TargetUnclear."""
        known = [str(row[0]) for row in self._store.read("SELECT run_id FROM batch_run ORDER BY started_at DESC")]
        matches = [run_id] if run_id in known else [each for each in known if each.startswith(run_id)]
        if len(matches) != 1:
            what = f"several runs begin with {run_id}" if matches else f"there is no run {run_id}"
            raise TargetUnclear(what, hint="list them with: ec2menu runs", matches=tuple(matches[:MAX_MATCHES]))
        found = matches[0]
        record = self._record(self._store.read(_RECORD + " WHERE run_id = ?", (found,))[0])
        columns = "SELECT plan, pid, heartbeat FROM batch_run WHERE run_id = ?"
        plan, pid, heartbeat = self._store.read(columns, (found,))[0]
        results = self._store.read("SELECT result FROM batch_result WHERE run_id = ?", (found,))
        return JournaledRun(
            record=record,
            plan=read_plan(plan),
            sends=self._sends(found),
            results=tuple(read_result(row[0]) for row in results),
            owner=(pid, heartbeat),
        )

    def _sends(self, run_id: str) -> tuple[JournaledSend, ...]:
        query = "SELECT sent_order, intended_at, state, command_id FROM batch_send WHERE run_id = ? ORDER BY seq"
        return tuple(
            JournaledSend(
                order=read_order(order),
                intended_at=datetime.fromisoformat(intended_at),
                state=SendState(state),
                command_id=command_id,
            )
            for order, intended_at, state, command_id in self._store.read(query, (run_id,))
        )

    def _record(self, row: Sequence[Any]) -> RunRecord:
        run_id, started_at, heartbeat, pid, state, profile, command, regions, targets = row
        query = "SELECT outcome, count(*) FROM batch_result WHERE run_id = ? GROUP BY outcome"
        return RunRecord(
            id=run_id,
            started_at=datetime.fromisoformat(started_at),
            state=self._state_now(RunState(state), datetime.fromisoformat(heartbeat), pid),
            command=command,
            regions=tuple(regions.split()),
            targets=targets,
            counts=dict(self._store.read(query, (run_id,))),
            profile=profile,
        )

    def _state_now(self, state: RunState, heartbeat: datetime, pid: int) -> RunState:
        """Tell a living run from one whose process was killed."""
        if state is not RunState.LIVE:
            return state
        is_fresh = (self._clock.wall() - heartbeat).total_seconds() < DEAD_AFTER_SECONDS
        return RunState.LIVE if is_fresh and _is_alive(pid) else RunState.INTERRUPTED

    def _is_old(self, started_at: str, heartbeat: str, pid: int, state: str) -> bool:
        now, last_heard_of = self._clock.wall(), datetime.fromisoformat(heartbeat)
        match self._state_now(RunState(state), last_heard_of, pid):
            case RunState.LIVE:
                return False
            case RunState.FINISHED:
                return now - datetime.fromisoformat(started_at) > timedelta(days=KEPT_DAYS)
            case _:
                return now - last_heard_of > timedelta(days=OPEN_KEPT_DAYS)

    def _write(self, statement: str, row: Sequence[Any]) -> int:
        return self._store.write_or_fail([(statement, [row])])

    def _now(self) -> str:
        return self._clock.wall().isoformat()


_RECORD = "SELECT run_id, started_at, heartbeat, pid, state, profile, command, regions, targets FROM batch_run"


def _is_alive(pid: int) -> bool:
    """Whether a process has that number; on Windows, where asking would end it, only the heartbeat tells."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return pid > 0
