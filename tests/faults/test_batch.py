"""What may go wrong between us and AWS while a batch runs, over real HTTP; the nodes say what really ran."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from math import inf

import pytest

from ec2menu.batch.journaled import RunState
from ec2menu.batch.nouns import BatchResult, Outcome, Progress, Target
from ec2menu.demo.invocations import Outcome as Ended
from ec2menu.errors import TargetUnclear
from tests.faults.conftest import Site
from tests.faults.driver import STEPS
from tests.terminal.stage import wait_until
from tests.unit.batch.rig import counts, make, when


def check(site: Site, targets: list[Target], result: BatchResult) -> None:
    """One row for every target, and no second start."""
    assert [row.target.id for row in result.results] == [target.id for target in targets]
    executions = site.simulation.executions()
    assert all(count == 1 for count in executions.values())
    for row in result.results:
        ran = bool(executions[row.target.id])
        assert ran or row.outcome not in (Outcome.SUCCEEDED, Outcome.FAILED)
        assert not ran or row.outcome is not Outcome.NOT_DELIVERED


def test_a_batch_over_http_ends_with_every_output(site: Site) -> None:
    targets = site.add(12)
    site.simulation.behave = lambda node_id, _: (
        Ended(delay_seconds=3, stdout="x" * 5000, exit_code=4)
        if node_id == targets[0].id
        else Ended(delay_seconds=1, stdout="한글\n", stderr="e\n")
    )
    result = site.runner(make(targets, concurrency=5)).run()
    check(site, targets, result)
    assert counts(result) == {"failed": 1, "succeeded": 11}
    assert site.outputs.read(result.results[0]) == ("x" * 5000, "")
    assert site.outputs.read(result.results[1]) == ("한글\n", "e\n")
    assert result.results[0].exit_code == 4
    assert len(site.demo.calls_of("GetCommandInvocation")) == 2  # the long one, and one of those with a stderr


@pytest.mark.parametrize("how", ["lose", "truncate", "late"])
def test_a_reply_lost_after_the_send_took_effect_leads_to_no_second_send(site: Site, how: str) -> None:
    targets = site.add(20)
    if how == "truncate":
        site.demo.faults.truncate_reply("SendCommand")
    else:
        site.demo.faults.lose_reply("SendCommand")
    site.simulation.listed_after_seconds = 25 if how == "late" else 0.3
    result = site.runner(make(targets, concurrency=20)).run()
    check(site, targets, result)
    assert counts(result) == {"succeeded": 20}
    assert site.sends() == 1


def test_a_send_that_failed_at_the_server_is_left_in_doubt_and_not_repeated(site: Site) -> None:
    targets = site.add(5)
    site.demo.faults.fail("SendCommand", status=500)
    result = site.runner(make(targets)).run()
    check(site, targets, result)
    assert counts(result) == {"in doubt": 5}
    assert site.sends() == 1


def test_throttling_of_every_call_fails_nobody(site: Site) -> None:
    targets = site.add(8)
    site.simulation.behave = lambda *_: Ended(delay_seconds=5, stdout="x" * 4000)
    for operation in ("SendCommand", "ListCommandInvocations", "GetCommandInvocation"):
        site.demo.faults.throttle(operation, times=2)
    result = site.runner(make(targets, concurrency=3)).run()
    check(site, targets, result)
    assert counts(result) == {"succeeded": 8}


def test_polling_that_is_denied_half_way_leaves_unknown_rows_with_the_reason(site: Site) -> None:
    targets = site.add(20)
    runner = site.runner(make(targets, concurrency=5))
    deny = when(lambda progress: progress.done >= 5, lambda: site.demo.faults.deny("ListCommandInvocations"))
    result = runner.run(deny)
    check(site, targets, result)
    unknown = [row for row in result.results if row.outcome is Outcome.UNKNOWN]
    assert unknown
    assert all("ssm:ListCommandInvocations" in row.detail and row.command_id for row in unknown)
    assert len(unknown) + len(result.succeeded) == 20


def test_credentials_that_expire_half_way_pause_the_run(site: Site) -> None:
    targets = site.add(20)
    runner = site.runner(make(targets, concurrency=5))
    notes: list[str] = []
    expire = when(lambda progress: progress.done >= 5, site.demo.faults.expire_credentials)

    def listen(progress: Progress) -> None:
        expire(progress)
        if progress.needs_login:
            notes.append(progress.note)
            site.demo.faults.clear()
            site.aws.renew()
            runner.resume_after_login()

    result = runner.run(listen)
    assert "expired" in notes[0]
    check(site, targets, result)
    assert counts(result) == {"succeeded": 20}


def test_a_node_that_went_offline_costs_only_its_own_row(site: Site) -> None:
    targets = site.add(12)
    site.demo.set_ping(targets[3].id, "ConnectionLost")
    result = site.runner(make(targets, concurrency=12, retries=1)).run()
    check(site, targets, result)
    assert counts(result) == {"succeeded": 11, "not delivered": 1}
    assert (result.results[3].outcome, result.results[3].attempts) == (Outcome.NOT_DELIVERED, 2)


def test_cancelling_reaches_the_nodes(site: Site) -> None:
    targets = site.add(12)
    site.simulation.behave = lambda *_: Ended(delay_seconds=100)
    runner = site.runner(make(targets, concurrency=4))
    result = runner.run(when(lambda progress: progress.running > 0, runner.cancel))
    assert counts(result) == {"cancelled": 12}
    assert len(site.demo.calls_of("CancelCommand")) == 1


def test_a_cancel_that_is_denied_is_said_in_every_row_and_the_nodes_are_followed(site: Site) -> None:
    targets = site.add(4)
    site.simulation.behave = lambda *_: Ended(delay_seconds=90)
    site.demo.faults.deny("CancelCommand")
    runner = site.runner(make(targets, concurrency=4))
    result = runner.run(when(lambda progress: progress.running > 0, runner.cancel))
    check(site, targets, result)
    assert counts(result) == {"succeeded": 4}
    assert all(row.detail.startswith("not cancelled: ssm:CancelCommand") for row in result.results)


def test_nodes_behind_hung_ones_are_taken_back_and_sent_to_over_http(site: Site) -> None:
    targets = site.add(16)
    hung = {target.id for target in targets[:4]}
    site.clock.speed = 8.0  # they are taken back in the last seconds before SSM would deliver to them
    site.simulation.behave = lambda node_id, _: Ended(delay_seconds=inf if node_id in hung else 1)
    plan = make(targets, concurrency=4, execution_seconds=5, delivery_seconds=30, retries=0)
    result = site.runner(plan).run()
    check(site, targets, result)
    assert [row.outcome for row in result.results[4:]] == [Outcome.SUCCEEDED] * 12
    assert len(site.demo.calls_of("CancelCommand")) == 1


def test_a_cancel_and_a_lookup_that_are_throttled_reach_aws_all_the_same(site: Site) -> None:
    targets = site.add(8)
    site.simulation.behave = lambda *_: Ended(delay_seconds=5000)
    site.demo.faults.lose_reply("SendCommand")
    for operation in ("ListCommands", "CancelCommand"):
        site.demo.faults.throttle(operation)
    runner = site.runner(make(targets, concurrency=8, execution_seconds=6000))
    result = runner.run(when(lambda progress: progress.running > 0, runner.cancel))
    check(site, targets, result)
    assert counts(result) == {"cancelled": 8}
    assert site.sends() == 1
    assert [len(site.demo.calls_of(each)) for each in ("ListCommands", "CancelCommand")] == [2, 2]


def test_a_thousand_nodes_take_few_calls(site: Site) -> None:
    targets = site.add(1000)
    site.simulation.behave = lambda *_: Ended(delay_seconds=8, stdout="ok\n")
    result = site.runner(make(targets, concurrency=50)).run()
    check(site, targets, result)
    assert counts(result) == {"succeeded": 1000}
    assert site.sends() <= 30
    assert not site.demo.calls_of("GetCommandInvocation")
    assert len(site.demo.calls_of("ListCommandInvocations")) < 1000


def stopped_between_writes(process: "subprocess.Popen[str]", site: Site) -> bool:
    """Stop the process; where it then holds the state file, let it go on and return False."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    with closing(sqlite3.connect(site.store.path, timeout=0)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            process.send_signal(signal.SIGCONT)
            return False
    return True


