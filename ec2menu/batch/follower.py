"""What rows, lost replies and silence mean for the nodes of live commands: final, to be sent again, given up, in doubt.

Changes commands, ledger and sender; makes no call and knows no clock but the moment it is told.
"""

from random import Random

from ec2menu.batch.actions import Cancel, CancelReport, Lookup, LookupReport, Order, PollReport, Trouble
from ec2menu.batch.ledger import Ledger, Node
from ec2menu.batch.live import CANCEL_PATIENCE_SECONDS, LOOKUP_PATIENCE_SECONDS, Live, Phase
from ec2menu.batch.nouns import TAG_PREFIX, BatchPlan, Chunk, Target
from ec2menu.batch.reader import End, Reader
from ec2menu.batch.retry import RetryPolicy, never_ran
from ec2menu.batch.sender import Sender
from ec2menu.batch.status import ERRORS, INVALID_PLATFORM, NOT_HANDED_OVER, TERMINATED, Row
from ec2menu.batch.streams import split_listed
from ec2menu.batch.verdicts import (
    CANCELLED_UNBEGUN,
    NOBODY,
    STUCK,
    Verdict,
    gave_up,
    in_doubt,
    is_unstarted,
    never_sent,
    verdict_of,
    with_note,
)

# Without an answer, and past its deadline, a node is given up after this; being throttled takes longer.
PATIENCE_SECONDS = (120.0, 600.0)
MAX_DENIALS = 3
CANCEL_TRIES = 5
# A tag's command that cannot be counted has listed all its nodes when no other one has shown up for so long.
LISTING_PATIENCE_SECONDS = 60.0
_SCRIPT_WEIGHT = 0.2


