"""A batch that AWS refuses, throttles, forgets or leaves: who is tried again, and what the rows say."""

from math import inf

import pytest

from ec2menu.batch.nouns import NodeResult, Outcome, Progress
from ec2menu.demo.invocations import Outcome as Ended
from tests.unit.batch.rig import Bench, counts, make, orders, outcomes


@pytest.mark.parametrize(("max_errors", "most"), [("0", 11), ("3", 14), ("10%", 17), ("", 60)])
def test_too_many_failures_stop_the_sending_over_all_commands(bench: Bench, max_errors: str, most: int) -> None:
    targets = bench.ssm.add(60)
    bench.ssm.behave = {target.id: Ended(delay_seconds=10, exit_code=1) for target in targets}
    result = bench.runner(make(targets, concurrency=10, max_errors=max_errors)).run()
    ran = [row for row in result.results if row.outcome is Outcome.FAILED]
    assert len(ran) <= most
    assert len(ran) == sum(bench.ssm.executions().values())
    rest = {row.outcome for row in result.results} - {Outcome.FAILED}
    assert rest == ({Outcome.NOT_DELIVERED} if max_errors else set())


def test_a_failure_counts_before_its_long_output_has_been_read(bench: Bench) -> None:
    targets = bench.ssm.add(60)
    bench.ssm.behave = {target.id: Ended(delay_seconds=1, exit_code=1, stdout="x" * 3000) for target in targets}
    result = bench.runner(make(targets, concurrency=4, max_errors="0")).run()
    assert bench.ssm.calls["send_command"] == 1
    assert sum(bench.ssm.executions().values()) == counts(result)["failed"] <= 4
    assert counts(result)["not delivered"] == 60 - counts(result)["failed"]


@pytest.mark.parametrize("lists_backwards", [False, True])
def test_what_ssm_terminated_for_a_commands_part_of_the_errors_is_no_try_wherever_it_is_listed(
    bench: Bench, *, lists_backwards: bool
) -> None:
    targets = bench.ssm.add(40)
    bench.ssm.lists_backwards = lists_backwards
    bench.ssm.behave = {target.id: Ended(delay_seconds=2, exit_code=1) for target in targets[5:8]}
    result = bench.runner(make(targets, concurrency=10, max_errors="4", retries=0, lines=("id",))).run()
    assert counts(result) == {"failed": 3, "succeeded": 37}


def test_the_parts_of_the_errors_that_live_commands_have_are_no_more_than_may_still_fail(bench: Bench) -> None:
    targets = bench.ssm.add(100)
    bench.runner(make(targets, concurrency=50, max_errors="20")).run()
    assert [(order.max_concurrency, order.max_errors) for order in orders(bench)][:2] == [("25", "10"), ("25", "10")]


def test_bad_nodes_are_parted_from_good_ones_by_name(bench: Bench) -> None:
    targets = bench.ssm.add(50)
    bench.ssm.refused_ids = {target.id for target in targets[10:13]}
    result = bench.runner(make(targets, concurrency=50, retries=0)).run()
    assert {row.target.id for row in result.failed} == bench.ssm.refused_ids
    assert {row.detail for row in result.failed} == {"not in a valid state for SSM (InvalidInstanceId)"}
    assert len(orders(bench)) == 1


def test_bad_nodes_that_aws_does_not_name_are_found_by_halving(bench: Bench) -> None:
    targets = bench.ssm.add(50)
    bench.ssm.names_bad_ids = False
    bench.ssm.refused_ids = {targets[7].id, targets[40].id}
    result = bench.runner(make(targets, concurrency=50, retries=0)).run()
    assert {row.target.id for row in result.failed} == bench.ssm.refused_ids
    assert len(result.succeeded) == 48
    assert bench.ssm.calls["send_command"] < 25


def test_a_node_that_never_ran_is_tried_again_and_then_left(bench: Bench) -> None:
    (target,) = bench.ssm.add(1)
    bench.ssm.behave = {target.id: Ended(status_details="Undeliverable")}
    result = bench.runner(make([target], retries=2)).run()
    (row,) = result.results
    assert (row.outcome, row.attempts) == (Outcome.NOT_DELIVERED, 3)
    assert bench.ssm.sends_to(target.id) == 3


@pytest.mark.parametrize(
    "ended", [Ended(exit_code=1), Ended(delay_seconds=500), Ended(status_details="Delivery Timed Out")]
)
def test_what_ran_or_may_have_run_is_never_tried_again(bench: Bench, ended: Ended) -> None:
    (target,) = bench.ssm.add(1)
    bench.ssm.behave = {target.id: ended}
    bench.runner(make([target], retries=5)).run()
    assert bench.ssm.sends_to(target.id) == 1


def test_a_refused_request_is_told_and_the_lane_is_shut(bench: Bench) -> None:
    bench.ssm.weather = lambda operation, _: "deny" if operation == "send_command" else ""
    result = bench.runner(make(bench.ssm.add(200), concurrency=50)).run()
    assert set(outcomes(result.results)) == {Outcome.NOT_DELIVERED}
    assert "ssm:X" in result.results[0].detail
    assert bench.ssm.calls["send_command"] == 1


@pytest.mark.parametrize("operation", ["send_command", "list_command_invocations", "get_command_invocation"])
def test_throttling_slows_down_and_fails_nobody(bench: Bench, operation: str) -> None:
    targets = bench.ssm.add(60)
    bench.ssm.behave = {targets[0].id: Ended(stdout="x" * 9000)}
    bench.ssm.weather = lambda what, number: "throttle" if what == operation and number < 20 else ""
    notes = set()
    result = bench.runner(make(targets, concurrency=10)).run(lambda progress: notes.add(progress.note))
    assert counts(result) == {"succeeded": 60}
    assert "AWS asks us to slow down" in notes
    assert not result.results[0].is_stdout_cut


