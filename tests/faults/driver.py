"""A process that carries a batch out and kills itself, as `kill -9` does, at a step that the test names."""

import json
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from ec2menu.batch.actions import Order
from ec2menu.batch.hold import Hold
from ec2menu.batch.journal import Journal
from ec2menu.batch.journaled import Origin, SendState
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

    def begin(self, plan: BatchPlan, *, profile: str = "", account: str = "", origin: Origin | None = None) -> Hold:
        die_at("before begin", self._step)
        held = super().begin(plan, profile=profile, account=account, origin=origin)
        die_at("begun", self._step)
        return DeadlyHold(held, step=self._step)


class DeadlyHold(Hold):
    """A hold at whose `step` the process ends."""

    def __init__(self, held: Hold, *, step: str) -> None:
        vars(self).update(vars(held))
        self._step = step

    def intend(self, order: Order) -> None:
        super().intend(order)
        die_at("intended", self._step)
        die_at("second intended" if order.seq == 2 else "", self._step)

    def note_send(self, seq: int, state: SendState, command_id: str = "") -> None:
        die_at("sent", self._step)
        super().note_send(seq, state, command_id)
        die_at("noted", self._step)

    def note_results(self, results: Iterable[NodeResult]) -> None:
        die_at("before results", self._step)
        super().note_results(results)
        die_at("results", self._step)


def die_at(step: str, chosen: str) -> None:
    if step == chosen:
        os.kill(os.getpid(), signal.SIGKILL)


def main(step: str, base: str, folder: str, ids: str) -> None:
    clock = FastClock(float(base))
    targets = [Target(id=each, region="us-east-1") for each in json.loads(ids)]
    journal = DeadlyJournal(Store(Path(folder) / "state.sqlite3"), clock=clock, step=step)
    outputs = OutputStore(Path(folder) / "runs")
    BatchRunner(aws_as(), make(targets, concurrency=10), clock=clock, journal=journal, outputs=outputs).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
