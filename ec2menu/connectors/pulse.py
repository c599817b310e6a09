"""Whether bytes still pass through an open forward: when to look, how often, and what silence means.

What the plugin says of a far end that cannot be reached is heard at once, whoever wanted to connect.

The plugin can live on with its local port open while nothing passes any more, and says nothing of it. Looking costs the
far end a connection, so it is rare, and a far end that is down itself is no reason to replace the tunnel.
"""

from collections.abc import Callable

from ec2menu.connectors.forward import Forward
from ec2menu.connectors.plugin import DESTINATION_FAILED
from ec2menu.connectors.probes import Protocol, is_healthy, is_spoken

PROBE_EVERY_SECONDS = 30.0
PROBE_AGAIN_SECONDS = 5.0
MISSES = 3
# MySQL counts connections that leave before the login, and after 100 in a row (max_connect_errors) it blocks the jump
# host for everybody: so the intervals there grow, and a day of an idle tunnel costs a few dozen.
MYSQL_EVERY_SECONDS = 120.0
MYSQL_LONGEST_SECONDS = 3600.0


class Pulse:
    """The probes of one forward. `problem` is what is wrong with the far end, or empty."""

    def __init__(self, forward: Forward, *, probe_seconds: float) -> None:
        self.problem = ""
        self._forward = forward
        self._clock = forward.connector.clock
        self._probe_seconds = probe_seconds
        self._misses = 0
        self._is_multiplexed = False
        is_mysql = forward.spec.protocol is Protocol.MYSQL
        self._interval = MYSQL_EVERY_SECONDS if is_mysql else PROBE_EVERY_SECONDS
        self._growth = 2.0 if is_mysql else 1.0
        self._next = self._clock.now() + self._interval
        self._mark = 0  # from the first word on: a far end may have let the first probe wait before it refused
        self._problem_until = 0.0

    def look(self, *, check: Callable[[], None]) -> str:
        """Probe if it is time; return why the forward must be replaced, or nothing.

        Raises SessionFailed where the plugin ends meanwhile, and what `check` raises.
        """
        self._is_multiplexed |= self._forward.is_multiplexed
        # With an old agent a probe would wait behind the user's own connection.
        is_asked = is_spoken(self._forward.spec.protocol) and self._is_multiplexed
        self._listen(is_asked=is_asked)
        if self._clock.now() < self._next or not is_asked:
            return ""
        mark = self._forward.process.heard
        health = self._forward.probe(timeout_seconds=self._probe_seconds)
        if is_healthy(self._forward.spec.protocol, health):
            self._rest(problem="")
        elif self._forward.hears_failure(since=mark, check=check):
            self._rest(problem=self._forward.spec.unreachable().message)
        else:
            self._misses += 1
            self._next = self._clock.now() + PROBE_AGAIN_SECONDS
        return "" if self._misses < MISSES else "nothing passes through it any more"

    def _listen(self, *, is_asked: bool) -> None:
        """Hear of connections that failed at the far end; where no probe tells when that is over, time does."""
        process, now = self._forward.process, self._clock.now()
        heard = process.heard
        if DESTINATION_FAILED in process.output(since=self._mark):
            self._mark = heard
            self.problem = self._forward.spec.unreachable().message
            self._problem_until = now + PROBE_EVERY_SECONDS
            self._next = min(self._next, self._problem_until)  # to tell soon when it is over, however rare probes are
        elif not is_asked and now >= self._problem_until:
            self.problem = ""

    def _rest(self, *, problem: str) -> None:
        """Look again only after the full interval."""
        self.problem = problem
        self._misses = 0
        self._interval = min(self._interval * self._growth, MYSQL_LONGEST_SECONDS)
        self._next = self._clock.now() + self._interval
