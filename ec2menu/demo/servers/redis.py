"""A toy Redis or Valkey (RESP2): strings in memory for as long as the tunnel lives, and what clients ask at the start.

With TLS where the cache has it. No persistence, no expiry, no cluster.
"""

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

from ec2menu.demo.servers import NOTE
from ec2menu.demo.servers.stream import Gone, Stream

MOST_WORDS, LONGEST_WORD, MOST_KEYS = 1024, 1 << 20, 1000
LONGEST_NUMBER = 12
OK = b"+OK\r\n"
NIL = b"$-1\r\n"

Words = Sequence[bytes]


class Redis:
    """The server; `facts` has `engine`, `version` and `tls`, the cache's TransitEncryptionMode."""

    def __init__(self, facts: Mapping[str, str]) -> None:
        self._engine = facts.get("engine") or "redis"
        self._version = facts.get("version") or ("8.0.1" if self._engine == "valkey" else "7.1.0")
        self._tls = facts.get("tls", "")
        self._kept: dict[bytes, bytes] = {}
        self._commands: dict[bytes, Callable[[Words], bytes]] = {
            b"PING": lambda words: _bulk(words[0]) if words else b"+PONG\r\n",
            b"ECHO": lambda words: _bulk(words[0]) if len(words) == 1 else _arity("echo"),
            b"AUTH": lambda _: OK,
            b"SELECT": lambda _: OK,
            b"READONLY": lambda _: OK,
            b"CLIENT": lambda words: NIL if words and words[0].upper() == b"GETNAME" else OK,
            b"COMMAND": lambda _: _array([]),
            b"HELLO": self._hello,
            b"INFO": lambda _: _bulk(self._info()),
            b"DBSIZE": lambda _: b":%d\r\n" % len(self._kept),
            b"SET": self._set,
            b"GET": lambda words: self._get(words[0]) if len(words) == 1 else _arity("get"),
            b"DEL": lambda words: b":%d\r\n" % sum(self._kept.pop(key, None) is not None for key in words),
            b"EXISTS": lambda words: b":%d\r\n" % sum(key in self._kept for key in words),
            b"KEYS": lambda words: self._keys(words[0]) if len(words) == 1 else _arity("keys"),
            b"QUIT": lambda _: OK,
        }

    def serve(self, stream: Stream) -> None:
        """Answer command after command, until QUIT or the end."""
        stream.accept_tls(self._tls)
        while True:
            words = _read_command(stream)
            if not words:
                continue
            name = words[0].upper()
            command = self._commands.get(name)
            stream.write(self._refuse(words[0]) if command is None else command(words[1:]))
            if name == b"QUIT":
                return

    def _refuse(self, name: bytes) -> bytes:
        known = ", ".join(command.decode() for command in self._commands)
        shown = name[:40].decode("ascii", errors="replace").replace("\r", " ").replace("\n", " ")
        return f"-ERR {NOTE}: it knows {known}, and not {shown}\r\n".encode()

    def _hello(self, words: Words) -> bytes:
        if words and words[0] != b"2":
            return b"-NOPROTO unsupported protocol version\r\n"
        told = (b"server", self._engine.encode(), b"version", self._version.encode(), b"mode", b"standalone")
        return _array([_bulk(word) for word in told])

    def _info(self) -> bytes:
        lines = [
            "# Server",
            "redis_version:7.2.4" if self._engine == "valkey" else f"redis_version:{self._version}",
            *([f"server_name:valkey\r\nvalkey_version:{self._version}"] if self._engine == "valkey" else []),
            "redis_mode:standalone",
            f"note:{NOTE}",
            "# Keyspace",
            f"db0:keys={len(self._kept)},expires=0",
            "",
        ]
        return "\r\n".join(lines).encode()

    def _set(self, words: Words) -> bytes:
        if len(words) < 2:  # noqa: PLR2004 - a key and a value
            return _arity("set")
        if len(self._kept) >= MOST_KEYS and words[0] not in self._kept:
            return f"-OOM {NOTE}: it keeps {MOST_KEYS} keys\r\n".encode()
        self._kept[words[0]] = words[1]
        return OK

    def _get(self, key: bytes) -> bytes:
        value = self._kept.get(key)
        return NIL if value is None else _bulk(value)

    def _keys(self, pattern: bytes) -> bytes:
        wanted = pattern.decode(errors="surrogateescape")
        kept = sorted(self._kept)
        return _array([_bulk(key) for key in kept if fnmatchcase(key.decode(errors="surrogateescape"), wanted)])


def _read_command(stream: Stream) -> list[bytes]:
    """Return the words of the next command: an array of bulk strings, or the words of a line."""
    line = stream.read_line()
    if not line.startswith(b"*"):
        return line.split()
    words = []
    for _ in range(_number(line, maximum=MOST_WORDS)):
        length = _number(stream.read_line(), maximum=LONGEST_WORD)
        words.append(stream.read(length + 2)[:-2])
    return words


def _number(line: bytes, *, maximum: int) -> int:
    if not line[1:].isdigit() or len(line) > LONGEST_NUMBER or int(line[1:]) > maximum:
        raise Gone("not RESP")
    return int(line[1:])


def _bulk(value: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(value), value)


def _array(items: Sequence[bytes]) -> bytes:
    return b"*%d\r\n" % len(items) + b"".join(items)


def _arity(name: str) -> bytes:
    return f"-ERR wrong number of arguments for '{name}' command\r\n".encode()
