"""What the user does to a batch: cancel, leave, come back, choose by a tag; and what the journal keeps of it."""

from typing import Any

import pytest

from ec2menu.batch.journaled import RunState
from ec2menu.batch.nouns import NodeResult, Outcome, Progress, TagChoice
from ec2menu.batch.report import exit_status
from ec2menu.batch.runner import BatchRunner
from ec2menu.demo.invocations import Outcome as Ended
from ec2menu.errors import Ec2MenuError, ExitStatus
from tests.unit.batch.rig import Bench, counts, make, orders, outcomes, when
from tests.unit.batch.ssm import Crash

FAST = Ended(delay_seconds=1, stdout="ok\n")


def test_cancelling_reaches_every_live_command_and_sends_nothing_more(bench: Bench) -> None:
    targets = bench.ssm.add(200)
    bench.ssm.behave = {target.id: Ended(delay_seconds=60) for target in targets} | {targets[0].id: FAST}
    runner = bench.runner(make(targets, concurrency=5))
    result = runner.run(when(lambda progress: progress.done == 1, runner.cancel))
    assert counts(result) == {"succeeded": 1, "cancelled": 199}
    assert {row.detail for row in result.results[-1:]} == {"cancelled before it was sent"}
    assert all(record.run.cancelled for record in bench.ssm.simulation.records.values())
    assert bench.journal.load("run1").record.state is RunState.FINISHED


def test_cancelling_a_command_whose_reply_was_lost_waits_until_it_is_found(bench: Bench) -> None:
    bench.ssm.simulation.listed_after_seconds = 15
    targets = bench.ssm.add(5)
    bench.ssm.behave = {target.id: Ended(delay_seconds=100) for target in targets}
    bench.ssm.weather = lambda operation, _: "lose" if operation == "send_command" else ""
    runner = bench.runner(make(targets))
    result = runner.run(when(lambda progress: "lost reply" in progress.note, runner.cancel))
    assert counts(result) == {"cancelled": 5}


def test_a_detached_run_is_taken_up_again_with_every_row(bench: Bench) -> None:
    targets = bench.ssm.add(120)
    runner = bench.runner(make(targets, concurrency=10))
    left = runner.run(when(lambda progress: progress.done >= 20, runner.detach))
    assert left.is_detached
    assert len(left.results) == 120
    followed = [row for row in left.results if row.outcome is Outcome.UNKNOWN]
    assert followed
    assert all(row.command_id and row.attempts == 1 for row in followed)
    assert {row.attempts for row in left.unsent} == {0}
    assert bench.journal.runs()[0].state is RunState.DETACHED
    sent = bench.ssm.calls["send_command"]

    looked = bench.resumed("run1").run()
    assert bench.ssm.calls["send_command"] == sent
    assert len(looked.succeeded) == sum(map(bench.ssm.sends_to, (target.id for target in targets)))
    assert {row.detail for row in looked.failed} == {"not sent yet"}
    assert bench.journal.runs()[0].state is RunState.DETACHED

    heard: list[NodeResult] = []
    whole = bench.resumed("run1", send_rest=True).run(on_result=heard.append)
    assert counts(whole) == {"succeeded": 120}
    assert len(heard) == 120
    assert set(bench.ssm.executions().values()) == {1}
    assert bench.journal.runs()[0].state is RunState.FINISHED
    assert counts(bench.resumed("run1").run()) == {"succeeded": 120}


def test_a_node_that_was_left_before_another_try_is_not_called_unsent(bench: Bench) -> None:
    (target,) = bench.ssm.add(1)
    bench.ssm.behave = {target.id: Ended(status_details="Undeliverable")}
    runner = bench.runner(make([target]))
    waits = when(lambda progress: bench.ssm.calls["send_command"] == 1 and progress.unsent == 1, runner.detach)
    left = runner.run(waits)
    (row,) = left.results
    assert (row.outcome, row.detail, row.attempts) == (
        Outcome.NOT_DELIVERED,
        "never ran; left before another try",
        1,
    )
    assert left.unsent == ()


