"""Regions as remembered per profile."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ec2menu.models import Region
from ec2menu.state.recent import MAX_RECENT, known_opt_in, note_region, recent_regions, remember_regions
from ec2menu.state.store import Store
from tests.fakes.clock import FakeClock


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "state.sqlite3")
    yield opened
    opened.close()


def visit(store: Store, clock: FakeClock, *regions: str, profile: str = "prod") -> None:
    for region in regions:
        clock.advance(1)
        note_region(store, profile, region, clock.wall())


def test_nothing_is_recent_at_first(store: Store) -> None:
    assert recent_regions(store, "prod") == ()


def test_the_last_region_comes_first_and_each_only_once(store: Store) -> None:
    visit(store, FakeClock(), "us-east-1", "eu-west-1", "us-east-1")
    assert recent_regions(store, "prod") == ("us-east-1", "eu-west-1")


def test_only_a_handful_is_recent(store: Store) -> None:
    names = [f"r{number}" for number in range(MAX_RECENT + 3)]
    visit(store, FakeClock(), *names)
    assert recent_regions(store, "prod") == tuple(reversed(names))[:MAX_RECENT]


def test_moments_within_one_second_keep_their_order(store: Store) -> None:
    clock = FakeClock()
    for region in ("whole", "half", "more"):
        note_region(store, "prod", region, clock.wall())
        clock.advance(0.25)
    assert recent_regions(store, "prod") == ("more", "half", "whole")


def test_profiles_do_not_see_each_others_regions(store: Store) -> None:
    visit(store, FakeClock(), "us-east-1", profile="prod")
    visit(store, FakeClock(), "eu-west-1", profile="dev")
    remember_regions(store, "dev", [Region(name="eu-west-1", opt_in="opted-in")])
    assert (recent_regions(store, "prod"), recent_regions(store, "dev")) == (("us-east-1",), ("eu-west-1",))
    assert known_opt_in(store, "prod") == {}


def test_what_aws_says_of_regions_replaces_what_it_said_before(store: Store) -> None:
    remember_regions(store, "prod", [Region(name="a", opt_in="opted-in"), Region(name="b", opt_in="not-opted-in")])
    remember_regions(store, "prod", [Region(name="b", opt_in="opted-in")])
    assert known_opt_in(store, "prod") == {"b": "opted-in"}


def test_the_next_run_still_knows(tmp_path: Path) -> None:
    for run in range(2):
        store = Store(tmp_path / "s")
        if run == 0:
            visit(store, FakeClock(wall=FakeClock().wall() - timedelta(days=1)), "us-east-1")
            remember_regions(store, "prod", [Region(name="us-east-1", opt_in="opt-in-not-required")])
        assert recent_regions(store, "prod") == ("us-east-1",)
        assert known_opt_in(store, "prod") == {"us-east-1": "opt-in-not-required"}
        store.close()
