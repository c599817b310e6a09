"""Regions: which ones the account may use. Choosing and ordering them for a person is the region screen's business."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ec2menu.aws.profiles import partition_home
from ec2menu.errors import AccessDenied, AwsError, RegionDisabled, as_problem
from ec2menu.models import Cell, Column, Listing, Region, Style
from ec2menu.resources.region_names import TITLES, offline_regions

if TYPE_CHECKING:
    from ec2menu.aws.session import Aws


def fetch_regions(aws: "Aws", *, now: datetime) -> Listing[Region]:
    """Return every region with its opt-in status (EC2 DescribeRegions, else account ListRegions, else the known list).

    A denial is a Problem beside the known list; any other failure is raised. Where the home region is not enabled,
    the partition's own home is asked.
    """
    try:
        return _fetch_in(aws, aws.home or partition_home(aws.home), now=now)
    except RegionDisabled:
        return _fetch_in(aws, partition_home(aws.home), now=now)


def _fetch_in(aws: "Aws", asked_in: str, *, now: datetime) -> Listing[Region]:
    try:
        answer = aws.call("ec2", "DescribeRegions", asked_in, key="Regions", AllRegions=True)
        regions = [parse_region(entry) for entry in answer["Regions"]]
    except AccessDenied as denied:
        try:
            regions = aws.list_all(
                "account",
                "ListRegions",
                asked_in,
                key="Regions",
                page_size=50,
                parse=lambda entry: (parse_region(entry),),
            )
        except AwsError:
            message = f"{denied.message}; only the regions that every account has are looked at"
            problem = replace(as_problem(asked_in, denied), message=message)
            return Listing(items=offline_regions(asked_in), as_of=now, problems=(problem,))
    return Listing(items=tuple(sorted(regions, key=lambda region: region.name)), as_of=now)


def parse_region(entry: dict[str, Any]) -> Region:
    """Turn one entry of DescribeRegions or ListRegions into a Region."""
    name = str(entry.get("RegionName", ""))
    opt_in = str(entry.get("OptInStatus") or _OPT_IN_BY_STATUS.get(str(entry.get("RegionOptStatus", "")), ""))
    return Region(name=name, title=TITLES.get(name, ""), opt_in=opt_in)


# account:ListRegions has words of its own; DISABLING and ENABLING still answer or do not answer yet.
_OPT_IN_BY_STATUS = {
    "ENABLED_BY_DEFAULT": "opt-in-not-required",
    "ENABLED": "opted-in",
    "DISABLED": "not-opted-in",
    "DISABLING": "not-opted-in",
    "ENABLING": "not-opted-in",
}


def _status(region: Region, _now: datetime) -> Cell:
    return Cell(text=region.opt_in or "unknown", style=Style.GOOD if region.is_enabled else Style.DIM)


COLUMNS: tuple[Column[Region], ...] = (
    Column(key="name", title="Region", cell=lambda region, _now: Cell(text=region.name)),
    Column(key="title", title="Place", cell=lambda region, _now: Cell(text=region.title), priority=1, min_width=8),
    Column(key="status", title="Status", cell=_status, priority=2),
)
