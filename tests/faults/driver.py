"""A process that carries a batch out and kills itself, as `kill -9` does, at a step that the test names."""

import json
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from ec2menu.batch.actions import Order
from ec2menu.batch.journal import Journal, SendState
from ec2menu.batch.nouns import BatchPlan, NodeResult, Target
from ec2menu.batch.outputs import OutputStore
from ec2menu.batch.runner import BatchRunner
from ec2menu.clock import Clock
from ec2menu.state.store import Store
from tests.cloud.identities import aws_as
from tests.faults.fast import FastClock
from tests.unit.batch.rig import make

STEPS = ("before begin", "begun", "intended", "sent", "noted", "before results", "results", "second intended")


class DeadlyJournal(Journal):
    """A journal at whose `step` the process ends."""

    def __init__(self, store: Store, *, clock: Clock, step: str) -> None:
        super().__init__(store, clock=clock)
        self._step = step

    def begin(self, plan: BatchPlan, *, profile: str = "") -> None:
        self._at("before begin")
        super().begin(plan, profile=profile)
        self._at("begun")

    def intend(self, run_id: str, order: Order) -> None:
        super().intend(run_id, order)
        self._at("intended")
        self._at("second intended" if order.seq == 2 else "")

    def note_send(self, run_id: str, seq: int, state: SendState, command_id: str = "") -> None:
        self._at("sent")
        super().note_send(run_id, seq, state, command_id)
        self._at("noted")

    def note_results(self, run_id: str, results: Iterable[NodeResult]) -> None:
        self._at("before results")
        super().note_results(run_id, results)
        self._at("results")

    def _at(self, step: str) -> None:
        if step == self._step:
            os.kill(os.getpid(), signal.SIGKILL)


def main(step: str, base: str, folder: str, ids: str) -> None:
    clock = FastClock(float(base))
    targets = [Target(id=each, region="us-east-1") for each in json.loads(ids)]
    journal = DeadlyJournal(Store(Path(folder) / "state.sqlite3"), clock=clock, step=step)
    outputs = OutputStore(Path(folder) / "runs")
    BatchRunner(aws_as(), make(targets, concurrency=10), clock=clock, journal=journal, outputs=outputs).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
