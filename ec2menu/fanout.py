"""Work in other threads: a background task, a bounded parallel map, a pool. The only thread code of the package.

Threads are daemons on purpose: a network call that hangs must not keep the program from ending. Waiting is done in
short steps, so that Ctrl-C reaches the main thread at once.
"""

import contextlib
import functools
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, ParamSpec, TypeVar

A = TypeVar("A")
R = TypeVar("R")
P = ParamSpec("P")

WAIT_STEP_SECONDS = 0.1
IDLE_SECONDS = 30.0
_M_ARENA_MAX = -8  # malloc.h
_ARENAS = 2


class Task(Generic[R]):
    """A function running in a thread of its own; its result or its exception comes out of `result`."""

    def __init__(self, function: Callable[[], R], *, started: bool = True) -> None:
        self._function = function
        self._done = threading.Event()
        self._value: R | None = None
        self._error: BaseException | None = None
        if started:
            threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        """Run the function here and now; for whoever made the task without starting it."""
        try:
            self._value = self._function()
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks for the result
            self._error = error
        finally:
            self._done.set()

    @property
    def is_done(self) -> bool:
        """Whether `result` would return or raise at once."""
        return self._done.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait at most `seconds`; return whether the task is done."""
        return self._done.wait(seconds)

    def result(self) -> R:
        """Wait to the end; return the function's value or raise what it raised."""
        while not self._done.wait(WAIT_STEP_SECONDS):
            pass
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # set whenever no error is


def fan_out(function: Callable[[A], R], items: Sequence[A], *, limit: int) -> list[R]:
    """Call `function` on every item, at most `limit` at a time; return the results in the items' order.

    The first exception, in the items' order, is raised once all calls have ended; a function whose failures matter
    one by one returns them as values.
    """
    if len(items) <= 1:
        return [function(item) for item in items]
    results: dict[int, R] = {}
    errors: dict[int, BaseException] = {}
    queue = iter(enumerate(items))
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                entry = next(queue, None)
            if entry is None:
                return
            index, item = entry
            try:
                results[index] = function(item)
            except BaseException as error:  # noqa: BLE001 - raised below, in order
                errors[index] = error

    tasks = [Task(work) for _ in range(min(limit, len(items)))]
    for task in tasks:
        task.result()
    if errors:
        raise errors[min(errors)]
    return [results[index] for index in range(len(items))]


class Crew(Generic[A]):
    """At most `limit` threads that call a function on what is added meanwhile; those with nothing to do end.

    After the first exception nothing more is begun; `finish` waits for what is under way, and raises it.
    """

    def __init__(self, function: Callable[[A], object], *, limit: int) -> None:
        self._function = function
        self._limit = limit
        self._queue: deque[A] = deque()
        self._lock = threading.Lock()
        self._working = 0
        self._tasks: list[Task[None]] = []
        self._error: BaseException | None = None

    def add(self, item: A) -> None:
        """Have the function called on the item, by a thread of its own where there may be one more."""
        with self._lock:
            self._queue.append(item)
            if self._working < self._limit:
                self._working += 1
                self._tasks.append(Task(self._work))

    def finish(self) -> None:
        """Wait until everything that was added is done; raise the first exception."""
        for task in self._tasks:
            task.result()
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._queue or self._error is not None:
                    self._working -= 1
                    return
                item = self._queue.popleft()
            try:
                self._function(item)
            except BaseException as error:  # noqa: BLE001 - raised by `finish`
                with self._lock:
                    self._error = self._error or error


def one_at_a_time(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function as one in which there is one thread at a time: what is counted last is told last."""
    lock = threading.Lock()

    @functools.wraps(function)
    def alone(*arguments: P.args, **named: P.kwargs) -> R:
        with lock:
            return function(*arguments, **named)

    return alone


class Pool:
    """At most `limit` daemon threads that run what is submitted, in order; started as needed, ended when idle."""

    def __init__(self, limit: int) -> None:
        _share_memory()
        self._limit = limit
        self._idle = 0
        self._threads = 0
        self._queue: deque[Callable[[], None]] = deque()
        self._wake = threading.Condition()

    def submit(self, function: Callable[[], R]) -> Task[R]:
        """Run the function as soon as a thread is free; its outcome is in the task."""
        task: Task[R] = Task(function, started=False)
        with self._wake:
            self._queue.append(task.run)
            if self._idle < len(self._queue) and self._threads < self._limit:
                self._threads += 1
                threading.Thread(target=self._work, daemon=True).start()
            self._wake.notify()
        return task

    def _work(self) -> None:
        while True:
            with self._wake:
                self._idle += 1
                while not self._queue:
                    if not self._wake.wait(IDLE_SECONDS) and not self._queue:
                        self._idle -= 1
                        self._threads -= 1
                        return
                self._idle -= 1
                run = self._queue.popleft()
            run()
            del run  # a thread that waits would keep alive all that its last task knew: clients with open connections


def _share_memory() -> None:
    """Let glibc's malloc keep few arenas; one for every thread costs 80 MB where each has parsed a large reply."""
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415 - not needed for the first menu

    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