def test_a_node_that_was_given_up_is_asked_for_again_when_the_run_is_taken_up(bench: Bench) -> None:
    (target,) = bench.ssm.add(1)
    bench.ssm.behave = {target.id: Ended(delay_seconds=110)}
    plan = make([target], execution_seconds=120)
    bench.ssm.weather = lambda operation, number: (
        "deny" if operation == "list_command_invocations" and number > 2 else ""
    )
    assert outcomes(bench.runner(plan).run().results) == [Outcome.UNKNOWN]
    bench.ssm.weather = lambda *_: ""
    assert outcomes(bench.resumed("run1").run().results) == [Outcome.SUCCEEDED]


def test_nothing_is_sent_that_cannot_be_written_down_first(bench: Bench) -> None:
    plan = make(bench.ssm.add(3))
    bench.store.close()
    with pytest.raises(Ec2MenuError, match="cannot be written"):
        bench.runner(plan).run()
    assert bench.ssm.calls["send_command"] == 0
    bench.restart()


def test_a_journal_that_fails_half_way_stops_the_sending_and_not_the_following(bench: Bench) -> None:
    targets = bench.ssm.add(100)
    runner = bench.runner(make(targets, concurrency=50))
    result = runner.run(when(lambda progress: progress.running > 0, bench.store.close))
    sent = [row for row in result.results if bench.ssm.sends_to(row.target.id)]
    assert {row.outcome for row in sent} == {Outcome.SUCCEEDED}
    unsent = [row for row in result.results if not bench.ssm.sends_to(row.target.id)]
    assert {row.outcome for row in unsent} <= {Outcome.NOT_DELIVERED}
    bench.restart()


def test_a_crash_leaves_the_run_as_interrupted(bench: Bench) -> None:
    bench.ssm.weather = lambda operation, _: "crash after" if operation == "send_command" else ""
    with pytest.raises(Crash):
        bench.runner(make(bench.ssm.add(5))).run()
    bench.restart()
    bench.ssm.weather = lambda *_: ""
    assert bench.journal.runs()[0].state is RunState.INTERRUPTED
    assert counts(bench.resumed("run1").run()) == {"succeeded": 5}
    assert bench.ssm.calls["send_command"] == 1


@pytest.mark.parametrize("times", [3, 30])
def test_cancelling_that_is_throttled_goes_on_trying_and_polls_meanwhile(bench: Bench, times: int) -> None:
    targets = bench.ssm.add(4)
    bench.ssm.behave = {targets[0].id: Ended(delay_seconds=20)} | {
        each.id: Ended(delay_seconds=5000) for each in targets[1:]
    }
    bench.ssm.weather = lambda operation, number: (
        "throttle" if operation == "cancel_command" and number <= times else ""
    )
    runner = bench.runner(make(targets, concurrency=4, execution_seconds=6000))
    heard: list[NodeResult] = []
    result = runner.run(when(lambda progress: progress.running > 0, runner.cancel), heard.append)
    assert bench.ssm.calls["cancel_command"] == times + 1
    assert outcomes(result.results)[1:] == [Outcome.CANCELLED] * 3
    if times == 30:
        assert heard[0].outcome is Outcome.SUCCEEDED  # it ended while cancelling was refused, and that was seen


@pytest.mark.parametrize("seconds", [15, 75, 119])
def test_cancelling_that_is_denied_is_told_and_the_nodes_are_followed_to_their_ends(
    bench: Bench, seconds: float
) -> None:
    targets = bench.ssm.add(2)
    bench.ssm.behave = {target.id: Ended(delay_seconds=seconds) for target in targets}
    bench.ssm.weather = lambda operation, _: "deny" if operation == "cancel_command" else ""
    runner = bench.runner(make(targets, concurrency=2))
    cancel = when(lambda progress: progress.running > 0, runner.cancel)
    notes: list[str] = []

    def listen(progress: Progress) -> None:
        notes.append(progress.note)
        cancel(progress)

    result = runner.run(listen)
    assert outcomes(result.results) == [Outcome.SUCCEEDED] * 2
    assert all(row.detail.startswith("not cancelled: ") and "ssm:X" in row.detail for row in result.results)
    assert any(note.startswith("not cancelled: ") for note in notes)
    assert bench.ssm.calls["cancel_command"] <= 5


