"""Time as a parameter.

Everything that measures, expires or waits takes a `Clock`, so that tests replace it and never sleep.
Nothing else in the package may import `time` for anything but formatting.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the package knows of time."""

    def now(self) -> float:
        """Return monotonic seconds; only differences mean anything."""

    def wall(self) -> datetime:
        """Return the current moment in UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""


class SystemClock:
    """The real clock."""

    def now(self) -> float:
        """Return monotonic seconds; only differences mean anything."""
        return time.monotonic()

    def wall(self) -> datetime:
        """Return the current moment in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        time.sleep(seconds)


def describe_age(seconds: float) -> str:
    """Say a length of time as a number and one letter: `45s`, `12m`, `3h`, `9d`, `2y`."""
    seconds = max(0.0, seconds)
    for size, unit in ((365 * 86400, "y"), (86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def describe_duration(seconds: float) -> str:
    """Say how long something lasted: `4 s`, `12 min 5 s`, `2 h 03 min`."""
    whole = int(max(0.0, seconds))
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    if minutes:
        return f"{minutes} min {secs} s"
    return f"{secs} s"
