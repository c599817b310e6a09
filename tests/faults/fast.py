"""A clock that runs fast, the same for every process of a test: deadlines of minutes pass in seconds."""

import time
from datetime import UTC, datetime

SPEED = 30


class FastClock:
    """The product's `Clock`, hurrying on since `base` (seconds since the epoch)."""

    def __init__(self, base: float, *, speed: float = SPEED) -> None:
        self.base = base
        self.speed = speed

    def now(self) -> float:
        return (time.time() - self.base) * self.speed

    def wall(self) -> datetime:
        return datetime.fromtimestamp(self.base + self.now(), UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.speed)
