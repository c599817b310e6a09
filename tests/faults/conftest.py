"""A batch against the demo's AWS over HTTP, on a clock that runs fast."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ec2menu.aws.session import Aws
from ec2menu.batch.journal import Journal
from ec2menu.batch.nouns import BatchPlan, Target
from ec2menu.batch.outputs import OutputStore
from ec2menu.batch.runner import BatchRunner
from ec2menu.demo import commands
from ec2menu.demo.invocations import Outcome as Ended
from ec2menu.demo.server import DemoAws
from ec2menu.state.store import Store
from tests.cloud.conftest import aws_demo, demo
from tests.cloud.identities import aws_as
from tests.faults.fast import FastClock

REGION = "us-east-1"
__all__ = ["aws_demo", "demo", "site"]  # fixtures, found by their names


class Site:
    """The demo, a fast clock for it and for us, and what a runner needs."""

    def __init__(self, server: DemoAws, folder: Path) -> None:
        self.demo = server
        self.folder = folder
        self.clock = FastClock(time.time())
        self.aws: Aws = aws_as()
        self.store = Store(folder / "state.sqlite3")
        self.journal = Journal(self.store, clock=self.clock)
        self.outputs = OutputStore(folder / "runs")
        self.simulation = commands.simulation()
        self.simulation.clock = self.clock
        self.simulation.behave = lambda *_: Ended(delay_seconds=5, stdout="ok\n")

    def add(self, count: int) -> list[Target]:
        return [Target(id=each, region=REGION) for each in self.demo.add_instances(REGION, count)]

    def runner(self, plan: BatchPlan) -> BatchRunner:
        return BatchRunner(self.aws, plan, clock=self.clock, journal=self.journal, outputs=self.outputs)

    def resumed(self, *, send_rest: bool = False) -> BatchRunner:
        return BatchRunner.resume(
            self.aws, "run1", clock=self.clock, journal=self.journal, outputs=self.outputs, send_rest=send_rest
        )

    def sends(self) -> int:
        return len(self.demo.calls_of("SendCommand"))


@pytest.fixture
def site(aws_demo: DemoAws, tmp_path: Path) -> Iterator[Site]:
    made = Site(aws_demo, tmp_path)
    yield made
    made.store.close()
