"""A batch of the past: taken up where it was left, or run again on the nodes it did not reach."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ec2menu.batch.names import count_nodes
from ec2menu.batch.nouns import TAG_PREFIX, BatchResult, NodeResult, Outcome, Target
from ec2menu.errors import InvalidInput
from ec2menu.flows.batch import open_journal, open_outputs, renewed
from ec2menu.flows.batch_report import result_of_skips
from ec2menu.flows.batch_watch import follow
from ec2menu.flows.context import Context
from ec2menu.models import Instance, Style

if TYPE_CHECKING:  # this comes with the state file
    from ec2menu.batch.journal import JournaledRun

_MAY_HAVE_RUN = (Outcome.FAILED, Outcome.TIMED_OUT, Outcome.CANCELLED, Outcome.PROBABLY_NOT_RUN)
_OPEN = (Outcome.UNKNOWN, Outcome.IN_DOUBT)
UNDELIVERED = (Outcome.NOT_DELIVERED, Outcome.PROBABLY_NOT_RUN, Outcome.SKIPPED)


def resume(context: Context, run: "JournaledRun") -> tuple[BatchResult, float | None]:
    """Return the rows of a run, and how long it was followed just now.

    A finished one is read from the journal; others, and one with nodes whose end is not known, are taken up, which
    sends nothing again. Raises TargetUnavailable for a run that another ec2menu follows, InvalidInput for one of
    another profile.
    """
    from ec2menu.batch.journal import RunState  # noqa: PLC0415 - it comes with the state file
    from ec2menu.batch.runner import BatchRunner  # noqa: PLC0415 - it imports boto3

    if run.record.state is RunState.FINISHED and not any(row.outcome in _OPEN for row in run.results):
        return _journaled(run), None
    if run.record.profile and run.record.profile != context.profile:
        raise InvalidInput(
            f"run {run.record.id} was started with the profile {run.record.profile}",
            hint=f"type: ec2menu -p {run.record.profile} runs {run.record.id}",
        )
    context.attempt(context.load_credentials)
    state = "not known to the end" if run.record.state is RunState.FINISHED else run.record.state
    context.terminal.note(f"taking up {run.record.id}, which is {state}; nothing is sent again", Style.DIM)
    runner = BatchRunner.resume(
        context.aws,
        run.record.id,
        clock=context.clock,
        journal=open_journal(context),
        outputs=open_outputs(context),
    )
    return follow(context, runner)


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
            context.terminal.note(f"! {row.target.id} has to be chosen anew: ec2menu run --target {row.target.id}")
    return renewed(context, [_stand_in(target) for target in targets]) if targets else []


def _journaled(run: "JournaledRun") -> BatchResult:
    """Return the rows of a run that is over: in the plan's order, then nodes of tags, then the skipped."""
    rows = {(row.target.region, row.target.id): row for row in run.results}
    order = dict.fromkeys((target.region, target.id) for target in run.plan.targets) | dict.fromkeys(rows)
    return BatchResult(
        run_id=run.record.id,
        results=(*(rows[key] for key in order if key in rows), *result_of_skips(run.plan).results),
    )


def _stand_in(target: Target) -> Instance:
    return Instance(id=target.id, region=target.region, name=target.name, platform=target.platform)