class Follower:
    """Judges live commands."""

    def __init__(
        self, plan: BatchPlan, ledger: Ledger, sender: Sender, reader: Reader, *, policy: RetryPolicy, rng: Random
    ) -> None:
        self._plan = plan
        self._ledger = ledger
        self._sender = sender
        self._reader = reader
        self._policy = policy
        self._rng = rng
        # SSM lists nodes of another platform under a tag's command, too; theirs is what the plan says of them.
        self._not_by_tag: dict[str, set[str]] = {}
        for target in (*plan.targets, *(skip.target for skip in plan.skipped)):
            self._not_by_tag.setdefault(target.region, set()).add(target.id)
        self.script_seconds = 0.0
        self.may_send_again = True

    # -- polls --------------------------------------------------------------------------------------------------

    def polled(self, live: Live, report: PollReport, now: float) -> None:
        """Take in what a poll brought."""
        if report.trouble is not Trouble.NONE:
            self._poll_failed(live, report, now)
            return
        live.last_heard_at, live.denials = now, 0
        live.total = report.total if report.total is not None else live.total
        self._count_errors(live, report)
        for row in report.rows:
            self._take_row(live, row, now)
        if live.order.tag is not None:
            self._close_tag(live, report, now)
        self._judge_late(live, now, "still running there")
        live.wait_for_more(now, self._rng)
        if report.uncounted is Trouble.THROTTLED:
            live.slow_down(now, self._rng)
        live.note_in_vain(now)
        self._close(live)

    def _poll_failed(self, live: Live, report: PollReport, now: float) -> None:
        live.slow_down(now, self._rng)
        live.in_vain = ()
        if report.trouble is Trouble.DENIED:
            live.denials += 1
            if live.denials >= MAX_DENIALS:
                live.is_blind = True
                self._give_up(live, list(live.nodes.values()), f"cannot be followed: {report.message}")
                self._shut(live.order.region, f"not sent: results cannot be read: {report.message}")
        elif now - live.last_heard_at >= PATIENCE_SECONDS[report.trouble is Trouble.THROTTLED]:
            self._judge_late(live, now, f"cannot be followed: {report.message}")

    def _count_errors(self, live: Live, report: PollReport) -> None:
        """Count the nodes that failed before any row is judged: what SSM terminated for them may be listed first."""
        failed = {row.node_id for row in report.rows if row.details in ERRORS}
        live.errors = len(failed)
        self._ledger.errors += len(failed - live.settled - self._others(live))

    def _others(self, live: Live) -> set[str]:
        """Return the nodes that a tag's command may list, and that have their row by another one."""
        return self._not_by_tag.get(live.order.region, set()) if live.order.tag is not None else set()

    def _take_row(self, live: Live, row: Row, now: float) -> None:
        if row.node_id in live.settled:
            return
        node = live.nodes.get(row.node_id) or live.lost.get(row.node_id)
        if node is None:
            if live.order.tag is None:
                return
            if row.node_id in self._others(live):
                live.settled.add(row.node_id)
                return
            node = self._tagged_node(live, row)
            live.grew_at = now
        node.details = row.details
        if row.details not in NOT_HANDED_OVER and not row.is_final and node.handed_over_at is None:
            node.handed_over_at = now
        if row.is_final:
            self._end_node(live, node, row, now)

    def _tagged_node(self, live: Live, row: Row) -> Node:
        target = target_of(live.order, row.node_id, name=row.name)
        node = Node(target=target, document=live.order.document, attempts=1)
        live.nodes[node.id] = node
        self._ledger.total += 1
        return node

    def _end_node(self, live: Live, node: Node, row: Row, now: float) -> None:
        was_lost = live.lost.pop(node.id, None) is not None
        live.nodes.pop(node.id, None)
        live.settled.add(node.id)
        if row.lasted_seconds:
            step = _SCRIPT_WEIGHT if self.script_seconds else 1.0
            self.script_seconds += (row.lasted_seconds - self.script_seconds) * step
        if not was_lost and self._has_another_try(live, node, row, now):
            return
        verdict = self._verdict(live, node, row)
        streams = split_listed(row.output)
        if was_lost:
            self._ledger.finish(node, verdict, row=row, command_id=live.command_id, streams=streams, is_correction=True)
            return
        end = End(order=live.order, command_id=live.command_id, node=node, row=row, verdict=verdict, streams=streams)
        self._reader.take(end, now)

    def _verdict(self, live: Live, node: Node, row: Row) -> Verdict:
        verdict = verdict_of(row, self._plan.spec, was_handed_over=node.handed_over_at is not None)
        if _is_unbegun(node, row):
            verdict = STUCK if node.id in live.withdrawn else CANCELLED_UNBEGUN
        return with_note(verdict, live.cancel_problem)

    def _has_another_try(self, live: Live, node: Node, row: Row, now: float) -> bool:
        """Let a node wait to be sent to again where the row proves that the script never ran there.

        It was no try of the node where others cost it its turn: they failed too often for the command's part of the
        errors, or held all slots until it was taken back. Each time some have begun, which do not wait again, so that
        this comes to an end.
        """
        if node.id in live.withdrawn and _is_unbegun(node, row):
            return self._send_again(node, now, was_try=False)
        if not never_ran(row.details) or (live.order.tag is not None and row.details == INVALID_PLATFORM):
            return False
        is_by_errors = row.details == TERMINATED and live.errors and self._ledger.allowed_errors is not None
        return self._send_again(node, now, was_try=not is_by_errors)

    def _send_again(self, node: Node, now: float, *, was_try: bool = True) -> bool:
        attempts = node.attempts - (not was_try)
        if not self.may_send_again or self._ledger.is_stopped or not self._policy.allows(attempts):
            return False
        node.attempts = attempts
        node.not_before = now + self._policy.wait_seconds(attempts, self._rng) if was_try else 0.0
        node.details, node.handed_over_at = "", None
        self._sender.add([node])
        return True

    def _close_tag(self, live: Live, report: PollReport, now: float) -> None:
        if live.nodes or live.is_over:
            return
        if report.uncounted is not Trouble.NONE:
            self._close_uncounted(live, report, now)
        elif report.is_over and report.total is not None and len(live.settled) + len(live.lost) >= report.total:
            live.is_over = True
            if not live.settled and not live.lost:
                self._tag_row(live, NOBODY)

    def _close_uncounted(self, live: Live, report: PollReport, now: float) -> None:
        """End a tag's command by its rows alone: all that were expected have ended, or no other one shows up."""
        seen = len(live.settled - self._others(live)) + len(live.lost)
        is_whole = report.uncounted is Trouble.DENIED and seen >= live.order.expected > 0
        if is_whole or now - live.grew_at >= LISTING_PATIENCE_SECONDS:
            live.is_over = True
            if not is_whole:
                self._tag_row(live, gave_up(f"whether more nodes have it is not known: {report.message}"))

    def _close(self, live: Live) -> None:
        if not live.is_open and not live.lost:
            live.phase = Phase.OVER

    # -- silence ------------------------------------------------------------------------------------------------

    def _judge_late(self, live: Live, now: float, why: str) -> None:
        """Give up what is past its time; only ever after an answer, or long without one."""
        late = [node for node in live.nodes.values() if now >= self._time_of(live, node)]
        self._give_up(live, late, why)
        if live.order.tag is not None and now >= self._time_of(live, None) and not live.is_over:
            missing = (live.total or 0) - len(live.settled) - len(live.lost)
            if missing > 0 or live.total is None:
                self._tag_row(live, gave_up(f"{missing or 'some'} of its nodes were never listed"))
            live.is_over = True

    def _shut(self, region: str, why: str) -> None:
        """Send nothing more where we could not see what becomes of it."""
        nodes, chunks = self._sender.drain(region)
        for node in nodes:
            self.leave(node, never_sent(why))
        for chunk in chunks:
            self.leave_tag(chunk, never_sent(why))

    def _time_of(self, live: Live, node: Node | None) -> float:
        spec, limits = self._plan.spec, self._plan.limits
        end = live.deadline
        if live.cancelled_at is not None:
            end = min(end, live.cancelled_at + CANCEL_PATIENCE_SECONDS)
        if node is None or node.handed_over_at is None:
            return end
        allowed = spec.delivery_seconds + spec.execution_seconds + limits.grace_seconds
        return min(end, node.handed_over_at + allowed)

    def _give_up(self, live: Live, nodes: list[Node], why: str) -> None:
        for node in nodes:
            del live.nodes[node.id]
            live.lost[node.id] = node
            verdict = with_note(gave_up(why), live.cancel_problem)
            self._ledger.finish(node, verdict, command_id=live.command_id)
        if live.is_blind and live.order.tag is not None and not live.is_over:
            live.is_over = True
            self._tag_row(live, gave_up(why))

    def _tag_row(self, live: Live, verdict: Verdict) -> None:
        order = live.order
        chunk = Chunk(region=order.region, document=order.document, tag=order.tag)
        self.leave_tag(chunk, verdict, command_id=live.command_id, attempts=1)

    # -- lost replies -------------------------------------------------------------------------------------------

    def looked_up(self, live: Live, action: Lookup, report: LookupReport, now: float) -> bool:
        """Take in what a lookup brought; return whether the command was found.

        Patience is over where a question that was asked so late found nothing, however long its answer took.
        """
        if report.command_id:
            live.begin(report.command_id, now)
            live.hurry(now)
            return True
        live.has_looked |= report.trouble is Trouble.NONE
        live.denials += report.trouble is Trouble.DENIED
        if live.denials < MAX_DENIALS and action.age_seconds < LOOKUP_PATIENCE_SECONDS:
            live.interval = min(live.interval * 2, 10.0)
            live.next_at = now + live.interval * self._rng.uniform(0.8, 1.2)
            return False
        if not live.has_looked and report.trouble in (Trouble.THROTTLED, Trouble.OTHER) and now < live.deadline:
            live.slow_down(now, self._rng)
            return False
        self._leave_in_doubt(live, report)
        return False

    def _leave_in_doubt(self, live: Live, report: LookupReport) -> None:
        why = "the reply to the send was lost, and no command of ours is listed"
        if not live.has_looked:
            why = f"the reply to the send was lost, and commands cannot be listed: {report.message}"
        nodes = list(live.take_nodes())
        if live.order.tag is not None:
            self._tag_row(live, in_doubt(why))
        for node in nodes:
            self._ledger.finish(node, in_doubt(why))
        # A list may lag behind by more than we have waited: its slots stay taken until it must have ended.
        live.lost = {node.id: node for node in nodes}
        live.is_blind = live.is_over = True
        live.phase = Phase.OVER

    # -- the rest -----------------------------------------------------------------------------------------------

    def cancelled(self, live: Live, action: Cancel, report: CancelReport, now: float) -> None:
        """Take in what a CancelCommand brought; between two tries, and where AWS takes none, it is polled on."""
        if report.trouble is Trouble.NONE:
            live.cancel_tries = 0
            if action.node_ids:
                live.withdrawn.update(action.node_ids)
                live.in_vain = ()
            else:
                live.cancelled_at, live.cancel_problem = now, ""
            live.hurry(now)
            return
        live.next_at = now
        live.cancel_not_before = now + self._policy.wait_seconds(max(2, live.cancel_tries), self._rng)
        if report.trouble is Trouble.THROTTLED:
            return
        live.cancel_tries += 1
        if not action.node_ids:
            live.cancel_problem = f"not cancelled: {report.message}"
        if live.cancel_tries >= CANCEL_TRIES:
            live.wants_cancel = live.may_withdraw = False

    def leave(self, node: Node, verdict: Verdict) -> None:
        """Put down a node that is not sent to."""
        self._ledger.finish(node, verdict)

    def leave_tag(self, chunk: Chunk, verdict: Verdict, *, command_id: str = "", attempts: int = 0) -> None:
        """Put down nodes of a tag that have no names: one row stands for them."""
        self._ledger.total += 1
        node = Node(target=tag_target(chunk), document=chunk.document, attempts=attempts)
        self._ledger.finish(node, verdict, command_id=command_id)

    def refuse(self, node: Node, why: str, now: float) -> None:
        """Let a node whose send was refused wait for another try, or put down why not."""
        if not self._send_again(node, now):
            self._ledger.finish(node, never_sent(why))


def _is_unbegun(node: Node, row: Row) -> bool:
    """Whether a cancelled node had not begun; of one that hung after it had begun, the row says the same."""
    return node.handed_over_at is None and is_unstarted(row, node.target)


def tag_target(chunk: Chunk) -> Target:
    """Return what stands for the nodes of a tag while, or where, none of them is known by name."""
    tag = chunk.tag
    return Target(id=f"{TAG_PREFIX}{tag.key}={tag.value}" if tag else "", region=chunk.region)


def target_of(order: Order, node_id: str, *, name: str = "") -> Target:
    """Return a node of a tag's command as a target; its document tells the platform."""
    platform = "Windows" if "PowerShell" in order.document else "Linux"
    return Target(id=node_id, region=order.region, name=name, platform=platform)
