"""Getting a list and putting it in order, as the list screen and `ls` both do it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from ec2menu.errors import InvalidInput
from ec2menu.flows.context import Context
from ec2menu.models import Column, Listing, Problem
from ec2menu.resources.kinds import JUMPHOSTS, REGIONS, ResourceKind, jumphosts_kind, kind_named
from ec2menu.resources.region_names import describe_regions
from ec2menu.ui.select import SortBy, Term
from ec2menu.ui.tables import matches, order_key, sort_items

DEFAULT_SORT = SortBy(column="name")


def find_kind(context: Context, name: str) -> ResourceKind:
    """Return a kind by its name; jump hosts are what the settings say. Raises InvalidInput."""
    if name == JUMPHOSTS:
        return jumphosts_kind(context.config.settings.jump_tag, now=context.clock.wall)
    return kind_named(name)


def get_listing(context: Context, kind: ResourceKind, regions: Sequence[str], *, refresh: bool = False) -> Listing[Any]:
    """Return the items of a kind in the regions, with a progress line, offering a login where one has run out."""
    where = describe_regions(regions)
    progress = [f"listing {kind.title}" + (f" in {where}" if kind.is_regional else "")]
    first = progress[0]

    def note(text: str) -> None:
        progress[0] = f"{first}: {text}" if text else first

    def fetch() -> Listing[Any]:
        return context.inventory.listing(kind.source, regions, refresh=refresh, on_progress=note)

    found = context.attempt(lambda: context.in_background(fetch, lambda: progress[0]))
    return replace(found, items=tuple(kind.derive(found.items)), order="") if kind.base else found


def shown_columns(kind: ResourceKind, regions: Sequence[str]) -> tuple[Column[Any], ...]:
    """Return the columns of a list that are shown: the region's only where there are several."""
    shown = (column for column in kind.columns if not column.is_hidden)
    return tuple(column for column in shown if column.key != "region" or len(regions) > 1)


def arrange(
    kind: ResourceKind,
    items: Sequence[Any],
    *,
    now: datetime,
    terms: Sequence[Term] = (),
    sort: SortBy = DEFAULT_SORT,
    order: str = "",
) -> Sequence[Any]:
    """Return the items that pass the filter, sorted; equals in the order of their ids, so that numbers are stable.

    `order` is the column they are sorted by already, as `Listing.order`.
    """
    passing = [item for item in items if matches(item, kind.columns, terms=terms, now=now)] if terms else items
    if order == sort.column and not sort.reverse:
        return passing
    by_id = sorted(passing, key=lambda item: kind.identify(item)[0])
    return sort_items(by_id, kind.columns, key=sort.column, now=now, reverse=sort.reverse)


def default_order_key(kind: ResourceKind, item: Any, *, now: datetime) -> str:
    """Return an item's place in the order in which `arrange` puts a list that nobody has sorted otherwise."""
    return order_key(item, kind.columns, key=DEFAULT_SORT.column, item_id=kind.identify(item)[0], now=now)


def require_regions(context: Context) -> tuple[str, ...]:
    """Return the regions to work in, `all` being every enabled one; where AWS does not say which, the user is told.

    Raises InvalidInput where neither flags nor AWS's configuration name one.
    """
    regions, problems = find_regions(context)
    context.terminal.problems(problems)
    return regions


def find_regions(context: Context) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """Return the regions as `require_regions` does, and why they may not be all, untold. Raises InvalidInput."""
    if "all" in context.regions:
        found = get_listing(context, REGIONS, ())
        return tuple(region.name for region in found.items), found.problems
    regions = context.regions or ((context.home,) if context.home else ())
    if not regions:
        raise InvalidInput(
            f"no region is set for profile {context.profile}",
            hint="add -r REGION, such as -r us-east-1, or set AWS_REGION",
        )
    return regions, ()
