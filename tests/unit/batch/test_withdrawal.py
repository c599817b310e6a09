"""Nodes whose turn does not come, for those before them hang: taken back from SSM in time, and sent to once more."""

import tempfile
from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ec2menu.batch.nouns import NodeResult, Outcome, TagChoice
from ec2menu.demo.invocations import Outcome as Ended
from tests.unit.batch.rig import Bench, make, orders, outcomes, when
from tests.unit.batch.ssm import Crash

FAST = Ended(delay_seconds=1, stdout="ok\n")
HUNG = Ended(delay_seconds=inf)


@pytest.mark.parametrize(
    ("times", "concurrency"),
    [({}, 5), ({"execution_seconds": 5, "delivery_seconds": 30}, 4), ({"execution_seconds": 3600}, 3)],
)
def test_nodes_behind_hung_ones_are_sent_to_in_another_command_without_a_retry(
    bench: Bench, times: dict[str, Any], concurrency: int
) -> None:
    targets = bench.ssm.add(40)
    bench.ssm.behave = {target.id: FAST for target in targets} | {target.id: HUNG for target in targets[:concurrency]}
    heard: list[NodeResult] = []
    notes: set[str] = set()
    result = bench.runner(make(targets, concurrency=concurrency, retries=0, **times)).run(
        lambda progress: notes.add(progress.note), heard.append
    )
    assert sorted(row.target.id for row in heard) == sorted(target.id for target in targets)
    hung, rest = result.results[:concurrency], result.results[concurrency:]
    assert set(outcomes(hung)) <= {Outcome.UNKNOWN, Outcome.PROBABLY_NOT_RUN}
    assert {(row.outcome, row.attempts) for row in rest} == {(Outcome.SUCCEEDED, 1)}
    assert set(bench.ssm.executions().values()) == {1}
    assert bench.ssm.peak_running() == concurrency
    assert "waiting for slots of nodes that do not answer" in notes


def test_a_tags_nodes_are_taken_back_and_sent_to_by_id(bench: Bench) -> None:
    targets = bench.ssm.add(12)
    bench.ssm.tagged = {target.id: "web" for target in targets}
    bench.ssm.behave = {target.id: FAST for target in targets} | {target.id: HUNG for target in targets[:5]}
    plan = make([], tag=TagChoice(key="Role", value="web"), expected=11, concurrency=5, retries=0)  # one came later
    notes: set[str] = set()
    result = bench.runner(plan).run(lambda progress: notes.add(progress.note))
    rows = {row.target.id: row.outcome for row in result.results}
    assert len(rows) == len(result.results) == 12
    assert {rows[target.id] for target in targets[5:]} == {Outcome.SUCCEEDED}
    assert [bool(order.targets) for order in orders(bench)] == [True, False]
    assert orders(bench)[0].timeout_seconds == 60 + 3 * 120 + 60
    assert bench.ssm.peak_running() == 5
    assert "waiting for slots of nodes that do not answer" in notes


def test_where_one_slot_is_left_that_works_too_slowly_for_all_they_are_taken_back_in_time(bench: Bench) -> None:
    targets = bench.ssm.add(50)
    bench.ssm.behave = {target.id: Ended(delay_seconds=100) for target in targets} | {
        target.id: HUNG for target in targets[:4]
    }
    result = bench.runner(make(targets, concurrency=5, retries=0)).run()
    assert set(outcomes(result.results[4:])) == {Outcome.SUCCEEDED}
    assert bench.ssm.peak_running() == 5


def test_where_the_hung_ones_are_heard_of_late_the_nodes_behind_them_have_had_no_try_either(bench: Bench) -> None:
    targets = bench.ssm.add(16)
    bench.ssm.behave = {target.id: FAST for target in targets} | {target.id: HUNG for target in targets[:4]}
    bench.ssm.weather = lambda operation, number: (
        "throttle" if operation == "list_command_invocations" and number < 7 else ""
    )
    plan = make(targets, execution_seconds=5, delivery_seconds=30, concurrency=4, retries=0)
    result = bench.runner(plan).run()
    assert {(row.outcome, row.attempts) for row in result.results[4:]} == {(Outcome.SUCCEEDED, 1)}
    assert bench.ssm.peak_running() == 4


