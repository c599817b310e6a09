"""Time as a parameter, and how lengths of time are said."""

from datetime import UTC, timedelta

import pytest

from ec2menu.clock import Clock, SystemClock, describe_age, describe_duration
from tests.fakes.clock import START, FakeClock

MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0s"),
        (0, "0s"),
        (0.9, "0s"),
        (59.99, "59s"),
        (MINUTE, "1m"),
        (HOUR - 1, "59m"),
        (HOUR, "1h"),
        (DAY - 1, "23h"),
        (DAY, "1d"),
        (365 * DAY - 1, "364d"),
        (365 * DAY, "1y"),
        (800 * DAY, "2y"),
    ],
)
def test_an_age_is_one_number_and_one_letter(seconds: float, said: str) -> None:
    assert describe_age(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0 s"),
        (4.7, "4 s"),
        (MINUTE, "1 min 0 s"),
        (725, "12 min 5 s"),
        (HOUR - 1, "59 min 59 s"),
        (2 * HOUR + 3 * MINUTE + 59, "2 h 03 min"),
        (50 * HOUR, "50 h 00 min"),
    ],
)
def test_a_duration_is_said_in_two_units_at_most(seconds: float, said: str) -> None:
    assert describe_duration(seconds) == said


def test_the_system_clock_never_goes_back_and_knows_its_zone() -> None:
    clock: Clock = SystemClock()
    before = clock.now()
    clock.sleep(0)
    assert clock.now() >= before
    assert clock.wall().tzinfo is UTC


def test_the_fake_clock_moves_only_when_it_is_told_to() -> None:
    fake = FakeClock()
    clock: Clock = fake
    start = clock.now()
    assert (clock.now(), clock.wall()) == (start, START)
    clock.sleep(2.5)
    fake.advance(60)
    assert clock.now() - start == 62.5
    assert clock.wall() - START == timedelta(seconds=62.5)
    assert fake.slept == [2.5]
