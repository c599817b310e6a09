"""The promise of a batch in any weather: random fleets, statuses, delays, throttling, lost replies and crashes.

What the rows say is held against what really happened on the simulated nodes.
"""

import tempfile
from contextlib import suppress
from math import inf
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ec2menu.batch.family import answered, rows_of
from ec2menu.batch.journal import DEAD_AFTER_SECONDS
from ec2menu.batch.nouns import BatchPlan, BatchResult, NodeResult, Outcome, TagChoice, Target
from ec2menu.demo.invocations import Outcome as Ended
from ec2menu.errors import TakenOver
from tests.unit.batch.rig import Bench, make
from tests.unit.batch.ssm import Crash, Weather

NEVER_RAN = ("Undeliverable", "InvalidPlatform", "AccessDenied")
ENDINGS = st.sampled_from(
    [
        Ended(delay_seconds=1, stdout="ok\n"),
        Ended(delay_seconds=7, stdout="ok\n", stderr="hm\n"),
        Ended(delay_seconds=40, stdout="long\n" * 2000),
        Ended(delay_seconds=3, exit_code=3, stderr="no\n"),
        Ended(delay_seconds=500),
        Ended(delay_seconds=inf),
        Ended(delay_seconds=2, status_details="Undeliverable"),
        Ended(delay_seconds=2, status_details="Access Denied"),
        Ended(delay_seconds=inf, status_details="Undeliverable"),
    ]
)
TROUBLES = st.lists(st.sampled_from(["throttle", "reset", "lose", "truncate", "fail", "unsent"]), max_size=12)
FLEETS = st.lists(ENDINGS, min_size=1, max_size=70)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

TRUTH = {
    Outcome.SUCCEEDED: {"Success"},
    Outcome.FAILED: {"Failed"},
    Outcome.TIMED_OUT: {"ExecutionTimedOut"},
    Outcome.PROBABLY_NOT_RUN: {"DeliveryTimedOut"},
    Outcome.NOT_DELIVERED: {"", "Cancelled", "Terminated", *NEVER_RAN},
    Outcome.CANCELLED: {"", "Cancelled"},
}


def weather_of(troubles: list[str], *, seed: int, crash: tuple[str, int, str] | None = None) -> Weather:
    """Return a weather that spreads troubles over the first calls; `crash` is an operation, its number, and when."""
    left, rng = list(troubles), Random(seed)

    def weather(operation: str, number: int) -> str:
        if crash is not None and (operation, number) == crash[:2]:
            return crash[2]
        return left.pop(0) if left and rng.random() < 0.5 else ""

    return weather


def check(bench: Bench, plan: BatchPlan, result: BatchResult) -> None:
    """Hold the rows against what happened."""
    assert sorted(row.target.id for row in result.results) == sorted(target.id for target in plan.targets)
    started = bench.ssm.executions()
    for row in result.results:
        assert started[row.target.id] <= 1
        if not plan.limits.max_errors:  # what a command's part of them cut off is no try of the node
            assert bench.ssm.tries_of(row.target.id) <= 1 + plan.limits.retries
        check_row(bench, row, started[row.target.id])
    assert bench.ssm.peak_running() <= plan.limits.concurrency


def check_row(bench: Bench, row: NodeResult, started: int) -> None:
    truth = bench.ssm.last_details(row.target.id)
    if row.outcome in TRUTH:
        assert truth in TRUTH[row.outcome]
    if row.outcome is Outcome.NOT_DELIVERED:
        assert started == 0
    if row.outcome is Outcome.UNKNOWN:
        assert row.command_id
    if row.outcome in (Outcome.SUCCEEDED, Outcome.FAILED):
        behaved = bench.ssm.behave[row.target.id]
        assert row.exit_code == behaved.exit_code
        stdout, stderr = bench.outputs.read(row)
        assert row.is_stdout_cut or stdout == behaved.stdout
        assert behaved.stdout.startswith(stdout[:500])
        assert stderr == behaved.stderr


def set_up(bench: Bench, fleet: list[Ended]) -> list[Target]:
    targets = bench.ssm.add(len(fleet))
    bench.ssm.behave = {target.id: ended for target, ended in zip(targets, fleet, strict=True)}
    return targets


@QUICK
@given(
    fleet=FLEETS,
    troubles=TROUBLES,
    concurrency=st.integers(1, 12),
    retries=st.integers(0, 3),
    max_errors=st.sampled_from(["", "", "0", "2", "20%"]),
    listed_after=st.sampled_from([0.0, 0.3, 8.0]),
    seed=st.integers(0, 1000),
)
def test_every_row_is_true_in_any_weather(
    fleet: list[Ended],
    troubles: list[str],
    concurrency: int,
    retries: int,
    max_errors: str,
    listed_after: float,
    seed: int,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), seed=seed)
        plan = make(set_up(bench, fleet), concurrency=concurrency, retries=retries, max_errors=max_errors)
        bench.ssm.simulation.visible_after_seconds = listed_after
        bench.ssm.simulation.listed_after_seconds = listed_after
        bench.ssm.weather = weather_of(troubles, seed=seed)
        heard: list[NodeResult] = []
        result = bench.runner(plan).run(on_result=heard.append)
        assert sorted(row.target.id for row in heard) == sorted(target.id for target in plan.targets)
        assert not result.is_detached
        check(bench, plan, result)
        bench.close()


