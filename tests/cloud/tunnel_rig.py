"""What tests of tunnels stand on: a far end that speaks, the stand-in plugin that leads there, and a registry."""

import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from ec2menu.clock import Clock
from ec2menu.connectors.connector import Connector
from ec2menu.connectors.forward import TunnelSpec
from ec2menu.connectors.plugin import Plugin
from ec2menu.connectors.probes import Protocol
from ec2menu.connectors.tunnel import Tunnel, TunnelState
from ec2menu.connectors.tunnels import Tunnels
from ec2menu.demo.server import DemoAws
from ec2menu.state.ports import remember_port, remembered_port
from ec2menu.state.store import Store
from tests.cloud.identities import aws_as
from tests.fakes.plugin import PluginModes, PluginRun, install_plugin, plugin_sessions
from tests.ports import free_port

REGION = "us-east-1"
HOST = "orders.cluster-c1.us-east-1.rds.amazonaws.com"
TLS_REQUEST = bytes.fromhex("0000000804d2162f")


class _Database(socketserver.BaseRequestHandler):
    """Decline TLS as PostgreSQL does, then send everything back."""

    def handle(self) -> None:
        data = self.request.recv(65536)
        if data.startswith(TLS_REQUEST):
            self.request.sendall(b"N")
            data = self.request.recv(65536)
        while data:
            self.request.sendall(data)
            data = self.request.recv(65536)


class _Mute(socketserver.BaseRequestHandler):
    """Listen, and never say a word."""

    def handle(self) -> None:
        while self.request.recv(65536):
            pass


class _Curt(socketserver.BaseRequestHandler):
    """Hang up at once."""


class _Greeter(socketserver.BaseRequestHandler):
    """Speak first, as MySQL does."""

    def handle(self) -> None:
        self.request.sendall(b"\x08\0\0\0\x0a8.0.39\0")
        while self.request.recv(65536):
            pass


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet when a client is gone before it is answered."""


FAR_ENDS: dict[str, type[socketserver.BaseRequestHandler]] = {
    "database": _Database,
    "mute": _Mute,
    "curt": _Curt,
    "greeter": _Greeter,
}


@contextmanager
def far_end(kind: str = "database", *, port: int = 0) -> Iterator[int]:
    """Serve at the far side of tunnels, and yield the port."""
    with _Server(("127.0.0.1", port or free_port()), FAR_ENDS[kind]) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def talk(port: int, word: bytes = b"select 1") -> bytes:
    """Say one thing through a tunnel and return what comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(word)
        return client.recv(1024)


def wait_until(condition: Callable[[], object], *, what: str, seconds: float = 60.0) -> None:
    """Poll a condition that another thread or process makes true; AssertionError when time is up."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.005)


@dataclass(kw_only=True)
class Rig:
    """One test's tunnels. `port` is the far end's port as the user names it; it is free on this computer."""

    demo: DemoAws
    folder: Path
    far_port: int
    port: int = field(default_factory=free_port)
    probe_seconds: float = 5.0
    connector_type: type[Connector] = Connector

    def __post_init__(self) -> None:
        self.store = Store(self.folder / "state.sqlite3")
        self.node = self.demo.add_instances(REGION, 1, name="jump-1")[0]
        self.behave()
        self._made: list[Tunnels] = []
        self.replaced: list[Tunnel] = []

    def behave(self, **modes: Unpack[PluginModes]) -> None:
        """Have later runs of the plugin behave in these ways, and lead to the far end."""
        both: PluginModes = {**modes, "map": {f"{HOST}:{self.port}": f"127.0.0.1:{self.far_port}"}}
        self.plugin = install_plugin(self.folder / "plugin", **both)

    def connector(self, clock: Clock) -> Connector:
        """Return what starts sessions with the stand-in plugin."""
        return self.connector_type(
            aws=aws_as(),
            plugin=Plugin(command=(str(self.plugin),), version=(1, 2, 814, 0)),
            environ=dict(os.environ),
            clock=clock,
            answer_seconds=30,
        )

    def tunnels(self, clock: Clock) -> Tunnels:
        """Return a registry that remembers ports in this test's state file."""
        made = Tunnels(
            connector_factory=partial(self.connector, clock),
            recall_port=partial(remembered_port, self.store),
            remember_port=partial(remember_port, self.store),
            on_replaced=self.replaced.append,
            probe_seconds=self.probe_seconds,
        )
        self._made.append(made)
        return made

    def spec(self, **more: Any) -> TunnelSpec:
        """Return the way to the database through the jump host."""
        usual: dict[str, Any] = {
            "via": self.node,
            "via_name": "jump-1",
            "region": REGION,
            "host": HOST,
            "port": self.port,
            "label": "orders:writer",
            "protocol": Protocol.POSTGRES,
        }
        return TunnelSpec(**usual | more)

    def runs(self) -> tuple[PluginRun, ...]:
        """Return the plugin's runs, oldest first."""
        return plugin_sessions(self.plugin)

    def living(self) -> list[PluginRun]:
        """Return the runs whose process still exists."""
        return [run for run in self.runs() if run.is_alive]

    def statuses(self) -> list[str]:
        """Return how AWS sees the sessions, oldest first."""
        return [session.status for session in self.demo.sessions(REGION)]

    def count(self, operation: str) -> int:
        """Return how often AWS was asked for an operation."""
        return len(self.demo.calls_of(operation))

    def close(self) -> None:
        """Close what the test left open."""
        for each in self._made:
            each.close_all()
        self.store.close()


def wait_for_state(tunnel: Tunnel, state: TunnelState) -> None:
    wait_until(lambda: tunnel.state is state, what=f"{state} (it is {tunnel.state}, {tunnel.last_error})")
