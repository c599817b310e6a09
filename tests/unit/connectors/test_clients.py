"""Database and cache clients: which is taken, which CA it may trust, and what is left of a password after it ran."""

import json
import os
import signal
import stat
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from ec2menu.connectors.clients import (
    Client,
    ClientCall,
    PrivateFile,
    find_ca,
    find_client,
    new_private_path,
    remove_leftovers,
    run_client,
)
from ec2menu.connectors.engines import engine_of
from ec2menu.connectors.process import Completed
from ec2menu.connectors.secrets import HiddenText
from ec2menu.errors import ConnectorError, InvalidInput


def program_that_says(*words: str) -> Any:
    """Return a `run` that knows each program's version by name; what it does not know cannot be run."""
    said = dict(word.split("=", 1) for word in words)

    def run(argv: Sequence[str]) -> Completed:
        output = said.get(Path(argv[0]).name)
        return Completed(status=127 if output is None else 0, output=output or "")

    return run


# -- which client -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("engine", "installed", "preferred", "name", "dialect"),
    [
        ("postgres", "psql pgcli", "", "psql", "psql"),
        ("postgres", "pgcli", "", "pgcli", "pgcli"),
        ("postgres", "psql pgcli", "pgcli", "pgcli", "pgcli"),
        ("postgres", "psql", "pgcli", "psql", "psql"),
        ("postgres", "psql mysql", "mysql", "psql", "psql"),
        ("aurora-mysql", "mysql mariadb", "", "mysql", "mysql"),
        ("mariadb", "mysql mariadb", "", "mariadb", "mariadb"),
        ("aurora-mysql", "mycli", "", "mycli", "mycli"),
        ("redis", "valkey-cli", "", "valkey-cli", "valkey-cli"),
        ("valkey", "redis-cli valkey-cli", "", "valkey-cli", "valkey-cli"),
        ("sqlserver-ex", "sqlcmd", "", "sqlcmd", "sqlcmd"),
    ],
)
def test_the_preferred_client_is_taken_and_else_the_best_that_is_there(
    engine: str, installed: str, preferred: str, name: str, dialect: str
) -> None:
    paths = {each: f"/usr/bin/{each}" for each in installed.split()}
    found = find_client(engine_of(engine), paths.get, run=program_that_says("mysql=mysql Ver 8.4"), preferred=preferred)

    assert found == Client(name=name, program=f"/usr/bin/{name}", dialect=dialect)


@pytest.mark.parametrize("engine", ["postgres", "memcached", "neptune", "db2-se", "unheard-of"])
def test_no_client_is_found_where_none_is_installed_or_known(engine: str) -> None:
    everything_else = {name: f"/usr/bin/{name}" for name in ("vi", "sql", "mysql", "redis-cli")}

    assert find_client(engine_of(engine), everything_else.get, run=program_that_says()) is None


@pytest.mark.parametrize(
    ("version", "dialect"),
    [
        ("mysql  Ver 15.1 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64) using  EditLine wrapper", "mariadb"),
        ("mysql from 11.4.2-MariaDB, client 15.2 for Linux (x86_64)", "mariadb"),
        ("mysql  Ver 8.4.2 for Linux on x86_64 (MySQL Community Server - GPL)", "mysql"),
        ("no answer within 10 s", "mysql"),
    ],
)
def test_a_mysql_that_is_mariadbs_is_spoken_to_as_such(version: str, dialect: str) -> None:
    found = find_client(engine_of("mysql"), {"mysql": "/usr/bin/mysql"}.get, run=program_that_says(f"mysql={version}"))

    assert found == Client(name="mysql", program="/usr/bin/mysql", dialect=dialect)


@pytest.mark.parametrize(
    ("version", "is_found"), [("SQLcl: Release 24.3 Production", True), ("GNU sql 20221122", False)]
)
def test_a_program_named_sql_is_taken_only_where_it_is_oracles(version: str, *, is_found: bool) -> None:
    found = find_client(engine_of("oracle-ee"), {"sql": "/usr/bin/sql"}.get, run=program_that_says(f"sql={version}"))

    assert bool(found) is is_found


