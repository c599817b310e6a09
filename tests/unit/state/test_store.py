"""The state file: private, shared by processes, never overwritten when damaged, and never worth an error."""

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ec2menu.batch.journal import Journal
from ec2menu.batch.journaled import RunState
from ec2menu.errors import Ec2MenuError
from ec2menu.state.store import SCHEMA_VERSION, Store
from tests.fakes.clock import FakeClock

INSERT = "INSERT INTO region_use VALUES (?, ?, ?)"
SELECT = "SELECT profile, region, used_at FROM region_use ORDER BY region"
WRITER = """
import os, sys
from pathlib import Path
from ec2menu.state.store import Store
if len(sys.argv) > 4:
    os.setuid(int(sys.argv[4]))
store = Store(Path(sys.argv[1]))
sys.stdin.read(1)
for n in range(int(sys.argv[3])):
    store.write("INSERT INTO region_use VALUES (?, ?, ?)", [(sys.argv[2], f"r{n:03}", "now")])
print(store.warnings, len(store.read("SELECT * FROM region_use WHERE profile = ?", (sys.argv[2],))))
store.close()
"""
NOBODY = 65534


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Store]:
    store = Store(path)
    try:
        yield store
    finally:
        store.close()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def set_aside(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if ".damaged-" in path.name)


def make_with_rows(path: Path, count: int = 1) -> None:
    with opened(path) as store:
        store.write(INSERT, [("p", f"r{number:04}", "now") for number in range(count)])


def start_writer(path: Path, profile: str, count: int) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-c", WRITER, str(path), profile, str(count)]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_what_is_written_is_there_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "state.sqlite3"
    with opened(path) as store:
        store.write(INSERT, [("p", "us-east-1", "now"), ("p", "eu-west-1", "then")])
        assert store.warnings == []
    with opened(path) as store:
        assert store.read(SELECT) == [("p", "eu-west-1", "then"), ("p", "us-east-1", "now")]
        assert store.warnings == []


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_file_and_folder_are_for_their_owner_only_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "state" / "state.sqlite3"
    before = os.umask(umask)
    try:
        with opened(path) as store:
            store.write(INSERT, [("p", "r", "now")])
            assert {mode(each) for each in path.parent.iterdir()} == {0o600}
            assert len(list(path.parent.iterdir())) > 1, "the write-ahead log is there, too"
    finally:
        os.umask(before)
    assert mode(path.parent) == 0o700


def test_one_bad_row_leaves_nothing_of_its_transaction(tmp_path: Path) -> None:
    with opened(tmp_path / "s") as store:
        store.write(INSERT, [("p", "good", "now"), ("p", None, "now")])
        assert store.read(SELECT) == []


def test_several_statements_are_kept_together_or_not_at_all(tmp_path: Path) -> None:
    make_with_rows(tmp_path / "s")
    with opened(tmp_path / "s") as store:
        store.write_all([("DELETE FROM region_use", [()]), (INSERT, [("p", None, "now")])])
        assert store.read(SELECT) == [("p", "r0000", "now")]
        store.write_all([("DELETE FROM region_use", [()]), (INSERT, [("p", "new", "now")])])
        assert store.read(SELECT) == [("p", "new", "now")]


def test_a_full_disk_costs_the_row_and_nothing_else(tmp_path: Path) -> None:
    make_with_rows(tmp_path / "s")
    with opened(tmp_path / "s") as store:
        pages = store.read("PRAGMA page_count")[0][0]
        assert store.read(f"PRAGMA max_page_count={pages}") == [(pages,)]
        store.write(INSERT, [("p", f"long-{number}" * 50, "now") for number in range(500)])
        assert store.read(SELECT) == [("p", "r0000", "now")]
        store.read("PRAGMA max_page_count=100000")
        store.write(INSERT, [("p", "r2", "now")])
        assert len(store.read(SELECT)) == 2


