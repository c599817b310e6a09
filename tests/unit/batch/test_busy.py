"""A state file that another process holds: what must be written first waits, rows are written later, none is lost."""

import sqlite3
from collections.abc import Iterator

import pytest

from ec2menu.batch.journaled import RunState
from ec2menu.batch.nouns import Outcome, Progress
from ec2menu.errors import StateBusy
from tests.unit.batch.rig import Bench, counts, make, outcomes, when


class Lock:
    """Another process that holds the state file, and lets go of it when the clock says so."""

    def __init__(self, bench: Bench) -> None:
        self._clock = bench.clock
        self._other = sqlite3.connect(bench.folder / "state.sqlite3", isolation_level=None)
        self._until: float | None = None

    def hold(self, seconds: float) -> None:
        self._other.execute("BEGIN IMMEDIATE")
        self._until = self._clock.now() + seconds

    def let_go_in_time(self) -> None:
        if self._until is not None and self._clock.now() >= self._until:
            self._other.execute("ROLLBACK")
            self._until = None

    def close(self) -> None:
        self._other.close()


@pytest.fixture
def lock(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lock]:
    bench.store.read("PRAGMA busy_timeout=0")  # the file is not waited for with real time
    made = Lock(bench)
    advance = bench.clock.advance

    def advance_and_let_go(seconds: float) -> None:
        advance(seconds)
        made.let_go_in_time()

    monkeypatch.setattr(bench.clock, "advance", advance_and_let_go)
    yield made
    made.close()


def test_rows_that_landed_while_the_file_was_held_are_written_later(bench: Bench, lock: Lock) -> None:
    targets = bench.ssm.add(6)
    runner = bench.runner(make(targets, concurrency=6))
    result = runner.run(when(lambda progress: progress.running > 0, lambda: lock.hold(20)))
    assert counts(result) == {"succeeded": 6}
    assert not any(row.detail for row in result.results)
    run = bench.journal.load("run1")
    assert (run.record.state, len(run.results)) == (RunState.FINISHED, 6)


def test_a_run_whose_rows_could_not_be_written_is_not_finished_and_has_them_when_it_is_taken_up(
    bench: Bench, lock: Lock
) -> None:
    targets = bench.ssm.add(6)
    runner = bench.runner(make(targets, concurrency=6))
    result = runner.run(when(lambda progress: progress.running > 0, lambda: lock.hold(1000)))
    assert outcomes(result.results) == [Outcome.SUCCEEDED] * 6
    assert {row.detail.partition(":")[0] for row in result.results} == {"not in the journal"}
    bench.clock.advance(1000)
    run = bench.journal.load("run1")
    assert (run.record.state, run.results) == (RunState.INTERRUPTED, ())
    assert counts(bench.resumed("run1").run()) == {"succeeded": 6}
    assert bench.journal.load("run1").record.state is RunState.FINISHED
    assert bench.ssm.calls["send_command"] == 1


def test_a_send_waits_for_the_file_and_its_region_is_not_given_up(bench: Bench, lock: Lock) -> None:
    notes: list[str] = []
    targets = bench.ssm.add(20)
    hold = when(lambda progress: progress.done > 0, lambda: lock.hold(30))

    def listen(progress: Progress) -> None:
        hold(progress)
        notes.append(progress.note)

    result = bench.runner(make(targets, concurrency=2)).run(listen)
    assert counts(result) == {"succeeded": 20}
    assert any("trying again: not sent: the state file" in note for note in notes)
    assert set(bench.ssm.executions().values()) == {1}


def test_a_run_is_begun_and_taken_up_once_the_file_is_free(bench: Bench, lock: Lock) -> None:
    lock.hold(10)
    runner = bench.runner(make(bench.ssm.add(4), concurrency=2))
    left = runner.run(when(lambda progress: progress.done > 0, runner.detach))
    assert left.is_detached
    lock.hold(10)
    assert counts(bench.resumed("run1", send_rest=True).run()) == {"succeeded": 4}


def test_a_file_that_stays_held_is_an_error_before_anything_is_sent(bench: Bench, lock: Lock) -> None:
    lock.hold(1000)
    with pytest.raises(StateBusy, match="cannot be written") as caught:
        bench.runner(make(bench.ssm.add(1))).run()
    assert "another program holds it" in caught.value.hint
    assert bench.ssm.calls["send_command"] == 0
