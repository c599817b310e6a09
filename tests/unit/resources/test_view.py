"""What the inventory shows without waiting: fresh, stale or from disk, and what lands behind it."""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ec2menu.aws.profiles import Profiles
from ec2menu.aws.session import Aws
from ec2menu.errors import AccessDenied, Throttled
from ec2menu.fanout import Task
from ec2menu.models import Identity, Instance, Listing
from ec2menu.resources.inventory import KEEP_FRESH_SECONDS, Inventory
from ec2menu.resources.kinds import EC2
from ec2menu.resources.snapshot import Snapshots
from tests.fakes.clock import START, FakeClock
from tests.unit.resources.test_inventory import DENIED, WAIT_SECONDS, Source, an_aws, inventory


def land(shelf: Inventory, source: Source, regions: list[str]) -> None:
    """Let everything under way arrive."""
    view = shelf.view(source.kind, regions, fetch=False)
    while any(region in view.asking for region in regions):
        assert shelf.wait_for_news(view.version, seconds=WAIT_SECONDS)
        view = shelf.view(source.kind, regions, fetch=False)


def test_the_first_look_is_empty_and_starts_a_fetch() -> None:
    shelf, source = inventory(), Source()
    source.gate.clear()
    view = shelf.view(source.kind, ["a"])
    assert (view.listing.items, view.asking, view.unknown) == ((), ("a",), ("a",))
    source.gate.set()
    land(shelf, source, ["a"])
    view = shelf.view(source.kind, ["a"])
    assert (view.listing.items, view.asking, view.unknown) == (("a/1",), (), ())


def test_a_look_without_fetching_starts_nothing_but_says_what_it_would() -> None:
    shelf, source = inventory(), Source()
    view = shelf.view(source.kind, ["a"], fetch=False)
    assert view.asking == ("a",)
    assert source.fetched == []


def test_nothing_is_fetched_twice_before_it_is_about_to_expire() -> None:
    clock = FakeClock()
    shelf, source = inventory(clock), Source()
    shelf.view(source.kind, ["a"])
    land(shelf, source, ["a"])
    clock.advance(239)
    assert shelf.view(source.kind, ["a"]).asking == ()
    clock.advance(2)
    view = shelf.view(source.kind, ["a"])
    assert view.asking == ("a",)
    assert view.listing.items == ("a/1",), "the old items stay until the new ones have landed"
    land(shelf, source, ["a"])
    assert shelf.view(source.kind, ["a"]).listing.items == ("a/2",)


def test_a_list_is_kept_fresh_while_nobody_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ec2menu.resources.inventory.KEEP_STEP_SECONDS", (0.01, 0.01))
    clock = FakeClock()
    shelf, source = inventory(clock), Source()
    shelf.view(source.kind, ["a"])
    land(shelf, source, ["a"])
    before = shelf.view(source.kind, ["a"]).version
    shelf.keep_fresh(source.kind, ["a"])
    clock.advance(241)
    assert shelf.wait_for_news(before, seconds=WAIT_SECONDS), "it was fetched anew, and nobody had to look"
    assert shelf.view(source.kind, ["a"], fetch=False).listing.items == ("a/2",)


def test_a_list_is_kept_fresh_for_a_while_only() -> None:
    clock = FakeClock()
    shelf, source = inventory(clock), Source()
    shelf.keep_fresh(source.kind, ["a"])
    assert shelf.refresh_watched()
    clock.advance(KEEP_FRESH_SECONDS)
    assert not shelf.refresh_watched()
    shelf.keep_fresh(source.kind, ["a"])
    shelf.close()
    assert not shelf.refresh_watched()


def test_a_refresh_that_fails_leaves_the_old_items_with_a_problem() -> None:
    clock = FakeClock()
    shelf, source = inventory(clock), Source()
    shelf.view(source.kind, ["a"])
    land(shelf, source, ["a"])
    source.broken["a"] = Throttled("throttled", hint="wait")
    clock.advance(300)
    shelf.view(source.kind, ["a"])
    land(shelf, source, ["a"])
    view = shelf.view(source.kind, ["a"])
    assert view.listing.items == ("a/1",)
    assert [(problem.where, problem.message) for problem in view.listing.problems] == [("a", "throttled")]
    assert view.error is None


def test_a_first_fetch_that_fails_is_an_error_and_not_an_empty_list() -> None:
    shelf, source = inventory(), Source(broken={"a": Throttled("throttled")})
    shelf.view(source.kind, ["a"])
    land(shelf, source, ["a"])
    view = shelf.view(source.kind, ["a"])
    assert view.error is source.broken["a"]
    assert view.unknown == ()


def test_of_several_regions_the_good_ones_are_there_and_the_bad_one_is_a_problem() -> None:
    shelf, source = inventory(), Source(broken={"b": Throttled("throttled")})
    shelf.view(source.kind, ["a", "b", "c"])
    land(shelf, source, ["a", "b", "c"])
    view = shelf.view(source.kind, ["a", "b", "c"])
    assert {item.partition("/")[0] for item in view.listing.items} == {"a", "c"}
    assert [problem.where for problem in view.listing.problems] == ["b"]


