"""`ec2menu run TARGET... -- COMMAND`: one command on many machines, from the choice to the report, in one line.

Everything that can be wrong with the line is found before AWS is asked anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ec2menu.batch.describe import describe_plan, plan_csv, plan_record
from ec2menu.batch.limits import check_limits, check_spec, read_tag
from ec2menu.batch.nouns import BatchPlan, CommandSpec, Limits
from ec2menu.batch.report import exit_status
from ec2menu.batch.script import line_end_warning, lines_of, read_script
from ec2menu.batch.summary import check_out_folder
from ec2menu.errors import ExitStatus, InvalidInput
from ec2menu.exports import json_text
from ec2menu.flows.batch import (
    Prepared,
    agree,
    fresh_machines,
    open_journal,
    open_outputs,
    prepare,
    prepare_tag,
)
from ec2menu.flows.batch_report import result_of_skips, save, show_lines, show_result
from ec2menu.flows.batch_watch import follow, new_runner
from ec2menu.flows.context import Context
from ec2menu.flows.listing import arrange, require_regions
from ec2menu.flows.targets import find_instance
from ec2menu.models import Instance, Listing
from ec2menu.resources.kinds import EC2
from ec2menu.resources.region_names import describe_regions
from ec2menu.ui.select import parse_filters

if TYPE_CHECKING:  # this comes with the state file
    from ec2menu.batch.journaled import Origin

_GONE = ("terminated", "shutting-down")
_LIMITS, _SPEC = Limits(), CommandSpec(lines=())


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What was asked on the command line; times in seconds.

    `command` holds the words after `--` as the shell gave them: one is the whole command text, several are joined by
    blanks. `tags` are `tag:KEY=VALUE`, `output` is table, json or csv, `out` is the folder of `--out`.
    """

    command: tuple[str, ...] = ()
    script: Path | None = None
    targets: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    all: bool = False
    concurrency: int = _LIMITS.concurrency
    timeout: int = _SPEC.execution_seconds
    delivery_timeout: int = _SPEC.delivery_seconds
    retries: int = _LIMITS.retries
    max_errors: str = ""
    dry_run: bool = False
    yes: bool = False
    output: str = "table"
    out: Path | None = None
    output_s3: str = ""


def run_batch_command(context: Context, request: RunRequest) -> int:
    """Choose, plan, ask, run and report; return the exit status.

    Raises InvalidInput or TargetUnclear before anything is sent, AwsError where the machines cannot be listed.
    """
    text = _command_text(request)
    spec, limits = _read_spec(request, text), _read_limits(request)
    _check_request(context, request)
    if request.out is not None and not request.dry_run:
        check_out_folder(request.out)
    prepared, status = _prepare(context, request, spec, limits)
    if warning := line_end_warning(text):
        prepared = prepared.warned(warning)
    if request.dry_run:
        _print_plan(context, prepared, output=request.output)
        return status
    if not agree(context, prepared, yes=request.yes):
        return ExitStatus.INTERRUPTED
    return run_plan(context, prepared.plan, output=request.output, out=request.out, listing_status=status)


def run_plan(
    context: Context,
    plan: BatchPlan,
    *,
    output: str,
    out: Path | None = None,
    origin: "Origin | None" = None,
    listing_status: int = 0,
) -> int:
    """Carry out a plan that was agreed to, and report; return the exit status.

    `origin` is what its nodes were chosen from, if that was a run; `listing_status` that of the list, if they were
    chosen from one. Raises TargetUnavailable where others have changed the run meanwhile.
    """
    outputs = open_outputs(context)
    result, elapsed = result_of_skips(plan), None
    if plan.chunks:
        runner = new_runner(context, plan, journal=open_journal(context), outputs=outputs, origin=origin)
        result, elapsed = follow(context, runner)
    result = replace(result, listing_status=listing_status)
    if output == "table" and context.terminal.is_screen:
        context.terminal.data("")  # between the rows as they landed and the report
    show_result(context, result, plan.spec, read=outputs.read, output=output, elapsed_seconds=elapsed)
    if out is not None:
        save(context, out, result, plan.spec)
    return exit_status(result)


