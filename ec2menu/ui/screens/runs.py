"""The batches of the past: which there were and how they ended; a number shows one, or goes on following it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ec2menu.errors import InvalidInput
from ec2menu.flows.batch import open_journal
from ec2menu.flows.batch_again import resume
from ec2menu.flows.batch_runs import runs_table
from ec2menu.flows.context import Context
from ec2menu.models import Style
from ec2menu.ui import select
from ec2menu.ui.menu import Move, Screen
from ec2menu.ui.screens.batch import BatchScreen
from ec2menu.ui.text import shorten

if TYPE_CHECKING:  # this comes with the state file
    from ec2menu.batch.journaled import JournaledRun, RunRecord

# Title, column heads, keys, prompt, the blank line above, and one for what happened last.
FIXED_LINES = 6
MIN_ROWS = 3
_KEYS = "number shows it, or goes on with it · n p page · Enter draws anew · 0 back"


class RunsScreen:
    """The list of past runs, the newest first; a number means the run that was printed beside it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._records: Sequence[RunRecord] = ()
        self._page = 0
        self._quiet = False

    def open(self) -> None:
        """Nothing has to be fetched."""

    def ask(self) -> "Move | Screen":
        """Draw a page of runs, read which one is meant."""
        if not self._quiet:
            self._draw()
        self._quiet = True  # what is told, an error too, is told below the list
        typed = self._context.terminal.ask("runs:")
        choice = select.parse(typed, numbers=range(1, len(self._records) + 1), columns=())
        match choice:
            case select.Back():
                return Move.BACK
            case select.Quit():
                return Move.QUIT
            case select.Pick(numbers=[number]):
                return self._screen(self._records[number - 1].id)
            case select.Pick():
                raise InvalidInput("one run at a time", hint="type one number")
            case select.NextPage():
                self._turn(1)
            case select.PreviousPage():
                self._turn(-1)
            case select.Nothing() | select.Refresh():
                self._quiet = False
            case select.Wrong(reason=reason):
                self._context.terminal.note(reason)
            case _:
                self._context.terminal.note(_KEYS)
        return Move.STAY

    def _screen(self, run_id: str) -> Screen:
        self._quiet = False
        return PastRunScreen(self._context, open_journal(self._context).load(run_id))

    @property
    def _page_size(self) -> int:
        return max(MIN_ROWS, self._context.terminal.height - FIXED_LINES)

    def _turn(self, pages: int) -> None:
        if 0 <= (self._page + pages) * self._page_size < len(self._records):
            self._page += pages
            self._quiet = False
        else:
            self._context.terminal.note(f"this is the {'last' if pages > 0 else 'first'} page")

    def _draw(self) -> None:
        terminal = self._context.terminal
        self._records = open_journal(self._context).runs()
        first = self._page * self._page_size
        shown = self._records[first : first + self._page_size]
        terminal.data("")
        terminal.data(terminal.paint(f"Past runs: {len(self._records)}, newest first", Style.STRONG))
        numbers = range(first + 1, first + 1 + len(shown))
        terminal.data(
            "\n".join(runs_table(self._context, shown, numbers=numbers)) if shown else "nothing has been run yet"
        )
        terminal.flush()
        terminal.note(shorten(_KEYS, terminal.width), Style.DIM)


class PastRunScreen:
    """One run of the past: shown, or taken up where it was left, then asked about like one that has just ended."""

    def __init__(self, context: Context, run: "JournaledRun") -> None:
        self._context = context
        self._run = run
        self._batch = BatchScreen(context, (), spec=run.plan.spec, limits=run.plan.limits)

    def open(self) -> None:
        """Read the run's rows, or follow it to its end. Raises TargetUnavailable where another ec2menu follows it."""
        self._batch.show(*resume(self._context, self._run))

    def ask(self) -> "Move | Screen":
        """Ask what to do with its answers."""
        return self._batch.ask()
