"""`runs` against the demo's AWS: past runs listed, shown, sent the rest, and run again where that is due."""

from pathlib import Path
from typing import Any

import pytest

from ec2menu.batch.journaled import RunState
from ec2menu.batch.nouns import CommandSpec, Limits, TagChoice
from ec2menu.commands.runs import run_runs
from ec2menu.demo.commands import simulation
from ec2menu.demo.invocations import Outcome as Answer
from ec2menu.demo.server import DemoAws
from ec2menu.errors import ExitStatus, InvalidInput, TargetUnclear
from ec2menu.flows.batch import fresh_machines, open_journal, open_outputs, prepare, prepare_tag
from ec2menu.flows.batch_watch import new_runner
from ec2menu.ui.menu import Menu
from ec2menu.ui.screens.runs import RunsScreen
from tests.cloud.run_rig import REGION, Ops, behave, mixed_fleet
from tests.unit.desk import sit_down


@pytest.fixture
def ops(aws_demo: DemoAws, tmp_path: Path) -> Ops:
    return Ops(aws_demo, tmp_path)


def test_past_runs_are_listed_and_shown_again(ops: Ops) -> None:
    ops.demo.add_instances(REGION, 2, name="web-{n}")
    assert ops.runs()[0].notes == "nothing has been run yet\n"
    ops.run("echo", "first")
    ops.run("echo", "second")
    listed = ops.listed()
    assert [(run["command"], run["state"], run["counts"]) for run in listed] == [
        ("echo second", "finished", {"succeeded": 2}),
        ("echo first", "finished", {"succeeded": 2}),
    ]
    table = ops.runs()[0].data.splitlines()
    assert table[0].split() == ["Run", "Age", "State", "Nodes", "Result", "Command"]
    sent = len(ops.demo.calls_of("SendCommand"))
    desk, status = ops.runs(listed[1]["id"])
    assert "  first" in desk.data.splitlines()
    assert status == ExitStatus.DONE
    assert len(ops.demo.calls_of("SendCommand")) == sent


def test_a_past_run_shows_its_skipped_nodes_too_and_how_to_run_it_again(ops: Ops) -> None:
    mixed_fleet(ops.demo)
    first, _ = ops.run("echo", "hello", filters=("-",))
    run_id = ops.listed()[0]["id"]
    desk, status = ops.runs(run_id)
    assert desk.data.splitlines()[:-1] == first.data.splitlines()[:-1]  # the last line of the first says how long
    assert desk.notes.endswith(f"again: ec2menu runs {run_id} --retry-failed\n")
    assert status == ExitStatus.TARGET_FAILED


def test_a_run_that_is_not_there_is_refused(ops: Ops) -> None:
    with pytest.raises(TargetUnclear, match="there is no run nothing"):
        ops.runs("nothing")
    with pytest.raises(InvalidInput, match="--retry-failed needs a run"):
        ops.runs(retry_failed=True)


def test_only_the_failed_nodes_are_run_again_and_only_when_asked(ops: Ops) -> None:
    ids = ops.demo.add_instances(REGION, 3, name="web-{n}")
    behave(lambda node: Answer(exit_code=1 if node == ids[2] else 0))
    ops.run("x")
    run_id = ops.listed()[0]["id"]
    behave(lambda _node: Answer(stdout="mended\n"))
    desk, status = ops.runs(run_id, retry_failed=True)
    assert "1 node succeeded · exit 0: web-3" in desk.data
    assert "! it has run, or may have run, on 1 node of them already" in desk.notes
    assert status == ExitStatus.DONE
    assert simulation().executions() == {ids[0]: 1, ids[1]: 1, ids[2]: 2}
    again = [run["id"] for run in ops.listed()]
    assert len(again) == 2
    assert ops.runs(again[0], retry_failed=True)[0].notes.endswith("there is nothing to run again\n")
    assert [run["repeats"] for run in ops.listed()] == [run_id, ""]


def test_what_was_run_again_is_told_with_the_first_run_and_not_run_a_third_time(ops: Ops) -> None:
    ids = ops.demo.add_instances(REGION, 3, name="web-{n}")
    behave(lambda node: Answer(exit_code=int(node != ids[0])))
    ops.run("x")
    run_id = ops.listed()[0]["id"]
    behave(lambda node: Answer(exit_code=int(node == ids[2]), stdout="again\n"))
    ops.runs(run_id, retry_failed=True)
    shown, status = ops.runs(run_id)
    assert "2 succeeded · 1 failed" in shown.data
    assert status == ExitStatus.TARGET_FAILED
    behave(lambda _node: Answer())
    assert ops.runs(run_id, retry_failed=True)[1] == ExitStatus.DONE
    assert ops.runs(run_id, retry_failed=True)[0].notes.endswith("there is nothing to run again\n")
    assert ops.runs(run_id)[1] == ExitStatus.DONE
    assert simulation().executions() == {ids[0]: 1, ids[1]: 2, ids[2]: 3}


