"""`run` and `runs` against the demo's AWS: every machine ends in one truthful row, and what was typed arrives."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ec2menu.aws.profiles import Profiles
from ec2menu.aws.session import Aws
from ec2menu.batch.journaled import RunState
from ec2menu.batch.nouns import CommandSpec, Limits, TagChoice
from ec2menu.clock import SystemClock
from ec2menu.commands.run import RunRequest, run_batch_command
from ec2menu.commands.runs import run_runs
from ec2menu.demo.commands import simulation
from ec2menu.demo.invocations import Outcome as Answer
from ec2menu.demo.machines import WINDOWS
from ec2menu.demo.nodes import CONNECTION_LOST
from ec2menu.demo.server import DemoAws
from ec2menu.errors import ExitStatus, InvalidInput, TargetUnclear
from ec2menu.flows.batch import fresh_machines, open_journal, open_outputs, prepare, prepare_tag
from ec2menu.flows.batch_watch import new_runner
from ec2menu.flows.context import Context
from ec2menu.ui.menu import Menu
from ec2menu.ui.screens.batch import BatchScreen
from ec2menu.ui.screens.runs import RunsScreen
from tests.unit.desk import Desk, context_at, sit_down

REGION, OTHER = "us-east-1", "eu-west-1"


class Ops:
    """An ops engineer with one state folder; each command is a new ec2menu."""

    def __init__(self, demo: DemoAws, folder: Path) -> None:
        self.demo = demo
        self.folder = folder

    def context(self, desk: Desk, *regions: str) -> Context:
        aws = Aws(
            profile="default", explicit=False, home=REGION, profiles=Profiles(sections={}), ask_mfa=lambda text: text
        )
        context = context_at(desk, aws, self.folder, regions=regions or (REGION,))
        context.clock = SystemClock()
        return context

    def run(self, *command: str, regions: tuple[str, ...] = (), **request: Any) -> tuple[Desk, int]:
        desk = sit_down(color=False)
        wanted: dict[str, Any] = {
            "command": command,
            "yes": True,
            "all": not {"targets", "filters", "tags"} & set(request),
        } | request
        return desk, run_batch_command(self.context(desk, *regions), RunRequest(**wanted))

    def rows(self, *command: str, **request: Any) -> dict[str, dict[str, Any]]:
        """Run and return the rows by name."""
        desk, _ = self.run(*command, output="json", **request)
        return {row["name"]: row for row in json.loads(desk.data)["nodes"]}

    def runs(self, run_id: str = "", *, output: str = "table", **wanted: Any) -> tuple[Desk, int]:
        desk = sit_down(color=False)
        return desk, run_runs(self.context(desk), run_id, output=output, **{"yes": True} | wanted)

    def listed(self) -> list[dict[str, Any]]:
        """Return the list of runs as programs get it."""
        found: list[dict[str, Any]] = json.loads(self.runs(output="json")[0].data)
        return found

    def talk(self, *typed: str) -> Desk:
        """Type at the menu's screen of a batch on all machines."""
        desk = sit_down(*typed, out_tty=True, color=False)
        context = self.context(desk)
        Menu(desk.terminal).run(BatchScreen(context, fresh_machines(context, (REGION,)).items))
        return desk


@pytest.fixture
def ops(aws_demo: DemoAws, tmp_path: Path) -> Ops:
    return Ops(aws_demo, tmp_path)


def behave(answer: Callable[[str], Answer]) -> None:
    """Have every node answer as the function says."""
    with simulation().lock:
        simulation().behave = lambda node_id, _lines: answer(node_id)


def mixed_fleet(demo: DemoAws) -> dict[str, str]:
    """Launch five machines that are as different as can be; return their ids by name."""
    more: dict[str, dict[str, Any]] = {
        "web-1": {},
        "web-2": {},
        "win-1": {"platform": WINDOWS},
        "off-1": {"ping": CONNECTION_LOST},
        "old-1": {"state": "stopped"},
    }
    return {name: demo.add_instances(REGION, 1, name=name, **each)[0] for name, each in more.items()}


def test_a_mixed_fleet_ends_in_one_row_each_and_each_node_ran_once(ops: Ops) -> None:
    ids = mixed_fleet(ops.demo)
    desk, status = ops.run("echo", "hello", filters=("-",))
    assert status == ExitStatus.TARGET_FAILED
    lines = desk.data.splitlines()
    assert lines[0] == "2 nodes skipped:"
    assert any(line.startswith("  off-1: its SSM Agent has been offline for ") for line in lines[1:3])
    assert "  old-1: the instance is stopped" in lines[1:3]
    assert lines[3:7] == ["", "3 nodes succeeded · exit 0: web-[1-2], win-1", "  hello", ""]
    assert "5 nodes: 3 succeeded · 2 skipped · took 00:0" in desk.data
    assert simulation().executions() == {ids[name]: 1 for name in ("web-1", "web-2", "win-1")}
    documents = {record.order.document for record in simulation().records.values()}
    assert documents == {"AWS-RunShellScript", "AWS-RunPowerShellScript"}


