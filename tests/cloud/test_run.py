"""`run` against the demo's AWS: every machine ends in one truthful row, and what was typed arrives."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from ec2menu.demo.commands import simulation
from ec2menu.demo.invocations import Outcome as Answer
from ec2menu.demo.machines import WINDOWS
from ec2menu.demo.nodes import CONNECTION_LOST
from ec2menu.demo.server import DemoAws
from ec2menu.errors import ExitStatus, InvalidInput
from tests.cloud.run_rig import OTHER, REGION, Ops, behave, mixed_fleet


@pytest.fixture
def ops(aws_demo: DemoAws, tmp_path: Path) -> Ops:
    return Ops(aws_demo, tmp_path)


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
