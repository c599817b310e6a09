"""A toy SQL Server (TDS): answers the prelogin, which is as far as a probe goes, and refuses logins with a note."""

import struct
from collections.abc import Mapping

from ec2menu.demo.servers import NOTE
from ec2menu.demo.servers.stream import Gone, Stream

ONLY = f"{NOTE}: there is no SQL Server behind this tunnel"
PRELOGIN, LOGIN, REPLY = 0x12, 0x10, 0x04
_HEADER_BYTES = 8
_NOT_ENCRYPTED = 2
_LAST_PACKET = 1


class SqlServer:
    """The server; `facts` has `version`, such as 16.00.4135.4.v1."""

    def __init__(self, facts: Mapping[str, str]) -> None:
        numbers = [int(part) for part in facts.get("version", "").split(".") if part.isdigit()]
        self._version = [*numbers, 16, 0, 0][:3] if len(numbers) < 3 else numbers[:3]  # noqa: PLR2004 - major, minor, build

    def serve(self, stream: Stream) -> None:
        """Answer a prelogin, refuse a login."""
        while True:
            kind, _, length = struct.unpack("!BBH", stream.read(4))
            if length < _HEADER_BYTES:
                raise Gone("not TDS")
            stream.read(length - 4)
            if kind == PRELOGIN:
                stream.write(_packet(self._prelogin()))
            else:
                stream.write(_packet(_refusal()))
                return

    def _prelogin(self) -> bytes:
        """Return the options VERSION and ENCRYPTION: where each is, how long, and what."""
        major, minor, build = self._version
        version = struct.pack("!BBHH", major % 256, minor % 256, build % 65536, 0)
        options = struct.pack("!BHHBHHB", 0, 11, len(version), 1, 11 + len(version), 1, 0xFF)
        return options + version + bytes([_NOT_ENCRYPTED])


def _refusal() -> bytes:
    """Return the tokens ERROR (18456, login failed) and DONE."""
    text = ONLY.encode("utf-16-le")
    error = struct.pack("<IBBH", 18456, 1, 14, len(ONLY)) + text + b"\x00\x00" + struct.pack("<I", 1)
    return b"\xaa" + struct.pack("<H", len(error)) + error + b"\xfd" + struct.pack("<HHQ", 2, 0, 0)


def _packet(body: bytes) -> bytes:
    return struct.pack("!BBHHBB", REPLY, _LAST_PACKET, len(body) + _HEADER_BYTES, 0, 1, 0) + body
