"""The one SQLite file (WAL, 0600) that remembers things between runs; the only importer of sqlite3.

A file that is damaged is set aside and reported, never overwritten. Where nothing can be written (read-only home,
full disk) the store lives in memory for this run, and says so.
"""

import os
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ec2menu.errors import Ec2MenuError, StateBusy

SCHEMA_VERSION = 5
BUSY_TIMEOUT_SECONDS = 2.0
# A larger file is not read through at each start; what is damaged there shows when it is needed.
CHECKED_BYTES = 32 * 1024 * 1024
_SCHEMA = """
CREATE TABLE IF NOT EXISTS region_use (
    profile TEXT NOT NULL, region TEXT NOT NULL, used_at TEXT NOT NULL, PRIMARY KEY (profile, region)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS region_known (
    profile TEXT NOT NULL, region TEXT NOT NULL, opt_in TEXT NOT NULL, PRIMARY KEY (profile, region)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS connection (
    started_at TEXT NOT NULL, profile TEXT NOT NULL, region TEXT NOT NULL, target TEXT NOT NULL, name TEXT NOT NULL,
    action TEXT NOT NULL, session_id TEXT NOT NULL, outcome TEXT NOT NULL, lasted_seconds REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS connection_way (
    session_id TEXT PRIMARY KEY, via TEXT NOT NULL, host TEXT NOT NULL, port INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS local_port (
    region TEXT NOT NULL, destination TEXT NOT NULL, port INTEGER NOT NULL, PRIMARY KEY (region, destination)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch_run (
    run_id TEXT PRIMARY KEY, started_at TEXT NOT NULL, heartbeat TEXT NOT NULL, pid INTEGER NOT NULL,
    state TEXT NOT NULL, profile TEXT NOT NULL, command TEXT NOT NULL, regions TEXT NOT NULL,
    targets INTEGER NOT NULL, plan TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch_send (
    run_id TEXT NOT NULL, seq INTEGER NOT NULL, intended_at TEXT NOT NULL, sent_order TEXT NOT NULL,
    state TEXT NOT NULL, command_id TEXT NOT NULL, PRIMARY KEY (run_id, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch_result (
    run_id TEXT NOT NULL, region TEXT NOT NULL, target TEXT NOT NULL, outcome TEXT NOT NULL, result TEXT NOT NULL,
    PRIMARY KEY (run_id, region, target)
) WITHOUT ROWID;
"""
_TEXT, _NUMBER = "TEXT NOT NULL DEFAULT ''", "INTEGER NOT NULL DEFAULT 0"
# What later versions added: runs of before 3 have no owner's token and no family, those of before 5 no account;
# connections of before 5 no login.
_NEW_COLUMNS = (
    ("batch_run", "token", _TEXT),
    ("batch_run", "place", _TEXT),
    ("batch_run", "root", _TEXT),
    ("batch_run", "generation", _NUMBER),
    ("batch_run", "skipped", _NUMBER),
    ("batch_run", "account", _TEXT),
    ("connection", "login", _TEXT),
    ("connection", "database", _TEXT),
)


class _NewerSchema(Exception):
    """The file has a schema that only a later version knows; touching it could lose what that version keeps."""


class Store:
    """The state file. `warnings` says in sentences what went wrong when it was opened, `hint` what to do about it.

    `is_in_memory`: nothing is kept beyond this process.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: list[str] = []
        self.hint = ""
        self.is_in_memory = False
        self._lock = threading.Lock()
        self._connection = self._open()

    def write(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for every row in one transaction; a state that cannot be written is not worth an error."""
        self.write_all([(statement, rows)])

    def write_all(self, steps: Iterable[tuple[str, Iterable[Sequence[Any]]]]) -> None:
        """Run statements, each for its rows, in one transaction: all of it is kept, or nothing."""
        try:
            with self._lock, self._connection:
                for statement, rows in steps:
                    self._connection.executemany(statement, rows)
        except sqlite3.Error as error:
            _log_loss(error)

    def write_or_fail(self, steps: Iterable[tuple[str, Iterable[Sequence[Any]]]]) -> int:
        """Run statements as `write_all` does, safe on disk when this returns; return how many rows were changed.

        For what must be known before something is done. Raises Ec2MenuError where it cannot be written, StateBusy where
        only another process is in the way.
        """
        try:
            with self._lock, self._connection:
                before = self._connection.total_changes
                for statement, rows in steps:
                    self._connection.executemany(statement, rows)
                return self._connection.total_changes - before
        except sqlite3.Error as error:
            what = f"the state file {self.path} cannot be written ({error})"
            if _is_busy(error):
                raise StateBusy(what, hint="another program holds it: try again") from error
            raise Ec2MenuError(what, hint="make room for it, then try again") from error

    def read(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query; none where the file cannot be read."""
        try:
            with self._lock:
                return self._connection.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            _log_loss(error)
            return []

    def read_or_fail(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query, for what must not be taken for nothing. Raises Ec2MenuError."""
        try:
            with self._lock:
                return self._connection.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            raise Ec2MenuError(f"the state file {self.path} cannot be read ({error})", hint="try again") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # SQLite would create the file with the umask's mode; history names servers and accounts.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            return self._in_memory(f"state cannot be kept in {self.path} ({error.strerror or error})")
        try:
            return self._connect(self.path)
        except _NewerSchema:
            return self._in_memory(f"the state file {self.path} was written by a newer ec2menu", hint="update ec2menu")
        except sqlite3.OperationalError as error:
            return self._in_memory(f"state cannot be kept in {self.path} ({error})")
        except sqlite3.DatabaseError:
            return self._start_afresh()

    def _start_afresh(self) -> sqlite3.Connection:
        aside = self.path.with_name(f"{self.path.name}.damaged-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}")
        try:
            self.path.rename(aside)
            for suffix in ("-wal", "-shm"):  # they belong to the damaged file, and may hold what it lacks
                with suppress(FileNotFoundError):
                    self.path.with_name(self.path.name + suffix).rename(aside.with_name(aside.name + suffix))
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            connection = self._connect(self.path)
        except (OSError, sqlite3.Error) as error:
            return self._in_memory(f"the state file {self.path} is damaged and cannot be set aside ({error})")
        self.warnings.append(f"the state file was damaged; it was set aside as {aside}")
        return connection

    def _in_memory(self, why: str, *, hint: str = "make the folder writable") -> sqlite3.Connection:
        self.hint = hint
        self.warnings.append(f"{why}; nothing is remembered this time")
        self.is_in_memory = True
        return self._connect(Path(":memory:"))

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, check_same_thread=False)
        try:
            _prepare(connection)
        except (sqlite3.Error, _NewerSchema):
            connection.close()
            raise
        return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the tables where there are none, else see that the file is sound."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise _NewerSchema
    if version < SCHEMA_VERSION:
        connection.execute("PRAGMA journal_mode=WAL")
        _make_tables(connection)
    elif _size(connection) <= CHECKED_BYTES and connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("damaged")


def _size(connection: sqlite3.Connection) -> int:
    pages, each = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(pages * each)


def _make_tables(connection: sqlite3.Connection) -> None:
    """Make what is missing in one transaction: two processes that start at once do not trip over each other."""
    connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}")
    for table, name, kind in _NEW_COLUMNS:
        if name not in {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    connection.commit()


def _log_loss(error: sqlite3.Error) -> None:
    import logging  # noqa: PLC0415 - not needed where all goes well, and the first menu is fast

    logging.getLogger(__name__).debug("the state file: %s", error, exc_info=error)


def _is_busy(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0)  # absent where it is Python's own complaint
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