def test_what_was_typed_reaches_the_node_unchanged(ops: Ops) -> None:
    ops.demo.add_instances(REGION, 1)
    text = """set -e; a="$(id -u)"\necho "it's ${a:-none}" | sed 's/\\n/;/g' && printf '%s\\n' '결제'\n\n  exit 0"""
    ops.run(text)
    record = next(iter(simulation().records.values()))
    assert record.order.commands == tuple(text.split("\n"))
    assert record.order.parameters["executionTimeout"] == ["120"]
    assert record.order.timeout_seconds == 60


def test_failures_are_apart_with_their_exit_code_and_their_stderr(ops: Ops) -> None:
    ids = ops.demo.add_instances(REGION, 3, name="web-{n}")
    behave(
        lambda node: Answer(exit_code=3, stdout="half\n", stderr="oops\n") if node == ids[1] else Answer(stdout="ok")
    )
    desk, status = ops.run("x")
    assert desk.data.splitlines()[:5] == [
        "1 node failed · exit 3: web-2",
        "  half",
        "  stderr:",
        "  oops",
        "",
    ]
    assert f"FAIL web-2 ({ids[1]})  failed · exit 3" in desk.notes
    assert status == ExitStatus.TARGET_FAILED


def test_all_good_is_exit_status_0(ops: Ops) -> None:
    ops.demo.add_instances(REGION, 2)
    assert ops.run("uptime")[1] == ExitStatus.DONE


def test_two_regions_are_one_run(ops: Ops) -> None:
    for region in (REGION, OTHER):
        ops.demo.add_instances(region, 2, name=f"{region}-{{n}}")
    rows = ops.rows("hostname", regions=(REGION, OTHER))
    assert {row["region"] for row in rows.values()} == {REGION, OTHER}
    assert len(rows) == 4
    assert {row["outcome"] for row in rows.values()} == {"succeeded"}


def test_hybrid_nodes_are_run_on_like_all_others(ops: Ops) -> None:
    ops.demo.add_hybrid_node(REGION, "dc1-backup")
    rows = ops.rows("echo", "hello")
    assert rows["dc1-backup"]["stdout"] == "hello\n"


def test_a_tag_leaves_the_choice_to_ssm_and_the_rows_have_names(ops: Ops) -> None:
    web = ops.demo.add_instances(REGION, 3, name="web-{n}", tags={"Role": "web"})
    ops.demo.add_instances(REGION, 1, name="db-1", tags={"Role": "db"})
    desk, status = ops.run("echo", "hello", tags=("tag:Role=web",), output="json")
    rows = json.loads(desk.data)["nodes"]
    assert sorted(row["id"] for row in rows) == sorted(web)
    assert {row["outcome"] for row in rows} == {"succeeded"}
    assert status == ExitStatus.DONE
    assert len(ops.demo.calls_of("SendCommand")) == 1
    assert "run on 3 nodes" in desk.notes


def test_csv_has_the_output_of_every_node(ops: Ops) -> None:
    ops.demo.add_instances(REGION, 2, name="web-{n}")
    desk, _ = ops.run("echo", "a,b", output="csv")
    rows = list(csv.DictReader(io.StringIO(desk.data)))
    assert [(row["name"], row["stdout"]) for row in rows] == [("web-1", "a,b\n"), ("web-2", "a,b\n")]


def test_a_folder_gets_the_summary_and_the_whole_output(ops: Ops, tmp_path: Path) -> None:
    [node] = ops.demo.add_instances(REGION, 1, name="web-1")
    text = "x" * 20_000
    behave(lambda _node: Answer(stdout=text, stderr="warned\n"))
    ops.run("x", out=tmp_path / "out")
    assert (tmp_path / "out" / f"{node}.stdout").read_text() == text
    assert (tmp_path / "out" / f"{node}.stderr").read_text() == "warned\n"
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [row["name"] for row in summary["nodes"]] == ["web-1"]
    with pytest.raises(InvalidInput):
        ops.run("x", out=tmp_path / "out")


def test_output_that_ssm_has_cut_is_said_to_be_cut(ops: Ops) -> None:
    ops.demo.add_instances(REGION, 1, name="web-1")
    behave(lambda _node: Answer(stdout="y" * 30_000))
    assert ops.rows("x")["web-1"]["is_stdout_cut"] is True


