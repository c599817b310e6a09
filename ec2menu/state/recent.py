"""Regions as remembered per profile: which were used last, and which AWS said are enabled."""

from collections.abc import Sequence
from datetime import datetime

from ec2menu.models import Region
from ec2menu.state.store import Store

MAX_RECENT = 5


def note_region(store: Store, profile: str, region: str, when: datetime) -> None:
    """Remember that the region was chosen."""
    store.write("INSERT OR REPLACE INTO region_use VALUES (?, ?, ?)", [(profile, region, when.isoformat())])


def recent_regions(store: Store, profile: str) -> tuple[str, ...]:
    """Return the regions chosen lately, the last one first."""
    query = "SELECT region FROM region_use WHERE profile = ? ORDER BY used_at DESC LIMIT ?"
    return tuple(str(row[0]) for row in store.read(query, (profile, MAX_RECENT)))


def remember_regions(store: Store, profile: str, regions: Sequence[Region]) -> None:
    """Keep what AWS said of the regions, for the next first menu."""
    rows = [(profile, region.name, region.opt_in) for region in regions]
    store.write_all(
        [
            ("DELETE FROM region_known WHERE profile = ?", [(profile,)]),
            ("INSERT OR REPLACE INTO region_known VALUES (?, ?, ?)", rows),
        ]
    )


def known_opt_in(store: Store, profile: str) -> dict[str, str]:
    """Return the opt-in status per region as AWS last said it; empty when it was never asked."""
    rows = store.read("SELECT region, opt_in FROM region_known WHERE profile = ?", (profile,))
    return {str(region): str(opt_in) for region, opt_in in rows}
