"""Running a client: what it is given in private, on disk and in memory, and what is left of that when all ends."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from ec2menu.connectors.client_calls import mysql_options
from ec2menu.connectors.clients import (
    IN_MEMORY,
    ClientCall,
    PrivateFile,
    new_private_path,
    remove_leftovers,
    run_client,
)
from ec2menu.connectors.secrets import HiddenText, Password
from ec2menu.errors import ConnectorError

CLIENT = """
import json, os, signal, sys, threading
file = next(part for part in sys.argv if part.startswith("--defaults-file=")).partition("=")[2]

def listen():
    while signal.sigwait({signal.SIGINT}):  # no handler: one just before a read would not run until the read is over
        os.write(1, b'"interrupted"\\n')

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
threading.Thread(target=listen, daemon=True).start()
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
folder, client, in_memory = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "in memory"
password = sys.stdin.readline().strip()
path = new_private_path(folder)
file = PrivateFile(path=path, text=HiddenText("password=" + password))
argv = (sys.executable, "-IS", client, f"--defaults-file={path}")
call = ClientCall(argv=argv, environment={"DB_PASSWORD": HiddenText(password), "GONE": None}, files=(file,))
print(run_client(call, environ={"PATH": "/usr/bin:/bin", "GONE": "x"}, in_memory=in_memory), flush=True)
"""


needs_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs Linux's /proc")


class Running:
    """ec2menu with a stand-in client in front of it that has said what it was given; both wait."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder = folder / "run"
        self.password = token_hex()
        client = folder / "client.py"
        client.write_text(CLIENT)
        self.ours = subprocess.Popen(
            [sys.executable, "-c", OURS, str(self.folder), str(client), kind],
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
        return list(self.folder.iterdir()) if self.folder.exists() else []

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
    """A client whose private file is on disk, as where none can be in memory."""
    running = Running(tmp_path, "on disk")
    yield running
    running.close()


@pytest.fixture
def unseen(tmp_path: Path) -> Iterator[Running]:
    """A client whose private file is in memory."""
    running = Running(tmp_path, "in memory")
    yield running
    running.close()


needs_memory = pytest.mark.skipif(not IN_MEMORY, reason="needs Linux's memfd")


@needs_memory
@pytest.mark.parametrize("is_killed", [True, False])
def test_a_private_file_in_memory_is_read_and_nothing_can_be_left_of_it(unseen: Running, is_killed: bool) -> None:
    assert unseen.client["text"] == f"password={unseen.password}"
    assert (unseen.files(), unseen.client["file"].startswith("/proc/self/fd/")) == ([], True)
    for pid in (unseen.ours.pid, unseen.client["pid"]):
        assert unseen.password.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    if is_killed:
        unseen.ours.kill()
        unseen.ours.wait()
    else:
        unseen.tell("3")
        assert unseen.hear() == 3
    assert unseen.files() == []


@needs_memory
@pytest.mark.skipif(shutil.which("mariadb") is None, reason="needs MariaDB's client: apt-get install mariadb-client")
def test_mariadbs_client_reads_a_private_file_in_memory(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = PrivateFile(path=new_private_path(tmp_path), text=mysql_options(Password("hush")))
    call = ClientCall(argv=("mariadb", f"--defaults-file={file.path}", "--print-defaults"), files=(file,))
    assert run_client(call, environ={"PATH": os.environ["PATH"]}) == 0
    assert "--password=" in capfd.readouterr().out


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
    assert run_client(call, environ={}, in_memory=False) == 0
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

    assert run_client(call, environ={}, in_memory=False) == 127
    assert list((tmp_path / "run").iterdir()) == []
    assert run_client(call, environ={}) == 127


@pytest.mark.parametrize(
    ("obstacle", "in_memory"),
    [
        ("file exists", False),
        ("no folder", False),
        ("no text", False),
        pytest.param("no text", True, marks=needs_memory),
    ],
)
def test_a_crash_over_a_private_file_shows_nothing_of_it(tmp_path: Path, obstacle: str, *, in_memory: bool) -> None:
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
        run_client(call, environ={"HOME": "/"}, in_memory=in_memory)

    shown = "".join(traceback.TracebackException.from_exception(failure.value, capture_locals=True).format())
    assert "{'HOME': '/', 'PGPASSWORD': ***}" in shown
    # The test's own local variable shows; nothing of ours does.
    assert [line.strip() for line in shown.splitlines() if password in line] == [f"password = '{password}'"]
    assert not file.path.exists() or obstacle == "no folder"
