"""What has been listed, kept for a while: the cache in front of every fetch.

What was listed whole is kept for the time to live; failures, and listings with a part missing, never. One fetch per
region and kind is under way at a time, and whoever asks meanwhile shares its outcome. A region that fails among several
is a Problem beside the others' items.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from cachetools import TTLCache

from ec2menu.aws.session import Aws
from ec2menu.clock import Clock
from ec2menu.errors import Ec2MenuError
from ec2menu.fanout import fan_out
from ec2menu.models import Listing, Problem
from ec2menu.resources.kinds import ResourceKind

MAX_LISTINGS = 512
NO_REGION = ""


class Inventory:
    """Listings per region and kind, fetched at most once per `ttl_seconds` (0: every time), `workers` at a time."""

    def __init__(self, *, aws: Aws, clock: Clock, ttl_seconds: float, workers: int) -> None:
        self._aws = aws
        self._clock = clock
        self._workers = workers
        self._lock = threading.Lock()
        self._flights: dict[tuple[str, str], Future[Listing[Any]]] = {}
        self._cache: TTLCache[tuple[str, str], Listing[Any]] = TTLCache(MAX_LISTINGS, ttl_seconds, timer=clock.now)

    def listing(
        self,
        kind: ResourceKind,
        regions: Sequence[str],
        *,
        refresh: bool = False,
        on_progress: Callable[[str], None] = lambda _text: None,
    ) -> Listing[Any]:
        """Return the items of a kind in the regions, from the cache unless `refresh`.

        Raises the region's error when there is only one region; with several, failures become problems, and only if
        all fail the first is raised.
        """
        if not kind.is_regional:
            return self._one(kind, NO_REGION, refresh, on_progress)
        if not regions:
            return Listing(items=(), as_of=self._clock.wall())
        if len(regions) == 1:
            return self._one(kind, regions[0], refresh, on_progress)
        answered: list[str] = []

        def one(region: str) -> Listing[Any] | Ec2MenuError:
            try:
                return self._one(kind, region, refresh, lambda _text: None)
            except Ec2MenuError as error:
                return error
            finally:
                answered.append(region)
                on_progress(f"{len(answered)} of {len(regions)} regions")

        return _merge(regions, fan_out(one, regions, limit=self._workers))

    def forget(self) -> None:
        """Drop everything, after the identity has changed; what is under way for the old one is not kept either."""
        with self._lock:
            self._cache.clear()
            self._flights.clear()

    def _one(self, kind: ResourceKind, region: str, refresh: bool, on_progress: Callable[[str], None]) -> Listing[Any]:
        key = (kind.name, region)
        with self._lock:
            kept = None if refresh else self._cache.get(key)
            if kept is not None:
                return kept
            under_way = self._flights.get(key)
            flight = under_way or self._flights.setdefault(key, Future())
        if under_way:
            return under_way.result()
        try:
            found = kind.fetch(self._aws, region, self._clock.wall(), on_progress)
        except BaseException as error:
            self._land(key, flight, None)
            flight.set_exception(error)
            raise
        self._land(key, flight, found)
        flight.set_result(found)
        return found

    def _land(self, key: tuple[str, str], flight: "Future[Listing[Any]]", found: Listing[Any] | None) -> None:
        """End a flight and keep what it found, unless everything was forgotten meanwhile."""
        with self._lock:
            if self._flights.get(key) is not flight:
                return
            del self._flights[key]
            if found is None:
                return
            self._cache.pop(key, None)
            if not found.problems:
                self._cache[key] = found


def _merge(regions: Sequence[str], outcomes: Sequence[Listing[Any] | Ec2MenuError]) -> Listing[Any]:
    found = [outcome for outcome in outcomes if isinstance(outcome, Listing)]
    failed = [
        (region, outcome)
        for region, outcome in zip(regions, outcomes, strict=True)
        if isinstance(outcome, Ec2MenuError)
    ]
    if not found:
        raise failed[0][1]
    problems = [problem for listing in found for problem in listing.problems]
    problems += [
        Problem(where=region, message=error.message, hint=error.hint, status=error.status) for region, error in failed
    ]
    return Listing(
        items=tuple(item for listing in found for item in listing.items),
        as_of=min(listing.as_of for listing in found),
        problems=tuple(problems),
    )
