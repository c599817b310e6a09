"""Port sessions of the stand-in plugin: real listeners, real bytes."""

import hashlib
import os
import select
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.plugin import install_plugin, plugin_runs, process_is_alive, wait_for_run
from tests.fakes.plugin_calls import FIRST_LINE, NORMAL_END, SESSION_ID, StartedPlugin, tunnel_call
from tests.ports import free_port

READY = "\nWaiting for connections...\n"
DESTINATION_FAILED = "\nConnection to destination port failed, check SSM Agent logs.\n"
TERMINATED = f"Terminate signal received, exiting.\n{NORMAL_END}"


class Echo(socketserver.BaseRequestHandler):
    """Send back what comes, and `bye` at the end."""

    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(data)
        self.request.sendall(b"bye")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet when a client is gone before it is answered."""


@pytest.fixture
def echo_port() -> Iterator[int]:
    with Server(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def short_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give each test a TMPDIR of its own, short enough for a Unix socket in it."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="plugin-") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def receive(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (more := client.recv(count - len(data))):
        data += more
    return data


@contextmanager
def tunnel(plugin: Path, port: int, *, ready: str = READY, **call: str) -> Iterator[tuple[StartedPlugin, int]]:
    """Start a tunnel and yield it with its local port once it is ready."""
    with StartedPlugin(tunnel_call(plugin, port=port, **call), stdin=subprocess.DEVNULL) as started:
        text = started.read_until(ready)
        yield started, int(text.partition("Port ")[2].partition(" ")[0])


def test_a_multiplexed_tunnel_says_exactly_these_lines(tmp_path: Path, echo_port: int) -> None:
    port = free_port()
    with tunnel(install_plugin(tmp_path), echo_port, local_port=str(port)) as (started, _):
        opened = f"{FIRST_LINE}Port {port} opened for sessionId {SESSION_ID}.{READY}"
        assert started.output == opened
        with connect(port) as client, connect(port) as second:
            for end in (client, second):
                end.sendall(b"x")
                assert receive(end, 1) == b"x"
        started.signal(signal.SIGINT)
        assert started.wait() == 0
        assert started.output == f"{opened}\nConnection accepted for session [{SESSION_ID}]\n{TERMINATED}"


def test_a_basic_tunnel_says_exactly_these_lines(tmp_path: Path, echo_port: int) -> None:
    port = free_port()
    opened = f"{FIRST_LINE}Port {port} opened for sessionId {SESSION_ID}.\n"
    plugin = install_plugin(tmp_path, basic=True)
    with tunnel(plugin, echo_port, ready=opened, local_port=str(port)) as (started, _):
        with connect(port) as client:
            client.sendall(b"x")
            assert receive(client, 1) == b"x"
        started.signal(signal.SIGINT)
        assert started.wait() == 0
        assert started.output == f"{opened}Connection accepted for session {SESSION_ID}.\n{TERMINATED}"


@pytest.mark.parametrize("local_port", ["", "0"])
def test_no_local_port_means_a_free_one_told_in_the_line(tmp_path: Path, echo_port: int, local_port: str) -> None:
    with tunnel(install_plugin(tmp_path), echo_port, local_port=local_port) as (_, port), connect(port) as client:
        client.sendall(b"hello")
        assert receive(client, 5) == b"hello"


def test_a_megabyte_passes_unchanged_both_ways(tmp_path: Path, echo_port: int) -> None:
    data = os.urandom(1_000_000)
    plugin = install_plugin(tmp_path)
    with tunnel(plugin, echo_port) as (_, port):
        with connect(port) as client:
            sender = threading.Thread(target=client.sendall, args=(data,))
            sender.start()
            answer = receive(client, len(data))
            sender.join()
        assert hashlib.sha256(answer).hexdigest() == hashlib.sha256(data).hexdigest()
        run = wait_for_run(plugin, lambda run: any(c["up"] == len(data) for c in run.connections))
    assert run.connections[0]["to"] == ["127.0.0.1", echo_port]
    assert run.connections[0]["down"] >= len(data)


def test_twenty_connections_at_once_get_their_own_answers(tmp_path: Path, echo_port: int) -> None:
    with tunnel(install_plugin(tmp_path), echo_port) as (_, port):
        clients = [connect(port) for _ in range(20)]
        for number, client in enumerate(clients):
            client.sendall(b"%03d" % number * 100)
        answers = [receive(client, 300) for client in clients]
        for client in clients:
            client.close()
    assert answers == [b"%03d" % number * 100 for number in range(20)]


def test_a_basic_tunnel_serves_one_connection_at_a_time(tmp_path: Path, echo_port: int) -> None:
    plugin = install_plugin(tmp_path, basic=True)
    with tunnel(plugin, echo_port, ready=f"{SESSION_ID}.\n") as (_, port), connect(port) as second:
        with connect(port) as first:
            second.sendall(b"2")
            assert receive(second, 1) == b"2"
            first.sendall(b"1")
            second.sendall(b"3")
            assert receive(second, 1) == b"3"
            assert len(plugin_runs(plugin)[0].connections) == 1
            assert select.select([first], [], [], 0.2)[0] == []
            second.close()
            assert receive(first, 1) == b"1"
        wait_for_run(plugin, lambda run: len(run.connections) == 2)


def test_an_answer_after_a_half_close_is_lost(tmp_path: Path, echo_port: int) -> None:
    with connect(echo_port) as direct:
        direct.shutdown(socket.SHUT_WR)
        assert receive(direct, 3) == b"bye"
    with tunnel(install_plugin(tmp_path), echo_port) as (_, port), connect(port) as client:
        client.sendall(b"x")
        assert receive(client, 1) == b"x"
        client.shutdown(socket.SHUT_WR)
        assert receive(client, 3) == b""


def test_a_remote_host_is_reached_by_the_map(tmp_path: Path, echo_port: int) -> None:
    plugin = install_plugin(tmp_path, map={"db.example:5432": f"127.0.0.1:{echo_port}"})
    with tunnel(plugin, 5432, host="db.example") as (_, port), connect(port) as client:
        client.sendall(b"select")
        assert receive(client, 6) == b"select"


def test_a_remote_host_that_nobody_mapped_fails_without_a_lookup(tmp_path: Path) -> None:
    with tunnel(install_plugin(tmp_path), 5432, host="db.example") as (started, port):
        with connect(port) as client:
            assert receive(client, 1) == b""
        started.read_until(DESTINATION_FAILED)


def test_a_refused_destination_is_told_and_the_tunnel_lives(tmp_path: Path) -> None:
    with tunnel(install_plugin(tmp_path), free_port()) as (started, port):
        for _ in range(2):
            with connect(port) as client:
                assert receive(client, 1) == b""
        started.read_until(DESTINATION_FAILED * 2)
        assert process_is_alive(started.pid)


def test_a_destination_can_be_made_to_fail(tmp_path: Path, echo_port: int) -> None:
    with tunnel(install_plugin(tmp_path, destination_failed=True), echo_port) as (started, port):
        with connect(port) as client:
            assert receive(client, 1) == b""
        started.read_until(DESTINATION_FAILED)


@pytest.mark.parametrize("really", [True, False])
def test_a_taken_port_is_refused_in_a_line_with_status_zero(tmp_path: Path, echo_port: int, really: bool) -> None:
    plugin = install_plugin(tmp_path) if really else install_plugin(tmp_path, port_busy_line=True)
    with StartedPlugin(tunnel_call(plugin, port=80, local_port=str(echo_port))) as started:
        assert started.wait() == 0
        reason = f"listen tcp 127.0.0.1:{echo_port}: bind: address already in use"
        assert started.output == f"{FIRST_LINE}Cannot perform start session: {reason}\n"
    assert [(run.ended, run.ready, run.session_ended) for run in plugin_runs(plugin)] == [("refused", False, False)]


@pytest.mark.parametrize("really", [True, False])
def test_a_taken_port_may_hang_without_a_line_until_ctrl_c(
    tmp_path: Path, short_folder: Path, echo_port: int, really: bool
) -> None:
    plugin = install_plugin(tmp_path, busy_hangs=True) if really else install_plugin(tmp_path, port_busy_hang=True)
    with StartedPlugin(tunnel_call(plugin, port=80, local_port=str(echo_port))) as started:
        started.read_until(FIRST_LINE)
        wait_for_run(plugin, lambda run: any(short_folder.glob("*.sock")))
        started.signal(signal.SIGINT)
        assert started.wait() == 0
        assert started.output == f"{FIRST_LINE}{TERMINATED}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP])
def test_control_signals_end_the_session_and_remove_the_socket(
    tmp_path: Path, short_folder: Path, number: signal.Signals
) -> None:
    plugin = install_plugin(tmp_path)
    with StartedPlugin(tunnel_call(plugin, port=80)) as started:
        started.read_until(READY)
        assert len(list(short_folder.glob("*_session_manager_plugin_mux.sock"))) == 1
        started.signal(number)
        assert started.wait() == 0
    (run,) = plugin_runs(plugin)
    assert (run.ended, run.signals, run.session_ended) == ("interrupted", (number.name,), True)
    assert list(short_folder.glob("*.sock")) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_deadly_signals_leave_the_session_and_the_socket(
    tmp_path: Path, short_folder: Path, number: signal.Signals
) -> None:
    plugin = install_plugin(tmp_path)
    with StartedPlugin(tunnel_call(plugin, port=80)) as started:
        started.read_until(READY)
        started.signal(number)
        assert started.wait() == -number
    assert not plugin_runs(plugin)[0].session_ended
    assert len(list(short_folder.glob("*.sock"))) == 1


def test_a_long_tmpdir_breaks_a_multiplexed_tunnel(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(folder)}
    with StartedPlugin(tunnel_call(install_plugin(tmp_path), port=80), environment=environment) as started:
        assert started.wait() == 0
        assert started.output.endswith(": bind: invalid argument\n")


def test_a_socket_file_that_a_killed_run_left_is_in_nobodys_way(tmp_path: Path) -> None:
    plugin = install_plugin(tmp_path)
    for _ in range(2):
        with StartedPlugin(tunnel_call(plugin, port=80)) as started:
            started.read_until(READY)
            started.signal(signal.SIGKILL)
            assert started.wait() == -signal.SIGKILL


def test_a_deaf_tunnel_lives_through_ctrl_c(tmp_path: Path, echo_port: int) -> None:
    plugin = install_plugin(tmp_path, deaf=True)
    with tunnel(plugin, echo_port) as (started, port):
        started.signal(signal.SIGINT)
        wait_for_run(plugin, lambda run: run.signals == ("SIGINT",))
        with connect(port) as client:
            client.sendall(b"x")
            assert receive(client, 1) == b"x"


def test_a_tunnel_may_die_once_it_is_ready(tmp_path: Path) -> None:
    with StartedPlugin(tunnel_call(install_plugin(tmp_path, dies_after_seconds=0.0), port=80)) as started:
        assert started.wait() == -signal.SIGKILL
        assert started.output.endswith(READY)


@pytest.mark.parametrize(("text", "shown"), [("moved", f"\n\nSessionId: {SESSION_ID} : moved\n\n"), ("", NORMAL_END)])
def test_a_tunnel_may_be_ended_by_the_service(tmp_path: Path, text: str, shown: str) -> None:
    plugin = install_plugin(tmp_path, ends_after_seconds=0.0, end_text=text)
    with StartedPlugin(tunnel_call(plugin, port=80)) as started:
        assert started.wait() == 0
        assert started.output.endswith(f"{READY}{shown}")
    assert plugin_runs(plugin)[0].session_ended


def test_a_zombie_accepts_and_passes_nothing_and_prints_nothing(tmp_path: Path, echo_port: int) -> None:
    plugin = install_plugin(tmp_path, zombie_after_seconds=0.0)
    with tunnel(plugin, echo_port) as (started, port), connect(port) as client:
        client.sendall(b"x")
        assert select.select([client], [], [], 0.3)[0] == []
        started.signal(signal.SIGINT)
        assert started.wait() == 0
        assert started.output.endswith(f"{READY}{TERMINATED}")
    assert plugin_runs(plugin)[0].connections == ()


def test_a_tunnel_becomes_a_zombie_at_once_by_sigusr1(tmp_path: Path, echo_port: int) -> None:
    plugin = install_plugin(tmp_path)
    with tunnel(plugin, echo_port) as (started, port), connect(port) as client:
        client.sendall(b"x")
        assert receive(client, 1) == b"x"
        started.signal(signal.SIGUSR1)
        wait_for_run(plugin, lambda run: run.zombie)
        client.sendall(b"y")
        with connect(port) as second:
            second.sendall(b"z")
            assert select.select([client, second], [], [], 0.3)[0] == []
        assert process_is_alive(started.pid)


def test_a_tunnel_outlives_its_parent_and_keeps_the_port(tmp_path: Path, echo_port: int) -> None:
    plugin, output = install_plugin(tmp_path), tmp_path / "output"
    program = "import subprocess, sys; subprocess.Popen(sys.argv[2:], stdout=open(sys.argv[1], 'w'))"
    call = tunnel_call(plugin, port=echo_port)
    subprocess.run([sys.executable, "-W", "ignore", "-c", program, output, *call], check=True)
    run = wait_for_run(plugin, lambda run: READY in output.read_text())
    try:
        port = int(output.read_text().partition("Port ")[2].partition(" ")[0])
        with connect(port) as client:
            client.sendall(b"still here")
            assert receive(client, 10) == b"still here"
        assert run.is_alive
    finally:
        os.kill(run.pid, signal.SIGKILL)
