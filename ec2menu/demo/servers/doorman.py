"""Toys that answer a first question and no more: Oracle's listener, DocumentDB and Neptune as far as a probe goes."""

import struct
from collections.abc import Mapping

from ec2menu.demo.servers import NOTE
from ec2menu.demo.servers.http import Http
from ec2menu.demo.servers.stream import Gone, Stream

LONGEST_QUESTION = 65536
_TNS_HEADER_BYTES, _TNS_REFUSE = 8, 4
_MONGO_HEADER_BYTES, _OP_MSG = 16, 2013


class Doorman:
    """The server; `facts` has the `speaks` of what is behind its door, and the `name` of the host."""

    def __init__(self, facts: Mapping[str, str]) -> None:
        self._facts = facts

    def serve(self, stream: Stream) -> None:
        """Answer one question after another with a refusal that has the note in it."""
        match self._facts.get("speaks", ""):
            case "oracle":
                _refuse_oracle(stream)
            case "docdb":
                stream.accept_tls("preferred")
                while True:
                    _refuse_docdb(stream)
            case _:
                stream.accept_tls("preferred")
                Http(self._facts).serve(stream)


def _refuse_oracle(stream: Stream) -> None:
    """Answer a TNS packet with one of type 4 (refuse)."""
    length = _sane(struct.unpack("!H", stream.read(2))[0], _TNS_HEADER_BYTES)
    stream.read(length - 2)
    text = f"(DESCRIPTION=(ERR=12514)(ERROR_STACK=(ERROR=(CODE=12514)(TEXT={NOTE}))))".encode()
    body = struct.pack("!BBH", 34, 0, len(text)) + text
    stream.write(struct.pack("!HHBBH", _TNS_HEADER_BYTES + len(body), 0, _TNS_REFUSE, 0, 0) + body)


def _refuse_docdb(stream: Stream) -> None:
    """Answer a message of MongoDB's protocol with an OP_MSG that holds {ok: 0, errmsg: …}."""
    length, request, _, _ = struct.unpack("<4I", stream.read(_MONGO_HEADER_BYTES))
    stream.read(_sane(length, _MONGO_HEADER_BYTES) - _MONGO_HEADER_BYTES)
    text = NOTE.encode() + b"\0"
    fields = b"\x01ok\0" + struct.pack("<d", 0) + b"\x02errmsg\0" + struct.pack("<I", len(text)) + text + b"\0"
    body = struct.pack("<IBI", 0, 0, 4 + len(fields)) + fields
    stream.write(struct.pack("<4I", _MONGO_HEADER_BYTES + len(body), 1, request, _OP_MSG) + body)


def _sane(length: int, least: int) -> int:
    if not least <= length <= LONGEST_QUESTION:
        raise Gone("not the protocol")
    return length
