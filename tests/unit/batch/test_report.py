"""The report: what is alike stands together, what went wrong comes first, and nothing is said that is not known."""

from collections.abc import Sequence
from typing import Any

import pytest

from ec2menu.batch.nouns import BatchResult, NodeResult, Outcome, Progress, Target
from ec2menu.batch.report import (
    NOT_KEPT,
    clock_text,
    counts_lines,
    exit_status,
    group_by_output,
    live_line,
    node_lines,
    render_report,
    result_line,
)
from ec2menu.errors import ExitStatus
from ec2menu.models import Style

OUTPUTS = {"a": ("hello\n", ""), "b": ("bye\n", "oops\n"), "": ("", ""), "tab": ("a\tb\r\n", "")}


def ended(number: int, outcome: Outcome = Outcome.SUCCEEDED, digest: str = "a", **more: Any) -> NodeResult:
    target = Target(id=f"i-{number}", region="us-east-1", name=f"web-{number}")
    code = {Outcome.SUCCEEDED: 0, Outcome.FAILED: 3}.get(outcome)
    members: dict[str, Any] = {"target": target, "outcome": outcome, "digest": digest, "exit_code": code}
    return NodeResult(**members | more)


def test_no_rows_are_no_success_and_ctrl_c_is_130() -> None:
    assert exit_status(batch()) == ExitStatus.TARGET_FAILED
    assert exit_status(batch(ended(1))) == ExitStatus.DONE
    assert exit_status(batch(ended(1), is_detached=True, is_interrupted=True)) == ExitStatus.INTERRUPTED
    assert exit_status(batch(ended(1), listing_status=ExitStatus.AWS)) == ExitStatus.AWS


def test_what_was_never_sent_is_counted_with_what_sends_it() -> None:
    rows = [ended(1), *(ended(number, Outcome.NOT_DELIVERED, detail="not sent yet") for number in (2, 3))]
    line = "2 nodes never sent to; to send the rest: ec2menu runs run-1 --send-rest"
    assert counts_lines(batch(*rows))[-1][0] == line
    assert line not in [text for text, _ in counts_lines(batch(*rows), is_journaled=False)]
    assert len(counts_lines(batch(ended(1), ended(2, Outcome.NOT_DELIVERED, detail="refused")))) == 1


def read(result: NodeResult) -> tuple[str, str]:
    return OUTPUTS[result.digest]


def batch(*results: NodeResult, **more: Any) -> BatchResult:
    return BatchResult(run_id="run-1", results=results, **more)


def report(results: Sequence[NodeResult], **more: Any) -> list[str]:
    lines = render_report(batch(*results), group_by_output(results), read=read, **more)
    return [text for text, _ in lines]


def test_equal_answers_stand_under_one_heading_with_their_nodes() -> None:
    assert report([ended(1), ended(2), ended(3), ended(7)], elapsed_seconds=72) == [
        "4 nodes succeeded · exit 0: web-[1-3,7]",
        "  hello",
        "",
        "4 nodes: 4 succeeded · took 01:12",
    ]


def test_failures_come_first_then_silent_nodes_then_odd_answers_and_the_largest_success_last() -> None:
    results = [
        *(ended(number) for number in range(10, 15)),
        ended(1, digest="b"),
        ended(2, Outcome.SKIPPED, detail="the instance is stopped"),
        ended(3, Outcome.UNKNOWN, detail="no answer in 210 s", command_id="c-1"),
        ended(4, Outcome.FAILED, digest="b", detail="exit 3"),
        ended(5, Outcome.TIMED_OUT, digest=""),
    ]
    heads = [line for line in report(results) if line and not line.startswith(" ")]
    assert heads == [
        "1 node failed · exit 3: web-4",
        "1 node timed out on the node: web-5",
        "1 node unknown, still running there:",
        "1 node skipped:",
        "1 node succeeded · exit 0: web-1",
        "5 nodes succeeded · exit 0: web-[10-14]",
        "10 nodes: 6 succeeded · 1 skipped · 1 unknown, still running there · 1 timed out · 1 failed",
        "to go on with it: ec2menu runs run-1",
    ]


