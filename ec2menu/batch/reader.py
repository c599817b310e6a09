"""Output that the list call did not hold whole: asked of SSM, then of S3, and the ends of nodes that wait for it.

Decides only; the calls are `poll.read` and `full_output.fetch`. A node that waits here has ended: nothing that is read
changes how, and what cannot be read is left as the list call had it, and said.
"""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from ec2menu.batch.actions import Fetch, FetchReport, Order, Read, ReadReport, Trouble
from ec2menu.batch.ledger import Ledger, Node
from ec2menu.batch.nouns import BatchPlan
from ec2menu.batch.retry import RetryPolicy
from ec2menu.batch.status import Row
from ec2menu.batch.streams import Streams
from ec2menu.batch.verdicts import Verdict, with_note

# Both together leave threads free for what follows and cancels commands: an S3 that does not answer holds up nothing.
READS_AT_ONCE = 6
FETCHES_AT_ONCE = 4
READ_TRIES = 4
FETCH_TRIES = 1  # botocore has tried several times
MAX_THROTTLES = 60
RETRY_SECONDS = 1.0

Key = tuple[str, str]


@dataclass(slots=True, kw_only=True)
class End:
    """A node that has ended by `row`, with what is known of its output. `fetched` are streams that came from S3."""

    order: Order
    command_id: str
    node: Node
    row: Row
    verdict: Verdict
    streams: Streams
    fetched: dict[str, Path | None] = field(default_factory=dict)
    tries: int = 0
    throttles: int = 0

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return self.command_id, self.node.id


class Reader:
    """The ends that wait for their output, and what is to be asked next."""

    def __init__(self, plan: BatchPlan, ledger: Ledger, *, policy: RetryPolicy, rng: Random) -> None:
        self._has_s3 = bool(plan.spec.output_s3)
        self._ledger = ledger
        self._policy = policy
        self._rng = rng
        self._ends: dict[Key, End] = {}
        self._reads: deque[tuple[float, Key]] = deque()
        self._fetches: deque[tuple[float, Key]] = deque()
        self._under_way: Counter[type[Read | Fetch]] = Counter()
        # By the hash of a listed text that is whole: those that were taken apart rightly, and who waits to hear of it.
        self._proven: set[int] = set()
        self._alike: dict[int, list[End]] = {}

    @property
    def ends(self) -> list[End]:
        """The ends that wait for their output."""
        return list(self._ends.values())

    @property
    def note(self) -> str:
        """What is to be said of it while a batch runs."""
        count = len(self._fetches) + self._under_way[Fetch]
        return f"fetching output from S3, {count:,} to go" if count else ""

    def take(self, end: End, now: float) -> None:
        """Put down an end, at once or when its output has been read."""
        text = hash(end.row.output)
        if not end.streams.is_doubtful or text in self._proven:
            self._finish(end)
            return
        self._ends[end.key] = end
        if text in self._alike:
            self._alike[text].append(end)
            return
        if not end.streams.is_cut:
            self._alike[text] = []
        self._reads.append((now, end.key))

    def due(self, now: float) -> list[Read | Fetch]:
        """Return what is to be asked now; each must be followed by its report."""
        actions: list[Read | Fetch] = []
        while self._may_begin(Read) and self._reads[0][0] <= now:
            end = self._ends[self._reads.popleft()[1]]
            actions.append(self._begin(Read(order=end.order, command_id=end.command_id, node_id=end.node.id)))
        while self._may_begin(Fetch) and self._fetches[0][0] <= now:
            end = self._ends[self._fetches.popleft()[1]]
            actions.append(
                self._begin(
                    Fetch(order=end.order, command_id=end.command_id, target=end.node.target, streams=end.streams.cut)
                )
            )
        return actions

    def next_at(self) -> list[float]:
        """Return when something is to be asked next."""
        waiting: Mapping[type[Read | Fetch], deque[tuple[float, Key]]] = {Read: self._reads, Fetch: self._fetches}
        return [queue[0][0] for kind, queue in waiting.items() if self._may_begin(kind)]

    def read(self, action: Read, report: ReadReport, now: float) -> None:
        """Take in one node's output as SSM has it."""
        self._under_way[Read] -= 1
        end = self._ends[action.command_id, action.node_id]
        has_failed = report.trouble is not Trouble.NONE
        if has_failed and self._try_again(end, report.trouble, now, queue=self._reads, most=READ_TRIES):
            return
        self._tell_alike(end, None if has_failed else report.streams, now)
        if not has_failed:
            end.streams = report.streams
        elif end.streams.is_cut:
            end.verdict = with_note(end.verdict, report.message)
        if end.streams.is_cut and self._has_s3:
            end.tries = 0
            self._fetches.append((now, end.key))
            return
        self._finish(end)

    def _tell_alike(self, end: End, streams: Streams | None, now: float) -> None:
        """Let those go whose listed text is the same: equal texts of one script are parted in the same place.

        Where it was parted wrongly each is read; where it could not be read, they are left as listed.
        """
        alike = self._alike.pop(hash(end.row.output), [])
        if streams is not None and streams != replace(end.streams, is_doubtful=False):
            self._reads.extend((now, each.key) for each in alike)
            return
        if streams is not None and not end.streams.is_cut:
            self._proven.add(hash(end.row.output))
        for each in alike:
            self._finish(each)

    def fetched(self, action: Fetch, report: FetchReport, now: float) -> None:
        """Take in the streams of a node that S3 had."""
        self._under_way[Fetch] -= 1
        end = self._ends[action.command_id, action.target.id]
        end.fetched |= report.fetched
        end.streams = end.streams.completed(end.fetched)
        if report.trouble is not Trouble.NONE:
            if self._try_again(end, report.trouble, now, queue=self._fetches, most=FETCH_TRIES):
                return
            end.verdict = with_note(end.verdict, report.message)
        self._finish(end)

    def _may_begin(self, kind: type[Read | Fetch]) -> bool:
        queue, most = (self._reads, READS_AT_ONCE) if kind is Read else (self._fetches, FETCHES_AT_ONCE)
        return bool(queue) and self._under_way[kind] < most

    def _begin(self, action: Read | Fetch) -> Read | Fetch:
        self._under_way[type(action)] += 1
        return action

    def _try_again(self, end: End, trouble: Trouble, now: float, *, queue: deque[tuple[float, Key]], most: int) -> bool:
        """Let what could not be had be asked for again, where that may help."""
        if trouble is Trouble.NEEDS_LOGIN:
            queue.append((now, end.key))
            return True
        is_throttled = trouble is Trouble.THROTTLED
        end.tries += not is_throttled
        end.throttles += is_throttled
        if trouble is Trouble.DENIED or end.tries >= most or end.throttles >= MAX_THROTTLES:
            return False
        queue.append((now + RETRY_SECONDS + self._policy.wait_seconds(1, self._rng), end.key))
        return True

    def _finish(self, end: End) -> None:
        self._ends.pop(end.key, None)
        self._ledger.finish(
            end.node,
            end.verdict,
            row=end.row,
            command_id=end.command_id,
            streams=end.streams,
            fetched=end.fetched,
        )
