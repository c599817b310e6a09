"""The real psql and redis-cli at a real PostgreSQL and Redis, with TLS, on a real terminal.

The servers' certificates are for a name as RDS gives it and they listen at 127.0.0.1, as behind a tunnel.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ec2menu.connectors.client_calls import client_call
from ec2menu.connectors.clients import ClientTarget, Login, LoginSource, find_client
from ec2menu.connectors.engines import engine_of
from ec2menu.connectors.process import Completed
from ec2menu.connectors.secrets import Password
from tests.servers import Server, make_certificates, needs_postgres, needs_redis, start_postgres, start_redis
from tests.terminal.harness import Robot

PSQL_PROMPT = "postgres=#"
# Ours with a client in front of it: everything as the product does it, told by a file.
OURS = """
import json, os, shutil, sys
from pathlib import Path
from ec2menu.connectors.client_calls import client_call
from ec2menu.connectors.clients import ClientTarget, Login, find_client, run_client
from ec2menu.connectors.engines import engine_of
from ec2menu.connectors.secrets import Password

told = json.loads(Path(sys.argv[1]).read_text())
Path(sys.argv[1]).unlink()
engine = engine_of(told["engine"])
target = ClientTarget(engine=engine, **told["target"])
password = Password(told["password"]) if told["password"] else None
login = Login(user=told["user"], password=password)
ca_file = Path(told["ca_file"]) if told["ca_file"] else None
client = find_client(engine, shutil.which, run=None)
call = client_call(client, target, login, ca_file=ca_file, environ=os.environ, folder=Path(told["folder"]))
print("ended with", run_client(call, environ=os.environ))
"""


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with start_postgres(tmp_path_factory.mktemp("postgres"), tls=True) as server:
        yield server


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with start_redis(tmp_path_factory.mktemp("redis"), tls=True, password="hush of redis") as server:
        yield server


def target_of(server: Server, **more: Any) -> dict[str, Any]:
    where = {"real_host": server.real_host, "local_port": server.port, "database": server.database}
    return where | {"tls": True} | more


def environ_of(folder: Path, **more: str) -> dict[str, str]:
    """Return an environment with a home of its own: clients write their history there."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return kept | {"HOME": str(folder), "TERM": "xterm-256color", "PAGER": "cat"} | more


def sit_before(server: Server, engine: str, folder: Path, *, password: str, **environ: str) -> Robot:
    """Return a user before the client of `server`; an empty password is asked for."""
    told = {
        "engine": engine,
        "target": target_of(server),
        "user": server.user if engine == "postgres" or not password else "",
        "password": password,
        "ca_file": str(server.ca_file) if engine == "postgres" else "",
        "folder": str(folder / "run"),
    }
    path = folder / "told.json"
    path.write_text(json.dumps(told))
    return Robot([sys.executable, "-c", OURS, path], environment=environ_of(folder, **environ), cwd=folder)


def ask(
    server: Server, engine: str, *words: str, ca_file: Path | None, environ: Mapping[str, str], **more: Any
) -> "subprocess.CompletedProcess[str]":
    """Run the client as the product calls it, with `words` behind, and without a terminal."""
    login = Login(
        user=more.pop("user", server.user if engine == "postgres" else ""),
        password=Password(more.pop("password", server.password)),
        source=more.pop("source", LoginSource.TYPED),
    )
    target = ClientTarget(engine=engine_of(engine), **target_of(server, **more))
    client = find_client(target.engine, shutil.which, run=lambda _argv: Completed(status=0, output=""))
    assert client
    call = client_call(client, target, login, ca_file=ca_file, environ={}, folder=Path("/nowhere"))
    variables = {**environ, **{name: value for name, value in call.environment.items() if value is not None}}
    return subprocess.run([*call.argv, *words], env=variables, capture_output=True, text=True, check=False, timeout=30)


