"""What a test of a batch needs around the SSM in memory: a journal and outputs below a folder, runners, plans.

A process that is gone writes nothing any more; `restart` is the next one on the same files.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from ec2menu.batch.journal import Journal
from ec2menu.batch.journaled import Origin
from ec2menu.batch.nouns import (
    BatchPlan,
    BatchResult,
    Chunk,
    CommandSpec,
    Limits,
    NodeResult,
    Outcome,
    Progress,
    TagChoice,
    Target,
)
from ec2menu.batch.outputs import OutputStore
from ec2menu.batch.plan import cut_into_chunks
from ec2menu.batch.runner import BatchRunner
from ec2menu.fanout import Task
from ec2menu.state.store import Store
from tests.fakes.clock import FakeClock
from tests.unit.batch.ssm import REGION, Crash, Ssm, SsmAws


class FragileStore(Store):
    """The state file of a process that may be gone: then nothing is written any more."""

    ssm: Ssm | None = None
    crash_at_write: int = 0
    writes: int = 0

    def write_or_fail(self, steps: Any) -> int:
        self.writes += 1
        if self.ssm is not None and (self.ssm.is_crashed or self.writes == self.crash_at_write):
            self.ssm.is_crashed = True
            raise Crash
        return super().write_or_fail(steps)


@dataclass
class Bench:
    """Everything a run needs, below a folder."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    seed: int = 1

    def __post_init__(self) -> None:
        self.ssm = Ssm(clock=self.clock)
        self.outputs = OutputStore(self.folder / "runs")
        self._store = FragileStore(self.folder / "state.sqlite3")
        self._store.ssm = self.ssm

    @property
    def store(self) -> FragileStore:
        return self._store

    @property
    def journal(self) -> Journal:
        return Journal(self._store, clock=self.clock)

    def close(self) -> None:
        self._store.close()

    def runner(self, plan: BatchPlan, *, origin: Origin | None = None) -> BatchRunner:
        runner = BatchRunner(
            SsmAws(self.ssm),
            plan,
            clock=self.clock,
            journal=self.journal,
            outputs=self.outputs,
            origin=origin,
            rng=Random(self.seed),
        )
        return at_once(runner)

    def resumed(self, run_id: str, *, send_rest: bool = False) -> BatchRunner:
        """Return a runner as another process would make it."""
        return at_once(
            BatchRunner.resume(
                SsmAws(self.ssm),
                run_id,
                clock=self.clock,
                journal=self.journal,
                outputs=self.outputs,
                send_rest=send_rest,
                rng=Random(self.seed + 1),
            )
        )

    def restart(self) -> None:
        """Let the process that is gone be noticed as gone, and start another one on the same file."""
        self._store.close()
        self.ssm.is_crashed = False
        self._store = FragileStore(self.folder / "state.sqlite3")
        self._store.write("UPDATE batch_run SET pid = 0 WHERE state = ?", [("live",)])
        self._store.ssm = self.ssm


def at_once(runner: BatchRunner) -> BatchRunner:
    """Let the runner's calls be made where they are submitted: one thread, one order of events."""

    def submit(function: Callable[[], Any]) -> Task[Any]:
        task: Task[Any] = Task(function, started=False)
        task.run()
        return task

    runner._submit = submit
    return runner


def make(
    targets: list[Target],
    *,
    run_id: str = "run1",
    lines: tuple[str, ...] = ("id",),
    tag: TagChoice | None = None,
    expected: int = 0,
    **more: Any,
) -> BatchPlan:
    """Return a plan; `more` are fields of CommandSpec and Limits."""
    spec_names = {"execution_seconds", "delivery_seconds", "output_s3"}
    spec = CommandSpec(lines=lines, **{name: more.pop(name) for name in spec_names & more.keys()})
    chunks = cut_into_chunks(targets)
    if tag is not None:
        chunks = (Chunk(region=REGION, document="AWS-RunShellScript", tag=tag, expected=expected), *chunks)
    return BatchPlan(run_id=run_id, spec=spec, limits=Limits(**more), chunks=chunks)


def outcomes(results: tuple[NodeResult, ...]) -> list[Outcome]:
    return [row.outcome for row in results]


def counts(result: BatchResult) -> dict[str, int]:
    """Count the rows by their outcome."""
    return dict(Counter(str(row.outcome) for row in result.results))


def when(condition: Callable[[Progress], bool], then: Callable[[], None]) -> Callable[[Progress], None]:
    """Return a listener to progress that acts once."""
    done: list[bool] = []

    def listen(progress: Progress) -> None:
        if not done and condition(progress):
            done.append(True)
            then()

    return listen


def orders(bench: Bench) -> list[Any]:
    return [record.order for record in bench.ssm.simulation.records.values()]
