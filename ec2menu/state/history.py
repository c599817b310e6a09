"""Connections as they happened: when, to what, how it ended, how long it lasted. Never what was typed or shown."""

from dataclasses import dataclass
from datetime import datetime

from ec2menu.state.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One session or tunnel that was opened."""

    started_at: datetime
    profile: str
    region: str
    target: str
    name: str
    action: str
    session_id: str
    outcome: str
    lasted_seconds: float


def record(store: Store, connection: Connection) -> None:
    """Append a connection."""
    row = (
        connection.started_at.isoformat(),
        connection.profile,
        connection.region,
        connection.target,
        connection.name,
        connection.action,
        connection.session_id,
        connection.outcome,
        connection.lasted_seconds,
    )
    store.write("INSERT INTO connection VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [row])


def recent_connections(store: Store, *, limit: int) -> tuple[Connection, ...]:
    """Return the newest connections, the last one first."""
    rows = store.read(
        "SELECT started_at, profile, region, target, name, action, session_id, outcome, lasted_seconds"
        " FROM connection ORDER BY started_at DESC, rowid DESC LIMIT ?",
        (limit,),
    )
    return tuple(
        Connection(
            started_at=datetime.fromisoformat(started),
            profile=profile,
            region=region,
            target=target,
            name=name,
            action=action,
            session_id=session_id,
            outcome=outcome,
            lasted_seconds=lasted,
        )
        for started, profile, region, target, name, action, session_id, outcome, lasted in rows
    )