def test_a_node_that_no_other_is_before_has_its_whole_time_to_begin(bench: Bench) -> None:
    (target,) = bench.ssm.add(1)
    bench.ssm.behave = {target.id: Ended(delay_seconds=58, status_details="Delayed")}
    bench.runner(make([target])).run()
    assert bench.ssm.calls["cancel_command"] == 0


def test_of_windows_nodes_nothing_would_be_proven_so_they_are_left(bench: Bench) -> None:
    targets = bench.ssm.add(20, platform="Windows")
    bench.ssm.behave = {target.id: HUNG for target in targets[:5]}
    result = bench.runner(make(targets, concurrency=5)).run()
    assert bench.ssm.calls["cancel_command"] == 0
    assert {(row.outcome, row.detail) for row in result.results[5:]} == {
        (Outcome.PROBABLY_NOT_RUN, "no answer in time; probably not run")
    }


def test_where_aws_withdraws_nobody_ssm_ends_them_and_nothing_is_sent_twice(bench: Bench) -> None:
    targets = bench.ssm.add(20)
    bench.ssm.behave = {target.id: HUNG for target in targets[:5]}
    bench.ssm.weather = lambda operation, _: "deny" if operation == "cancel_command" else ""
    result = bench.runner(make(targets, concurrency=5)).run()
    assert bench.ssm.calls["cancel_command"] == 5
    assert set(outcomes(result.results[5:])) == {Outcome.PROBABLY_NOT_RUN}
    assert not any("not cancelled" in row.detail for row in result.results)  # nobody had asked for that
    assert bench.ssm.calls["send_command"] == 1


def test_a_run_that_may_send_nothing_says_that_they_never_began(bench: Bench) -> None:
    targets = bench.ssm.add(20)
    bench.ssm.behave = {target.id: HUNG for target in targets[:5]}
    runner = bench.runner(make(targets, concurrency=5))
    runner.run(when(lambda progress: progress.running == 5, runner.detach))
    result = bench.resumed("run1").run()
    assert outcomes(result.results) == [Outcome.UNKNOWN] * 5 + [Outcome.NOT_DELIVERED] * 15
    assert {row.detail for row in result.results[5:]} == {"not started: the nodes before it do not answer"}


def test_what_was_taken_back_before_a_crash_is_told_as_cancelled_before_it_began(bench: Bench) -> None:
    targets = bench.ssm.add(20)
    bench.ssm.behave = {target.id: HUNG for target in targets[:5]}
    bench.ssm.weather = lambda operation, _: "crash after" if operation == "cancel_command" else ""
    with pytest.raises(Crash):
        bench.runner(make(targets, concurrency=5)).run()
    bench.restart()
    bench.ssm.weather = lambda *_: ""
    result = bench.resumed("run1", send_rest=True).run()
    assert {(row.outcome, row.detail) for row in result.results[5:]} == {
        (Outcome.CANCELLED, "cancelled before it began")
    }
    assert bench.ssm.calls["send_command"] == 1


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    fleet=st.lists(st.sampled_from([FAST, FAST, Ended(delay_seconds=30), Ended(exit_code=2), HUNG]), max_size=60),
    concurrency=st.integers(1, 8),
    times=st.sampled_from([(5, 30), (120, 60), (600, 30)]),
    seed=st.integers(0, 1000),
)
def test_whoever_can_answer_does_whoever_hangs(
    fleet: list[Ended], concurrency: int, times: tuple[int, int], seed: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), seed=seed)
        targets = bench.ssm.add(len(fleet))
        bench.ssm.behave = {target.id: ended for target, ended in zip(targets, fleet, strict=True)}
        plan = make(targets, execution_seconds=times[0], delivery_seconds=times[1], concurrency=concurrency, retries=0)
        result = bench.runner(plan).run()
        assert bench.ssm.peak_running() <= concurrency
        assert max(bench.ssm.executions().values(), default=0) <= 1
        for row, ended in zip(result.results, fleet, strict=True):
            if ended is HUNG:
                assert row.outcome in (Outcome.UNKNOWN, Outcome.PROBABLY_NOT_RUN)
            elif ended.delay_seconds < times[0]:
                assert row.outcome is (Outcome.FAILED if ended.exit_code else Outcome.SUCCEEDED)
        bench.close()
