"""What has been listed: cached, refreshed behind the user's back, shared by whoever asks at the same time.

Two ways to ask. `listing` waits for the answer (scripts, a single target). `view` never waits: it returns what is known
now (fresh, stale or from disk) and starts fetching what is missing or old. Failures are never kept as emptiness: old
items stay, with a Problem beside them.
"""

import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cachetools import TTLCache

from ec2menu.clock import Clock
from ec2menu.errors import CredentialsError, Ec2MenuError, as_problem
from ec2menu.fanout import Crew, Pool, Task
from ec2menu.models import Listing
from ec2menu.resources.kinds import AwsSource, ResourceKind
from ec2menu.resources.shelf import Shelf, combine_listings, merge_listings, worded
from ec2menu.resources.snapshot import Snapshots

MAX_LISTINGS = 512
NO_REGION = ""
# A listing this old, as a part of its time to live, is fetched anew behind the user's back.
REFRESH_AT = 0.8
CLOSE_SECONDS = 0.5
# How long a list is kept fresh after somebody has looked, and how often it is seen to.
KEEP_FRESH_SECONDS = 900.0
KEEP_STEP_SECONDS = (0.5, 5.0)

Key = tuple[str, str]
# What landed, or None where it failed, and when: before the identity changed or after.
Landing = tuple[ResourceKind, str, Listing[Any] | None, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is known at one moment: the items, the regions still being asked, and those of which nothing is known yet.

    `version` grows whenever something has landed; `error` is the first failure where nothing at all is known.
    """

    listing: Listing[Any]
    asking: tuple[str, ...]
    unknown: tuple[str, ...]
    version: int
    error: Ec2MenuError | None = None

    @property
    def is_complete(self) -> bool:
        """Whether nothing more is on its way."""
        return not self.asking


@dataclass(slots=True, kw_only=True, weakref_slot=True)
class Inventory:
    """Listings per region and kind: fresh for `ttl_seconds` (0: never), fetched by at most `workers` threads."""

    aws: AwsSource
    clock: Clock
    ttl_seconds: float
    workers: int
    snapshots: Snapshots = field(default_factory=lambda: Snapshots(None))
    _fresh: TTLCache[Key, Listing[Any]] = field(init=False)
    _pool: Pool = field(init=False)
    _shelves: dict[Key, Shelf] = field(default_factory=dict)
    _landed: threading.Condition = field(default_factory=threading.Condition)
    _version: int = 0
    _era: int = 0
    _saving: int = 0
    _watched: tuple[ResourceKind, tuple[str, ...]] | None = None
    _watched_until: float = 0.0
    _has_keeper: bool = False
    _writer: Crew[Landing] = field(init=False)
    _has_claimed: bool = False

    def __post_init__(self) -> None:
        """Make the cache, the threads' pool, and the one thread that writes to disk."""
        self._fresh = TTLCache(MAX_LISTINGS, self.ttl_seconds, timer=self.clock.now)
        self._pool = Pool(self.workers)
        self._writer = Crew(self._write, limit=1)

    # -- waiting ------------------------------------------------------------------------------------------------

    def listing(
        self,
        kind: ResourceKind,
        regions: Sequence[str],
        *,
        refresh: bool = False,
        on_progress: Callable[[str], None] = lambda _text: None,
    ) -> Listing[Any]:
        """Return the items of a kind in the regions once all have answered; from memory where fresh, unless `refresh`.

        What is acted on comes from here: an old list is never returned for a new one that lacks a part, as `view` does.

        Raises the region's error when there is only one region; with several, failures become problems, and only if
        all fail the first is raised.
        """
        asked = list(regions) if kind.is_regional else [NO_REGION]
        flights = [self._fresh_or_flight(kind, region, refresh=refresh) for region in asked]
        outcomes: list[Listing[Any] | Ec2MenuError] = []
        for found in flights:
            if isinstance(found, Listing):
                outcomes.append(found)
                continue
            while not found.wait(0.1):
                on_progress(self.describe_progress(kind, asked))
            try:
                outcomes.append(found.result())
            except Ec2MenuError as error:
                outcomes.append(error)
            on_progress(self.describe_progress(kind, asked))
        return merge_listings(asked, outcomes, now=self.clock.wall())

    def describe_progress(self, kind: ResourceKind, regions: Sequence[str]) -> str:
        """Say how far the fetches under way are: a count of one region, or how many regions have answered."""
        with self._landed:
            shelves = [self._shelf(kind, region) for region in regions]
            if len(shelves) == 1:
                return shelves[0].progress
            waiting = sum(shelf.flight is not None for shelf in shelves)
            count = sum(len(shelf.last.items) for shelf in shelves if shelf.last)
        return f"{len(shelves) - waiting} of {len(shelves)} regions, {count:,} so far"

    # -- looking ------------------------------------------------------------------------------------------------

    def view(self, kind: ResourceKind, regions: Sequence[str], *, fetch: bool = True) -> View:
        """Return what is known now, and start fetching what is unknown, expired or about to expire. Never waits.

        With `fetch` False nothing is started; what would be counts as being asked.
        """
        asked = list(regions) if kind.is_regional else [NO_REGION]
        due = []
        for region in asked:
            self._recall(kind, region)
            if self._is_due(kind, region):
                due.append(region)
                if fetch:
                    self._fly(kind, region)
        with self._landed:
            shelves = {region: self._shelf(kind, region) for region in asked}
            version = self._version
        known = {region: shelf.last for region, shelf in shelves.items() if shelf.last is not None}
        problems = [problem for listing in known.values() for problem in listing.problems]
        problems += [as_problem(region, shelf.error) for region, shelf in shelves.items() if shelf.error]
        errors = [shelf.error for shelf in shelves.values() if shelf.error]
        listing = combine_listings(list(known.values()), problems=problems, now=self.clock.wall())
        return View(
            listing=listing,
            asking=tuple(region for region, shelf in shelves.items() if shelf.flight is not None or region in due),
            unknown=tuple(region for region, shelf in shelves.items() if shelf.last is None and not shelf.error),
            version=version,
            error=errors[0] if errors and not known else None,
        )

    def keep_fresh(self, kind: ResourceKind, regions: Sequence[str]) -> None:
        """Fetch anew what is about to expire while the user reads or is away for a while, until another list is."""
        if self.ttl_seconds <= 0:
            return
        low, high = KEEP_STEP_SECONDS
        step = max(low, min(high, self.ttl_seconds * (1 - REFRESH_AT) / 2))
        with self._landed:
            self._watched, self._watched_until = (kind, tuple(regions)), self.clock.now() + KEEP_FRESH_SECONDS
            has_keeper, self._has_keeper = self._has_keeper, True
        if not has_keeper:
            mine = weakref.ref(self)
            Task(lambda: _keep(mine, self._landed, step))

    def refresh_watched(self) -> bool:
        """Start fetching what is due of the list that is kept fresh; return whether there still is one."""
        with self._landed:
            watched = self._watched if self.clock.now() < self._watched_until else None
            self._has_keeper = watched is not None
        if watched is not None:
            self.view(*watched)
        return watched is not None

    def retry(self, kind: ResourceKind, regions: Sequence[str]) -> None:
        """Let what failed and left nothing be fetched again at the next look, for somebody who enters the list anew."""
        with self._landed:
            for region in regions:
                shelf = self._shelf(kind, region)
                if shelf.last is None and shelf.flight is None:
                    shelf.error = shelf.landed_at = None

    def wait_for_news(self, version: int, *, seconds: float) -> bool:
        """Wait until something has landed since `version`; return whether it has."""
        with self._landed:
            return self._landed.wait_for(lambda: self._version > version, seconds)

    def count(self, kind: ResourceKind, region: str) -> int | None:
        """Return how many items are known in a region, or None where it has not answered in this run."""
        shelf = self._shelves.get((kind.name, region))
        return len(shelf.last.items) if shelf and shelf.last and not shelf.is_from_disk else None

    def is_refused(self) -> bool:
        """Whether AWS refused our credentials when a list was asked for last."""
        with self._landed:
            return any(isinstance(shelf.error, CredentialsError) for shelf in self._shelves.values())

    def retry_refused(self) -> None:
        """Let lists for which our credentials were refused be fetched again: there are new ones."""
        with self._landed:
            for shelf in self._shelves.values():
                if isinstance(shelf.error, CredentialsError):
                    shelf.error = shelf.landed_at = None

    def forget(self) -> None:
        """Drop everything, after the identity has changed; what is still under way lands nowhere."""
        with self._landed:
            self._era += 1
            self._shelves.clear()
            self._fresh.clear()
            self._has_claimed = False

    def close(self) -> None:
        """Let files that are being written be finished, in bounded time; fetches under way are simply left."""
        with self._landed:
            self._watched = None
            self._landed.wait_for(lambda: not self._saving, CLOSE_SECONDS)

    # -- inside -------------------------------------------------------------------------------------------------

    def _shelf(self, kind: ResourceKind, region: str) -> Shelf:
        return self._shelves.setdefault((kind.name, region), Shelf())

    def _recall(self, kind: ResourceKind, region: str) -> None:
        """Read the last listing from disk, once; who asks meanwhile waits for the file, which is sooner than AWS."""
        with self._landed:
            shelf = self._shelf(kind, region)
        with shelf.recalling:
            if shelf.last is not None or shelf.was_recalled:
                return
            shelf.was_recalled = True
            found = self.snapshots.load(kind, region, now=self.clock.wall())
            with self._landed:
                if shelf.last is None and found is not None:
                    shelf.recall(found)

    def _is_due(self, kind: ResourceKind, region: str) -> bool:
        """Tell whether a fetch is wanted: none has landed in this run, or the last one is about to expire."""
        with self._landed:
            shelf = self._shelf(kind, region)
            return shelf.is_due(self.clock.now(), self.clock.wall(), self.ttl_seconds * REFRESH_AT)

    def _fresh_or_flight(self, kind: ResourceKind, region: str, *, refresh: bool) -> Listing[Any] | Task[Listing[Any]]:
        with self._landed:
            found = None if refresh else self._fresh.get((kind.name, region))
        return found if found is not None else self._fly(kind, region)

    def _fly(self, kind: ResourceKind, region: str) -> Task[Listing[Any]]:
        """Start a fetch, or share the one under way."""
        with self._landed:
            shelf = self._shelf(kind, region)
            if shelf.flight is None:
                era = self._era
                shelf.progress = ""
                shelf.flight = self._pool.submit(lambda: self._fetch(kind, region, shelf, era))
            return shelf.flight

    def _fetch(self, kind: ResourceKind, region: str, shelf: Shelf, era: int) -> Listing[Any]:
        def note(text: str) -> None:
            shelf.progress = text

        try:
            found = kind.fetch(self.aws(), region, self.clock.wall(), note)
        except BaseException as error:
            self._land(kind, region, shelf, era=era, error=error)
            raise
        self._land(kind, region, shelf, era=era, found=found)
        return found

    def _land(
        self,
        kind: ResourceKind,
        region: str,
        shelf: Shelf,
        *,
        era: int,
        found: Listing[Any] | None = None,
        error: BaseException | None = None,
    ) -> None:
        with self._landed:
            shelf.flight = None
            shelf.landed_at, shelf.landed_on = self.clock.now(), self.clock.wall()
            self._version += 1
            shelf.error = worded(error)
            if found is not None:
                shelf.put(found)
                self._fresh.pop((kind.name, region), None)
                if era == self._era and not found.problems:
                    self._fresh[kind.name, region] = found
            self._landed.notify_all()
            is_kept = self.snapshots.folder is not None
            self._saving += is_kept
        if is_kept:
            self._writer.add((kind, region, found, era))

    def _write(self, landing: Landing) -> None:
        """Write what has landed to disk, once what is there is known to be ours; of a failure there is nothing."""
        kind, region, found, era = landing
        try:
            if not self._has_claimed:
                self._has_claimed = True
                self._claim()
            if found is not None and era == self._era:
                self.snapshots.save(kind, region, found)
        finally:
            with self._landed:
                self._saving -= 1
                self._landed.notify_all()

    def _claim(self) -> None:
        """See that what is on disk is of our account: a profile may lead to another one than it did the last time."""
        try:
            if self.snapshots.claim(self.aws().identity().account):
                return
        except Ec2MenuError:
            return  # nobody can tell
        with self._landed:
            for shelf in self._shelves.values():
                shelf.disown()
            self._version += 1
            self._landed.notify_all()


def _keep(inventory: "weakref.ref[Inventory]", landed: threading.Condition, step: float) -> None:
    """See to the list that is kept fresh for as long as there is one; an inventory that nobody has any more may go."""
    is_wanted = True
    while is_wanted:
        with landed:
            landed.wait(step)
        is_wanted = (found := inventory()) is not None and found.refresh_watched()
        del found
