"""A clock that stands still until a test moves it; sleeping moves it, too, so that nothing ever waits."""

import threading
import time
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class FakeClock:
    """The product's `Clock` with hands; `slept` is how long each `sleep` was asked for."""

    def __init__(self, wall: datetime = START) -> None:
        self.slept: list[float] = []
        self._seconds = 1000.0
        self._wall = wall

    def now(self) -> float:
        return self._seconds

    def wall(self) -> datetime:
        return self._wall

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass on both faces."""
        self._seconds += seconds
        self._wall += timedelta(seconds=seconds)

    def fall_asleep(self, seconds: float) -> None:
        """Let `seconds` pass on the wall alone, as while a laptop's lid is closed."""
        self._wall += timedelta(seconds=seconds)


class HurriedClock(FakeClock):
    """A clock for what waits for other processes in a thread: sleeping takes real time, `speed` times less of it."""

    def __init__(self, *, speed: float = 10.0) -> None:
        super().__init__()
        self.speed = speed
        self._lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.speed)
        super().sleep(seconds)

    def advance(self, seconds: float) -> None:
        with self._lock:
            super().advance(seconds)
