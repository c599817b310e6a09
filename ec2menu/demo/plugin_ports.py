"""The demo plugin's tunnel: a local port that leads to a toy server in this process, or to nothing.

The stream URL tells which server (`speaks`, see `servers`) and whether there is anything at the far end (`reachable`);
where there is not, every connection ends as it does at AWS, with a line of text. Loopback only.
"""

import errno
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType

from ec2menu.demo.plugin_channel import LOOPBACK, Channel, say
from ec2menu.demo.servers import make_server
from ec2menu.demo.servers.stream import Stream

DESTINATION_FAILED = "\nConnection to destination port failed, check SSM Agent logs.\n"

_STOP_SIGNALS = ("SIGINT", "SIGQUIT", "SIGTSTP")
_BACKLOG = 128


class _Stopped(Exception):
    """One of the signals that end a tunnel."""


class Tunnel:
    """One port-forwarding session. `play` returns when a signal has ended it, or when the local port is taken."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._local_port = int(channel.facts.get("localPortNumber") or 0)
        self._is_reachable = channel.facts.get("reachable") != "no"
        self._server = make_server(channel.facts)
        self._accepted_any = False

    def play(self) -> None:
        """Open the port and serve it until SIGINT, SIGQUIT or SIGTSTP."""
        try:
            _on_stop_signals(_stop)
            say(f"\nStarting session with SessionId: {self._channel.session_id}\n")
            with socket.socket() as listener:
                self._listen(listener)
        except _Stopped:
            say("Terminate signal received, exiting.\n")
            self._channel.report_end()

    def _listen(self, listener: socket.socket) -> None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, self._local_port))
        except OSError as error:
            text = "address already in use" if error.errno == errno.EADDRINUSE else str(error.strerror).lower()
            say(f"Cannot perform start session: listen tcp {LOOPBACK}:{self._local_port}: bind: {text}\n")
            return
        listener.listen(_BACKLOG)
        say(f"Port {listener.getsockname()[1]} opened for sessionId {self._channel.session_id}.\n")
        say("\nWaiting for connections...\n")
        while True:
            self._accept(listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except ConnectionError:
            return  # it was gone before it was taken
        if not self._accepted_any:
            self._accepted_any = True
            say(f"\nConnection accepted for session [{self._channel.session_id}]\n")
        stream = Stream(connection, name=self._channel.facts.get("host", ""))
        if not self._is_reachable:
            say(DESTINATION_FAILED)
            stream.close()
            return
        threading.Thread(target=self._serve, args=(stream,), daemon=True).start()

    def _serve(self, stream: Stream) -> None:
        try:
            self._server(stream)
        except OSError:
            return  # the client has gone, or does not speak what is spoken here
        finally:
            stream.close()


def _stop(_number: int, _frame: FrameType | None) -> None:
    _on_stop_signals(signal.SIG_IGN)  # once is enough; the second would disturb the ending
    raise _Stopped


def _on_stop_signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for name in _STOP_SIGNALS:
        if hasattr(signal, name):  # Windows has only the first
            signal.signal(getattr(signal, name), handler)