def test_what_lands_after_everything_was_forgotten_is_not_kept() -> None:
    shelf, source = inventory(), Source()
    source.gate.clear()
    flight = shelf._fly(source.kind, "a")
    shelf.forget()
    source.gate.set()
    flight.result()
    assert shelf.view(source.kind, ["a"], fetch=False).unknown == ("a",)


def test_a_bug_in_a_fetch_is_told_and_not_asked_for_again_at_every_look() -> None:
    shelf, source = inventory(), Source()
    source.broken["a"] = TypeError("oh")  # type: ignore[assignment]  # what a bug raises
    shelf.view(source.kind, ["a"])
    land(shelf, source, ["a"])
    view = shelf.view(source.kind, ["a"])
    assert view.error is not None
    assert "bug" in view.error.message
    assert source.fetched == ["a"]


def test_the_last_run_is_shown_first_with_its_age_and_then_replaced(tmp_path: Path) -> None:
    clock = FakeClock()
    old = Listing(items=(Instance(id="i-1", region="eu-west-1"),), as_of=START - timedelta(minutes=3))
    Snapshots(tmp_path).save(EC2, "eu-west-1", old)
    shelf = Inventory(aws=an_aws, clock=clock, ttl_seconds=300, workers=2, snapshots=Snapshots(tmp_path))
    view = shelf.view(EC2, ["eu-west-1"], fetch=False)
    assert view.listing == old
    assert view.asking == ("eu-west-1",), "however young it is, what is on disk is asked for again"
    assert view.unknown == ()


def test_what_has_landed_is_on_disk_for_the_next_run(tmp_path: Path) -> None:
    clock = FakeClock()
    found = Listing(items=(Instance(id="i-1", region="eu-west-1"),), as_of=START)
    kind = Source().kind
    stored = type(kind)(
        name="ec2",
        title="",
        fetch=lambda *_: found,
        columns=(),
        identify=EC2.identify,
        is_dimmed=EC2.is_dimmed,
        packing=EC2.packing,
    )
    shelf = Inventory(aws=an_aws, clock=clock, ttl_seconds=300, workers=2, snapshots=Snapshots(tmp_path))
    shelf.listing(stored, ["eu-west-1"])
    shelf.close()
    assert Snapshots(tmp_path).load(EC2, "eu-west-1", now=START) == found


class AwsOf(Aws):
    """An AWS that says which account we are."""

    def __init__(self, account: str) -> None:
        super().__init__(
            profile="p", explicit=False, home="", profiles=Profiles(sections={}), ask_mfa=lambda text: text
        )
        self._account = account

    def identity(self) -> Identity:
        return Identity(account=self._account, arn=f"arn:aws:iam::{self._account}:user/me")


@pytest.mark.parametrize(("account", "left"), [("111122223333", 1), ("444455556666", 0)])
def test_what_another_account_had_goes_even_where_ours_may_list_nothing(
    account: str, left: int, tmp_path: Path
) -> None:
    before = Snapshots(tmp_path / "mine")
    before.save(EC2, "eu-west-1", Listing(items=(Instance(id="i-1", region="eu-west-1"),), as_of=START))
    before.claim("111122223333")
    denied = replace(EC2, fetch=Source(broken={"eu-west-1": DENIED}).kind.fetch)
    shelf = Inventory(
        aws=lambda: AwsOf(account),
        clock=FakeClock(),
        ttl_seconds=300,
        workers=2,
        snapshots=Snapshots(tmp_path / "mine"),
    )
    assert len(shelf.view(denied, ["eu-west-1"]).listing.items) == 1, "nobody knows yet whose it is"
    assert shelf.count(denied, "eu-west-1") is None, "AWS has not answered in this run"
    with pytest.raises(AccessDenied):
        shelf.listing(denied, ["eu-west-1"])
    shelf.close()
    view = shelf.view(denied, ["eu-west-1"], fetch=False)
    assert (len(view.listing.items), view.asking) == (left, () if left else ("eu-west-1",))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a file that is read slowly is made of a named pipe")
def test_who_looks_while_the_file_is_being_read_sees_what_is_in_it_too(tmp_path: Path) -> None:
    old = Listing(items=tuple(Instance(id=f"i-{n:04}", region="eu-west-1") for n in range(3000)), as_of=START)
    Snapshots(tmp_path).save(EC2, "eu-west-1", old)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    path.unlink()
    os.mkfifo(path)
    shelf = Inventory(aws=an_aws, clock=FakeClock(), ttl_seconds=300, workers=2, snapshots=Snapshots(tmp_path))
    first = Task(lambda: shelf.view(EC2, ["eu-west-1"], fetch=False))
    with path.open("wb") as slow:  # is open once the first has begun to read
        second = Task(lambda: shelf.view(EC2, ["eu-west-1"], fetch=False))
        for byte in content:
            slow.write(bytes([byte]))
            slow.flush()
    assert first.result().listing == old
    assert second.result().listing == old
