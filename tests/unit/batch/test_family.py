"""Runs that repeat others: what succeeded in one is not run again by the next, nor by two at once."""

from dataclasses import replace

import pytest

from ec2menu.batch.family import answered, rows_of, run_to_go_on_with
from ec2menu.batch.journaled import Origin, RunState
from ec2menu.batch.nouns import BatchResult, Outcome, Target
from ec2menu.batch.runner import BatchRunner
from ec2menu.demo.invocations import Outcome as Ended
from ec2menu.errors import TargetUnavailable
from tests.unit.batch.rig import Bench, counts, make, when
from tests.unit.batch.ssm import Crash

FAILS = Ended(delay_seconds=1, exit_code=3)


def failed_now(bench: Bench, run_id: str) -> tuple[list[Target], Origin]:
    run = bench.journal.load(run_id)
    result = BatchResult(run_id=run_id, results=answered(rows_of(run), run.later))
    return [row.target for row in result.failed], run.origin


def again(bench: Bench, run_id: str, targets: list[Target], origin: Origin) -> BatchRunner:
    return bench.runner(make(targets, run_id=run_id, concurrency=2), origin=origin)


def left_early(bench: Bench, count: int = 6) -> list[Target]:
    """Leave a run after its first two nodes, of which one has failed."""
    targets = bench.ssm.add(count)
    bench.ssm.behave[targets[0].id] = FAILS
    runner = bench.runner(make(targets, concurrency=2))
    left = runner.run(when(lambda progress: progress.done >= 1, runner.detach))
    assert left.is_detached
    bench.resumed("run1").run()
    bench.ssm.behave.clear()
    return targets


def test_what_was_run_again_and_succeeded_is_not_run_a_third_time(bench: Bench) -> None:
    targets = left_early(bench)
    failed, origin = failed_now(bench, "run1")
    assert targets[0] in failed
    assert counts(again(bench, "run2", failed, origin).run()) == {"succeeded": len(failed)}
    assert failed_now(bench, "run1")[0] == []
    before = bench.ssm.executions()
    assert before[targets[0].id] == 2
    assert {before[target.id] for target in targets[1:]} == {1}


def test_what_is_open_is_gone_on_with_in_the_run_that_has_it(bench: Bench) -> None:
    left_early(bench)
    assert run_to_go_on_with(bench.journal.load("run1")) == "run1"
    bench.resumed("run1", send_rest=True).run()
    failed, origin = failed_now(bench, "run1")
    second = again(bench, "run2", failed, origin)
    second.run(lambda _progress: second.detach())
    assert run_to_go_on_with(bench.journal.load("run1")) == "run2"
    bench.resumed("run2", send_rest=True).run()
    assert run_to_go_on_with(bench.journal.load("run1")) == "run1"


def test_two_at_once_are_one(bench: Bench) -> None:
    left_early(bench)
    first, second = failed_now(bench, "run1"), failed_now(bench, "run1")
    again(bench, "run2", *first).run()
    sent = bench.ssm.calls["send_command"]
    with pytest.raises(TargetUnavailable, match="run again, by another ec2menu meanwhile"):
        again(bench, "run3", *second).run()
    assert bench.ssm.calls["send_command"] == sent
    assert [run.id for run in bench.journal.runs()] == ["run2", "run1"]


def test_a_run_that_repeats_a_repeat_belongs_to_the_same_family(bench: Bench) -> None:
    targets = left_early(bench)
    bench.ssm.behave[targets[0].id] = FAILS
    again(bench, "run2", *failed_now(bench, "run1")).run()
    bench.ssm.behave.clear()
    stale = failed_now(bench, "run1")
    assert [target.id for target in stale[0]] == [targets[0].id]
    again(bench, "run3", *failed_now(bench, "run2")).run()
    assert failed_now(bench, "run1")[0] == failed_now(bench, "run2")[0] == []
    assert bench.journal.load("run3").record.root == "run1"
    with pytest.raises(TargetUnavailable):
        again(bench, "run4", *stale).run()


