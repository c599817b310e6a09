"""A batch of the past: taken up where it was left, sent the rest, or run again on the nodes it did not reach."""

import shlex
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ec2menu.batch.names import count_nodes
from ec2menu.batch.nouns import (
    OPEN_OUTCOMES,
    TAG_PREFIX,
    BatchPlan,
    BatchResult,
    NodeResult,
    Outcome,
    Target,
)
from ec2menu.errors import AwsError, CredentialsError, InvalidInput, TargetUnclear
from ec2menu.flows.batch import Prepared, judge, nodes_with, open_journal, open_outputs, renewed
from ec2menu.flows.batch_watch import follow
from ec2menu.flows.context import Context
from ec2menu.models import Instance, Style

if TYPE_CHECKING:  # this comes with the state file
    from ec2menu.batch.journaled import JournaledRun, Origin

_MAY_HAVE_RUN = (Outcome.FAILED, Outcome.TIMED_OUT, Outcome.CANCELLED, Outcome.PROBABLY_NOT_RUN)
UNDELIVERED = (Outcome.NOT_DELIVERED, Outcome.PROBABLY_NOT_RUN, Outcome.SKIPPED)


def result_of(run: "JournaledRun") -> BatchResult:
    """Return what the journal says of every target; where later runs ran it again, what came of that."""
    from ec2menu.batch.family import answered, rows_of, run_to_go_on_with  # noqa: PLC0415 - it comes with the state file

    rows = answered(rows_of(run), run.later)
    return BatchResult(run_id=run.record.id, results=rows, go_on_with=run_to_go_on_with(run))


def resume(context: Context, run: "JournaledRun", *, send_rest: bool = False) -> tuple[BatchResult, float | None]:
    """Return the rows of a run, and how long it was followed just now.

    A finished one is read from the journal; others, and one with nodes whose end is not known, are taken up, which
    sends nothing again; with `send_rest` what was never sent is sent now. Raises TargetUnavailable for a run that
    another ec2menu follows, InvalidInput for one of another profile.
    """
    from ec2menu.batch.family import rows_of  # noqa: PLC0415 - it comes with the state file
    from ec2menu.batch.journaled import RunState  # noqa: PLC0415 - the same
    from ec2menu.batch.runner import BatchRunner  # noqa: PLC0415 - it imports boto3

    is_finished = run.record.state is RunState.FINISHED
    if is_finished and not send_rest and not any(row.outcome in OPEN_OUTCOMES for row in rows_of(run)):
        return result_of(run), None
    check_identity(context, run)
    context.attempt(context.load_credentials)
    journal = open_journal(context)
    runner = BatchRunner.resume(
        context.aws,
        run.record.id,
        clock=context.clock,
        journal=journal,
        outputs=open_outputs(context),
        send_rest=send_rest,
    )
    state = "not known to the end" if is_finished else run.record.state
    what = "what was never sent is sent now" if send_rest else "nothing is sent again"
    context.terminal.note(f"taking up {run.record.id}, which is {state}; {what}", Style.DIM)
    result, elapsed_seconds = follow(context, runner)
    return _with_later_runs(result, journal.load(run.record.id)), elapsed_seconds


def rest_of(context: Context, run: "JournaledRun") -> Prepared | None:
    """Return the part of a run that was never sent, and that no later run has taken, to be agreed to; None for none.

    Lists the machines anew, for how many and how sensitive they are. Raises InvalidInput for a run of another profile.
    """
    from ec2menu.batch.family import handed_on, key_of, rows_of  # noqa: PLC0415 - it comes with the state file
    from ec2menu.batch.follower import tag_target  # noqa: PLC0415 - the same

    check_identity(context, run)
    others = handed_on(run)
    unsent = {key_of(row.target) for row in rows_of(run) if row.is_unsent and key_of(row.target) not in others}
    chunks = []
    for chunk in run.plan.chunks:
        targets = tuple(target for target in chunk.targets if key_of(target) in unsent)
        is_tag_unsent = chunk.tag is not None and key_of(tag_target(chunk)) in unsent
        if targets or is_tag_unsent:
            more = {"tag": chunk.tag, "expected": chunk.expected} if is_tag_unsent else {"tag": None, "expected": 0}
            chunks.append(replace(chunk, targets=targets, **more))
    if not chunks:
        return None
    plan = replace(run.plan, chunks=tuple(chunks), skipped=(), warnings=())
    machines = _machines_of(context, plan)
    return judge(context, plan, machines, count=len(machines))


