"""The batches of the past as a table: when, how each ended, what it ran. For the menu and the command line."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ec2menu.clock import describe_age
from ec2menu.flows.context import Context
from ec2menu.models import Cell, Column, Style
from ec2menu.ui.tables import render

if TYPE_CHECKING:  # this comes with the state file
    from ec2menu.batch.journaled import RunRecord

_STATE_STYLES = {"finished": Style.PLAIN, "live": Style.GOOD}


def runs_table(context: Context, records: "Sequence[RunRecord]", *, numbers: Sequence[int] | None = None) -> list[str]:
    """Return the lines of the table, which fits the screen where stdout is one."""
    terminal = context.terminal
    return render(
        records,
        _COLUMNS,
        now=context.clock.wall(),
        width=terminal.width if terminal.is_screen else None,
        numbers=numbers,
        paint=terminal.paint,
        dimmed=lambda _record: False,
    )


def _counts(record: "RunRecord") -> str:
    return " · ".join(f"{number} {outcome}" for outcome, number in record.counts.items() if number)


_COLUMNS: "tuple[Column[RunRecord], ...]" = (
    Column(key="run", title="Run", cell=lambda record, _now: Cell(text=record.id)),
    Column(
        key="when",
        title="Age",
        cell=lambda record, now: Cell(text=describe_age((now - record.started_at).total_seconds())),
        priority=2,
        align_right=True,
    ),
    Column(
        key="state",
        title="State",
        cell=lambda record, _now: Cell(
            text=record.state.value, style=_STATE_STYLES.get(record.state.value, Style.WARN)
        ),
        priority=1,
    ),
    Column(
        key="nodes",
        title="Nodes",
        cell=lambda record, _now: Cell(text=str(record.targets)),
        priority=3,
        align_right=True,
    ),
    Column(
        key="result", title="Result", cell=lambda record, _now: Cell(text=_counts(record)), priority=4, min_width=12
    ),
    Column(
        key="command", title="Command", cell=lambda record, _now: Cell(text=record.command), priority=1, min_width=12
    ),
)
