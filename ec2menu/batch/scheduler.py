"""The batch as a machine driven by a clock: what is to be done now, and what follows from what came back.

Pure: no call, no thread, no file, no clock of its own, so that a test can drive it through any weather. Never more
slots are given out than the limit has: a slot is taken when an order is made and given back only when AWS, or time,
proves that the node cannot be running.
"""

import math
from random import Random

from ec2menu.aws.fate import SendFate
from ec2menu.batch.actions import (
    Action,
    Cancel,
    CancelReport,
    Fetch,
    FetchReport,
    Finished,
    Lookup,
    LookupReport,
    Order,
    Poll,
    PollReport,
    Read,
    ReadReport,
    Report,
    Send,
    SendReport,
    Trouble,
)
from ec2menu.batch.follower import Follower
from ec2menu.batch.ledger import Ledger, Node
from ec2menu.batch.live import Live, Phase
from ec2menu.batch.nouns import BatchPlan, Chunk, NodeResult, Progress, Target
from ec2menu.batch.open_rows import rows_of_commands, rows_of_ends, rows_of_waiting
from ec2menu.batch.reader import Reader
from ec2menu.batch.refusals import Refusals
from ec2menu.batch.retry import RetryPolicy
from ec2menu.batch.sender import Sender
from ec2menu.batch.verdicts import CANCELLED_UNSENT, Verdict, never_sent


