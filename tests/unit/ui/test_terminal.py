"""The terminal: which stream, which colour, what is escaped, how it asks, and what a wait looks like."""

import io
import re
import signal
import threading
from base64 import b64decode

import pytest

from ec2menu.errors import Ec2MenuError, Interrupted, InvalidInput, NoJumpHost, TargetUnclear
from ec2menu.fanout import Task
from ec2menu.models import Problem, Style
from ec2menu.ui.terminal import EndOfInput, Stopped, Terminal
from ec2menu.ui.text import width, wrap
from tests.fakes.clock import FakeClock
from tests.unit.desk import Keyboard, Stream, sit_down

ESC = "\x1b"
CLEAR = "\r\x1b[K"
HOSTILE = "evil\x1b[2J\nname\u202e"
SHOWN = r"evil\x1b[2J\nname\u202e"
WAIT_SECONDS = 10.0


class HurryingClock(FakeClock):
    """A clock on which a second passes whenever somebody looks; `late` is set when a few have passed."""

    def __init__(self) -> None:
        super().__init__()
        self.late = threading.Event()

    def now(self) -> float:
        self.advance(1)
        if super().now() > 1004:
            self.late.set()
        return super().now()


@pytest.fixture(autouse=True)
def _narrow_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("LINES", "24")


def test_data_goes_to_stdout_and_everything_else_to_stderr() -> None:
    desk = sit_down()
    desk.terminal.data("row")
    desk.terminal.note("by the way")
    desk.terminal.fail(Ec2MenuError("broken", hint="mend it"))
    desk.terminal.problems([Problem(where="us-east-1", message="half", hint="ask")])
    assert desk.data == "row\n"
    assert desk.notes == "by the way\nec2menu: broken\n  hint: mend it\n! us-east-1: half (ask)\n"


def test_a_screen_has_colour() -> None:
    desk = sit_down(out_tty=True, err_tty=True)
    assert desk.terminal.paint("x", Style.BAD) == "\x1b[31mx\x1b[0m"
    desk.terminal.note("x", Style.DIM)
    assert desk.notes == "\x1b[2mx\x1b[0m\n"


@pytest.mark.parametrize(
    ("environ", "color"),
    [({"NO_COLOR": "1"}, True), ({"TERM": "dumb"}, True), ({}, False)],
    ids=["env", "dumb", "flag"],
)
def test_colour_can_be_turned_off_three_ways(environ: dict[str, str], *, color: bool) -> None:
    desk = sit_down(out_tty=True, err_tty=True, environ=environ, color=color)
    desk.terminal.note("x", Style.BAD)
    assert ESC not in desk.terminal.paint("x", Style.BAD) + desk.notes


def test_an_empty_no_color_does_not_count() -> None:
    assert ESC in sit_down(out_tty=True, environ={"NO_COLOR": ""}).terminal.paint("x", Style.BAD)


@pytest.mark.parametrize("out_tty", [True, False])
def test_each_stream_has_colour_only_where_it_is_a_screen_itself(*, out_tty: bool) -> None:
    desk = sit_down(out_tty=out_tty, err_tty=not out_tty)
    desk.terminal.data(desk.terminal.paint("x", Style.BAD))
    desk.terminal.note("x", Style.BAD)
    assert (ESC in desk.data, ESC in desk.notes) == (out_tty, not out_tty)


def test_nothing_is_not_painted() -> None:
    assert sit_down(out_tty=True).terminal.paint("", Style.BAD) == ""


def test_foreign_text_is_escaped_in_notes_errors_matches_and_problems() -> None:
    desk = sit_down()
    desk.terminal.note(HOSTILE)
    desk.terminal.fail(TargetUnclear(HOSTILE, hint=HOSTILE, matches=(HOSTILE,)))
    desk.terminal.problems([Problem(where=HOSTILE, message=HOSTILE, hint=HOSTILE)])
    assert desk.notes.splitlines() == [
        SHOWN,
        f"ec2menu: {SHOWN}",
        f"  {SHOWN}",
        f"  hint: {SHOWN}",
        f"! {SHOWN}: {SHOWN} ({SHOWN})",
    ]


def test_a_diagnosis_stands_between_the_error_and_its_hint_harmless_and_unbroken() -> None:
    desk = sit_down(err_tty=True, color=False)
    command = "start it: aws ec2 start-instances --region us-east-1 --instance-ids i-0123456789abcdef0"
    desk.terminal.fail(NoJumpHost("none", hint="add --via", diagnosis=(HOSTILE, command)))
    assert desk.notes == f"ec2menu: none\n  {SHOWN}\n  {command}\n  hint: add --via\n"


