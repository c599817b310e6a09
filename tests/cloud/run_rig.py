"""An ops engineer who runs commands on the demo's machines, and what the machines answer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ec2menu.aws.profiles import Profiles
from ec2menu.aws.session import Aws
from ec2menu.clock import SystemClock
from ec2menu.commands.run import RunRequest, run_batch_command
from ec2menu.commands.runs import run_runs
from ec2menu.demo.commands import simulation
from ec2menu.demo.invocations import Outcome as Answer
from ec2menu.demo.machines import WINDOWS
from ec2menu.demo.nodes import CONNECTION_LOST
from ec2menu.demo.server import DemoAws
from ec2menu.flows.batch import fresh_machines
from ec2menu.flows.context import Context
from ec2menu.ui.menu import Menu
from ec2menu.ui.screens.batch import BatchScreen
from tests.unit.desk import Desk, context_at, sit_down

REGION, OTHER = "us-east-1", "eu-west-1"


class Ops:
    """An ops engineer with one state folder; each command is a new ec2menu."""

    def __init__(self, demo: DemoAws, folder: Path) -> None:
        self.demo = demo
        self.folder = folder

    def context(self, desk: Desk, *regions: str) -> Context:
        aws = Aws(
            profile="default", explicit=False, home=REGION, profiles=Profiles(sections={}), ask_mfa=lambda text: text
        )
        context = context_at(desk, aws, self.folder, regions=regions or (REGION,))
        context.clock = SystemClock()
        return context

    def run(self, *command: str, regions: tuple[str, ...] = (), **request: Any) -> tuple[Desk, int]:
        desk = sit_down(color=False)
        wanted: dict[str, Any] = {
            "command": command,
            "yes": True,
            "all": not {"targets", "filters", "tags"} & set(request),
        } | request
        return desk, run_batch_command(self.context(desk, *regions), RunRequest(**wanted))

    def rows(self, *command: str, **request: Any) -> dict[str, dict[str, Any]]:
        """Run and return the rows by name."""
        desk, _ = self.run(*command, output="json", **request)
        return {row["name"]: row for row in json.loads(desk.data)["nodes"]}

    def runs(self, run_id: str = "", *, output: str = "table", **wanted: Any) -> tuple[Desk, int]:
        desk = sit_down(color=False)
        return desk, run_runs(self.context(desk), run_id, output=output, **{"yes": True} | wanted)

    def listed(self) -> list[dict[str, Any]]:
        """Return the list of runs as programs get it."""
        found: list[dict[str, Any]] = json.loads(self.runs(output="json")[0].data)
        return found

    def talk(self, *typed: str) -> Desk:
        """Type at the menu's screen of a batch on all machines."""
        desk = sit_down(*typed, out_tty=True, color=False)
        context = self.context(desk)
        Menu(desk.terminal).run(BatchScreen(context, fresh_machines(context, (REGION,)).items))
        return desk


def behave(answer: Callable[[str], Answer]) -> None:
    """Have every node answer as the function says."""
    with simulation().lock:
        simulation().behave = lambda node_id, _lines: answer(node_id)


def mixed_fleet(demo: DemoAws) -> dict[str, str]:
    """Launch five machines that are as different as can be; return their ids by name."""
    more: dict[str, dict[str, Any]] = {
        "web-1": {},
        "web-2": {},
        "win-1": {"platform": WINDOWS},
        "off-1": {"ping": CONNECTION_LOST},
        "old-1": {"state": "stopped"},
    }
    return {name: demo.add_instances(REGION, 1, name=name, **each)[0] for name, each in more.items()}
