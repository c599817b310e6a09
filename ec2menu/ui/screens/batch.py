"""One command on the machines that were picked: typed, planned, agreed to, followed; then its answers looked at.

The rules are in `batch`, the joining in `flows`; here is only the conversation.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ec2menu.batch.limits import check_limits, check_spec
from ec2menu.batch.names import count_nodes
from ec2menu.batch.nouns import BatchResult, CommandSpec, Limits, NodeResult, Outcome
from ec2menu.batch.report import group_by_output, node_lines, result_line
from ec2menu.batch.summary import check_out_folder
from ec2menu.errors import InvalidInput
from ec2menu.flows.batch import (
    Prepared,
    count_question,
    is_count,
    needs_count,
    open_journal,
    open_outputs,
    prepare,
    renewed,
    tell_plan,
)
from ec2menu.flows.batch_again import UNDELIVERED, again_warnings, failed_machines, resume
from ec2menu.flows.batch_report import result_of_skips, save, show_lines, show_result
from ec2menu.flows.batch_watch import follow, new_runner
from ec2menu.flows.context import Context
from ec2menu.models import Instance, Style
from ec2menu.ui.menu import Move, Screen
from ec2menu.ui.screens.batch_command import COMMAND_HELP, list_past, read_command

MAX_LINES_PER_GROUP = 15
_BACK = ("0", "b", "back")
_RAN_BADLY = (Outcome.FAILED, Outcome.TIMED_OUT, Outcome.CANCELLED)
_OPTIONS_HELP = (
    "c 10       10 nodes at a time",
    "t 300      the command may run for 300 seconds",
    "r 0        no retries where it never ran",
    "0  b       back; nothing is sent",
)
_ANSWERS_HELP = (
    "l          every node with its number",
    "3  web-3   the whole output of a node",
    "a          all of the report again",
    "f          run it again where it failed",
    "u          run it again where it never arrived",
    "w DIR      write everything into a folder",
    "g          go on with a batch that was left",
    "0  b       back                          q  quit",
)


class BatchScreen:
    """A batch on some machines: first the command, then, once it has run, its answers."""

    def __init__(self, context: Context, machines: Sequence[Instance]) -> None:
        self._context = context
        self._machines = tuple(machines)
        self._limits = Limits()
        self._spec = CommandSpec(lines=())
        self._result: BatchResult | None = None
        self._rows: tuple[NodeResult, ...] = ()

    def open(self) -> None:
        """Say what the next prompt is about."""
        terminal = self._context.terminal
        terminal.data("")
        terminal.data(terminal.paint(f"one command on {count_nodes(len(self._machines))}", Style.STRONG))
        terminal.note("a line is the command · << several · @FILE script · ! past · ? help · 0 back", Style.DIM)

    def ask(self) -> "Move | Screen":
        """Ask for the command, or what to do with the answers."""
        if self._result is None:
            return self._ask_command()
        return self._ask_answers(self._result)

    # -- the command --------------------------------------------------------------------------------------------

    def _ask_command(self) -> Move:
        typed = self._context.terminal.ask("command:")
        word = typed.strip().lower()
        if word in _BACK:
            return Move.BACK
        if word in ("q", "quit"):
            return Move.QUIT
        if word == "?":
            _say_all(self._context, COMMAND_HELP)
        elif word == "!":
            list_past(self._context)
        elif word:
            spec = replace(self._spec, lines=read_command(self._context, typed))
            check_spec(spec)
            self._plan_and_run(spec, renewed(self._context, self._machines))
        return Move.STAY

    # -- the plan -----------------------------------------------------------------------------------------------

    def _plan_and_run(self, spec: CommandSpec, machines: Sequence[Instance], *, warnings: Sequence[str] = ()) -> None:
        """Show the plan until it is agreed to, then carry it out; what was changed stays changed."""
        self._spec = spec
        while True:
            prepared = prepare(self._context, self._spec, self._limits, machines)
            tell_plan(self._context, prepared, more=warnings)
            agreed = self._agree(prepared) if prepared.plan.chunks else True  # everyone is skipped: that is the report
            if agreed is not None:
                break
        if agreed:
            self._run(prepared)
        else:
            self._context.terminal.note("not run; nothing was sent")

    def _agree(self, prepared: Prepared) -> bool | None:
        """Return whether to run it; None where an option was changed and the plan is to be shown again."""
        wants_count = needs_count(self._context, prepared)
        question = count_question(self._context, prepared) if wants_count else "y runs it"
        while True:
            typed = self._context.terminal.ask(f"{question} (? options, 0 back):").strip().lower()
            if is_count(prepared, typed) if wants_count else typed in ("y", "yes"):
                return True
            if typed in (*_BACK, "n", "no"):
                return False
            if typed == "?":
                _say_all(self._context, _OPTIONS_HELP)
                continue
            try:
                self._change(typed)
            except InvalidInput as error:
                self._context.terminal.fail(error)
            else:
                return None

    def _change(self, typed: str) -> None:
        letter, _, number = typed.partition(" ")
        if letter not in ("c", "t", "r") or not number.strip().isdecimal():
            raise InvalidInput("that runs nothing", hint="what runs it stands in the question; ? shows the options")
        value = int(number[:9])
        if letter == "t":
            spec = replace(self._spec, execution_seconds=value)
            check_spec(spec)
            self._spec = spec
            return
        limits = replace(self._limits, concurrency=value) if letter == "c" else replace(self._limits, retries=value)
        check_limits(limits)
        self._limits = limits

    def _run(self, prepared: Prepared) -> None:
        context, plan = self._context, prepared.plan
        if not plan.chunks:
            self._show(result_of_skips(plan), None)
            return
        runner = new_runner(context, plan, journal=open_journal(context), outputs=open_outputs(context))
        self._show(*follow(context, runner))

    # -- the answers --------------------------------------------------------------------------------------------

    def _show(
        self, result: BatchResult, elapsed_seconds: float | None, *, limit: int | None = MAX_LINES_PER_GROUP
    ) -> None:
        self._result = result
        self._rows = tuple(row for group in group_by_output(result.results) for row in group.results)
        self._context.terminal.data("")
        show_result(
            self._context,
            result,
            self._spec,
            read=open_outputs(self._context).read,
            elapsed_seconds=elapsed_seconds,
            max_lines_per_group=limit,
        )

    def _ask_answers(self, result: BatchResult) -> "Move | Screen":
        typed = self._context.terminal.ask(self._prompt(result)).strip()
        letter, _, rest = typed.partition(" ")
        actions: dict[str, Callable[[], object]] = {
            "l": self._list_nodes,
            "a": lambda: self._show(result, None, limit=None),
            "f": lambda: self._again([row for row in result.results if row.outcome in _RAN_BADLY]),
            "u": lambda: self._again([row for row in result.results if row.outcome in UNDELIVERED]),
            "g": lambda: self._go_on(result),
            "?": lambda: _say_all(self._context, _ANSWERS_HELP),
        }
        if typed.lower() in _BACK:
            return Move.BACK
        if typed.lower() in ("q", "quit"):
            return Move.QUIT
        if letter == "w" and rest:
            self._save(result, rest.strip())
        elif typed.lower() in actions:
            actions[typed.lower()]()
        elif typed:
            self._show_node(typed)
        return Move.STAY

    def _prompt(self, result: BatchResult) -> str:
        bad = sum(row.outcome in _RAN_BADLY for row in result.results)
        undelivered = sum(row.outcome in UNDELIVERED for row in result.results)
        parts = ["node, l list"]
        parts += [f"f rerun {bad:,} failed"] if bad else []
        parts += [f"u {undelivered:,} unreached"] if undelivered else []
        parts += ["g go on"] if result.is_detached or result.unfinished else []
        return ", ".join([*parts, "w DIR", "? help", "0 back:"])

    def _list_nodes(self) -> None:
        digits = len(str(len(self._rows)))
        rows = ((number, result_line(row)) for number, row in enumerate(self._rows, 1))
        show_lines(self._context, ((f"{number:>{digits}}  {text}", style) for number, (text, style) in rows))

    def _show_node(self, typed: str) -> None:
        row = self._find(typed)
        show_lines(self._context, node_lines(row, read=open_outputs(self._context).read))

    def _find(self, typed: str) -> NodeResult:
        """Return the row with the number, id or name that was typed, or with a part of one that no other has."""
        if typed.isdecimal() and 1 <= int(typed[:9]) <= len(self._rows):
            return self._rows[int(typed[:9]) - 1]
        exact = [row for row in self._rows if typed in (row.target.id, row.target.name)]
        found = exact or [row for row in self._rows if typed.lower() in f"{row.target.name} {row.target.id}".lower()]
        if len(found) != 1:
            raise InvalidInput(
                f"{count_nodes(len(found))} of this batch are called {typed}", hint="l lists them with numbers"
            )
        return found[0]

    def _again(self, rows: Sequence[NodeResult]) -> None:
        machines = failed_machines(self._context, rows)
        if machines:
            self._plan_and_run(self._spec, machines, warnings=again_warnings(rows))
        else:
            self._context.terminal.note("there is none")

    def _go_on(self, result: BatchResult) -> None:
        self._show(*resume(self._context, open_journal(self._context).load(result.run_id)))

    def _save(self, result: BatchResult, folder: str) -> None:
        path = Path(folder).expanduser()
        check_out_folder(path)
        save(self._context, path, result, self._spec)


def _say_all(context: Context, lines: Sequence[str]) -> None:
    for line in lines:
        context.terminal.note(line)
