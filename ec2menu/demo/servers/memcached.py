"""A toy memcached (text protocol): values in memory while the tunnel lives, and TLS where the cache has it."""

import re
from collections.abc import Mapping, Sequence

from ec2menu.demo.servers import NOTE
from ec2menu.demo.servers.stream import Stream

LONGEST_VALUE, MOST_KEYS = 1 << 20, 1000
_STORING = (b"set", b"add", b"replace")
_KEY_FLAGS_EXPIRY_BYTES = 4
_NUMBER = re.compile(rb"[0-9]{1,10}")


class Memcached:
    """The server; `facts` has `version` and `tls`."""

    def __init__(self, facts: Mapping[str, str]) -> None:
        self._version = (facts.get("version") or "1.6.22").encode()
        self._tls = facts.get("tls", "")
        self._kept: dict[bytes, tuple[bytes, bytes]] = {}

    def serve(self, stream: Stream) -> None:
        """Answer command after command, until quit or the end."""
        stream.accept_tls(self._tls)
        while True:
            words = stream.read_line().split()
            if words[:1] == [b"quit"]:
                return
            answer = self._store(stream, words) if words and words[0] in _STORING else self._answer(words)
            if words[-1:] != [b"noreply"]:
                stream.write(answer)

    def _answer(self, words: Sequence[bytes]) -> bytes:
        match words:
            case [b"version"]:
                return b"VERSION " + self._version + b"\r\n"
            case [b"get" | b"gets", *keys] if keys:
                found = [self._shown(key, with_cas=words[0] == b"gets") for key in keys if key in self._kept]
                return b"".join(found) + b"END\r\n"
            case [b"delete", key, *_]:
                return b"DELETED\r\n" if self._kept.pop(key, None) else b"NOT_FOUND\r\n"
            case [b"stats", *_]:
                told = {"version": self._version.decode(), "curr_items": len(self._kept), "note": NOTE}
                return "".join(f"STAT {name} {value}\r\n" for name, value in told.items()).encode() + b"END\r\n"
            case [b"flush_all", *_]:
                self._kept.clear()
                return b"OK\r\n"
            case [b"verbosity", *_]:
                return b"OK\r\n"
        return b"ERROR\r\n"

    def _store(self, stream: Stream, words: Sequence[bytes]) -> bytes:
        if len(words) <= _KEY_FLAGS_EXPIRY_BYTES or not _NUMBER.fullmatch(words[_KEY_FLAGS_EXPIRY_BYTES]):
            return b"CLIENT_ERROR bad command line format\r\n"
        verb, key, flags, length = words[0], words[1], words[2], int(words[_KEY_FLAGS_EXPIRY_BYTES])
        if length > LONGEST_VALUE:
            return b"SERVER_ERROR object too large for cache\r\n"
        value = stream.read(length + 2)[:-2]
        if verb != b"set" and (key in self._kept) != (verb == b"replace"):
            return b"NOT_STORED\r\n"
        if len(self._kept) >= MOST_KEYS and key not in self._kept:
            return b"SERVER_ERROR " + NOTE.encode() + b": it keeps no more\r\n"
        self._kept[key] = flags, value
        return b"STORED\r\n"

    def _shown(self, key: bytes, *, with_cas: bool) -> bytes:
        flags, value = self._kept[key]
        return b"VALUE %s %s %d%s\r\n%s\r\n" % (key, flags, len(value), b" 1" if with_cas else b"", value)