# -- the CA file ------------------------------------------------------------------------------------------------------


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """A config folder and a home, each with a CA file."""
    config, home = tmp_path / "config", tmp_path / "home"
    for path in (config / "global-bundle.pem", home / ".postgresql" / "root.crt"):
        path.parent.mkdir(parents=True)
        path.write_text("CA")
    return config, home


def test_a_configured_ca_file_comes_first(places: tuple[Path, Path], tmp_path: Path) -> None:
    mine = tmp_path / "mine.pem"
    mine.write_text("CA")

    assert find_ca(str(mine), *places, engine=engine_of("postgres")) == mine


def test_a_configured_ca_file_that_is_not_there_is_refused_and_never_ignored(places: tuple[Path, Path]) -> None:
    with pytest.raises(InvalidInput, match=r"there is no file /nowhere/ca\.pem") as refusal:
        find_ca("/nowhere/ca.pem", *places, engine=engine_of("postgres"))
    assert "rds_ca" in refusal.value.hint


def test_the_bundle_beside_the_config_comes_before_libpqs(places: tuple[Path, Path]) -> None:
    config, home = places

    assert find_ca("", config, home, engine=engine_of("postgres")) == config / "global-bundle.pem"
    (config / "global-bundle.pem").unlink()
    assert find_ca("", config, home, engine=engine_of("postgres")) == home / ".postgresql" / "root.crt"


def test_libpqs_ca_file_is_not_for_other_engines(places: tuple[Path, Path]) -> None:
    config, home = places
    (config / "global-bundle.pem").unlink()

    assert find_ca("", config, home, engine=engine_of("mysql")) is None


@pytest.mark.parametrize("engine", ["redis", "valkey", "memcached", "neptune"])
def test_the_ca_of_rds_is_not_for_caches_and_neptune(places: tuple[Path, Path], engine: str) -> None:
    assert find_ca("", *places, engine=engine_of(engine)) is None


# -- running ----------------------------------------------------------------------------------------------------------

CLIENT = """
import json, os, signal, sys
file = next(part for part in sys.argv if part.startswith("--defaults-file=")).partition("=")[2]
signal.signal(signal.SIGINT, lambda *_: os.write(1, b'"interrupted"\\n'))
seen = {"pid": os.getpid(), "file": file, "text": open(file).read(), "password": os.environ.get("DB_PASSWORD")}
print(json.dumps(seen), flush=True)
for line in sys.stdin:
    sys.exit(int(line))
"""
OURS = """
import signal, sys
from pathlib import Path
from ec2menu.connectors.clients import ClientCall, PrivateFile, new_private_path, run_client
from ec2menu.connectors.secrets import HiddenText

def end(number, _frame):
    sys.exit(128 + number)

signal.signal(signal.SIGTERM, end)
folder, client, password = Path(sys.argv[1]), sys.argv[2], sys.stdin.readline().strip()
path = new_private_path(folder)
file = PrivateFile(path=path, text=HiddenText("password=" + password))
argv = (sys.executable, "-IS", client, f"--defaults-file={path}")
call = ClientCall(argv=argv, environment={"DB_PASSWORD": HiddenText(password), "GONE": None}, files=(file,))
print(run_client(call, environ={"PATH": "/usr/bin:/bin", "GONE": "x"}), flush=True)
"""


needs_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs Linux's /proc")


