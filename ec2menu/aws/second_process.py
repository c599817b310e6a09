"""A second process that reads long replies: Python's interpreter lock lets no second thread do it at the same time.

Reading 10,000 instances takes half a second of processor time, in which no other reply would be taken in. The process
is started by the first reply that is worth it and ends after half a minute without one. It is a help, never a
condition: where it cannot be had, or does not answer, the caller reads the reply itself.
"""

import logging
import os
import pickle
import socket
import struct
import subprocess
import sys
import threading
import weakref
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import ec2menu
from ec2menu.aws.reader_program import ANSWER, REQUEST, receive
from ec2menu.aws.xml_reply import Plan, Unsupported

# A reply takes it a tenth of a second. A process that needs this long to take one, or to answer, is given no more.
ANSWER_SECONDS = 5.0
FAILURES_ALLOWED = 2
_PROGRAM = "import sys; sys.path.append(sys.argv[1]); from ec2menu.aws.reader_program import main; main()"

_log = logging.getLogger(__name__)


class NoSecondProcess(Exception):
    """There is none, or it did not answer: the reply is still to be read."""


class SecondProcess:
    """At most one process, started when it is needed. It reads one reply while the next is on its way to it."""

    def __init__(self) -> None:
        self._sending = threading.Lock()
        self._receiving = threading.Lock()
        self._reader: _Reader | None = None
        self._failures_left = FAILURES_ALLOWED if _is_worth_it() else 0

    def read(self, body: bytes, plan: Plan) -> tuple[dict[str, Any], str]:
        """Return what `read_xml_reply` does. Raises Unsupported as it does, and NoSecondProcess."""
        reader = None
        try:
            with ExitStack() as turn:
                with self._sending:
                    reader = self._running()
                    reader.ask(pickle.dumps(plan), body)
                    # Before another may ask: answers come in the order of the requests.
                    turn.enter_context(self._receiving)
                answer = reader.receive()
        except BaseException as error:
            if reader is not None:
                reader.end()  # after half an exchange the next answer would be another request's
            if not isinstance(error, OSError | EOFError):
                raise
            _log.debug("the second process failed: %s", error or "it is gone")
            self._failures_left = 0 if isinstance(error, BlockingIOError) else self._failures_left - 1
            raise NoSecondProcess from error
        found: tuple[dict[str, Any], str] | None = pickle.loads(answer)  # noqa: S301 - from a process of our own
        if found is None:
            raise Unsupported("not a sound reply")
        return found

    def _running(self) -> "_Reader":
        if self._failures_left <= 0:
            raise NoSecondProcess
        if self._reader is None or not self._reader.is_running:
            self._reader = _Reader()
        return self._reader


class _Reader:
    """A running process and our end of the wire to it."""

    def __init__(self) -> None:
        self._wire, theirs = socket.socketpair()
        program = [sys.executable, "-I", "-S", "-B", "-c", _PROGRAM, str(Path(ec2menu.__file__).parents[1])]
        with ExitStack() as failing, theirs:
            failing.enter_context(self._wire)
            self._process = subprocess.Popen(
                program,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C at our terminal is not for it; it ends when our end of the wire does
            )
            failing.pop_all()
        weakref.finalize(self, _close, self._process, self._wire)
        # The system's time limits, not Python's: with them one call sends or takes everything, and a thread that
        # comes back from a call has to wait for the interpreter.
        limit = struct.pack("@ll", int(ANSWER_SECONDS), int(ANSWER_SECONDS % 1 * 1_000_000))
        for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            self._wire.setsockopt(socket.SOL_SOCKET, option, limit)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def ask(self, plan: bytes, body: bytes) -> None:
        """Send a request. Raises OSError: BlockingIOError where the process takes nothing for ANSWER_SECONDS."""
        parts = [memoryview(REQUEST.pack(len(plan), len(body)) + plan), memoryview(body)]
        while parts:
            sent = self._wire.sendmsg(parts)
            while parts and sent >= len(parts[0]):
                sent -= len(parts.pop(0))
            if parts:
                parts[0] = parts[0][sent:]

    def receive(self) -> bytearray:
        """Return the next answer. Raises EOFError where the process is gone, OSError as `ask` does."""
        (length,) = ANSWER.unpack(receive(self._wire, ANSWER.size))
        return receive(self._wire, length)

    def end(self) -> None:
        """End the process; a thread that still waits for it hears of that."""
        _end(self._process, self._wire)


def _end(process: "subprocess.Popen[bytes]", wire: socket.socket) -> None:
    with suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)
    process.kill()
    process.wait()


def _close(process: "subprocess.Popen[bytes]", wire: socket.socket) -> None:
    """End the process and close the wire, which no thread can be looking at any more."""
    _end(process, wire)
    wire.close()


def _is_worth_it() -> bool:
    """Tell whether Python can be started here, and would have a processor of its own."""
    if os.name != "posix" or not sys.executable or getattr(sys, "frozen", False):
        return False
    count = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return count > 1