def test_a_query_that_cannot_be_answered_finds_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "s") as store:
        assert store.read("SELECT * FROM favourites") == []


def test_a_store_that_was_closed_takes_and_gives_nothing_without_an_error(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    store.close()
    store.write(INSERT, [("p", "r", "now")])
    assert store.read(SELECT) == []
    store.close()


@pytest.mark.parametrize(
    "content", [b"not a database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 4096, b"x" * 50]
)
def test_a_damaged_file_is_set_aside_kept_and_reported(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.sqlite3"
    path.write_bytes(content)
    with opened(path) as store:
        store.write(INSERT, [("p", "r", "now")])
        assert len(store.read(SELECT)) == 1
        assert len(store.warnings) == 1
        assert "the state file was damaged; it was set aside as " in store.warnings[0]
    (aside,) = set_aside(tmp_path)
    assert aside.read_bytes() == content
    assert str(aside) in store.warnings[0]
    assert mode(path) == 0o600
    with opened(path) as store:
        assert (store.warnings, len(store.read(SELECT))) == ([], 1)


def test_a_file_that_was_cut_off_is_noticed_though_its_head_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "s"
    make_with_rows(path, 2000)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with opened(path) as store:
        assert "damaged" in store.warnings[0]
        assert store.read(SELECT) == []
    assert set_aside(tmp_path)[0].read_bytes() == whole[: len(whole) // 2]


def test_the_write_ahead_log_of_a_damaged_file_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with opened(path) as other:
        other.read("PRAGMA wal_checkpoint(TRUNCATE)")
        other.write(INSERT, [("p", "last words", "now")])
        log = (tmp_path / "s-wal").read_bytes()
        with path.open("r+b") as file:
            file.write(b"no database any more")
        with opened(path) as store:
            assert "damaged" in store.warnings[0]
            store.write(INSERT, [("p", "r", "now")])
            assert len(store.read(SELECT)) == 1
    assert b"last words" in log
    assert [aside.read_bytes() for aside in set_aside(tmp_path) if aside.name.endswith("-wal")] == [log]


def test_two_damaged_files_on_one_day_are_both_kept(tmp_path: Path) -> None:
    for content in (b"first" * 300, b"second" * 300):
        (tmp_path / "s").write_bytes(content)
        writer = start_writer(tmp_path / "s", "p", 0)
        writer.communicate("x")
    assert {aside.read_bytes()[:5] for aside in set_aside(tmp_path)} == {b"first", b"secon"}


def test_a_file_of_a_newer_version_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with contextlib.closing(sqlite3.connect(path)) as newer:
        newer.executescript(f"CREATE TABLE connection (id); PRAGMA user_version={SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    with opened(path) as store:
        assert "was written by a newer ec2menu; nothing is remembered this time" in store.warnings[0]
        assert store.hint == "update ec2menu"
        store.write(INSERT, [("p", "r", "now")])
        assert len(store.read(SELECT)) == 1
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["s"]


def test_an_empty_file_becomes_the_state_file(tmp_path: Path) -> None:
    (tmp_path / "s").touch()
    make_with_rows(tmp_path / "s")
    with opened(tmp_path / "s") as store:
        assert (store.warnings, len(store.read(SELECT))) == ([], 1)


@pytest.mark.parametrize("in_the_way", ["folder", "parent"])
def test_where_no_file_can_be_the_store_remembers_for_this_run_only_and_says_so(
    tmp_path: Path, in_the_way: str
) -> None:
    path = tmp_path / "state" / "s"
    if in_the_way == "folder":
        path.mkdir(parents=True)
    else:
        path.parent.write_text("a file where the folder should be")
    with opened(path) as store:
        assert f"state cannot be kept in {path}" in store.warnings[0]
        assert store.warnings[0].endswith("nothing is remembered this time")
        store.write(INSERT, [("p", "r", "now")])
        assert len(store.read(SELECT)) == 1


def test_a_read_only_folder_costs_the_memory_and_not_the_program() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        as_nobody = [str(NOBODY)] if os.geteuid() == 0 else []  # root may write anywhere
        argv = [sys.executable, "-c", WRITER, f"{folder}/s", "p", "3", *as_nobody]
        run = subprocess.run(argv, input="x", capture_output=True, text=True, check=True)
        assert "Permission denied); nothing is remembered this time" in run.stdout
        assert run.stdout.endswith(" 3\n")
        assert list(Path(folder).iterdir()) == []


@pytest.mark.parametrize("exists", [True, False])
def test_processes_that_open_and_write_at_once_lose_nothing(tmp_path: Path, exists: bool) -> None:
    path = tmp_path / "s"
    if exists:
        make_with_rows(path, 0)
    writers = [start_writer(path, f"p{number}", 40) for number in range(4)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("x")
        writer.stdin.flush()
    assert [writer.communicate()[0] for writer in writers] == ["[] 40\n"] * 4
    with opened(path) as store:
        assert store.read("SELECT profile, count(*) FROM region_use GROUP BY profile") == [
            (f"p{number}", 40) for number in range(4)
        ]


def test_a_file_that_another_process_holds_for_long_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ec2menu.state.store.BUSY_TIMEOUT_SECONDS", 0.05)
    make_with_rows(tmp_path / "s")
    with (
        contextlib.closing(sqlite3.connect(tmp_path / "s", isolation_level=None)) as other,
        opened(tmp_path / "s") as s,
    ):
        other.execute("BEGIN IMMEDIATE")
        s.write(INSERT, [("p", "late", "now")])
        assert s.read(SELECT) == [("p", "r0000", "now")]
        other.execute("ROLLBACK")
        s.write(INSERT, [("p", "late", "now")])
        assert len(s.read(SELECT)) == 2


SCHEMA_2 = """
CREATE TABLE batch_run (
    run_id TEXT PRIMARY KEY, started_at TEXT NOT NULL, heartbeat TEXT NOT NULL, pid INTEGER NOT NULL,
    state TEXT NOT NULL, profile TEXT NOT NULL, command TEXT NOT NULL, regions TEXT NOT NULL,
    targets INTEGER NOT NULL, plan TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO batch_run VALUES ('r', '2026-03-01T12:00:00+00:00', '2026-03-01T12:00:00+00:00', 0, 'detached', 'p',
    'uptime', 'us-east-1', 1, '{"run_id": "r", "spec": {"lines": ["x"]},
    "limits": {}, "chunks": [{"region": "us-east-1",
    "document": "D", "targets": [{"id": "i-1", "region": "us-east-1"}], "tag": null}], "skipped": [], "warnings": []}');
PRAGMA user_version=2;
"""


def test_the_runs_of_a_file_of_the_version_before_are_there_and_can_be_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with contextlib.closing(sqlite3.connect(path)) as older:
        older.executescript(SCHEMA_2)
    for _ in range(2):  # the second time there is nothing left to be done
        with opened(path) as store:
            assert store.warnings == []
            journal = Journal(store, clock=FakeClock())
            run = journal.load("r")
            assert (run.record.state, run.record.root, run.generation) == (RunState.DETACHED, "", 0)
            journal.claim(run).finish(RunState.DETACHED)


def test_processes_that_bring_an_older_file_up_to_date_at_once_do_not_trip(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with contextlib.closing(sqlite3.connect(path)) as older:
        older.executescript(SCHEMA_2)
    writers = [start_writer(path, f"p{number}", 1) for number in range(4)]
    assert [writer.communicate("x")[0] for writer in writers] == ["[] 1\n"] * 4


def test_what_must_not_be_taken_for_nothing_is_an_error_where_it_cannot_be_read(tmp_path: Path) -> None:
    with opened(tmp_path / "s") as store:
        assert store.read_or_fail(SELECT) == []
        with pytest.raises(Ec2MenuError, match="cannot be read"):
            store.read_or_fail("SELECT * FROM favourites")
