"""A batch as a user sees it: picked in the list, typed, agreed to, watched, interrupted, and its report read."""

import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ec2menu.batch.journal import Journal
from ec2menu.batch.journaled import RunRecord
from ec2menu.clock import SystemClock
from ec2menu.demo.commands import simulation
from ec2menu.demo.invocations import Outcome as Answer
from ec2menu.demo.machines import WINDOWS
from ec2menu.demo.nodes import CONNECTION_LOST
from ec2menu.state.store import Store
from ec2menu.ui.text import width
from tests.terminal.harness import Robot
from tests.terminal.stage import Stage, wait_until

QUESTION = "k keep watching, d detach (it goes on at AWS), c cancel on the nodes:"
ANSWERS = "w DIR, ? help, 0 back:"
FOREVER = 600.0


def behave(answer: Callable[[str], Answer]) -> None:
    """Have every node answer as the function says."""
    with simulation().lock:
        simulation().behave = lambda node_id, _lines: answer(node_id)


def start(stage: Stage, command: str, *, picked: str = "all", agree: str = "y", **size: int) -> Robot:
    """Open the list, pick machines, type a command and agree to its plan."""
    robot = stage.open_list(**{"columns": 80, "rows": 45} | size)
    robot.line(f"run {picked}")
    robot.wait_for("command:", new=True)
    robot.line(command)
    robot.wait_for("0 back):", new=True)
    robot.line(agree)
    return robot


def journaled(stage: Stage) -> RunRecord:
    """Return the newest run of the journal."""
    [path] = [path for path in stage.files() if path.name == "state.sqlite3"]
    store = Store(path)
    try:
        return Journal(store, clock=SystemClock()).runs()[0]
    finally:
        store.close()


def test_the_whole_flow_with_failing_offline_and_windows_nodes_fits_80_columns(stage: Stage) -> None:
    ids = stage.demo.add_instances("us-east-1", 27, name="web-{n}")
    stage.add_instance(name="win-1", platform=WINDOWS)
    for number in (1, 2):
        stage.add_instance(name=f"결제-off-{number}", ping=CONNECTION_LOST, ping_age=timedelta(hours=3))
    bad = ids[2], ids[3], ids[20]
    behave(lambda node: Answer(exit_code=3, stderr="no space left\n") if node in bad else Answer(stdout="fine\n"))
    with start(stage, "check", agree="28", rows=60) as robot:
        robot.wait_for(ANSWERS, new=True, seconds=40)
        lines = robot.lines()
        picture = robot.picture()
        assert max(map(width, lines)) <= 80
        begin = next(index for index, line in enumerate(lines) if line.startswith("3 nodes failed"))
        assert lines[begin : begin + 4] == [
            "3 nodes failed · exit 3: web-[3-4,21]",
            "  stderr:",
            "  no space left",
            "",
        ]
        assert lines[begin + 4] == "2 nodes skipped:"
        assert lines[begin + 5] == "  결제-off-[1-2]: its SSM Agent has been offline for 3h", picture
        assert lines[begin + 7 : begin + 10] == [
            "25 nodes succeeded · exit 0: web-[1-2,5-20,22-27], win-1",
            "  fine",
            "",
        ]
        assert lines[begin + 10].startswith("30 nodes: 25 succeeded · 2 skipped · 3 failed · took 00:")
        assert robot.style_of("3 nodes failed").foreground == "red"
        assert robot.style_of("25 nodes succeeded").foreground == "green"
        assert "type the number of nodes to run it" in robot.transcript
        robot.line("web-3")
        robot.wait_for(f"FAIL web-3 ({ids[2]})  failed · exit 3", new=True)
        robot.line("0")
        robot.wait_for("us-east-1 ec2:", new=True)
    assert sum(simulation().executions().values()) == 28


def test_a_live_line_counts_and_rows_land_above_it(stage: Stage) -> None:
    ids = stage.demo.add_instances("us-east-1", 3, name="web-{n}")
    behave(lambda node: Answer(delay_seconds=FOREVER if node == ids[2] else 0.1))
    with start(stage, "slow") as robot:
        robot.wait_for(re.compile(r"2/3 done · 1 running · 00:\d\d"), new=True)
        assert f"ok   web-1 ({ids[0]})  exit 0" in robot.picture()
        assert len([line for line in robot.lines() if "running ·" in line]) == 1


def test_ctrl_c_asks_keeps_watching_and_cancels_on_the_nodes(stage: Stage) -> None:
    stage.demo.add_instances("us-east-1", 2, name="web-{n}")
    behave(lambda _node: Answer(delay_seconds=FOREVER))
    with start(stage, "slow") as robot:
        robot.wait_for("0/2 done · 2 running", new=True)
        robot.control("c")
        robot.wait_for(QUESTION, new=True)
        robot.line("k")
        robot.wait_for("0/2 done · 2 running", new=True)
        robot.control("c")
        robot.wait_for(QUESTION, new=True)
        robot.line("c")
        robot.wait_for("2 nodes cancelled: web-[1-2]", new=True, seconds=30)
        robot.wait_for(ANSWERS, new=True)
    assert stage.count("CancelCommand") == 1
    assert sum(simulation().executions().values()) == 2


