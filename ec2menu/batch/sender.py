"""Who waits to be sent to, and the next orders: lanes of nodes, waits after refusals, regions that are shut.

Decides only; nothing is sent here. Sizes are `share`'s business.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from random import Random

from ec2menu.batch.actions import Order
from ec2menu.batch.ledger import Ledger, Node
from ec2menu.batch.nouns import BatchPlan, Chunk
from ec2menu.batch.retry import RetryPolicy
from ec2menu.batch.share import Demand, is_worth_sending, next_piece

Lane = tuple[str, str]
# SSM counts the delivery timeout from the sending on, for nodes that wait for a slot, too. Of a tag we may not know how
# many nodes have it, and there may be a few more than when it was planned.
TAG_WAVES = 100
_MORE_WAVES = 1
MAX_TIMEOUT_SECONDS = 2_592_000
# Those that wait behind nodes which hang are withdrawn before that; to see that takes a while, and some polls.
START_MARGIN_SECONDS = 30
_SLOW = RetryPolicy(base_seconds=1.0, cap_seconds=30.0)


class Sender:
    """The nodes that wait, by lane (region and document), and when each region may be sent to."""

    def __init__(self, plan: BatchPlan, ledger: Ledger, *, rng: Random, first_seq: int = 0) -> None:
        self._plan = plan
        self._ledger = ledger
        self._rng = rng
        self._seq = first_seq
        self._lanes: dict[Lane, deque[Node]] = {}
        self._later: list[Node] = []
        self._tags: deque[Chunk] = deque()
        self._pause_until: dict[str, float] = {}
        self._slow_steps: dict[str, int] = {}
        self._idle_since: float | None = None

    @property
    def waiting(self) -> int:
        """Nodes that wait, those of tags not counted."""
        return sum(map(len, self._lanes.values())) + len(self._later)

    @property
    def unsent(self) -> int:
        """Nodes that wait, and tags."""
        return self.waiting + len(self._tags)

    @property
    def is_empty(self) -> bool:
        """Whether nobody waits."""
        return not self._tags and not self._later and not any(self._lanes.values())

    def add(self, nodes: Iterable[Node], *, in_front: bool = False) -> None:
        """Let nodes wait for their turn, or until their `not_before`."""
        for node in nodes:
            if node.not_before > 0:
                self._later.append(node)
                continue
            lane = self._lanes.setdefault((node.target.region, node.document), deque())
            lane.appendleft(node) if in_front else lane.append(node)

    def add_tag(self, chunk: Chunk) -> None:
        """Let a tag wait for its turn."""
        self._tags.append(chunk)

    def slow_down(self, region: str, now: float) -> None:
        """Send nothing in the region for a while, longer each time."""
        self._slow_steps[region] = self._slow_steps.get(region, 0) + 1
        wait = _SLOW.wait_seconds(self._slow_steps[region], self._rng)
        self._pause_until[region] = now + max(0.1, wait)

    def speed_up(self, region: str) -> None:
        """Forget that the region was slow."""
        self._slow_steps.pop(region, None)

    def drain(self, region: str = "", document: str = "") -> tuple[list[Node], list[Chunk]]:
        """Take everybody out who waits, in a region or a lane or everywhere."""

        def goes(of_region: str, of_document: str) -> bool:
            return region in ("", of_region) and document in ("", of_document)

        nodes = [node for lane, queue in self._lanes.items() if goes(*lane) for node in queue]
        nodes += [node for node in self._later if goes(node.target.region, node.document)]
        chunks = [chunk for chunk in self._tags if goes(chunk.region, chunk.document)]
        gone = {id(item) for item in (*nodes, *chunks)}
        self._later = [node for node in self._later if id(node) not in gone]
        self._tags = deque(chunk for chunk in self._tags if id(chunk) not in gone)
        self._lanes = {lane: queue for lane, queue in self._lanes.items() if not goes(*lane)}
        return nodes, chunks

    def waiting_now(self) -> tuple[list[Node], list[Chunk]]:
        """Return everybody who waits, and leave them there."""
        return [*(node for queue in self._lanes.values() for node in queue), *self._later], list(self._tags)

    def next_order(
        self, now: float, *, free: int, in_work: int, busy: Callable[[str], bool], script_seconds: float
    ) -> tuple[Order, list[Node]] | None:
        """Return the next order and its nodes, or None while there is nobody, no slot, or a reason to wait.

        `free` slots are left of the limit, `in_work` nodes are in live commands, `busy` says of a region that a send
        is under way there.
        """
        self._wake(now)
        open_regions = [lane for lane in self._lanes if self._may_send(lane[0], now, busy)]
        lane = max(open_regions, key=lambda each: len(self._lanes[each]), default=None)
        chunk = next((chunk for chunk in self._tags if self._may_send(chunk.region, now, busy)), None)
        if free <= 0 or (chunk is None and (lane is None or not self._lanes[lane])):
            self._idle_since = None
            return None
        if chunk is not None:
            return self._tag_order(chunk, free), []
        assert lane is not None  # noqa: S101 - for mypy: one of the two is there
        return self._order(lane, now, free=free, in_work=in_work, script_seconds=script_seconds)

    def wake_at(self, now: float) -> float:
        """Return when there may be more to send: now, when a wait ends, or never."""
        times = [node.not_before for node in self._later]
        times += [until for until in self._pause_until.values() if until > now]
        if self._idle_since is not None:
            times.append(now + 0.2)
        return min(times, default=math.inf)

    def _wake(self, now: float) -> None:
        awake = [node for node in self._later if node.not_before <= now]
        if awake:
            self._later = [node for node in self._later if node.not_before > now]
            for node in awake:
                node.not_before = 0.0
            self.add(awake)

    def _may_send(self, region: str, now: float, busy: Callable[[str], bool]) -> bool:
        return self._pause_until.get(region, 0.0) <= now and not busy(region)

    def _order(
        self, lane: Lane, now: float, *, free: int, in_work: int, script_seconds: float
    ) -> tuple[Order, list[Node]] | None:
        demand = Demand(
            in_lane=len(self._lanes[lane]),
            waiting=self.waiting,
            in_work=in_work,
            free=free,
            limit=self._plan.limits.concurrency,
        )
        if self._idle_since is None:
            self._idle_since = now
        if in_work and not is_worth_sending(demand, now - self._idle_since, script_seconds=script_seconds):
            return None
        piece = next_piece(demand)
        nodes = list(self._take(lane, piece.nodes))
        self._idle_since = None
        for node in nodes:
            node.attempts += 1
        share = min(piece.share, len(nodes))
        order = self._new_order(lane, share=share, waves=math.ceil(len(nodes) / share), nodes=nodes)
        return order, nodes

    def _take(self, lane: Lane, count: int) -> Iterator[Node]:
        """Take nodes from the front; none goes with more others than its group allows."""
        queue, taken, limit = self._lanes[lane], 0, count
        while queue and taken < min(limit, queue[0].group):
            limit = min(limit, queue[0].group)
            taken += 1
            yield queue.popleft()

    def _tag_order(self, chunk: Chunk, free: int) -> Order:
        share = max(1, free // len(self._tags))
        self._tags.remove(chunk)
        waves = math.ceil(chunk.expected / share) + _MORE_WAVES if chunk.expected else TAG_WAVES
        order = self._new_order((chunk.region, chunk.document), share=share, waves=waves, nodes=())
        return replace(order, tag=chunk.tag, expected=chunk.expected)

    def _new_order(self, lane: Lane, *, share: int, waves: int, nodes: Iterable[Node]) -> Order:
        self._seq += 1
        spec, members = self._plan.spec, tuple(nodes)
        until_seen = self._plan.limits.grace_seconds + START_MARGIN_SECONDS
        wait_seconds = (waves - 1) * spec.execution_seconds + until_seen if waves > 1 else 0
        return Order(
            seq=self._seq,
            region=lane[0],
            document=lane[1],
            token=f"{self._rng.getrandbits(48):012x}",
            share=share,
            timeout_seconds=min(MAX_TIMEOUT_SECONDS, spec.delivery_seconds + wait_seconds),
            node_ids=tuple(node.id for node in members),
            attempts=tuple(node.attempts for node in members),
            max_errors=self._ledger.max_errors(share),
        )
