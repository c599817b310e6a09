"""`ec2menu ls KIND`: a list on stdout, as a table, JSON, CSV or ids; what failed in parts goes to stderr."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ec2menu.errors import ExitStatus, InvalidInput
from ec2menu.exports import csv_text, json_text
from ec2menu.flows.context import Context
from ec2menu.flows.listing import arrange, find_kind, find_regions, get_listing, shown_columns
from ec2menu.models import Listing, Style
from ec2menu.resources.kinds import ResourceKind, record_fields, to_record
from ec2menu.resources.region_names import describe_regions
from ec2menu.ui.select import Wrong, describe_misread, parse_filters, parse_sort
from ec2menu.ui.tables import render


@dataclass(frozen=True, slots=True, kw_only=True)
class LsRequest:
    """What was asked on the command line."""

    kind: str
    filters: Sequence[str]
    sort: str
    output: str
    refresh: bool


def run_ls(context: Context, request: LsRequest) -> int:
    """List, print, and return the exit status: the highest of the parts that failed, if any did."""
    kind = find_kind(context, request.kind)
    keys = tuple(column.key for column in kind.columns)
    terms = parse_filters(request.filters, keys)
    sort = parse_sort(request.sort, keys)
    if isinstance(sort, Wrong):
        raise InvalidInput(f"--sort {request.sort!r} does not name one column", hint="columns: " + ", ".join(keys))
    regions, problems = find_regions(context) if kind.is_regional else ((), ())
    listing = get_listing(context, kind, regions, refresh=request.refresh)
    items = arrange(kind, listing.items, now=context.clock.wall(), terms=terms, sort=sort)
    text = _format(context, kind, regions, items, output=request.output)
    if text:
        (context.terminal.data if request.output == "table" else context.terminal.document)(text)
    context.terminal.flush()
    problems += listing.problems
    misread = "" if items else describe_misread(terms, keys)
    if misread or (request.output == "table" and not items and not problems):
        context.terminal.note(f"{_nothing(kind, listing, regions)}{misread}", Style.DIM)
    context.terminal.problems(problems)
    return max((problem.status for problem in problems), default=ExitStatus.DONE)


def _nothing(kind: ResourceKind, listing: Listing[Any], regions: Sequence[str]) -> str:
    where = f" in {describe_regions(regions)}" if regions else ""
    if listing.items:
        return f"none of the {len(listing.items)} {kind.title}{where} passes the filter"
    return f"there are no {kind.title}{where}"


def _format(context: Context, kind: ResourceKind, regions: Sequence[str], items: Sequence[Any], *, output: str) -> str:
    terminal = context.terminal
    if output == "ids":
        return "\n".join(kind.identify(item)[0] for item in items)
    records = [to_record(item) for item in items] if output in ("json", "csv") else []
    if output == "json":
        return json_text(records, is_ascii=not terminal.is_unicode)
    if output == "csv":
        return csv_text(record_fields(kind.record), records)
    if not items:
        return ""
    lines = render(
        items,
        shown_columns(kind, regions),
        now=context.clock.wall(),
        width=terminal.width if terminal.is_screen else None,
        numbers=None,
        paint=terminal.paint,
        dimmed=kind.is_dimmed,
    )
    return "\n".join(lines)
