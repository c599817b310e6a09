"""The order of a list, and the same order as it is kept on disk."""

from datetime import timedelta
from functools import partial
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ec2menu.flows.listing import DEFAULT_SORT, arrange, default_order_key
from ec2menu.models import Instance, Listing
from ec2menu.resources.kinds import EC2
from ec2menu.resources.packing import INSTANCES
from ec2menu.resources.snapshot import Snapshots
from ec2menu.ui.select import SortBy, Term
from tests.fakes.clock import START

REGION = "us-east-1"
NAMES = ["web-10", "web-9", "web", "Web-9", "web-0009", "web1234567890", "web12345678", "결제-2", "결제-10", "", "-"]
# A machine's name may hold what a line's key may not; there a blank stands for it, and it is in another place.
names = st.one_of(st.sampled_from(NAMES), st.text(alphabet="ab1 2-é😀", max_size=6))


def machines(found: list[str]) -> list[Instance]:
    return [Instance(id=f"i-{number:03}", region=REGION, name=name) for number, name in enumerate(found)]


def place(instance: Instance) -> bytes:
    return default_order_key(EC2, instance, now=START).encode()


@given(st.lists(names, max_size=12))
def test_the_order_on_disk_is_the_order_on_the_screen(found: list[str]) -> None:
    items = machines(found)
    assert sorted(items, key=place) == list(arrange(EC2, items, now=START))


@given(st.text())
def test_a_place_is_one_line_whatever_the_name(name: str) -> None:
    (line,) = INSTANCES.pack_lines(machines([name]), lambda item: default_order_key(EC2, item, now=START))
    assert len(line.splitlines()) == 1
    assert line.count(b"\t") == 1


def test_a_list_that_is_in_order_is_shown_as_it_is_unless_something_else_is_wanted() -> None:
    items = machines(["c", "b", "a"])
    assert arrange(EC2, items, now=START, order=DEFAULT_SORT.column) == items
    assert arrange(EC2, items, now=START, sort=SortBy(column="id"), order=DEFAULT_SORT.column) == items
    backwards = SortBy(column="name", reverse=True)
    assert arrange(EC2, items[::-1], now=START, sort=backwards, order=DEFAULT_SORT.column) == items


def test_a_filter_keeps_the_order() -> None:
    items = machines(["b", "ab", "a"])
    shown = arrange(EC2, items, now=START, terms=(Term(text="b"),), order=DEFAULT_SORT.column)
    assert [item.name for item in shown] == ["b", "ab"]


def test_what_is_kept_comes_back_in_the_order_of_the_screen(tmp_path: Path) -> None:
    items = machines(NAMES)
    snapshots = Snapshots(tmp_path, order=DEFAULT_SORT.column, order_key=partial(default_order_key, now=START))
    snapshots.save(EC2, REGION, Listing(items=items, as_of=START))
    found = snapshots.load(EC2, REGION, now=START + timedelta(hours=1))
    assert found is not None
    assert found.order == DEFAULT_SORT.column
    assert list(found.items) == arrange(EC2, items, now=START)
