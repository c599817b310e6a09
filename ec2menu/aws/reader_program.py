"""What the second process runs: it takes long XML replies from a socket, reads them, and sends their values back.

Imports the standard library and `xml_reply` only, so that it is there in 30 ms; `second_process` starts it. A request
is the lengths of a plan and of a reply, then both. An answer is its length, then the pickle of what `read_xml_reply`
returned, or of None for a reply that is left to botocore.
"""

import contextlib
import pickle
import socket
import struct

from ec2menu.aws.xml_reply import Parse, Unsupported, compile_plan, read_xml_reply

REQUEST, ANSWER = struct.Struct("!II"), struct.Struct("!I")
IDLE_SECONDS = 30.0


def main() -> None:
    """Answer what comes in at standard input, a socket, until its other end is closed or has been silent for long."""
    with socket.socket(fileno=0) as wire, contextlib.suppress(OSError, EOFError):
        wire.settimeout(IDLE_SECONDS)
        serve(wire)


def serve(wire: socket.socket) -> None:
    """Answer request after request. Raises EOFError and OSError as `receive` does, once there are no more."""
    compiled: dict[bytes, Parse] = {}
    while True:
        plan_length, body_length = REQUEST.unpack(receive(wire, REQUEST.size))
        plan, body = bytes(receive(wire, plan_length)), bytes(receive(wire, body_length))
        if plan not in compiled:
            compiled[plan] = compile_plan(pickle.loads(plan))  # noqa: S301 - from the process that started us
        answer = pickle.dumps(_read(body, compiled[plan]), pickle.HIGHEST_PROTOCOL)
        wire.sendall(ANSWER.pack(len(answer)) + answer)


def receive(wire: socket.socket, size: int) -> bytearray:
    """Return the next `size` bytes. Raises EOFError where the other end is closed, OSError as the socket does."""
    found = bytearray(size)
    view = memoryview(found)
    while view:
        count = wire.recv_into(view, len(view), socket.MSG_WAITALL)
        if not count:
            raise EOFError
        view = view[count:]
    return found


def _read(body: bytes, parse: Parse) -> object:
    try:
        return read_xml_reply(body, parse)
    except Unsupported:
        return None
