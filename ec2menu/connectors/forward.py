"""Port-forwards: a local port that leads through a node, open only while its context is.

Ready means the plugin's own line *and* a connection that the far side does not refuse; a local connect alone succeeds
even when the far side is dead. Choosing what to forward to, and telling the user, is done elsewhere.
"""

import contextlib
import errno
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ec2menu.connectors.connector import Connector, SessionSpec
from ec2menu.connectors.plugin import ADDRESS_IN_USE, DESTINATION_FAILED, PORT_OPENED, Ending, read_ending
from ec2menu.connectors.process import BackgroundProcess, undisturbed
from ec2menu.errors import PortInUse, SessionFailed

DOCUMENT = "AWS-StartPortForwardingSession"
READY_SECONDS = 30.0
PROBE_SECONDS = 1.0
POLL_SECONDS = 0.05
STOP_GRACE_SECONDS = 3.0
_LOOPBACKS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunnel:
    """An open port-forward: its local port, its session, and the program that holds it."""

    local_port: int
    session_id: str
    process: BackgroundProcess

    @property
    def is_open(self) -> bool:
        """Whether the plugin still runs."""
        return self.process.poll() is None


@contextlib.contextmanager
def open_tunnel(connector: Connector, *, target: str, region: str, port: int, local_port: int = 0) -> Iterator[Tunnel]:
    """Forward a local port (0: a free one) to `port` on a node, for as long as the context lasts.

    Raises PortInUse, SessionFailed (the plugin's reason, a refusing far side, no readiness in 30 s) or AwsError.
    """
    chosen = pick_local_port(local_port)
    spec = SessionSpec(
        target=target,
        region=region,
        document=DOCUMENT,
        parameters={"portNumber": [str(port)], "localPortNumber": [str(chosen)]},
    )
    answer = connector.start(spec)
    session_id = str(answer["SessionId"])
    process: BackgroundProcess | None = None
    try:
        process = _spawn(connector, spec, answer)
        _wait_until_ready(connector, process, session_id=session_id, local_port=chosen, port=port)
        yield Tunnel(local_port=chosen, session_id=session_id, process=process)
    finally:
        with undisturbed():
            if process is not None:
                process.stop(grace_seconds=STOP_GRACE_SECONDS)
            connector.terminate(region, session_id)


def pick_local_port(wanted: int) -> int:
    """Return `wanted` if it is free on both loopbacks (0: any free port). Raises PortInUse.

    The plugin hangs silently on a taken port more often than it says so, hence the test before anything is started.
    """
    if wanted:
        if not _is_free(wanted):
            raise PortInUse(f"local port {wanted} is in use", hint="choose another port")
        return wanted
    for _ in range(20):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            candidate = int(probe.getsockname()[1])
        if _is_free(candidate):
            return candidate
    raise PortInUse("no free local port was found", hint="close some programs that listen on this computer")


def _is_free(port: int) -> bool:
    for family, address in _LOOPBACKS:
        try:
            with socket.socket(family) as probe:
                if sys.platform == "linux":  # as the plugin does: a port just closed is free; elsewhere it means more
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False  # any other error: this computer has no such loopback
    return True


def _spawn(connector: Connector, spec: SessionSpec, answer: dict[str, Any]) -> BackgroundProcess:
    argv, environment = connector.plugin_call(spec, answer)
    try:
        return BackgroundProcess(argv, environment=environment)
    except OSError as error:
        raise SessionFailed(f"the plugin could not be started: {error}", hint="type: ec2menu doctor") from error


def _wait_until_ready(
    connector: Connector, process: BackgroundProcess, *, session_id: str, local_port: int, port: int
) -> None:
    deadline = connector.clock.now() + READY_SECONDS
    while not PORT_OPENED.search(process.output()):
        _raise_if_over(process, session_id)
        if connector.clock.now() > deadline:
            raise SessionFailed(
                f"the tunnel was not ready within {READY_SECONDS:.0f} s",
                hint="the node's agent may be busy or cut off from the ssmmessages endpoint; try again",
            )
        connector.clock.sleep(POLL_SECONDS)
    if _is_hung_up_on(local_port):  # the plugin's words come another way, and perhaps a moment later
        deadline = connector.clock.now() + PROBE_SECONDS
        while DESTINATION_FAILED not in process.output() and connector.clock.now() < deadline:
            _raise_if_over(process, session_id)
            connector.clock.sleep(POLL_SECONDS)
    _raise_if_over(process, session_id)
    if DESTINATION_FAILED in process.output():
        raise SessionFailed(
            f"nothing answers on port {port} of the node", hint="check that the service runs there and its firewall"
        )


def _is_hung_up_on(local_port: int) -> bool:
    """Connect, and tell whether the far side closes at once; one that waits for us to speak runs into the limit."""
    try:
        with socket.create_connection(("127.0.0.1", local_port), PROBE_SECONDS) as probe:
            probe.settimeout(PROBE_SECONDS)
            return probe.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def _raise_if_over(process: BackgroundProcess, session_id: str) -> None:
    status = process.poll()  # before its words: they are complete then
    output = process.output()
    if ADDRESS_IN_USE in output:
        raise PortInUse("the local port was taken in the meantime", hint="try again")
    if status is None:
        return
    verdict = read_ending(output, session_id, status=status)
    if verdict.ending is Ending.UNKNOWN:
        raise SessionFailed("the plugin ended without a word", hint="try again; type: ec2menu doctor")
    reason = f"{verdict.ending} ({verdict.detail})" if verdict.detail else str(verdict.ending)
    raise SessionFailed(f"the tunnel did not open: {reason}", hint="try again")