def test_past_runs_are_listed_and_shown_again(ops: Ops) -> None:
    ops.demo.add_instances(REGION, 2, name="web-{n}")
    assert ops.runs()[0].notes == "nothing has been run yet\n"
    ops.run("echo", "first")
    ops.run("echo", "second")
    listed = json.loads(ops.runs(output="json")[0].data)
    assert [(run["command"], run["state"], run["counts"]) for run in listed] == [
        ("echo second", "finished", {"succeeded": 2}),
        ("echo first", "finished", {"succeeded": 2}),
    ]
    assert ops.runs(output="ids")[0].data.splitlines() == [run["id"] for run in listed]
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
    run_id = ops.runs(output="ids")[0].data.strip()
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
    run_id = ops.runs(output="ids")[0].data.strip()
    behave(lambda _node: Answer(stdout="mended\n"))
    desk, status = ops.runs(run_id, retry_failed=True)
    assert "1 node succeeded · exit 0: web-3" in desk.data
    assert "! it has run, or may have run, on 1 node of them already" in desk.notes
    assert status == ExitStatus.DONE
    assert simulation().executions() == {ids[0]: 1, ids[1]: 1, ids[2]: 2}
    again = ops.runs(output="ids")[0].data.split()
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
    with pytest.raises(InvalidInput, match="these are two runs"):
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
    prepared = prepare_tag(context, CommandSpec(lines=("x",)), Limits(), tag=tag, regions=(REGION,))
    open_journal(context).begin(prepared.plan).finish(RunState.DETACHED)
    run_id = prepared.plan.run_id
    assert run_runs(context, run_id, send_rest=True, yes=False, output="table") == ExitStatus.INTERRUPTED
    assert "run on 2 nodes" in desk.notes
    assert not ops.demo.calls_of("SendCommand")
    assert ops.runs(run_id, send_rest=True)[1] == ExitStatus.DONE
    assert simulation().executions() == dict.fromkeys(web, 1)


def test_at_the_menu_the_answers_can_be_looked_at_saved_and_run_again(ops: Ops, tmp_path: Path) -> None:
    ids = ops.demo.add_instances(REGION, 3, name="web-{n}")
    ops.demo.add_instances(REGION, 1, name="off-1", ping=CONNECTION_LOST)
    behave(lambda node: Answer(exit_code=1 if node == ids[0] else 0, stdout=f"I am {node}\n"))
    desk = ops.talk("whoami", "y", "l", "1", "web-2", "web", f"w {tmp_path / 'out'}", "f", "y", "u", "0", "0")
    report = desk.data
    assert "1 node failed · exit 1: web-1" in report
    assert f"1  FAIL web-1 ({ids[0]})" in report
    assert report.count(f"  I am {ids[0]}") >= 3  # in the report, by number, and run again
    assert "hint: l lists them with numbers" in desk.notes
    assert (tmp_path / "out" / "summary.json").exists()
    assert "f rerun 1 failed, u 1 unreached" in desk.notes
    assert simulation().executions() == {ids[0]: 2, ids[1]: 1, ids[2]: 1}


def test_where_the_unreached_cannot_be_reached_now_either_the_answers_stay(ops: Ops) -> None:
    ops.demo.add_instances(REGION, 2, name="web-{n}")
    ops.demo.add_instances(REGION, 1, name="off-1", ping=CONNECTION_LOST)
    desk = ops.talk("uptime", "y", "u", "web-2", "0", "0")
    assert "no node can be reached, nothing can be run\n" in desk.notes
    assert desk.notes.count("u 1 unreached") == 3
    assert "ok   web-2 (" in desk.data.rpartition("took ")[2]


def test_at_the_menu_a_past_command_can_be_chosen(ops: Ops) -> None:
    ops.demo.add_instances(REGION, 1, name="web-1")
    ops.run("echo", "one")
    ops.run("echo 2; echo two")
    desk = ops.talk("!", "!2", "y", "0")
    assert "!1  echo 2; echo two\n!2  echo one\n" in desk.notes
    assert "  one" in desk.data.splitlines()


def test_a_tag_on_linux_and_windows_is_one_row_and_one_start_per_node(ops: Ops) -> None:
    more: dict[str, dict[str, Any]] = {
        "web-1": {},
        "web-2": {},
        "win-1": {"platform": WINDOWS},
        "off-1": {"ping": CONNECTION_LOST},
        "off-2": {"ping": CONNECTION_LOST, "platform": WINDOWS},
    }
    ids = {
        name: ops.demo.add_instances(REGION, 1, name=name, tags={"Role": "web"}, **each)[0]
        for name, each in more.items()
    }
    desk, status = ops.run("echo", "hello", tags=("tag:Role=web",), output="json", retries=0)
    rows = json.loads(desk.data)["nodes"]
    assert {row["id"]: row["outcome"] for row in rows} == {
        ids["web-1"]: "succeeded",
        ids["web-2"]: "succeeded",
        ids["win-1"]: "succeeded",
        ids["off-1"]: "not delivered",
        ids["off-2"]: "skipped",
    }
    assert len(rows) == 5
    assert status == ExitStatus.TARGET_FAILED
    assert simulation().executions() == {ids[name]: 1 for name in ("web-1", "web-2", "win-1")}
    orders = [record.order for record in simulation().records.values()]
    assert sorted((order.document, bool(order.targets)) for order in orders) == [
        ("AWS-RunPowerShellScript", False),
        ("AWS-RunShellScript", True),
    ]


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
