"""Real servers for tests to reach, from the machine's own packages: PostgreSQL and Redis, with TLS or without.

Each listens at 127.0.0.1, on a port of its own, until its `with` block ends. With TLS it has a certificate for
`REAL_HOST`, a name as RDS gives it that leads nowhere, so that only a client which is told both name and address gets
in. PostgreSQL refuses to be root: started by root it runs as the user `postgres`.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_port

REAL_HOST = "orders.cluster-abc123def456.us-east-1.rds.amazonaws.com"
READY_SECONDS = 30.0
STEP_SECONDS = 0.01
STARTS = 3
_POSTGRES_FOLDERS = "/usr/lib/postgresql/*/bin"
_INITDB = ("--username=app", "--auth=scram-sha-256", "--no-sync", "--locale=C", "--encoding=UTF8")
_SETTINGS = {
    "fsync": "off",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "4MB",
    "max_connections": "100",
}
_TLS_SETTINGS = {"ssl": "on", "ssl_cert_file": "server.pem", "ssl_key_file": "server.key"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where a server listens and who may log in; with TLS, `ca_file` signed its certificate for `real_host`."""

    host: str
    port: int
    user: str
    password: str
    database: str = ""
    real_host: str = REAL_HOST
    ca_file: Path | None = None
    pid: int = 0


def find_postgres() -> Path | None:
    """Return the folder of PostgreSQL's programs; Debian keeps the server's out of PATH."""
    folders = [*sorted(Path("/").glob(_POSTGRES_FOLDERS.lstrip("/")), reverse=True)]
    on_path = shutil.which("initdb")
    folders += [Path(on_path).resolve().parent] if on_path else []
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


def _can_run_postgres() -> bool:
    if os.geteuid() == 0 and not (shutil.which("setpriv") and _has_user("postgres")):
        return False
    return find_postgres() is not None and shutil.which("openssl") is not None


def _has_user(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())


needs_postgres = pytest.mark.skipif(
    not _can_run_postgres(), reason="needs PostgreSQL's server and openssl: apt-get install postgresql openssl"
)
needs_redis = pytest.mark.skipif(
    not (shutil.which("redis-server") and shutil.which("openssl")),
    reason="needs Redis' server and openssl: apt-get install redis-server openssl",
)


@contextlib.contextmanager
def start_postgres(folder: Path, *, tls: bool) -> Iterator[Server]:
    """Run a new PostgreSQL; with `tls` it takes no connection without. Certificates go into `folder`.

    The login is a superuser. A start costs about a second: share it where tests do not disturb it.
    """
    programs = find_postgres()
    assert programs is not None
    password = secrets.token_urlsafe(12) + " '\\\""  # what quoting may get wrong
    with _service_folder("postgres") as (home, prefix):
        data = home / "data"
        (home / "password").write_text(password)
        _give_away(home, "postgres")
        _run([*prefix, programs / "initdb", "-D", data, f"--pwfile={home / 'password'}", *_INITDB])
        (data / "pg_hba.conf").write_text(f"{'hostssl' if tls else 'host'} all all 127.0.0.1/32 scram-sha-256\n")
        ca_file = make_certificates(folder, data) if tls else None
        settings = _SETTINGS | (_TLS_SETTINGS if tls else {})
        (data / "postgresql.conf").write_text("".join(f"{name} = '{value}'\n" for name, value in settings.items()))
        _give_away(home, "postgres")
        server = [*prefix, *_tied(signal.SIGQUIT), str(programs / "postgres"), "-D", str(data), "-p"]
        ready = "database system is ready to accept connections"
        login = {"user": "app", "password": password, "database": "postgres"}
        with _serving(server, log=home / "log", ready=ready, stop_by=signal.SIGQUIT) as (port, pid):
            yield Server(host="127.0.0.1", port=port, ca_file=ca_file, pid=pid, **login)


