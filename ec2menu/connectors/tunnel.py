"""A tunnel for as long as the user wants it: opened, watched, and put up again on the same local port when it drops.

Everything that happens to it happens in one thread of its own, which also starts every plugin: Linux ties a plugin to
the thread that started it. Other threads only read what it tells, and ask it to close or to try again.
"""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ec2menu.clock import describe_duration
from ec2menu.connectors.connector import Connector
from ec2menu.connectors.forward import PROBE_SECONDS, Forward, TunnelSpec, start_forward
from ec2menu.connectors.local_ports import LOOPBACK, is_listened_on
from ec2menu.connectors.probes import Health
from ec2menu.connectors.process import undisturbed
from ec2menu.connectors.pulse import Pulse
from ec2menu.errors import (
    AccessDenied,
    AwsError,
    ConnectorError,
    CredentialsError,
    Ec2MenuError,
    Interrupted,
    PortInUse,
    SessionFailed,
    TargetNotConnected,
    TargetUnavailable,
    bug_error,
)
from ec2menu.fanout import Task

FindOther = Callable[[frozenset[str]], TunnelSpec | None]

WATCH_SECONDS = 0.2
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 15.0
# SIGINT and its grace, then TerminateSession and its limit.
CLOSE_SECONDS = 10.0
_TEENS = range(11, 14)
# What SSM says of a target that is no more.
_GONE_CODES = frozenset({"InvalidTarget", "InvalidInstanceId"})


class TunnelState(StrEnum):
    """How a tunnel is; the words of the tunnels screen."""

    OPENING = "opening"
    OPEN = "open"
    RECONNECTING = "reconnecting"
    NEEDS_LOGIN = "needs a login"
    FAILED = "failed"
    CLOSED = "closed"


