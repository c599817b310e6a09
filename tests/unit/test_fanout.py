"""Background tasks and the bounded parallel map: order, bound, failures, and whose thread does the work."""

import gc
import threading
import time
import weakref
from collections.abc import Callable

import pytest

from ec2menu.fanout import Crew, Pool, Task, fan_out

WAIT_SECONDS = 10.0


class Gauge:
    """Counts how many calls are under way at once; each waits until `expected` have met, or the gauge is opened."""

    def __init__(self, expected: int) -> None:
        self.highest = 0
        self._running = 0
        self._lock = threading.Lock()
        self._met = threading.Event()
        self._expected = expected

    def __call__(self, item: int) -> int:
        with self._lock:
            self._running += 1
            self.highest = max(self.highest, self._running)
            if self._running >= self._expected:
                self._met.set()
        assert self._met.wait(WAIT_SECONDS), "the calls never met"
        with self._lock:
            self._running -= 1
        return item * 10


def refusing(*bad: int) -> Callable[[int], int]:
    def call(item: int) -> int:
        if item in bad:
            raise ValueError(item)
        return item

    return call


def test_a_task_gives_what_its_function_returns() -> None:
    task = Task(lambda: 42)
    assert task.result() == 42
    assert task.is_done
    assert task.result() == 42


def test_a_task_gives_none_where_its_function_returns_none() -> None:
    assert Task(lambda: None).result() is None


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(3)])
def test_a_task_raises_what_its_function_raised_every_time_it_is_asked(error: BaseException) -> None:
    def fail() -> None:
        raise error

    task = Task(fail)
    for _ in range(2):
        with pytest.raises(type(error)) as caught:
            task.result()
        assert caught.value is error


def test_waiting_for_a_task_ends_when_time_is_up_and_the_task_goes_on() -> None:
    release = threading.Event()
    task = Task(lambda: release.wait(WAIT_SECONDS))
    assert not task.wait(0)
    assert not task.is_done
    release.set()
    assert task.wait(WAIT_SECONDS)
    assert task.result() is True


def test_a_task_runs_in_a_daemon_thread_that_cannot_keep_the_program_alive() -> None:
    running = Task(threading.current_thread).result()
    assert running.daemon
    assert running is not threading.current_thread()


def test_results_come_in_the_order_of_the_items_whatever_ends_first() -> None:
    last_done = threading.Event()

    def call(item: int) -> int:
        if item == 3:
            last_done.set()
        assert last_done.wait(WAIT_SECONDS)
        return item * 10

    assert fan_out(call, [1, 2, 3], limit=3) == [10, 20, 30]


@pytest.mark.parametrize(("count", "limit"), [(5, 2), (20, 7), (3, 20), (200, 20)])
def test_as_many_calls_run_at_once_as_the_limit_says_and_never_more(count: int, limit: int) -> None:
    together = min(count, limit)
    gauge = Gauge(expected=together)
    assert fan_out(gauge, range(count), limit=limit) == [item * 10 for item in range(count)]
    assert gauge.highest == together


def test_no_items_make_no_calls() -> None:
    assert fan_out(refusing(), [], limit=5) == []


def test_a_single_item_is_done_in_the_callers_own_thread() -> None:
    assert fan_out(lambda _item: threading.current_thread(), ["only"], limit=5) == [threading.current_thread()]


def test_a_limit_of_one_still_does_everything() -> None:
    assert fan_out(refusing(), list(range(50)), limit=1) == list(range(50))


def test_the_first_failure_in_the_items_order_is_raised_after_all_calls_have_ended() -> None:
    seen: list[int] = []

    def call(item: int) -> None:
        seen.append(item)
        refusing(2, 4)(item)

    with pytest.raises(ValueError, match=r"^2$"):
        fan_out(call, [1, 2, 3, 4, 5], limit=2)
    assert sorted(seen) == [1, 2, 3, 4, 5]


def test_a_single_failing_item_raises_as_it_is() -> None:
    with pytest.raises(ValueError, match=r"^7$"):
        fan_out(refusing(7), [7], limit=3)


def test_a_pool_that_waits_for_work_keeps_nothing_of_the_work_before_alive() -> None:
    class Known:
        pass

    known, pool = Known(), Pool(1)
    gone = weakref.ref(known)
    pool.submit(lambda thing=known: str(thing)).result()  # type: ignore[misc] # mypy cannot infer it
    del known
    deadline = time.monotonic() + WAIT_SECONDS
    while gone() is not None:
        assert time.monotonic() < deadline, "it is still alive"
        gc.collect()


def test_a_pool_s_threads_end_when_there_is_nothing_to_do_and_are_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ec2menu.fanout.IDLE_SECONDS", 0.01)
    pool = Pool(2)
    for _ in range(2):
        thread = pool.submit(threading.current_thread).result()
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive()


def test_a_crew_does_everything_that_is_added_also_while_it_works() -> None:
    done: list[int] = []

    def work(item: int) -> None:
        done.append(item)
        if item < 5:
            crew.add(item + 10)

    crew = Crew(work, limit=3)
    for item in range(20):
        crew.add(item)
    crew.finish()
    assert sorted(done) == sorted([*range(20), *range(10, 15)])


def test_a_crew_is_never_larger_than_its_limit_and_as_large_as_that() -> None:
    gauge = Gauge(3)
    crew = Crew(gauge, limit=3)
    for item in range(9):
        crew.add(item)
    crew.finish()
    assert gauge.highest == 3


def test_after_a_failure_a_crew_begins_nothing_more_and_says_so_at_the_end() -> None:
    held, done = threading.Event(), list[int]()

    def work(item: int) -> None:
        assert held.wait(WAIT_SECONDS)
        if item == 0:
            raise ValueError(item)
        done.append(item)

    crew = Crew(work, limit=1)
    for item in range(5):
        crew.add(item)
    held.set()
    with pytest.raises(ValueError, match="0"):
        crew.finish()
    assert done == []


def test_a_crew_with_nothing_to_do_is_done() -> None:
    done: list[int] = []
    crew = Crew(done.append, limit=2)
    crew.finish()
    assert done == []
    crew.add(1)
    crew.finish()
    assert done == [1], "and it can be given more"
