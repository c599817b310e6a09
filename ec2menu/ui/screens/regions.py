"""The first screen: which region. Drawn before boto3 is imported; what AWS says of the regions comes in behind it."""

from collections.abc import Mapping, Sequence

from ec2menu.aws.profiles import is_region_name
from ec2menu.clock import describe_age
from ec2menu.errors import Ec2MenuError
from ec2menu.fanout import Task
from ec2menu.flows.context import Context
from ec2menu.models import Listing, Problem, Region, Style
from ec2menu.resources.region_names import TITLES, offline_regions
from ec2menu.state.recent import known_opt_in, note_region, recent_regions, remember_regions
from ec2menu.ui import words
from ec2menu.ui.choices import Choice, draw_choices, find_choice
from ec2menu.ui.help import help_lines
from ec2menu.ui.menu import Move, Screen
from ec2menu.ui.problems import problem_lines
from ec2menu.ui.text import escape, fold, narrow, shorten

ALL = "all"
# What stands around the list: a blank line, title, key line, prompt, and one for what happened last.
RESERVED_LINES = 5
_KEYS = "? help · number or name chooses · text narrows · q quit"
_HELP = (
    ("3", "choose number 3"),
    ("eu-west-1", "choose by name"),
    ("Enter", "take the one in brackets"),
    ("all", "all regions in one list"),
    ("text", "narrow the list"),
    ("/", "show all again"),
    ("r", "ask AWS which are enabled"),
    ("!", "what is missing, and why"),
    ("0  b", "leave"),
    ("q", "quit"),
)


