"""The demo plugin's tunnels, run as processes: what they say, hold, answer, and how they end."""

import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator

import pytest

from ec2menu.demo.server import DemoAws
from tests.cloud.conftest import PluginCommand

LIMIT_SECONDS = 30
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

    def open_tunnel(remote_port: str, local_port: str = "0", document: str = PORTS) -> Tunnel:
        parameters = {"portNumber": [remote_port], "localPortNumber": [local_port]}
        opened.append(Tunnel(plugin_command(DocumentName=document, Parameters=parameters)))
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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
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


@pytest.mark.parametrize(
    ("remote_port", "sent", "answer"),
    [
        ("5432", b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"N"),
        ("5432", b"\x00\x00\x00\x09\x00\x03\x00\x00\x00", b"E"),
        ("3306", b"", b"this is ec2menu's demo"),
        ("6379", b"PING\r\n", b"-ERR this is ec2menu's demo"),
        ("11211", b"version\r\n", b"SERVER_ERROR this is ec2menu's demo"),
    ],
)
def test_database_clients_are_told_in_their_own_protocol(
    tunnel: Callable[..., Tunnel], remote_port: str, sent: bytes, answer: bytes
) -> None:
    opened = tunnel(remote_port, document=REMOTE)
    with opened.connect() as connection:
        connection.sendall(sent)
        assert answer in connection.recv(4096)


def test_a_closed_connection_makes_room_for_the_next(tunnel: Callable[..., Tunnel]) -> None:
    opened = tunnel("6379")
    for _ in range(3):
        with opened.connect() as connection:
            connection.sendall(b"PING\r\n")
            assert connection.recv(4096).startswith(b"-ERR")
