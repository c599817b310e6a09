"""How sessions end: what the user reads, what AWS is told, and that the menu is back with nothing left behind."""

import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.plugin import PluginModes
from tests.terminal.harness import Robot
from tests.terminal.stage import LIST_PROMPT, REGION, REMOTE_PROMPT, Stage, wait_until


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One way to end: what is typed once `at` shows, by default the far side's prompt, and what is then read.

    `first` is typed before, and has arrived when `keys` are typed.
    """

    first: str = ""
    keys: str = ""
    words: str
    at: str = REMOTE_PROMPT
    modes: PluginModes = field(default_factory=PluginModes)
    by_plugin: bool = False


ENDS = (
    End(keys="exit\r", words="ended normally, after", by_plugin=True),
    End(
        keys="reason Your session has been terminated.\r",
        words="ended by the service (Your session has been terminated.), after",
        by_plugin=True,
    ),
    End(
        modes={"ends_after_seconds": 0.1, "end_text": "----------ERROR-------\nno user ssm-user"},
        words="ended by the service (ERROR no user ssm-user), after",
        by_plugin=True,
    ),
    End(keys="timeout\r", words="timed out (it was idle too long, or could not be resumed), after", by_plugin=True),
    End(keys="die\r", words="the plugin died (signal 9), after"),
    End(first="drop\r", keys="xxxx\r", words="failed (write: broken pipe), after"),
    End(
        modes={"cannot_start": "websocket: bad handshake"},
        at="Starting session",
        words="failed (websocket: bad handshake), after",
    ),
    End(modes={"panics": True}, at="panic:", words="failed (panic: interface conversion"),
    End(
        modes={"never_answers": True},
        at="Starting session",
        keys="hello?\r\r\x03",
        words="given up before the agent answered, after",
    ),
    End(modes={"silent": True}, at="if it hangs", keys="\r~.", words="left (with ~.), after"),
    End(keys="ls\r~.", words="left (with ~.), after"),
)


def kept_open(stage: Stage, pid: int) -> dict[str, str]:
    """Return what a process holds open for longer, once the lists behind the menu have their clients.

    Connections to AWS are left out, and lists that are just being written to disk.
    """

    lists = {f"{kind}-{REGION}.json" for kind in ("ec2", "rds", "cache", "ecs")}

    def links() -> dict[str, str]:
        found = {}
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed just now
                found[path.name] = str(path.readlink())
        return found

    wait_until(lambda: lists <= {path.name for path in stage.files()}, what="the lists behind the menu")
    wait_until(lambda: not any("/botocore/data" in link for link in links().values()), what="end of reading models")
    return {
        name: link for name, link in links().items() if not link.startswith("socket:") and "/snapshots/" not in link
    }


def children(pid: int) -> list[str]:
    """Return a process's children, dead ones that nobody has waited for included."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def play(stage: Stage, robot: Robot, end: End) -> None:
    """Open a session from the list, end it, and come back to the list."""
    stage.misbehave(**end.modes)
    robot.line("1")
    robot.wait_for(end.at, new=True)
    if end.first:
        robot.send(end.first)
        typed = end.first.replace("\r", "\n").encode()
        robot.wait_until(lambda: stage.last_run().received == typed, what=f"{end.first} received")
    robot.send(end.keys)
    robot.wait_for(end.words, new=True)
    robot.wait_for(LIST_PROMPT, new=True)


def test_every_end_is_told_and_the_menu_is_back_with_the_terminal_as_it_was(stage: Stage) -> None:
    stage.add_instance()
    with stage.open_list() as robot:
        play(stage, robot, ENDS[0])
        settings, files = robot.termios(), kept_open(stage, robot.pid)
        for end in ENDS:
            before = {name: stage.count(name) for name in ("StartSession", "TerminateSession")}
            play(stage, robot, end)
            assert stage.count("StartSession") == before["StartSession"] + 1, end
            assert stage.count("TerminateSession") == before["TerminateSession"] + (not end.by_plugin), end
            assert robot.termios() == settings, end
            assert children(robot.pid) == [], end
        assert kept_open(stage, robot.pid) == files
        assert not any(run.is_alive for run in stage.runs())
        robot.line("q")
        assert robot.wait_exit() == 0
        assert "Traceback" not in robot.transcript
    assert [session.id for session in stage.sessions() if session.ended] == [
        call.parameters["SessionId"] for call in stage.demo.calls_of("TerminateSession")
    ]


