"""The count of a batch: what ended and how, and whether too much has failed to go on. No AWS, no time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from ec2menu.batch.actions import Finished
from ec2menu.batch.nouns import MAX_CHUNK, BatchPlan, Outcome, Target
from ec2menu.batch.status import Row
from ec2menu.batch.streams import Streams
from ec2menu.batch.verdicts import Verdict

NO_STREAMS = Streams()
_NO_FILES: Mapping[str, Path | None] = MappingProxyType({})
_ERRORS = (Outcome.FAILED, Outcome.TIMED_OUT)


@dataclass(slots=True, kw_only=True)
class Node:
    """A target on its way. `attempts` counts the sends that may have reached it, `group` is how many it may go with.

    `handed_over_at` is when SSM was first seen to have begun with it, `details` its last StatusDetails.
    """

    target: Target
    document: str
    attempts: int = 0
    not_before: float = 0.0
    group: int = MAX_CHUNK
    details: str = ""
    handed_over_at: float | None = None

    @property
    def id(self) -> str:
        """The target's id."""
        return self.target.id


@dataclass(slots=True, kw_only=True)
class Ledger:
    """What ended so far. `total` is how many targets there are, as far as known.

    `errors` are nodes on which the script failed, counted as soon as SSM says so: a node is done only once its output
    has been read, and until then more would be sent.
    """

    plan: BatchPlan
    total: int = 0
    done: int = 0
    failed: int = 0
    errors: int = 0
    _finished: list[Finished] = field(default_factory=list)

    @property
    def allowed_errors(self) -> int | None:
        """How many nodes may fail before nothing more is sent; None: any number."""
        text = self.plan.limits.max_errors.strip()
        if not text:
            return None
        of_all = max(self.total, self.plan.expected)  # nodes of a tag have no rows at first
        return of_all * int(text[:-1]) // 100 if text.endswith("%") else int(text)

    @property
    def is_stopped(self) -> bool:
        """Whether too many nodes have failed."""
        allowed = self.allowed_errors
        return allowed is not None and self.errors > allowed

    def max_errors(self, share: int) -> str:
        """Return the MaxErrors of the next command: of what may still fail, the part that it has of all slots."""
        allowed = self.allowed_errors
        left = max(0, (allowed or 0) - self.errors)
        return "100%" if allowed is None else str(left * share // self.plan.limits.concurrency)

    def count(self, outcome: Outcome) -> None:
        """Count a node that ended earlier, in another process."""
        self._count_end(outcome)
        self.errors += outcome in _ERRORS

    def finish(
        self,
        node: Node,
        verdict: Verdict,
        *,
        row: Row | None = None,
        command_id: str = "",
        streams: Streams = NO_STREAMS,
        fetched: Mapping[str, Path | None] = _NO_FILES,
        is_correction: bool = False,
    ) -> None:
        """Put down how a node ended."""
        if not is_correction:
            self._count_end(verdict.outcome)
        has_code = row is not None and verdict.outcome in (Outcome.SUCCEEDED, Outcome.FAILED)
        self._finished.append(
            Finished(
                target=node.target,
                outcome=verdict.outcome,
                detail=verdict.detail,
                exit_code=row.exit_code if row is not None and has_code else None,
                command_id=command_id,
                attempts=node.attempts,
                lasted_seconds=row.lasted_seconds if row is not None else 0.0,
                streams=streams,
                fetched=fetched,
                is_correction=is_correction,
            )
        )

    def take(self) -> list[Finished]:
        """Return what ended since the last time."""
        taken, self._finished = self._finished, []
        return taken

    def _count_end(self, outcome: Outcome) -> None:
        self.done += 1
        self.failed += outcome is not Outcome.SUCCEEDED