def test_a_cancel_that_is_refused_once_and_taken_then_leaves_no_word(bench: Bench) -> None:
    targets = bench.ssm.add(2)
    bench.ssm.behave = {target.id: Ended(delay_seconds=100) for target in targets}
    bench.ssm.weather = lambda operation, number: "fail" if (operation, number) == ("cancel_command", 1) else ""
    runner = bench.runner(make(targets, concurrency=2))
    result = runner.run(when(lambda progress: progress.running > 0, runner.cancel))
    assert {(row.outcome, row.detail) for row in result.results} == {
        (Outcome.CANCELLED, "cancelled; it may have begun")
    }


def test_a_lookup_that_is_throttled_for_minutes_still_finds_the_command(bench: Bench) -> None:
    def weather(operation: str, number: int) -> str:
        if (operation, number) == ("send_command", 1):
            return "lose"
        return "throttle" if operation == "list_commands" and number <= 12 else ""

    bench.ssm.weather = weather
    result = bench.runner(make(bench.ssm.add(3))).run()
    assert outcomes(result.results) == [Outcome.SUCCEEDED] * 3
    assert bench.ssm.calls["send_command"] == 1


def tagged(bench: Bench, count: int, **more: Any) -> BatchRunner:
    targets = bench.ssm.add(count)
    bench.ssm.tagged = {target.id: "web" for target in targets}
    return bench.runner(make([], tag=TagChoice(key="Role", value="web"), **more))


def test_a_percentage_of_errors_is_one_of_the_nodes_that_had_the_tag_when_it_was_planned(bench: Bench) -> None:
    targets = bench.ssm.add(20)
    bench.ssm.tagged = {target.id: "web" for target in targets}
    bench.ssm.behave = {target.id: Ended(delay_seconds=1, exit_code=1) for target in targets[:3]}
    plan = make([], tag=TagChoice(key="Role", value="web"), expected=20, max_errors="30%", retries=0)
    assert counts(bench.runner(plan).run()) == {"failed": 3, "succeeded": 17}
    assert [order.max_errors for order in orders(bench)] == ["6"]
    assert bench.journal.load("run1").plan == plan


@pytest.mark.parametrize("count", [1, 50, 120])
def test_a_tag_is_one_command_with_a_row_for_every_node_that_has_it(bench: Bench, count: int) -> None:
    result = tagged(bench, count, concurrency=7).run()
    (order,) = orders(bench)
    assert order.targets == [{"Key": "tag:Role", "Values": ["web"]}]
    assert order.max_concurrency == "7"
    assert counts(result) == {"succeeded": count}
    assert bench.ssm.peak_running() <= 7


def test_a_tag_that_nothing_has_any_more_is_a_row_of_its_own_and_no_success(bench: Bench) -> None:
    bench.ssm.add(3)
    result = bench.runner(make([], tag=TagChoice(key="Role", value="db"))).run()
    (row,) = result.results
    assert (row.target.id, row.outcome, row.detail) == (
        "tag:Role=db",
        Outcome.NOT_DELIVERED,
        "no node had the tag when SSM chose",
    )
    assert not result.is_detached
    assert exit_status(result) == ExitStatus.TARGET_FAILED
    heard: list[NodeResult] = []
    assert bench.resumed("run1").run(on_result=heard.append).results == (row,)
    assert heard == [row]


def test_a_run_by_tag_is_detached_taken_up_and_cancelled_like_the_rest(bench: Bench) -> None:
    runner = tagged(bench, 40, concurrency=5)
    left = runner.run(when(lambda progress: progress.done >= 10, runner.detach))
    assert left.is_detached
    assert left.results
    again = bench.resumed("run1")
    result = again.run(when(lambda progress: progress.done >= 20, again.cancel))
    assert len(result.results) == 40
    assert set(outcomes(result.results)) == {Outcome.SUCCEEDED, Outcome.CANCELLED}
    assert bench.ssm.calls["send_command"] == 1