def test_the_settings_of_the_terminal_are_those_before_ec2menu(stage: Stage) -> None:
    with stage.connect(stage.add_instance()) as robot:
        before = robot.termios()
        stage.wait_for_shell(robot)
        assert not robot.termios().echo
        robot.line("die")
        assert robot.wait_exit() == 4
        assert robot.termios() == before
    assert stage.count("TerminateSession") == 1


def test_keys_hammered_while_a_dead_session_is_cleaned_up_choose_nothing_from_the_menu(stage: Stage) -> None:
    stage.add_instance(name="first")
    stage.add_instance(name="second")
    with stage.open_list() as robot:
        robot.line("1")
        stage.wait_for_shell(robot)
        stage.demo.faults.delay("TerminateSession", 0.5)
        robot.line("die")
        robot.wait_until(lambda: stage.count("TerminateSession") == 1, what="TerminateSession")
        robot.send("2\r2\r")
        robot.wait_for("the plugin died", new=True)
        robot.wait_for(LIST_PROMPT, new=True)
        robot.line("2")
        robot.wait_for("shell: second", new=True)
        robot.wait_for(REMOTE_PROMPT, new=True)
        assert stage.count("StartSession") == 2


def test_a_plugin_that_never_answers_ends_by_itself_although_keys_are_hammered(stage: Stage) -> None:
    stage.variables["EC2MENU_ANSWER_TIMEOUT_SECONDS"] = "5"
    stage.misbehave(never_answers=True)
    with stage.connect(stage.add_instance()) as robot:
        robot.wait_for("Starting session")
        robot.send("\r\rls\r")
        robot.wait_for(re.compile(r"no answer \(none within 5 s\), after \d+ s"))
        assert robot.wait_exit() == 4
    assert stage.count("TerminateSession") == 1


def test_a_service_that_hangs_at_the_end_costs_seconds_and_ctrl_c_does_not_break_it_off(stage: Stage) -> None:
    stage.demo.faults.delay("TerminateSession", 60)
    stage.add_instance()
    with stage.open_list() as robot:
        robot.line("1")
        stage.wait_for_shell(robot)
        robot.send("\r~.")
        robot.wait_until(lambda: stage.count("TerminateSession") == 1, what="TerminateSession")
        began = time.monotonic()
        robot.control("c")
        robot.control("c")
        robot.wait_for("left (with ~.)", new=True)
        robot.wait_for(LIST_PROMPT, new=True)
        assert time.monotonic() - began < 30  # of the 60 that it hangs
        robot.line("1")
        stage.wait_for_shell(robot)


def test_the_session_s_token_is_in_no_command_line_and_in_no_file_not_even_with_debug(stage: Stage) -> None:
    with stage.shell("--debug") as robot:
        token = stage.sessions()[0].token
        assert token in stage.last_run().response
        assert not any(token in command for command in command_lines())
        assert token not in Path(f"/proc/{robot.pid}/environ").read_text()
        robot.line("exit")
        assert robot.wait_exit() == 0
        assert token not in robot.transcript
    files = stage.files()
    assert any(path.name.startswith("debug-") for path in files)
    assert any(path.name == "state.sqlite3" for path in files)
    secrets = [token, stage.demo.environment()["AWS_SECRET_ACCESS_KEY"]]
    assert [path for path in files if any(secret.encode() in path.read_bytes() for secret in secrets)] == []


def command_lines() -> list[str]:
    """Return the command lines of all processes that can be seen."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_text(errors="replace"))
        except OSError:  # it has just ended
            continue
    assert any(str(os.getpid()) in str(path) for path in Path("/proc").glob("[0-9]*/cmdline"))
    return found
