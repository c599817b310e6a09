"""A toy PostgreSQL (protocol 3.0): lets everybody in, with TLS if asked for, and answers a few simple queries.

Everything else, extended queries included, is answered with an error that says what this is.
"""

import struct
from collections.abc import Mapping

from ec2menu.demo.servers import NOTE
from ec2menu.demo.servers.stream import Gone, Stream

PROTOCOL, CANCEL, TLS_REQUEST, GSS_REQUEST = 196608, 80877102, 80877103, 80877104
LONGEST_MESSAGE = 1 << 20
ONLY = f"{NOTE}: nothing is stored here; it answers select 1, version(), current_user, current_database() and show"

_TEXT_OID = 25
_EXTENDED = frozenset(b"PBDECFH")
_SILENT_COMMANDS = ("set", "reset", "begin", "commit", "rollback", "discard")


class Postgres:
    """The server; `facts` has the engine's `version`."""

    def __init__(self, facts: Mapping[str, str]) -> None:
        self._version = facts.get("version") or "16.4"

    def serve(self, stream: Stream) -> None:
        """Greet a client and answer it until it leaves."""
        startup = self._take_startup(stream)
        if startup is not None:
            _Session(stream, startup, version=self._version).run()

    def _take_startup(self, stream: Stream) -> dict[str, str] | None:
        """Return the parameters of the startup message, or None for a request to cancel."""
        while True:
            (length,) = struct.unpack("!i", stream.read(4))
            if not 8 <= length <= LONGEST_MESSAGE:  # noqa: PLR2004 - length and code themselves
                raise Gone("no startup message")
            body = stream.read(length - 4)
            (code,) = struct.unpack("!i", body[:4])
            if code == TLS_REQUEST and stream.can_do_tls():
                stream.write(b"S")
                stream.start_tls()
            elif code in (TLS_REQUEST, GSS_REQUEST):
                stream.write(b"N")
            elif code == CANCEL:
                return None
            else:
                words = [word.decode(errors="replace") for word in body[4:].split(b"\0")]
                return dict(zip(words[::2], words[1::2], strict=False))


class _Session:
    """One client that is in."""

    def __init__(self, stream: Stream, startup: Mapping[str, str], *, version: str) -> None:
        user = startup.get("user", "postgres")
        self._stream = stream
        self._skips_to_sync = False
        self._values: dict[str, tuple[str, str]] = {
            "1": ("?column?", "1"),
            "version()": ("version", f"PostgreSQL {version} on aarch64-unknown-linux-gnu ({NOTE})"),
            "current_user": ("current_user", user),
            "session_user": ("session_user", user),
            "user": ("user", user),
            "current_database()": ("current_database", startup.get("database") or user),
            "pg_is_in_recovery()": ("pg_is_in_recovery", "f"),
        }
        self._settings = {
            "server_version": version,
            "server_encoding": "UTF8",
            "client_encoding": "UTF8",
            "application_name": startup.get("application_name", ""),
            "is_superuser": "off",
            "session_authorization": user,
            "DateStyle": "ISO, MDY",
            "IntervalStyle": "postgres",
            "TimeZone": "UTC",
            "integer_datetimes": "on",
            "standard_conforming_strings": "on",
        }

    def run(self) -> None:
        """Say welcome, then answer message after message."""
        told = b"".join(_message(b"S", _text(name) + _text(value)) for name, value in self._settings.items())
        notice = _message(b"N", _fields("NOTICE", "00000", f"{NOTE}: a toy server, with no database behind it"))
        key = _message(b"K", struct.pack("!ii", 1, 1))
        self._stream.write(_message(b"R", struct.pack("!i", 0)) + told + key + notice + _READY)
        while True:
            kind, length = struct.unpack("!ci", self._stream.read(5))
            if not 4 <= length <= LONGEST_MESSAGE:  # noqa: PLR2004 - the length counts itself
                raise Gone("no message")
            body = self._stream.read(length - 4)
            if kind == b"X":
                return
            self._stream.write(self._answer(kind, body))

    def _answer(self, kind: bytes, body: bytes) -> bytes:
        if kind == b"S":
            self._skips_to_sync = False
            return _READY
        if kind[0] in _EXTENDED:
            answer = b"" if self._skips_to_sync else _error(ONLY)
            self._skips_to_sync = True
            return answer
        if kind == b"Q":
            return self._query(body.rstrip(b"\0").decode(errors="replace")) + _READY
        return b""

    def _query(self, text: str) -> bytes:
        """Answer the statements of a simple query in turn, up to the first that is not known."""
        parts = [" ".join(part.split()) for part in text.split(";")]
        answers = [self._statement(part) for part in parts if part]
        bad = next((index for index, answer in enumerate(answers) if answer is None), None)
        if bad is None:
            return b"".join(answer or b"" for answer in answers) or _message(b"I", b"")
        return b"".join(answer or b"" for answer in answers[:bad]) + _error(ONLY)

    def _statement(self, statement: str) -> bytes | None:
        verb, _, rest = statement.partition(" ")
        verb = verb.lower()
        if verb in _SILENT_COMMANDS:
            return _message(b"C", _text(verb.upper()))
        if verb == "show":
            found = {name.lower(): (name.lower(), value) for name, value in self._settings.items()}
            row = [found.get(rest.lower())]
        elif verb == "select":
            row = [self._values.get(name.strip().lower()) for name in rest.split(",")]
        else:
            return None
        known = [column for column in row if column is not None]
        return _row(known, tag=verb) if len(known) == len(row) else None


def _row(columns: list[tuple[str, str]], *, tag: str) -> bytes:
    """Return a result of one row of text columns."""
    names = b"".join(_text(name) + struct.pack("!ihihih", 0, 0, _TEXT_OID, -1, -1, 0) for name, _ in columns)
    values = b"".join(_counted(value.encode()) for _, value in columns)
    done = "SELECT 1" if tag == "select" else tag.upper()
    count = struct.pack("!h", len(columns))
    return _message(b"T", count + names) + _message(b"D", count + values) + _message(b"C", _text(done))


def _error(text: str) -> bytes:
    return _message(b"E", _fields("ERROR", "0A000", text))


def _fields(severity: str, code: str, text: str) -> bytes:
    values = (("S", severity), ("V", severity), ("C", code), ("M", text))
    return b"".join(letter.encode() + _text(value) for letter, value in values) + b"\0"


def _text(value: str) -> bytes:
    return value.encode() + b"\0"


def _counted(value: bytes) -> bytes:
    return struct.pack("!i", len(value)) + value


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


_READY = _message(b"Z", b"I")
