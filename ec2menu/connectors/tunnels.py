"""All tunnels of this run: opened once for each destination, listed, and closed together; each is a `tunnel.Tunnel`.

The local port is chosen here, because two tunnels must not be given the same one, also while one of them is down.
"""

import threading
from collections.abc import Callable

from ec2menu.connectors.connector import Connector
from ec2menu.connectors.forward import PROBE_SECONDS, TunnelSpec
from ec2menu.connectors.local_ports import pick_local_port
from ec2menu.connectors.process import undisturbed
from ec2menu.connectors.starting import CLOSING, Watch, wait_quietly
from ec2menu.connectors.tunnel import ENDED, FindOther, Terms, Tunnel, TunnelState
from ec2menu.errors import Interrupted
from ec2menu.fanout import fan_out

_UP = frozenset({TunnelState.OPENING, TunnelState.OPEN})


def _leave(tunnel: Tunnel, watch: Watch) -> None:
    """Close a tunnel that nobody waits for any more; where its session is just being started, that is waited for.

    Left earlier, that session would stay open. A second Ctrl-C does not wait even for that.
    """
    under_way = tunnel.leave()
    try:
        if under_way is not None:
            watch(under_way, lambda: CLOSING)
    except Interrupted:
        tunnel.close(wait_seconds=0)
    else:
        tunnel.close()


class Tunnels:
    """The tunnels of this run.

    `recall_port` and `remember_port` keep the local port of a region and destination between runs; `on_replaced` hears
    of a tunnel that is down and makes way for a new one.
    """

    def __init__(
        self,
        *,
        connector_factory: Callable[[], Connector],
        recall_port: Callable[[str, str], int],
        remember_port: Callable[[str, str, int], None],
        on_replaced: Callable[[Tunnel], None] = lambda _tunnel: None,
        probe_seconds: float = PROBE_SECONDS,
    ) -> None:
        self._connector_factory = connector_factory
        self._recall_port = recall_port
        self._remember_port = remember_port
        self._on_replaced = on_replaced
        self._probe_seconds = probe_seconds
        self._lock = threading.Lock()
        self._tunnels: list[Tunnel] = []
        self._old_news: list[str] = []
        self._last_id = 0

    def open(
        self,
        spec: TunnelSpec,
        *,
        local_port: int = 0,
        once: bool = False,
        find_other: FindOther | None = None,
        watch: Watch = wait_quietly,
    ) -> Tunnel:
        """Return an open tunnel to where `spec` leads: the one that there is, or a new one once it is ready.

        Without `find_other` the way is fixed, and only a tunnel that goes through the same node is the same.
        `local_port` is insisted on, `once` means not to reconnect, `watch` waits for the opening and may show it; if it
        raises (Ctrl-C), the tunnel is closed. Raises InvalidInput, PluginMissing, PluginUnusable, PortInUse,
        SessionFailed, AwsError, or Interrupted where it is closed meanwhile, and leaves nothing open then.
        """
        terms = Terms(
            find_other=find_other, once=once, is_port_fixed=bool(local_port), probe_seconds=self._probe_seconds
        )
        tunnel = self._find(spec, terms, local_port) or self._begin(spec, local_port, terms)
        try:
            watch(tunnel.opening, tunnel.describe)
        except Interrupted:
            _leave(tunnel, watch)
            raise
        except BaseException:
            tunnel.close()
            raise
        self._remember_port(spec.region, spec.destination, tunnel.local_port)
        return tunnel

    def all(self) -> list[Tunnel]:
        """Return the tunnels that were opened and not closed, also those that are down, oldest first."""
        with self._lock:
            self._tunnels = [tunnel for tunnel in self._tunnels if tunnel.state is not TunnelState.CLOSED]
            return [tunnel for tunnel in self._tunnels if tunnel.opened_at is not None]

    def news(self) -> list[str]:
        """Return the sentences about all tunnels that nobody has taken yet."""
        old, self._old_news = self._old_news, []
        return old + [sentence for tunnel in self.all() for sentence in tunnel.news()]

    def needs_login(self) -> bool:
        """Whether a tunnel waits for a new login."""
        return any(tunnel.state is TunnelState.NEEDS_LOGIN for tunnel in self.all())

    def resume(self) -> None:
        """Have the tunnels that wait for a login go on."""
        for tunnel in self.all():
            tunnel.resume()

    def close_all(self) -> None:
        """Close all tunnels at once, those that are just opening too, in bounded time; again is harmless."""
        with undisturbed():
            with self._lock:
                tunnels, self._tunnels = self._tunnels, []
            fan_out(Tunnel.close, tunnels, limit=len(tunnels))

    def _find(self, spec: TunnelSpec, terms: Terms, local_port: int) -> Tunnel | None:
        """Return the tunnel that leads there already, also one that is just opening."""
        return next((tunnel for tunnel in self._those_to(spec, terms, local_port) if tunnel.state in _UP), None)

    def _those_to(self, spec: TunnelSpec, terms: Terms, local_port: int) -> list[Tunnel]:
        place = (spec.region, spec.destination)
        there = [tunnel for tunnel in self._tunnels if (tunnel.spec.region, tunnel.spec.destination) == place]
        there = [tunnel for tunnel in there if local_port in (0, tunnel.local_port)]
        return [tunnel for tunnel in there if terms.find_other is not None or tunnel.spec.via == spec.via]

    def _begin(self, spec: TunnelSpec, local_port: int, terms: Terms) -> Tunnel:
        connector = self._connector_factory()  # in the caller's thread: it may tell the user about the plugin
        for tunnel in self._those_to(spec, terms, local_port):
            if tunnel.state not in _UP:  # it makes way for a try that can be watched, on the same port
                self._on_replaced(tunnel)
                self._old_news += tunnel.news()
                tunnel.close()

        def choose_port(tunnel: Tunnel, failed: frozenset[int]) -> int:
            return self._choose_port(tunnel, local_port, failed)

        with self._lock:
            found = self._find(spec, terms, local_port)
            if found is not None:  # another thread was faster
                return found
            self._last_id += 1
            tunnel = Tunnel(connector, spec, number=self._last_id, choose_port=choose_port, terms=terms)
            self._tunnels.append(tunnel)
        return tunnel

    def _choose_port(self, tunnel: Tunnel, wanted: int, failed: frozenset[int]) -> int:
        spec = tunnel.spec
        remembered = self._recall_port(spec.region, spec.destination)
        with self._lock:
            others = {other.local_port for other in self._tunnels if other is not tunnel and other.state not in ENDED}
            tunnel.local_port = pick_local_port(
                wanted, remembered=remembered, remote_port=spec.port, avoid=others | failed
            )
        return tunnel.local_port
