"""A small HTTP/1.1 server on the loopback: keep-alive, one thread per connection, silent.

It hands each request to a handler as a WSGI environment and writes the `Reply`, or cuts the connection where there is
none. It knows nothing of AWS. (Werkzeug's development server, which moto brings, closes every connection.)
"""

import socket
import socketserver
from collections.abc import Callable
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler
from io import StringIO
from threading import Lock, Thread
from typing import Any, ClassVar

from ec2menu.demo.requests import Environ

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes back: a status, headers without Content-Length, and the body that the length is counted from."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def cut(self) -> "Reply":
        """Return the first half of the reply, its Content-Length agreeing: a proxy that lost the rest."""
        return replace(self, body=self.body[: len(self.body) // 2])


Handler = Callable[[Environ], Reply | None]


class LoopbackServer(socketserver.ThreadingTCPServer):
    """Listens on 127.0.0.1:`port` (0 picks a free one) and serves `handler` until `close`."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handler: Handler, *, port: int = 0) -> None:
        super().__init__((LOOPBACK, port), _Connection)
        self.handler = handler
        self._open: set[Any] = set()
        self._lock = Lock()
        self._thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True, name="demo-aws")

    @property
    def port(self) -> int:
        """The port in use."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Serve on a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening and drop the connections that clients keep open."""
        self.shutdown()
        self.server_close()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            _hang_up(connection)
        self._thread.join()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, then serve it on its own thread."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection and close it."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: what reaches here is a client that hung up."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536
    _safe_headers: ClassVar[frozenset[str]] = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})
    server: LoopbackServer

    def log_message(self, *_: object) -> None:
        pass

    def _serve(self) -> None:
        reply = self.server.handler(self._environ())
        if reply is None:
            self.close_connection = True
            _hang_up(self.connection)
            return
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _serve  # noqa: N815 - http.server's names

    def _environ(self) -> Environ:
        path, _, query = self.path.partition("?")
        environ: Environ = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_URI": self.path,
            "RAW_URI": self.path,
            "REMOTE_ADDR": LOOPBACK,
            "SERVER_NAME": LOOPBACK,
            "SERVER_PORT": str(self.server.port),
            "SERVER_PROTOCOL": self.request_version,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": self.rfile,
            "wsgi.errors": StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key in self._safe_headers else f"HTTP_{key}"] = value
        return environ


def _hang_up(connection: socket.socket) -> None:
    """End a connection that its client may have ended already."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
