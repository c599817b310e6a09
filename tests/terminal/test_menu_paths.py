"""Ways through the menu that go wrong or are given up: denied, slow, interrupted. The menu and the terminal survive."""

import sys

import pytest

from tests.terminal.harness import Robot
from tests.terminal.stage import LIST_PROMPT, REGION, Stage, wait_until

KINDS = "list (0 back, q quit):"
REGIONS = "region [us-east-1]:"
USER = "arn:aws:iam::123456789012:user/demo"
SLOW_SECONDS = 60


def open_kinds(stage: Stage, **size: int) -> Robot:
    robot = stage.ec2menu("-r", REGION, **size)
    robot.wait_for(KINDS)
    return robot


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["^C", "^D"])
def test_ctrl_c_and_ctrl_d_go_back_one_screen_at_every_prompt(key: str, stage: Stage) -> None:
    stage.add_instance(name="win", platform="Windows")
    with stage.open_list() as robot:
        robot.line("1")
        robot.wait_for("how (0 back):")
        for prompt in (LIST_PROMPT, KINDS, REGIONS):
            robot.send(key)
            robot.wait_for(prompt, new=True)
        assert "not connected" in robot.transcript
        robot.send(key)
        assert robot.wait_exit() == (130 if key == "\x03" else 0)
    assert stage.count("StartSession") == 0


@pytest.mark.parametrize("typed", ["0", "b"])
def test_zero_and_b_go_back_one_screen_at_every_prompt(typed: str, stage: Stage) -> None:
    stage.add_instance(name="win", platform="Windows")
    with stage.open_list() as robot:
        robot.line("1")
        robot.wait_for("how (0 back):")
        for prompt in (LIST_PROMPT, KINDS, REGIONS):
            robot.line(typed)
            robot.wait_for(prompt, new=True)
        robot.line(typed)
        assert robot.wait_exit() == 0


def test_q_quits_from_the_list_and_the_terminal_is_as_before(stage: Stage) -> None:
    with stage.ec2menu("-r", REGION) as robot:
        before = robot.termios()
        robot.wait_for(KINDS)
        robot.line("nodes")
        robot.wait_for("us-east-1 nodes:")
        robot.line("q")
        assert robot.wait_exit() == 0
        assert robot.termios() == before


def test_ctrl_c_while_a_list_is_loading_goes_back_at_once(stage: Stage) -> None:
    stage.demo.faults.delay("DescribeInstances", SLOW_SECONDS)
    with open_kinds(stage, columns=60) as robot:
        robot.line("1")
        robot.wait_for("listing EC2 instances in us-east-1")
        robot.control("c")
        robot.wait_for(KINDS, new=True)
        assert any("stopped" in line for line in robot.lines())
        assert all("listing" not in line for line in robot.lines())
        stage.demo.faults.clear()
        robot.line("1")
        robot.wait_for(LIST_PROMPT, new=True)


def test_ctrl_c_while_a_list_is_refreshed_keeps_the_list(stage: Stage) -> None:
    stage.add_instance(name="web-1", state="stopped")
    with stage.open_list() as robot:
        stage.demo.faults.delay("DescribeInstances", SLOW_SECONDS)
        robot.line("r")
        robot.wait_for("listing EC2 instances", new=True)
        robot.control("c")
        robot.wait_for(LIST_PROMPT, new=True)
        robot.line("1")
        robot.wait_for("cannot connect to web-1")


def test_ctrl_c_while_regions_are_asked_for_does_not_leave_the_program(stage: Stage) -> None:
    with stage.ec2menu() as robot:
        robot.wait_for(REGIONS)
        stage.demo.faults.delay("DescribeRegions", SLOW_SECONDS)
        robot.line("r")
        robot.wait_for("asking AWS for the regions")
        robot.control("c")
        robot.wait_for("stopped")
        robot.wait_for(REGIONS, new=True)
        robot.line("q")
        assert robot.wait_exit() == 0


def test_what_is_typed_while_a_list_loads_is_answered_once_it_is_there(stage: Stage) -> None:
    stage.add_instance(name="web-1", state="stopped")
    stage.demo.faults.delay("DescribeInstances", SLOW_SECONDS)
    with open_kinds(stage) as robot:
        robot.line("1")
        robot.wait_for("listing EC2 instances")
        wait_until(lambda: stage.count("DescribeInstances") == 1, what="a call to AWS")
        robot.line("state:stopped")
        stage.demo.faults.clear()
        robot.wait_for("1 of 1 with state:stopped")
        robot.wait_for(LIST_PROMPT, new=True)
        assert robot.lines()[robot.cursor[1]] == LIST_PROMPT


