"""The answers of a batch, looked at: a node's whole output, the report again, files, and what can be run again.

What running again means is the caller's, who is told the rows.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from ec2menu.batch.names import count_nodes
from ec2menu.batch.nouns import BatchResult, CommandSpec, NodeResult, Outcome
from ec2menu.batch.report import group_by_output, node_lines, result_line
from ec2menu.batch.summary import check_out_folder
from ec2menu.errors import InvalidInput
from ec2menu.flows.batch import agree, open_journal, open_outputs
from ec2menu.flows.batch_again import UNDELIVERED, rest_of, resume
from ec2menu.flows.batch_report import save, show_lines, show_result
from ec2menu.flows.context import Context
from ec2menu.ui import words
from ec2menu.ui.menu import Move

MAX_LINES_PER_GROUP = 15
_RAN_BADLY = (Outcome.FAILED, Outcome.TIMED_OUT, Outcome.CANCELLED)
_ANSWERS_HELP = (
    "l          every node with its number",
    "3  web-3   the whole output of a node",
    "a          all of the report again",
    "f          run it again where it failed",
    "u          run it again where it never arrived",
    "w DIR      write everything into a folder",
    "g          go on with a batch that was left",
    "s          send what was never sent",
    "0  b       back                          q  quit",
)


class Answers:
    """The rows of a batch; `again` is given those that are to be run again."""

    def __init__(
        self, context: Context, spec: CommandSpec, result: BatchResult, *, again: Callable[[Sequence[NodeResult]], None]
    ) -> None:
        self._context = context
        self._spec = spec
        self._again = again
        self._take(result)

    def show(self, *, elapsed_seconds: float | None = None, limit: int | None = MAX_LINES_PER_GROUP) -> None:
        """Write the report, with at most `limit` lines of each answer (None: all)."""
        self._context.terminal.data("")
        show_result(
            self._context,
            self._result,
            self._spec,
            read=open_outputs(self._context).read,
            elapsed_seconds=elapsed_seconds,
            max_lines_per_group=limit,
        )

    def ask(self) -> Move:
        """Ask what to do with the answers, and do it."""
        typed = self._context.terminal.ask(self._prompt()).strip()
        letter, _, rest = typed.partition(" ")
        actions: dict[str, Callable[[], object]] = {
            "l": self._list_nodes,
            "a": lambda: self.show(limit=None),
            "f": lambda: self._again([row for row in self._result.results if row.outcome in _RAN_BADLY]),
            "u": lambda: self._again([row for row in self._result.results if row.outcome in UNDELIVERED]),
            "g": self._go_on,
            "s": self._send_rest,
            "?": lambda: say_all(self._context, _ANSWERS_HELP),
        }
        if typed.lower() in words.BACK:
            return Move.BACK
        if typed.lower() in words.QUIT:
            return Move.QUIT
        if letter == "w" and rest:
            self._save(rest.strip())
        elif typed.lower() in actions:
            actions[typed.lower()]()
        elif typed:
            self._show_node(typed)
        return Move.STAY

    def _take(self, result: BatchResult) -> None:
        self._result = result
        self._has_listed = False  # a number means the node that was printed beside it
        self._rows = tuple(row for group in group_by_output(result.results) for row in group.results)

    def _prompt(self) -> str:
        result = self._result
        bad = sum(row.outcome in _RAN_BADLY for row in result.results)
        undelivered = sum(row.outcome in UNDELIVERED for row in result.results)
        parts = ["node, l list"]
        parts += [f"f rerun {bad:,} failed"] if bad else []
        parts += [f"u {undelivered:,} unreached"] if undelivered else []
        parts += [f"s send {len(result.unsent):,} unsent"] if result.unsent else []
        parts += ["g go on"] if result.is_detached or result.unfinished else []
        return ", ".join([*parts, "w DIR", "? help", "0 back:"])

    def _list_nodes(self) -> None:
        self._has_listed = True
        digits = len(str(len(self._rows)))
        rows = ((number, result_line(row)) for number, row in enumerate(self._rows, 1))
        show_lines(self._context, ((f"{number:>{digits}}  {text}", style) for number, (text, style) in rows))

    def _show_node(self, typed: str) -> None:
        row = self._find(typed)
        show_lines(
            self._context, node_lines(row, read=open_outputs(self._context).read, output_s3=self._spec.output_s3)
        )

    def _find(self, typed: str) -> NodeResult:
        """Return the row with the number, id or name that was typed, or with a part of one that no other has."""
        if self._has_listed and typed.isdecimal() and 1 <= int(typed[:9]) <= len(self._rows):
            return self._rows[int(typed[:9]) - 1]
        exact = [row for row in self._rows if typed in (row.target.id, row.target.name)]
        found = exact or [row for row in self._rows if typed.lower() in f"{row.target.name} {row.target.id}".lower()]
        if len(found) != 1:
            raise InvalidInput(
                f"{count_nodes(len(found))} of this batch are called {typed}", hint="l lists them with numbers"
            )
        return found[0]

    def _send_rest(self) -> None:
        context = self._context
        prepared = rest_of(context, open_journal(context).load(self._result.run_id))
        if prepared is None:
            context.terminal.note("nothing is left to be sent")
        elif agree(context, prepared):
            self._go_on(send_rest=True)

    def _go_on(self, *, send_rest: bool = False) -> None:
        run = open_journal(self._context).load(self._result.run_id)
        result, elapsed_seconds = resume(self._context, run, send_rest=send_rest)
        self._take(result)
        self.show(elapsed_seconds=elapsed_seconds)

    def _save(self, folder: str) -> None:
        path = Path(folder).expanduser()
        check_out_folder(path)
        save(self._context, path, self._result, self._spec)


def say_all(context: Context, lines: Sequence[str]) -> None:
    """Write the lines of a help."""
    for line in lines:
        context.terminal.note(line)
