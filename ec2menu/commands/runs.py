"""`ec2menu runs [RUN]`: the batches of the past; one of them shown, taken up, or run again where it failed."""

import csv
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ec2menu.batch.nouns import BatchResult
from ec2menu.batch.report import exit_status
from ec2menu.commands.run import run_plan
from ec2menu.errors import ExitStatus, InvalidInput
from ec2menu.flows.batch import confirm, open_journal, open_outputs, prepare, tell_plan
from ec2menu.flows.batch_again import again_warnings, failed_machines, resume
from ec2menu.flows.batch_report import show_result
from ec2menu.flows.batch_runs import runs_table
from ec2menu.flows.context import Context
from ec2menu.models import Style

if TYPE_CHECKING:  # this comes with the state file
    from ec2menu.batch.journal import JournaledRun, RunRecord


def run_runs(context: Context, run_id: str, *, retry_failed: bool, yes: bool, output: str) -> int:
    """List the runs, or show one and go on with it where it was left; return the exit status.

    With `retry_failed` the nodes that failed, or were never reached, get the command again, in a run of its own.
    """
    if not run_id:
        if retry_failed:
            raise InvalidInput("--retry-failed needs a run", hint="list them with: ec2menu runs")
        return _list_runs(context, output=output)
    if retry_failed and not (yes or context.terminal.is_interactive):
        raise InvalidInput("a batch asks before it runs, and here is nobody to ask", hint="add --yes")
    run = open_journal(context).load(run_id)
    result, elapsed = resume(context, run)
    if not retry_failed or result.is_detached:
        show_result(
            context, result, run.plan.spec, read=open_outputs(context).read, output=output, elapsed_seconds=elapsed
        )
        if result.failed and output == "table":
            context.terminal.note(
                f"where it failed or never arrived, again: ec2menu runs {run.record.id} --retry-failed"
            )
        return exit_status(result)
    return _retry(context, run, result, yes=yes, output=output)


def _retry(context: Context, run: "JournaledRun", result: BatchResult, *, yes: bool, output: str) -> int:
    machines = failed_machines(context, result.failed)
    if not machines:
        context.terminal.note("no node failed: there is nothing to run again")
        return exit_status(result)
    prepared = prepare(context, run.plan.spec, run.plan.limits, machines)
    tell_plan(context, prepared, more=again_warnings(result.failed))
    if prepared.plan.chunks and not yes and not confirm(context, prepared):
        context.terminal.note("not run; nothing was sent")
        return ExitStatus.INTERRUPTED
    return run_plan(context, prepared.plan, output=output)


def _list_runs(context: Context, *, output: str) -> int:
    records = open_journal(context).runs()
    terminal = context.terminal
    text = _format(context, records, output=output)
    if text:
        (terminal.data if output == "table" else terminal.document)(text)
    terminal.flush()
    if not records and output == "table":
        terminal.note("nothing has been run yet", Style.DIM)
    return ExitStatus.DONE


def _format(context: Context, records: "Sequence[RunRecord]", *, output: str) -> str:
    terminal = context.terminal
    if output == "ids":
        return "\n".join(record.id for record in records)
    if output == "json":
        return json.dumps([_plain(record) for record in records], ensure_ascii=not terminal.is_unicode, indent=2)
    if output == "csv":
        return _csv([_plain(record) for record in records])
    if not records:
        return ""
    return "\n".join(runs_table(context, records))


def _plain(record: "RunRecord") -> dict[str, Any]:
    return {
        "id": record.id,
        "started_at": record.started_at.isoformat(),
        "state": record.state.value,
        "command": record.command,
        "targets": record.targets,
        "counts": dict(record.counts),
        "profile": record.profile,
    }


def _csv(records: Sequence[dict[str, Any]]) -> str:
    if not records:
        return ""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(records[0]), lineterminator="\n")
    writer.writeheader()
    for record in records:
        flat = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in record.items()}
        writer.writerow(flat)
    return out.getvalue().rstrip("\n")