def _command_text(request: RunRequest) -> str:
    """Return the text of the command: a script's file, or the words after `--`."""
    if request.script is not None and request.command:
        raise InvalidInput("there are two commands: a file and what stands after --", hint="leave one of them out")
    return read_script(request.script) if request.script is not None else " ".join(request.command)


def _read_spec(request: RunRequest, text: str) -> CommandSpec:
    spec = CommandSpec(
        lines=lines_of(text),
        execution_seconds=request.timeout,
        delivery_seconds=request.delivery_timeout,
        output_s3=request.output_s3.removeprefix("s3://"),
    )
    check_spec(spec)
    return spec


def _read_limits(request: RunRequest) -> Limits:
    limits = Limits(concurrency=request.concurrency, retries=request.retries, max_errors=request.max_errors)
    check_limits(limits)
    return limits


def _check_request(context: Context, request: RunRequest) -> None:
    """Raise InvalidInput for a choice of machines that is none, or more than one way of choosing."""
    ways = [bool(request.targets), bool(request.filters) or request.all, bool(request.tags)]
    if not any(ways):
        raise InvalidInput(
            "no machines are named", hint="add TARGETs, --filter FILTER, --target tag:KEY=VALUE or --all"
        )
    if sum(ways) > 1:
        raise InvalidInput(
            "machines are named in two ways",
            hint="choose one: TARGETs, or --all and --filter, or --target tag:KEY=VALUE",
        )
    if len(request.tags) > 1:  # a node with both would get two commands, and nothing may run twice
        raise InvalidInput("only one tag can be given", hint="run it once for each tag, or use --filter")
    if not (request.yes or request.dry_run or context.terminal.is_interactive):
        raise InvalidInput("a batch asks before it runs, and here is nobody to ask", hint="add --yes")


def _prepare(context: Context, request: RunRequest, spec: CommandSpec, limits: Limits) -> tuple[Prepared, int]:
    """Choose the machines and plan; return the plan and the exit status of a listing that failed in parts."""
    if request.tags:
        tag = read_tag(request.tags[0])
        is_asked = not (request.yes or request.dry_run)
        regions = require_regions(context)
        return prepare_tag(context, spec, limits, tag=tag, regions=regions, is_asked=is_asked), ExitStatus.DONE
    terms = parse_filters(request.filters, tuple(column.key for column in EC2.columns))
    regions = require_regions(context)
    listing = fresh_machines(context, regions)
    status = max((problem.status for problem in listing.problems), default=ExitStatus.DONE)
    if request.targets:
        where = ", ".join(regions)
        machines = [find_instance(target, listing.items, where=where) for target in request.targets]
    else:
        candidates = [machine for machine in listing.items if machine.state not in _GONE]
        machines = list(arrange(EC2, candidates, now=context.clock.wall(), terms=terms))
    if not machines:
        raise InvalidInput(_nobody(listing, regions), hint="see them with: ec2menu ls ec2")
    return prepare(context, spec, limits, machines), status


def _nobody(listing: Listing[Instance], regions: Sequence[str]) -> str:
    where = describe_regions(regions)
    return f"none of the {len(listing.items):,} machines in {where} matches"


def _print_plan(context: Context, prepared: Prepared, *, output: str) -> None:
    """Write the plan, which is all that a dry run is, to stdout."""
    terminal = context.terminal
    if output == "json":
        record = plan_record(prepared.plan)
        terminal.document(json_text(record, is_ascii=not terminal.is_unicode))
    elif output == "csv":
        for line in plan_csv(prepared.plan):
            terminal.document(line)
    else:
        show_lines(context, describe_plan(prepared.plan, expected=prepared.count), has_output=False)
    terminal.note("nothing was sent")
    terminal.flush()
