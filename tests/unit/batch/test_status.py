"""SSM's status words and the two ways it hands output out."""

from datetime import timedelta
from typing import Any

import pytest

from ec2menu.batch.nouns import CommandSpec, Outcome, Target
from ec2menu.batch.retry import RetryPolicy, never_ran
from ec2menu.batch.status import Row, parse_invocation, status_word
from ec2menu.batch.streams import ERROR_TITLE, parse_result, split_listed
from ec2menu.batch.verdicts import is_unstarted, verdict_of
from ec2menu.demo.command_answers import list_output
from tests.fakes.clock import START

SPEC = CommandSpec(lines=("id",))


def entry(details: str, status: str = "Failed", **plugin: Any) -> dict[str, Any]:
    return {"InstanceId": "i-1", "Status": status, "StatusDetails": details, "CommandPlugins": [plugin]}


@pytest.mark.parametrize(
    ("status", "details", "outcome", "may_retry"),
    [
        ("Success", "Success", Outcome.SUCCEEDED, False),
        ("Failed", "Failed", Outcome.FAILED, False),
        ("TimedOut", "Execution Timed Out", Outcome.TIMED_OUT, False),
        ("TimedOut", "ExecutionTimedOut", Outcome.TIMED_OUT, False),
        ("TimedOut", "Delivery Timed Out", Outcome.PROBABLY_NOT_RUN, False),
        ("Cancelled", "Cancelled", Outcome.CANCELLED, False),
        ("Failed", "Undeliverable", Outcome.NOT_DELIVERED, True),
        ("Cancelled", "Terminated", Outcome.NOT_DELIVERED, True),
        ("Failed", "Invalid Platform", Outcome.NOT_DELIVERED, True),
        ("Failed", "Access Denied", Outcome.NOT_DELIVERED, True),
        ("TimedOut", "Something New", Outcome.PROBABLY_NOT_RUN, False),
        ("Failed", "Something New", Outcome.FAILED, False),
    ],
)
def test_a_final_status_is_judged_by_its_details(status: str, details: str, outcome: Outcome, may_retry: bool) -> None:
    row = parse_invocation(entry(details, status, ResponseCode=3))
    assert row.is_final
    assert verdict_of(row, SPEC).outcome is outcome
    assert never_ran(row.details) is may_retry


@pytest.mark.parametrize(
    ("status", "details"),
    [
        ("Pending", "Pending"),
        ("Delayed", "Delayed"),
        ("InProgress", "In Progress"),
        ("Cancelling", "Cancelling"),
        ("InProgress", "Something New"),
        ("Something", "New"),
    ],
)
def test_what_is_not_known_to_be_final_is_open(status: str, details: str) -> None:
    assert not Row(node_id="i-1", details=status_word(status, details)).is_final


def test_a_row_has_exit_code_times_and_output_and_none_of_them_has_to_be_there() -> None:
    times: dict[str, Any] = {"ResponseStartDateTime": START, "ResponseFinishDateTime": START + timedelta(seconds=1.5)}
    row = parse_invocation(entry("Failed", ResponseCode=3, Output="x", **times))
    assert (row.exit_code, row.output, row.lasted_seconds) == (3, "x", 1.5)
    assert verdict_of(row, SPEC).detail == "exit 3"
    bare = parse_invocation({"InstanceId": "i-1", "Status": "Failed", "StatusDetails": "Undeliverable"})
    assert (bare.exit_code, bare.output, bare.lasted_seconds) == (None, "", 0.0)
    assert parse_invocation(entry("Failed", Output="x"), with_output=False).output == ""


def test_minus_one_proves_that_nothing_ran_but_not_on_windows() -> None:
    row = Row(node_id="i-1", details="Cancelled", exit_code=-1)
    assert is_unstarted(row, Target(id="i-1", region="r"))
    assert not is_unstarted(row, Target(id="i-1", region="r", platform="Windows"))
    assert not is_unstarted(Row(node_id="i-1", details="Cancelled", exit_code=137), Target(id="i-1", region="r"))


def test_a_node_that_was_begun_with_may_have_run() -> None:
    row = Row(node_id="i-1", details="DeliveryTimedOut")
    assert "probably not run" in verdict_of(row, SPEC).detail
    assert "may have run" in verdict_of(row, SPEC, was_handed_over=True).detail


@pytest.mark.parametrize(
    ("stdout", "stderr"), [("", ""), ("a\n", ""), ("", "b\n"), ("a\n", "b\n"), ("한\n" * 500, "b")]
)
def test_short_output_is_taken_apart_as_it_was(stdout: str, stderr: str) -> None:
    streams = split_listed(list_output(stdout, stderr))
    assert (streams.stdout, streams.stderr, streams.is_cut) == (stdout, stderr, False)


@pytest.mark.parametrize(
    ("stdout", "stderr"),
    [("x" * 2501, ""), ("x" * 2500, ""), ("", "y" * 2500), ("x" * 2000, "y" * 2000)],
)
def test_output_that_may_not_be_whole_counts_as_cut_and_ssms_marks_are_no_output(stdout: str, stderr: str) -> None:
    streams = split_listed(list_output(stdout, stderr))
    assert (streams.cut, streams.is_doubtful) == (("stdout", "stderr"), True)
    assert stdout.startswith(streams.stdout)
    assert stderr.startswith(streams.stderr)


@pytest.mark.parametrize(
    ("stdout", "stderr", "is_doubtful"),
    [("a\n", "", False), ("a\n", "b\n", True), (f"a{ERROR_TITLE}b\n", "", True), (ERROR_TITLE, ERROR_TITLE, True)],
)
def test_where_stderr_begins_is_in_doubt_where_a_script_may_have_printed_the_title(
    stdout: str, stderr: str, is_doubtful: bool
) -> None:
    streams = split_listed(list_output(stdout, stderr))
    assert (streams.is_doubtful, streams.is_cut) == (is_doubtful, False)


def test_a_full_answer_says_which_stream_is_cut() -> None:
    answer = {"StandardOutputContent": "x" * 10 + "--output truncated--", "StandardErrorContent": "y"}
    streams = parse_result(answer)
    assert (streams.stdout, streams.is_stdout_cut) == ("x" * 10, True)
    assert (streams.stderr, streams.is_stderr_cut) == ("y", False)
    assert parse_result({"StandardOutputContent": "x" * 24000}).is_stdout_cut
    assert parse_result({"StandardErrorContent": "x" * 8000}).is_stderr_cut


def test_a_policy_counts_tries_and_its_waits_double_up_to_a_limit() -> None:
    class Highest:
        def uniform(self, _low: float, high: float) -> float:
            return high

    policy = RetryPolicy(retries=2, base_seconds=2, cap_seconds=30)
    assert [policy.allows(attempts) for attempts in (1, 2, 3)] == [True, True, False]
    assert not RetryPolicy(retries=0).allows(1)
    waits = [policy.wait_seconds(tries, Highest()) for tries in (1, 2, 3, 4, 5, 99)]  # type: ignore[arg-type]  # all it asks of a Random
    assert waits == [2, 4, 8, 16, 30, 30]
