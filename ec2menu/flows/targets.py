"""TARGET → one machine: an id, a Name, or a unique part of one. Several matches are listed and refused, not guessed."""

from collections.abc import Sequence

from ec2menu.errors import TargetUnclear
from ec2menu.models import Instance
from ec2menu.ui.text import escape, fold, shorten

MAX_SHOWN = 20
MAX_NAME_COLUMNS = 60


def find_instance(target: str, instances: Sequence[Instance], *, where: str) -> Instance:
    """Return the machine that `target` names: by id, else by whole Name, else by a part of either, ignoring case.

    Raises TargetUnclear when that is none or several. A terminated instance is only found by its id.
    """
    wanted = fold(target)
    if by_id := [instance for instance in instances if instance.id == target]:
        return by_id[0]
    alive = [instance for instance in instances if instance.state not in ("terminated", "shutting-down")]
    for found in (
        [instance for instance in alive if target and instance.name == target],
        [instance for instance in alive if wanted and fold(instance.name) == wanted],
        [instance for instance in alive if wanted and (wanted in fold(instance.name) or wanted in fold(instance.id))],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            raise TargetUnclear(
                f"{len(found)} machines are called like {target}",
                hint="use one of these ids",
                matches=_describe_all(found),
            )
    raise TargetUnclear(f"nothing in {where} is called {target}", hint="list them with: ec2menu ls ec2")


def describe(instance: Instance) -> str:
    """Name a machine the way it is echoed before connecting: `name (id)`, or the id alone."""
    return f"{shorten(escape(instance.name), MAX_NAME_COLUMNS)} ({instance.id})" if instance.name else instance.id


def _describe_all(found: Sequence[Instance]) -> tuple[str, ...]:
    ordered = sorted(found, key=lambda instance: (instance.name, instance.id))
    lines = [
        "  ".join(
            filter(
                None, (instance.id, instance.region, instance.az, instance.private_ip, instance.state, instance.name)
            )
        )
        for instance in ordered[:MAX_SHOWN]
    ]
    if len(ordered) > MAX_SHOWN:
        lines.append(f"… and {len(ordered) - MAX_SHOWN} more")
    return tuple(lines)
