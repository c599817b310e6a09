"""Whether bytes still pass through an open forward: when to look, how often, and what silence means.

The plugin can live on with its local port open while nothing passes any more, and says nothing of it. Looking costs the
far end a connection, so it is rare, and a far end that is down itself is no reason to replace the tunnel.
"""

from collections.abc import Callable

from ec2menu.connectors.forward import Forward
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

    def look(self, *, check: Callable[[], None]) -> str:
        """Probe if it is time; return why the forward must be replaced, or nothing.

        Raises SessionFailed where the plugin ends meanwhile, and what `check` raises.
        """
        if self._clock.now() < self._next or not is_spoken(self._forward.spec.protocol):
            return ""
        self._is_multiplexed |= self._forward.is_multiplexed
        if not self._is_multiplexed:
            return ""  # a probe would wait behind the user's own connection
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

    def _rest(self, *, problem: str) -> None:
        """Look again only after the full interval."""
        self.problem = problem
        self._misses = 0
        self._interval = min(self._interval * self._growth, MYSQL_LONGEST_SECONDS)
        self._next = self._clock.now() + self._interval
