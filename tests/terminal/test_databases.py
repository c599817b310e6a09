"""`ec2menu connect` to a real PostgreSQL and a real Redis at a terminal: in by one line, and no password is seen."""

import os
import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ec2menu.connectors.clients import IN_MEMORY
from ec2menu.demo import rds_tables
from tests.cloud.tunnel_rig import far_end
from tests.fakes.plugin import process_is_alive
from tests.servers import (
    REAL_HOST,
    Server,
    make_certificates,
    needs_postgres,
    needs_redis,
    start_postgres,
    start_redis,
)
from tests.store_world import REGION, add_cache, add_cluster, add_database, command_lines, files_with
from tests.terminal.harness import Robot
from tests.terminal.stage import Stage, wait_until
from tests.terminal.store_stage import HOW, PSQL, connect, furnished, living, processes_with, statuses

needs_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs Linux's /proc")
REDIS_PASSWORD = "hush of redis"
# Reads the file that it is given, as mysql does, and stays until Enter.
MYSQL = """
case $1 in --version) echo 'mysql  Ver 8.0.39'; exit;; esac
grep -q '^password="hush of mysql' "${1#--defaults-file=}" && printf 'mysql> '
read line
"""


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with start_postgres(tmp_path_factory.mktemp("postgres"), tls=True) as server:
        yield server


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with start_redis(tmp_path_factory.mktemp("redis"), tls=True, password=REDIS_PASSWORD) as server:
        yield server


@pytest.fixture
def shop(stage: Stage, postgres: Server) -> Iterator[Stage]:
    """The database `orders:writer`, whose CA file is where PostgreSQL's own clients look for it."""
    with furnished(stage, add_cluster(postgres.port)):
        (stage.home / ".postgresql").mkdir()
        assert postgres.ca_file
        (stage.home / ".postgresql" / "root.crt").write_bytes(postgres.ca_file.read_bytes())
        yield stage


def log_in_by_typing(robot: Robot, password: str) -> None:
    """Choose to type a password, and do."""
    robot.wait_for("log in to orders:writer by", new=True)
    robot.wait_for(HOW, new=True)
    robot.line()
    robot.wait_for("password of app (not shown):", new=True)
    robot.line(password)


def own_folders(stage: Stage) -> list[Path]:
    """Return where ec2menu may write: the home folder and that of temporary files."""
    return [stage.home, Path(str(stage.variables["TMPDIR"]))]


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


@needs_postgres
def test_a_database_is_connected_to_by_name_and_leaving_psql_leaves_nothing(shop: Stage, postgres: Server) -> None:
    with connect(shop, "orders:writer", "--user", "app") as robot:
        before = robot.termios()
        log_in_by_typing(robot, postgres.password)
        robot.wait_for(PSQL)
        robot.line(r"\conninfo")
        robot.wait_for(f'on host "{postgres.real_host}" (address "127.0.0.1")')
        robot.line(r"\q")
        robot.wait_for("psql: ended normally, after")
        assert robot.wait_exit() == 0
        assert robot.termios() == before
        assert postgres.password not in robot.transcript
    assert (living(shop), statuses(shop)) == ([], ["Terminated"])
    with sqlite3.connect(next(path for path in shop.files() if path.name == "state.sqlite3")) as store:
        rows = store.execute("SELECT action, target, session_id, outcome FROM connection").fetchall()
    session = shop.sessions()[0].id
    ended = [("psql", "orders:writer", session, "ended normally"), ("tunnel", "orders:writer", session, "closed")]
    assert rows == ended


@needs_postgres
def test_history_repeats_a_connection_with_its_user_and_its_database(shop: Stage, postgres: Server) -> None:
    asked = ("connect", "orders:writer", "--user", "app", "--database", "template1")
    for line in (asked, ("history", "--repeat", "1")):
        with shop.ec2menu(*line) as robot:
            log_in_by_typing(robot, postgres.password)
            robot.wait_for("template1=#")
            robot.line(r"\q")
            assert robot.wait_exit() == 0


