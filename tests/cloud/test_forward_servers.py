"""`ec2menu forward` to a real PostgreSQL and a real Redis: many connections, many bytes, and again after a crash."""

import hashlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from ec2menu.aws.session import Aws
from ec2menu.demo.server import DemoAws
from tests.cloud.forward_rig import ForwardRig, forwarding
from tests.cloud.tunnel_rig import wait_until
from tests.servers import Server, needs_postgres, needs_redis, start_postgres, start_redis
from tests.store_world import CACHE_HOST, add_cache, add_cluster, add_jump_host

BYTES = 10 * 1024 * 1024
CONNECTIONS = 20
BACK_SECONDS = 60.0
WAIT_SECONDS = 60.0
LONG = f"repeat(md5('ec2menu'), {BYTES // 32})"
WAITING = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
BOTH = pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """How to run a client at a local port."""

    argv: Sequence[str]
    environment: dict[str, str]

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start it with pipes at its ends."""
        return subprocess.Popen(
            [*self.argv, *words],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def ask(self, *words: str, given: bytes = b"") -> bytes:
        """Run it to its end and return what it printed; empty where it failed."""
        with self.start(*words) as process:
            out, _ = process.communicate(given, timeout=WAIT_SECONDS)
            return out if process.returncode == 0 else b""


def psql(server: Server, port: int) -> Client:
    """Return psql, which checks the certificate's name where there is one."""
    tls = f"sslmode=verify-full sslrootcert={server.ca_file}" if server.ca_file else "sslmode=disable"
    where = f"host={server.real_host} hostaddr=127.0.0.1 port={port} user={server.user} dbname={server.database} {tls}"
    environment = {"PATH": os.environ["PATH"], "PGPASSWORD": server.password, "HOME": "/nowhere"}
    return Client(argv=("psql", "-XAtq", where), environment=environment)


def redis_cli(server: Server, port: int) -> Client:
    tls = ("--tls", "--sni", CACHE_HOST, "--cacert", str(server.ca_file)) if server.ca_file else ()
    environment = {"PATH": os.environ["PATH"], "REDISCLI_AUTH": server.password}
    return Client(argv=("redis-cli", "-h", "127.0.0.1", "-p", str(port), *tls), environment=environment)


@pytest.fixture
def rig(aws_demo: DemoAws, shared: list[Aws], tmp_path: Path) -> Iterator[ForwardRig]:
    with forwarding(aws_demo, shared, tmp_path) as made:
        made.jump = add_jump_host(aws_demo)
        yield made


@BOTH
@needs_postgres
def test_a_real_postgresql_is_reached_by_twenty_at_once_and_again_after_a_crash(rig: ForwardRig, tls: bool) -> None:
    with start_postgres(rig.folder, tls=tls) as server:
        rig.lead(add_cluster(server.port))
        with rig.forward("orders:writer") as running:
            port = running.wait_until_ready()
            client = psql(server, port)
            assert len(set(answers_at_once(client))) == CONNECTIONS
            text = client.ask("-c", f"select {LONG}").removesuffix(b"\n")
            assert (len(text), hashlib.md5(text).hexdigest()) == (BYTES, expected_sum(client))
            rig.drop()
            wait_until(lambda: client.ask("-c", "select 1") == b"1\n", what="way back", seconds=BACK_SECONDS)
            assert hashlib.md5(client.ask("-c", f"select {LONG}")[:-1]).hexdigest() == expected_sum(client)
            assert running.out == f"127.0.0.1:{port}\n"


def expected_sum(client: Client) -> str:
    """Return the checksum of the long text, as the server itself sees it."""
    return client.ask("-c", f"select md5({LONG})").decode().strip()


def answers_at_once(client: Client) -> list[bytes]:
    """Have many connections wait for one lock at the same time, then let all of them answer."""
    with ExitStack() as stack:
        holder = stack.enter_context(client.start())
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.write(b"select pg_advisory_lock(1);\nselect 'held';\n")
        holder.stdin.flush()
        while holder.stdout.readline() != b"held\n":
            assert holder.poll() is None
        one = "select pg_advisory_lock_shared(1)", "select pg_backend_pid()"
        words = [word for statement in one for word in ("-c", statement)]
        waiting = [stack.enter_context(client.start(*words)) for _ in range(CONNECTIONS)]
        wanted = f"{CONNECTIONS}\n".encode()
        wait_until(lambda: client.ask("-c", WAITING) == wanted, what="twenty that wait", seconds=WAIT_SECONDS)
        holder.stdin.close()
        return [process.communicate(timeout=WAIT_SECONDS)[0] for process in waiting]


@BOTH
@needs_redis
def test_a_real_redis_is_reached_by_twenty_at_once_and_again_after_a_crash(rig: ForwardRig, tls: bool) -> None:
    value = os.urandom(BYTES)
    with start_redis(rig.folder, tls=tls, password="hush of redis") as server:
        rig.lead(add_cache(server))
        with rig.forward("sessions") as running:
            port = running.wait_until_ready()
            client = redis_cli(server, port)
            assert client.ask("-x", "set", "long", given=value) == b"OK\n"
            assert client.ask("get", "long") == value + b"\n"
            assert pushed_at_once(client) == [b"go\n"] * CONNECTIONS
            rig.drop()
            wait_until(lambda: client.ask("ping") == b"PONG\n", what="way back", seconds=BACK_SECONDS)
            assert client.ask("get", "long") == value + b"\n"
            assert running.out == f"127.0.0.1:{port}\n"


def pushed_at_once(client: Client) -> list[bytes]:
    """Have many connections wait for one list at the same time, then push to all of them."""
    with ExitStack() as stack:
        waiting = [stack.enter_context(client.start("blpop", "queue", "0")) for _ in range(CONNECTIONS)]
        wanted = f"blocked_clients:{CONNECTIONS}\r\n".encode()
        wait_until(lambda: wanted in client.ask("info", "clients"), what="twenty that wait", seconds=WAIT_SECONDS)
        client.ask("rpush", "queue", *["go"] * CONNECTIONS)
        return [process.communicate(timeout=WAIT_SECONDS)[0].removeprefix(b"queue\n") for process in waiting]
