"""What is kept of one kind in one region, and how several of those become one listing. Fetches nothing."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ec2menu.errors import Ec2MenuError, as_problem, bug_error, first_of
from ec2menu.fanout import Task
from ec2menu.models import Listing, Problem
from ec2menu.resources.packing import PackedItems

# A whole listing that is no older says more than one of now that lacks a part.
KEPT_WHOLE_SECONDS = 3600.0
# What has failed, and may go well the next time, is asked for again so soon.
RETRY_SECONDS = 60.0


@dataclass(slots=True)
class Shelf:
    """The listing that is shown, the last whole one, the last failure, and the fetch under way.

    `is_from_disk`: what is shown was listed by an earlier run. `landed_on` is `landed_at` by the wall clock, which goes
    on while a laptop sleeps.
    """

    last: Listing[Any] | None = None
    whole: Listing[Any] | None = None
    error: Ec2MenuError | None = None
    flight: Task[Listing[Any]] | None = None
    progress: str = ""
    landed_at: float | None = None
    landed_on: datetime | None = None
    was_recalled: bool = False
    is_from_disk: bool = False
    recalling: threading.Lock = field(default_factory=threading.Lock)

    def recall(self, found: Listing[Any]) -> None:
        """Take the last listing of an earlier run, until there is one of this run."""
        self.last = self.whole = found
        self.is_from_disk = True

    def put(self, found: Listing[Any]) -> None:
        """Take a listing; where a part of it failed, the last whole one is shown with its problems for a while."""
        whole = self.whole if found.problems else None
        if whole is not None and (found.as_of - whole.as_of).total_seconds() <= KEPT_WHOLE_SECONDS:
            self.last = replace(whole, problems=found.problems)
            return
        self.last = found
        self.whole = None if found.problems else found
        self.is_from_disk = False

    def disown(self) -> None:
        """Drop what is from disk: it was listed as somebody else."""
        if self.is_from_disk:
            self.last = self.whole = self.landed_at = None
            self.is_from_disk = False

    def is_due(self, now: float, wall: datetime, fresh_seconds: float) -> bool:
        """Whether a fetch is wanted: none has landed in this run, or what has landed is old, or failed a while ago."""
        if self.flight is not None:
            return False
        if self.landed_at is None or self.landed_on is None:
            return True
        wait = min(fresh_seconds, RETRY_SECONDS) if self._may_mend else fresh_seconds
        return max(now - self.landed_at, (wall - self.landed_on).total_seconds()) >= wait

    @property
    def _may_mend(self) -> bool:
        """Whether something failed that may be there if it is asked for again."""
        problems = list(self.last.problems) if self.last else []
        problems += [as_problem("", self.error)] if self.error else []
        return any(not problem.is_lasting for problem in problems)


def merge_listings(
    regions: Sequence[str], outcomes: Sequence[Listing[Any] | Ec2MenuError], *, now: datetime
) -> Listing[Any]:
    """Return what came of some regions as one listing, failures being its problems.

    Raises the first error where all have failed.
    """
    found = [outcome for outcome in outcomes if isinstance(outcome, Listing)]
    if len(found) == len(outcomes) == 1:
        return found[0]
    failed = [
        (region, outcome)
        for region, outcome in zip(regions, outcomes, strict=True)
        if isinstance(outcome, Ec2MenuError)
    ]
    if failed and not found:
        raise first_of([error for _, error in failed])
    problems = [problem for listing in found for problem in listing.problems]
    problems += [as_problem(region, error) for region, error in failed]
    return combine_listings(found, problems=problems, now=now)


def combine_listings(found: Sequence[Listing[Any]], *, problems: Sequence[Problem], now: datetime) -> Listing[Any]:
    """Return listings as one, as old as the oldest (`now` where there is none); those from disk keep their order."""
    if len(found) == 1:
        return replace(found[0], problems=tuple(problems))
    packed = [listing.items for listing in found if isinstance(listing.items, PackedItems)]
    is_packed = len(packed) == len(found) > 0
    return Listing(
        items=PackedItems.merge(packed) if is_packed else tuple(item for listing in found for item in listing.items),
        as_of=min((listing.as_of for listing in found), default=now),
        problems=tuple(problems),
        order=found[0].order if is_packed else "",
    )


def worded(error: BaseException | None) -> Ec2MenuError | None:
    """Return an error of a fetch as one for the user; a bug goes to the log, too."""
    if error is None or isinstance(error, Ec2MenuError):
        return error
    import logging  # noqa: PLC0415 - not needed where all goes well, and the first list waits for all imports

    logging.getLogger(__name__).debug("a bug in a fetch", exc_info=error)
    return bug_error(error)