@needs_postgres
@needs_proc
def test_no_process_and_no_file_shows_the_password(shop: Stage, postgres: Server) -> None:
    with connect(shop, "orders:writer", "--user", "app", "--debug") as robot:
        log_in_by_typing(robot, postgres.password)
        robot.wait_for(PSQL)
        assert processes_with("hostaddr=127.0.0.1"), "psql is seen"
        assert processes_with(postgres.password) == []
        assert files_with(postgres.password, own_folders(shop)) == []
        robot.line(r"\q")
        assert robot.wait_exit() == 0
    assert [path.name for path in shop.files() if path.name.startswith("debug-")]
    assert files_with(postgres.password, own_folders(shop)) == []


@needs_postgres
def test_ctrl_c_in_psql_is_psqls(shop: Stage, postgres: Server) -> None:
    with connect(shop, "orders:writer", "--user", "app") as robot:
        log_in_by_typing(robot, postgres.password)
        robot.wait_for(PSQL)
        robot.line("do $$ begin raise notice 'at it'; perform pg_sleep(3600); end $$;")
        robot.wait_for("NOTICE:")  # psql passes a Ctrl-C on only while a statement runs
        robot.control("c")
        robot.wait_for("canceling statement due to user request")
        robot.line("select 6 * 7 as answer;")
        robot.wait_for(re.compile(r"^ +42", re.MULTILINE))
        robot.wait_for(PSQL, new=True)  # before it is there, Ctrl-D is a key like any other
        robot.control("d")
        assert robot.wait_exit() == 0


@needs_postgres
def test_a_wrong_password_is_psqls_to_refuse_and_the_status_tells(shop: Stage) -> None:
    with connect(shop, "orders:writer", "--user", "app") as robot:
        log_in_by_typing(robot, "wrong")
        robot.wait_for("password authentication failed")
        robot.wait_for("psql: ended with status 2, after")
        assert robot.wait_exit() == 1
    assert (living(shop), statuses(shop)) == ([], ["Terminated"])


@needs_postgres
@pytest.mark.parametrize("prompt", ["way", "user", "password"])
def test_ctrl_c_at_each_prompt_before_the_client_ends_the_command_and_closes_the_tunnel(
    shop: Stage, prompt: str
) -> None:
    with connect(shop, "orders:writer") as robot:
        robot.wait_for(HOW)
        if prompt != "way":
            robot.send("\r")
            robot.wait_for("user [app]:")
        if prompt == "password":
            robot.send("\r")
            robot.wait_for("(not shown):")
        robot.send("\x03")
        assert robot.wait_exit() == 130
        assert robot.termios().echo
    assert (living(shop), statuses(shop)) == ([], ["Terminated"])


@needs_postgres
def test_a_tunnel_that_is_down_for_good_is_told_and_not_blamed_on_the_password(shop: Stage, postgres: Server) -> None:
    with connect(shop, "orders:writer", "--user", "app") as robot:
        robot.wait_for(HOW)
        robot.line()
        robot.wait_for("password of app (not shown):")
        shop.demo.faults.deny("StartSession")
        os.kill(living(shop)[0], signal.SIGKILL)
        wait_until(lambda: shop.count("StartSession") > 1, what="try to reconnect")
        robot.line(postgres.password)
        robot.wait_for("is down for good: ssm:StartSession in us-east-1 is denied")
        assert robot.wait_exit() == 4


@needs_postgres
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_a_client_runs_closes_everything(shop: Stage, postgres: Server, number: signal.Signals) -> None:
    with connect(shop, "orders:writer", "--user", "app") as robot:
        before = robot.termios()
        log_in_by_typing(robot, postgres.password)
        robot.wait_for(PSQL)
        clients = robot.relatives() & set(processes_with("hostaddr=127.0.0.1"))
        robot.kill(number)
        assert robot.wait_exit() == 128 + number
        assert robot.termios() == before
        wait_until(lambda: not any(map(process_is_alive, clients)), what="end of psql")
    assert (living(shop), statuses(shop)) == ([], ["Terminated"])


