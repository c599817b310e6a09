"""The conversation before a batch is sent: how a command is typed, the plan, changing it, and leaving it."""

from pathlib import Path

import pytest

from ec2menu.errors import InvalidInput
from ec2menu.flows.batch import fresh_machines
from ec2menu.ui.menu import Menu, Move
from ec2menu.ui.screens.batch import BatchScreen
from ec2menu.ui.screens.batch_command import read_command
from tests.unit.desk import REGION, CannedAws, Desk, context_at, machine, sit_down


@pytest.fixture
def aws() -> CannedAws:
    canned = CannedAws()
    canned.add(*(machine(f"i-{number}", f"web-{number}") for number in range(1, 4)))
    canned.lists["DescribeInstanceInformation", ""] = [
        {"InstanceId": f"i-{number}", "PingStatus": "Online", "PlatformType": "Linux"} for number in (1, 2)
    ]
    return canned


def talk(aws: CannedAws, folder: Path, *typed: str) -> Desk:
    """Open the screen on all machines and type until the script is over, which is like Ctrl-D."""
    desk = sit_down(*typed, out_tty=True, color=False)
    context = context_at(desk, aws, folder, regions=(REGION,))
    machines = fresh_machines(context, (REGION,)).items
    Menu(desk.terminal).run(BatchScreen(context, machines))
    assert not [operation for operation, _ in aws.asked if operation == "SendCommand"]
    return desk


def test_a_line_becomes_a_plan_and_nothing_is_sent_without_a_yes(aws: CannedAws, tmp_path: Path) -> None:
    desk = talk(aws, tmp_path, "uptime; echo '$x'", "0")
    assert desk.data.splitlines()[1] == "one command on 3 nodes"
    for line in (
        "run on 2 nodes",
        "  | uptime; echo '$x'",
        "  nodes: web-[1-2]",
        "not run; nothing was sent",
    ):
        assert f"{line}\n" in desk.notes
    assert "  1 skipped, SSM does not know the instance, and it has no instance profile: web-3" in desk.notes


def test_concurrency_timeout_and_retries_can_be_changed_and_the_plan_is_shown_again(
    aws: CannedAws, tmp_path: Path
) -> None:
    desk = talk(aws, tmp_path, "uptime", "c 7", "t 600", "r 0", "0")
    plans = [line for line in desk.notes.splitlines() if line.startswith("  at most")]
    assert plans == [
        "  at most 5 at a time · never stops for errors · 2 retries where it never ran",
        "  at most 7 at a time · never stops for errors · 2 retries where it never ran",
        "  at most 7 at a time · never stops for errors · 2 retries where it never ran",
        "  at most 7 at a time · never stops for errors · no retries",
    ]
    assert "timeouts: 10 min 0 s to run" in desk.notes


@pytest.mark.parametrize(
    ("typed", "told"), [("c 0", "concurrency of 0"), ("t 4", "timeout of 4"), ("x", "that runs nothing")]
)
def test_a_change_that_makes_no_sense_is_told_and_asked_again(
    typed: str, told: str, aws: CannedAws, tmp_path: Path
) -> None:
    desk = talk(aws, tmp_path, "uptime", typed, "0")
    assert told in desk.notes
    assert desk.notes.count("run on 2 nodes") == 1
    assert "not run; nothing was sent" in desk.notes


def test_what_was_changed_is_remembered_for_the_next_command(aws: CannedAws, tmp_path: Path) -> None:
    desk = talk(aws, tmp_path, "uptime", "c 7", "0", "hostname", "0")
    assert desk.notes.count("at most 7 at a time") == 2


def test_an_empty_enter_sends_nothing_and_a_bad_command_is_asked_for_again(aws: CannedAws, tmp_path: Path) -> None:
    desk = talk(aws, tmp_path, "", "@/nothing/there", "0")
    assert "the script /nothing/there cannot be read" in desk.notes
    assert "run on" not in desk.notes
    assert desk.keyboard.left == 0


def test_the_machines_are_looked_at_again_and_one_that_vanished_is_skipped(aws: CannedAws, tmp_path: Path) -> None:
    def terminate() -> None:
        aws.lists["DescribeInstances", ""] = [{"Instances": [machine("i-1", "web-1")]}]

    desk = sit_down(terminate, "uptime", "0", out_tty=True, color=False)
    context = context_at(desk, aws, tmp_path, regions=(REGION,))
    screen = BatchScreen(context, [each for each in fresh_machines(context, (REGION,)).items if each.id != "i-2"])
    assert screen.ask() is Move.STAY
    assert "1 skipped, the instance is terminated: web-3" in desk.notes


@pytest.mark.parametrize(
    ("typed", "lines"),
    [
        ("  uptime -p ", ("  uptime -p ",)),
        ("<<", ("if true; then", "  echo '.'", "", "fi")),
        ("@(1,2) | % { $_ }", ("@(1,2) | % { $_ }",)),
        ("@'", ("@'",)),
        ("!ls", ("!ls",)),
    ],
)
def test_a_command_is_taken_as_it_is_typed(typed: str, lines: tuple[str, ...], aws: CannedAws, tmp_path: Path) -> None:
    desk = sit_down("if true; then", "  echo '.'", "", "fi", ".")
    assert read_command(context_at(desk, aws, tmp_path), typed) == lines


def test_a_script_file_is_read_and_its_windows_line_ends_are_told(aws: CannedAws, tmp_path: Path) -> None:
    (tmp_path / "a.ps1").write_bytes(b"hostname\r\nexit 3\r\n")
    desk = sit_down()
    assert read_command(context_at(desk, aws, tmp_path), f"@{tmp_path / 'a.ps1'}") == ("hostname", "exit 3")
    assert "CRLF" in desk.notes


def test_a_past_command_that_is_not_there_is_refused(aws: CannedAws, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no past command 3"):
        read_command(context_at(sit_down(), aws, tmp_path), "!3")