@pytest.mark.parametrize("operation", ["send_command", "get_command_invocation"])
def test_throttling_without_an_end_is_given_up_some_day(bench: Bench, operation: str) -> None:
    targets = bench.ssm.add(3)
    bench.ssm.behave = {target.id: Ended(stdout="x" * 9000) for target in targets}
    bench.ssm.weather = lambda what, _number: "throttle" if what == operation else ""
    result = bench.runner(make(targets)).run()
    assert counts(result) == {"not delivered" if operation == "send_command" else "succeeded": 3}
    assert all("throttl" in row.detail.lower() or row.is_stdout_cut for row in result.results), result.results
    assert bench.ssm.executions() == ({} if operation == "send_command" else {target.id: 1 for target in targets})


@pytest.mark.parametrize("what", ["lose", "truncate"])
def test_a_lost_reply_is_looked_up_and_the_command_adopted(bench: Bench, what: str) -> None:
    bench.ssm.simulation.listed_after_seconds = 20
    bench.ssm.weather = lambda operation, number: what if (operation, number) == ("send_command", 1) else ""
    result = bench.runner(make(bench.ssm.add(20), concurrency=20)).run()
    assert counts(result) == {"succeeded": 20}
    assert bench.ssm.calls["send_command"] == 1


def test_a_lost_send_that_is_never_listed_leaves_its_nodes_in_doubt_and_the_rest_goes_on(bench: Bench) -> None:
    bench.ssm.weather = lambda operation, number: "reset" if (operation, number) == ("send_command", 1) else ""
    result = bench.runner(make(bench.ssm.add(100), concurrency=50)).run()
    doubtful = [row for row in result.results if row.outcome is Outcome.IN_DOUBT]
    assert doubtful
    assert len(doubtful) + len(result.succeeded) == 100
    assert all(not bench.ssm.sends_to(row.target.id) for row in doubtful)


def test_a_command_that_is_listed_too_late_to_be_found_keeps_its_slots_until_it_must_have_ended(bench: Bench) -> None:
    bench.ssm.simulation.listed_after_seconds = 75
    bench.ssm.weather = lambda operation, number: "lose" if (operation, number) == ("send_command", 1) else ""
    targets = bench.ssm.add(30)
    bench.ssm.behave = {target.id: Ended(delay_seconds=110) for target in targets}
    result = bench.runner(make(targets, concurrency=4)).run()
    assert bench.ssm.peak_running() == 4
    assert Outcome.IN_DOUBT in outcomes(result.results)
    assert set(bench.ssm.executions().values()) == {1}


def test_what_never_left_this_computer_is_sent_again(bench: Bench) -> None:
    bench.ssm.weather = lambda operation, number: "unsent" if operation == "send_command" and number < 6 else ""
    result = bench.runner(make(bench.ssm.add(5), retries=0)).run()
    assert counts(result) == {"succeeded": 5}


def test_a_network_that_stays_away_ends_in_rows(bench: Bench) -> None:
    bench.ssm.weather = lambda operation, _: "unsent" if operation == "send_command" else ""
    result = bench.runner(make(bench.ssm.add(60))).run()
    assert set(outcomes(result.results)) == {Outcome.NOT_DELIVERED}


def test_results_that_may_not_be_read_are_unknown_and_nothing_more_is_sent_blindly(bench: Bench) -> None:
    bench.ssm.weather = lambda operation, number: (
        "deny" if operation == "list_command_invocations" and number > 3 else ""
    )
    result = bench.runner(make(bench.ssm.add(100), concurrency=5)).run()
    unknown = [row for row in result.results if row.outcome is Outcome.UNKNOWN]
    assert unknown
    assert all("ssm:X" in row.detail and row.command_id for row in unknown)
    assert sum(bench.ssm.sends_to(row.target.id) for row in result.results) == 50


def test_expired_credentials_pause_the_run_and_nothing_known_is_lost(bench: Bench) -> None:
    state = {"expired": False}
    bench.ssm.weather = lambda *_: "expire" if state["expired"] else ""
    targets = bench.ssm.add(60)
    runner = bench.runner(make(targets, concurrency=5))
    paused = []

    def listen(progress: Progress) -> None:
        if progress.done == 20:
            state["expired"] = True
        if progress.needs_login:
            paused.append(progress.note)
            bench.clock.advance(4000)
            state["expired"] = False
            runner.resume_after_login()

    result = runner.run(listen)
    assert paused
    assert "expired" in paused[0]
    assert counts(result) == {"succeeded": 60}
    assert set(bench.ssm.executions().values()) == {1}


def test_a_node_that_was_given_up_keeps_its_slot_until_it_must_have_ended(bench: Bench) -> None:
    targets = bench.ssm.add(120)
    bench.ssm.behave = {target.id: Ended(delay_seconds=40) for target in targets}
    bench.ssm.behave |= {target.id: Ended(delay_seconds=inf) for target in targets[:3]}
    heard: list[NodeResult] = []
    result = bench.runner(make(targets, concurrency=5)).run(on_result=heard.append)
    assert [row.outcome for row in heard].count(Outcome.UNKNOWN) == 3
    assert len(heard) == 120
    assert outcomes(result.results[:3]) == [Outcome.PROBABLY_NOT_RUN] * 3  # SSM ended them while the rest went on
    assert bench.ssm.peak_running() == 5
