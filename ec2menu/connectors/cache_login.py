"""Whether a cache takes a login, asked through its tunnel: its clients end well after a wrong password, too.

A plain socket, inside TLS where the cache has it; then its certificate is checked as those clients check it, by the
system's CAs and not by its name, for a secret is sent.
"""

import contextlib
import socket
import ssl
from enum import StrEnum

from ec2menu.connectors.clients import Login
from ec2menu.connectors.probes import ANSWER_BYTES, LOOPBACK

_ACCEPTED = b"+OK"
# Redis 6 and Valkey say the first, what came before them the second.
_REFUSED = (b"-WRONGPASS", b"-ERR invalid password")


class Verdict(StrEnum):
    """What a cache says of a login; UNKNOWN also where it could not be asked."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


def try_login(login: Login, local_port: int, *, tls: bool, server_name: str, timeout_seconds: float) -> Verdict:
    """Send AUTH and return what the cache says; every step waits at most `timeout_seconds`."""
    if login.password is None:
        return Verdict.UNKNOWN
    try:
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(socket.create_connection((LOOPBACK, local_port), timeout_seconds))
            if tls:
                connection = stack.enter_context(_by_system_ca().wrap_socket(connection, server_hostname=server_name))
            connection.sendall(_auth(login))
            answer = connection.recv(ANSWER_BYTES)
    except (OSError, ValueError):  # no server name that TLS could send is a ValueError
        return Verdict.UNKNOWN
    if answer.startswith(_ACCEPTED):
        return Verdict.ACCEPTED
    return Verdict.REFUSED if answer.startswith(_REFUSED) else Verdict.UNKNOWN


def _auth(login: Login) -> bytes:
    words = [word.encode(errors="surrogateescape") for word in ("AUTH", login.user) if word]
    words += [login.password.reveal().encode(errors="surrogateescape")] if login.password else []
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def _by_system_ca() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    return context
