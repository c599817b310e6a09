"""The cache in front of every fetch: how long it keeps, what it never keeps, one flight at a time, partial failure."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from ec2menu.aws.profiles import Profiles
from ec2menu.aws.session import Aws
from ec2menu.clock import SystemClock
from ec2menu.errors import AccessDenied, Ec2MenuError, LoginExpired, Throttled
from ec2menu.fanout import Task
from ec2menu.models import Listing, Problem
from ec2menu.resources.inventory import NO_REGION, Inventory
from ec2menu.resources.kinds import ResourceKind
from ec2menu.resources.shelf import KEPT_WHOLE_SECONDS, RETRY_SECONDS
from tests.fakes.clock import START, FakeClock

WAIT_SECONDS = 10.0
DENIED = AccessDenied("denied", hint="ask", action="ec2:DescribeInstances")


def an_aws() -> Aws:
    return Aws(profile="none", explicit=False, home="", profiles=Profiles(sections={}), ask_mfa=lambda text: text)


@dataclass
class Source:
    """A kind whose fetch is counted; `broken` regions raise, `partial` ones lack a part, and a closed gate holds it."""

    fetched: list[str] = field(default_factory=list)
    broken: dict[str, Ec2MenuError] = field(default_factory=dict)
    partial: set[str] = field(default_factory=set)
    gate: threading.Event = field(default_factory=threading.Event)
    is_regional: bool = True

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def kind(self) -> ResourceKind:
        return ResourceKind(
            name="things",
            title="Things",
            fetch=self._fetch,
            columns=(),
            identify=lambda item: (item, item),
            is_dimmed=lambda _item: False,
            is_regional=self.is_regional,
        )

    def _fetch(self, _aws: Aws, region: str, now: datetime, on_progress: Callable[[str], None]) -> Listing[Any]:
        self.fetched.append(region)
        on_progress(f"asking {region}")
        assert self.gate.wait(WAIT_SECONDS)
        if region in self.broken:
            raise self.broken[region]
        problems = (Problem(where=region, message="half"),) if region in self.partial else ()
        return Listing(items=(f"{region}/{len(self.fetched)}",), as_of=now, problems=problems)


def inventory(clock: FakeClock | None = None, *, ttl: float = 300) -> Inventory:
    return Inventory(aws=an_aws, clock=clock or FakeClock(), ttl_seconds=ttl, workers=20)


def wait_for_passengers(shelf: Inventory, count: int) -> None:
    """Wait until `count` threads share the flight that is under way."""
    clock = SystemClock()
    deadline = clock.now() + WAIT_SECONDS
    while clock.now() < deadline:
        flights: list[Any] = [kept.flight for kept in shelf._shelves.values() if kept.flight is not None]
        if flights and len(flights[0]._done._cond._waiters) >= count:
            return
        clock.sleep(0.005)
    raise AssertionError("they never came")


def ask_from_many_threads(shelf: Inventory, source: Source, count: int) -> list[Task[Listing[Any]]]:
    """Let `count` threads ask for the same list while its fetch is held, then let it go."""
    source.gate.clear()
    tasks = [Task(lambda: shelf.listing(source.kind, ["a"])) for _ in range(count)]
    wait_for_passengers(shelf, count)
    source.gate.set()
    return tasks


def test_a_listing_is_kept_until_its_time_is_over() -> None:
    clock, source = FakeClock(), Source()
    shelf = inventory(clock, ttl=300)
    first = shelf.listing(source.kind, ["a"])
    clock.advance(299)
    assert shelf.listing(source.kind, ["a"]) is first
    assert first.as_of == START
    clock.advance(1)
    assert shelf.listing(source.kind, ["a"]).as_of == clock.wall()
    assert source.fetched == ["a", "a"]


def test_a_time_to_live_of_zero_asks_every_time() -> None:
    source = Source()
    shelf = inventory(ttl=0)
    assert [shelf.listing(source.kind, ["a"]).items for _ in range(3)] == [("a/1",), ("a/2",), ("a/3",)]


def test_refresh_asks_again_and_keeps_the_new_answer() -> None:
    source = Source()
    shelf = inventory()
    assert shelf.listing(source.kind, ["a"]).items == ("a/1",)
    assert shelf.listing(source.kind, ["a"], refresh=True).items == ("a/2",)
    assert shelf.listing(source.kind, ["a"]).items == ("a/2",)


def test_regions_are_kept_one_by_one() -> None:
    source = Source()
    shelf = inventory()
    shelf.listing(source.kind, ["a"])
    assert shelf.listing(source.kind, ["a", "b"]).items == ("a/1", "b/2")
    assert source.fetched == ["a", "b"]


def test_forgetting_drops_everything() -> None:
    source = Source()
    shelf = inventory()
    shelf.listing(source.kind, ["a"])
    shelf.forget()
    assert shelf.listing(source.kind, ["a"]).items == ("a/2",)


def test_what_was_under_way_when_everything_was_forgotten_is_not_kept() -> None:
    source = Source()
    shelf = inventory()
    source.gate.clear()
    old = Task(lambda: shelf.listing(source.kind, ["a"]))
    wait_for_passengers(shelf, 0)
    shelf.forget()
    source.gate.set()
    assert old.result().items == ("a/1",)
    assert shelf.listing(source.kind, ["a"]).items == ("a/2",)


@pytest.mark.parametrize("ttl", [300, 0])
def test_fifty_threads_that_ask_at_once_cause_one_fetch(ttl: float) -> None:
    source = Source()
    shelf = inventory(ttl=ttl)
    tasks = ask_from_many_threads(shelf, source, 50)
    assert {task.result().items for task in tasks} == {("a/1",)}
    assert source.fetched == ["a"]
    assert [kept.flight for kept in shelf._shelves.values()] == [None]


def test_fifty_threads_share_one_failure_and_the_next_one_asks_again() -> None:
    source = Source(broken={"a": DENIED})
    shelf = inventory()
    for task in ask_from_many_threads(shelf, source, 50):
        with pytest.raises(AccessDenied, match="denied"):
            task.result()
    assert source.fetched == ["a"]
    source.broken.clear()
    assert shelf.listing(source.kind, ["a"]).items == ("a/2",)


def test_an_interrupted_fetch_leaves_the_way_free_for_the_next() -> None:
    source = Source()
    shelf = inventory()
    source.broken["a"] = KeyboardInterrupt()  # type: ignore[assignment]  # what Ctrl-C raises
    with pytest.raises(KeyboardInterrupt):
        shelf.listing(source.kind, ["a"])
    source.broken.clear()
    assert shelf.listing(source.kind, ["a"]).items == ("a/2",)


def test_a_failure_is_raised_and_never_kept() -> None:
    source = Source(broken={"a": DENIED})
    shelf = inventory()
    for _ in range(2):
        with pytest.raises(AccessDenied):
            shelf.listing(source.kind, ["a"])
    assert source.fetched == ["a", "a"]


def test_a_failed_refresh_leaves_the_last_good_listing() -> None:
    source = Source()
    shelf = inventory()
    good = shelf.listing(source.kind, ["a"])
    source.broken["a"] = DENIED
    with pytest.raises(AccessDenied):
        shelf.listing(source.kind, ["a"], refresh=True)
    assert shelf.listing(source.kind, ["a"]) is good


def test_a_listing_with_a_part_missing_is_shown_and_not_kept() -> None:
    source = Source()
    shelf = inventory()
    shelf.listing(source.kind, ["a"])
    source.partial.add("a")
    assert shelf.listing(source.kind, ["a"], refresh=True).problems[0].message == "half"
    source.partial.clear()
    assert shelf.listing(source.kind, ["a"]).items == ("a/3",)


def test_a_refresh_that_lacks_a_part_leaves_the_last_whole_list_with_its_age_for_an_hour() -> None:
    source, clock = Source(), FakeClock()
    shelf = inventory(clock)
    good = shelf.listing(source.kind, ["a"])
    source.partial.add("a")
    clock.advance(KEPT_WHOLE_SECONDS)
    for number in (2, 3):
        acted_on = shelf.listing(source.kind, ["a"], refresh=True)
        assert acted_on.items == (f"a/{number}",), "an old list is no answer to who must know how it is now"
        shown = shelf.view(source.kind, ["a"]).listing
        assert (shown.items, shown.as_of) == (good.items, good.as_of)
        assert [problem.message for problem in (*acted_on.problems, *shown.problems)] == ["half"] * 2
    clock.advance(1)
    assert shelf.listing(source.kind, ["a"], refresh=True).items == ("a/4",)
    source.partial.clear()
    assert shelf.listing(source.kind, ["a"]).items == ("a/5",)


def test_a_list_that_has_grown_old_while_the_computer_slept_is_asked_for_again() -> None:
    source, clock = Source(), FakeClock()
    shelf = inventory(clock)
    shelf.listing(source.kind, ["a"])
    clock.fall_asleep(8 * 3600)
    assert shelf.view(source.kind, ["a"], fetch=False).asking == ("a",)


def test_lists_for_which_our_credentials_were_refused_are_due_once_there_are_others() -> None:
    source, clock = Source(broken={"a": LoginExpired("expired")}), FakeClock()
    shelf = inventory(clock)
    for region in ("a", "b"):
        with suppress(LoginExpired):
            shelf.listing(source.kind, [region])
    assert shelf.is_refused()
    assert shelf.view(source.kind, ["a", "b"], fetch=False).asking == ()
    shelf.retry_refused()
    assert shelf.view(source.kind, ["a", "b"], fetch=False).asking == ("a",)
    assert not shelf.is_refused()


@pytest.mark.parametrize(("error", "wait"), [(Throttled("slow down"), RETRY_SECONDS), (DENIED, 0.8 * 300)])
def test_what_failed_is_asked_again_soon_unless_it_would_fail_again(error: Ec2MenuError, wait: float) -> None:
    source, clock = Source(broken={"a": error}), FakeClock()
    shelf = inventory(clock)
    with pytest.raises(type(error)):
        shelf.listing(source.kind, ["a"])
    clock.advance(wait - 1)
    assert shelf.view(source.kind, ["a"], fetch=False).is_complete
    clock.advance(1)
    assert not shelf.view(source.kind, ["a"], fetch=False).is_complete


def test_one_bad_region_among_several_is_a_problem_beside_the_others() -> None:
    source = Source(broken={"b": DENIED}, partial={"c"})
    found = inventory().listing(source.kind, ["a", "b", "c"])
    assert [item.partition("/")[0] for item in found.items] == ["a", "c"]
    assert found.problems == (
        Problem(where="c", message="half"),
        Problem(where="b", message="denied", hint="ask", status=DENIED.status, is_lasting=True),
    )


def test_that_other_calls_failed_too_is_said_with_the_first() -> None:
    source = Source(broken={"a": Throttled("slow down"), "b": Throttled("slow down")})
    source.broken |= {region: AccessDenied(f"{region} is denied") for region in ("c", "d")}
    messages = {"ab": "slow down", "abc": "slow down; c is denied", "acd": "slow down; 2 other calls failed, too"}
    for regions, message in messages.items():
        with pytest.raises(Throttled) as caught:
            inventory().listing(source.kind, list(regions))
        assert caught.value.message == message


def test_all_regions_failing_raises_the_first_ones_error() -> None:
    source = Source(broken={"a": Throttled("slow down"), "b": DENIED})
    with pytest.raises(Throttled, match="slow down"):
        inventory().listing(source.kind, ["a", "b"])


def test_several_regions_are_as_old_as_the_oldest_of_them() -> None:
    clock, source = FakeClock(), Source()
    shelf = inventory(clock)
    shelf.listing(source.kind, ["a"])
    clock.advance(100)
    assert shelf.listing(source.kind, ["b", "a"]).as_of == START


def test_no_regions_have_nothing() -> None:
    assert inventory().listing(Source().kind, []) == Listing(items=(), as_of=START)


def test_what_exists_once_is_fetched_once_whatever_the_regions() -> None:
    source = Source(is_regional=False)
    shelf = inventory()
    assert shelf.listing(source.kind, ["a", "b"]) is shelf.listing(source.kind, [])
    assert source.fetched == [NO_REGION]


def test_progress_is_the_fetches_own_for_one_region_and_a_count_for_several() -> None:
    heard: list[str] = []
    shelf = inventory()
    shelf.listing(Source().kind, ["a"], on_progress=heard.append)
    assert heard[-1] == "asking a"
    source = Source(broken={"b": DENIED})
    shelf.listing(source.kind, ["a", "b", "c"], on_progress=heard.append)
    assert heard[-1] == "3 of 3 regions, 2 so far"


def test_a_bug_in_a_fetch_is_not_hidden_among_the_problems() -> None:
    source = Source()
    source.broken["b"] = RuntimeError("bug")  # type: ignore[assignment]  # what a fetch must never raise
    with pytest.raises(RuntimeError, match="bug"):
        inventory().listing(source.kind, ["a", "b"])
