"""A terminal inside the test's own process, and a thread that is its user: it reads, types, closes the window."""

import contextlib
import os
import select
import termios
import threading
import time
from types import TracebackType
from typing import Any, Self

STEP_SECONDS = 0.02


class PtyUser:
    """A pseudo-terminal with a user at its far side; `descriptor` is the program's side.

    `close_at` are words at which the user closes the window.
    """

    def __init__(self, *, close_at: bytes = b"") -> None:
        self._glass, self.descriptor = os.openpty()
        self._close_at = close_at
        self._seen = b""
        self._keys = b""
        self._awaited = b""
        self._done = threading.Event()
        self._user = threading.Thread(target=self._look_and_type, daemon=True)

    def __enter__(self) -> Self:
        os.set_blocking(self._glass, False)
        self._user.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._user.join()
        with contextlib.suppress(OSError):
            os.close(self.descriptor)

    @property
    def seen(self) -> bytes:
        """All that was printed so far."""
        return self._seen

    def wait_for(self, words: bytes, *, seconds: float = 10.0) -> None:
        """Wait until the user has seen `words`: what was printed reaches the glass a moment later."""
        deadline = time.monotonic() + seconds
        while words not in self._seen:
            assert time.monotonic() < deadline, f"no {words!r} in {self._seen!r}"
            time.sleep(STEP_SECONDS)

    def type(self, data: bytes, *, after: bytes) -> None:
        """Press keys as soon as `after` shows on the screen."""
        self._awaited, self._keys = after, data

    @property
    def has_typed(self) -> bool:
        """Whether all keys have been pressed."""
        return not self._keys

    def settings(self) -> list[Any]:
        """Return the terminal's settings."""
        return termios.tcgetattr(self.descriptor)

    def _look_and_type(self) -> None:
        while not self._done.is_set() and not (self._close_at and self._close_at in self._seen):
            writing = [self._glass] if self._keys and self._awaited in self._seen else []
            readable, writable, _ = select.select([self._glass], writing, [], STEP_SECONDS)
            if readable:
                self._seen += os.read(self._glass, 65536)
            if writable:
                with contextlib.suppress(BlockingIOError):
                    self._keys = self._keys[os.write(self._glass, self._keys[:4096]) :]
        os.close(self._glass)