class RegionScreen:
    """Choose a region by number; the default in brackets is the profile's own."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._default = context.home
        self._filter = ""
        self._shown: list[Choice] = []
        self._quiet = False
        self._news: Task[Listing[Region]] | None = None
        self._fresh: Listing[Region] | None = None

    def open(self) -> None:
        """Nothing to wait for: this screen is there at once."""

    def ask(self) -> "Move | Screen":
        """Draw the regions, read a choice."""
        if not self._quiet or not self._shown:
            self._draw()
        self._quiet = False
        self._start_asking_aws()
        default = "" if self._is_disabled(self._default) or self._is_filtered_out(self._default) else self._default
        typed = narrow(self._context.terminal.ask(f"region [{default}]:" if default else "region:")).strip()
        return self._answer(typed, default)

    def _draw(self) -> None:
        terminal = self._context.terminal
        choices = self._choices()
        self._shown = [choice for choice in choices if self._passes(choice, self._filter)]
        title = f"Region (profile {self._context.profile})"
        if self._filter:
            title += f": {len(self._shown)} of {len(choices) - 1} with {self._filter}"
        terminal.data("")
        terminal.data(terminal.paint(shorten(escape(title), terminal.width), Style.STRONG))
        problems = problem_lines(self._problems(), terminal.width)
        draw_choices(self._shown, terminal, reserved_lines=RESERVED_LINES + len(problems))
        if not self._shown:
            terminal.data("no region has that; / shows all again")
        if self._is_disabled(self._default):
            terminal.note(f"! {self._default}, the default, is not enabled for this account", Style.DIM)
        for line in problems:
            terminal.note(line, Style.DIM)
        terminal.note(shorten(_KEYS, terminal.width), Style.DIM)

    def _answer(self, typed: str, default: str) -> "Move | Screen":
        command = typed.lower()
        if command in words.QUIT:
            return Move.QUIT
        if command in words.BACK:
            return Move.BACK
        if not typed and default:
            return self.enter(default)
        if not typed:
            self._say("type a number or the name of a region")
        elif command in words.HELP:
            self._say(*help_lines(_HELP, self._context.terminal.width))
        elif command == "r":
            self._refresh()
        elif command == "!":
            self._say(*([] if self._problems() else ["nothing is known to be missing"]))
            self._context.terminal.problems(self._problems())
        elif command.startswith("/"):
            self._filter = typed[1:].strip()
        else:
            return self._find(typed)
        return Move.STAY

    def _find(self, typed: str) -> "Move | Screen":
        """Take what was typed for a number or a name, else for a part of names and places to narrow the list by."""
        found = find_choice(typed, self._shown)
        if isinstance(found, Choice):
            return self.enter(found.key)
        if is_region_name(typed.lower()) or typed.lower() == ALL:
            return self.enter(typed.lower())
        if not typed.isdecimal() and any(self._passes(choice, typed) for choice in self._choices()):
            self._filter = typed
        else:
            self._say(found)
        return Move.STAY

    def _is_filtered_out(self, region: str) -> bool:
        return bool(self._filter) and region not in {choice.key for choice in self._shown}

    @staticmethod
    def _passes(choice: Choice, text: str) -> bool:
        return fold(text) in fold(f"{choice.key} {choice.remark}") and not (text and choice.key == ALL)

    def _say(self, *lines: str) -> None:
        """Say something below the list, which stays as it is."""
        for line in lines:
            self._context.terminal.note(line)
        self._quiet = True

    def enter(self, region: str) -> Screen:
        """Return the screen of a region (or of all), and remember the choice."""
        from ec2menu.ui.screens.resources import ResourceScreen  # noqa: PLC0415 - the first menu does not wait for it

        self._filter = ""
        if region == ALL:
            if not self._enabled():
                self._refresh()
            self._context.terminal.problems(self._problems())
            known = tuple(self._enabled())
            self._context.region_sources[known] = self._enabled  # AWS may yet name others than it did in an earlier run
            return ResourceScreen(self._context, known, name="all regions")
        note_region(self._context.store, self._context.profile, region, self._context.clock.wall())
        return ResourceScreen(self._context, (region,))

    def enter_all(self, regions: Sequence[str]) -> Screen:
        """Return the screen of several regions, as that of one where it is one; `all` among them is every one."""
        from ec2menu.ui.screens.resources import ResourceScreen  # noqa: PLC0415 - the same

        if ALL in regions or len(regions) == 1:
            return self.enter(ALL if ALL in regions else regions[0])
        return ResourceScreen(self._context, regions)

    def _choices(self) -> list[Choice]:
        """Return the regions that can be chosen: recent ones first, then by name; disabled ones only while unknown."""
        context = self._context
        names = self._enabled() or sorted(region.name for region in offline_regions(self._default))
        recent = [name for name in recent_regions(context.store, context.profile) if name in names]
        if self._default in names and self._default not in recent:
            recent.append(self._default)
        ordered = [*recent, *(name for name in names if name not in recent)]
        choices = [Choice(key=name, label=name, remark=self._remark(name, recent)) for name in ordered]
        return [*choices, Choice(key=ALL, label="all regions", remark="in one list")]

    def _enabled(self) -> list[str]:
        """Return the regions that AWS has called enabled, now or in an earlier run; none where it was never asked."""
        opt_in = self._opt_in()
        return sorted(name for name, status in opt_in.items() if Region(name=name, opt_in=status).is_enabled)

    def _opt_in(self) -> Mapping[str, str]:
        """Return what AWS has said of each region, now or in an earlier run; nothing where it never has."""
        landed = {region.name: region.opt_in for region in self._landed()}
        return landed or known_opt_in(self._context.store, self._context.profile)

    def _is_disabled(self, region: str) -> bool:
        return not Region(name=region, opt_in=self._opt_in().get(region, "")).is_enabled

    def _remark(self, name: str, recent: list[str]) -> str:
        marks = [TITLES.get(name, "")]
        if (known := self._context.known_count(name)) is not None:
            count, as_of = known
            age = (self._context.clock.wall() - as_of).total_seconds() if as_of else 0
            marks.append(f"{count:,} machine{'' if count == 1 else 's'}{f' {describe_age(age)} ago' if as_of else ''}")
        if name == self._default:
            marks.append("default")
        elif name in recent:
            marks.append("recent")
        return " · ".join(filter(None, marks))

    def _start_asking_aws(self) -> None:
        """Import boto3 and ask for the enabled regions while the user reads, where that cannot lead to a prompt."""
        if self._news is None and not self._context.profiles.needs_mfa(self._context.profile):
            self._news = self._context.later(self._fetch)

    def _landed(self) -> Sequence[Region]:
        found = self._fresh or self._found()
        return found.items if found else ()

    def _problems(self) -> Sequence[Problem]:
        """Return why the regions shown may not be all."""
        found = self._fresh or self._found()
        return found.problems if found else ()

    def _found(self) -> Listing[Region] | None:
        """Return what the question behind the first menu has brought, if it has."""
        if self._news is None or not self._news.is_done:
            return None
        try:
            return self._news.result()
        except Ec2MenuError:
            return None  # choosing a region makes the same calls, and tells

    def _fetch(self) -> Listing[Region]:
        from ec2menu.resources.regions import fetch_regions  # noqa: PLC0415 - imports boto3

        context = self._context
        found = fetch_regions(context.aws, now=context.clock.wall())
        if not found.problems:
            remember_regions(context.store, context.profile, found.items)
        return found

    def _refresh(self) -> None:
        context = self._context
        self._quiet = True  # an error is told below the list
        self._fresh = context.attempt(lambda: context.in_background(self._fetch, lambda: "asking AWS for the regions"))
        self._quiet = False