def test_a_process_that_was_stopped_and_goes_on_sends_nothing_of_a_run_that_was_taken_up(site: Site) -> None:
    targets = site.add(40)
    site.simulation.behave = lambda *_: Ended(delay_seconds=20, stdout="ok\n")
    arguments = ("never", str(site.clock.base), str(site.folder), json.dumps([target.id for target in targets]))
    argv = [sys.executable, "-m", "tests.faults.driver", *arguments]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as first:
        try:
            wait_until(lambda: sum(site.simulation.executions().values()) >= 10, what="started scripts")
            wait_until(lambda: stopped_between_writes(first, site), what="a moment without a write")
            wait_until(lambda: site.journal.runs()[0].state is RunState.INTERRUPTED, what="silence")
            result = site.resumed(send_rest=True).run()
            first.send_signal(signal.SIGCONT)
            _, err = first.communicate(timeout=30)
        finally:
            first.kill()
    check(site, targets, result)
    assert counts(result) == {"succeeded": 40}
    assert first.returncode == 1
    assert "run run1 was taken over by another ec2menu while this one stood still" in err
    assert site.journal.runs()[0].state is RunState.FINISHED


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("send_rest", [False, True])
def test_a_run_killed_at_any_step_is_told_in_full_and_nothing_is_sent_twice(
    site: Site, step: str, send_rest: bool
) -> None:
    targets = site.add(70)
    site.simulation.behave = lambda *_: Ended(delay_seconds=1.5, stdout="ok\n")
    arguments = (step, str(site.clock.base), str(site.folder), json.dumps([target.id for target in targets]))
    ended = subprocess.run([sys.executable, "-m", "tests.faults.driver", *arguments], check=False)
    assert ended.returncode == -signal.SIGKILL
    if step == "before begin":
        with pytest.raises(TargetUnclear):
            site.resumed()
        return
    assert site.journal.runs()[0].state is RunState.INTERRUPTED
    sends = site.sends()
    result = site.resumed(send_rest=send_rest).run()
    check(site, targets, result)
    if not send_rest:
        assert site.sends() == sends
    doubtful = {row.target.id for row in result.results if row.outcome is Outcome.IN_DOUBT}
    assert bool(doubtful) == ("intended" in step)
    sent = set(site.simulation.executions())
    assert {row.target.id for row in result.succeeded} == sent
    assert not doubtful & sent
    if send_rest:
        assert sent | doubtful == {target.id for target in targets}