@pytest.mark.parametrize("expected", [40, 41, 0])
def test_a_tags_nodes_that_may_not_be_counted_have_their_rows_all_the_same(bench: Bench, expected: int) -> None:
    targets = bench.ssm.add(40)
    bench.ssm.tagged = {target.id: "web" for target in targets}
    bench.ssm.weather = lambda operation, _: "deny" if operation == "list_commands" else ""
    before = bench.clock.now()
    plan = make([], tag=TagChoice(key="Role", value="web"), expected=expected)
    result = bench.runner(plan).run()
    assert len(result.succeeded) == 40
    rest = [(row.target.id, row.outcome, row.detail) for row in result.results[40:]]
    why = "whether more nodes have it is not known: "
    assert [row[:2] for row in rest] == ([] if expected == 40 else [("tag:Role=web", Outcome.UNKNOWN)])
    assert all(detail.startswith(why) and "ssm:X" in detail for _, _, detail in rest)
    assert bench.clock.now() - before < 200


def test_a_count_that_is_throttled_is_asked_for_again(bench: Bench) -> None:
    bench.ssm.weather = lambda operation, number: "throttle" if operation == "list_commands" and number < 4 else ""
    assert counts(tagged(bench, 12).run()) == {"succeeded": 12}
    assert bench.ssm.calls["list_commands"] == 4


def test_a_tag_whose_send_is_refused_is_one_row(bench: Bench) -> None:
    bench.ssm.weather = lambda operation, _: "deny" if operation == "send_command" else ""
    (row,) = tagged(bench, 3).run().results
    assert (row.target.id, row.outcome) == ("tag:Role=web", Outcome.NOT_DELIVERED)


def test_windows_nodes_that_a_tag_lists_too_have_the_row_of_their_own_command(bench: Bench) -> None:
    linux, windows = bench.ssm.add(7), bench.ssm.add(4, platform="Windows", start=100)
    (late,) = bench.ssm.add(1, platform="Windows", start=200)  # it got the tag after the plan was made
    bench.ssm.tagged = {each.id: "web" for each in (*linux, *windows, late)}
    totals: list[int] = []
    plan = make(windows, tag=TagChoice(key="Role", value="web"), concurrency=3)
    result = bench.runner(plan).run(lambda progress: totals.append(progress.total))
    ends = {row.target.id: (row.outcome, row.attempts) for row in result.results}
    assert ends == {each.id: (Outcome.SUCCEEDED, 1) for each in (*linux, *windows)} | {
        late.id: (Outcome.NOT_DELIVERED, 1)
    }
    assert len(result.results) == 12
    assert max(totals) == 12
    assert set(bench.ssm.executions().values()) == {1}
    assert bench.ssm.peak_running() <= 3


@pytest.mark.parametrize("send_rest", [False, True])
def test_a_tags_node_that_was_sent_to_again_has_one_row_when_the_run_is_taken_up(
    bench: Bench, *, send_rest: bool
) -> None:
    targets = bench.ssm.add(3)
    bench.ssm.tagged = {each.id: "web" for each in targets}
    bench.ssm.behave = {targets[0].id: Ended(status_details="Undeliverable")}

    def weather(operation: str, number: int) -> str:
        if (operation, number) != ("send_command", 2):
            return ""
        bench.ssm.behave = {targets[0].id: Ended(delay_seconds=30, exit_code=3)}
        return "crash after"

    bench.ssm.weather = weather
    with pytest.raises(Crash):
        bench.runner(make([], tag=TagChoice(key="Role", value="web"))).run()
    bench.restart()
    result = bench.resumed("run1", send_rest=send_rest).run()
    assert sorted((row.target.id, row.outcome) for row in result.results) == sorted(
        (each.id, Outcome.FAILED if each is targets[0] else Outcome.SUCCEEDED) for each in targets
    )
    assert bench.ssm.calls["send_command"] == 2


def test_of_several_sends_to_a_node_the_last_one_is_followed(bench: Bench) -> None:
    (target,) = bench.ssm.add(1)
    bench.ssm.behave = {target.id: Ended(status_details="Undeliverable")}

    def weather(operation: str, number: int) -> str:
        if (operation, number) != ("send_command", 2):
            return ""
        bench.ssm.behave = {target.id: Ended(delay_seconds=30)}
        return "crash after"

    bench.ssm.weather = weather
    with pytest.raises(Crash):
        bench.runner(make([target])).run()
    bench.restart()
    (row,) = bench.resumed("run1", send_rest=True).run().results
    assert (row.outcome, row.attempts) == (Outcome.SUCCEEDED, 2)
    assert bench.ssm.sends_to(target.id) == 2
    assert bench.ssm.executions()[target.id] == 1
