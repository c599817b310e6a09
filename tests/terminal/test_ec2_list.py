"""The list of EC2 instances on real screens: alignment at any width, paging, order, filters, and hostile names."""

import re

import pytest
from wcwidth import wcswidth

from ec2menu.demo.fleet_data import BIDI_NAME, ESCAPE_NAME, LONGEST_NAME, NEWLINE_NAME
from ec2menu.demo.nodes import CONNECTION_LOST
from tests.terminal.harness import Robot
from tests.terminal.stage import LIST_PROMPT, REGION, Stage

NAMES = ["결제-api-1", "👩‍💻 dev-box", "🇰🇷 seoul", "plain", ESCAPE_NAME, NEWLINE_NAME, BIDI_NAME, LONGEST_NAME, None]
ID = re.compile(r"\bi-[0-9a-f]{17}\b")


def show(robot: Robot, typed: str = "") -> list[str]:
    """Type a line, wait for the list to be drawn again, and return its rows as they stand on the screen."""
    robot.line(typed)
    robot.wait_for("number connects", new=True)
    robot.wait_for(LIST_PROMPT, new=True)
    return rows(robot)


def rows(robot: Robot) -> list[str]:
    """Return the rows of the last list on the screen, the heads first."""
    lines = robot.lines()
    first = max(index for index, line in enumerate(lines) if line.lstrip().startswith("#"))
    last = max(index for index, line in enumerate(lines) if "number connects" in line)
    return lines[first:last]


def ids(listed: list[str]) -> list[str]:
    return [match.group() for line in listed if (match := ID.search(line))]


def test_columns_stand_under_each_other_at_any_width_with_any_name(stage: Stage) -> None:
    made = [stage.demo.add_instances(REGION, 1, name=name)[0] if name else None for name in NAMES]
    made[-1] = stage.demo.add_instances(REGION, 1, name="")[0]
    with stage.open_list(columns=80, rows=40) as robot:
        for columns in (80, 100, 120, 200, 40):
            robot.resize(columns, 40)
            heads, *listed = show(robot)
            assert sorted(ids(listed)) == sorted(filter(None, made)), robot.picture()
            starts = {wcswidth(line[: ID.search(line).start()]) for line in listed if ID.search(line)}  # type: ignore[union-attr]  # the filter sees to it
            assert starts == {wcswidth(heads.partition("Instance ID")[0])}, robot.picture()
            assert len(listed) == len(NAMES), robot.picture()
            assert all(wcswidth(line) <= columns for line in robot.lines())
            assert "Online" in listed[0] or columns == 40
        assert "\x9b" not in robot.transcript
        assert "\u202e" not in robot.transcript


def test_a_list_is_paged_to_the_height_and_numbers_run_on(stage: Stage) -> None:
    made = stage.demo.add_instances(REGION, 1001, managed=False)
    with stage.open_list(columns=100, rows=24) as robot:
        robot.wait_for("EC2 instances in us-east-1: 1,001 · by name ·")
        seen = ids(rows(robot))
        assert seen == made[:18]
        seen = ids(show(robot, "n"))
        assert seen == made[18:36]
        robot.resize(100, 50)
        assert len(ids(show(robot))) == 44
        assert ids(show(robot, "web-100")) == made[999:]
        show(robot, "/")
        robot.line("1001")
        robot.wait_for("cannot connect to web-1001")
        robot.line("1002")
        robot.wait_for("1002 is not in the list; choose 1-1001", new=True)


def test_any_column_sorts_and_a_filter_may_name_a_column(stage: Stage) -> None:
    old = stage.add_instance(name="b-old", state="stopped", type="m5.large")
    new = stage.add_instance(name="a-new", type="t3.nano", public=True)
    with stage.open_list(columns=200) as robot:
        assert ids(rows(robot)) == [new, old]
        for column, first in (("-name", old), ("type", old), ("-state", old), ("state", new), ("ssm", new)):
            assert ids(show(robot, f"s {column}"))[0] == first, column
        for column in ("id", "private_ip", "public_ip", "az", "platform", "age"):
            assert len(ids(show(robot, f"s {column}"))) == 2
            assert f"by {column}" in robot.picture()
        assert ids(show(robot, "state:stopped")) == [old]
        assert ids(show(robot, "!b-old")) == [new]
        assert ids(show(robot, "/m5")) == [old]
        assert "1 of 2 with m5" in robot.picture()
        assert len(ids(show(robot, "/"))) == 2


def test_machines_that_cannot_be_reached_are_dim_and_say_why_when_chosen(stage: Stage) -> None:
    stage.add_instance(name="a-online")
    stage.add_instance(name="b-lost", ping=CONNECTION_LOST)
    stage.add_instance(name="c-stopped", state="stopped")
    stage.add_instance(name="d-unmanaged", managed=False, profile=None)
    with stage.open_list(columns=200) as robot:
        assert [robot.style_of(name).faint for name in ("a-online", "b-lost", "c-stopped", "d-unmanaged")] == [
            False,
            True,
            True,
            True,
        ]
        for number, why in (
            ("2", "its SSM Agent has been offline"),
            ("3", "the instance is stopped"),
            ("4", "it has no instance profile"),
        ):
            robot.line(number)
            robot.wait_for(why, new=True)
            robot.wait_for("hint: ", new=True)
            robot.wait_for(LIST_PROMPT, new=True)
    assert stage.count("StartSession") == 0


@pytest.mark.parametrize("count", [0, 1])
def test_a_small_account_is_listed_without_ceremony(count: int, stage: Stage) -> None:
    made = stage.demo.add_instances(REGION, count)
    with stage.open_list() as robot:
        if count:
            assert ids(rows(robot)) == made
        else:
            assert "there are no EC2 instances in us-east-1" in robot.lines()
            robot.line("1")
            robot.wait_for("the list is empty; there is nothing to choose")


def test_r_asks_aws_again_and_a_number_keeps_its_meaning_until_then(stage: Stage) -> None:
    stage.add_instance(name="m", state="stopped")
    with stage.open_list() as robot:
        stage.add_instance(name="a", state="stopped")
        robot.line("1")
        robot.wait_for("cannot connect to m")
        assert len(ids(show(robot, "r"))) == 2
        robot.line("1")
        robot.wait_for("cannot connect to a")
