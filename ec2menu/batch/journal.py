"""Every run on disk before it is sent: plan, intents, command ids, results. The truth after a crash.

Here runs are begun, taken up, listed, read and forgotten; what the one who holds a run writes of it is in `hold`.
"""

import os
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ec2menu.batch.hold import Hold
from ec2menu.batch.journaled import (
    JournaledRun,
    JournaledSend,
    JournalStore,
    Origin,
    Owner,
    RunRecord,
    RunState,
    SendState,
)
from ec2menu.batch.nouns import BatchPlan, Outcome
from ec2menu.batch.place import here, is_gone
from ec2menu.batch.records import plan_text, read_order, read_plan, read_result
from ec2menu.clock import Clock
from ec2menu.errors import Ec2MenuError, StateBusy, TargetUnavailable, TargetUnclear

HEARTBEAT_SECONDS = 10.0
# A process that has written nothing for this long is not following its run, whatever its number says.
DEAD_AFTER_SECONDS = 60.0
# How long another process may hold the state file before a run is not begun for it.
BUSY_PATIENCE_SECONDS = 30.0
BUSY_STEP_SECONDS = 0.5
COMMAND_CHARACTERS = 200
KEPT_RUNS = 200
KEPT_DAYS = 30
OPEN_KEPT_DAYS = 90
FORGOTTEN_AT_ONCE = 20
MAX_MATCHES = 5


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

    def begin(self, plan: BatchPlan, *, profile: str = "", account: str = "", origin: Origin | None = None) -> Hold:
        """Write a new run down and hold it. Raises Ec2MenuError where it cannot be: then nothing may be sent.

        With an `origin` the run repeats nodes of another, and begins only if that one and its family are still as they
        were when the nodes were chosen; else TargetUnavailable, for somebody may have run them again meanwhile.
        """
        now, token = self._now(), secrets.token_hex(16)
        row = {
            "run_id": plan.run_id,
            "started_at": now,
            "heartbeat": now,
            "pid": os.getpid(),
            "state": RunState.LIVE,
            "profile": profile,
            "account": account,
            "command": " ".join(plan.spec.lines)[:COMMAND_CHARACTERS],
            "regions": " ".join(dict.fromkeys(chunk.region for chunk in plan.chunks)),
            "targets": len(plan.targets),
            "plan": plan_text(plan),
            "token": token,
            "place": here(),
            "root": origin.root if origin else "",
            "generation": origin.generation if origin else 0,
            "skipped": len(plan.skipped),
        }
        condition, values = ("", ()) if origin is None else (_IS_UNCHANGED, _unchanged(origin))
        insert = f"INSERT INTO batch_run ({', '.join(row)}) SELECT {', '.join('?' * len(row))}"
        if not self._write_patiently(f"{insert} {condition}", (*row.values(), *values)):
            raise TargetUnavailable(
                f"run {origin.run_id if origin else ''} was gone on with, or run again, by another ec2menu meanwhile",
                hint="see what is left to be run: ec2menu runs",
            )
        return Hold(self._store, plan.run_id, token, clock=self._clock)

    def claim(self, run: JournaledRun) -> Hold:
        """Make this process the one that holds the run; whoever did before can write and send nothing from now on.

        Read the run again afterwards: the other may have written until now. Raises TargetUnavailable if another process
        follows it.
        """
        run_id, owner = run.record.id, run.owner
        if run.record.state is RunState.LIVE:
            raise TargetUnavailable(
                f"run {run_id} is being followed by another ec2menu (process {owner.pid})",
                hint="end that one, or wait for it; one that was killed counts as gone after a minute",
            )
        token = secrets.token_hex(16)
        statement = (
            "UPDATE batch_run SET state = ?, pid = ?, place = ?, heartbeat = ?, token = ? "
            "WHERE run_id = ? AND token = ? AND heartbeat = ?"
        )
        ours = (RunState.LIVE, os.getpid(), here(), self._now(), token)
        if not self._write_patiently(statement, (*ours, run_id, owner.token, owner.heartbeat)):
            raise TargetUnavailable(f"run {run_id} was just taken up by another ec2menu", hint="try again")
        return Hold(self._store, run_id, token, clock=self._clock)

    def forget_old(self) -> tuple[str, ...]:
        """Drop a few of the runs that are too old, the oldest first; return their ids, whose output can go as well.

        Kept are the newest 200, all that are younger than 30 days or followed by a living process, and for 90 days
        those that were left before their end: SSM keeps commands for about a month, and then nothing can be learnt by
        taking one up. A run goes only when all that repeat it can go: they tell where it must not run again. What
        cannot be dropped now is dropped another time.
        """
        columns = "run_id, root, started_at, heartbeat, pid, place, state"
        rows = self._store.read(f"SELECT {columns} FROM batch_run ORDER BY started_at DESC")  # noqa: S608 - names of ours
        kept = {root or run_id for run_id, root, *times in rows[:KEPT_RUNS]}
        kept |= {root or run_id for run_id, root, *times in rows if not self._is_old(*times)}
        old = tuple(run_id for run_id, root, *_ in reversed(rows) if (root or run_id) not in kept)[:FORGOTTEN_AT_ONCE]
        keys = [(run_id,) for run_id in old]
        tables = ("batch_result", "batch_send", "batch_run")
        try:
            self._store.write_or_fail((f"DELETE FROM {table} WHERE run_id = ?", keys) for table in tables)  # noqa: S608 - names of ours
        except Ec2MenuError:
            return ()
        return old

    # -- reading ------------------------------------------------------------------------------------------------

    def runs(self, limit: int | None = None) -> tuple[RunRecord, ...]:
        """Return all runs, or the last ones, the newest first."""
        query = f"SELECT {_RECORD} FROM batch_run ORDER BY started_at DESC, run_id DESC LIMIT ?"  # noqa: S608 - names of ours
        rows = self._store.read(query, (-1 if limit is None else limit,))
        return tuple(self._record(row) for row in rows)

    def load(self, run_id: str) -> JournaledRun:
        """Return everything about a run; its id may be shortened while it is unique.

        Raises TargetUnclear, Ec2MenuError where it cannot be read: what is not seen might be sent again.
        """
        known = [str(row[0]) for row in self._read("SELECT run_id FROM batch_run ORDER BY started_at DESC")]
        matches = [run_id] if run_id in known else [each for each in known if each.startswith(run_id)]
        if len(matches) != 1:
            what = f"several runs begin with {run_id}" if matches else f"there is no run {run_id}"
            raise TargetUnclear(what, hint="list them with: ec2menu runs", matches=tuple(matches[:MAX_MATCHES]))
        return self._load(matches[0], with_later=True)

    def _load(self, run_id: str, *, with_later: bool) -> JournaledRun:
        [row] = self._read(f"SELECT {_RECORD}, plan, token, generation FROM batch_run WHERE run_id = ?", (run_id,))  # noqa: S608 - names of ours
        *about, plan, token, generation = row
        record = self._record(about)
        # The owner was read first: what others write from here on changes the token, or the family's last generation.
        query = "SELECT run_id FROM batch_run WHERE root = ? AND generation > ? ORDER BY generation"
        later = self._read(query, (record.root or run_id, generation)) if with_later else []
        return JournaledRun(
            record=record,
            plan=read_plan(plan),
            sends=self._sends(run_id),
            results=tuple(
                read_result(text)
                for (text,) in self._read("SELECT result FROM batch_result WHERE run_id = ?", (run_id,))
            ),
            owner=Owner(token=token, pid=about[3], place=about[4], heartbeat=about[2]),
            generation=generation,
            later=tuple(self._load(each, with_later=False) for (each,) in later),
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
            for order, intended_at, state, command_id in self._read(query, (run_id,))
        )

    def _record(self, row: Sequence[Any]) -> RunRecord:
        run_id, started_at, heartbeat, pid, place, state, profile, account, *meant = row
        command, regions, targets, skipped, root = meant
        query = "SELECT outcome, count(*) FROM batch_result WHERE run_id = ? GROUP BY outcome"
        counts: dict[str, int] = dict(self._store.read(query, (run_id,)))
        return RunRecord(
            id=run_id,
            started_at=datetime.fromisoformat(started_at),
            state=self._state_now(heartbeat, pid, place, state),
            command=command,
            regions=tuple(regions.split()),
            targets=max(targets, sum(counts.values())) + skipped,
            counts=counts | ({Outcome.SKIPPED.value: skipped} if skipped else {}),
            profile=profile,
            account=account,
            root=root,
        )

    def _state_now(self, heartbeat: str, pid: int, place: str, state: str) -> RunState:
        """Tell a living run from one whose process was killed."""
        known = RunState(state)
        if known is not RunState.LIVE:
            return known
        silent_seconds = (self._clock.wall() - datetime.fromisoformat(heartbeat)).total_seconds()
        return RunState.INTERRUPTED if silent_seconds >= DEAD_AFTER_SECONDS or is_gone(pid, place) else RunState.LIVE

    def _is_old(self, started_at: str, heartbeat: str, *more: Any) -> bool:
        now = self._clock.wall()
        match self._state_now(heartbeat, *more):
            case RunState.LIVE:
                return False
            case RunState.FINISHED:
                return now - datetime.fromisoformat(started_at) > timedelta(days=KEPT_DAYS)
            case _:
                return now - datetime.fromisoformat(heartbeat) > timedelta(days=OPEN_KEPT_DAYS)

    def _read(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._store.read_or_fail(query, values)

    def _write_patiently(self, statement: str, values: Sequence[Any]) -> int:
        """Write a row; while another process holds the file, wait for it."""
        until = self._clock.now() + BUSY_PATIENCE_SECONDS
        while True:
            try:
                return self._store.write_or_fail([(statement, [values])])
            except StateBusy:
                if self._clock.now() >= until:
                    raise
                self._clock.sleep(BUSY_STEP_SECONDS)

    def _now(self) -> str:
        return self._clock.wall().isoformat()


_RECORD = "run_id, started_at, heartbeat, pid, place, state, profile, account, command, regions, targets, skipped, root"
_IS_UNCHANGED = (
    "WHERE EXISTS (SELECT 1 FROM batch_run WHERE run_id = ? AND token = ? AND state <> ?) "
    "AND NOT EXISTS (SELECT 1 FROM batch_run WHERE root = ? AND generation >= ?)"
)


def _unchanged(origin: Origin) -> tuple[Any, ...]:
    return origin.run_id, origin.token, RunState.LIVE, origin.root, origin.generation
