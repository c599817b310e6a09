"""`ec2menu runs [RUN]`: the batches of the past; one of them shown, taken up, or run again where it failed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ec2menu.batch.names import count_nodes
from ec2menu.batch.report import exit_status
from ec2menu.commands.run import run_plan
from ec2menu.errors import ExitStatus, InvalidInput
from ec2menu.exports import csv_text, json_text
from ec2menu.flows.batch import agree, open_journal, open_outputs, prepare
from ec2menu.flows.batch_again import again_warnings, check_identity, failed_machines, rest_of, result_of, resume
from ec2menu.flows.batch_report import show_result
from ec2menu.flows.batch_runs import runs_table
from ec2menu.flows.context import Context
from ec2menu.models import Style

if TYPE_CHECKING:  # this comes with the state file
    from ec2menu.batch.journaled import RunRecord


def run_runs(
    context: Context, run_id: str, *, retry_failed: bool = False, send_rest: bool = False, yes: bool, output: str
) -> int:
    """List the runs, or show one and go on with it where it was left; return the exit status.

    With `send_rest` what was never sent, because the run was left before, is sent now. With `retry_failed` the nodes
    that failed, or were never reached, get the command again, in a run of its own.
    """
    _check_request(context, run_id, retry_failed=retry_failed, send_rest=send_rest, yes=yes)
    if not run_id:
        return _list_runs(context, output=output)
    run = open_journal(context).load(run_id)
    if send_rest:
        prepared = rest_of(context, run)
        if prepared is None:
            send_rest = False
            context.terminal.note("nothing is left to be sent: the command went to every node")
        elif not agree(context, prepared, yes=yes):
            return ExitStatus.INTERRUPTED
    result, elapsed = resume(context, run, send_rest=send_rest)
    if retry_failed and not result.is_detached:
        return _retry(context, run.record.id, yes=yes, output=output)
    show_result(context, result, run.plan.spec, read=open_outputs(context).read, output=output, elapsed_seconds=elapsed)
    if len(result.failed) > len(result.unsent) and output == "table":
        context.terminal.note(f"where it failed or never arrived, again: ec2menu runs {run.record.id} --retry-failed")
    return exit_status(result)


def _check_request(context: Context, run_id: str, *, retry_failed: bool, send_rest: bool, yes: bool) -> None:
    """Raise InvalidInput for what cannot be asked of a run."""
    flag = "--send-rest" if send_rest else "--retry-failed" if retry_failed else ""
    if retry_failed and send_rest:
        raise InvalidInput(
            "choose one of --send-rest and --retry-failed", hint="--send-rest first, then --retry-failed"
        )
    if flag and not run_id:
        raise InvalidInput(f"{flag} needs a run", hint="list them with: ec2menu runs")
    if flag and not (yes or context.terminal.is_interactive):
        raise InvalidInput("a batch asks before it runs, and here is nobody to ask", hint="add --yes")


def _retry(context: Context, run_id: str, *, yes: bool, output: str) -> int:
    # Read anew: what is chosen from must be what the new run is compared with when it begins.
    run = open_journal(context).load(run_id)
    check_identity(context, run)
    result = result_of(run)
    machines = failed_machines(context, result.failed)
    if not machines:
        open_ends = f", and {count_nodes(len(result.unfinished))} have no known end" if result.unfinished else ""
        context.terminal.note(f"no node failed{open_ends}: there is nothing to run again")
        if output != "table":
            show_result(context, result, run.plan.spec, read=open_outputs(context).read, output=output)
        return exit_status(result)
    prepared = prepare(context, run.plan.spec, run.plan.limits, machines)
    if not agree(context, prepared, yes=yes, more=again_warnings(result.failed)):
        return ExitStatus.INTERRUPTED
    return run_plan(context, prepared.plan, output=output, origin=run.origin)


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


_FIELDS = ("id", "started_at", "state", "command", "targets", "counts", "profile", "account", "repeats")


def _format(context: Context, records: "Sequence[RunRecord]", *, output: str) -> str:
    terminal = context.terminal
    if output == "json":
        return json_text([_plain(record) for record in records], is_ascii=not terminal.is_unicode)
    if output == "csv":
        return csv_text(_FIELDS, [_plain(record) for record in records])
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
        "account": record.account,
        "repeats": record.root,
    }
