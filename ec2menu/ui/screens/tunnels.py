"""The open tunnels: where each begins and leads, and how it does; to test, copy and close."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from ec2menu.clock import describe_age
from ec2menu.connectors.probes import Health, is_healthy
from ec2menu.connectors.tunnel import Tunnel, TunnelState
from ec2menu.fanout import Task
from ec2menu.flows.context import Context
from ec2menu.flows.tunnels import close_tunnel, describe_tunnel, renew_login, tell_news
from ec2menu.models import Cell, Column, Style
from ec2menu.ui import select
from ec2menu.ui.menu import Move, Screen
from ec2menu.ui.tables import render
from ec2menu.ui.text import shorten

_KEYS = "number copies its address · test 1 · close 1 or all · Enter draws anew · 0 back"
_LOGIN_KEYS = "login 1 renews the login that it waits for"
_STYLES = {
    TunnelState.OPENING: Style.WARN,
    TunnelState.OPEN: Style.GOOD,
    TunnelState.RECONNECTING: Style.WARN,
    TunnelState.NEEDS_LOGIN: Style.WARN,
    TunnelState.FAILED: Style.BAD,
    TunnelState.CLOSED: Style.DIM,
}
_COMMAND = re.compile(r"(test|close|login)\s+(\S.*)", re.IGNORECASE)


def _state(tunnel: Tunnel, _now: datetime) -> Cell:
    return Cell(text=str(tunnel.state), style=_STYLES[tunnel.state])


def _since(tunnel: Tunnel, now: datetime) -> Cell:
    return Cell(text=describe_age((now - tunnel.opened_at).total_seconds()) if tunnel.opened_at else "")


_COLUMNS: tuple[Column[Tunnel], ...] = (
    Column(key="local", title="Local address", cell=lambda tunnel, _now: Cell(text=tunnel.address)),
    Column(
        key="target",
        title="Leads to",
        cell=lambda tunnel, _now: Cell(text=tunnel.spec.name, style=Style.STRONG),
        priority=1,
        min_width=12,
    ),
    Column(key="state", title="State", cell=_state, priority=2),
    Column(key="via", title="Via", cell=lambda tunnel, _now: Cell(text=tunnel.spec.via_text), priority=4, min_width=10),
    Column(key="open", title="Open", cell=_since, priority=5, align_right=True),
    Column(
        key="again",
        title="Reconnects",
        cell=lambda tunnel, _now: Cell(text=str(tunnel.reconnects) if tunnel.reconnects else ""),
        priority=6,
        align_right=True,
    ),
)


class TunnelScreen:
    """The tunnels of this run."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tunnels: Sequence[Tunnel] = ()
        self._quiet = False

    def open(self) -> None:
        """Nothing has to be fetched."""

    def ask(self) -> "Move | Screen":
        """Draw the tunnels, read what to do."""
        if not self._quiet:
            self._draw()
        self._quiet = False
        typed = self._context.terminal.ask("tunnels:").strip()
        command = _COMMAND.fullmatch(typed)
        word, numbers = (command[1].lower(), command[2]) if command else ("copy", typed)
        choice = select.parse(numbers, numbers=range(1, len(self._tunnels) + 1), columns=())
        match choice:
            case select.Back():
                return Move.BACK
            case select.Quit():
                return Move.QUIT
            case select.Pick(numbers=picked):
                self._quiet = word != "close"
                for number in picked:
                    _ACTIONS[word](self._context, self._tunnels[number - 1])
            case select.Nothing() | select.Refresh():
                pass
            case select.Wrong(reason=reason):
                self._say(reason)
            case _:
                self._say(_KEYS)
        return Move.STAY

    def _say(self, text: str) -> None:
        self._context.terminal.note(text)
        self._quiet = True

    def _draw(self) -> None:
        terminal = self._context.terminal
        self._tunnels = self._context.known_tunnels()
        terminal.data("")
        terminal.data(terminal.paint(f"Tunnels: {len(self._tunnels)}", Style.STRONG))
        lines = render(
            self._tunnels,
            _COLUMNS,
            now=self._context.clock.wall(),
            width=terminal.width,
            numbers=range(1, len(self._tunnels) + 1),
            paint=terminal.paint,
            dimmed=lambda tunnel: tunnel.state is TunnelState.CLOSED,
        )
        terminal.data("\n".join(lines) if self._tunnels else "none is open")
        terminal.flush()
        tell_news(self._context)
        if any(tunnel.state is TunnelState.NEEDS_LOGIN for tunnel in self._tunnels):
            terminal.note(_LOGIN_KEYS)
        terminal.note(shorten(_KEYS, terminal.width), Style.DIM)


def _copy(context: Context, tunnel: Tunnel) -> None:
    spec = tunnel.spec
    context.terminal.note(f"{describe_tunnel(tunnel)}: {spec.destination} through {spec.via_text}")
    if context.terminal.copy(tunnel.address):
        context.terminal.note(f"{tunnel.address} was sent to the terminal's clipboard", Style.DIM)


def _test(context: Context, tunnel: Tunnel) -> None:
    health: Health = context.terminal.watch(Task(tunnel.test), lambda: f"testing {tunnel.spec.name}")
    verdict, style = _judge(tunnel, health)
    context.terminal.note(f"{tunnel.spec.name}: {verdict} ({health})", style)
    if style is Style.BAD and tunnel.last_error:
        context.terminal.note(tunnel.last_error)


def _judge(tunnel: Tunnel, health: Health) -> tuple[str, Style]:
    if health is Health.ANSWERS:
        return "it works", Style.GOOD
    if is_healthy(tunnel.spec.protocol, health):
        return "open; nobody could be asked whether it works", Style.WARN
    return "it does not work", Style.BAD


def _login(context: Context, tunnel: Tunnel) -> None:
    if tunnel.state is TunnelState.NEEDS_LOGIN:
        renew_login(context)
        context.terminal.note(f"AWS takes the login; {tunnel.spec.name} is reconnecting")
    else:
        context.terminal.note(f"{tunnel.spec.name} waits for no login")


_ACTIONS: dict[str, Callable[[Context, Tunnel], None]] = {
    "copy": _copy,
    "test": _test,
    "close": close_tunnel,
    "login": _login,
}
