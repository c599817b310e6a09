"""The first menu as a user meets it: there at once, a default in brackets, recent regions first, always a way out."""

import sys

import pytest

from tests.terminal.harness import Robot
from tests.terminal.stage import Stage

PROMPT = "region [us-east-1]:"
KINDS = "list (0 back, q quit):"
ASK_SECRET = """
import os, sys
from ec2menu.clock import SystemClock
from ec2menu.ui.terminal import Terminal
streams = {name: getattr(sys, name) for name in ("stdin", "stdout", "stderr")}
found = Terminal(**streams, environ=os.environ, clock=SystemClock(), color=False).secret("the code:")
print(len(found), "letters")
"""


def names(robot: Robot) -> list[str]:
    """Return the regions of the last list on the screen in the order of their numbers (one column of them)."""
    shown = "\n".join(robot.lines()).rpartition("Region (profile")[2].splitlines()
    numbered = [line.split() for line in shown if line.split()[:1] and line.split()[0].isdecimal()]
    numbered = [words for words in numbered if words[1:3] != ["all", "regions"]]
    assert [int(words[0]) for words in numbered] == list(range(1, len(numbered) + 1))
    return [words[1] for words in numbered]


def at_a_shell(stage: Stage) -> Robot:
    """Start a shell that can stop and wake programs, and wait for its prompt."""
    shell = ["bash", "--noprofile", "--norc", "-i"]
    robot = Robot(shell, environment=stage.environment() | {"PS1": "shell> "}, cwd=stage.folder)
    robot.wait_for("shell> ")
    return robot


def test_the_menu_is_there_without_any_network_and_enter_takes_the_default(stage: Stage) -> None:
    stage.variables["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1"
    with stage.ec2menu(columns=80, rows=24) as robot:
        before = robot.termios()
        robot.wait_for(PROMPT)
        assert robot.lines()[1:3] == ["Region (profile default)", " 1  us-east-1       N. Virginia · default"]
        assert len(names(robot)) == 17
        assert names(robot)[1:] == sorted(names(robot)[1:])
        robot.line()
        robot.wait_for(KINDS)
        assert "us-east-1 N. Virginia" in robot.lines()
        robot.line("q")
        assert robot.wait_exit() == 0
        assert robot.termios() == before
    assert "Traceback" not in robot.transcript


def test_regions_used_lately_come_first_in_the_next_run(stage: Stage) -> None:
    with stage.ec2menu(columns=80, rows=24) as robot:
        robot.wait_for(PROMPT)
        robot.line("sa-east-1")
        robot.wait_for(f"sa-east-1, {KINDS}")
        robot.line("0")
        robot.wait_for(PROMPT, new=True)
        assert names(robot)[:2] == ["sa-east-1", "us-east-1"]
        robot.line("Seoul")
        robot.wait_for("1 of 17 with Seoul")
        robot.line("1")
        robot.wait_for(f"ap-northeast-2, {KINDS}")
        robot.line("q")
        robot.wait_exit()
    with stage.ec2menu(columns=80, rows=24) as robot:
        robot.wait_for(PROMPT)
        assert names(robot)[:3] == ["ap-northeast-2", "sa-east-1", "us-east-1"]
        assert "Seoul · recent" in robot.picture()


def test_a_default_that_is_not_enabled_is_offered_until_aws_has_said_so(stage: Stage) -> None:
    stage.variables["AWS_DEFAULT_REGION"] = "af-south-1"
    with stage.ec2menu(columns=80, rows=24) as robot:
        robot.wait_for("region [af-south-1]:")
        robot.line("r")
        robot.wait_for("! af-south-1, the default, is not enabled for this account")
        robot.wait_for("region: ", new=True)
        assert "af-south-1" not in names(robot)
        robot.line("af-south-1")
        robot.wait_for(f"af-south-1, {KINDS}")
        robot.line("1")
        robot.wait_for("the region af-south-1 is not enabled for account 123456789012")
        robot.wait_for(f"af-south-1, {KINDS}", new=True)
    with stage.ec2menu(columns=80, rows=24) as robot:
        robot.wait_for("region: ")
        assert len(names(robot)) == 17


def test_wrong_answers_are_asked_again_and_explained(stage: Stage) -> None:
    with stage.ec2menu(columns=80, rows=24) as robot:
        robot.wait_for(PROMPT)
        for typed, why in (
            ("99", "choose 1-18"),
            ("kalamazoo", "type a number from 1 to 18"),
            ("?", "q          quit"),
        ):
            robot.line(typed)
            robot.wait_for(why, new=True)
            robot.wait_for(PROMPT, new=True)
        assert robot.lines()[-1].startswith(PROMPT)


@pytest.mark.parametrize(
    ("key", "status"), [("0\r", 0), ("b\r", 0), ("q\r", 0), ("\x04", 0), ("\x03", 130)], ids=["0", "b", "q", "^D", "^C"]
)
def test_every_way_out_leaves_the_terminal_as_it_was(key: str, status: int, stage: Stage) -> None:
    with stage.ec2menu() as robot:
        before = robot.termios()
        robot.wait_for(PROMPT)
        robot.send(key)
        assert robot.wait_exit() == status
        assert robot.termios() == before
        assert "Traceback" not in robot.transcript
        assert robot.transcript.endswith("\n")


def test_a_region_on_the_command_line_is_entered_and_can_be_left_for_the_others(stage: Stage) -> None:
    with stage.ec2menu("-r", "eu-west-1") as robot:
        robot.wait_for(f"eu-west-1, {KINDS}")
        robot.line("b")
        robot.wait_for("region [eu-west-1]:")


def test_ctrl_z_at_a_question_stops_us_and_awake_the_question_is_as_it_was(stage: Stage) -> None:
    with at_a_shell(stage) as robot:
        robot.line(f"{sys.executable} -m ec2menu")
        robot.wait_for(PROMPT)
        for part in ("us-e", "us-w"):
            robot.send(part)
            robot.wait_for(part, new=True)
            robot.control("z")
            robot.wait_for("shell> ", new=True)
            robot.line("fg")
            robot.wait_for(f"{PROMPT} {part}", new=True)
            robot.control("u")
        robot.line("us-east-2")
        robot.wait_for(f"{PROMPT} us-east-2")
        robot.wait_for(f"us-east-2, {KINDS}")
        robot.line("q")
        robot.wait_for("shell> ", new=True)


def test_ctrl_z_at_a_secret_and_awake_it_is_asked_again_without_echo(stage: Stage) -> None:
    (stage.folder / "ask.py").write_text(ASK_SECRET)
    with at_a_shell(stage) as robot:
        robot.line(f"{sys.executable} ask.py")
        robot.wait_for("the code:", new=True)
        robot.send("abc")
        robot.control("z")
        robot.wait_for("shell> ", new=True)
        robot.line("fg")
        robot.wait_for("the code:", new=True)
        robot.line("secret")
        robot.wait_for("6 letters", new=True)
        assert all(typed not in robot.transcript for typed in ("abc", "secret"))


def test_ctrl_z_where_no_shell_could_wake_us_changes_nothing(stage: Stage) -> None:
    with stage.ec2menu() as robot:
        robot.wait_for(PROMPT)
        robot.send("us-e")
        robot.wait_for("us-e", new=True)
        robot.control("z")
        robot.line("ast-2")
        robot.wait_for(f"us-east-2, {KINDS}")
        assert f"{PROMPT} us-east-2" in robot.lines()
