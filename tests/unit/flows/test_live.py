"""The first picture of many regions: how long it waits for those that have not answered."""

import pytest

from ec2menu.flows.live import GRACE_SECONDS, MOST_GRACE_SECONDS, Patience


def seconds_waited(arrivals: list[float], *, missing: int) -> float:
    """Return when patience ends, with a region landing at each of the moments; the first has landed at 0."""
    patience, now = Patience(), 0.0
    while not patience.is_over(missing - sum(moment <= now for moment in arrivals), now=now):
        now = round(now + 0.1, 1)
    return now


def test_a_region_that_does_not_answer_holds_up_the_others_for_a_moment_only() -> None:
    assert seconds_waited([], missing=16) == GRACE_SECONDS


def test_regions_that_keep_coming_are_waited_for() -> None:
    assert seconds_waited([0.9, 1.8, 2.7], missing=16) == pytest.approx(2.7 + GRACE_SECONDS)


def test_many_slow_regions_are_not_waited_for_without_end() -> None:
    assert seconds_waited([0.9 * step for step in range(30)], missing=50) == MOST_GRACE_SECONDS
