"""The demo plugin's tunnel: a local port that opens, accepts and holds connections, with nothing at the far end.

Clients of databases and caches are told so in their own protocol, so that they end with a sentence instead of
waiting; any other connection (RDP) is held open and what it sends is thrown away. Loopback only.
"""

import errno
import selectors
import signal
import socket
from collections.abc import Callable
from types import FrameType

from ec2menu.demo.plugin_channel import LOOPBACK, Channel, say

NOTE = "this is ec2menu's demo: there is nothing behind the tunnel"
DEFAULT_PORT = 80

_POSTGRES_TLS_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
_STOP_SIGNALS = ("SIGINT", "SIGQUIT", "SIGTSTP")


class _Stopped(Exception):
    """One of the signals that end a tunnel."""


def _postgres(data: bytes) -> bytes:
    """Refuse TLS politely, then end any startup message with a fatal error."""
    if data.startswith(_POSTGRES_TLS_REQUEST):
        return b"N"
    fields = b"SFATAL\x00C08004\x00M" + NOTE.encode() + b"\x00\x00"
    return b"E" + (len(fields) + 4).to_bytes(4, "big") + fields


def _mysql_greeting() -> bytes:
    """Speak first, as a MySQL server does, with an error packet (1105, unknown error)."""
    packet = b"\xff" + (1105).to_bytes(2, "little") + b"#HY000" + NOTE.encode()
    return len(packet).to_bytes(3, "little") + b"\x00" + packet


ANSWERS: dict[int, Callable[[bytes], bytes]] = {
    5432: _postgres,
    6379: lambda _: b"-ERR " + NOTE.encode() + b"\r\n",
    11211: lambda _: b"SERVER_ERROR " + NOTE.encode() + b"\r\n",
}
GREETINGS: dict[int, Callable[[], bytes]] = {3306: _mysql_greeting}
"""What is said by remote port: to data that comes in, and at the start by servers that speak first."""


class Tunnel:
    """One port-forwarding session. `play` returns when a signal has ended it, or when the local port is taken."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._remote_port = int(channel.facts.get("portNumber") or DEFAULT_PORT)
        self._local_port = int(channel.facts.get("localPortNumber") or 0)
        self._selector = selectors.DefaultSelector()
        self._accepted_any = False

    def play(self) -> None:
        """Open the port and serve it until SIGINT, SIGQUIT or SIGTSTP."""
        try:
            for name in _STOP_SIGNALS:
                if hasattr(signal, name):
                    signal.signal(getattr(signal, name), _stop)
            say(f"\nStarting session with SessionId: {self._channel.session_id}\n")
            self._serve()
        except _Stopped:
            say("Terminate signal received, exiting.\n")
            self._channel.report_end()
        finally:
            self._close()

    def _serve(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._selector.register(listener, selectors.EVENT_READ)
        try:
            listener.bind((LOOPBACK, self._local_port))
        except OSError as error:
            text = "address already in use" if error.errno == errno.EADDRINUSE else str(error.strerror).lower()
            say(f"Cannot perform start session: listen tcp {LOOPBACK}:{self._local_port}: bind: {text}\n")
            return
        listener.listen()
        say(f"Port {listener.getsockname()[1]} opened for sessionId {self._channel.session_id}.\n")
        say("\nWaiting for connections...\n")
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is listener:
                    self._accept(listener)
                elif isinstance(key.fileobj, socket.socket):
                    self._answer(key.fileobj)

    def _accept(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        self._selector.register(connection, selectors.EVENT_READ)
        if not self._accepted_any:
            self._accepted_any = True
            say(f"\nConnection accepted for session [{self._channel.session_id}]\n")
        greeting = GREETINGS.get(self._remote_port)
        if greeting is not None:
            _send(connection, greeting())

    def _answer(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(65536)
        except OSError:
            data = b""
        answer = ANSWERS.get(self._remote_port)
        if not data:
            self._selector.unregister(connection)
            connection.close()
        elif answer is not None:
            _send(connection, answer(data))

    def _close(self) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _Stopped


def _send(connection: socket.socket, data: bytes) -> None:
    """Answer a client that may have gone already."""
    try:
        connection.sendall(data)
    except OSError:
        return
