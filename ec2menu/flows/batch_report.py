"""How a batch ended, told: as a report for people, as JSON or CSV for programs, as files.

The words are made in `batch.report` and `batch.summary`; here they meet the terminal.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from ec2menu.batch.nouns import BatchPlan, BatchResult, CommandSpec, NodeResult, Outcome
from ec2menu.batch.report import Line, Read, group_by_output, render_report
from ec2menu.batch.summary import csv_lines, json_lines, write_out
from ec2menu.errors import Ec2MenuError
from ec2menu.flows.context import Context
from ec2menu.models import Style
from ec2menu.ui.text import wrap

INDENT = "    "


def show_lines(context: Context, lines: Iterable[Line], *, has_output: bool = True) -> None:
    """Write lines to stdout: on a screen our own are broken between words, what nodes printed is left as it is."""
    terminal = context.terminal
    for text, style in lines:
        shown = terminal.plain(text)
        broken = terminal.is_screen and not (has_output and style is Style.PLAIN)
        for line in wrap(shown, terminal.width, indent=INDENT) if broken else [shown]:
            terminal.data(terminal.paint(line, style))
    terminal.flush()


def show_result(
    context: Context,
    result: BatchResult,
    spec: CommandSpec,
    *,
    read: Read,
    output: str = "table",
    elapsed_seconds: float | None = None,
    max_lines_per_group: int | None = None,
) -> None:
    """Write the whole result to stdout, as `table` (the report), `json` or `csv`."""
    terminal = context.terminal
    if output == "json":
        _write(json_lines(result, spec, read=read, ascii_only=not terminal.is_unicode), terminal.document)
    elif output == "csv":
        _write(csv_lines(result, read=read), terminal.document)
    else:
        groups = group_by_output(result.results)
        lines = render_report(
            result,
            groups,
            read=read,
            max_lines_per_group=max_lines_per_group,
            elapsed_seconds=elapsed_seconds,
            is_journaled=context.keeps_state,
            output_s3=spec.output_s3,
        )
        show_lines(context, lines)
    terminal.flush()


def save(context: Context, folder: Path, result: BatchResult, spec: CommandSpec) -> None:
    """Write the files of `--out`. Raises Ec2MenuError where the disk does not take them."""
    try:
        write_out(folder, result, spec)
    except OSError as error:
        raise Ec2MenuError(
            f"the results cannot be written into {folder}: {error.strerror or error}",
            hint=f"they are kept: ec2menu runs {result.run_id}",
        ) from error
    context.terminal.note(f"saved in {folder}", Style.DIM)


def result_of_skips(plan: BatchPlan) -> BatchResult:
    """Return the result of a plan with nobody to send to: every target is skipped, and nothing is sent."""
    rows = tuple(NodeResult(target=skip.target, outcome=Outcome.SKIPPED, detail=skip.reason) for skip in plan.skipped)
    return BatchResult(run_id=plan.run_id, results=rows)


def _write(lines: Iterable[str], write: Callable[[str], None]) -> None:
    for line in lines:
        write(line)