def arguments_of_family(pid: int) -> dict[int, str]:
    """Return the command lines of a process and its children, by process id."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = {pid: Path(f"/proc/{pid}/cmdline").read_text()}
    for child in children:
        found |= arguments_of_family(int(child))
    return found


def files_with(text: str, folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


@needs_postgres
def test_psql_gets_in_by_tls_with_the_real_name_verified(postgres: Server, tmp_path: Path) -> None:
    with sit_before(postgres, "postgres", tmp_path, password=postgres.password) as robot:
        robot.wait_for(PSQL_PROMPT)
        robot.line(r"\conninfo")
        robot.wait_for(f'on host "{postgres.real_host}" (address "127.0.0.1") at port "{postgres.port}"')
        robot.line("select 'tls is ' || ssl from pg_stat_ssl where pid = pg_backend_pid();")
        robot.wait_for("tls is true")
        robot.line(r"\q")
        robot.wait_for("ended with 0")


@needs_postgres
def test_ctrl_c_is_psqls_and_quitting_it_brings_us_back(postgres: Server, tmp_path: Path) -> None:
    with sit_before(postgres, "postgres", tmp_path, password=postgres.password) as robot:
        robot.wait_for(PSQL_PROMPT)
        robot.line("select pg_sleep(3600);")
        robot.wait_for(re.compile(r"pg_sleep\(3600\);"))
        running = "select count(*) from pg_stat_activity where state = 'active' and query like 'select pg_sleep%'"
        asked: dict[str, Any] = {"ca_file": postgres.ca_file, "environ": environ_of(tmp_path)}
        robot.wait_until(lambda: ask(postgres, "postgres", "-Atc", running, **asked).stdout == "1\n")
        robot.control("c")
        robot.wait_for("canceling statement due to user request")
        robot.line("select 6 * 7 as answer;")
        robot.wait_for(re.compile(r"^ +42", re.MULTILINE))
        robot.wait_for(PSQL_PROMPT, new=True)  # before it is there, Ctrl-D is a key like any other
        robot.control("d")
        robot.wait_for("ended with 0")


@needs_postgres
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
def test_while_psql_runs_no_process_shows_the_password_and_afterwards_no_file_has_it(
    postgres: Server, tmp_path: Path
) -> None:
    with sit_before(postgres, "postgres", tmp_path, password=postgres.password) as robot:
        robot.wait_for(PSQL_PROMPT)
        family = arguments_of_family(robot.pid)
        assert any("hostaddr=127.0.0.1" in words for words in family.values())
        assert not [words for words in family.values() if postgres.password in words]
        robot.line(r"\q")
        robot.wait_for("ended with 0")
        assert postgres.password not in robot.transcript
    assert (tmp_path / ".psql_history").exists()
    assert files_with(postgres.password, tmp_path) == []


@needs_postgres
def test_psql_asks_for_a_password_that_nobody_has(postgres: Server, tmp_path: Path) -> None:
    with sit_before(postgres, "postgres", tmp_path, password="") as robot:
        robot.wait_for("Password for user app:")
        robot.line(postgres.password)
        robot.wait_for(PSQL_PROMPT)
        assert postgres.password not in robot.transcript


@needs_postgres
def test_another_name_in_the_certificate_is_refused(postgres: Server, tmp_path: Path) -> None:
    done = ask(
        postgres,
        "postgres",
        *("-Atc", "select 1"),
        ca_file=postgres.ca_file,
        environ=environ_of(tmp_path),
        real_host="billing.abc123.us-east-1.rds.amazonaws.com",
    )

    assert done.returncode == 2
    assert "does not match host name" in done.stderr


@needs_postgres
def test_a_certificate_of_another_ca_is_refused(postgres: Server, tmp_path: Path) -> None:
    other = make_certificates(tmp_path, tmp_path)

    done = ask(postgres, "postgres", "-Atc", "select 1", ca_file=other, environ=environ_of(tmp_path))

    assert done.returncode == 2
    assert "certificate verify failed" in done.stderr


@needs_postgres
@pytest.mark.parametrize("source", [LoginSource.TYPED, LoginSource.IAM])
def test_without_a_ca_file_the_connection_is_encrypted_all_the_same(
    postgres: Server, tmp_path: Path, source: LoginSource
) -> None:
    query = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
    is_iam = source is LoginSource.IAM

    done = ask(
        postgres, "postgres", "-Atc", query, ca_file=None, environ=environ_of(tmp_path), source=source, tls=not is_iam
    )

    assert (done.stdout, done.stderr) == ("t\n", "")


@needs_postgres
@pytest.mark.parametrize("name", ["o'neil", "two words", "back\\slash\\", "x host=evil", "한글"])
def test_a_user_and_a_database_of_any_name_are_reached(postgres: Server, tmp_path: Path, name: str) -> None:
    asked: dict[str, Any] = {"ca_file": postgres.ca_file, "environ": environ_of(tmp_path, PGCLIENTENCODING="UTF8")}
    make = f"create role \"{name}\" login password 'hush'; " + f'create database "{name}"'
    for statement in make.split("; "):
        assert ask(postgres, "postgres", "-c", statement, **asked).returncode == 0

    query = "select current_user || '/' || current_database()"
    done = ask(postgres, "postgres", "-Atc", query, user=name, database=name, password="hush", **asked)

    assert (done.stdout, done.stderr) == (f"{name}/{name}\n", "")


# -- Redis ------------------------------------------------------------------------------------------------------------


@needs_redis
def test_redis_cli_gets_in_by_tls_with_the_password_out_of_sight(redis: Server, tmp_path: Path) -> None:
    trusted = {"SSL_CERT_FILE": str(redis.ca_file)}
    with sit_before(redis, "redis", tmp_path, password=redis.password, **trusted) as robot:
        robot.wait_for(f"127.0.0.1:{redis.port}>")
        robot.line("acl whoami")
        # What is typed before its prompt it throws away.
        robot.wait_for(re.compile(rf'"default"\s+127.0.0.1:{redis.port}>'))
        assert not [words for words in arguments_of_family(robot.pid).values() if redis.password in words]
        robot.line("quit")
        robot.wait_for("ended with 0")
        assert redis.password not in robot.transcript
    assert files_with(redis.password, tmp_path) == []


@needs_redis
def test_redis_cli_asks_where_a_user_has_no_password_yet(redis: Server, tmp_path: Path) -> None:
    with sit_before(redis, "redis", tmp_path, password="", SSL_CERT_FILE=str(redis.ca_file)) as robot:
        robot.wait_for("Please input password:")
        robot.line(redis.password)
        robot.wait_for(f"127.0.0.1:{redis.port}>")
        robot.line("ping")
        robot.wait_for("PONG")
        assert redis.password not in robot.transcript


@needs_redis
def test_redis_cli_logs_in_as_a_user_of_rbac(redis: Server, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"ca_file": None, "environ": environ_of(tmp_path, SSL_CERT_FILE=str(redis.ca_file))}
    assert ask(redis, "redis", "acl", "setuser", "app", "on", ">hush", "~*", "+@all", **asked).stdout == "OK\n"

    done = ask(redis, "redis", "acl", "whoami", user="app", password="hush", **asked)

    assert done.stdout == "app\n"
    assert "hush" not in done.stderr


@needs_redis
def test_redis_cli_trusts_no_certificate_that_the_system_does_not(redis: Server, tmp_path: Path) -> None:
    other = make_certificates(tmp_path, tmp_path)

    done = ask(redis, "redis", "ping", ca_file=None, environ=environ_of(tmp_path, SSL_CERT_FILE=str(other)))

    assert "certificate verify failed" in done.stderr
    assert "PONG" not in done.stdout
