"""What the journal holds of a run, as values: its record, its owner, its sends, its rows, the runs that repeat it.

Written by `hold`, read by `journal`; what they mean for a run that is taken up again is in `takeup` and `family`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from ec2menu.batch.actions import Order
from ec2menu.batch.nouns import BatchPlan, NodeResult


class RunState(StrEnum):
    """What is known of a run: followed by a living process, left on purpose, left by accident, or done."""

    LIVE = "live"
    DETACHED = "detached"
    INTERRUPTED = "interrupted"
    FINISHED = "finished"


class SendState(StrEnum):
    """What is known of one SendCommand: meant, accepted by AWS, or provably never carried out."""

    INTENDED = "intended"
    SENT = "sent"
    NOT_SENT = "not sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One line of the list of runs. `counts` are rows by Outcome value, the skipped among them.

    `targets` is how many machines were meant, the skipped and a tag's nodes (as far as known) included; `command` is
    the beginning of the script, `root` the run that this one repeats in part, or empty.
    """

    id: str
    started_at: datetime
    state: RunState
    command: str
    regions: tuple[str, ...]
    targets: int
    counts: Mapping[str, int]
    profile: str = ""
    account: str = ""
    root: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournaledSend:
    """One SendCommand as written down before it was made, and what is known of it."""

    order: Order
    intended_at: datetime
    state: SendState
    command_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who held a run when it was read: a token that nobody else ever has, its process, and when it was last heard of.

    `place` is where the number of the process means something, see `place`.
    """

    token: str
    pid: int
    place: str
    heartbeat: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a run that repeats nodes of another was chosen from; it may begin only while nothing of that has changed.

    `run_id` and `token` are the run whose rows were read and its owner then, `root` is the first run of the family,
    `generation` is the place in it that the new run takes.
    """

    run_id: str
    token: str
    root: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JournaledRun:
    """Everything written about a run; `later` are the runs of its family that were begun after it, in their order."""

    record: RunRecord
    plan: BatchPlan
    sends: tuple[JournaledSend, ...]
    results: tuple[NodeResult, ...]
    owner: Owner
    generation: int = 0
    later: "tuple[JournaledRun, ...]" = ()

    @property
    def origin(self) -> Origin:
        """What a run that repeats nodes of this one has to be begun with."""
        newest = max((run.generation for run in self.later), default=self.generation)
        root = self.record.root or self.record.id
        return Origin(run_id=self.record.id, token=self.owner.token, root=root, generation=newest + 1)


class JournalStore(Protocol):
    """What the journal needs of the state file (`state.store.Store`)."""

    is_in_memory: bool

    def write_or_fail(self, steps: Iterable[tuple[str, Iterable[Sequence[Any]]]]) -> int:
        """Write in one transaction, safe on disk on return, or raise Ec2MenuError; return how many rows changed."""

    def read(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query; none where it cannot be read."""

    def read_or_fail(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query, or raise Ec2MenuError."""
