"""Several machines at once: windows of a stand-in tmux whose commands are then run, or one session after another."""

import re
from pathlib import Path

import pytest

from tests.fakes.plugin import PLUGIN_NAME
from tests.terminal.harness import Robot
from tests.terminal.stage import LIST_PROMPT, REGION, Stage

CLOSE = "press Enter to close this window"


@pytest.fixture
def fleet(stage: Stage) -> list[str]:
    """Five machines whose names sort as their numbers: the fourth is offline, the fifth is not managed."""
    stage.add_instance(name="m1")
    stage.add_instance(name="m2")
    stage.add_instance(name="m3")
    stage.add_instance(name="m4", ping="ConnectionLost")
    stage.add_instance(name="m5", managed=False)
    return [name for name, _ in sorted(names(stage).items(), key=lambda item: item[1])]


def names(stage: Stage) -> dict[str, str]:
    """Return the names of the machines by their ids."""
    from ec2menu.demo.machines import backend  # noqa: PLC0415 - moto is imported when the server starts

    instances = backend(REGION).all_instances()
    return {str(one.id): next(tag["value"] for tag in one.get_tags() if tag["key"] == "Name") for one in instances}


def put_tmux(stage: Stage, *, status: int = 0) -> Path:
    """Install a tmux that writes down its words, one call after the other; return where."""
    words = stage.folder / "words"
    stage.program("tmux", f"printf '%s\\0' \"$@\" >> {words}; printf '\\0' >> {words}; exit {status}")
    stage.variables["TMUX"] = "/tmp/tmux-0/default,1,0"
    return words


def calls(words: Path) -> list[list[str]]:
    return [call.split("\0") for call in words.read_text().split("\0\0") if call]


def test_inside_tmux_each_machine_gets_a_window_whose_command_opens_its_session(stage: Stage, fleet: list[str]) -> None:
    words = put_tmux(stage)
    with stage.open_list("--no-color", columns=160) as robot:
        robot.line("1,3-5")
        for name, number in (("m1", 0), ("m3", 2)):
            robot.wait_for(f"{name} ({fleet[number]}): Opened in a new tmux window", new=True)
        robot.wait_for(LIST_PROMPT, new=True)
        assert f"cannot connect to m4 ({fleet[3]})" in robot.transcript
        assert f"cannot connect to m5 ({fleet[4]})" in robot.transcript
        assert stage.count("StartSession") == 0
        commands = calls(words)
        assert [command[:4] for command in commands] == [["new-window", "-n", name, "--"] for name in ("m1", "m3")]
        for command, node in zip(commands, (fleet[0], fleet[2]), strict=True):
            check_window(stage, command[4:], node)


def check_window(stage: Stage, command: list[str], node: str) -> None:
    """Run a window's command as tmux would: in an environment of its own, which is not ours."""
    assert node not in " ".join(command)  # it is in a private file
    (stage.folder / "argparse.py").write_text("raise SystemExit('what lies in the folder was run')")
    server = {"PATH": "/usr/bin:/bin", "HOME": str(stage.home), "TERM": "screen", "AWS_PROFILE": "stale"}
    with Robot(command, environment=server, cwd=stage.folder) as window:
        run = stage.wait_for_shell(window)
        assert run.request["Target"] == node
        window.line("exit")
        window.wait_for(CLOSE)
        window.line()
        assert window.wait_exit() == 0


def test_a_window_whose_session_is_refused_keeps_the_reason_readable(stage: Stage, fleet: list[str]) -> None:
    words = put_tmux(stage)
    with stage.open_list("--no-color") as robot:
        robot.line("1,2")
        robot.wait_for(LIST_PROMPT, new=True)
    stage.demo.faults.deny("StartSession")
    with Robot(calls(words)[0][4:], environment={"TERM": "screen", "HOME": str(stage.home)}) as window:
        window.wait_for("ssm:StartSession")
        window.wait_for(CLOSE, new=True)
        window.line()
        assert window.wait_exit() == 3


def test_a_tmux_that_refuses_is_told_for_each_machine(stage: Stage, fleet: list[str]) -> None:
    put_tmux(stage, status=1)
    with stage.open_list("--no-color", columns=160) as robot:
        robot.line("1-2")
        for name, number in (("m1", 0), ("m2", 1)):
            found = robot.wait_for(re.compile(rf"{name} \({fleet[number]}\): .+"), new=True)
            assert "Opened in" not in found
        robot.wait_for(LIST_PROMPT, new=True)
    assert stage.count("StartSession") == 0


@pytest.mark.parametrize("setting", [None, "false"], ids=["no-terminal-program", "windows-off"])
def test_without_windows_the_sessions_come_one_after_another(
    stage: Stage, fleet: list[str], setting: str | None
) -> None:
    if setting:
        put_tmux(stage)
    stage.variables["EC2MENU_WINDOWS"] = setting
    with stage.open_list("--no-color", columns=160) as robot:
        robot.line("1,3-5")
        robot.wait_for(f"cannot connect to m4 ({fleet[3]})", new=True)
        robot.wait_for(f"cannot connect to m5 ({fleet[4]})", new=True)
        for position, node in ((1, fleet[0]), (2, fleet[2])):
            robot.wait_for(f"[{position}/2]", new=True)
            run = stage.wait_for_shell(robot)
            assert run.request["Target"] == node
            robot.line("exit" if position == 1 else "die")
        robot.wait_for("the plugin died", new=True)
        robot.wait_for(LIST_PROMPT, new=True)
    assert stage.count("StartSession") == 2


def test_one_refused_session_does_not_keep_the_next_from_being_opened(stage: Stage, fleet: list[str]) -> None:
    stage.demo.faults.throttle("StartSession", times=1)
    with stage.open_list("--no-color", columns=160) as robot:
        robot.line("1-2")
        robot.wait_for("throttling ssm:StartSession", new=True)
        robot.wait_for("[2/2]", new=True)
        run = stage.wait_for_shell(robot)
        assert run.request["Target"] == fleet[1]


def test_a_missing_plugin_is_told_once_and_opens_no_window(stage: Stage, fleet: list[str]) -> None:
    words = put_tmux(stage)
    stage.plugin.unlink()
    with stage.open_list("--no-color") as robot:
        robot.line("1-3")
        robot.wait_for(f"{PLUGIN_NAME} is not installed", new=True)
        robot.wait_for(LIST_PROMPT, new=True)
        assert robot.transcript.count("is not installed") == 1
    assert not words.exists()


def test_where_none_can_be_reached_nothing_is_opened(stage: Stage, fleet: list[str]) -> None:
    words = put_tmux(stage)
    with stage.open_list("--no-color", columns=160) as robot:
        robot.line("4,5")
        robot.wait_for("cannot connect to m4", new=True)
        robot.wait_for("cannot connect to m5", new=True)
        robot.wait_for(LIST_PROMPT, new=True)
    assert not words.exists()
