"""A run of the journal taken up again: what is known, what must be looked up or followed, what was never sent.

Reads the journal's values and sets a scheduler up; makes no call.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from ec2menu.batch.family import Key, handed_on, is_tag_sent, key_of, latest_sends
from ec2menu.batch.follower import tag_target, target_of
from ec2menu.batch.journaled import JournaledRun, JournaledSend, SendState
from ec2menu.batch.ledger import Node
from ec2menu.batch.nouns import OPEN_OUTCOMES, Chunk, NodeResult
from ec2menu.batch.scheduler import Scheduler
from ec2menu.batch.verdicts import NOT_SENT_YET, never_sent
from ec2menu.clock import Clock


@dataclass(slots=True, kw_only=True)
class TakenUp:
    """A scheduler that goes on where the run was left, the rows that are final, and those of what stays unsent."""

    scheduler: Scheduler
    known: dict[Key, NodeResult] = field(default_factory=dict)
    unsent: list[NodeResult] = field(default_factory=list)


def take_up(run: JournaledRun, *, clock: Clock, rng: Random, send_rest: bool) -> TakenUp:
    """Return the run as it stands. What may have been sent is followed; what never was waits only with `send_rest`.

    What a later run of the family was begun for is left to that one, for good.
    """
    first_seq = max((send.order.seq for send in run.sends), default=0)
    scheduler = Scheduler(run.plan, rng=rng, first_seq=first_seq, may_send=send_rest)
    taken = TakenUp(scheduler=scheduler)
    taken.known = {key_of(each.target): each for each in run.results if each.outcome not in OPEN_OUTCOMES}
    planned = {key_of(target) for target in run.plan.targets}
    for key, result in taken.known.items():
        scheduler.ledger.total += key not in planned
        scheduler.ledger.count(result.outcome)
    latest = latest_sends(run)
    for send in run.sends:
        _follow(taken, run, send, latest=latest, clock=clock)
    for chunk in run.plan.chunks:
        _leave_or_send(taken, run, chunk, latest=latest, send_rest=send_rest)
    return taken


def _follow(
    taken: TakenUp, run: JournaledRun, send: JournaledSend, *, latest: Mapping[Key, JournaledSend], clock: Clock
) -> None:
    """Follow a send for the nodes that it was the last one for, and whose end is not known."""
    if send.state is SendState.NOT_SENT:
        return
    planned = {key_of(target): target for target in run.plan.targets}
    keys = ((send.order.region, node_id) for node_id in send.order.node_ids)
    open_targets = tuple(
        planned.get(key) or target_of(send.order, key[1])  # a tag's node that was sent to again, by its id
        for key in keys
        if latest[key] is send and key not in taken.known
    )
    if not open_targets and (send.order.tag is None or _has_no_nodes(taken, send)):
        return
    now = clock.now()
    age = max(0.0, (clock.wall() - send.intended_at).total_seconds())
    live = taken.scheduler.add_sent(send.order, open_targets, command_id=send.command_id, sent_at=now - age, now=now)
    taken.scheduler.ledger.total += sum(key_of(each) not in planned for each in open_targets)
    if send.order.tag is not None:
        told = {key for key in (*taken.known, *latest) if key not in planned}
        live.settled |= {node_id for region, node_id in told if region == send.order.region}


def _leave_or_send(
    taken: TakenUp, run: JournaledRun, chunk: Chunk, *, latest: Mapping[Key, JournaledSend], send_rest: bool
) -> None:
    """Let what was never sent wait, or put it down as such."""
    unsent = [each for each in chunk.targets if key_of(each) not in latest and key_of(each) not in taken.known]
    if chunk.tag is not None and not is_tag_sent(run, chunk) and key_of(tag_target(chunk)) not in taken.known:
        taken.scheduler.ledger.total += not send_rest
        unsent.append(tag_target(chunk))
    others = handed_on(run)
    for target in [each for each in unsent if key_of(each) in others]:
        unsent.remove(target)
        left = never_sent(f"left to run {others[key_of(target)]}")
        taken.scheduler.ledger.finish(Node(target=target, document=chunk.document), left)
    if send_rest and unsent:
        taken.scheduler.add_waiting(chunk, tuple(each for each in unsent if chunk.tag is None))
        return
    for target in unsent:
        taken.scheduler.ledger.count(NOT_SENT_YET.outcome)
        taken.unsent.append(NodeResult(target=target, outcome=NOT_SENT_YET.outcome, detail=NOT_SENT_YET.detail))


def _has_no_nodes(taken: TakenUp, send: JournaledSend) -> bool:
    """Whether a row stands for the whole tag of a send: nobody had it, and nothing more will come."""
    chunk = Chunk(region=send.order.region, document=send.order.document, tag=send.order.tag)
    return key_of(tag_target(chunk)) in taken.known