def test_a_second_ctrl_c_detaches_and_the_run_can_be_gone_on_with(stage: Stage) -> None:
    stage.demo.add_instances("us-east-1", 2, name="web-{n}")
    behave(lambda _node: Answer(delay_seconds=6.0, stdout="late\n"))
    with start(stage, "slow") as robot:
        robot.wait_for("0/2 done · 2 running", new=True)
        robot.control("c")
        robot.wait_for(QUESTION, new=True)
        robot.control("c")
        robot.wait_for("to go on with it: ec2menu runs", new=True)
        robot.wait_for("g go on, w DIR", new=True)
        assert journaled(stage).state == "detached"
        robot.line("g")
        robot.wait_for("2 nodes succeeded · exit 0: web-[1-2]", new=True, seconds=40)
        robot.wait_for(ANSWERS, new=True)
    assert stage.count("SendCommand") == 1
    assert sum(simulation().executions().values()) == 2


def close_window(robot: Robot) -> None:
    """Take the terminal away, for which the kernel sends SIGHUP."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, robot._child.child_fd)
    os.close(null)


def in_the_middle_of_a_send(stage: Stage, _robot: Robot) -> None:
    wait_until(lambda: stage.count("SendCommand") == 1, what="send")


def while_it_runs(_stage: Stage, robot: Robot) -> None:
    robot.wait_for("0/2 done · 2 running", new=True)


def at_the_question_of_ctrl_c(_stage: Stage, robot: Robot) -> None:
    robot.wait_for("0/2 done · 2 running", new=True)
    robot.control("c")
    robot.wait_for(QUESTION, new=True)


def while_it_is_cancelled(stage: Stage, robot: Robot) -> None:
    stage.demo.faults.throttle("CancelCommand", times=1000)
    at_the_question_of_ctrl_c(stage, robot)
    robot.line("c")
    wait_until(lambda: stage.count("CancelCommand") > 0, what="cancel")


@pytest.mark.parametrize(
    "phase", [in_the_middle_of_a_send, while_it_runs, at_the_question_of_ctrl_c, while_it_is_cancelled]
)
def test_closing_the_window_detaches(stage: Stage, phase: Callable[[Stage, Robot], None]) -> None:
    ids = stage.demo.add_instances("us-east-1", 2, name="web-{n}")
    behave(lambda _node: Answer(delay_seconds=FOREVER))
    if phase is in_the_middle_of_a_send:
        stage.demo.faults.delay("SendCommand", 1.0)
    with start(stage, "slow") as robot:
        phase(stage, robot)
        close_window(robot)
        wait_until(lambda: journaled(stage).state == "detached", what="detached run")
        wait_until(lambda: simulation().executions() == dict.fromkeys(ids, 1), what="started scripts")
    stage.demo.faults.clear()
    behave(lambda _node: Answer())
    with stage.ec2menu("runs", journaled(stage).id, columns=100) as robot:
        robot.wait_for("2 running", new=True)  # it is known where to look
    assert stage.count("SendCommand") == 1


@pytest.mark.parametrize("ended", [False, True])
def test_closing_the_window_at_a_prompt_of_the_batch_leaves_nothing_behind(stage: Stage, *, ended: bool) -> None:
    stage.demo.add_instances("us-east-1", 2, name="web-{n}")
    with start(stage, "uptime", agree="y" if ended else "?") as robot:
        robot.wait_for(ANSWERS if ended else "r 0        no retries", new=True)
        close_window(robot)
        wait_until(lambda: not robot._child.isalive(), what="end")
    assert stage.count("SendCommand") == int(ended)
    if ended:
        assert journaled(stage).state == "finished"


def test_nothing_is_sent_by_an_empty_enter_or_a_wrong_number(stage: Stage) -> None:
    stage.demo.add_instances("us-east-1", 21, name="web-{n}")
    with start(stage, "reboot", agree="y") as robot:
        robot.wait_for("that runs nothing", new=True)
        for typed in ("", "20"):
            robot.line(typed)
            robot.wait_for("that runs nothing", new=True)
        robot.line("0")
        robot.wait_for("not run; nothing was sent", new=True)
    assert stage.count("SendCommand") == 0


def test_several_lines_a_script_and_a_past_command(stage: Stage) -> None:
    stage.add_instance(name="web-1")
    (Path(stage.folder) / "check.sh").write_text("echo from\necho file\n")
    with start(stage, "echo first") as robot:
        robot.wait_for(ANSWERS, new=True)
        robot.line("0")
        robot.wait_for("us-east-1 ec2:", new=True)
        robot.line("run 1")
        robot.wait_for("command:", new=True)
        robot.line("<<")
        for line in ("echo one", "  echo 'two  2'", "."):
            robot.line(line)
        robot.wait_for("  |   echo 'two  2'", new=True)
        robot.wait_for("0 back):", new=True)
        robot.line("0")
        robot.line("@check.sh")
        robot.wait_for("  | echo file", new=True)
        robot.line("0")
        robot.line("!")
        robot.wait_for("!1  echo first", new=True)
        robot.line("!1")
        robot.wait_for("  | echo first", new=True)
        robot.line("y")
        robot.wait_for("1 node succeeded · exit 0: web-1", new=True)
    assert [record.order.commands for record in simulation().records.values()] == [("echo first",)] * 2
