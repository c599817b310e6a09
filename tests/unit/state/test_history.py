"""Connections as they happened."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ec2menu.state.history import Connection, recent_connections, record
from ec2menu.state.store import Store
from tests.fakes.clock import START

CONNECTION = Connection(
    started_at=START,
    profile="prod",
    region="us-east-1",
    target="i-0123456789abcdef0",
    name="서울-web\n\x1b[31m",
    action="shell",
    session_id="kim-0123",
    outcome="ended",
    lasted_seconds=61.5,
)


def test_a_connection_is_kept_as_it_was_with_every_field(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    record(store, CONNECTION)
    record(store, CONNECTION)
    rows = store.read(
        "SELECT started_at, profile, region, target, name, action, session_id, outcome, lasted_seconds FROM connection"
    )
    store.close()
    assert (
        rows
        == [
            (
                "2026-03-01T12:00:00+00:00",
                "prod",
                "us-east-1",
                "i-0123456789abcdef0",
                "서울-web\n\x1b[31m",
                "shell",
                "kim-0123",
                "ended",
                61.5,
            )
        ]
        * 2
    )
    assert datetime.fromisoformat(rows[0][0]) == START


def test_history_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    store.close()
    record(store, CONNECTION)
    assert store.read("SELECT * FROM connection") == []


def test_the_newest_connections_come_first_and_equal_to_what_was_recorded(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    kept = [replace(CONNECTION, started_at=START + timedelta(minutes=n), session_id=str(n)) for n in range(5)]
    for connection in kept:
        record(store, connection)
    assert recent_connections(store) == tuple(reversed(kept))
    store.close()
    assert recent_connections(store) == ()


def test_what_a_tunnel_was_asked_for_is_kept_with_the_session_that_it_had(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    tunnel = replace(CONNECTION, action="tunnel", session_id="kim-1", via="i-1", host="10.0.0.9", port=80)
    for connection in (CONNECTION, tunnel):
        record(store, connection)
    assert recent_connections(store) == (tunnel, CONNECTION)
    store.close()


def test_who_logged_in_and_where_is_kept_with_each_client_of_a_tunnel(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    clients = [replace(CONNECTION, action="psql", user=user, database="shop") for user in ("app", "서울")]
    for client in clients:
        record(store, client)
    assert recent_connections(store) == tuple(reversed(clients))
    store.close()


@pytest.mark.parametrize("version", [2, 3, 4])
def test_what_an_older_version_recorded_is_still_there(tmp_path: Path, version: int) -> None:
    store = Store(tmp_path / "s")
    record(store, CONNECTION)
    store.write_all(
        [
            ("ALTER TABLE connection DROP COLUMN login", [()]),
            ("ALTER TABLE connection DROP COLUMN database", [()]),
            *([("DROP TABLE connection_way", [()])] if version < 4 else []),
            (f"PRAGMA user_version={version}", [()]),
        ]
    )
    store.close()
    store = Store(tmp_path / "s")
    tunnel = replace(CONNECTION, session_id="kim-1", port=0)
    record(store, tunnel)
    assert (store.warnings, recent_connections(store)) == ([], (tunnel, CONNECTION))
    store.close()
