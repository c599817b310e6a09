"""The list of machines: a number opens a shell (or Remote Desktop), several a window each; `run` starts a batch."""

from collections.abc import Sequence
from typing import Any

from ec2menu.errors import ExitStatus
from ec2menu.flows.context import Context
from ec2menu.models import Instance, ManagedNode
from ec2menu.resources.ec2 import from_node
from ec2menu.resources.kinds import ResourceKind
from ec2menu.ui.menu import Move, Screen
from ec2menu.ui.screens.lists import ListScreen


def machine_screen(context: Context, kind: ResourceKind, regions: Sequence[str]) -> Screen:
    """Return the list of EC2 instances or SSM nodes of some regions."""

    def choose(chosen: Sequence[Any]) -> Move | None:
        from ec2menu.flows.connect import connect_one  # noqa: PLC0415 - the list is drawn before anything is connected
        from ec2menu.flows.several import connect_several  # noqa: PLC0415 - the same

        machines = _machines(chosen)
        if len(machines) > 1:
            connect_several(context, machines)
            return None
        return Move.STAY if connect_one(context, machines[0]) == ExitStatus.DONE else None

    def run(chosen: Sequence[Any]) -> Screen:
        from ec2menu.ui.screens.batch import BatchScreen  # noqa: PLC0415 - a list is drawn without it

        return BatchScreen(context, _machines(chosen))

    return ListScreen(context, kind, regions, choose=choose, run=run)


def _machines(chosen: Sequence[Any]) -> list[Instance]:
    return [from_node(item) if isinstance(item, ManagedNode) else item for item in chosen]
