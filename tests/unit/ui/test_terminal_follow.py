"""A wait above which lines keep coming: each is told once, and the status line never stands between them."""

import signal
import threading
from collections.abc import Iterator

import pytest

from ec2menu.errors import InvalidInput
from ec2menu.fanout import Task
from ec2menu.models import Style
from ec2menu.ui.terminal import Stopped
from tests.unit.desk import sit_down

CLEAR = "\r\x1b[K"
WAIT_SECONDS = 10.0
Line = tuple[str, Style]


class Work:
    """Work that ends once its status has been shown twice; three lines come of it, the last with its end."""

    def __init__(self) -> None:
        self._lines: list[Line] = [("one", Style.GOOD), ("two\x1b[2J", Style.BAD)]
        self._shown = 0
        self._enough = threading.Event()
        self.task = Task(self._run)

    def describe(self) -> str:
        self._shown += 1
        if self._shown > 1:
            self._enough.set()
        return f"status {self._shown}"

    def news(self) -> Iterator[Line]:
        while self._lines:
            yield self._lines.pop(0)

    def _run(self) -> int:
        self._enough.wait(WAIT_SECONDS)
        self._lines.append(("three", Style.PLAIN))
        return 42


def test_what_comes_is_told_above_the_status_line_and_the_line_is_gone_at_the_end() -> None:
    desk, work = sit_down(err_tty=True, color=False), Work()
    assert desk.terminal.follow(work.task, work.describe, news=work.news) == 42
    assert desk.data == ""
    first = f"{CLEAR}one\n{CLEAR}two\\x1b[2J\n{CLEAR}status 1{CLEAR}status 2"
    assert desk.notes.startswith(first)
    assert desk.notes.endswith(f"{CLEAR}three\n{CLEAR}")


def test_where_nobody_watches_only_the_lines_are_told() -> None:
    desk = sit_down()
    lines: list[Line] = [("one", Style.GOOD), ("two", Style.BAD)]
    assert desk.terminal.follow(Task(lambda: 42), lambda: "status", news=lambda: [lines.pop(0)] if lines else []) == 42
    assert desk.notes == "one\n"


def test_what_the_work_raised_is_raised() -> None:
    def fail() -> None:
        raise InvalidInput("no")

    with pytest.raises(InvalidInput):
        sit_down().terminal.follow(Task(fail), lambda: "status", news=list)


def test_ctrl_c_ends_the_wait_and_not_the_work() -> None:
    desk = sit_down(err_tty=True, color=False)
    never = threading.Event()
    task = Task(lambda: never.wait(WAIT_SECONDS))

    def interrupt() -> str:
        signal.raise_signal(signal.SIGINT)
        return "status"

    with pytest.raises(Stopped):
        desk.terminal.follow(task, interrupt, news=list)
    assert not task.is_done
    assert desk.notes.endswith(CLEAR)
    never.set()