@needs_postgres
def test_a_closed_window_closes_everything(shop: Stage, postgres: Server) -> None:
    with connect(shop, "orders:writer", "--user", "app") as robot:
        log_in_by_typing(robot, postgres.password)
        robot.wait_for(PSQL)
        clients = robot.relatives() & set(processes_with("hostaddr=127.0.0.1"))
        robot._child.ptyproc.fileobj.close()  # type: ignore[attr-defined] # the stubs leave ptyproc out
        wait_until(lambda: not process_is_alive(robot.pid), what="end of ec2menu")
        wait_until(lambda: not any(map(process_is_alive, clients)), what="end of psql")
    assert (living(shop), statuses(shop)) == ([], ["Terminated"])


@needs_postgres
def test_a_proxys_certificate_is_checked_by_the_systems_cas_and_not_by_those_of_rds(
    stage: Stage, postgres: Server, tmp_path: Path
) -> None:
    rds_tables.add_proxy(REGION, "orders-proxy", fields={"Endpoint": REAL_HOST})
    with furnished(stage, {f"{REAL_HOST}:5432": f"127.0.0.1:{postgres.port}"}):
        (stage.home / ".postgresql").mkdir()
        (stage.home / ".postgresql" / "root.crt").write_bytes(make_certificates(tmp_path, tmp_path).read_bytes())
        stage.variables["SSL_CERT_FILE"] = str(postgres.ca_file)
        with connect(stage, "orders-proxy:proxy", "--user", "app") as robot:
            robot.wait_for(HOW)
            robot.line("typed")
            robot.wait_for("password of app (not shown):", new=True)
            robot.line(postgres.password)
            robot.wait_for(PSQL, new=True)
            words = [
                words for words in command_lines().values() if b"orders-proxy" not in words and b"sslmode=" in words
            ]
            assert any(f"sslmode=verify-full sslrootcert={postgres.ca_file}".encode() in each for each in words)


# -- Redis ------------------------------------------------------------------------------------------------------------


@needs_redis
@needs_proc
def test_a_cache_with_tls_and_a_password_is_connected_to(stage: Stage, redis: Server) -> None:
    with furnished(stage, add_cache(redis)):
        stage.variables["SSL_CERT_FILE"] = str(redis.ca_file)
        with connect(stage, "sessions") as robot:
            robot.wait_for(HOW)
            robot.line("1")
            robot.wait_for("password of sessions (not shown):")
            robot.line(REDIS_PASSWORD)
            robot.wait_for(re.compile(r"127\.0\.0\.1:\d+>"), new=True)
            assert processes_with("--sni"), "redis-cli is seen"
            assert processes_with(REDIS_PASSWORD) == []
            robot.line("ping")
            robot.wait_for(re.compile(r"PONG\s+127\.0\.0\.1:\d+>"))  # what is typed before its prompt is lost
            robot.line("quit")
            assert robot.wait_exit() == 0
            assert REDIS_PASSWORD not in robot.transcript
        assert files_with(REDIS_PASSWORD, own_folders(stage)) == []
        assert (living(stage), statuses(stage)) == ([], ["Terminated"])


@needs_redis
def test_a_wrong_password_of_a_cache_is_told_and_asked_for_again_before_the_client_starts(
    stage: Stage, redis: Server
) -> None:
    with furnished(stage, add_cache(redis)):
        stage.variables["SSL_CERT_FILE"] = str(redis.ca_file)
        with connect(stage, "sessions") as robot:
            robot.wait_for(HOW)
            robot.line("1")
            robot.wait_for("password of sessions (not shown):")
            robot.line("wrong")
            robot.wait_for("sessions does not take that password", new=True)
            robot.wait_for(HOW, new=True)
            robot.line("1")
            robot.wait_for("password of sessions (not shown):", new=True)
            robot.line(REDIS_PASSWORD)
            robot.wait_for(re.compile(r"127\.0\.0\.1:\d+>"), new=True)
            assert "WRONGPASS" not in robot.transcript
            robot.line("ping")
            robot.wait_for("PONG")


