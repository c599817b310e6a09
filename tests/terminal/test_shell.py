"""A shell session as a user has it: keys, bytes, window size and signals, through ec2menu at a real terminal."""

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.fakes.plugin import process_is_alive, wait_for_run
from tests.terminal.harness import Robot
from tests.terminal.stage import REGION, Stage, type_bytes, wait_until

KOREAN = "서울 한국어 naïve ☃"
FLOOD = """
case $1 in --version) echo 1.2.814.0; exit;; esac
printf '\\nStarting session with SessionId: demo-1\\n'
"""


def received(stage: Stage, robot: Robot, length: int) -> bytes:
    """Return what the far side has received, once it is that long; the robot looks at its screen meanwhile."""
    robot.wait_until(lambda: len(stage.last_run().received) >= length, what=f"{length} bytes received")
    return stage.last_run().received


def test_control_keys_are_the_far_side_s_and_ctrl_d_ends_the_session(stage: Stage) -> None:
    with stage.shell() as robot:
        for key, shown in (("c", "^C"), ("z", "^Z"), ("\\", "^\\"), ("c", "^C")):
            robot.control(key)
            robot.wait_for(f"{shown}\nfake$ ", new=True)
        robot.control("d")
        assert robot.wait_exit() == 0
    run = stage.last_run()
    assert run.signals == ("SIGINT", "SIGTSTP", "SIGQUIT", "SIGINT")
    assert (run.received, run.ignored, run.blocked) == (b"\x04", (), ())


def test_the_plugin_has_a_terminal_of_its_own_and_the_right_call(stage: Stage) -> None:
    with stage.shell() as robot:
        run = stage.last_run()
        assert run.pid == run.sid == run.pgid
        assert (run.parent_pid, run.stdin_is_tty, run.stdout_is_tty) == (robot.pid, True, True)
        assert run.argv[:4] == ("AWS_SSM_START_SESSION_RESPONSE", REGION, "StartSession", "")
        assert run.argv[5] == stage.demo.endpoint_url
        assert run.request == {"Target": stage.sessions()[0].target, "Reason": "ec2menu"}
        assert run.environment["AWS_ACCESS_KEY_ID"] == stage.demo.environment()["AWS_ACCESS_KEY_ID"]


def test_the_far_side_knows_the_window_s_size_be_it_one_column_and_every_change(stage: Stage) -> None:
    with stage.shell(columns=1, rows=17) as robot:
        assert stage.last_run().sizes == ((1, 17),)
        robot.resize(91, 23)
        wait_for_run(stage.plugin, lambda run: run.sizes[-1] == (91, 23))
        robot.line("size")
        robot.wait_for("91x23")
        robot.line("exit")
        assert robot.wait_exit() == 0


def test_bytes_of_any_kind_arrive_as_they_were_typed(stage: Stage) -> None:
    keys = KOREAN.encode() + b"\xff\xfe\x80 \x1b[A\t\x12\x13\x11\x16\x0f\x15\x17\x7f ~. ~~\r"
    with stage.shell() as robot:
        type_bytes(robot, keys)
        assert received(stage, robot, len(keys)) == keys.replace(b"\r", b"\n")


def test_a_paste_of_100_kb_arrives_whole_and_what_it_prints_is_shown(stage: Stage) -> None:
    lines = [f"{number:05} {'x' * 60} {KOREAN}" for number in range(1100)]
    paste = "\n".join(lines).encode() + b"\n"
    assert len(paste) > 100_000
    with stage.shell(columns=200) as robot:
        type_bytes(robot, paste)
        assert received(stage, robot, len(paste)) == paste
        robot.wait_for(f"fake: {lines[-1]}")
        assert [line for line in lines if f"fake: {line}\n" not in robot.transcript] == []


def test_5_mb_of_output_arrives_unchanged(stage: Stage, tmp_path: Path) -> None:
    output = (bytes(range(256)) + "한".encode() * 81 + b"\n") * 10_000
    assert len(output) == 5_000_000
    (tmp_path / "output").write_bytes(output)
    stage.variables["EC2MENU_PLUGIN"] = str(stage.program("flood", f"{FLOOD} cat {tmp_path / 'output'}; echo the-end"))
    with stage.connect(stage.add_instance()) as robot:
        printed = bytearray()
        while b"the-end\r\n" not in printed[-70_000:]:
            printed += os.read(robot._child.child_fd, 65536)
        start = printed.index(b"demo-1\r\n") + len(b"demo-1\r\n")
        end = printed.index(b"the-end")
        assert printed[start:end] == output.replace(b"\n", b"\r\n")
        robot.feed(bytes(printed[end:]))
        robot.wait_for("ended without a word")
        assert robot.wait_exit() == 0


def test_a_plugin_that_ends_without_a_word_before_the_shell_is_there_has_failed(stage: Stage) -> None:
    stage.variables["EC2MENU_PLUGIN"] = str(stage.program("mute", FLOOD))
    with stage.connect(stage.add_instance()) as robot:
        robot.wait_for("failed (the plugin ended without a word)")
        assert robot.wait_exit() == 4