def test_a_note_on_a_screen_is_broken_between_words() -> None:
    desk = sit_down(err_tty=True, color=False)
    desk.terminal.note("cannot connect to web-1 (i-0123456789abcdef0): the instance is stopped")
    assert desk.notes == "cannot connect to web-1\n  (i-0123456789abcdef0): the instance is\n  stopped\n"


def test_a_note_to_a_file_stays_one_line() -> None:
    desk = sit_down(out_tty=True)
    desk.terminal.note("word " * 40 + "end")
    assert desk.notes == "word " * 40 + "end\n"


def test_a_hint_is_never_broken_because_it_may_be_a_command_to_copy() -> None:
    desk = sit_down(err_tty=True, color=False)
    command = "start it: aws ec2 start-instances --region us-east-1 --instance-ids i-0123456789abcdef0"
    desk.terminal.fail(Ec2MenuError("x", hint=command))
    assert desk.notes.splitlines()[1] == f"  hint: {command}"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("one", ["one"]),
        ("one two three", ["one two", "  three"]),
        ("  indented text", ["  indented", "  text"]),
        ("a  b     c", ["a  b     c"]),
        ("i-0123456789abcdef0 is", ["i-0123456789abcdef0", "  is"]),
        ("결제 결제 결제", ["결제 결제", "  결제"]),
    ],
)
def test_wrapping_keeps_words_whole_and_counts_display_columns(text: str, lines: list[str]) -> None:
    assert wrap(text, 10, indent="  ") == lines


def test_an_answer_is_the_line_without_its_end() -> None:
    desk = sit_down("web 1 ")
    assert desk.terminal.ask("who:") == "web 1 "
    assert desk.notes == "who: "


def test_a_prompt_is_escaped() -> None:
    desk = sit_down("x")
    desk.terminal.ask(HOSTILE)
    assert desk.notes == f"{SHOWN} "


def test_the_end_of_the_input_and_ctrl_c_leave_the_prompt_on_a_line_of_its_own() -> None:
    desk = sit_down(KeyboardInterrupt())
    with pytest.raises(Interrupted):
        desk.terminal.ask("who:")
    with pytest.raises(EndOfInput):
        desk.terminal.ask("who:")
    assert desk.data == "\n\n"


def test_what_is_no_text_is_answered_like_any_wrong_answer() -> None:
    undecodable = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
    assert sit_down(undecodable).terminal.ask("who:") == "\ufffd"


@pytest.mark.parametrize(
    ("typed", "default", "answer"),
    [("", True, True), ("", False, False), ("y", False, True), ("YES ", False, True), ("n", True, False)],
)
def test_a_question_takes_yes_no_or_its_default(typed: str, *, default: bool, answer: bool) -> None:
    desk = sit_down(typed)
    assert desk.terminal.confirm("go on?", default=default) is answer
    assert desk.notes == f"go on? {'[Y/n]' if default else '[y/N]'} "


def test_a_question_is_asked_again_until_the_answer_is_one() -> None:
    desk = sit_down("maybe", "y")
    assert desk.terminal.confirm("go on?", default=False)
    assert "type y or n" in desk.notes


def test_a_secret_is_not_asked_where_nobody_can_type_it() -> None:
    with pytest.raises(InvalidInput, match="no terminal"):
        sit_down("secret").terminal.secret("MFA code:")


@pytest.mark.parametrize("typed", ["", KeyboardInterrupt(), None])
def test_a_pause_ends_with_enter_ctrl_c_or_ctrl_d(typed: str | BaseException | None) -> None:
    desk = sit_down(*([] if typed is None else [typed]))
    desk.terminal.pause("press Enter")
    assert desk.keyboard.left == 0


def test_a_wait_gives_the_result_and_says_nothing_where_nobody_watches() -> None:
    desk = sit_down()
    assert desk.terminal.watch(Task(lambda: 42), lambda: "listing") == 42
    assert desk.notes == ""


def test_a_wait_raises_what_the_work_raised() -> None:
    def fail() -> None:
        raise InvalidInput("no")

    with pytest.raises(InvalidInput):
        sit_down().terminal.watch(Task(fail), lambda: "listing")


