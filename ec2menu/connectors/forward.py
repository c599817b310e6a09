"""One port-forward: where it leads, its session at AWS, the plugin that holds it, and when it is ready.

Ready means the plugin's own line *and* a far side that answers; a local connect alone succeeds even when the far side
is dead. Keeping a forward alive is `tunnel`'s business; choosing what to forward to, and telling the user, is done
elsewhere.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ec2menu.connectors.connector import Connector, SessionSpec
from ec2menu.connectors.local_ports import LARGEST_PORT, is_listened_on, pick_local_port
from ec2menu.connectors.plugin import (
    ADDRESS_IN_USE,
    DESTINATION_FAILED,
    MULTIPLEXED,
    PORT_OPENED,
    Ending,
    read_ending,
)
from ec2menu.connectors.probes import Health, Protocol, is_healthy, probe
from ec2menu.connectors.process import BackgroundProcess, undisturbed
from ec2menu.connectors.starting import Watch, start_watched, wait_quietly
from ec2menu.errors import InvalidInput, PortInUse, SessionFailed

TO_NODE = "AWS-StartPortForwardingSession"
TO_HOST = "AWS-StartPortForwardingSessionToRemoteHost"
READY_SECONDS = 30.0
# The line comes within a second of the session's start; a plugin that is late has perhaps met a taken port.
LATE_SECONDS = 5.0
PROBE_SECONDS = 5.0
FIRST_PROBES = 3
LAST_WORDS_SECONDS = 1.0
POLL_SECONDS = 0.05
STOP_GRACE_SECONDS = 3.0
_HOST = re.compile(r"[\w.:-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelWish:
    """What a tunnel was asked for, so that it can be asked for again; empty texts and port 0 were not named.

    `target` is the id of what it leads to, or into; `via` the node that it goes through, `host` a host behind that.
    """

    target: str = ""
    via: str = ""
    host: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelSpec:
    """Where a tunnel leads: `port` of `host` as seen from `via` (an SSM target), or of `via` itself without a host.

    `label` is what people read (`orders:writer`), `server_name` what TLS says it wants, `wish` what it was asked for.
    Raises InvalidInput.
    """

    via: str
    region: str
    port: int
    host: str = ""
    via_name: str = ""
    label: str = ""
    protocol: Protocol = Protocol.TCP
    tls: bool = False
    server_name: str = ""
    wish: TunnelWish = field(default_factory=TunnelWish)

    def __post_init__(self) -> None:
        """Refuse what SSM would refuse, and what it would misread."""
        if self.host and not _HOST.fullmatch(self.host):
            raise InvalidInput(f"{self.host!r} is not a host name or address", hint="use letters, digits, - and dots")
        if not 0 < self.port <= LARGEST_PORT:
            raise InvalidInput(f"{self.port} is not a port", hint=f"use a number from 1 to {LARGEST_PORT}")

    @property
    def destination(self) -> str:
        """The far end as `host:port`; together with the region it says whether two tunnels lead to the same place."""
        return f"{self.host or self.via}:{self.port}"

    @property
    def name(self) -> str:
        """The label, or else where the tunnel leads."""
        return self.label or self.destination

    @property
    def via_text(self) -> str:
        """The jump host, or the node itself, as people know it."""
        return self.via_name or self.via

    def session(self, local_port: int) -> SessionSpec:
        """Return the session that forwards a local port there."""
        parameters = {"portNumber": [str(self.port)], "localPortNumber": [str(local_port)]}
        if self.host:
            parameters["host"] = [self.host]
        document = TO_HOST if self.host else TO_NODE
        return SessionSpec(target=self.via, region=self.region, document=document, parameters=parameters)

    def unreachable(self) -> SessionFailed:
        """Return the error for a far end that the node cannot connect to."""
        if not self.host:
            return SessionFailed(
                f"nothing answers on port {self.port} of {self.via_name or 'the node'}",
                hint="check that the service runs there and its firewall",
            )
        return SessionFailed(f"{self.via_text} cannot reach {self.destination}", hint=self._security_group_hint())

    def mute(self, health: Health) -> SessionFailed:
        """Return the error for a far end that does not speak, although nobody said that it cannot be reached."""
        how = "accepts connections and closes them at once" if health is Health.HUNG_UP else "does not answer"
        where = f"through {self.via_text}" if self.host else f"on {self.via_text}"
        hint = self._security_group_hint() if self.host else "check that the service runs there and its firewall"
        return SessionFailed(f"{self.destination} {how} {where}", hint=f"{hint}; expected there: {self.protocol}")

    def _security_group_hint(self) -> str:
        return f"its security group must let {self.via_text} in, and its name must be known there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """A port-forward that was started: its local port, its session at AWS, and the plugin that holds it."""

    connector: Connector
    spec: TunnelSpec
    local_port: int
    session_id: str
    process: BackgroundProcess

    @property
    def is_open(self) -> bool:
        """Whether the plugin still runs."""
        return self.process.poll() is None

    @property
    def is_multiplexed(self) -> bool:
        """Whether many connections at once are possible; an agent up to 3.0.196.0 takes one after the other."""
        return MULTIPLEXED in self.process.output()

    def probe(self, *, timeout_seconds: float, is_patient: bool = False) -> Health:
        """Ask through the tunnel whether the far end answers; `is_patient` as `probes.probe` has it."""
        spec = self.spec
        return probe(
            spec.protocol,
            self.local_port,
            tls=spec.tls,
            server_name=spec.server_name,
            timeout_seconds=timeout_seconds,
            is_patient=is_patient,
        )

    def describe_ending(self) -> str:
        """Say why the plugin has ended; empty while it runs."""
        status = self.process.poll()
        if status is None:
            return ""
        verdict = read_ending(self.process.output(), self.session_id, status=status)
        if verdict.ending is Ending.UNKNOWN:
            return "the plugin ended without a word"
        return f"{verdict.ending} ({verdict.detail})" if verdict.detail else str(verdict.ending)

    def wait_until_ready(self, *, check: Callable[[], None], probe_seconds: float = PROBE_SECONDS) -> Health:
        """Wait for the plugin's line and for an answer of the far end; `check` is called all the time and may raise.

        Returns SILENT where nobody could be asked. Raises PortInUse, or SessionFailed: the plugin's reason, no
        readiness in 30 s, a far end that cannot be reached or does not speak.
        """
        for limit in (LATE_SECONDS, READY_SECONDS - LATE_SECONDS):
            if self._hears_port_opened(limit, check):
                break
            if is_listened_on(self.local_port) and not self._hears_port_opened(LAST_WORDS_SECONDS, check):
                raise _taken()
        else:
            raise SessionFailed(
                f"the tunnel was not ready within {READY_SECONDS:.0f} s",
                hint="the node's agent may be busy or cut off from the ssmmessages endpoint; try again",
            )
        return self._wait_for_answer(check, probe_seconds)

    def stop(self) -> bool:
        """End the plugin, then the session at AWS, in bounded time; return whether AWS has ended it."""
        self.process.stop(grace_seconds=STOP_GRACE_SECONDS)
        return self.connector.terminate(self.spec.region, self.session_id)

    def _hears_port_opened(self, seconds: float, check: Callable[[], None]) -> bool:
        clock = self.connector.clock
        deadline = clock.now() + seconds
        while not PORT_OPENED.search(self.process.output()):
            self._raise_if_over()
            if clock.now() >= deadline:
                return False
            check()
            clock.sleep(POLL_SECONDS)
        return True

    def _wait_for_answer(self, check: Callable[[], None], probe_seconds: float) -> Health:
        for _ in range(FIRST_PROBES):
            mark = self.process.heard
            health = self.probe(timeout_seconds=probe_seconds)
            if is_healthy(self.spec.protocol, health):
                self._raise_if_over()
                return health
            if self.hears_failure(since=mark, check=check):
                raise self.spec.unreachable()
        raise self.spec.mute(health)

    def hears_failure(self, *, since: int, check: Callable[[], None]) -> bool:
        """Whether the plugin says, after its first `since` bytes, that the node cannot connect to the far end.

        Its words come another way than the bytes and are given a moment to arrive. Raises SessionFailed if it ends.
        """
        clock = self.connector.clock
        deadline = clock.now() + LAST_WORDS_SECONDS
        while DESTINATION_FAILED not in self.process.output(since=since):
            self._raise_if_over()
            if clock.now() >= deadline:
                return False
            check()
            clock.sleep(POLL_SECONDS)
        return True

    def _raise_if_over(self) -> None:
        ending = self.describe_ending()  # before its words: they are complete then
        if ADDRESS_IN_USE in self.process.output():
            raise _taken()
        if ending:
            raise SessionFailed(f"the tunnel did not open: {ending}", hint="try again; type: ec2menu doctor")


def start_forward(
    connector: Connector,
    spec: TunnelSpec,
    *,
    local_port: int,
    watch: Watch | None = None,
    check: Callable[[], None] = lambda: None,
) -> Forward:
    """Start a session and the plugin for it; what was opened at AWS is closed where the plugin cannot be started.

    Calls ssm:StartSession once, here and now, or (with `watch`) as `start_watched` does; `check` is called between the
    two and may raise. Raises AwsError or SessionFailed.
    """
    session = spec.session(local_port)
    if watch is None:
        answer = connector.start(session)
    else:
        answer = start_watched(connector, spec.region, lambda: connector.start(session), watch=watch)
    session_id = str(answer["SessionId"])
    try:
        check()
        argv, environment = connector.plugin_call(session, answer)
        process = BackgroundProcess(argv, environment=environment)
    except BaseException as error:
        with undisturbed():
            connector.terminate(spec.region, session_id)
        if isinstance(error, OSError):
            raise SessionFailed(f"the plugin could not be started: {error}", hint="type: ec2menu doctor") from error
        raise
    return Forward(connector=connector, spec=spec, local_port=local_port, session_id=session_id, process=process)


@contextlib.contextmanager
def open_tunnel(
    connector: Connector, *, target: str, region: str, port: int, local_port: int = 0, watch: Watch = wait_quietly
) -> Iterator[Forward]:
    """Forward a local port (0: a free one) to `port` on a node, for as long as the context lasts and no longer.

    `watch` as for `start_watched`.
    Raises PortInUse, SessionFailed (the plugin's reason, a refusing far side, no readiness in 30 s) or AwsError.
    """
    spec = TunnelSpec(via=target, region=region, port=port)
    forward = start_forward(connector, spec, local_port=pick_local_port(local_port), watch=watch)
    try:
        forward.wait_until_ready(check=lambda: None)
        yield forward
    finally:
        with undisturbed():
            forward.stop()


def _taken() -> PortInUse:
    return PortInUse("the local port was taken in the meantime", hint="try again")
