"""The demo plugin's tunnels, run as processes: what they say, hold and lead to, and how they end."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pexpect
import pytest

from ec2menu.demo import elasticache_tables, rds_tables
from ec2menu.demo.server import DemoAws
from tests.cloud.conftest import PluginCommand
from tests.ports import free_port

LIMIT_SECONDS = 30
REGION = "us-east-1"
PORTS = "AWS-StartPortForwardingSession"
REMOTE = "AWS-StartPortForwardingSessionToRemoteHost"


class Tunnel:
    """A running port session: its process, its text so far, its local port."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.text = ""
        self.wait_for("Waiting for connections...\n")
        found = re.search(r"Port (\d+) opened for sessionId (\S+)\.\n", self.text)
        assert found
        self.port = int(found[1])

    def wait_for(self, text: str) -> None:
        assert self.process.stdout is not None
        while text not in self.text:
            line = self.process.stdout.readline()
            assert line, f"ended before {text!r}: {self.text!r}"
            self.text += line

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT_SECONDS)

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=LIMIT_SECONDS)
        self.text += rest
        return self.process.returncode


@pytest.fixture
def tunnel(plugin_command: PluginCommand) -> Iterator[Callable[..., Tunnel]]:
    opened: list[Tunnel] = []

    def open_tunnel(
        remote_port: str, local_port: str = "0", document: str = PORTS, host: str = "", node: str = ""
    ) -> Tunnel:
        parameters = {"portNumber": [remote_port], "localPortNumber": [local_port]}
        parameters |= {"host": [host]} if host else {}
        opened.append(Tunnel(plugin_command(node, DocumentName=document, Parameters=parameters)))
        return opened[-1]

    yield open_tunnel
    for each in opened:
        each.process.kill()
        each.process.communicate()


def test_a_tunnel_opens_its_port_and_holds_what_it_accepts(tunnel: Callable[..., Tunnel], aws_demo: DemoAws) -> None:
    opened = tunnel("3389")
    session = aws_demo.sessions()[0]
    assert opened.text.startswith(f"\nStarting session with SessionId: {session.id}\n")
    with opened.connect() as first, opened.connect() as second:
        opened.wait_for(f"\nConnection accepted for session [{session.id}]\n")
        first.sendall(b"\x03\x00\x00\x13")
        for connection in (first, second):
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):
                connection.recv(1)
    assert opened.stop() == 0
    assert opened.text.count("Connection accepted") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP])
def test_a_tunnel_is_ended_by_the_terminals_signals(
    tunnel: Callable[..., Tunnel], aws_demo: DemoAws, number: int
) -> None:
    opened = tunnel("3389")
    assert opened.stop(number) == 0
    assert opened.text.endswith("Terminate signal received, exiting.\n")
    assert not aws_demo.sessions()[0].is_active


def test_a_tunnel_that_is_terminated_leaves_its_session_open(tunnel: Callable[..., Tunnel], aws_demo: DemoAws) -> None:
    opened = tunnel("3389")
    assert opened.stop(signal.SIGTERM) == -signal.SIGTERM
    assert aws_demo.sessions()[0].is_active


def test_the_asked_for_local_port_is_used(tunnel: Callable[..., Tunnel]) -> None:
    free = free_port()
    assert tunnel("3389", str(free), REMOTE).port == free


def test_an_empty_local_port_means_a_free_one(tunnel: Callable[..., Tunnel]) -> None:
    assert tunnel("3389", "").port > 0


def test_a_taken_local_port_ends_it_with_status_0(plugin_command: PluginCommand) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = plugin_command(DocumentName=PORTS, Parameters={"portNumber": ["80"], "localPortNumber": [port]})
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LIMIT_SECONDS)
    assert done.stdout.endswith(
        f"Cannot perform start session: listen tcp 127.0.0.1:{port}: bind: address already in use\n"
    )


# -- where they lead --------------------------------------------------------------------------------------------------


@pytest.fixture
def leading_to(tunnel: Callable[..., Tunnel], aws_demo: DemoAws) -> Callable[..., Tunnel]:
    """`leading_to(host, port)`: a tunnel through a node of the region's main VPC."""

    def lead(host: str, port: int, node: str = "") -> Tunnel:
        return tunnel(str(port), document=REMOTE, host=host, node=node)

    return lead


def endpoint(row: dict[str, Any]) -> tuple[str, int]:
    return row["Address"], row["Port"]


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", **more}


def run(*argv: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        argv,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )


def needs(program: str) -> str:
    return shutil.which(program) or pytest.skip(f"{program} is not installed")


