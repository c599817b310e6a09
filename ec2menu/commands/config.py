"""`ec2menu config`: the settings in force and where each came from."""

from ec2menu.config import DESCRIPTIONS
from ec2menu.errors import ExitStatus
from ec2menu.flows.context import Context
from ec2menu.models import Cell, Column
from ec2menu.ui.tables import render

_Row = tuple[str, str, str, str]
_COLUMNS: tuple[Column[_Row], ...] = (
    Column(key="setting", title="Setting", cell=lambda row, _now: Cell(text=row[0])),
    Column(key="value", title="Value", cell=lambda row, _now: Cell(text=row[1]), priority=1, min_width=8),
    Column(key="source", title="From", cell=lambda row, _now: Cell(text=row[2]), priority=2, min_width=12),
    Column(key="meaning", title="Meaning", cell=lambda row, _now: Cell(text=row[3]), priority=3, min_width=20),
)


def run_config(context: Context) -> int:
    """Print every setting with its value, its source and its meaning, then the files."""
    config, terminal = context.config, context.terminal
    found = {name: (_written(getattr(config.settings, name)), source) for name, source in config.sources.items()}
    for name, value in (("profile", context.profile), ("region", context.home)):
        if not found[name][0] and value:
            found[name] = (value, "AWS's own configuration")
    rows = [(name, value, source, DESCRIPTIONS[name]) for name, (value, source) in found.items()]
    lines = render(
        rows,
        _COLUMNS,
        now=context.clock.wall(),
        width=terminal.width if terminal.is_screen else None,
        numbers=None,
        paint=terminal.paint,
        dimmed=lambda row: row[2] == "default",
    )
    terminal.data("\n".join(lines))
    terminal.data("")
    terminal.data(f"config file  {config.path}{'' if config.path.exists() else '  (not there yet)'}")
    terminal.data(f"state file   {context.store.path}")
    terminal.data(f"snapshots    {context.snapshot_folder or 'none are kept (snapshot = false)'}")
    return ExitStatus.DONE


def _written(value: str | int) -> str:
    """Return a value as it stands in config.toml, but for a text's quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)