@QUICK
@given(
    fleet=FLEETS,
    troubles=TROUBLES,
    concurrency=st.integers(1, 12),
    call=st.sampled_from(["send_command", "list_command_invocations", "get_command_invocation", "list_commands"]),
    number=st.integers(1, 6),
    when=st.sampled_from(["crash before", "crash after"]),
    write=st.sampled_from([0, 0, 2, 3, 4, 5, 6]),
    pause=st.sampled_from([0.0, 20.0, 5000.0]),
    send_rest=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_a_run_that_was_killed_is_taken_up_without_a_second_start(
    fleet: list[Ended],
    troubles: list[str],
    concurrency: int,
    call: str,
    number: int,
    when: str,
    write: int,
    pause: float,
    send_rest: bool,
    seed: int,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), seed=seed)
        plan = make(set_up(bench, fleet), concurrency=concurrency)
        bench.ssm.weather = weather_of(troubles, seed=seed, crash=(call, number, when))
        bench.store.crash_at_write = write
        try:
            result = bench.runner(plan).run()
        except Crash:
            bench.restart()
            bench.ssm.weather = weather_of(troubles, seed=seed + 1)
            bench.clock.advance(pause)
            before = len(bench.ssm.simulation.records)
            result = bench.resumed("run1", send_rest=send_rest).run()
            if not send_rest:
                assert len(bench.ssm.simulation.records) == before
        check(bench, plan, result)
        again = bench.journal.load("run1")
        assert {row.target.id for row in again.results} <= {target.id for target in plan.targets}
        bench.close()


@QUICK
@given(
    fleet=FLEETS,
    troubles=TROUBLES,
    concurrency=st.integers(1, 12),
    call=st.sampled_from(["send_command", "list_command_invocations", "get_command_invocation", "list_commands"]),
    number=st.integers(1, 6),
    send_rest=st.booleans(),
    retry=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_a_process_that_stood_still_in_any_call_and_wakes_up_later_starts_nothing_twice(
    fleet: list[Ended],
    troubles: list[str],
    concurrency: int,
    call: str,
    number: int,
    send_rest: bool,
    retry: bool,
    seed: int,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), seed=seed)
        plan = make(set_up(bench, fleet), concurrency=concurrency)
        usual, asleep = weather_of(troubles, seed=seed), list[bool]()

        def weather(operation: str, count: int) -> str:
            if (operation, count) == (call, number) and not asleep:
                asleep.append(True)
                bench.clock.advance(DEAD_AFTER_SECONDS)
                bench.resumed("run1", send_rest=send_rest).run()
                if retry:
                    run_never_reached_again(bench, concurrency)
            return usual(operation, count)

        bench.ssm.weather = weather
        with suppress(TakenOver):
            result = bench.runner(plan).run()
            assert not asleep
            check(bench, plan, result)
        assert max(bench.ssm.executions().values(), default=0) <= 1
        bench.close()


def run_never_reached_again(bench: Bench, concurrency: int) -> None:
    """Run what never ran, as the journal has it, in a run of its own; a failed script would rightly start twice."""
    run = bench.journal.load("run1")
    rows = BatchResult(run_id="run1", results=answered(rows_of(run), run.later)).failed
    targets = [row.target for row in rows if row.outcome is Outcome.NOT_DELIVERED]
    bench.runner(make(targets, run_id="run2", concurrency=concurrency), origin=run.origin).run()


# By a tag, SSM waits hours for a node that never answers, and each poll of them takes its moment here.
ANSWERING = ENDINGS.filter(lambda ended: ended.delay_seconds < inf)


@settings(QUICK, max_examples=30)
@given(
    linux=st.lists(ANSWERING, min_size=1, max_size=20),
    windows=st.lists(ANSWERING, max_size=8),
    troubles=TROUBLES,
    concurrency=st.integers(1, 12),
    call=st.sampled_from(["", "send_command", "list_command_invocations"]),
    number=st.integers(1, 5),
    send_rest=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_a_tag_on_two_platforms_is_one_true_row_per_node_in_any_weather(
    linux: list[Ended],
    windows: list[Ended],
    troubles: list[str],
    concurrency: int,
    call: str,
    number: int,
    send_rest: bool,
    seed: int,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), seed=seed)
        by_tag = bench.ssm.add(len(linux))
        by_id = bench.ssm.add(len(windows), platform="Windows", start=100)
        bench.ssm.tagged = {each.id: "web" for each in (*by_tag, *by_id)}
        bench.ssm.behave = {each.id: ended for each, ended in zip((*by_tag, *by_id), (*linux, *windows), strict=True)}
        plan = make(by_id, tag=TagChoice(key="Role", value="web"), concurrency=concurrency)
        bench.ssm.weather = weather_of(troubles, seed=seed, crash=(call, number, "crash after") if call else None)
        try:
            result = bench.runner(plan).run()
        except Crash:
            bench.restart()
            bench.ssm.weather = weather_of([], seed=seed)
            result = bench.resumed("run1", send_rest=send_rest).run()
        rows = {row.target.id: row for row in result.results if not row.target.id.startswith("tag:")}
        assert len(result.results) - len(rows) <= 1
        assert set(rows) <= {each.id for each in (*by_tag, *by_id)}
        assert len(result.results) > len(rows) or len(rows) == len(linux) + len(windows)
        for row in rows.values():
            if row.command_id and row.outcome in TRUTH:
                record = bench.ssm.simulation.records[row.command_id]
                assert record.run.invocations[row.target.id].details in TRUTH[row.outcome]
        assert max(bench.ssm.executions().values(), default=0) <= 1
        assert bench.ssm.peak_running() <= concurrency
        bench.close()
