"""The second screen: which kind of resource in the chosen region."""

from collections.abc import Sequence

from ec2menu.flows.context import Context
from ec2menu.models import Style
from ec2menu.resources.kinds import CACHE, EC2, ECS, NODES, RDS
from ec2menu.resources.region_names import TITLES
from ec2menu.ui import words
from ec2menu.ui.choices import Choice, draw_choices, find_choice
from ec2menu.ui.menu import Move, Screen
from ec2menu.ui.screens.machines import machine_screen
from ec2menu.ui.text import narrow

RESERVED_LINES = 6
_CHOICES = (
    Choice(key=EC2.name, label=EC2.title, remark="with hybrid nodes; a number opens a shell"),
    Choice(key=RDS.name, label=RDS.title, remark="a prompt through a jump host"),
    Choice(key=CACHE.name, label=CACHE.title, remark="Redis OSS, Valkey, Memcached"),
    Choice(key=ECS.name, label=ECS.title, remark="cluster, service, task, container"),
    Choice(key=NODES.name, label=NODES.title, remark="every registered SSM agent"),
)
_KEYS = "a number lists that kind · t tunnels · runs past commands · ? help"
_HELP = (
    "a number lists that kind; t shows the open tunnels, runs the past and detached runs of commands;"
    " forget drops the passwords that were typed; 0 or b goes back; q quits"
)


class ResourceScreen:
    """Choose what to list; credentials are loaded on the way in, where an MFA prompt may come."""

    def __init__(self, context: Context, regions: Sequence[str], *, name: str = "") -> None:
        self._context = context
        self._chosen = self._regions = tuple(regions)
        self._name = name or (self._regions[0] if len(self._regions) == 1 else "several regions")
        self._is_prefetching = False
        self._quiet = False

    def open(self) -> None:
        """Load credentials that may need an MFA code here, because no later thread may ask for it."""
        if self._context.profiles.needs_mfa(self._context.profile):
            self._context.attempt(self._context.load_credentials)

    def ask(self) -> "Move | Screen":
        """Draw the kinds, read a choice."""
        terminal = self._context.terminal
        self._regions = self._context.regions_now(self._chosen)
        if not self._quiet:
            self._draw()
        self._quiet = False
        self._prefetch()
        typed = narrow(terminal.ask(f"{self._name}, list (0 back, q quit):")).strip()
        if typed.lower() in words.QUIT:
            return Move.QUIT
        if typed.lower() in words.BACK:
            return Move.BACK
        if not typed:
            return Move.STAY
        if typed.lower() in ("t", "tunnels"):
            from ec2menu.ui.screens.tunnels import TunnelScreen  # noqa: PLC0415 - the first list does not wait for it

            return TunnelScreen(self._context)
        if typed.lower() == "runs":
            from ec2menu.ui.screens.runs import RunsScreen  # noqa: PLC0415 - the same

            return RunsScreen(self._context)
        if typed.lower() == "forget":
            from ec2menu.flows.logins import forget_all_logins  # noqa: PLC0415 - the same

            forget_all_logins(self._context)
            self._quiet = True
            return Move.STAY
        found = _HELP if typed.lower() in words.HELP else find_choice(typed, _CHOICES)
        if isinstance(found, Choice):
            return self._screen(found.key)
        terminal.note(found)
        self._quiet = True
        return Move.STAY

    def _screen(self, kind: str) -> Screen:
        if kind in (RDS.name, CACHE.name):
            from ec2menu.ui.screens.databases import store_screen  # noqa: PLC0415 - the same

            return store_screen(self._context, RDS if kind == RDS.name else CACHE, self._regions)
        if kind == ECS.name:
            from ec2menu.flows.forwards import forward_to_container  # noqa: PLC0415 - the same
            from ec2menu.ui.screens.containers import ContainerScreen  # noqa: PLC0415 - the same

            return ContainerScreen(self._context, self._regions, forward=forward_to_container)
        return machine_screen(self._context, EC2 if kind == EC2.name else NODES, self._regions)

    def _draw(self) -> None:
        terminal = self._context.terminal
        if self._context.known_tunnels():
            from ec2menu.flows.tunnels import tell_news  # noqa: PLC0415 - the same

            tell_news(self._context)
        place = TITLES.get(self._name, f"({len(self._regions)})" if len(self._regions) > 1 else "")
        terminal.data("")
        terminal.data(terminal.paint(f"{self._name} {place}".rstrip(), Style.STRONG))
        draw_choices(_CHOICES, terminal, reserved_lines=RESERVED_LINES)
        terminal.note(_KEYS, Style.DIM)

    def _prefetch(self) -> None:
        """Fetch the lists of the one region while the user reads; all regions are only fetched when asked for."""
        if len(self._regions) == 1 and not self._is_prefetching:
            self._is_prefetching = True
            self._context.later(self._fetch_all)

    def _fetch_all(self) -> None:
        """Start fetching, machines first: they are what is asked for most."""
        for kind in (EC2, RDS, CACHE, ECS):
            self._context.inventory.view(kind, self._regions)
