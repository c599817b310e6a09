"""A list on the screen that lives: drawn from what is known, completed and refreshed behind the user's back.

What is shown changes only when the screen takes the news, between two prompts, so that a number keeps its meaning. No
drawing here, and no rules of what a list contains.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ec2menu.errors import Interrupted
from ec2menu.flows.context import Context
from ec2menu.flows.listing import get_listing
from ec2menu.resources.inventory import Inventory, View
from ec2menu.resources.kinds import ResourceKind
from ec2menu.resources.region_names import describe_regions

# Once a region has answered, the next one gets this long to be in the first picture, too; and all together so long.
GRACE_SECONDS = 1.0
MOST_GRACE_SECONDS = 5.0


class LiveList:
    """The items of a kind in some regions, as last taken from the inventory."""

    def __init__(self, context: Context, kind: ResourceKind, regions: Sequence[str]) -> None:
        self._context = context
        self._kind = kind
        self._regions = tuple(regions)
        self._view: View | None = None
        self.change = ""

    @property
    def view(self) -> View:
        """What is shown now."""
        return self._view if self._view is not None else self.take()

    def open(self) -> None:
        """Take the first picture: at once where something is on disk, else when something has come from AWS.

        Raises the error of the region, or of the first region where all fail.
        """
        self._context.attempt(self._open)

    def cover(self, regions: Sequence[str]) -> None:
        """List these regions from the next picture on."""
        self._regions = tuple(regions)

    def renew(self) -> None:
        """Begin anew where AWS had refused our credentials and takes those that there are now. Raises as `open`."""
        try:
            is_back = self._context.recover()
        except Interrupted:
            return  # the user does not wait for it: the list stays as it is
        if is_back:
            self.open()

    def take(self) -> View:
        """Take the newest picture; `change` says what is new in it (`+2 -1`), where the one before was whole."""
        before, now = self._view, self._look()
        if before is None or now.version != before.version:
            self.change = self._describe_change(before, now)
        self._view = now
        return now

    def start(self) -> None:
        """Start fetching what is old or missing in what is shown, and keep it fresh from now on."""
        if not self.view.is_complete:
            self._context.later(lambda: self._inventory.view(self._kind.source, self._regions))
        self._inventory.keep_fresh(self._kind.source, self._regions)

    def refresh(self) -> None:
        """Ask AWS again and wait for it."""
        get_listing(self._context, self._kind, self._regions, refresh=True)

    def latest(self, items: Sequence[Any]) -> list[Any | None]:
        """Return items as they are known now, each that has vanished since it was shown as None."""
        wanted = {self._key(item) for item in items}
        known = {key: item for item in self._look().listing.items if (key := self._key(item)) in wanted}
        return [known.get(self._key(item)) for item in items]

    @property
    def _inventory(self) -> Inventory:
        return self._context.inventory

    def _look(self) -> View:
        """Return what is known now, without asking for more."""
        view = self._inventory.view(self._kind.source, self._regions, fetch=False)
        if self._kind.base is None:
            return view
        derived = tuple(self._kind.derive(view.listing.items))
        return replace(view, listing=replace(view.listing, items=derived, order=""))

    def _open(self) -> None:
        if self._context.profiles.needs_mfa(self._context.profile):
            self._context.load_credentials()  # here, because no thread may ask for the code
        self._inventory.retry(self._kind.source, self._regions)
        first = self.take()
        if not _is_enough(first):
            self._context.terminal.watch(
                _Arrival(self._context, self._kind.source, self._regions), self._describe_waiting
            )
            first = self.take()
        self.change = ""
        if first.error is not None and first.is_complete:
            raise first.error

    def _key(self, item: Any) -> tuple[str, str]:
        return item.region, self._kind.identify(item)[0]

    def _describe_waiting(self) -> str:
        where = describe_regions(self._regions)
        progress = self._inventory.describe_progress(self._kind.source, self._regions)
        return f"listing {self._kind.title} in {where}" + (f": {progress}" if progress else "")

    def _describe_change(self, before: View | None, now: View) -> str:
        if before is None or before.unknown:
            return ""
        old, new = ({self._key(item) for item in view.listing.items} for view in (before, now))
        parts = [f"{sign}{len(keys)}" for sign, keys in (("+", new - old), ("-", old - new)) if keys]
        return " ".join(parts)


class Patience:
    """How long the first picture waits for the regions that are `missing`: while they keep coming, up to a limit."""

    def __init__(self) -> None:
        self._first_at: float | None = None
        self._last_at = 0.0
        self._missing = 0

    def is_over(self, missing: int, *, now: float) -> bool:
        """Whether what is there should be shown now; asked only once there is something to show."""
        if self._first_at is None:
            self._first_at = now
        elif missing >= self._missing:
            return now >= min(self._last_at + GRACE_SECONDS, self._first_at + MOST_GRACE_SECONDS)
        self._missing, self._last_at = missing, now
        return now >= self._first_at + MOST_GRACE_SECONDS


class _Arrival:
    """Waits until there is enough to show; looks like a task to `Terminal.watch`."""

    def __init__(self, context: Context, kind: ResourceKind, regions: Sequence[str]) -> None:
        self._context = context
        self._kind = kind
        self._regions = regions
        self._patience = Patience()

    def wait(self, seconds: float) -> bool:
        """Wait at most `seconds`; return whether there is enough."""
        inventory = self._context.inventory
        view = inventory.view(self._kind, self._regions)
        if _is_enough(view):
            return True
        if view.listing.items and self._patience.is_over(len(view.unknown), now=self._context.clock.now()):
            return True
        inventory.wait_for_news(view.version, seconds=seconds)
        return False

    def result(self) -> None:
        """Return nothing: the inventory has it."""


def _is_enough(view: View) -> bool:
    return view.is_complete or not view.unknown
