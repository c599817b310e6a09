"""`ec2menu history`: connections as they happened, and `--repeat N`, which makes one of them again."""

import dataclasses
from dataclasses import dataclass

from ec2menu.clock import describe_age, describe_duration
from ec2menu.commands.connect import run_connect
from ec2menu.commands.forward import ForwardRequest, run_forward
from ec2menu.errors import ExitStatus, InvalidInput
from ec2menu.exports import csv_text, json_text
from ec2menu.flows.context import Context
from ec2menu.flows.databases import Wishes
from ec2menu.models import Cell, Column, Style
from ec2menu.state.history import Connection, recent_connections
from ec2menu.ui.tables import render

MAX_SHOWN = 200
_NODES = ("i-", "mi-", "ecs:")
_WAYS_OF_MACHINES = ("shell", "rdp")
_COLUMNS: tuple[Column[Connection], ...] = (
    Column(
        key="when",
        title="When",
        cell=lambda each, now: Cell(text=f"{describe_age((now - each.started_at).total_seconds())} ago"),
        align_right=True,
    ),
    Column(key="action", title="What", cell=lambda each, _now: Cell(text=each.action), priority=2),
    Column(
        key="name",
        title="Name",
        cell=lambda each, _now: Cell(text=each.name, style=Style.STRONG),
        priority=1,
        min_width=12,
    ),
    Column(key="target", title="Target", cell=lambda each, _now: Cell(text=each.target), priority=1, min_width=12),
    Column(key="region", title="Region", cell=lambda each, _now: Cell(text=each.region), priority=4),
    Column(key="profile", title="Profile", cell=lambda each, _now: Cell(text=each.profile), priority=6, min_width=8),
    Column(key="outcome", title="Ended", cell=lambda each, _now: Cell(text=each.outcome), priority=3, min_width=12),
    Column(
        key="lasted",
        title="Lasted",
        cell=lambda each, _now: Cell(text=describe_duration(each.lasted_seconds)),
        priority=5,
        align_right=True,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRequest:
    """What was asked on the command line; `repeat` None only lists."""

    repeat: int | None
    output: str


def run_history(context: Context, request: HistoryRequest) -> int:
    """Print the connections, the newest first, or make the one with the number `repeat` again; return the status."""
    found = recent_connections(context.store)
    if request.repeat is not None:
        return _repeat(context, found, request.repeat)
    text = _format(context, found, output=request.output)
    if text:
        (context.terminal.data if request.output == "table" else context.terminal.document)(text)
    context.terminal.flush()
    if not found and request.output == "table":
        context.terminal.note("nothing has been connected to yet", Style.DIM)
    if len(found) > MAX_SHOWN and request.output == "table":
        context.terminal.note(f"the newest {MAX_SHOWN} of {len(found):,}; all: ec2menu history -o csv", Style.DIM)
    return ExitStatus.DONE


def _repeat(context: Context, found: tuple[Connection, ...], number: int) -> int:
    if not 1 <= number <= len(found):
        raise InvalidInput(f"there is no connection number {number}", hint="list them with: ec2menu history")
    chosen = found[number - 1]
    if chosen.profile != context.profile:
        raise InvalidInput(
            f"that was with the profile {chosen.profile}, and this is {context.profile}",
            hint=f"type: ec2menu -p {chosen.profile} history --repeat {number}",
        )
    context.regions = (chosen.region,)
    if chosen.action == "tunnel":
        return _repeat_tunnel(context, chosen)
    way = chosen.action if chosen.action in _WAYS_OF_MACHINES else ""
    client = "" if way or chosen.action == "exec" else chosen.action
    wishes = Wishes(via=chosen.via, client=client, user=chosen.user, database=chosen.database)
    return run_connect(context, chosen.target, way=way, wishes=wishes)


def _repeat_tunnel(context: Context, chosen: Connection) -> int:
    """Open a tunnel again as it was asked for; of what was recorded before that was, only part can be told."""
    if chosen.port is not None:
        is_behind_node = bool(chosen.via and chosen.host)  # which has no id of its own to be found by
        target = "" if is_behind_node else chosen.target
        return run_forward(context, ForwardRequest(target=target, via=chosen.via, host=chosen.host, port=chosen.port))
    host, _, port = chosen.name.rpartition(":")
    if chosen.target == chosen.name:
        raise InvalidInput(
            f"the history does not say which node led to {chosen.name}",
            hint=f"type: ec2menu forward --via NODE --host {host} --port {port}",
        )
    is_of_node = host.startswith(_NODES) and port.isdecimal()
    return run_forward(context, ForwardRequest(target=chosen.target, port=int(port) if is_of_node else 0))


def _format(context: Context, found: tuple[Connection, ...], *, output: str) -> str:
    records = [dataclasses.asdict(each) | {"started_at": each.started_at.isoformat()} for each in found]
    if output == "json":
        return json_text(records, is_ascii=not context.terminal.is_unicode)
    if output == "csv":
        names = [field.name for field in dataclasses.fields(Connection)]
        return csv_text(names, records)
    terminal = context.terminal
    shown = found[:MAX_SHOWN]
    lines = render(
        shown,
        _COLUMNS,
        now=context.clock.wall(),
        width=terminal.width if terminal.is_screen else None,
        numbers=range(1, len(shown) + 1),
        paint=terminal.paint,
        dimmed=lambda _each: False,
    )
    return "\n".join(lines) if found else ""