class Running:
    """ec2menu with a stand-in client in front of it that has said what it was given; both wait."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "run"
        self.password = token_hex()
        client = folder / "client.py"
        client.write_text(CLIENT)
        self.ours = subprocess.Popen(
            [sys.executable, "-c", OURS, str(self.folder), str(client)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,
        )
        self.tell(self.password)
        self.client = self.hear()

    def tell(self, line: str) -> None:
        assert self.ours.stdin
        self.ours.stdin.write(f"{line}\n")
        self.ours.stdin.flush()

    def hear(self) -> Any:
        assert self.ours.stdout
        return json.loads(self.ours.stdout.readline())

    def files(self) -> list[Path]:
        return list(self.folder.iterdir())

    def close(self) -> None:
        for pid in (self.ours.pid, self.client["pid"]):
            if self.ours.poll() is None or pid != self.ours.pid:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
        self.ours.wait()
        for stream in (self.ours.stdin, self.ours.stdout):
            if stream:
                stream.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    running.close()


@needs_proc
def test_a_client_is_given_its_password_and_no_process_has_it_in_an_argument(running: Running) -> None:
    assert running.client["password"] == running.password
    assert running.client["text"] == f"password={running.password}"
    for pid in (running.ours.pid, running.client["pid"]):
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
        assert words
        assert running.password.encode() not in words


def test_a_private_file_is_its_owners_alone_while_the_client_runs(running: Running) -> None:
    path = Path(running.client["file"])

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("status", [0, 3])
def test_a_clients_status_is_returned_and_its_file_removed(running: Running, status: int) -> None:
    running.tell(str(status))

    assert running.hear() == status
    assert running.files() == []


def test_a_client_that_is_killed_leaves_no_file(running: Running) -> None:
    os.kill(running.client["pid"], signal.SIGKILL)

    assert running.hear() == -signal.SIGKILL
    assert running.files() == []


def test_ctrl_c_is_the_clients_and_leaves_no_file_after_it(running: Running) -> None:
    os.killpg(running.ours.pid, signal.SIGINT)

    assert running.hear() == "interrupted"
    assert running.files() == [Path(running.client["file"])]
    running.tell("0")
    assert running.hear() == 0
    assert running.files() == []


def test_when_we_are_ended_the_client_goes_and_leaves_no_file(running: Running) -> None:
    running.ours.terminate()

    assert running.ours.wait(10) == 128 + signal.SIGTERM
    assert running.files() == []


def test_what_is_left_when_we_are_killed_is_removed_the_next_time(running: Running) -> None:
    running.ours.kill()
    running.ours.wait()
    assert running.files() == [Path(running.client["file"])]

    call = ClientCall(argv=(sys.executable, "-c", ""), files=(a_file(running.folder),))
    assert run_client(call, environ={}) == 0
    assert running.files() == []


def test_files_of_processes_that_live_and_of_others_are_left_alone(tmp_path: Path) -> None:
    kept = [new_private_path(tmp_path), tmp_path / "login-x.cnf", tmp_path / "login-1-ab.cnf", tmp_path / "notes.txt"]
    for path in kept:
        path.write_text("kept")

    remove_leftovers(tmp_path)

    assert sorted(tmp_path.iterdir()) == sorted(kept)


@needs_proc
def test_a_variable_is_set_or_taken_away(running: Running) -> None:
    environ = Path(f"/proc/{running.client['pid']}/environ").read_bytes()

    assert b"GONE" not in environ
    assert b"PATH=/usr/bin:/bin" in environ


def a_file(folder: Path, text: str = "password=hush") -> PrivateFile:
    return PrivateFile(path=new_private_path(folder), text=HiddenText(text))


def test_a_client_that_cannot_be_started_is_status_127(tmp_path: Path) -> None:
    call = ClientCall(argv=("/nowhere/psql",), files=(a_file(tmp_path / "run"),))

    assert run_client(call, environ={}) == 127
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize("obstacle", ["file exists", "no folder", "no text"])
def test_a_crash_over_a_private_file_shows_nothing_of_it(tmp_path: Path, obstacle: str) -> None:
    password = token_hex()
    file = a_file(tmp_path / "run", password + ("\udcff" if obstacle == "no text" else ""))
    (tmp_path / "run").mkdir(mode=0o700)
    if obstacle == "file exists":
        file.path.write_text("in the way")
    if obstacle == "no folder":
        file = PrivateFile(path=tmp_path / "run" / "file" / "x", text=file.text)
        file.path.parent.write_text("in the way")
    call = ClientCall(argv=("psql",), environment={"PGPASSWORD": HiddenText(password)}, files=(file,))

    with pytest.raises(ConnectorError) as failure:
        run_client(call, environ={"HOME": "/"})

    shown = "".join(traceback.TracebackException.from_exception(failure.value, capture_locals=True).format())
    assert "{'HOME': '/', 'PGPASSWORD': ***}" in shown
    # The test's own local variable shows; nothing of ours does.
    assert [line.strip() for line in shown.splitlines() if password in line] == [f"password = '{password}'"]
    assert not file.path.exists() or obstacle == "no folder"