@contextlib.contextmanager
def start_redis(folder: Path, *, tls: bool, password: str) -> Iterator[Server]:
    """Run a new Redis that wants `password` (empty: none) of its user `default`; certificates go into `folder`."""
    with tempfile.TemporaryDirectory(prefix="ec2menu-redis-") as name:
        home = Path(name)
        ca_file = make_certificates(folder, home) if tls else None
        lines = ["bind 127.0.0.1", f"dir {home}", 'save ""', "appendonly no"]
        lines += [f'requirepass "{password}"'] if password else []
        if tls:
            lines += [f"tls-cert-file {home / 'server.pem'}", f"tls-key-file {home / 'server.key'}"]
            lines += [f"tls-ca-cert-file {ca_file}", "tls-auth-clients no", "port 0"]
        (home / "redis.conf").write_text("\n".join([*lines, ""]))
        server = [*_tied(signal.SIGTERM), "redis-server", str(home / "redis.conf"), "--tls-port" if tls else "--port"]
        ready = "Ready to accept connections"
        with _serving(server, log=home / "log", ready=ready, stop_by=signal.SIGTERM) as (port, pid):
            yield Server(host="127.0.0.1", port=port, user="default", password=password, ca_file=ca_file, pid=pid)


def make_certificates(folder: Path, server_folder: Path) -> Path:
    """Make a CA and a server's certificate for `REAL_HOST` that it signed; return the CA's file, in `folder`."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    ca, ca_key = folder / f"ca-{secrets.token_hex(4)}.pem", server_folder / "ca.key"
    _run(["openssl", "req", "-x509", *key, "-keyout", ca_key, "-out", ca, "-subj", "/CN=ec2menu tests"])
    made = ("-keyout", server_folder / "server.key", "-out", server_folder / "server.pem")
    signed = ("-CA", ca, "-CAkey", ca_key, "-addext", f"subjectAltName=DNS:{REAL_HOST}")
    _run(["openssl", "req", "-x509", *key, *made, *signed, "-subj", "/CN=server"])
    (server_folder / "server.key").chmod(0o600)
    return ca


# -- processes --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _service_folder(user: str) -> Iterator[tuple[Path, list[str]]]:
    """Yield a folder for a service and what to write before its command; its user cannot enter pytest's folders."""
    with tempfile.TemporaryDirectory(prefix=f"ec2menu-{user}-") as name:
        home = Path(name)
        if os.geteuid() != 0:
            yield home, []
            return
        _give_away(home, user)
        yield home, ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]


def _tied(ending: signal.Signals) -> list[str]:
    """Return what to write before a command so that it ends when this process is killed, where that can be had."""
    return ["setpriv", f"--pdeathsig={ending.name.removeprefix('SIG')}"] if shutil.which("setpriv") else []


def _give_away(folder: Path, user: str) -> None:
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, user, user)


@contextlib.contextmanager
def _serving(argv: Sequence[str], *, log: Path, ready: str, stop_by: signal.Signals) -> Iterator[tuple[int, int]]:
    """Run a server, whose last argument is its port, until the block ends; yield port and process id."""
    for _ in range(STARTS):
        port = free_port()
        with log.open("wb") as output:
            # A session of its own: Ctrl-C is for the tests, which stop it themselves.
            server = subprocess.Popen(
                [*argv, str(port)], stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        try:
            if _is_up(server, log, ready):
                yield port, server.pid
                return
        finally:
            server.send_signal(stop_by)
            try:
                server.wait(READY_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    raise AssertionError(f"{argv[0]} does not start:\n{log.read_text(errors='replace')}")


def _is_up(server: "subprocess.Popen[bytes]", log: Path, ready: str) -> bool:
    """Wait until a server says that it is ready; False where it ended: another process may have taken its port."""
    deadline = time.monotonic() + READY_SECONDS
    while ready not in log.read_text(errors="replace"):
        if server.poll() is not None:
            return False
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(STEP_SECONDS)
    return True


def _run(argv: Sequence[str | Path]) -> None:
    done = subprocess.run([str(part) for part in argv], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, f"{argv}\n{done.stdout}{done.stderr}"
