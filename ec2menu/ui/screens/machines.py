"""The list of machines: a table, filtered, sorted and paged, from which numbers open sessions.

A number means the machine that was printed beside it: the order is only changed by drawing the list again.
"""

from collections.abc import Sequence
from typing import Any

from ec2menu.clock import describe_age
from ec2menu.errors import Ec2MenuError, Interrupted
from ec2menu.flows.connect import connect_one
from ec2menu.flows.context import Context
from ec2menu.flows.listing import arrange, get_listing
from ec2menu.flows.several import connect_several
from ec2menu.models import Instance, Listing, ManagedNode, Style
from ec2menu.resources.ec2 import from_node
from ec2menu.resources.kinds import ResourceKind
from ec2menu.ui import select
from ec2menu.ui.menu import Move, Screen
from ec2menu.ui.tables import render
from ec2menu.ui.terminal import EndOfInput
from ec2menu.ui.text import escape, shorten

# Title, column heads, status line, prompt, the blank line above, and one for what happened last.
FIXED_LINES = 6
MIN_ROWS = 3
MAX_FILTER_COLUMNS = 30
_HELP = (
    "3       connect to number 3           1,3-5   several, each in its own window",
    "all     everything listed             !4      everything but 4",
    "text    keep rows with the text       !text   leave them out; both can be",
    "                                              column:value, as in state:running",
    "/text   filter even by a number       /       show all again",
    "s age   sort by a column              s -age  the other way round",
    "n  p    next and previous page        r       ask AWS again",
    "0  b    back                          q       quit",
)


class MachineScreen:
    """EC2 instances or SSM nodes of some regions, to connect to."""

    def __init__(self, context: Context, kind: ResourceKind, regions: Sequence[str]) -> None:
        self._context = context
        self._kind = kind
        self._regions = tuple(regions)
        self._keys = tuple(column.key for column in kind.columns)
        self._listing: Listing[Any] | None = None
        self._items: Sequence[Any] = ()
        self._terms: tuple[select.Term, ...] = ()
        self._sort = select.SortBy(column="name")
        self._page = 0
        self._pages = 1
        self._quiet = False

    def open(self) -> None:
        """Fetch the list."""
        self._listing = get_listing(self._context, self._kind, self._regions)

    def ask(self) -> "Move | Screen":
        """Draw a page, read a selection, act on it."""
        if not self._quiet:
            self._items = self._arranged()  # what is printed is what numbers mean, until it is printed again
            self._draw(self._items)
        self._quiet = False
        typed = self._context.terminal.ask(f"{self._regions[0]} {self._kind.name}:")
        choice = select.parse(typed, numbers=range(1, len(self._items) + 1), columns=self._keys)
        return self._act(choice)

    def _act(self, choice: select.Selection) -> "Move | Screen":
        match choice:
            case select.Back():
                return Move.BACK
            case select.Quit():
                return Move.QUIT
            case select.Pick(numbers=numbers):
                self._connect([self._as_instance(self._items[number - 1]) for number in numbers])
            case select.FilterBy(terms=terms):
                self._terms, self._page = terms, 0
            case select.SortBy():
                self._sort, self._page = choice, 0
            case select.NextPage():
                self._turn(1, "this is the last page")
            case select.PreviousPage():
                self._turn(-1, "this is the first page")
            case select.Refresh():
                self._refresh()
            case select.Help():
                self._say(*_HELP)
            case select.Wrong(reason=reason):
                self._say(reason)
        return Move.STAY

    def _turn(self, pages: int, otherwise: str) -> None:
        if 0 <= self._page + pages < self._pages:
            self._page += pages
        else:
            self._say(otherwise)

    def _refresh(self) -> None:
        self._quiet = True  # an error is told below the list, which stays as it is
        self._listing = get_listing(self._context, self._kind, self._regions, refresh=True)
        self._quiet = False

    def _say(self, *lines: str) -> None:
        """Say something below the list, which stays as it is."""
        for line in lines:
            self._context.terminal.note(line)
        self._quiet = True

    # -- drawing ------------------------------------------------------------------------------------------------

    def _arranged(self) -> list[Any]:
        items = self._listing.items if self._listing else ()
        return arrange(self._context, self._kind, items, terms=self._terms, sort=self._sort)

    def _draw(self, items: Sequence[Any]) -> None:
        terminal, listing = self._context.terminal, self._listing
        problems = listing.problems if listing else ()
        size = max(MIN_ROWS, terminal.height - FIXED_LINES - sum(map(terminal.lines_of, problems)))
        self._pages = max(1, -(-len(items) // size))
        self._page = min(self._page, self._pages - 1)
        first = self._page * size
        terminal.data("")
        terminal.data(terminal.paint(shorten(escape(self._title(len(items))), terminal.width), Style.STRONG))
        shown = items[first : first + size]
        if shown:
            for line in self._table(shown, first):
                terminal.data(line)
        else:
            terminal.data(self._nothing())
        terminal.flush()
        for problem in problems:
            terminal.problem(problem)
        page = f"page {self._page + 1}/{self._pages} n/p · " if self._pages > 1 else ""
        keys = f"{page}? help · number connects · text filters · s COLUMN sorts · 0 back"
        terminal.note(shorten(keys, terminal.width), Style.DIM)

    def _table(self, shown: Sequence[Any], first: int) -> list[str]:
        terminal = self._context.terminal
        return render(
            shown,
            self._kind.columns,
            now=self._context.clock.wall(),
            width=terminal.width,
            numbers=range(first + 1, first + 1 + len(shown)),
            paint=terminal.paint,
            dimmed=self._kind.is_dimmed,
        )

    def _title(self, shown: int) -> str:
        total = len(self._listing.items) if self._listing else 0
        age = (self._context.clock.wall() - self._listing.as_of).total_seconds() if self._listing else 0.0
        passing = shorten(escape(" ".join(map(_worded, self._terms))), MAX_FILTER_COLUMNS)
        count = f"{shown} of {total} with {passing}" if self._terms else str(total)
        order = f"by {'-' if self._sort.reverse else ''}{self._sort.column}"
        where = ", ".join(self._regions)
        as_of = f"{describe_age(age)} ago" if age >= 1 else "just now"
        return f"{self._kind.title} in {where}: {count} · {order} · {as_of}"

    def _nothing(self) -> str:
        if self._terms:
            return "nothing passes the filter; / shows all again"
        return f"there are no {self._kind.title} in {', '.join(self._regions)}"

    # -- connecting ---------------------------------------------------------------------------------------------

    def _as_instance(self, item: Any) -> Instance:
        return from_node(item) if isinstance(item, ManagedNode) else item

    def _connect(self, instances: Sequence[Instance]) -> None:
        """Connect; what went wrong is said below the list, after a session the list is drawn anew."""
        self._quiet = True
        try:
            if len(instances) > 1:
                connect_several(self._context, instances)
            else:
                connect_one(self._context, instances[0])
                self._quiet = False
        except (Interrupted, EndOfInput, KeyboardInterrupt):
            self._context.terminal.note("not connected" if len(instances) == 1 else "stopped")
        except Ec2MenuError as error:
            self._context.terminal.fail(error)


def _worded(term: select.Term) -> str:
    return f"{'!' if term.negated else ''}{term.column}{':' if term.column else ''}{term.text}"