def test_a_listed_run_counts_the_skipped_and_the_nodes_of_a_tag(ops: Ops) -> None:
    mixed_fleet(ops.demo)
    ops.run("x", filters=("-",))
    ops.demo.add_instances(REGION, 3, name="db-{n}", tags={"Role": "db"})
    ops.run("x", tags=("tag:Role=db",))
    assert [(run["targets"], run["counts"]) for run in ops.listed()] == [
        (3, {"succeeded": 3}),
        (5, {"succeeded": 3, "skipped": 2}),
    ]


def leave_early(ops: Ops, count: int) -> str:
    """Begin a run and leave it before most of its nodes were sent to; return its id."""
    ops.demo.add_instances(REGION, count, name="web-{n}")
    desk = sit_down(color=False)
    context = ops.context(desk)
    plan = prepare(context, CommandSpec(lines=("x",)), Limits(concurrency=2), fresh_machines(context, (REGION,)).items)
    runner = new_runner(context, plan.plan, journal=open_journal(context), outputs=open_outputs(context))
    runner.run(lambda _progress: None, lambda _row: runner.detach())
    return runner.run_id


def test_the_rest_is_sent_when_asked_for_and_only_that(ops: Ops) -> None:
    run_id = leave_early(ops, 6)
    sent = simulation().executions()
    assert len(sent) < 6
    shown, _ = ops.runs(run_id)
    unsent = 6 - len(sent)
    assert f"{unsent} nodes never sent to; to send the rest: ec2menu runs {run_id} --send-rest" in shown.data
    assert "--retry-failed" not in shown.notes
    with pytest.raises(InvalidInput, match="here is nobody to ask"):
        ops.runs(run_id, send_rest=True, yes=False)
    with pytest.raises(InvalidInput, match="choose one of"):
        ops.runs(run_id, send_rest=True, retry_failed=True)
    with pytest.raises(InvalidInput, match="--send-rest needs a run"):
        ops.runs(send_rest=True)
    desk, status = ops.runs(run_id, send_rest=True)
    assert f"run on {unsent} nodes" in desk.notes
    assert "6 nodes: 6 succeeded" in desk.data
    assert status == ExitStatus.DONE
    assert set(simulation().executions().values()) == {1}
    assert [run["state"] for run in ops.listed()] == ["finished"]
    again, status = ops.runs(run_id, send_rest=True)
    assert "nothing is left to be sent" in again.notes
    assert status == ExitStatus.DONE


def test_a_run_of_another_account_is_left_alone(ops: Ops) -> None:
    run_id = leave_early(ops, 6)
    assert [run["account"] for run in ops.listed()] == ["123456789012"]
    context = ops.context(sit_down())
    context.store.write("UPDATE batch_run SET account = ?", [("999999999999",)])
    sent = simulation().executions()
    wishes: list[dict[str, Any]] = [{}, {"send_rest": True}, {"retry_failed": True}]
    for wish in wishes:
        with pytest.raises(InvalidInput, match="was started in account 999999999999, and this is 123456789012"):
            ops.runs(run_id, **wish)
    assert simulation().executions() == sent


def test_the_rest_that_was_run_again_elsewhere_is_not_sent(ops: Ops) -> None:
    run_id = leave_early(ops, 6)
    ops.runs(run_id, retry_failed=True)
    assert "nothing is left to be sent" in ops.runs(run_id, send_rest=True)[0].notes
    assert len(simulation().executions()) == 6
    assert set(simulation().executions().values()) == {1}


def test_a_tag_that_was_never_sent_is_part_of_the_rest(ops: Ops) -> None:
    web = ops.demo.add_instances(REGION, 2, name="web-{n}", tags={"Role": "web"})
    desk = sit_down("n", color=False, out_tty=True)
    context = ops.context(desk)
    tag = TagChoice(key="Role", value="web")
    prepared = prepare_tag(context, CommandSpec(lines=("x",)), Limits(), tag=tag, regions=(REGION,), is_asked=True)
    open_journal(context).begin(prepared.plan).finish(RunState.DETACHED)
    run_id = prepared.plan.run_id
    assert run_runs(context, run_id, send_rest=True, yes=False, output="table") == ExitStatus.INTERRUPTED
    assert "run on 2 nodes" in desk.notes
    assert not ops.demo.calls_of("SendCommand")
    assert ops.runs(run_id, send_rest=True)[1] == ExitStatus.DONE
    assert simulation().executions() == dict.fromkeys(web, 1)


def test_at_the_menu_the_rest_of_a_run_that_was_left_is_sent(ops: Ops) -> None:
    run_id = leave_early(ops, 4)
    unsent = 4 - len(simulation().executions())
    desk = sit_down("1", "s", "n", "s", "y", "s", "0", "0", out_tty=True, color=False)
    context = ops.context(desk)
    Menu(desk.terminal).run(RunsScreen(context))
    assert f"s send {unsent} unsent" in desk.notes
    assert desk.notes.count("not run; nothing was sent") == 1
    assert "4 nodes: 4 succeeded" in desk.data
    assert "nothing is left to be sent" in desk.notes
    assert set(simulation().executions().values()) == {1}
    assert [(run["id"], run["state"]) for run in ops.listed()] == [(run_id, "finished")]