def test_nodes_without_an_answer_are_named_with_the_reason_those_of_one_reason_together() -> None:
    results = [
        ended(1, Outcome.SKIPPED, detail="the instance is stopped"),
        ended(2, Outcome.SKIPPED, detail="the instance is stopped"),
        ended(9, Outcome.SKIPPED, detail="its SSM Agent has been offline for 3h"),
    ]
    assert report(results)[:3] == [
        "3 nodes skipped:",
        "  web-[1-2]: the instance is stopped",
        "  web-9: its SSM Agent has been offline for 3h",
    ]


def test_the_same_output_under_another_exit_code_or_cut_elsewhere_is_another_answer() -> None:
    alike = [ended(1), ended(2)]
    assert len(group_by_output(alike)) == 1
    assert len(group_by_output([*alike, ended(3, Outcome.FAILED)])) == 2
    assert len(group_by_output([ended(1, Outcome.FAILED), ended(2, Outcome.FAILED, exit_code=4)])) == 2
    assert len(group_by_output([*alike, ended(3, is_stdout_cut=True)])) == 2
    assert len(group_by_output([*alike, ended(3, digest="b")])) == 2


def test_streams_are_told_apart_and_what_ssm_cut_is_said_where_it_was_cut() -> None:
    lines = report([ended(1, digest="b", is_stdout_cut=True, is_stderr_cut=True)])
    assert lines[1:6] == [
        "  bye",
        "  (stdout is longer: SSM keeps the beginning only; --output-s3 keeps it all)",
        "  stderr:",
        "  oops",
        "  (stderr is longer: SSM keeps the beginning only; --output-s3 keeps it all)",
    ]
    assert report([ended(1, digest="")])[1] == "  (no output)"
    assert report([ended(1, digest="tab")])[1] == "  a       b"


def test_a_long_group_is_cut_at_the_limit_and_says_by_how_much() -> None:
    text = "".join(f"{number}\n" for number in range(100))
    lines = [
        line
        for line, _ in render_report(
            batch(ended(1)), group_by_output([ended(1)]), read=lambda _: (text, ""), max_lines_per_group=3
        )
    ]
    assert lines[1:5] == ["  0", "  1", "  2", "  … and 97 more lines"]


def test_a_groups_text_is_read_once_and_only_when_its_lines_are_drawn() -> None:
    asked: list[str] = []

    def note(result: NodeResult) -> tuple[str, str]:
        asked.append(result.target.name)
        return "", ""

    results = [ended(1), ended(2), ended(3, digest="b"), ended(4, Outcome.SKIPPED)]
    lines = render_report(batch(*results), group_by_output(results), read=note)
    assert asked == []
    list(lines)
    assert asked == ["web-3", "web-1"]


@pytest.mark.parametrize(
    ("result", "line", "style"),
    [
        (ended(1, lasted_seconds=1.23), "ok   web-1 (i-1)  exit 0 · 1.2 s", Style.GOOD),
        (ended(1, Outcome.FAILED, lasted_seconds=75), "FAIL web-1 (i-1)  failed · exit 3 · 01:15", Style.BAD),
        (ended(1, Outcome.FAILED, detail="exit 3"), "FAIL web-1 (i-1)  failed · exit 3", Style.BAD),
        (
            ended(1, Outcome.NOT_DELIVERED, detail="undeliverable: no answer", attempts=3),
            "FAIL web-1 (i-1)  not delivered · undeliverable: no answer · attempt 3",
            Style.BAD,
        ),
        (
            ended(1, Outcome.PROBABLY_NOT_RUN, command_id="c-1"),
            "?    web-1 (i-1)  delivery timed out · probably not run",
            Style.WARN,
        ),
        (
            ended(1, Outcome.UNKNOWN, command_id="c-1"),
            "?    web-1 (i-1)  unknown, still running there · command c-1",
            Style.WARN,
        ),
        (
            ended(1, Outcome.IN_DOUBT),
            "?    web-1 (i-1)  in doubt · it may have been sent",
            Style.WARN,
        ),
        (
            ended(1, Outcome.CANCELLED, detail="cancelled before it was sent"),
            "FAIL web-1 (i-1)  cancelled before it was sent",
            Style.BAD,
        ),
        (
            ended(1, Outcome.PROBABLY_NOT_RUN, detail="no answer in time; it may have run"),
            "?    web-1 (i-1)  delivery timed out · no answer in time; it may have run",
            Style.WARN,
        ),
        (
            ended(1, Outcome.UNKNOWN, detail="still running there", command_id="c-1"),
            "?    web-1 (i-1)  unknown, still running there · command c-1",
            Style.WARN,
        ),
        (
            ended(1, detail="its output could not be kept: No space left on device"),
            "ok   web-1 (i-1)  exit 0 · its output could not be kept: No space left on device",
            Style.GOOD,
        ),
        (ended(1, Outcome.CANCELLED), "FAIL web-1 (i-1)  cancelled · it may have begun", Style.BAD),
        (ended(1, Outcome.TIMED_OUT, exit_code=-1), "FAIL web-1 (i-1)  timed out", Style.BAD),
        (ended(1, Outcome.SKIPPED, detail="stopped"), "skip web-1 (i-1)  skipped · stopped", Style.WARN),
    ],
)
def test_one_nodes_row_says_how_it_ended_and_no_more(result: NodeResult, line: str, style: Style) -> None:
    assert result_line(result) == (line, style)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_its_words_in_the_row_and_in_the_report(outcome: Outcome) -> None:
    result = ended(1, outcome)
    text = result_line(result)[0]
    assert text.split(maxsplit=1)[0] in ("ok", "FAIL", "?", "skip")
    assert report([result])[0].startswith("1 node ")
    assert counts_lines(batch(result))[0][0] == f"1 node: 1 {outcome}"


