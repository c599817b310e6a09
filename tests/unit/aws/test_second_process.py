"""The process that reads long replies: the same answers as here, and nothing lost where there is none."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import ec2menu
from ec2menu.aws import second_process
from ec2menu.aws.reader_program import REQUEST, serve
from ec2menu.aws.second_process import NoSecondProcess, SecondProcess
from ec2menu.aws.xml_reply import Plan, Unsupported
from ec2menu.fanout import fan_out

PLAN: Plan = ("structure", {"name": ("Name", ("string",)), "at": ("At", ("timestamp",))})
PADDING = b"<other>" + b"x" * 1_000_000 + b"</other>"  # more than a socket holds


def reply(name: str) -> bytes:
    return b"<R><requestId>%b</requestId>%b<name>%b</name></R>" % (name.encode(), PADDING, name.encode())


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> SecondProcess:
    """A second process, also on a machine with one processor."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    return SecondProcess()


def pid_of(reader: SecondProcess) -> int:
    assert reader._reader is not None
    return reader._reader._process.pid


def test_a_reply_comes_back_as_its_values(reader: SecondProcess) -> None:
    assert reader.read(reply("서울 🚀"), PLAN) == ({"Name": "서울 🚀"}, "서울 🚀")


def test_every_thread_gets_its_own_answer_from_the_one_process(reader: SecondProcess) -> None:
    names = [f"i-{number}" for number in range(60)]
    found = fan_out(lambda name: reader.read(reply(name), PLAN)[0]["Name"], names, limit=20)
    assert found == names


def test_a_reply_that_is_not_sound_is_left_to_botocore_and_the_process_goes_on(reader: SecondProcess) -> None:
    with pytest.raises(Unsupported):
        reader.read(reply("cut")[:-3], PLAN)
    first = pid_of(reader)
    assert reader.read(reply("whole"), PLAN)[1] == "whole"
    assert pid_of(reader) == first


def test_a_process_that_has_ended_for_want_of_work_is_started_again(reader: SecondProcess) -> None:
    for _ in range(5):
        assert reader.read(reply("a"), PLAN)[1] == "a"
        os.kill(pid_of(reader), signal.SIGKILL)
        os.waitid(os.P_PID, pid_of(reader), os.WEXITED | os.WNOWAIT)


def test_a_process_that_is_killed_at_its_work_is_tried_once_more_and_no_longer(
    reader: SecondProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_process, "_PROGRAM", "import socket; socket.socket(fileno=0).recv(1)")
    for _ in range(second_process.FAILURES_ALLOWED):
        with pytest.raises(NoSecondProcess):
            reader.read(reply("a"), PLAN)
    last = pid_of(reader)
    with pytest.raises(NoSecondProcess):
        reader.read(reply("a"), PLAN)
    assert pid_of(reader) == last


def test_a_process_that_hangs_is_ended_and_not_tried_again(
    reader: SecondProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_process, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(second_process, "_PROGRAM", "import signal; signal.pause()")
    for _ in range(2):
        with pytest.raises(NoSecondProcess):
            reader.read(reply("a"), PLAN)
    assert reader._reader is not None
    assert not reader._reader.is_running


def test_after_half_an_exchange_nobody_gets_another_ones_answer(
    reader: SecondProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as interrupted:
        interrupted.setattr(second_process._Reader, "receive", lambda _reader: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            reader.read(reply("first"), PLAN)
    assert reader.read(reply("second"), PLAN)[1] == "second"


def test_threads_that_wait_for_a_process_that_dies_all_read_for_themselves(
    reader: SecondProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_process, "_PROGRAM", "import socket; socket.socket(fileno=0).recv(2000000)")

    def is_left_to_us(name: str) -> bool:
        try:
            reader.read(reply(name), PLAN)
        except NoSecondProcess:
            return True
        return False

    assert all(fan_out(is_left_to_us, [f"i-{number}" for number in range(20)], limit=20))


@pytest.mark.parametrize("python", ["", "/nonexistent/python"])
def test_without_a_python_to_start_there_is_none(
    reader: SecondProcess, python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", python)
    with pytest.raises(NoSecondProcess):
        SecondProcess().read(reply("a"), PLAN)


def test_with_one_processor_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with pytest.raises(NoSecondProcess):
        SecondProcess().read(reply("a"), PLAN)


def test_the_process_ends_with_whoever_started_it() -> None:
    reader = second_process._Reader()
    process = reader._process
    reader._wire.shutdown(socket.SHUT_RDWR)  # as the system does for a process that is killed
    assert process.wait(timeout=30) == 0


def test_the_process_ends_when_it_has_had_nothing_to_do_for_a_while() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(0.01)
        with pytest.raises(TimeoutError):
            serve(theirs)


def test_a_request_that_is_cut_short_ends_the_process() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            ours.sendall(REQUEST.pack(10, 10) + b"four")
        with pytest.raises(EOFError):
            serve(theirs)


def test_the_program_needs_nothing_but_the_standard_library() -> None:
    listing = "import sys; sys.path.append(sys.argv[1]); import ec2menu.aws.reader_program; print(*sys.modules)"
    root = str(Path(ec2menu.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", listing, root], check=True, stdout=subprocess.PIPE, text=True
    )
    ours = {name for name in done.stdout.split() if name.startswith("ec2menu")}
    assert ours == {"ec2menu", "ec2menu.aws", "ec2menu.aws.reader_program", "ec2menu.aws.xml_reply"}
