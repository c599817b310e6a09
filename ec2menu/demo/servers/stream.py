"""One connection as the toy servers see it: exact reads, lines, writes, and TLS where a protocol turns to it.

Nothing here knows a protocol.
"""

import contextlib
import socket

LONGEST_LINE = 65536
TLS_FIRST_BYTE = b"\x16"


class Gone(OSError):
    """The client has closed the connection, or says what no server would go on listening to."""


class Stream:
    """A connection with a client; `name` is the host that the client believes to be connected to."""

    def __init__(self, connection: socket.socket, *, name: str = "") -> None:
        self._connection = connection
        self._name = name
        self._buffer = b""

    def read(self, count: int) -> bytes:
        """Return exactly `count` bytes; raises Gone where the client ends before."""
        while len(self._buffer) < count:
            # Never more than was asked for: what follows may be the first bytes of TLS.
            self._take(self._connection.recv(min(count - len(self._buffer), 65536)))
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def read_line(self) -> bytes:
        r"""Return a line without its `\n` or `\r\n`; raises Gone at the end, and for a line without one."""
        while b"\n" not in self._buffer:
            if len(self._buffer) > LONGEST_LINE:
                raise Gone("the line does not end")
            self._take(self._connection.recv(4096))
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.removesuffix(b"\r")

    def read_some(self) -> bytes:
        """Return what has come, or nothing at the end."""
        data, self._buffer = self._buffer, b""
        return data or self._connection.recv(65536)

    def write(self, data: bytes) -> None:
        """Send all of it."""
        self._connection.sendall(data)

    def accept_tls(self, mode: str) -> None:
        """Do as a cache does whose TransitEncryptionMode is `mode`: `required`, `preferred`, or empty for none.

        TLS is known by its first byte; raises Gone where client and mode do not go together.
        """
        first = self._connection.recv(1, socket.MSG_PEEK)
        if not first:
            raise Gone("closed before the first word")
        if first == TLS_FIRST_BYTE and mode:
            self.start_tls()
        elif first == TLS_FIRST_BYTE or mode == "required":
            raise Gone("one side wants TLS, and the other does not")

    def can_do_tls(self) -> bool:
        """Whether a certificate can be made."""
        from ec2menu.demo.servers.tls import server_context  # noqa: PLC0415 - costs more than most connections

        return server_context(self._name) is not None

    def start_tls(self) -> None:
        """Go on in TLS; raises Gone where there is no certificate to show."""
        from ec2menu.demo.servers.tls import server_context  # noqa: PLC0415 - costs more than most connections

        context = server_context(self._name)
        if context is None or self._buffer:
            raise Gone("no TLS here")
        self._connection = context.wrap_socket(self._connection, server_side=True)

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):  # the client may have been faster
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def _take(self, data: bytes) -> None:
        if not data:
            raise Gone("closed")
        self._buffer += data