def test_a_nodes_output_can_be_shown_whole() -> None:
    lines = [text for text, _ in node_lines(ended(1, Outcome.FAILED, digest="b", detail="exit 3"), read=read)]
    assert lines == ["FAIL web-1 (i-1)  failed · exit 3", "  bye", "  stderr:", "  oops"]


@pytest.mark.parametrize(
    ("progress", "seconds", "line"),
    [
        (Progress(total=200, done=37, running=5, failed=2), 72, "37/200 done · 5 running · 2 failed · 01:12"),
        (Progress(total=1), 0, "0/1 done · 0 running · 00:00"),
        (Progress(total=1, note="AWS is throttling"), 3700, "0/1 done · 0 running · 1:01:40 · AWS is throttling"),
    ],
)
def test_the_live_line_is_counts_and_a_stop_watch(progress: Progress, seconds: float, line: str) -> None:
    assert live_line(progress, seconds) == line


def test_a_stop_watch_never_runs_backwards() -> None:
    assert clock_text(-5) == "00:00"


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.SUCCEEDED])
def test_one_node_that_did_not_succeed_is_the_exit_status(outcome: Outcome) -> None:
    assert exit_status(batch(ended(1), ended(2))) == 0
    assert exit_status(batch(ended(1), ended(2, outcome))) == 1


def test_a_detached_run_is_not_done_and_says_how_to_go_on() -> None:
    detached = batch(ended(1), is_detached=True)
    assert exit_status(detached) == 1
    assert counts_lines(detached)[-1][0] == "to go on with it: ec2menu runs run-1"


def test_that_ssm_has_cut_an_output_is_said_even_where_the_report_hides_most_of_it() -> None:
    row = ended(1, is_stderr_cut=True)
    text = "\n".join(str(number) for number in range(100))
    lines = [
        line
        for line, _ in render_report(
            batch(row), group_by_output([row]), read=lambda _row: (text, "e"), max_lines_per_group=3
        )
    ]
    assert lines[4:6] == [
        "  … and 99 more lines",
        "  (stderr is longer: SSM keeps the beginning only; --output-s3 keeps it all)",
    ]


def test_a_run_that_no_journal_keeps_cannot_be_gone_on_with() -> None:
    detached = BatchResult(run_id="run-1", results=(), is_detached=True)
    assert counts_lines(detached, is_journaled=False)[-1][0] == NOT_KEPT


def test_a_name_that_would_fill_the_line_is_shortened_in_a_nodes_row() -> None:
    row = ended(1, target=Target(id="i-1", region="us-east-1", name="x" * 100))
    assert result_line(row)[0].startswith(f"ok   {'x' * 31}… (i-1)  ")
