"""Lists that live: all regions at once, the last run's list first, news between two prompts."""

import json
import re
import time
import zlib

import pytest

from tests.terminal.harness import Robot
from tests.terminal.stage import LIST_PROMPT, REGION, Stage, wait_until

OTHER = "eu-west-1"


def snapshots(stage: Stage) -> list[str]:
    return [path.name for path in stage.files() if path.name.endswith(".json")]


def remember(stage: Stage) -> None:
    """Run the menu once, so that its list is on disk."""
    with stage.open_list() as robot:
        wait_until(lambda: f"ec2-{REGION}.json" in snapshots(stage), what="snapshot")
        robot.line("q")
        assert robot.wait_exit() == 0


def last_list(robot: Robot) -> list[str]:
    """Return the lines of the screen from the title of the last list on."""
    lines = robot.lines()
    return lines[max((row for row, line in enumerate(lines) if line.startswith("EC2 instances in")), default=0) :]


def draw_until(robot: Robot, *wanted: str, prompt: str) -> list[str]:
    """Press Enter, which draws the list as it is known by then, until it has what slow regions bring; return it."""
    deadline = time.monotonic() + 60
    while not all(each in "\n".join(last_list(robot)) for each in wanted):
        assert time.monotonic() < deadline, robot.picture()
        robot.line()
        robot.wait_for(prompt, new=True)
    return last_list(robot)


def test_all_regions_are_one_list_with_a_region_column(stage: Stage) -> None:
    stage.add_instance("here")
    stage.demo.add_instances(OTHER, 1, name="there")
    stage.demo.faults.deny("DescribeInstances", region="eu-west-2")
    stage.demo.faults.deny("DescribeInstanceInformation", region="eu-west-2")
    with stage.ec2menu(columns=120) as robot:
        robot.wait_for("region [")
        robot.line("all")
        robot.wait_for("all regions, list", new=True)
        robot.line("1")
        robot.wait_for("all ec2:", new=True)
        lines = draw_until(robot, "EC2 instances in 17 regions: 2 ", "! eu-west-2: ", prompt="all ec2:")
        (here,) = [line for line in lines if " here " in line]
        (there,) = [line for line in lines if " there " in line]
        assert REGION in here
        assert OTHER in there
        assert any(line.startswith("! eu-west-2: ec2:DescribeInstances in eu-west-2 is denied") for line in lines)
        robot.line("region:eu-west-1")
        robot.wait_for("1 of 2")
        robot.line("0")
        robot.wait_for("q quit):", new=True)
        robot.line("0")
        robot.wait_for("region [", new=True)
        assert any(REGION in line and "1 machine" in line for line in robot.lines())


@pytest.mark.parametrize(
    ("flags", "kinds", "title", "prompt"),
    [
        (("-r", "all"), "all regions, list", "EC2 instances in 17 regions: 2 ", "all ec2:"),
        (("-r", REGION, "-r", OTHER), "several regions, list", "EC2 instances in 2 regions: 2 ", "2 regions ec2:"),
    ],
)
def test_regions_named_on_the_command_line_are_where_the_menu_begins(
    flags: tuple[str, ...], kinds: str, title: str, prompt: str, stage: Stage
) -> None:
    stage.add_instance("here")
    stage.demo.add_instances(OTHER, 1, name="there")
    with stage.ec2menu(*flags) as robot:
        robot.wait_for(kinds)
        robot.line("1")
        robot.wait_for(prompt, new=True)
        draw_until(robot, title, prompt=prompt)


def test_without_the_permission_to_list_regions_those_that_every_account_has_are_not_passed_off_as_all(
    stage: Stage,
) -> None:
    stage.demo.faults.deny("DescribeRegions")
    stage.demo.faults.deny("ListRegions")
    with stage.ec2menu("-r", "all", columns=200) as robot:
        robot.wait_for("all regions, list")
        assert "only the regions that every account has are looked at" in robot.transcript
    with stage.ec2menu("-r", "all", "ls", "ec2", columns=200) as robot:
        assert robot.wait_exit() == 3
        assert "only the regions that every account has are looked at" in robot.transcript


def test_the_second_run_shows_the_first_ones_list_at_once_and_then_what_is_new(stage: Stage) -> None:
    stage.add_instance("old")
    remember(stage)
    stage.add_instance("new")
    stage.demo.faults.delay("DescribeInstances", 3)
    with stage.open_list() as robot:
        screen = "\n".join(robot.lines())
        assert "refreshing" in screen
        assert " old " in screen
        assert " new " not in screen
        stage.demo.faults.clear()
        assert any(" new " in line for line in draw_until(robot, "(+1)", prompt=LIST_PROMPT))


def test_the_region_menu_of_the_next_run_says_how_many_machines_there_were(stage: Stage) -> None:
    stage.add_instance("one")
    stage.add_instance("two")
    remember(stage)
    with stage.ec2menu() as robot:
        robot.wait_for("region [")
        (line,) = [line for line in robot.lines() if REGION in line and "machines" in line]
        assert re.search(r" · 2 machines \d+[sm] ago", line)
        assert sum("machines" in line for line in robot.lines()) == 1, "nothing is claimed of regions nobody has listed"


def test_a_machine_that_has_vanished_since_it_was_drawn_is_not_connected_to(stage: Stage) -> None:
    stage.add_instance("stays")
    remember(stage)
    (path,) = [path for path in stage.files() if path.name == f"ec2-{REGION}.json"]
    head, _, body = path.read_text().partition("\n")
    body = body.replace("stays", "ghost").replace('"i-', '"i-0')
    path.write_text(json.dumps({**json.loads(head), "checksum": zlib.crc32(body.encode())}) + f"\n{body}")
    stage.demo.faults.delay("DescribeInstances", 60)
    with stage.open_list() as robot:
        assert any("ghost" in line for line in robot.lines())
        stage.demo.faults.clear()
        wait_until(lambda: "ghost" not in path.read_text(), what="fresh list")
        robot.line("1")
        robot.wait_for("is no longer there")
        robot.wait_for(LIST_PROMPT, new=True)
        robot.line()
        robot.wait_for("stays")
    assert stage.count("StartSession") == 0


def test_leaving_does_not_wait_for_a_fetch_that_hangs(stage: Stage) -> None:
    stage.add_instance()
    stage.demo.faults.delay("DescribeInstances", 60)
    with stage.ec2menu("-r", REGION) as robot:
        robot.wait_for("q quit):")
        wait_until(lambda: stage.count("DescribeInstances") > 0, what="fetch behind the menu")
        robot.line("q")
        assert robot.wait_exit(seconds=5) == 0


def test_without_snapshots_nothing_is_kept(stage: Stage) -> None:
    stage.variables["EC2MENU_SNAPSHOT"] = "false"
    stage.add_instance()
    with stage.open_list() as robot:
        robot.line("q")
        assert robot.wait_exit() == 0
    assert snapshots(stage) == []


def test_one_line_commands_read_and_write_no_snapshots(stage: Stage) -> None:
    stage.add_instance("old")
    remember(stage)
    stage.add_instance("new")
    with stage.ec2menu("-r", REGION, "ls", "ec2") as robot:
        assert robot.wait_exit() == 0
        assert any(line.startswith("new ") for line in robot.lines())
