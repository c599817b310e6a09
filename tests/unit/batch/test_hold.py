"""A run has one owner: who was taken for dead and wakes up again sends and writes nothing more."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ec2menu.batch.actions import Order
from ec2menu.batch.hold import Hold
from ec2menu.batch.journal import DEAD_AFTER_SECONDS, Journal
from ec2menu.batch.journaled import JournaledRun, RunState, SendState
from ec2menu.batch.nouns import BatchResult, NodeResult, Outcome, Progress
from ec2menu.batch.place import here, is_gone
from ec2menu.batch.runner import BatchRunner
from ec2menu.errors import Ec2MenuError, TakenOver, TargetUnavailable
from tests.unit.batch.rig import Bench, at_once, counts, make
from tests.unit.batch.ssm import SsmAws

NOBODY = 2**22 + 1  # no process has that number
ORDER = Order(
    seq=1, region="us-east-1", document="D", token="t", share=2, timeout_seconds=60, node_ids=("i-1",), attempts=(1,)
)


def test_who_lost_a_run_can_neither_send_nor_write_but_what_became_of_its_own_send(bench: Bench) -> None:
    targets = bench.ssm.add(1)
    journal = bench.journal
    first = journal.begin(make(targets))
    first.intend(ORDER)
    bench.clock.advance(DEAD_AFTER_SECONDS)
    second = journal.claim(journal.load("run1"))
    row = NodeResult(target=targets[0], outcome=Outcome.SUCCEEDED)
    for write in (first.beat, lambda: first.intend(replace(ORDER, seq=2)), lambda: first.note_results([row])):
        with pytest.raises(TakenOver, match="run1 was taken over by another ec2menu"):
            write()
    first.note_send(1, SendState.SENT, "c-1")
    first.forget_open_results()
    first.finish(RunState.FINISHED)
    run = journal.load("run1")
    assert (run.record.state, run.results) == (RunState.LIVE, ())
    assert [(send.state, send.command_id) for send in run.sends] == [(SendState.SENT, "c-1")]
    second.intend(replace(ORDER, seq=2))
    second.note_results([row])
    second.finish(RunState.FINISHED)
    assert journal.load("run1").record.state is RunState.FINISHED


def stand_still(bench: Bench, then: Callable[[], object], *, sent: int) -> Callable[[Progress], None]:
    """Return a listener that, once so many commands were sent, stands still until the process counts as dead."""
    done: list[bool] = []

    def listen(_progress: Progress) -> None:
        if not done and bench.ssm.calls["send_command"] >= sent:
            done.append(True)
            bench.clock.advance(DEAD_AFTER_SECONDS + 3)
            then()

    return listen


@pytest.mark.parametrize("send_rest", [False, True])
def test_a_process_that_stood_still_while_its_run_was_taken_up_stops(bench: Bench, *, send_rest: bool) -> None:
    targets = bench.ssm.add(12)
    others: list[BatchResult] = []
    runner = bench.runner(make(targets, concurrency=2))
    take_over = stand_still(bench, lambda: others.append(bench.resumed("run1", send_rest=send_rest).run()), sent=2)
    with pytest.raises(TakenOver) as caught:
        runner.run(take_over)
    assert "ec2menu runs run1" in caught.value.hint
    assert set(bench.ssm.executions().values()) == {1}
    (other,) = others
    assert len(other.succeeded) == len(bench.ssm.executions())
    assert (len(other.succeeded) == 12) is send_rest
    assert bench.journal.runs()[0].state is (RunState.FINISHED if send_rest else RunState.DETACHED)


def test_a_process_that_was_only_slow_goes_on(bench: Bench) -> None:
    runner = bench.runner(make(bench.ssm.add(6), concurrency=2))
    result = runner.run(stand_still(bench, bench.journal.runs, sent=1))
    assert counts(result) == {"succeeded": 6}


@pytest.mark.parametrize("place", ["", "another machine", "host boot pid:[1]"])
def test_a_number_from_elsewhere_is_no_proof_of_death(bench: Bench, place: str) -> None:
    bench.journal.begin(make(bench.ssm.add(1)))
    bench.store.write("UPDATE batch_run SET pid = ?, place = ?", [(NOBODY, place)])
    assert bench.journal.load("run1").record.state is RunState.LIVE
    with pytest.raises(TargetUnavailable, match="followed by another"):
        bench.resumed("run1")
    bench.clock.advance(DEAD_AFTER_SECONDS)
    assert bench.journal.load("run1").record.state is RunState.INTERRUPTED


@pytest.mark.skipif(not here(), reason="only Linux tells")
def test_a_process_of_here_that_has_ended_is_gone_at_once(bench: Bench) -> None:
    bench.journal.begin(make(bench.ssm.add(1)))
    assert bench.journal.load("run1").record.state is RunState.LIVE
    bench.store.write("UPDATE batch_run SET pid = ?", [(NOBODY,)])
    assert bench.journal.load("run1").record.state is RunState.INTERRUPTED
    assert not is_gone(1, here())
    assert is_gone(0, here())


def test_what_the_owner_before_sent_up_to_the_last_moment_is_not_sent_again(bench: Bench) -> None:
    """Between reading a run and claiming it, its owner may wake up and send; what is sent is read after the claim."""
    targets = bench.ssm.add(4)
    first = bench.journal.begin(make(targets, concurrency=4))
    bench.clock.advance(DEAD_AFTER_SECONDS)
    order = replace(ORDER, node_ids=tuple(target.id for target in targets), attempts=(1,) * 4)

    class Late(Journal):
        def claim(self, run: JournaledRun) -> Hold:
            first.intend(order)
            return super().claim(run)

    late = Late(bench.store, clock=bench.clock)
    runner = BatchRunner.resume(
        SsmAws(bench.ssm), "run1", clock=bench.clock, journal=late, outputs=bench.outputs, send_rest=True
    )
    assert {row.outcome for row in at_once(runner).run().results} == {Outcome.IN_DOUBT}
    assert bench.ssm.calls["send_command"] == 0


def test_a_run_that_cannot_be_read_is_not_taken_for_one_that_sent_nothing(bench: Bench) -> None:
    bench.journal.begin(make(bench.ssm.add(1))).finish(RunState.DETACHED)
    bench.store.write("DROP TABLE batch_send", [()])
    with pytest.raises(Ec2MenuError, match="cannot be read"):
        bench.resumed("run1", send_rest=True)
    assert bench.ssm.calls["send_command"] == 0