def test_what_a_later_run_was_begun_for_is_left_to_it(bench: Bench) -> None:
    targets = left_early(bench)
    failed, origin = failed_now(bench, "run1")
    runner = again(bench, "run2", failed, origin)
    runner.run(when(lambda progress: progress.done >= 1, runner.detach))
    whole = bench.resumed("run1", send_rest=True).run()
    assert {row.detail for row in whole.failed if row.outcome is Outcome.NOT_DELIVERED} == {"left to run run2"}
    assert bench.journal.load("run1").record.state is RunState.FINISHED
    # What run2 has not sent yet it may still send: it is open, and not to be chosen for a third run.
    run = bench.journal.load("run1")
    now = {row.target.id: row for row in answered(rows_of(run), run.later)}
    waiting = [now[target.id] for target in failed if not bench.ssm.sends_to(target.id)]
    assert waiting
    assert {(row.outcome, row.detail) for row in waiting} == {(Outcome.IN_DOUBT, "in run run2, which is detached")}
    assert bench.resumed("run2", send_rest=True).run().unsent == ()
    assert {bench.ssm.executions()[target.id] for target in targets[1:]} == {1}


def test_a_run_that_was_gone_on_with_meanwhile_is_not_run_again(bench: Bench) -> None:
    left_early(bench)
    chosen = failed_now(bench, "run1")
    bench.resumed("run1", send_rest=True).run()
    with pytest.raises(TargetUnavailable, match="gone on with"):
        again(bench, "run2", *chosen).run()
    assert max(bench.ssm.executions().values()) == 1


def test_a_repeat_that_was_killed_leaves_its_nodes_open(bench: Bench) -> None:
    left_early(bench)
    failed, origin = failed_now(bench, "run1")
    bench.ssm.weather = lambda operation, _: "crash after" if operation == "send_command" else ""
    with pytest.raises(Crash):
        again(bench, "run2", failed, origin).run()
    bench.restart()
    bench.ssm.weather = lambda *_: ""
    assert failed_now(bench, "run1")[0] == []
    bench.resumed("run2", send_rest=True).run()
    assert failed_now(bench, "run1")[0] == []


def test_where_a_repeat_never_ran_the_row_before_it_stands(bench: Bench) -> None:
    targets = left_early(bench)
    bench.ssm.behave = {target.id: Ended(status_details="Undeliverable") for target in targets}
    again(bench, "run2", *failed_now(bench, "run1")).run()
    run = bench.journal.load("run1")
    assert answered(rows_of(run), run.later)[0].outcome is Outcome.FAILED


def test_a_target_without_a_row_is_never_nothing(bench: Bench) -> None:
    """A journal of before, whose rows could not be written: what was sent is open, what was not is unsent."""
    targets = bench.ssm.add(3)
    bench.runner(make(targets[:2], concurrency=2)).run()
    bench.store.write("DELETE FROM batch_result", [()])
    run = bench.journal.load("run1")
    assert run.record.state is RunState.FINISHED
    assert [(row.outcome, row.detail) for row in rows_of(run)] == [(Outcome.UNKNOWN, "not followed to its end")] * 2
    more = replace(run, plan=make(targets, concurrency=2))
    assert [row.is_unsent for row in rows_of(more)] == [False, False, True]
    assert counts(bench.resumed("run1").run()) == {"succeeded": 2}


def test_a_family_is_forgotten_together(bench: Bench) -> None:
    left_early(bench)
    again(bench, "run2", *failed_now(bench, "run1")).run()
    bench.clock.advance(31 * 86400)
    for number in range(200):
        bench.journal.begin(make([], run_id=f"more-{number}")).finish(RunState.FINISHED)
        bench.clock.advance(1)
    assert bench.journal.forget_old() == ()  # run1 was left, and is kept for longer
    bench.clock.advance(60 * 86400)
    assert set(bench.journal.forget_old()) >= {"run1", "run2"}
