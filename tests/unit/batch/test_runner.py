"""A batch carried out against the SSM in memory: what is sent, what is asked, and what is kept of it."""

from math import inf

from ec2menu.batch.nouns import Outcome, Skip, Target
from ec2menu.demo.invocations import Outcome as Ended
from tests.unit.batch.rig import Bench, counts, make, orders, outcomes
from tests.unit.batch.ssm import REGION

FAST = Ended(delay_seconds=1, stdout="ok\n")


def test_the_command_carries_the_lines_the_times_and_our_own_limits(bench: Bench) -> None:
    lines = ("echo \"$(id)\"; ls 'a b'", "", "\tprintf '%s\\n' 한국어")
    plan = make(bench.ssm.add(3), lines=lines, execution_seconds=77, delivery_seconds=44, concurrency=5)
    bench.runner(plan).run()
    (order,) = orders(bench)
    assert order.parameters == {"commands": list(lines), "executionTimeout": ["77"]}
    assert (order.timeout_seconds, order.max_concurrency, order.max_errors) == (44, "3", "100%")
    assert order.comment.startswith("ec2menu run1 1 ")
    assert len(order.comment) <= 100


def test_nodes_that_wait_their_turn_in_a_command_do_not_run_out_of_delivery_time(bench: Bench) -> None:
    targets = bench.ssm.add(50)
    bench.ssm.behave = {target.id: Ended(delay_seconds=100) for target in targets}
    result = bench.runner(make(targets, concurrency=5, delivery_seconds=30)).run()
    assert set(outcomes(result.results)) == {Outcome.SUCCEEDED}
    assert len(orders(bench)) == 1


def test_rows_come_in_the_order_of_the_plan_with_the_skipped_last(bench: Bench) -> None:
    targets = bench.ssm.add(120)
    skip = Skip(target=Target(id="i-off", region=REGION), reason="agent offline since 3 h")
    plan = make(targets, concurrency=50)
    plan = type(plan)(run_id="run1", spec=plan.spec, limits=plan.limits, chunks=plan.chunks, skipped=(skip,))
    result = bench.runner(plan).run()
    assert [row.target.id for row in result.results] == [*(target.id for target in targets), "i-off"]
    assert result.results[-1].detail == "agent offline since 3 h"
    assert counts(result) == {"succeeded": 120, "skipped": 1}


def test_output_is_asked_for_only_where_the_list_call_does_not_tell_all(bench: Bench) -> None:
    short, long, longest = bench.ssm.add(3)
    bench.ssm.behave = {
        short.id: Ended(stdout="short\n", stderr="oh\n"),
        long.id: Ended(stdout="x" * 20_000, exit_code=1),
        longest.id: Ended(stdout="x" * 30_000, stderr="y" * 100),
    }
    result = bench.runner(make([short, long, longest])).run()
    assert bench.ssm.calls["get_command_invocation"] == 3  # whether `oh` was on stderr, the list does not tell
    rows = {row.target.id: row for row in result.results}
    assert [len(text) for text in bench.outputs.read(rows[long.id])] == [20_000, 0]
    assert (rows[long.id].is_stdout_cut, rows[long.id].detail) == (False, "exit 1")
    assert (rows[longest.id].is_stdout_cut, rows[longest.id].is_stderr_cut) == (True, False)
    assert bench.outputs.read(rows[short.id]) == ("short\n", "oh\n")


def test_a_thousand_nodes_take_few_commands_full_slots_and_no_call_per_node(bench: Bench) -> None:
    targets = bench.ssm.add(1000)
    bench.ssm.behave = {
        target.id: Ended(delay_seconds=5 + index % 11, stdout="ok") for index, target in enumerate(targets)
    }
    before = bench.clock.now()
    result = bench.runner(make(targets, concurrency=50)).run()
    assert counts(result) == {"succeeded": 1000}
    assert bench.ssm.calls["send_command"] <= 26
    assert bench.ssm.calls["list_command_invocations"] < 1000
    assert bench.ssm.calls["get_command_invocation"] == 0
    assert bench.ssm.peak_running() == 50
    assert bench.clock.now() - before < 1.25 * 1000 * 10 / 50


def test_regions_share_one_limit_and_have_their_own_commands(bench: Bench) -> None:
    targets = [*bench.ssm.add(30), *bench.ssm.add(30, region="eu-west-1")]
    targets += bench.ssm.add(4, region="eu-west-1", platform="Windows", start=30)
    plan = make(targets, concurrency=6)
    result = bench.runner(plan).run()
    assert counts(result) == {"succeeded": 64}
    assert bench.ssm.peak_running() <= 6
    documents = {(record.region, record.order.document) for record in bench.ssm.simulation.records.values()}
    assert documents == {
        (REGION, "AWS-RunShellScript"),
        ("eu-west-1", "AWS-RunShellScript"),
        ("eu-west-1", "AWS-RunPowerShellScript"),
    }


def test_a_dead_node_holds_up_nobody_and_ends_as_unknown_with_its_command(bench: Bench) -> None:
    targets = bench.ssm.add(60)
    bench.ssm.behave = {target.id: FAST for target in targets} | {targets[0].id: Ended(delay_seconds=inf)}
    done_at: dict[str, float] = {}
    result = bench.runner(make(targets, concurrency=5)).run(
        on_result=lambda row: done_at.update({row.target.id: bench.clock.now()})
    )
    dead = result.results[0]
    assert (dead.outcome, bool(dead.command_id)) == (Outcome.UNKNOWN, True)
    assert result.unfinished == (dead,)
    others = [moment for node_id, moment in done_at.items() if node_id != targets[0].id]
    assert max(others) < done_at[targets[0].id] - 100
