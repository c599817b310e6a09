"""Shell sessions of the stand-in plugin, on a real pseudo-terminal."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.fakes.plugin import PluginRun, install_plugin, plugin_runs
from tests.fakes.plugin_calls import FIRST_LINE, NORMAL_END, SESSION_ID, shell_call
from tests.terminal.harness import Robot

PROMPT = "fake$ "


def the_run(plugin: Path) -> PluginRun:
    (run,) = plugin_runs(plugin)
    return run


def wait_until_ready(robot: Robot, plugin: Path) -> None:
    robot.wait_for(PROMPT)
    robot.wait_until(lambda: the_run(plugin).ready, what="readiness")


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    return install_plugin(tmp_path)


def test_exit_prints_the_markers_and_restores_the_terminal(plugin: Path) -> None:
    with Robot(shell_call(plugin)) as robot:
        before = robot.termios()
        wait_until_ready(robot, plugin)
        assert (robot.termios().echo, robot.termios().canonical, robot.termios().signals) == (False, False, True)
        robot.line("exit")
        assert robot.wait_exit() == 0
        assert robot.termios() == before
        assert robot.transcript == f"{FIRST_LINE}{PROMPT}exit\n{NORMAL_END}"
    run = the_run(plugin)
    assert (run.ended, run.exit_status, run.session_ended) == ("closed", 0, True)
    assert (run.received, run.sizes) == (b"exit\n", ((100, 30),))
    assert (run.stdin_is_tty, run.stdout_is_tty, run.sid) == (True, True, run.pid)


def test_the_far_side_echoes_and_answers(plugin: Path) -> None:
    with Robot(shell_call(plugin)) as robot:
        wait_until_ready(robot, plugin)
        robot.line("서버 상태")
        robot.wait_for(f"fake: 서버 상태\n{PROMPT}")
        assert robot.lines()[2:5] == ["fake$ 서버 상태", "fake: 서버 상태", "fake$"]


def test_backspace_rubs_out_before_the_line_is_sent(plugin: Path) -> None:
    with Robot(shell_call(plugin)) as robot:
        wait_until_ready(robot, plugin)
        robot.line("lx\x7fs")
        robot.wait_for("fake: ls\n")


@pytest.mark.parametrize(("letter", "shown", "name"), [("c", "^C", "INT"), ("\\", "^\\", "QUIT"), ("z", "^Z", "TSTP")])
def test_control_keys_go_to_the_far_side_and_the_session_lives(
    plugin: Path, letter: str, shown: str, name: str
) -> None:
    with Robot(shell_call(plugin)) as robot:
        wait_until_ready(robot, plugin)
        robot.send("sleep 9")
        robot.wait_for("sleep 9", new=True)
        robot.control(letter)
        robot.wait_for(f"{shown}\n{PROMPT}", new=True)
        robot.line("size")
        robot.wait_for("100x30")
    assert the_run(plugin).signals == (f"SIG{name}",)


def test_ctrl_c_goes_to_the_far_side_even_if_inherited_as_ignored(plugin: Path) -> None:
    with Robot(["/bin/sh", "-c", 'trap "" INT QUIT TSTP; exec "$0" "$@"', *shell_call(plugin)]) as robot:
        wait_until_ready(robot, plugin)
        robot.control("c")
        robot.wait_for(f"^C\n{PROMPT}", new=True)
    assert the_run(plugin).ignored == ("SIGINT", "SIGQUIT", "SIGTSTP")


def test_ctrl_d_ends_the_session_normally(plugin: Path) -> None:
    with Robot(shell_call(plugin)) as robot:
        wait_until_ready(robot, plugin)
        robot.control("d")
        assert robot.wait_exit() == 0
        assert robot.transcript.endswith(f"{PROMPT}{NORMAL_END}")
        assert robot.termios().echo
    assert (the_run(plugin).received, the_run(plugin).session_ended) == (b"\x04", True)


def test_a_new_window_size_is_sent_to_the_far_side(plugin: Path) -> None:
    with Robot(shell_call(plugin), columns=80, rows=24) as robot:
        wait_until_ready(robot, plugin)
        robot.line("size")
        robot.wait_for("80x24")
        robot.resize(120, 40)
        robot.wait_until(lambda: len(the_run(plugin).sizes) == 2, what="the new size")
        robot.line("size")
        robot.wait_for("120x40")
    assert the_run(plugin).sizes == ((80, 24), (120, 40))


def test_a_reason_of_the_service_is_printed_and_the_terminal_restored(plugin: Path) -> None:
    with Robot(shell_call(plugin)) as robot:
        wait_until_ready(robot, plugin)
        robot.line("reason ended by ops, 종료")
        assert robot.wait_exit() == 0
        assert robot.transcript.endswith(f"\n\n\nSessionId: {SESSION_ID} : ended by ops, 종료\n\n")
        assert robot.termios().echo
    assert (the_run(plugin).ended, the_run(plugin).session_ended) == ("by the service", True)


def test_a_timeout_prints_its_line_and_leaves_the_terminal_raw(plugin: Path) -> None:
    with Robot(shell_call(plugin)) as robot:
        wait_until_ready(robot, plugin)
        robot.line("timeout")
        assert robot.wait_exit() == 0
        assert robot.transcript.endswith(f"\nSession: {SESSION_ID} timed out.\n")
        assert not robot.termios().echo


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_deadly_signal_leaves_the_terminal_raw_and_the_session_open(plugin: Path, number: signal.Signals) -> None:
    with Robot(shell_call(plugin)) as robot:
        wait_until_ready(robot, plugin)
        robot.kill(number)
        assert robot.wait_exit() == -number
        assert (robot.termios().echo, robot.termios().canonical) == (False, False)
    assert not the_run(plugin).session_ended


def test_die_is_death_by_sigkill(plugin: Path) -> None:
    with Robot(shell_call(plugin)) as robot:
        wait_until_ready(robot, plugin)
        robot.line("die")
        assert robot.wait_exit() == -signal.SIGKILL
        assert not robot.termios().echo


def test_a_lost_connection_swallows_ctrl_c_and_the_next_key_ends_it(plugin: Path) -> None:
    with Robot(shell_call(plugin)) as robot:
        wait_until_ready(robot, plugin)
        robot.line("drop")
        robot.wait_for("drop\n", new=True)
        robot.control("c")
        robot.wait_until(lambda: the_run(plugin).signals == ("SIGINT",), what="the signal")
        assert the_run(plugin).ended == ""
        robot.send("x")
        assert robot.wait_exit() == 0
        assert "^C" not in robot.transcript
        assert robot.transcript.endswith("Cannot perform start session: write: broken pipe\n")
        assert not robot.termios().echo
    assert not the_run(plugin).session_ended


def test_input_at_its_end_cannot_start_a_session(plugin: Path) -> None:
    answer = subprocess.run(shell_call(plugin), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (0, f"{FIRST_LINE}Cannot perform start session: EOF\n")
    assert (the_run(plugin).ended, the_run(plugin).session_ended) == ("broken off", False)


def test_input_that_ends_later_breaks_the_session_off(plugin: Path) -> None:
    answer = subprocess.run(shell_call(plugin), input="size\n", capture_output=True, text=True, check=False)
    assert answer.returncode == 0
    assert answer.stdout.endswith("300x100\nfake$ Cannot perform start session: EOF\n")


def test_without_stty_the_terminal_stays_as_it_was(plugin: Path, tmp_path: Path) -> None:
    with Robot(shell_call(plugin), environment={"PATH": str(tmp_path)}) as robot:
        before = robot.termios()
        wait_until_ready(robot, plugin)
        assert robot.termios() == before
        assert before.echo


def test_the_service_may_end_a_shell_once_it_is_ready(tmp_path: Path) -> None:
    with Robot(shell_call(install_plugin(tmp_path, ends_after_seconds=0.0, end_text="moved away"))) as robot:
        assert robot.wait_exit() == 0
        assert f"\n\nSessionId: {SESSION_ID} : moved away\n\n" in robot.transcript
        assert robot.termios().echo


def test_a_shell_may_die_once_it_is_ready(tmp_path: Path) -> None:
    with Robot(shell_call(install_plugin(tmp_path, dies_after_seconds=0.0))) as robot:
        assert robot.wait_exit() == -signal.SIGKILL
        assert not robot.termios().echo
