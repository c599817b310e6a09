"""A list of resources of one kind: a table, filtered, sorted and paged, from which numbers choose.

A number means the resource that was printed beside it: the order is only changed by drawing the list again. What
choosing does is the caller's: see `machines`, `databases` and `containers`.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ec2menu.clock import describe_age
from ec2menu.errors import Ec2MenuError, Interrupted, InvalidInput, TargetUnavailable
from ec2menu.flows.context import Context
from ec2menu.flows.listing import DEFAULT_SORT, arrange, shown_columns
from ec2menu.flows.live import LiveList
from ec2menu.models import Style
from ec2menu.resources.inventory import View
from ec2menu.resources.kinds import ResourceKind
from ec2menu.resources.region_names import describe_regions
from ec2menu.ui import select
from ec2menu.ui.help import help_lines, list_help
from ec2menu.ui.menu import Move, Screen
from ec2menu.ui.problems import problem_lines
from ec2menu.ui.tables import render
from ec2menu.ui.terminal import EndOfInput
from ec2menu.ui.text import escape, shorten, width

# Title, column heads, status line, prompt, the blank line above, and one for what happened last.
FIXED_LINES = 6
MIN_ROWS = 3
MAX_FILTER_COLUMNS = 30
MIN_FILTER_COLUMNS = 8
Choose = Callable[[Sequence[Any]], "Move | Screen | None"]


class ListScreen:
    """The resources of a kind in some regions. `choose` is called with those that were picked, as they are known now.

    It returns where to go, or None where what it has said should be read below the list; so is what it raises.
    `choosing` is what a number does, for the line of keys; `several` whether more than one may be chosen. `run` is
    called for `run 1,3-5`, where that makes sense.
    """

    def __init__(
        self,
        context: Context,
        kind: ResourceKind,
        regions: Sequence[str],
        *,
        choose: Choose,
        choosing: str = "connects",
        several: bool = True,
        run: Choose | None = None,
    ) -> None:
        self._context = context
        self._choose = choose
        self._run = run
        self._choosing = choosing
        self._several = several
        self._kind = kind
        self._chosen = self._regions = tuple(regions)
        self._columns = shown_columns(kind, regions)
        self._keys = tuple(column.key for column in kind.columns)
        self._live = LiveList(context, kind, regions)
        self._items: Sequence[Any] = ()
        self._terms: tuple[select.Term, ...] = ()
        self._sort = DEFAULT_SORT
        self._first = 0
        self._size = MIN_ROWS
        self._quiet = False

    def open(self) -> None:
        """Take the first picture of the list."""
        self._live.open()

    def ask(self) -> "Move | Screen":
        """Draw a page, read a selection, act on it."""
        if not self._quiet:
            self._regions = self._context.regions_now(self._chosen)
            self._live.cover(self._regions)
            self._live.renew()
            self._live.take()
            self._items = self._arranged()  # what is printed is what numbers mean, until it is printed again
            self._draw(self._items)
        self._quiet = False
        self._live.start()
        where = "all" if self._chosen in self._context.region_sources else self._where()
        typed = self._context.terminal.ask(f"{where} {self._kind.name}:")
        choice = select.parse(typed, numbers=range(1, len(self._items) + 1), columns=self._keys)
        return self._act(choice)

    def _act(self, choice: select.Selection) -> "Move | Screen":
        match choice:
            case select.Back():
                return Move.BACK
            case select.Quit():
                return Move.QUIT
            case select.Pick(numbers=numbers):
                return self._pick(self._choose_all, [self._items[number - 1] for number in numbers])
            case select.RunOn(numbers=numbers):
                return self._pick(self._run_on, [self._items[number - 1] for number in numbers])
            case select.FilterBy(terms=terms):
                self._terms, self._first = terms, 0
            case select.SortBy():
                self._sort, self._first = choice, 0
            case select.NextPage() | select.PreviousPage():
                self._turn(forward=isinstance(choice, select.NextPage))
            case select.Refresh():
                self._refresh()
            case select.Help():
                entries = list_help(self._keys, several=self._several, runs=self._run is not None)
                self._say(*help_lines(entries, self._context.terminal.width))
            case select.ShowProblems():
                self._tell_problems()
            case select.Wrong(reason=reason):
                self._say(reason)
        return Move.STAY

    def _turn(self, *, forward: bool) -> None:
        """Show the page after or before what was drawn last."""
        first = self._first + self._size if forward else max(0, self._first - self._size)
        if first != self._first and first < len(self._items):
            self._first = first
        else:
            self._say("this is the last page" if forward else "this is the first page")

    def _tell_problems(self) -> None:
        view = self._live.view
        if view.unknown:
            self._say(f"still asking {', '.join(view.unknown)}")
        elif not view.listing.problems:
            self._say("nothing is missing")
        self._context.terminal.problems(view.listing.problems)
        self._quiet = True

    def _refresh(self) -> None:
        self._quiet = True  # an error is told below the list, which stays as it is
        self._live.refresh()
        self._quiet = False

    def _say(self, *lines: str) -> None:
        """Say something below the list, which stays as it is."""
        for line in lines:
            self._context.terminal.note(line)
        self._quiet = True

    # -- drawing ------------------------------------------------------------------------------------------------

    def _arranged(self) -> Sequence[Any]:
        listing, now = self._live.view.listing, self._context.clock.wall()
        return arrange(self._kind, listing.items, now=now, terms=self._terms, sort=self._sort, order=listing.order)

    def _draw(self, items: Sequence[Any]) -> None:
        terminal = self._context.terminal
        problems = problem_lines(self._live.view.listing.problems, terminal.width)
        size = self._size = max(MIN_ROWS, terminal.height - FIXED_LINES - len(problems))
        if self._first >= len(items):
            self._first = max(0, len(items) - 1) // size * size
        terminal.data("")
        terminal.data(terminal.paint(self._title(len(items), terminal.width), Style.STRONG))
        shown = items[self._first : self._first + size]
        if shown:
            for line in self._table(shown, self._first):
                terminal.data(line)
        else:
            terminal.data(self._nothing())
        terminal.flush()
        for line in problems:
            terminal.note(line, Style.DIM)
        before, left = -(-self._first // size), -(-(len(items) - self._first) // size)
        page = f"page {before + 1}/{before + left} n/p · " if before + left > 1 else ""
        keys = f"{page}? help · 0 back · number {self._choosing} · text filters · s COL sorts"
        terminal.note(shorten(keys, terminal.width), Style.DIM)

    def _table(self, shown: Sequence[Any], first: int) -> list[str]:
        terminal = self._context.terminal
        return render(
            shown,
            self._columns,
            now=self._context.clock.wall(),
            width=terminal.width,
            numbers=range(first + 1, first + 1 + len(shown)),
            paint=terminal.paint,
            dimmed=self._kind.is_dimmed,
        )

    def _title(self, shown: int, columns: int) -> str:
        """Say what is listed, and how old it is; on a narrow screen all gives way but number and age."""
        view = self._live.view
        total = len(view.listing.items)
        head = f"{self._kind.title} in {self._where()}: "
        order = f" · by {'-' if self._sort.reverse else ''}{self._sort.column}"
        tail = f"{order} · {self._freshness(view)}"
        if width(f"{head}{total:,}{tail}") > columns:
            tail = tail.removeprefix(order)
        if width(f"{head}{total:,}{tail}") > columns:
            head = ""
        if not self._terms:
            return shorten(escape(f"{head}{total:,}{tail}"), columns)
        count = f"{shown:,} of {total:,} with "
        room = min(MAX_FILTER_COLUMNS, columns - width(f"{head}{count}{tail}"))
        passing = shorten(escape(" ".join(map(_worded, self._terms))), max(MIN_FILTER_COLUMNS, room))
        return shorten(escape(f"{head}{count}{passing}{tail}"), columns)

    def _freshness(self, view: View) -> str:
        """Say how old the picture is, what changed with it, and what is on its way."""
        age = (self._context.clock.wall() - view.listing.as_of).total_seconds()
        text = f"{describe_age(age)} ago" if age >= 1 else "just now"
        if self._live.change:
            text += f" ({self._live.change})"
        if view.unknown:
            regions = "1 region" if len(view.unknown) == 1 else f"{len(view.unknown)} regions"
            return f"{text}, still asking {regions} (Enter: more)"
        return f"{text}, refreshing …" if view.asking else text

    def _where(self) -> str:
        return describe_regions(self._regions)

    def _nothing(self) -> str:
        if self._terms:
            return f"nothing passes the filter; / shows all again{select.describe_misread(self._terms, self._keys)}"
        if self._live.view.listing.problems:
            return f"no {self._kind.title} in {self._where()} could be listed"
        return f"there are no {self._kind.title} in {self._where()}"

    # -- choosing -----------------------------------------------------------------------------------------------

    def _current(self, chosen: Sequence[Any]) -> list[Any]:
        """Return items as they are known now. Raises TargetUnavailable where one has vanished since it was drawn."""
        latest = self._live.latest(chosen)
        for item, now in zip(chosen, latest, strict=True):
            if now is None:
                raise TargetUnavailable(
                    f"{self._kind.identify(item)[0]} is no longer there", hint="Enter draws the list anew"
                )
        return latest

    def _pick(self, choose: Choose, chosen: Sequence[Any]) -> "Move | Screen":
        """Choose; what went wrong, and what is to be read, is said below the list as it is."""
        self._quiet = True
        try:
            if len(chosen) > 1 and not self._several:
                raise InvalidInput("choose one at a time", hint="type a single number")
            move = choose(self._current(chosen))
        except (Interrupted, EndOfInput, KeyboardInterrupt):
            self._context.terminal.note("not connected" if len(chosen) == 1 else "stopped")
        except Ec2MenuError as error:
            self._context.terminal.fail(error)
        else:
            self._quiet = move is None
            return move or Move.STAY
        return Move.STAY

    def _choose_all(self, chosen: Sequence[Any]) -> "Move | Screen | None":
        """Choose, once it is clear that so many at once are meant: each becomes a window, or a tunnel."""
        are_many = len(chosen) > max(1, self._context.config.settings.confirm_above)
        question = f"that is {len(chosen)} at once: go on?"
        if are_many and not self._context.terminal.confirm(question, default=False):
            return None
        return self._choose(chosen)

    def _run_on(self, chosen: Sequence[Any]) -> "Move | Screen | None":
        """Run a command on them; who means all of a list is told where that is not all that there is."""
        terminal, view = self._context.terminal, self._live.view
        if self._run is None:
            terminal.note(f"commands run on EC2 instances and SSM nodes, not on {self._kind.title}")
            return None
        if len(chosen) == len(self._items) and view.unknown:
            terminal.note(f"! still asking {', '.join(view.unknown)}: what is there is not among these", Style.WARN)
        elif len(chosen) == len(self._items) and view.listing.problems:
            terminal.note("! what could not be listed is not among these (! at the list tells what)", Style.WARN)
        return self._run(chosen)


def _worded(term: select.Term) -> str:
    return f"{'!' if term.negated else ''}{term.column}{':' if term.column else ''}{term.text}"
