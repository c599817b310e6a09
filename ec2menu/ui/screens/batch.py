"""One command on the machines that were picked: typed, planned, agreed to, followed.

The rules are in `batch`, the joining in `flows`; here is only the conversation. Its answers are `batch_answers`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ec2menu.batch.limits import check_limits, check_spec
from ec2menu.batch.names import count_nodes
from ec2menu.batch.nouns import BatchResult, CommandSpec, Limits, NodeResult
from ec2menu.errors import InvalidInput
from ec2menu.flows.batch import (
    NOT_RUN,
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
from ec2menu.flows.batch_again import again_warnings, failed_machines, rows_to_repeat
from ec2menu.flows.batch_report import result_of_skips
from ec2menu.flows.batch_watch import follow, new_runner
from ec2menu.flows.context import Context
from ec2menu.models import Instance, Style
from ec2menu.ui import words
from ec2menu.ui.menu import Move, Screen
from ec2menu.ui.screens.batch_answers import Answers, say_all
from ec2menu.ui.screens.batch_command import COMMAND_HELP, list_past, read_command

if TYPE_CHECKING:  # this comes with the state file
    from ec2menu.batch.journaled import Origin

_NO_COMMAND, _USUAL_LIMITS = CommandSpec(lines=()), Limits()
_OPTIONS_HELP = (
    "c 10       10 nodes at a time",
    "t 300      the command may run for 300 seconds",
    "r 0        no retries where it never ran",
    "0  b       back; nothing is sent",
)


class BatchScreen:
    """A batch on some machines: first the command, then, once it has run, its answers."""

    def __init__(
        self,
        context: Context,
        machines: Sequence[Instance],
        *,
        spec: CommandSpec = _NO_COMMAND,
        limits: Limits = _USUAL_LIMITS,
    ) -> None:
        self._context = context
        self._machines = tuple(machines)
        self._limits = limits
        self._spec = spec
        self._answers: Answers | None = None

    def open(self) -> None:
        """Say what the next prompt is about."""
        terminal = self._context.terminal
        terminal.data("")
        terminal.data(terminal.paint(f"one command on {count_nodes(len(self._machines))}", Style.STRONG))
        terminal.note("a line is the command · << several · @FILE script · ! past · ? help · 0 back", Style.DIM)

    def ask(self) -> "Move | Screen":
        """Ask for the command, or what to do with the answers."""
        return self._answers.ask() if self._answers else self._ask_command()

    def show(self, result: BatchResult, elapsed_seconds: float | None) -> None:
        """Show how the batch ended; from now on it is the answers that are asked about."""
        self._answers = Answers(self._context, self._spec, result, again=lambda rows: self._again(result.run_id, rows))
        self._answers.show(elapsed_seconds=elapsed_seconds)

    # -- the command --------------------------------------------------------------------------------------------

    def _ask_command(self) -> Move:
        typed = self._context.terminal.ask("command:")
        word = typed.strip().lower()
        if word in words.BACK:
            return Move.BACK
        if word in words.QUIT:
            return Move.QUIT
        if word == "?":
            say_all(self._context, COMMAND_HELP)
        elif word == "!":
            list_past(self._context)
        elif word:
            spec = replace(self._spec, lines=read_command(self._context, typed))
            check_spec(spec)
            self._plan_and_run(spec, renewed(self._context, self._machines))
        return Move.STAY

    # -- the plan -----------------------------------------------------------------------------------------------

    def _plan_and_run(
        self,
        spec: CommandSpec,
        machines: Sequence[Instance],
        *,
        warnings: Sequence[str] = (),
        origin: "Origin | None" = None,
    ) -> None:
        """Show the plan until it is agreed to, then carry it out; what was changed stays changed."""
        self._spec = spec
        while True:
            prepared = prepare(self._context, self._spec, self._limits, machines)
            tell_plan(self._context, prepared, more=warnings)
            agreed = self._agree(prepared) if prepared.plan.chunks else True  # everyone is skipped: that is the report
            if agreed is not None:
                break
        if agreed:
            self._run(prepared, origin)
        else:
            self._context.terminal.note(NOT_RUN)

    def _agree(self, prepared: Prepared) -> bool | None:
        """Return whether to run it; None where an option was changed and the plan is to be shown again."""
        wants_count = needs_count(self._context, prepared)
        question = count_question(self._context, prepared) if wants_count else "y runs it"
        while True:
            typed = self._context.terminal.ask(f"{question} (? options, 0 back):").strip().lower()
            if is_count(prepared, typed) if wants_count else typed in ("y", "yes"):
                return True
            if typed in (*words.LEAVE, "n", "no"):
                return False
            if typed == "?":
                say_all(self._context, _OPTIONS_HELP)
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

    def _run(self, prepared: Prepared, origin: "Origin | None") -> None:
        context, plan = self._context, prepared.plan
        if not plan.chunks:
            if self._answers is None:  # the answers that there are, are worth more
                self.show(result_of_skips(plan), None)
            return
        runner = new_runner(context, plan, journal=open_journal(context), outputs=open_outputs(context), origin=origin)
        self.show(*follow(context, runner))

    def _again(self, run_id: str, rows: Sequence[NodeResult]) -> None:
        rows, origin = rows_to_repeat(self._context, run_id, rows)
        machines = failed_machines(self._context, rows)
        if machines:
            self._plan_and_run(self._spec, machines, warnings=again_warnings(rows), origin=origin)
        else:
            self._context.terminal.note("no node is left to run it on")
