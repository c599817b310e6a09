"""Connections as they happened: when, to what, how it ended, how long it lasted. Never what was typed or shown."""

from dataclasses import dataclass, fields
from datetime import datetime

from ec2menu.state.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One session or tunnel that was opened.

    `via`, `host` and `port` are those that were named for its tunnel; `port` is None where nothing is known of them.
    `user` and `database` are those that a database's client was asked for.
    """

    started_at: datetime
    profile: str
    region: str
    target: str
    name: str
    action: str
    session_id: str
    outcome: str
    lasted_seconds: float
    via: str = ""
    host: str = ""
    port: int | None = None
    user: str = ""
    database: str = ""


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
        connection.user,
        connection.database,
    )
    way = (connection.session_id, connection.via, connection.host, connection.port)
    store.write_all(
        [
            ("INSERT INTO connection VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [row]),
            ("INSERT OR REPLACE INTO connection_way VALUES (?, ?, ?, ?)", [] if connection.port is None else [way]),
        ]
    )


def recent_connections(store: Store) -> tuple[Connection, ...]:
    """Return all connections, the last one first."""
    names = [field.name for field in fields(Connection)]
    rows = store.read(
        "SELECT started_at, profile, region, target, name, action, session_id, outcome, lasted_seconds,"
        " coalesce(via, '') AS via, coalesce(host, '') AS host, port, login AS user, database"
        " FROM connection LEFT JOIN connection_way USING (session_id)"
        " ORDER BY started_at DESC, connection.rowid DESC"
    )
    return tuple(
        Connection(**dict(zip(names, row, strict=True)) | {"started_at": datetime.fromisoformat(row[0])})
        for row in rows
    )
