"""Output that the list call did not hold whole: from SSM, from S3 however slow that is, or told as what it is."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from ec2menu.batch.nouns import NodeResult, Outcome, Progress
from ec2menu.batch.reader import FETCHES_AT_ONCE
from ec2menu.batch.report import group_by_output, node_lines
from ec2menu.batch.runner import BatchRunner
from ec2menu.batch.streams import ERROR_TITLE
from ec2menu.demo.invocations import Outcome as Ended
from ec2menu.fanout import Task
from tests.unit.batch.rig import Bench, make, orders, outcomes, when

WAIT_SECONDS = 10.0
LONG = Ended(delay_seconds=1, stdout="x" * 50_000)


class SlowS3:
    """An S3 that answers only once it is let go; who asks meanwhile waits in a thread of its own."""

    def __init__(self, runner: BatchRunner, *, on_asked: Callable[[], object] = lambda: None) -> None:
        self._on_asked = on_asked
        self.asked = 0
        self.most = 0
        self._waiting = 0
        self._let_go = threading.Event()
        self._has_news = threading.Condition()
        runner._submit = self._submit

    def let_go(self) -> None:
        self._let_go.set()

    def object(self, _key: str) -> bytes:
        with self._has_news:
            self.asked += 1
            self._waiting += 1
            self.most = max(self.most, self._waiting)
            self._has_news.notify_all()
        self._on_asked()
        assert self._let_go.wait(WAIT_SECONDS)
        self._waiting -= 1
        return b"x" * 50_000

    def _submit(self, function: Callable[[], Any]) -> Task[Any]:
        """Go on when the call has ended, or waits for S3."""
        before = self.asked
        task = Task(function, started=False)

        def work() -> None:
            task.run()
            with self._has_news:
                self._has_news.notify_all()

        threading.Thread(target=work, daemon=True).start()
        with self._has_news:
            assert self._has_news.wait_for(lambda: task.is_done or self.asked > before, WAIT_SECONDS)
        return task


def test_the_full_output_comes_from_s3_where_ssm_kept_only_a_part(bench: Bench) -> None:
    (target,) = bench.ssm.add(1)
    bench.ssm.behave = {target.id: Ended(stdout="x" * 50_000)}
    step = "awsrunShellScript/0.awsrunShellScript/stdout"
    bench.ssm.objects = lambda key: b"x" * 50_000 if key.endswith(f"{target.id}/{step}") else None
    (row,) = bench.runner(make([target], output_s3="logs/ops/")).run().results
    assert len(bench.outputs.read(row)[0]) == 50_000
    assert not row.is_stdout_cut
    (order,) = orders(bench)
    assert order.sinks == {"OutputS3BucketName": "logs", "OutputS3KeyPrefix": "ops/run1"}
    assert bench.ssm.asked_keys == [f"ops/run1/{row.command_id}/{target.id}/{step}"]


def test_output_that_is_not_in_s3_stays_cut_and_says_why(bench: Bench) -> None:
    (target,) = bench.ssm.add(1)
    bench.ssm.behave = {target.id: Ended(stdout="x" * 50_000)}
    (row,) = bench.runner(make([target], output_s3="logs")).run().results
    assert row.outcome is Outcome.SUCCEEDED
    assert row.is_stdout_cut
    assert "could not be fetched from S3" in row.detail
    assert 20_000 < len(bench.outputs.read(row)[0]) < 24_001


def test_an_s3_that_does_not_answer_holds_up_neither_the_rest_nor_a_cancel(bench: Bench) -> None:
    targets = bench.ssm.add(40)
    bench.ssm.behave = {target.id: LONG for target in targets[:20]}
    runner = bench.runner(make(targets, concurrency=4, output_s3="logs"))
    s3 = SlowS3(runner)
    bench.ssm.objects = s3.object
    heartbeats: set[Any] = set()
    notes: set[str] = set()

    def listen(progress: Progress) -> None:
        notes.add(progress.note)
        heartbeats.add(bench.journal.load("run1").owner.heartbeat)
        if progress.done >= 8 and not bench.ssm.calls["cancel_command"]:  # the short ones: the long ones wait for S3
            runner.cancel()
        if bench.ssm.calls["cancel_command"]:
            s3.let_go()

    result = runner.run(listen)
    assert s3.most == FETCHES_AT_ONCE
    assert bench.ssm.calls["cancel_command"] == 1
    assert "fetching output from S3, 20 to go" in notes
    assert len(heartbeats) > 1
    assert set(outcomes(result.results[:20])) == {Outcome.SUCCEEDED}
    assert not any(row.is_stdout_cut for row in result.results)
    assert Outcome.CANCELLED in outcomes(result.results[20:])


def test_a_run_that_is_left_while_s3_does_not_answer_ends_at_once_and_reads_it_all_when_taken_up(bench: Bench) -> None:
    targets = bench.ssm.add(3)
    bench.ssm.behave = {target.id: LONG for target in targets}
    runner = bench.runner(make(targets, concurrency=4, output_s3="logs"))
    s3 = SlowS3(runner, on_asked=runner.detach)
    bench.ssm.objects = s3.object
    left = runner.run()
    assert left.is_detached
    assert {(row.outcome, row.exit_code, row.detail) for row in left.results} == {
        (Outcome.SUCCEEDED, 0, "its output was not waited for")
    }
    s3.let_go()
    whole = bench.resumed("run1").run()
    assert [len(bench.outputs.read(row)[0]) for row in whole.results] == [50_000] * 3
    assert not any(row.is_stdout_cut or row.detail for row in whole.results)


def test_output_that_cannot_be_read_is_what_was_listed_and_no_more_is_claimed(bench: Bench) -> None:
    (target,) = bench.ssm.add(1)
    bench.ssm.behave = {target.id: Ended(stdout="x" * 5000)}
    bench.ssm.weather = lambda operation, _: "deny" if operation == "get_command_invocation" else ""
    (row,) = bench.runner(make([target])).run().results
    assert set(bench.outputs.read(row)[0]) == {"x"}
    assert "its output could not be read: " in row.detail
    lines = [text for text, _ in node_lines(row, read=bench.outputs.read)]
    assert lines[3:] == ["  (stdout may be longer)", "  stderr:", "  (stderr may be longer)"]
    lines = [text for text, _ in node_lines(row, read=bench.outputs.read, output_s3="logs/ops")]
    assert "  (stdout may be longer: look in s3://logs/ops)" in lines
    assert bench.journal.load("run1").results == (row,)


def test_where_s3_has_the_rest_it_is_named_and_not_advised(bench: Bench) -> None:
    (target,) = bench.ssm.add(1)
    bench.ssm.behave = {target.id: LONG}
    (row,) = bench.runner(make([target], output_s3="logs")).run().results
    lines = [text for text, _ in node_lines(row, read=bench.outputs.read, output_s3="logs")]
    assert lines[-1] == "  (stdout is longer: SSM keeps the beginning only; s3://logs has it all)"


@pytest.mark.parametrize(("stdout", "stderr"), [(f"a{ERROR_TITLE}b\n", ""), (f"a{ERROR_TITLE}b\n", "c"), ("a", "b\n")])
def test_a_script_that_prints_ssms_own_title_keeps_its_streams(bench: Bench, stdout: str, stderr: str) -> None:
    (target,) = bench.ssm.add(1)
    bench.ssm.behave = {target.id: Ended(stdout=stdout, stderr=stderr)}
    (row,) = bench.runner(make([target])).run().results
    assert bench.outputs.read(row) == (stdout, stderr)


def test_of_equal_answers_with_something_on_stderr_one_is_read(bench: Bench) -> None:
    targets = bench.ssm.add(60)
    bench.ssm.behave = {target.id: Ended(stdout="ok\n", stderr="warning\n") for target in targets}
    result = bench.runner(make(targets, concurrency=20)).run()
    assert bench.ssm.calls["get_command_invocation"] == 1
    assert {bench.outputs.read(row) for row in result.results} == {("ok\n", "warning\n")}


def test_answers_that_are_equal_only_as_listed_are_each_read(bench: Bench) -> None:
    targets = bench.ssm.add(20)
    printed, said = Ended(stdout=f"a{ERROR_TITLE}b"), Ended(stdout="a", stderr="b")
    bench.ssm.behave = {target.id: said for target in targets} | {targets[0].id: printed}
    result = bench.runner(make(targets, concurrency=20)).run()
    assert bench.outputs.read(result.results[0]) == (printed.stdout, "")
    assert {bench.outputs.read(row) for row in result.results[1:]} == {("a", "b")}
    assert len(group_by_output(result.results)) == 2


def test_a_run_that_is_left_tells_what_runs_from_what_ssm_has_not_begun_with(bench: Bench) -> None:
    targets = bench.ssm.add(20)
    bench.ssm.behave = {target.id: Ended(delay_seconds=30) for target in targets}
    runner = bench.runner(make(targets, concurrency=5))
    heard: list[NodeResult] = []
    left = runner.run(when(lambda progress: progress.running == 5, runner.detach), heard.append)
    assert not heard
    assert outcomes(left.results) == [Outcome.UNKNOWN] * 5 + [Outcome.NOT_BEGUN] * 15
    assert {row.attempts for row in left.results} == {1}
    assert len(orders(bench)) == 1
    assert left.unfinished == left.results
    assert left.failed == ()
