"""One command from its sending to its last node: what to ask next and when, which nodes are open, which slots it holds.

State and times only. What rows mean for nodes is judged in `follower`.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random

from ec2menu.batch.actions import Action, Cancel, Lookup, Order, Poll, Send
from ec2menu.batch.ledger import Node
from ec2menu.batch.nouns import MAX_CHUNK
from ec2menu.batch.status import DELAYED, PENDING

FIRST_POLL_SECONDS = 0.5
POLL_GROWTH = 1.5
POLL_SECONDS = 3.0
# Of nodes that we have given up nothing is expected soon, but their slots may come free.
IDLE_POLL_SECONDS = 15.0
SLOWEST_POLL_SECONDS = 30.0
LOOKUP_SECONDS = (1.0, 10.0)
LOOKUP_PATIENCE_SECONDS = 60.0
CANCEL_PATIENCE_SECONDS = 60.0
# After TimeoutSeconds SSM begins with nobody, and then nothing can be proven any more.
WITHDRAW_SECONDS = 15.0
_JITTER = 0.2


class Phase(Enum):
    """Where a command is: being sent, sent or not (nobody knows), known to AWS, or over."""

    SENDING = auto()
    UNCLEAR = auto()
    LIVE = auto()
    OVER = auto()


@dataclass(slots=True, kw_only=True)
class Live:
    """A command. `nodes` are open, `lost` given up but perhaps running, `settled` the ids that have ended.

    `in_vain` are nodes that wait for a turn which does not come, as of the last poll, and `withdrawn` those of them
    that were cancelled. `deadline` is when SSM itself will have ended every node, and some grace after. `total` is
    known of a tag's nodes only once AWS has counted them, `grew_at` is when one was listed last.
    """

    order: Order
    nodes: dict[str, Node]
    sent_at: float
    deadline: float
    phase: Phase = Phase.SENDING
    command_id: str = ""
    lost: dict[str, Node] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    total: int | None = None
    is_over: bool = False
    is_busy: bool = False
    is_blind: bool = False
    next_at: float = 0.0
    interval: float = FIRST_POLL_SECONDS
    last_heard_at: float = 0.0
    grew_at: float = 0.0
    denials: int = 0
    has_looked: bool = False
    wants_cancel: bool = False
    cancel_tries: int = 0
    cancel_not_before: float = 0.0
    cancelled_at: float | None = None
    cancel_problem: str = ""
    may_withdraw: bool = True
    in_vain: tuple[str, ...] = ()
    withdrawn: set[str] = field(default_factory=set)
    errors: int = 0

    @property
    def is_open(self) -> bool:
        """Whether an end is still awaited."""
        if self.phase is Phase.OVER:
            return False
        return bool(self.nodes) or (self.order.tag is not None and not self.is_over)

    def slots(self, now: float) -> int:
        """Return how many nodes may be running by this command, at most."""
        held = len(self.nodes) + len(self.lost)
        if now >= self.deadline:
            held = len(self.nodes)
        elif self.order.tag is not None and (self.is_blind or not self.is_over):
            held = self.order.share if self.total is None else self.total - len(self.settled)
        return min(self.order.share, max(0, held))

    def begin(self, command_id: str, now: float) -> None:
        """Note that the command exists."""
        self.phase, self.command_id = Phase.LIVE, command_id
        self.interval, self.next_at = FIRST_POLL_SECONDS, now + FIRST_POLL_SECONDS
        self.last_heard_at = self.grew_at = now

    def doubt(self, now: float) -> None:
        """Note that nobody knows whether the command exists."""
        self.phase, self.interval, self.next_at = Phase.UNCLEAR, LOOKUP_SECONDS[0], now + LOOKUP_SECONDS[0]

    def next_action(self, now: float) -> Action | None:
        """Return what is due for this command, if anything, and remember that it is under way."""
        if self.is_busy or now < self.next_at:
            return None
        action = self._action(now)
        self.is_busy = action is not None
        return action

    def wake_at(self) -> float:
        """Return when something is due next."""
        if self.is_busy or self.phase is Phase.OVER or (self.is_blind and not self.nodes):
            return math.inf
        return self.next_at

    def wait_for_more(self, now: float, rng: Random) -> None:
        """Ask again after the usual wait, which grows up to its limit."""
        self.interval = min(self.interval * POLL_GROWTH, POLL_SECONDS if self.is_open else IDLE_POLL_SECONDS)
        self.next_at = now + self.interval * rng.uniform(1 - _JITTER, 1 + _JITTER)

    def slow_down(self, now: float, rng: Random) -> None:
        """Ask again after twice the wait; AWS did not answer, or asked for less."""
        self.interval = min(self.interval * 2, SLOWEST_POLL_SECONDS)
        self.next_at = now + self.interval * rng.uniform(1 - _JITTER, 1 + _JITTER)

    def hurry(self, now: float) -> None:
        """Ask at once, and often again."""
        self.interval, self.next_at = FIRST_POLL_SECONDS, now

    def take_nodes(self) -> Iterable[Node]:
        """Take all open nodes out."""
        nodes, self.nodes = list(self.nodes.values()), {}
        return nodes

    def note_in_vain(self, now: float) -> None:
        """Note, after a poll, which nodes SSM has not begun with and will not in time, for others hold all slots.

        Either nothing is heard of those any more, or soon nobody is begun with. It is acted on at once, while it is
        true. Of Windows nodes a withdrawal would prove nothing.
        """
        begun = sum(node.handed_over_at is not None for node in self.nodes.values())
        is_stuck = len(self.lost) >= self.order.share
        is_late = now >= self.sent_at + self.order.timeout_seconds - WITHDRAW_SECONDS
        is_full = begun + len(self.lost) >= self.order.share
        self.in_vain = ()
        if self.may_withdraw and (is_stuck or (is_late and is_full)):
            self.in_vain = tuple(filter(self._may_be_withdrawn, self.nodes))[:MAX_CHUNK]
        if self.in_vain:
            self.next_at = now

    def _may_be_withdrawn(self, node_id: str) -> bool:
        node = self.nodes[node_id]
        is_waiting = node.details in (PENDING, DELAYED) and node.handed_over_at is None
        return is_waiting and node_id not in self.withdrawn and node.target.platform != "Windows"

    def _action(self, now: float) -> Action | None:
        if self.phase is Phase.SENDING:
            return Send(order=self.order)
        if self.phase is Phase.UNCLEAR:
            return Lookup(order=self.order, age_seconds=now - self.sent_at)
        if self.phase is Phase.OVER or self.is_blind:
            return None
        if now >= self.cancel_not_before:
            if self.wants_cancel and self.cancelled_at is None:
                return Cancel(order=self.order, command_id=self.command_id)
            if self.in_vain:
                return Cancel(order=self.order, command_id=self.command_id, node_ids=self.in_vain)
        if not self.is_open and not self.lost:
            return None
        return Poll(
            order=self.order,
            command_id=self.command_id,
            settled=frozenset(self.settled),
            with_total=self.order.tag is not None and not self.nodes and not self.is_over,
        )
