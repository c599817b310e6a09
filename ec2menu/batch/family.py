"""What the journal says of every target of a run, the runs that repeat it included. Pure.

A node is run again only where this says that it failed or was never reached; so whatever is not certain is open here.
"""

from collections.abc import Iterable
from dataclasses import replace

from ec2menu.batch.follower import tag_target
from ec2menu.batch.journaled import JournaledRun, JournaledSend, RunState, SendState
from ec2menu.batch.nouns import OPEN_OUTCOMES, Chunk, NodeResult, Outcome, Target
from ec2menu.batch.verdicts import NOT_FINISHED, NOT_SENT_YET, Verdict

Key = tuple[str, str]
_NEVER_RAN = (Outcome.NOT_DELIVERED, Outcome.SKIPPED)


def key_of(target: Target) -> Key:
    """Return what a target is known by."""
    return target.region, target.id


def rows_of(run: JournaledRun) -> tuple[NodeResult, ...]:
    """Return one row for every target of the run itself: in the plan's order, then nodes of tags, then the skipped.

    A target without a row in the journal was never sent to, or its end is open, however the run ended.
    """
    rows = {key_of(row.target): row for row in run.results}
    latest = latest_sends(run)
    planned: dict[Key, NodeResult] = {}
    for chunk in run.plan.chunks:
        for target in chunk.targets:
            key = key_of(target)
            planned[key] = rows.get(key) or _missing(target, latest.get(key))
    told = planned | rows  # nodes of tags come last
    for chunk in run.plan.chunks:
        if chunk.tag is not None and (row := _missing_tag(run, chunk, told)) is not None:
            told[key_of(row.target)] = row
    skipped = (NodeResult(target=each.target, outcome=Outcome.SKIPPED, detail=each.reason) for each in run.plan.skipped)
    return (*told.values(), *skipped)


def answered(rows: Iterable[NodeResult], later: Iterable[JournaledRun]) -> tuple[NodeResult, ...]:
    """Return the rows as they stand now: where a later run of the family may have run a node, its row is the node's."""
    newest = {key_of(row.target): row for row in rows}
    for run in later:
        for row in rows_of(run):
            if key_of(row.target) in newest and (told := _told(row, run)) is not None:
                newest[key_of(row.target)] = told
    return tuple(newest.values())


def run_to_go_on_with(run: JournaledRun) -> str:
    """Return the id of the run in which the ends that are open can be learnt: this one, or the last that repeats it."""
    left = [each.record.id for each in run.later if each.record.state is not RunState.FINISHED]
    return left[-1] if left and run.record.state is RunState.FINISHED else run.record.id


def handed_on(run: JournaledRun) -> dict[Key, str]:
    """Return the nodes that later runs were begun for, each with that run's id: this run has to leave them alone."""
    return {key_of(target): each.record.id for each in run.later for target in each.plan.targets}


def latest_sends(run: JournaledRun) -> dict[Key, JournaledSend]:
    """Return, for each node, the last send that it may have been sent to by."""
    return {
        (send.order.region, node_id): send
        for send in run.sends
        if send.state is not SendState.NOT_SENT
        for node_id in send.order.node_ids
    }


def is_tag_sent(run: JournaledRun, chunk: Chunk) -> bool:
    """Whether the command of a tag may have been sent."""
    place = (chunk.region, chunk.document, chunk.tag)
    return any(
        (send.order.region, send.order.document, send.order.tag) == place and send.state is not SendState.NOT_SENT
        for send in run.sends
    )


def _missing(target: Target, send: JournaledSend | None) -> NodeResult:
    if send is None:
        return _row(target, NOT_SENT_YET)
    return replace(_row(target, NOT_FINISHED), command_id=send.command_id, attempts=1)


def _missing_tag(run: JournaledRun, chunk: Chunk, told: dict[Key, NodeResult]) -> NodeResult | None:
    """Return the row that stands for nodes of a tag of which nothing is known; None where the nodes have their rows."""
    target = tag_target(chunk)
    if key_of(target) in told:
        return None
    if not is_tag_sent(run, chunk):
        return _row(target, NOT_SENT_YET)
    planned = {key_of(each) for each in run.plan.targets}
    has_rows = any(region == chunk.region and (region, node) not in planned for region, node in told)
    return None if has_rows and run.record.state is RunState.FINISHED else _row(target, NOT_FINISHED)


def _told(row: NodeResult, run: JournaledRun) -> NodeResult | None:
    """Return what a later run's row says of a node; None where that run has not touched it, nor will."""
    where = f"in run {run.record.id}, which is {run.record.state}"
    if row.is_unsent and run.record.state is not RunState.FINISHED:
        return replace(row, outcome=Outcome.IN_DOUBT, detail=where)
    if row.outcome in _NEVER_RAN or (row.outcome is Outcome.CANCELLED and not row.command_id):
        return None
    return replace(row, detail=where) if row.outcome in OPEN_OUTCOMES else row


def _row(target: Target, verdict: Verdict) -> NodeResult:
    return NodeResult(target=target, outcome=verdict.outcome, detail=verdict.detail)
