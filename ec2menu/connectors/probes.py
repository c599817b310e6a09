"""Whether something answers behind a local port, asked in the protocol that is expected there.

Plain sockets and nothing else. A local connect says nothing about a tunnel: the plugin accepts before it knows whether
the far side is alive, so a question is sent and any byte of an answer counts. Which answer it was is the client's
business: a refusal has come through the tunnel as well as a welcome.
"""

import contextlib
import socket
import ssl
import struct
from enum import StrEnum

LOOPBACK = "127.0.0.1"
OPEN_SECONDS = 1.0
ANSWER_BYTES = 4096  # more than any first answer: what is left unread would make the close a reset

_POSTGRES_TLS_REQUEST = bytes.fromhex("00000008 04d2162f")
# A TDS packet of type 18 (prelogin): version 0, encryption "not supported".
_TDS_PRELOGIN = bytes.fromhex("1201001a00000000 00000b0006 0100110001 ff 000000000000 02")

# Oracle's tnsping: a TNS packet of type 1 (connect), version 310, with its text behind 58 bytes.
_TNS_PING = b"(CONNECT_DATA=(COMMAND=ping))"
_TNS_FIELDS = struct.pack("!10H", 310, 300, 0, 2048, 32767, 0x7F08, 0, 1, len(_TNS_PING), 58) + bytes(30)
_TNS_CONNECT = struct.pack("!HHBBH", 58 + len(_TNS_PING), 0, 1, 0, 0) + _TNS_FIELDS + _TNS_PING
# MongoDB's OP_MSG (2013) with the BSON of {isMaster: 1, "$db": "admin"}.
_IS_MASTER = b"\x10isMaster\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0"
_MONGO_BODY = struct.pack("<IB", 0, 0) + struct.pack("<I", 4 + len(_IS_MASTER)) + _IS_MASTER
_MONGO_HELLO = struct.pack("<4I", 16 + len(_MONGO_BODY), 1, 0, 2013) + _MONGO_BODY


class Protocol(StrEnum):
    """What is spoken at the far end of a tunnel; MariaDB is MYSQL here, and Valkey REDIS."""

    POSTGRES = "postgres"
    MYSQL = "mysql"
    REDIS = "redis"
    MEMCACHED = "memcached"
    SQLSERVER = "sqlserver"
    ORACLE = "oracle"
    DOCDB = "docdb"
    NEPTUNE = "neptune"
    TCP = "tcp"


class Health(StrEnum):
    """What a probe found; the words of the tunnels screen."""

    ANSWERS = "answers"
    SILENT = "silent"
    HUNG_UP = "hangs up"
    REFUSED = "closed"


QUESTIONS = {
    Protocol.POSTGRES: _POSTGRES_TLS_REQUEST,
    Protocol.MYSQL: b"",  # the server speaks first
    Protocol.REDIS: b"*1\r\n$4\r\nPING\r\n",
    Protocol.MEMCACHED: b"version\r\n",
    Protocol.SQLSERVER: _TDS_PRELOGIN,
    Protocol.ORACLE: _TNS_CONNECT,
    Protocol.DOCDB: _MONGO_HELLO,
    Protocol.NEPTUNE: b"GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
}
"""What is said to a server that has something to answer; the other protocols are only watched for staying open."""
# TLS from the first byte on, unless somebody has switched it off.
_INSIDE_TLS = frozenset({Protocol.DOCDB, Protocol.NEPTUNE})


def is_spoken(protocol: Protocol) -> bool:
    """Whether a server of the protocol can be made to answer without a login."""
    return protocol in QUESTIONS


def is_healthy(protocol: Protocol, health: Health) -> bool:
    """Whether a tunnel that leads to this protocol is in order; where nobody can be asked, silence is."""
    return health is Health.ANSWERS or (health is Health.SILENT and not is_spoken(protocol))


def probe(
    protocol: Protocol,
    local_port: int,
    *,
    tls: bool = False,
    server_name: str = "",
    timeout_seconds: float = 5.0,
    is_patient: bool = False,
) -> Health:
    """Ask what listens behind a local port; every step waits at most `timeout_seconds`.

    `tls` is TLS from the first byte on (ElastiCache), `server_name` what SNI then says. Where nobody can be asked, a
    short silence is enough unless `is_patient`. Certificates are not verified: a probe sends no secret, and the client
    that does will look for itself.
    """
    seconds = timeout_seconds if is_patient or is_spoken(protocol) else min(OPEN_SECONDS, timeout_seconds)
    inside = protocol in _INSIDE_TLS
    health = _probe(protocol, local_port, tls=tls or inside, server_name=server_name, seconds=seconds)
    if inside and health is Health.HUNG_UP:
        return _probe(protocol, local_port, tls=False, server_name="", seconds=seconds)
    return health


def _probe(protocol: Protocol, local_port: int, *, tls: bool, server_name: str, seconds: float) -> Health:
    try:
        connection = socket.create_connection((LOOPBACK, local_port), seconds)
    except TimeoutError:
        return Health.SILENT
    except OSError:
        return Health.REFUSED
    with contextlib.ExitStack() as stack:
        stack.enter_context(connection)
        try:
            if tls:
                connection = stack.enter_context(_with_tls(connection, server_name))
            return _ask(protocol, connection)
        except TimeoutError:
            return Health.SILENT
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return Health.HUNG_UP
        except ssl.SSLError:
            return Health.ANSWERS  # it has said something that we do not understand
        except OSError:
            return Health.HUNG_UP


def _ask(protocol: Protocol, connection: socket.socket) -> Health:
    if question := QUESTIONS.get(protocol):
        connection.sendall(question)
    answer = connection.recv(ANSWER_BYTES)
    if protocol is Protocol.POSTGRES and answer == b"S":
        with contextlib.suppress(OSError), _with_tls(connection, "") as inside:
            inside.unwrap()  # PostgreSQL logs who asks for TLS and then leaves, but not who leaves in good order later
    return Health.ANSWERS if answer else Health.HUNG_UP


def _with_tls(connection: socket.socket, server_name: str) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection, server_hostname=server_name or None)