@pytest.mark.parametrize(("mode", "is_encrypted"), [("disable", False), ("prefer", True), ("require", True)])
def test_psql_gets_in_with_and_without_tls(leading_to: Callable[..., Tunnel], mode: str, is_encrypted: bool) -> None:
    psql = needs("psql")
    host, port = endpoint(rds_tables.add_instance(REGION, "billing")["Endpoint"])
    opened = leading_to(host, port)
    where = f"host={host} hostaddr=127.0.0.1 port={opened.port} user=bob dbname=billing sslmode={mode}"
    done = run(psql, "-X", where, "-c", "select current_user", "-c", "\\conninfo", PGPASSWORD="any")
    assert (done.returncode, "bob" in done.stdout) == (0, True)
    assert ("SSL connection" in done.stdout or "TLS" in done.stdout) is is_encrypted


def test_psql_has_a_prompt_and_is_told_what_this_is(leading_to: Callable[..., Tunnel]) -> None:
    psql = needs("psql")
    host, port = endpoint(rds_tables.add_instance(REGION, "billing")["Endpoint"])
    where = f"host=127.0.0.1 port={leading_to(host, port).port} user=bob dbname=billing"
    child = pexpect.spawn(psql, ["-X", where], env=environment(PAGER="cat", TERM="dumb"), encoding="utf-8", timeout=30)
    child.expect_exact("this is ec2menu's demo")
    child.expect_exact("billing=> ")
    child.sendline("\\l")
    child.expect_exact("ERROR:  this is ec2menu's demo")
    child.expect_exact("billing=> ")
    child.sendline("select version();")
    child.expect_exact("PostgreSQL 16.4")
    child.sendline("\\q")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
@pytest.mark.parametrize("flags", [["--skip-ssl"], ["--ssl", "--skip-ssl-verify-server-cert"]])
def test_the_mariadb_client_gets_in_with_and_without_tls(
    leading_to: Callable[..., Tunnel], engine: str, flags: list[str]
) -> None:
    mariadb = needs("mariadb")
    opened = leading_to(*endpoint(rds_tables.add_instance(REGION, "shop", engine=engine)["Endpoint"]))
    where = ["--host=127.0.0.1", f"--port={opened.port}", "--protocol=TCP", "--user=bob", *flags]
    done = run(mariadb, "--no-defaults", *where, "-e", "select user(), version(); show databases", MYSQL_PWD="any")
    assert (done.returncode, done.stderr) == (0, "")
    assert "bob@127.0.0.1" in done.stdout
    assert "information_schema" in done.stdout


@pytest.mark.parametrize("tls", [True, False])
def test_redis_cli_gets_in_where_it_does_as_the_cache_says(leading_to: Callable[..., Tunnel], tls: bool) -> None:
    redis_cli = needs("redis-cli")
    fields = {"TransitEncryptionEnabled": tls}
    row = elasticache_tables.add_replication_group(REGION, "sessions", fields=fields)["NodeGroups"][0]
    opened = leading_to(*endpoint(row["PrimaryEndpoint"]))
    where = [redis_cli, "-h", "127.0.0.1", "-p", str(opened.port)]
    flags = ["--tls", "--insecure", "--sni", row["PrimaryEndpoint"]["Address"]]
    right, wrong = (flags, []) if tls else ([], flags)
    assert run(*where, *right, "set", "greeting", "hello").stdout == "OK\n"
    assert run(*where, *right, "get", "greeting").stdout == "hello\n"
    assert run(*where, *wrong, "ping").returncode != 0


def test_twenty_clients_are_served_at_once(leading_to: Callable[..., Tunnel]) -> None:
    opened = leading_to(*endpoint(elasticache_tables.add_cache_cluster(REGION, "scratch")["ConfigurationEndpoint"]))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(opened.connect()) for _ in range(20)]
        for client in reversed(clients):
            client.sendall(b"version\r\n")
        assert {client.recv(4096) for client in clients} == {b"VERSION 1.6.22\r\n"}
        opened.wait_for("Connection accepted")
    assert opened.stop() == 0


def test_a_host_that_is_not_there_fails_every_connection_as_the_real_plugin_does(
    leading_to: Callable[..., Tunnel],
) -> None:
    opened = leading_to("nowhere.example.com", 5432)
    for _ in range(2):
        with opened.connect() as connection:
            assert connection.recv(1) == b""
        opened.wait_for("\nConnection to destination port failed, check SSM Agent logs.\n")
        opened.text = ""
    assert opened.stop() == 0


def test_a_closed_connection_makes_room_for_the_next(tunnel: Callable[..., Tunnel]) -> None:
    opened = tunnel("6379")
    for _ in range(3):
        with opened.connect() as connection:
            connection.sendall(b"PING\r\n")
            assert connection.recv(4096) == b"+PONG\r\n"