def rows_to_repeat(
    context: Context, run_id: str, rows: Iterable[NodeResult]
) -> "tuple[list[NodeResult], Origin | None]":
    """Return those of the rows that may be run again as the journal has it now, and what the new run comes from.

    Nothing comes of a run that reached nobody: it was never begun.
    """
    chosen = list(rows)
    try:
        run = open_journal(context).load(run_id)
    except TargetUnclear:
        if any(row.outcome is not Outcome.SKIPPED for row in chosen):
            raise
        return chosen, None
    check_identity(context, run)
    now = {(row.target.region, row.target.id): row for row in result_of(run).failed}
    keys = ((row.target.region, row.target.id) for row in chosen)
    return [now[key] for key in keys if key in now], run.origin


def again_warnings(rows: Iterable[NodeResult]) -> tuple[str, ...]:
    """Return a sentence where the command may have run already on nodes that are to get it again."""
    count = sum(row.outcome in _MAY_HAVE_RUN for row in rows)
    return (f"it has run, or may have run, on {count_nodes(count)} of them already",) if count else ()


def failed_machines(context: Context, results: Iterable[NodeResult]) -> list[Instance]:
    """Return the machines of some rows as they are now, for sending to them again; a tag has none that we know of."""
    rows = list(results)
    targets = [row.target for row in rows if not row.target.id.startswith(TAG_PREFIX)]
    for row in rows:
        if row.target not in targets:
            context.terminal.note(
                f"! {row.target.id} has to be chosen anew: ec2menu run --target {shlex.quote(row.target.id)}"
            )
    return renewed(context, [_stand_in(target) for target in targets]) if targets else []


def _with_later_runs(result: BatchResult, run: "JournaledRun") -> BatchResult:
    from ec2menu.batch.family import answered, run_to_go_on_with  # noqa: PLC0415 - it comes with the state file

    return replace(result, results=answered(result.results, run.later), go_on_with=run_to_go_on_with(run))


def check_identity(context: Context, run: "JournaledRun") -> None:
    """Raise InvalidInput for a run of another profile or account: ids and tags mean other machines there.

    Where nobody can tell the account the profile has to do. Raises CredentialsError, too.
    """
    record = run.record
    if record.profile and record.profile != context.profile:
        raise InvalidInput(
            f"run {record.id} was started with the profile {record.profile}",
            hint=f"type: ec2menu -p {shlex.quote(record.profile)} runs {record.id}",
        )
    account = _current_account(context) if record.account else ""
    if account and account != record.account:
        raise InvalidInput(
            f"run {record.id} was started in account {record.account}, and this is {account}",
            hint="get credentials of that account, then try again",
        )


def _current_account(context: Context) -> str:
    """Return the account that we are (STS GetCallerIdentity), or '' where it cannot be asked."""
    try:
        identity = context.attempt(lambda: context.in_background(context.aws.identity, lambda: "asking AWS who we are"))
    except CredentialsError:
        raise
    except AwsError:
        return ""
    return identity.account


def _machines_of(context: Context, plan: BatchPlan) -> list[Instance]:
    machines = [_stand_in(target) for target in plan.targets]
    for chunk in plan.chunks:
        if chunk.tag is not None:
            machines += nodes_with(context, chunk.tag, chunk.region)
    return renewed(context, machines)


def _stand_in(target: Target) -> Instance:
    return Instance(id=target.id, region=target.region, name=target.name, platform=target.platform)
