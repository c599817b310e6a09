"""The first screen: which region. Drawn before boto3 is imported; what AWS says of the regions comes in behind it."""

from ec2menu.aws.profiles import is_region_name
from ec2menu.errors import Ec2MenuError
from ec2menu.fanout import Task
from ec2menu.flows.context import Context
from ec2menu.models import Region, Style
from ec2menu.resources.region_names import TITLES, offline_regions
from ec2menu.state.recent import known_opt_in, note_region, recent_regions, remember_regions
from ec2menu.ui.choices import Choice, draw_choices, find_choice
from ec2menu.ui.menu import Move, Screen
from ec2menu.ui.text import fold

ALL = "all"
RESERVED_LINES = 5
_HELP = (
    "a number or a region's name chooses it; Enter takes the one in brackets",
    "text narrows the list, / shows all again; r asks AWS which regions are enabled",
    "0, b or Ctrl-D leaves; q quits",
)


class RegionScreen:
    """Choose a region by number; the default in brackets is the profile's own."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._default = context.home
        self._filter = ""
        self._news: Task[tuple[Region, ...]] | None = None

    def open(self) -> None:
        """Nothing to wait for: this screen is there at once."""

    def ask(self) -> "Move | Screen":
        """Draw the regions, read a choice."""
        terminal = self._context.terminal
        choices = [choice for choice in self._choices() if fold(self._filter) in fold(f"{choice.key} {choice.label}")]
        terminal.data("")
        terminal.data(terminal.paint(f"Region (profile {self._context.profile})", Style.STRONG))
        draw_choices(choices, terminal, reserved_lines=RESERVED_LINES)
        self._start_asking_aws()
        typed = terminal.ask(f"region [{self._default}]:" if self._default else "region:").strip()
        return self._answer(typed, choices)

    def _answer(self, typed: str, choices: list[Choice]) -> "Move | Screen":
        command = typed.lower()
        if command in ("q", "quit", "exit"):
            return Move.QUIT
        if command in ("0", "b", "back"):
            return Move.BACK
        if command in ("?", "help"):
            for line in _HELP:
                self._context.terminal.note(line)
            return Move.STAY
        if command == "r":
            self._refresh()
            return Move.STAY
        if not typed:
            return self.enter(self._default) if self._default else Move.STAY
        if command.startswith("/"):
            self._filter = command[1:]
            return Move.STAY
        found = find_choice(typed, choices)
        if isinstance(found, Choice):
            return self.enter(found.key)
        if is_region_name(command):
            return self.enter(command)
        if not typed.isdecimal() and any(fold(typed) in fold(f"{c.key} {c.label}") for c in self._choices()):
            self._filter = typed
            return Move.STAY
        self._context.terminal.note(found)
        return Move.STAY

    def enter(self, region: str) -> Screen:
        """Return the screen of a region (or of all), and remember the choice."""
        from ec2menu.ui.screens.resources import ResourceScreen  # noqa: PLC0415 - the first menu does not wait for it

        self._filter = ""
        if region == ALL:
            return ResourceScreen(self._context, self._enabled() or self._refresh())
        note_region(self._context.store, self._context.profile, region, self._context.clock.wall())
        return ResourceScreen(self._context, (region,))

    def _choices(self) -> list[Choice]:
        """Return the regions that can be chosen: recent ones first, then by name; disabled ones only while unknown."""
        context = self._context
        names = self._enabled() or tuple(region.name for region in offline_regions(self._default))
        recent = [name for name in recent_regions(context.store, context.profile) if name in names]
        if self._default in names and self._default not in recent:
            recent.append(self._default)
        ordered = [*recent, *(name for name in names if name not in recent)]
        choices = [Choice(key=name, label=name, remark=self._remark(name, recent)) for name in ordered]
        return [*choices, Choice(key=ALL, label="all regions", remark="at once")]

    def _enabled(self) -> tuple[str, ...]:
        """Return the regions that AWS has called enabled, now or in an earlier run; none where it was never asked."""
        context = self._context
        opt_in = {region.name: region.opt_in for region in self._landed()}
        opt_in = opt_in or known_opt_in(context.store, context.profile)
        return tuple(name for name, status in sorted(opt_in.items()) if Region(name=name, opt_in=status).is_enabled)

    def _remark(self, name: str, recent: list[str]) -> str:
        marks = [TITLES.get(name, "")]
        if (count := self._context.known_count(name)) is not None:
            marks.append(f"{count:,} machines")
        if name == self._default:
            marks.append("default")
        elif name in recent:
            marks.append("recent")
        return " · ".join(filter(None, marks))

    def _start_asking_aws(self) -> None:
        """Import boto3 and ask for the enabled regions while the user reads, where that cannot lead to a prompt."""
        if self._news is None and not self._context.profiles.needs_mfa(self._context.profile):
            self._news = self._context.later(self._fetch)

    def _landed(self) -> tuple[Region, ...]:
        if self._news is None or not self._news.is_done:
            return ()
        try:
            return self._news.result()
        except Ec2MenuError:
            return ()  # choosing a region makes the same calls, and tells

    def _fetch(self) -> tuple[Region, ...]:
        from ec2menu.resources.regions import fetch_regions  # noqa: PLC0415 - imports boto3

        context = self._context
        found = fetch_regions(context.aws, now=context.clock.wall())
        if not found.problems:
            remember_regions(context.store, context.profile, found.items)
        return found.items

    def _refresh(self) -> tuple[str, ...]:
        """Ask AWS for the regions and wait for them; return the enabled ones."""
        context = self._context
        found = context.attempt(lambda: context.in_background(self._fetch, lambda: "asking AWS for the regions"))
        self._news = None
        return tuple(region.name for region in found if region.is_enabled)