def test_keys_typed_before_the_far_side_is_ready_reach_it_once(stage: Stage) -> None:
    stage.misbehave(slow_ready_seconds=0.8)
    with stage.connect(stage.add_instance()) as robot:
        robot.wait_for("Starting session with SessionId")
        robot.line(f"{KOREAN} \x7f")
        robot.wait_for(f"fake: {KOREAN}")
        assert robot.transcript.count(KOREAN) == 2  # the far side's echo and its answer
        assert received(stage, robot, 1) == f"{KOREAN} \x7f\n".encode()


def test_the_way_out_works_after_enter_and_typing_two_tildes_sends_one(stage: Stage) -> None:
    with stage.shell() as robot:
        robot.line("~~x")
        robot.wait_for("fake: ~x")
        robot.send("~.")
        robot.wait_for("left (with ~.)")
        assert robot.wait_exit() == 0
    assert stage.last_run().received == b"~x\n"
    assert stage.count("TerminateSession") == 1


# -- signals sent to us -----------------------------------------------------------------------------------------


def test_the_keyboard_s_signals_sent_to_ec2menu_change_nothing(stage: Stage) -> None:
    with stage.shell() as robot:
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
            robot.kill(number)
        robot.line("still here")
        robot.wait_for("fake: still here")
        robot.line("exit")
        assert robot.wait_exit() == 0
    assert stage.last_run().signals == ()
    assert stage.count("TerminateSession") == 0


@pytest.mark.parametrize(
    ("signals", "status"),
    [
        ([signal.SIGTERM], 143),
        ([signal.SIGHUP, signal.SIGHUP, signal.SIGTERM], 129),
        ([signal.SIGTERM, signal.SIGINT, signal.SIGTERM], 143),
    ],
)
def test_a_signal_that_ends_ec2menu_ends_the_session_first(
    stage: Stage, signals: list[signal.Signals], status: int
) -> None:
    with stage.connect(stage.add_instance()) as robot:
        before = robot.termios()
        run = stage.wait_for_shell(robot)
        assert robot.termios() != before
        for position, number in enumerate(signals):
            if position:  # the first is being obeyed
                wait_until(lambda: not process_is_alive(run.pid), what="end of the plugin")
            robot.kill(number)
        assert robot.wait_exit() == status
        assert robot.termios() == before
        assert "Traceback" not in robot.transcript
    assert not stage.last_run().is_alive
    assert stage.count("TerminateSession") == 1
    with stage.ec2menu("history") as robot:
        assert robot.wait_exit() == 0
        assert "ended with ec2menu" in robot.transcript or "the terminal is gone" in robot.transcript


def test_a_closed_terminal_ends_the_session_and_ec2menu(stage: Stage) -> None:
    with stage.shell() as robot:
        pids = (robot.pid, stage.last_run().pid)
        close_window(robot)
        wait_until(lambda: not any(map(process_is_alive, pids)), what="end of ec2menu and the plugin")
    assert stage.count("TerminateSession") == 1


def close_window(robot: Robot) -> None:
    """Take the terminal away: nothing else holds its other end."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, robot._child.child_fd)
    os.close(nothing)


def test_a_terminal_that_takes_no_more_does_not_keep_a_signal_from_ending_us(stage: Stage) -> None:
    stage.variables["EC2MENU_PLUGIN"] = str(stage.program("flood", f"{FLOOD} exec yes"))
    with stage.connect(stage.add_instance()) as robot:
        robot.wait_for("y\ny\n")
        robot.kill(signal.SIGTERM)  # and from here on nobody looks at the screen
        wait_until(lambda: stage.count("TerminateSession") == 1, what="TerminateSession")
        assert robot.wait_exit() == 143


# -- surroundings -----------------------------------------------------------------------------------------------


def test_a_locale_without_characters_does_not_touch_the_session(stage: Stage) -> None:
    stage.variables |= {"LANG": "C", "LC_ALL": "C"}
    with stage.connect(stage.add_instance(name=KOREAN)) as robot:
        stage.wait_for_shell(robot)
        robot.line(KOREAN)
        robot.wait_for(f"fake: {KOREAN}")
        robot.line("exit")
        assert robot.wait_exit() == 0


@pytest.mark.parametrize("redirection", ["> out", "< /dev/null"])
def test_without_a_whole_terminal_no_session_is_started(stage: Stage, redirection: str) -> None:
    command = f"{sys.executable} -m ec2menu connect {stage.add_instance()} {redirection}; echo status $?"
    with Robot(["/bin/sh", "-c", command], environment=stage.environment(), cwd=stage.folder) as robot:
        robot.wait_for("a shell needs a terminal")
        robot.wait_for("status 2")
    assert stage.count("StartSession") == 0
    assert stage.runs() == ()