@needs_redis
def test_a_cache_is_entered_at_the_database_that_was_named_and_a_user_is_refused_where_there_are_none(
    stage: Stage, tmp_path: Path
) -> None:
    open_cache = start_redis(tmp_path, tls=False, password="")
    with open_cache as server, furnished(stage, add_cache(server)):
        with connect(stage, "sessions", "--database", "3") as robot:
            robot.wait_for(re.compile(r"127\.0\.0\.1:\d+\[3\]>"))
        for flag, value, words in (
            ("--user", "bob", "nobody logs in to sessions: it has no users"),
            ("--database", "three", "three is no database of a cache"),
        ):
            with connect(stage, "sessions", flag, value) as robot:
                robot.wait_for(f"ec2menu: {words}")
                assert robot.wait_exit() == 2
        assert stage.count("StartSession") == 1


@needs_redis
def test_a_cache_that_asks_nobody_is_entered_without_a_question(stage: Stage, tmp_path: Path) -> None:
    open_cache = start_redis(tmp_path, tls=False, password="")
    with open_cache as server, furnished(stage, add_cache(server)), connect(stage, "sessions") as robot:
        robot.wait_for(re.compile(r"127\.0\.0\.1:\d+>"))
        assert "log in" not in robot.transcript
        robot.line("quit")
        assert robot.wait_exit() == 0


# -- others -----------------------------------------------------------------------------------------------------------


@contextmanager
def sit_before_mysql(stage: Stage, password: str) -> Iterator[Robot]:
    """Yield a robot at mysql's prompt."""
    with far_end("greeter") as port, furnished(stage, add_database(port)):
        rds_tables.tables.at(REGION).instances["orders"]["Engine"] = "mysql"
        stage.program("mysql", MYSQL)
        with connect(stage, "orders", "--user", "app") as robot:
            robot.wait_for(HOW)
            robot.line()
            robot.wait_for("(not shown):")
            robot.line(password)
            robot.wait_for("mysql>")
            yield robot


@needs_proc
def test_mysql_gets_the_password_by_a_private_file_that_goes_with_it(stage: Stage) -> None:
    password = "hush of mysql, typed"
    with sit_before_mysql(stage, password) as robot:
        assert processes_with("--defaults-file="), "mysql is seen"
        assert processes_with(password) == []
        if not IN_MEMORY:
            (file,) = files_with(password, own_folders(stage))
            assert file.stat().st_mode & 0o777 == 0o600
        robot.line()
        assert robot.wait_exit() == 0
    assert files_with(password, own_folders(stage)) == []


@pytest.mark.skipif(not IN_MEMORY, reason="needs Linux's memfd")
def test_no_file_has_mysqls_password_when_we_are_killed(stage: Stage) -> None:
    password = "hush of mysql"
    with sit_before_mysql(stage, password) as robot:
        assert files_with(password, own_folders(stage)) == []
        robot.kill(signal.SIGKILL)
        robot.wait_exit()
    assert files_with(password, own_folders(stage)) == []


def test_without_a_client_the_lines_to_copy_are_shown_and_the_tunnel_waits(stage: Stage) -> None:
    with far_end() as port, furnished(stage, add_database(port)):
        stage.variables["PATH"] = f"{stage.plugin.parent}:{stage.programs}"
        with connect(stage, "orders", columns=200) as robot:
            robot.wait_for("press Enter to close the tunnel")
            assert "no client for PostgreSQL was found on PATH; install one of: psql, pgcli" in robot.transcript
            assert re.search(r"  URL +postgresql://app@orders\S+\?hostaddr=127\.0\.0\.1", robot.transcript)
            assert len(living(stage)) == 1
            robot.line()
            assert robot.wait_exit() == 0
        assert (living(stage), statuses(stage)) == ([], ["Terminated"])


def test_a_client_that_is_not_there_is_told_before_a_tunnel_is_opened(stage: Stage) -> None:
    with far_end() as port, furnished(stage, add_database(port)):
        with connect(stage, "orders", "--client", "mycli") as robot:
            robot.wait_for("ec2menu: there is no program mycli for PostgreSQL")
            assert robot.wait_exit() == 2
        assert stage.count("StartSession") == 0