def test_a_wait_shows_what_is_going_on_on_one_line_and_takes_it_away() -> None:
    desk = sit_down(err_tty=True, color=False, clock=HurryingClock())
    shown_twice = threading.Event()

    def describe() -> str:
        if desk.notes:
            shown_twice.set()
        return f"listing {HOSTILE} " + "결제 " * 30

    desk.terminal.watch(Task(lambda: shown_twice.wait(WAIT_SECONDS)), describe)
    first = desk.notes.removeprefix(CLEAR).split(CLEAR)[0]
    assert first.startswith(f"listing {SHOWN}")
    assert width(first) <= 37  # Ctrl-C puts ^C behind it
    assert desk.notes.endswith(CLEAR)
    assert "\n" not in desk.notes


def test_a_wait_tells_the_seconds() -> None:
    desk = sit_down(err_tty=True, color=False, clock=HurryingClock())
    shown = threading.Event()

    def describe() -> str:
        shown.set()
        return "listing"

    desk.terminal.watch(Task(lambda: shown.wait(WAIT_SECONDS)), describe)
    assert f"{CLEAR}listing (1 s)" in desk.notes


def test_ctrl_c_ends_a_wait_at_once_and_clears_its_line() -> None:
    desk = sit_down(err_tty=True, color=False, clock=HurryingClock())
    never = threading.Event()

    def interrupt() -> str:
        signal.raise_signal(signal.SIGINT)
        return "listing"

    with pytest.raises(Stopped):
        desk.terminal.watch(Task(lambda: never.wait(WAIT_SECONDS)), interrupt)
    never.set()


def test_a_dumb_terminal_sees_no_progress_because_nothing_can_be_taken_back_there() -> None:
    clock = HurryingClock()
    desk = sit_down(err_tty=True, environ={"TERM": "dumb"}, clock=clock)
    assert desk.terminal.watch(Task(lambda: clock.late.wait(WAIT_SECONDS)), lambda: "listing")
    desk.terminal.working(lambda: None, "starting")
    assert desk.notes == ""


@pytest.mark.parametrize("tty", [True, False])
def test_work_in_this_thread_is_named_while_it_lasts_where_somebody_watches(*, tty: bool) -> None:
    desk = sit_down(err_tty=tty, color=False)
    during: list[str] = []
    desk.terminal.working(lambda: during.append(desk.notes), "starting")
    assert during == [f"{CLEAR}starting …" if tty else ""]
    assert desk.notes == (f"{CLEAR}starting …{CLEAR}" if tty else "")


class BrokenStream(Stream):
    """A stream on which nothing can be written."""

    def write(self, _text: str, /) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_a_note_that_nobody_can_read_is_no_error() -> None:
    terminal = Terminal(
        stdin=Keyboard(), stdout=BrokenStream(), stderr=BrokenStream(), environ={}, clock=FakeClock(), color=True
    )
    terminal.note("lost")
    with pytest.raises(BrokenPipeError):
        terminal.data("missed")


@pytest.mark.parametrize(
    ("encoding", "expected"), [("utf-8", True), ("UTF-16", True), ("ascii", False), ("cp949", False)]
)
def test_the_terminal_knows_whether_its_output_can_carry_every_character(encoding: str, *, expected: bool) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    terminal = Terminal(stdin=Keyboard(), stdout=stream, stderr=Stream(), environ={}, clock=FakeClock(), color=False)
    assert terminal.is_unicode is expected


@pytest.mark.parametrize(("variable", "columns"), [("40", 40), ("5", 20)])
def test_a_screen_is_as_wide_as_it_says_but_never_absurdly_narrow(
    variable: str, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", variable)
    assert sit_down().terminal.width == columns


def test_a_closed_stream_is_no_terminal() -> None:
    desk = sit_down(out_tty=True)
    desk.out.close()
    assert not desk.terminal.is_screen
    assert not desk.terminal.is_interactive


@pytest.mark.parametrize("text", ["127.0.0.1:5432", "결제"])
def test_a_copy_is_sent_to_the_clipboard_of_the_terminal_and_seen_by_nobody(text: str) -> None:
    desk = sit_down(out_tty=True)
    assert desk.terminal.copy(text)
    code = re.fullmatch(r"\x1b\]52;c;([A-Za-z0-9+/=]+)\x07", desk.data)
    assert code is not None
    assert b64decode(code[1]).decode() == text
    assert desk.notes == ""


@pytest.mark.parametrize(
    ("tty", "environ"), [(False, {}), (True, {"TERM": "dumb"})], ids=["no terminal", "a dumb terminal"]
)
def test_where_there_is_no_clipboard_nothing_is_sent_to_it(*, tty: bool, environ: dict[str, str]) -> None:
    desk = sit_down(out_tty=tty, environ=environ)
    assert not desk.terminal.copy("127.0.0.1:5432")
    assert (desk.data, desk.notes) == ("", "")
