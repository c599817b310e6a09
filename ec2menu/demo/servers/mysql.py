"""A toy MySQL or MariaDB (protocol 10): lets everybody in, with TLS if asked for, and answers a few queries.

Everything else is answered with error 1105 that says what this is.
"""

import struct
from collections.abc import Mapping, Sequence
from enum import IntEnum

from ec2menu.demo.servers import NOTE
from ec2menu.demo.servers.stream import Gone, Stream

ONLY = f"{NOTE}: nothing is stored here; it answers select 1, version(), user(), database(), @@version, show databases"
LONGEST_PACKET = 1 << 20

# LONG_PASSWORD, LONG_FLAG, CONNECT_WITH_DB, PROTOCOL_41, SSL, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH
_SSL, _CONNECT_WITH_DB = 0x800, 0x8
_CAPABILITIES = 0x1 | 0x4 | _CONNECT_WITH_DB | 0x200 | _SSL | 0x2000 | 0x8000 | 0x80000
_TLS_REQUEST_BYTES = 32
_AUTOCOMMIT = 2
_UNKNOWN_ERROR = 1105
_OK = b"\x00\x00\x00" + struct.pack("<HH", _AUTOCOMMIT, 0)
_EOF = b"\xfe" + struct.pack("<HH", 0, _AUTOCOMMIT)
_SALT = b"ec2menu.demo.nosalt!"  # 20 bytes, as scrambles are; nobody's password is compared with anything
_SILENT_VERBS = ("set", "use", "begin", "commit", "rollback", "start")


class _Command(IntEnum):
    """The first byte of what a client sends."""

    QUIT = 0x01
    INIT_DB = 0x02
    QUERY = 0x03
    FIELD_LIST = 0x04
    STATISTICS = 0x09
    PING = 0x0E
    RESET = 0x1F


class MySql:
    """The server; `facts` has the `engine` (a MariaDB says so) and its `version`."""

    def __init__(self, facts: Mapping[str, str]) -> None:
        version = facts.get("version") or "8.0.39"
        self._version = f"5.5.5-{version}-MariaDB" if facts.get("engine") == "mariadb" else version

    def serve(self, stream: Stream) -> None:
        """Greet a client and answer it until it leaves."""
        _Session(stream, self._version).run()


class _Session:
    """One client, from the greeting on."""

    def __init__(self, stream: Stream, version: str) -> None:
        self._stream = stream
        self._version = version
        self._number = 0
        self._user = ""
        self._database = ""

    def run(self) -> None:
        """Greet, let in, and answer packet after packet."""
        self._send(self._greeting())
        login = self._receive()
        if len(login) == _TLS_REQUEST_BYTES and int.from_bytes(login[:4], "little") & _SSL:
            self._stream.start_tls()
            login = self._receive()
        self._take_login(login)
        self._send(_OK)
        while True:
            self._number = 0
            packet = self._receive()
            if packet[:1] in (b"", bytes([_Command.QUIT])):
                return
            for answer in self._answers(packet[0], packet[1:]):
                self._send(answer)

    def _greeting(self) -> bytes:
        low, high = _CAPABILITIES & 0xFFFF, _CAPABILITIES >> 16
        return b"".join(
            (
                b"\x0a" + self._version.encode() + b"\0",
                struct.pack("<I", 1) + _SALT[:8] + b"\0",
                struct.pack("<HBHH", low, 45, _AUTOCOMMIT, high),
                bytes([len(_SALT) + 1]) + bytes(10),
                _SALT[8:] + b"\0mysql_native_password\0",
            )
        )

    def _take_login(self, login: bytes) -> None:
        """Remember user and database of a HandshakeResponse41; the password in between is not looked at."""
        flags = int.from_bytes(login[:4], "little")
        user, _, rest = login[_TLS_REQUEST_BYTES:].partition(b"\0")
        self._user = user.decode(errors="replace")
        length = rest[0] if rest else 0
        if flags & _CONNECT_WITH_DB:
            self._database = rest[1 + length :].partition(b"\0")[0].decode(errors="replace")

    def _answers(self, command: int, body: bytes) -> Sequence[bytes]:
        text = body.decode(errors="replace")
        match command:
            case _Command.INIT_DB:
                self._database = text
                return [_OK]
            case _Command.PING | _Command.RESET:
                return [_OK]
            case _Command.QUERY:
                return self._query(" ".join(text.rstrip("; \n\0").split()))
            case _Command.FIELD_LIST:
                return [_EOF]
            case _Command.STATISTICS:
                return [b"Uptime: 1  Threads: 1  Questions: 1"]
        return [_error()]

    def _query(self, text: str) -> Sequence[bytes]:
        verb, _, rest = text.partition(" ")
        verb, rest = verb.lower(), rest.lower().removesuffix(" limit 1")
        if verb in _SILENT_VERBS:
            return [_OK]
        if verb == "show" and rest in ("databases", "schemas"):
            return _result(["Database"], [["demo"], ["information_schema"]])
        if verb == "show" and rest == "tables":
            return _result(["Tables"], [])
        if verb != "select":
            return [_error()]
        names = [name.strip() for name in rest.split(",")]
        values = [self._value(name) for name in names]
        known = [value for value in values if value is not None]
        return _result(names, [known]) if len(known) == len(names) else [_error()]

    def _value(self, name: str) -> str | None:
        if name.startswith("@@"):
            return {"@@version": self._version, "@@version_comment": NOTE}.get(name.replace("@@global.", "@@"), "")
        return {
            "1": "1",
            "version()": self._version,
            "user()": f"{self._user}@127.0.0.1",
            "current_user()": f"{self._user}@%",
            "user": f"{self._user}@%",
            "database()": self._database,
            "connection_id()": "1",
        }.get(name)

    def _receive(self) -> bytes:
        head = self._stream.read(4)
        length = int.from_bytes(head[:3], "little")
        if length > LONGEST_PACKET:
            raise Gone("too long a packet")
        self._number = (head[3] + 1) % 256
        return self._stream.read(length)

    def _send(self, packet: bytes) -> None:
        self._stream.write(len(packet).to_bytes(3, "little") + bytes([self._number]) + packet)
        self._number = (self._number + 1) % 256


def _result(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[bytes]:
    """Return the packets of a text result set."""
    columns = [
        b"\x03def\0\0\0" + _counted(name) + b"\0\x0c" + struct.pack("<HIBHBH", 45, 1024, 0xFD, 0, 0x1F, 0)
        for name in names
    ]
    lines = [b"".join(_counted(value) for value in row) for row in rows]
    return [bytes([len(names)]), *columns, _EOF, *lines, _EOF]


def _counted(text: str) -> bytes:
    data = text.encode()[:250]  # longer ones would need a longer length
    return bytes([len(data)]) + data


def _error() -> bytes:
    return b"\xff" + struct.pack("<H", _UNKNOWN_ERROR) + b"#HY000" + ONLY.encode()