def test_ssm_denied_is_one_dim_line_and_its_column_says_unknown(stage: Stage) -> None:
    stage.add_instance()
    stage.demo.faults.deny("DescribeInstanceInformation")
    with stage.open_list(columns=200) as robot:
        line = next(line for line in robot.lines() if line.startswith("! us-east-1: "))
        assert f"ssm:DescribeInstanceInformation in us-east-1 is denied for {USER}" in line
        assert robot.style_of("! us-east-1").faint
        assert any("web-1" in line and "unknown" in line for line in robot.lines())


def test_a_denial_does_not_push_the_list_off_a_small_screen(stage: Stage) -> None:
    stage.demo.add_instances(REGION, 40)
    stage.demo.faults.deny("DescribeInstanceInformation")
    with stage.open_list(columns=80, rows=24) as robot:
        assert any(line.startswith("EC2 instances in us-east-1: 40") for line in robot.lines()), robot.picture()


def test_ec2_denied_lists_what_ssm_knows(stage: Stage) -> None:
    node = stage.demo.add_hybrid_node(REGION, "on-prem")
    stage.demo.faults.deny("DescribeInstances")
    with stage.open_list(columns=200) as robot:
        assert any(node in line for line in robot.lines())
        assert f"ec2:DescribeInstances in us-east-1 is denied for {USER}" in robot.transcript


def test_a_list_that_cannot_be_had_returns_to_the_menu_which_works_on(stage: Stage) -> None:
    stage.demo.faults.deny("*")
    with open_kinds(stage, columns=200) as robot:
        robot.line("1")
        robot.wait_for(f"ec2menu: ec2:DescribeInstances in us-east-1 is denied for {USER}")
        robot.wait_for("hint: have ec2:DescribeInstances allowed")
        robot.wait_for(KINDS, new=True)
        stage.demo.faults.clear()
        stage.add_instance()
        robot.line("1")
        robot.wait_for("1 · by name ·")


def test_notes_that_go_to_a_file_are_plain_and_the_menu_goes_on(stage: Stage) -> None:
    stage.program("quiet", f'exec "$PYTHON" -m ec2menu -r {REGION} 2>{stage.folder}/notes')
    stage.variables["PYTHON"] = sys.executable
    with Robot([stage.programs / "quiet"], environment=stage.environment(), cwd=stage.folder) as robot:
        robot.wait_for(KINDS)
        robot.line("9")
        robot.wait_for(KINDS, new=True)
        robot.line("1")
        robot.wait_for(LIST_PROMPT)
        assert robot.style_of("EC2 instances in").bold
        robot.line("q")
        assert robot.wait_exit() == 0
    notes = (stage.folder / "notes").read_text()
    assert "\n9 is not in the list; choose 1-5\n" in notes
    assert "\x1b" not in notes


@pytest.mark.parametrize(
    ("flags", "variables"), [((), {"NO_COLOR": "1"}), ((), {"TERM": "dumb"}), (("--no-color",), {})]
)
def test_without_colours_nothing_on_the_screen_has_a_style(
    flags: tuple[str, ...], variables: dict[str, str], stage: Stage
) -> None:
    stage.variables.update(variables)
    stage.add_instance()
    with stage.open_list(*flags) as robot:
        for text in ("EC2 instances in", "web-1", "Online", "number connects"):
            style = robot.style_of(text)
            assert (style.bold, style.faint, style.foreground) == (False, False, "default"), text


def test_a_window_that_is_resized_between_two_prompts_is_drawn_to_its_new_size(stage: Stage) -> None:
    stage.demo.add_instances(REGION, 40)
    with stage.open_list(columns=120, rows=30) as robot:
        robot.wait_for("page 1/2")
        robot.resize(60, 16)
        robot.line()
        robot.wait_for("page 1/4", new=True)
        robot.wait_for(LIST_PROMPT, new=True)
        assert robot.lines()[-1].startswith(LIST_PROMPT)
        assert any(line.startswith("EC2 instances in") for line in robot.lines())