ENDED = frozenset({TunnelState.FAILED, TunnelState.CLOSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a tunnel is kept: `once` means not again after a drop, `is_port_fixed` that the user insists on the port.

    `find_other` is asked, in the tunnel's thread, for another way when the jump hosts in the given set have failed.
    """

    find_other: FindOther | None = None
    once: bool = False
    is_port_fixed: bool = False
    probe_seconds: float = PROBE_SECONDS


class _Closing(Exception):
    """The tunnel is to be closed."""


class Tunnel:
    """A supervised port-forward. `opening` ends when it is ready, or with the error that it did not become so."""

    def __init__(
        self,
        connector: Connector,
        spec: TunnelSpec,
        *,
        number: int,
        choose_port: Callable[["Tunnel", frozenset[int]], int],
        terms: Terms,
    ) -> None:
        self.id = number
        self.spec = spec
        self.local_port = 0
        self.state = TunnelState.OPENING
        self.opened_at: datetime | None = None
        self.given_up_at: datetime | None = None
        self.reconnects = 0
        self.session_ids: tuple[str, ...] = ()
        self.last_error = ""
        self.has_answered = False
        self.opening: Task[None] = Task(self._open, started=False)
        self._connector = connector
        self._clock = connector.clock
        self._choose_port = choose_port
        self._terms = terms
        self._forward: Forward | None = None
        self._unended: list[tuple[str, str]] = []
        self._news: deque[str] = deque()
        self._is_closing = False
        self._is_starting = False
        self._life: Task[None] = Task(self._live)

    # -- for everybody ------------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """The near end, for a client on this computer."""
        return f"{LOOPBACK}:{self.local_port}"

    def describe(self) -> str:
        """Say what is being waited for while it opens."""
        return f"opening a tunnel to {self.spec.name} through {self.spec.via_text}"

    def test(self) -> Health:
        """Ask through the tunnel, now and in this thread, whether the far end answers; `last_error` may say more."""
        forward = self._forward
        if forward is None:
            return Health.REFUSED
        mark = forward.process.heard
        health = forward.probe(timeout_seconds=self._terms.probe_seconds, is_patient=True)
        try:
            if health is Health.ANSWERS or not forward.hears_failure(since=mark, check=self._check):
                return health
        except (ConnectorError, _Closing):
            return Health.REFUSED
        self.last_error = forward.spec.unreachable().message
        return Health.HUNG_UP

    def news(self) -> list[str]:
        """Return the sentences about it that nobody has taken yet."""
        return [self._news.popleft() for _ in range(len(self._news))]

    def resume(self) -> None:
        """Go on after a new login; nothing where none is waited for."""
        if self.state is TunnelState.NEEDS_LOGIN:
            self.state = TunnelState.RECONNECTING

    def leave(self) -> Task[None] | None:
        """Have it closed as soon as it can be; return what to wait for where AWS is just starting its session.

        Before AWS has answered nobody knows what to close. `close` follows in any case.
        """
        self._is_closing = True
        return Task(self._life.result) if self._is_starting else None

    def close(self, *, wait_seconds: float = CLOSE_SECONDS) -> None:
        """End the plugin and the session, in bounded time; again is harmless."""
        if self.state is TunnelState.CLOSED:
            return
        with undisturbed():
            self._is_closing = True
            forward = self._forward
            if forward is not None:
                forward.process.interrupt()  # a probe that is going on ends with it
            if not self._life.wait(wait_seconds) and forward is not None:
                forward.process.kill()
            self.state = TunnelState.CLOSED

    # -- the thread ---------------------------------------------------------------------------------------------

    def _live(self) -> None:
        try:
            self.opening.run()
            while self.state is TunnelState.OPEN:
                reason = self._watch()
                self._drop()
                if self._terms.once:
                    self._give_up(reason)
                else:
                    self._reconnect(reason)
        except _Closing:
            pass
        except Exception as bug:  # noqa: BLE001 - a thread has nobody above it: told to the user as what it is
            self._give_up(bug_error(bug).message)
        finally:
            self._drop()
            if self._is_closing:
                self.state = TunnelState.CLOSED

    def _open(self) -> None:
        try:
            self.local_port = self._choose_port(self, frozenset())
            try:
                self._connect()
            except PortInUse:
                if self._terms.is_port_fixed:
                    raise
                self.local_port = self._choose_port(self, frozenset({self.local_port}))
                self._connect()
            self.opened_at = self._clock.wall()
            self.state = TunnelState.OPEN
        except (_Closing, Ec2MenuError) as error:
            if self._is_closing:  # then that is the reason, whatever came of it first
                raise Interrupted("the tunnel was closed") from error
            self.state, self.last_error = TunnelState.FAILED, str(error)
            raise

    def _connect(self) -> None:
        """Start a forward on the local port and wait until it is ready. Raises AwsError, PortInUse or SessionFailed."""
        self._check()
        self._is_starting = True
        try:
            self._forward = start_forward(self._connector, self.spec, local_port=self.local_port, check=self._check)
        finally:
            self._is_starting = False
        self.session_ids += (self._forward.session_id,)
        try:
            health = self._forward.wait_until_ready(check=self._check, probe_seconds=self._terms.probe_seconds)
        except BaseException:
            self._drop()
            raise
        self.has_answered = health is Health.ANSWERS
        self.last_error = ""

    def _drop(self) -> None:
        forward, self._forward = self._forward, None
        if forward is not None and not forward.stop():
            self._unended.append((forward.spec.region, forward.session_id))

    def _end_what_was_left(self) -> None:
        """Close the sessions that AWS did not close when it was asked, while the login had run out."""
        left, self._unended = self._unended, []
        for region, session_id in left:
            self._connector.terminate(region, session_id)

    def _watch(self) -> str:
        """Return why the tunnel is down, once it is."""
        forward = self._forward
        if forward is None:
            return "it was never up"
        pulse = Pulse(forward, probe_seconds=self._terms.probe_seconds)
        while not (reason := forward.describe_ending()):
            self._pause(WATCH_SECONDS)
            try:
                reason = pulse.look(check=self._check)
            except ConnectorError:
                continue  # the plugin has ended: its last words are read above
            if reason:
                return reason
            self._note_far_end(pulse.problem)
        self._check()
        return reason

    def _note_far_end(self, problem: str) -> None:
        if problem and problem != self.last_error:
            self._say(f"{problem}; the tunnel itself is up")
        self.last_error = problem

    def _reconnect(self, reason: str) -> None:
        """Put the tunnel up again, for as long as it takes; return as soon as it is open or can never be."""
        began, delay, failed = self._clock.now(), FIRST_DELAY_SECONDS, set[str]()
        via = self.spec.via
        self._be_down(TunnelState.RECONNECTING, reason, f"dropped ({reason}), reconnecting on {self.address}")
        while self.state is TunnelState.RECONNECTING:
            self._pause(delay * random.uniform(0.75, 1.0))  # noqa: S311 - to spread load, not a secret
            delay = min(2 * delay, LONGEST_DELAY_SECONDS)
            try:
                self._try_again(failed)
                self.state = TunnelState.OPEN
            except CredentialsError as error:
                self._wait_for_login(error)
                delay = FIRST_DELAY_SECONDS
            except AccessDenied as error:
                self._give_up(error.message)
                return
            except Ec2MenuError as error:
                self._check()
                if is_of_the_way(error):
                    failed.add(self.spec.via)
                if error.message != self.last_error:
                    self._be_down(self.state, error.message, f"is still down: {error.message}")
        self.reconnects += 1
        where = self.address if self.spec.via == via else f"{self.address} through {self.spec.via_text}"
        times = f"{_ordinal(self.reconnects)} time, down {describe_duration(self._clock.now() - began)}"
        self._say(f"{self.spec.name} reconnected on {where} ({times})")

    def _try_again(self, failed: set[str]) -> None:
        if self.spec.via in failed:
            other = self._find_other(frozenset(failed))
            if other is None:
                failed.clear()  # nobody else: the first one may come back
            else:
                self.spec = other
        if is_listened_on(self.local_port):
            raise PortInUse(f"port {self.local_port} is now in use by another program")
        self._connect()
        self._end_what_was_left()

    def _find_other(self, failed: frozenset[str]) -> TunnelSpec | None:
        if self._terms.find_other is None:
            return None
        try:
            return self._terms.find_other(failed)
        except CredentialsError:
            raise
        except Ec2MenuError:
            return None  # whoever may not look for others can still use the one that is known

    def _wait_for_login(self, error: CredentialsError) -> None:
        self._be_down(TunnelState.NEEDS_LOGIN, error.message, f"waits for a new login: {error.message}")
        while self.state is TunnelState.NEEDS_LOGIN:
            self._pause(WATCH_SECONDS)

    def _give_up(self, reason: str) -> None:
        self.given_up_at = self._clock.wall()
        self._be_down(TunnelState.FAILED, reason, f"is down for good: {reason}")

    def _be_down(self, state: TunnelState, reason: str, words: str) -> None:
        self.state, self.last_error = state, reason
        self._say(f"{self.spec.name} {words}")

    def _say(self, sentence: str) -> None:
        self._news.append(sentence)

    def _pause(self, seconds: float) -> None:
        """Wait, in steps, so that closing does not have to."""
        until = self._clock.now() + seconds
        while (left := until - self._clock.now()) > 0:
            self._check()
            self._clock.sleep(min(left, WATCH_SECONDS))
        self._check()

    def _check(self) -> None:
        if self._is_closing:
            raise _Closing


def is_of_the_way(error: Ec2MenuError) -> bool:
    """Whether a tunnel failed because of the node that it goes through, so that another one could do better."""
    if isinstance(error, AwsError) and error.code in _GONE_CODES:
        return True
    return isinstance(error, TargetNotConnected | TargetUnavailable | SessionFailed)


def _ordinal(number: int) -> str:
    endings = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if number % 100 in _TEENS else endings.get(number % 10, 'th')}"