class Scheduler:
    """One batch. `due` hands out what to do, `report` takes what came of it, `take_finished` says who has ended."""

    def __init__(self, plan: BatchPlan, *, rng: Random, first_seq: int = 0, may_send: bool = True) -> None:
        self.plan = plan
        self.is_paused = False
        self.note = ""
        policy = RetryPolicy(retries=plan.limits.retries)
        self.ledger = Ledger(plan=plan, total=len(plan.targets))
        self._sender = Sender(plan, self.ledger, rng=rng, first_seq=first_seq)
        self._reader = Reader(plan, self.ledger, policy=policy, rng=rng)
        self._follower = Follower(plan, self.ledger, self._sender, self._reader, policy=policy, rng=rng)
        self._follower.may_send_again = may_send
        self._refusals = Refusals(self._sender, self._follower)
        self._lives: dict[int, Live] = {}
        self._is_cancelled = False

    # -- what there is ------------------------------------------------------------------------------------------

    def add_waiting(self, chunk: Chunk, targets: tuple[Target, ...]) -> None:
        """Let targets of a chunk, or its tag, wait to be sent to."""
        if chunk.tag is not None:
            self._sender.add_tag(chunk)
        self._sender.add(Node(target=each, document=chunk.document) for each in targets)

    def add_sent(
        self, order: Order, targets: tuple[Target, ...], *, command_id: str, sent_at: float, now: float
    ) -> Live:
        """Take up a command of an earlier process: known by its id, or (without one) sent or not, nobody knows."""
        attempts = dict(zip(order.node_ids, order.attempts, strict=True))
        nodes = (Node(target=each, document=order.document, attempts=attempts.get(each.id, 1)) for each in targets)
        live = self._new_live(order, list(nodes), sent_at)
        live.settled = set(order.node_ids) - set(live.nodes)
        if command_id:
            live.begin(command_id, now)
            live.hurry(now)
        else:
            live.doubt(now)
        return live

    def take_finished(self) -> list[Finished]:
        """Return the nodes that ended since the last time."""
        return self.ledger.take()

    @property
    def is_done(self) -> bool:
        """Whether every target has its end."""
        nothing_open = not any(live.is_open for live in self._lives.values())
        return nothing_open and self._sender.is_empty and not self._reader.ends

    def progress(self) -> Progress:
        """Return how far the batch is."""
        running = sum(1 for live in self._lives.values() for node in live.nodes.values() if node.handed_over_at)
        return Progress(
            total=self.ledger.total,
            done=self.ledger.done,
            running=running,
            failed=self.ledger.failed,
            waiting=max(0, self.ledger.total - self.ledger.done - running),
            unsent=self._sender.unsent,
            note=self.note or self._standing_note(),
            needs_login=self.is_paused,
        )

    def open_rows(self) -> list[NodeResult]:
        """Return a row for everything that has no end yet, as it stands."""
        sent, ended = rows_of_commands(self._lives.values()), rows_of_ends(self._reader.ends)
        return [*sent, *ended, *rows_of_waiting(*self._sender.waiting_now())]

    # -- what to do ---------------------------------------------------------------------------------------------

    def due(self, now: float) -> list[Action]:
        """Return what is to be done now; each must be followed by its `report`."""
        if self.is_paused:
            return []
        self._stop_if_told()
        self._forget_ended(now)
        actions = [action for live in self._lives.values() if (action := live.next_action(now)) is not None]
        actions += self._reader.due(now)
        while (send := self._next_send(now)) is not None:
            actions.append(send)
        return actions

    def wake_at(self, now: float) -> float:
        """Return when something may be due again, if nothing is reported before."""
        if self.is_paused:
            return math.inf
        times = [live.wake_at() for live in self._lives.values()]
        return min([*times, *self._reader.next_at(), self._sender.wake_at(now)], default=math.inf)

    def cancel(self) -> None:
        """Send nothing more and have all live commands cancelled."""
        self._is_cancelled = True
        self._follower.may_send_again = False
        for live in self._lives.values():
            if live.is_open:
                live.wants_cancel, live.next_at, live.cancel_tries = True, 0.0, 0
        self._leave_waiting(CANCELLED_UNSENT)

    def resume(self, now: float) -> None:
        """Go on after a pause for new credentials."""
        self.is_paused, self.note = False, ""
        for live in self._lives.values():
            live.last_heard_at = max(live.last_heard_at, now)

    def in_use(self, now: float) -> int:
        """Return how many slots are taken."""
        return sum(live.slots(now) for live in self._lives.values())

    # -- what came of it ----------------------------------------------------------------------------------------

    def report(self, action: Action, report: Report, now: float) -> None:
        """Take in what became of an action that `due` handed out."""
        if not isinstance(action, Read | Fetch):
            live = self._lives[action.order.seq]
            live.is_busy = False
        needs_login = _trouble_of(report) is Trouble.NEEDS_LOGIN
        if needs_login:
            self._pause(report.message)
        self._note(report)
        match action, report:
            case Read(), ReadReport():
                self._reader.read(action, report, now)
            case Fetch(), FetchReport():
                self._reader.fetched(action, report, now)
            case Send(), SendReport():
                self._sent(live, report, now)
            case _ if needs_login:
                live.next_at = now
            case Lookup(), LookupReport():
                self._follower.looked_up(live, action, report, now)
            case Poll(), PollReport():
                self._follower.polled(live, report, now)
            case Cancel(), CancelReport():
                self._follower.cancelled(live, action, report, now)

    def _sent(self, live: Live, report: SendReport, now: float) -> None:
        if report.fate is None:
            live.begin(report.command_id, now)
            self._refusals.sent(live.order.region)
            return
        if report.fate is SendFate.UNCLEAR:
            live.doubt(now)
            return
        live.phase = Phase.OVER
        nodes = list(live.take_nodes())
        if report.fate is SendFate.NEEDS_LOGIN:
            self._pause(report.message)
        self._refusals.take(live.order, nodes, report, now)
        if self._is_cancelled:
            self._leave_waiting(CANCELLED_UNSENT)

    def _next_send(self, now: float) -> Send | None:
        if self._is_cancelled:
            return None
        in_work = sum(len(live.nodes) for live in self._lives.values())
        made = self._sender.next_order(
            now,
            free=self.plan.limits.concurrency - self.in_use(now),
            in_work=in_work,
            busy=self._is_sending,
            script_seconds=self._follower.script_seconds,
        )
        if made is None:
            return None
        order, nodes = made
        self._new_live(order, nodes, now).is_busy = True
        return Send(order=order)

    def _is_sending(self, region: str) -> bool:
        return any(live.phase is Phase.SENDING and live.order.region == region for live in self._lives.values())

    def _new_live(self, order: Order, nodes: list[Node], sent_at: float) -> Live:
        total = order.timeout_seconds + self.plan.spec.execution_seconds + self.plan.limits.grace_seconds
        live = Live(order=order, nodes={node.id: node for node in nodes}, sent_at=sent_at, deadline=sent_at + total)
        self._lives[order.seq] = live
        return live

    def _forget_ended(self, now: float) -> None:
        ended = [seq for seq, live in self._lives.items() if live.phase is Phase.OVER and not live.slots(now)]
        for seq in ended:
            if not self._lives[seq].is_busy:
                del self._lives[seq]

    def _pause(self, why: str) -> None:
        self.is_paused, self.note = True, why

    def _note(self, report: Report) -> None:
        if self.is_paused:
            return
        fate = report.fate if isinstance(report, SendReport) else None
        self.note = ""
        if _trouble_of(report) is Trouble.THROTTLED or fate is SendFate.THROTTLED:
            self.note = "AWS asks us to slow down"
        elif fate is SendFate.UNCLEAR:
            self.note = "looking up a lost reply"
        elif fate is SendFate.NOT_SENT:
            self.note = f"trying again: {report.message}"

    def _standing_note(self) -> str:
        """Return what is to be said while nothing else is: what keeps the batch from ending."""
        lives = self._lives.values()
        uncancelled = next((live.cancel_problem for live in lives if live.cancel_problem and live.is_open), "")
        is_held = any(live.lost for live in lives) and not any(live.nodes for live in lives)
        held = "waiting for slots of nodes that do not answer" if is_held and not self._sender.is_empty else ""
        return uncancelled or self._reader.note or held

    def _stop_if_told(self) -> None:
        if self.ledger.is_stopped and not self._sender.is_empty:
            self._leave_waiting(never_sent(f"not sent: {self.ledger.errors} nodes had failed"))

    def _leave_waiting(self, verdict: Verdict) -> None:
        nodes, chunks = self._sender.drain()
        self._refusals.leave(nodes, chunks, verdict)


def _trouble_of(report: Report) -> Trouble:
    """Return why a call that only reads did not answer; a send has a fate instead."""
    return Trouble.NONE if isinstance(report, SendReport) else report.trouble
