"""The robot user itself, against small programs whose behaviour is known."""

import re
import signal
import sys
from pathlib import Path

import pytest

from tests.fakes.plugin import process_is_alive
from tests.terminal.harness import Robot
from tests.terminal.screen import TerminalScreen

ASK = "name = input('name? '); print('hello', name)"
FOREVER = "import signal; print('ready', flush=True); signal.pause()"


def python(program: str, *arguments: str) -> list[str]:
    return [sys.executable, "-IS", "-c", program, *arguments]


def draw(screen: TerminalScreen, *texts: str) -> TerminalScreen:
    for text in texts:
        screen.draw(text)
    return screen


def test_what_is_typed_is_echoed_and_answered() -> None:
    with Robot(python(ASK)) as robot:
        robot.wait_for("name? ")
        robot.line("kim")
        robot.wait_for("hello kim")
        assert robot.wait_exit() == 0
        assert robot.lines()[:2] == ["name? kim", "hello kim"]
        assert len(robot.lines()) == 30
        assert robot.transcript == "name? kim\nhello kim\n"


def test_korean_text_goes_in_and_comes_out_two_columns_wide() -> None:
    with Robot(python(ASK)) as robot:
        robot.wait_for("name? ")
        robot.line("서울-1")
        robot.wait_for("hello 서울-1")
        robot.wait_exit()
        assert robot.lines()[:2] == ["name? 서울-1", "hello 서울-1"]


def test_a_wide_character_that_does_not_fit_goes_to_the_next_line() -> None:
    screen = draw(TerminalScreen(5, 3), "한국어")
    assert screen.text_lines() == ["한국", "어", ""]
    assert screen.transcript == "한국어"


def test_half_of_a_wide_character_overwritten_leaves_a_blank() -> None:
    screen = draw(TerminalScreen(8, 1), "한국!", "\r")
    screen.carriage_return()
    assert draw(screen, "a").text_lines() == ["a 국!"]
    screen.cursor.x = 3
    assert draw(screen, "b").text_lines() == ["a  b!"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("⚙\ufe0f web", "⚙\ufe0f web"),
        ("e\u0301t\u00e9", "été"),
        ("\u1112\u1161\u11ab글", "한글"),
        ("a\u200db", "a\u200db"),
    ],
)
def test_characters_without_width_stay_and_do_not_swallow_what_follows(text: str, shown: str) -> None:
    assert draw(TerminalScreen(20, 1), text).text_lines() == [shown]


def test_text_is_found_by_display_columns() -> None:
    screen = draw(TerminalScreen(20, 1), "이름 web")
    assert screen.locate("web") == (5, 0)
    assert screen.locate("db") is None


def test_colours_and_styles_are_seen_at_their_cells() -> None:
    text = r"\x1b[31;1mred\x1b[0m \x1b[2;32mfaint\x1b[22m green\x1b[0m \x1b[38;5;2m\x1b[7mback\x1b[0m \x1b[4mline"
    with Robot(python(f"print('이름 {text}')")) as robot:
        robot.wait_exit()
        red, faint, green = (robot.style_of(word) for word in ("red", "faint", "green"))
        assert (red.foreground, red.bold, red.faint) == ("red", True, False)
        assert (faint.foreground, faint.bold, faint.faint) == ("green", False, True)
        assert (green.foreground, green.faint) == ("green", False)
        assert (robot.style_of("back").reverse, robot.style_of("back").faint) == (True, False)
        assert robot.style_of("line").underscore
        assert robot.style_at(5, 0) == red
        assert robot.style_at(0, 0).foreground == "default"


def test_style_of_text_that_is_not_there_fails_with_the_picture() -> None:
    with Robot(python("print('here')")) as robot:
        robot.wait_exit()
        with pytest.raises(AssertionError, match=r"'there' is not on the screen\n.*\n\| here"):
            robot.style_of("there")


def test_echo_and_canonical_mode_are_told_while_and_after_a_program_changes_them() -> None:
    program = "import tty, os; input(); tty.setraw(0); os.write(1, b'raw'); os.read(0, 1); os.system('stty sane')"
    with Robot(python(program)) as robot:
        before = robot.termios()
        assert (before.echo, before.canonical, before.signals) == (True, True, True)
        robot.line()
        robot.wait_for("raw")
        raw = robot.termios()
        assert (raw.echo, raw.canonical, raw.signals) == (False, False, False)
        assert raw != before
        robot.send("x")
        robot.wait_exit()
        assert (robot.termios().echo, robot.termios().canonical) == (True, True)


def test_nothing_typed_is_shown_while_echo_is_off() -> None:
    program = "import getpass; print(len(getpass.getpass('password: ')))"
    with Robot(python(program)) as robot:
        robot.wait_for("password: ")
        robot.wait_until(lambda: not robot.termios().echo, what="echo off")
        robot.line("secret")
        robot.wait_for("6")
        assert "secret" not in robot.transcript


@pytest.mark.parametrize(("program", "status"), [("raise SystemExit(7)", 7), ("pass", 0)])
def test_an_exit_status_is_returned(program: str, status: int) -> None:
    with Robot(python(program)) as robot:
        assert robot.wait_exit() == status
        assert robot.wait_exit() == status


def test_death_by_a_signal_is_its_negative_number() -> None:
    with Robot(python(FOREVER)) as robot:
        robot.wait_for("ready")
        robot.kill(signal.SIGTERM)
        assert robot.wait_exit() == -signal.SIGTERM


def test_ctrl_c_and_ctrl_backslash_are_keys() -> None:
    for letter, number in (("c", signal.SIGINT), ("\\", signal.SIGQUIT)):
        with Robot(python(f"import signal; signal.signal({number}, signal.SIG_DFL); {FOREVER}")) as robot:
            robot.wait_for("ready")
            robot.control(letter)
            assert robot.wait_exit() == -number


def test_ctrl_d_is_the_end_of_input() -> None:
    with Robot(python("import sys; print(repr(sys.stdin.read()))")) as robot:
        robot.line("one")
        robot.control("d")
        robot.wait_for(r"'one\n'")


def test_a_program_starts_with_the_size_and_hears_of_a_new_one() -> None:
    program = (
        "import os, signal\n"
        "def show(*_): os.write(1, b'%dx%d\\n' % os.get_terminal_size())\n"
        "signal.signal(signal.SIGWINCH, show)\n"
        "show()\n"
        "while True: signal.pause()\n"
    )
    with Robot(python(program), columns=90, rows=20) as robot:
        robot.wait_for("90x20")
        robot.resize(40, 10)
        robot.wait_for("40x10")
        assert len(robot.lines()) == 10


def test_a_prompt_seen_before_is_not_a_new_one() -> None:
    with Robot(python("while True: input('> ')")) as robot:
        robot.wait_for("> ", new=True)
        with pytest.raises(AssertionError, match=r"no '> ' within 0\.0 s"):
            robot.wait_for("> ", new=True, seconds=0.0)
        assert robot.wait_for("> ") == "> "
        robot.line()
        robot.wait_for("> ", new=True)


def test_text_that_was_wiped_from_the_screen_does_not_show() -> None:
    with Robot(python("print('old news\\x1b[2J\\x1b[Hfresh'); input()")) as robot:
        robot.wait_for("fresh")
        with pytest.raises(AssertionError, match="no 'old'"):
            robot.wait_for("old", seconds=0.0)


def test_a_pattern_returns_what_it_matched_also_when_it_has_scrolled_away() -> None:
    with Robot(python("for number in range(1, 101): print('row', number)"), rows=10) as robot:
        assert robot.wait_for(re.compile(r"row \d\b")) == "row 1"
        assert robot.wait_for(re.compile(r"row 5\d")) == "row 50"
        robot.wait_exit()
        assert robot.lines()[-2:] == ["row 100", ""]
        assert "row 1\n" in robot.transcript


def test_waiting_in_vain_fails_with_the_picture() -> None:
    with Robot(python(FOREVER), columns=50, rows=5) as robot:
        robot.wait_for("ready")
        picture = r"\+-- 50x5\n\| ready\n\| \n\+-- cursor \(0, 1\)"
        with pytest.raises(AssertionError, match=rf"no 'never' within 0.0 s\n{picture}"):
            robot.wait_for("never", seconds=0.0)


def test_waiting_for_what_an_ended_program_did_not_print_fails_at_once() -> None:
    with (
        Robot(python("print('all')")) as robot,
        pytest.raises(AssertionError, match=r"the program ended without 'more'\n(.|\n)*\| all"),
    ):
        robot.wait_for("more", seconds=1000)


def test_text_printed_just_before_the_end_is_found() -> None:
    with Robot(python("print('x' * 20000 + 'last words')")) as robot:
        robot.wait_for("last words")
        assert robot.wait_exit() == 0


def test_long_input_arrives_whole() -> None:
    program = "import sys, tty; tty.setcbreak(0); print('go', flush=True); print(len(sys.stdin.readline()))"
    with Robot(python(program)) as robot:
        robot.wait_for("go")
        robot.line("x" * 2000)
        robot.wait_for("2001")


def test_the_environment_is_what_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    program = "import os; print(sorted(set(os.environ) - {'LC_CTYPE'}), os.getcwd())"
    with Robot(python(program), environment={"A": "1"}, cwd=tmp_path, columns=200) as robot:
        robot.wait_for(f"['A'] {tmp_path}")
    with Robot(python("import os; print(os.environ['TERM'], 'NO_COLOR' in os.environ)")) as robot:
        robot.wait_for("xterm-256color False")


def test_the_terminal_tells_where_its_cursor_is_when_asked() -> None:
    program = "import os, tty; tty.setraw(0); os.write(1, b'abc\\x1b[6n'); print(repr(os.read(0, 9)))"
    with Robot(python(program)) as robot:
        robot.wait_for(r"b'\x1b[1;4R'")
        assert robot.cursor[1] == 1


@pytest.mark.parametrize("session", ["", "start_new_session=True"])
def test_leaving_kills_the_program_and_its_children(session: str) -> None:
    program = (
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        f"child = subprocess.Popen(['/bin/sleep', '600'], {session})\n"
        "print('child', child.pid, flush=True)\n"
        "signal.pause()\n"
    )
    with Robot(python(program)) as robot:
        child = int(robot.wait_for(re.compile(r"child \d+(?=\n)")).split()[1])
        assert process_is_alive(child)
    assert not process_is_alive(child)
    assert not process_is_alive(robot.pid)


def test_leaving_after_the_end_kills_what_stayed_on_the_terminal() -> None:
    program = "trap '' HUP; /bin/sleep 600 & echo child $!"
    with Robot(["/bin/sh", "-c", program]) as robot:
        child = int(robot.wait_for(re.compile(r"child \d+(?=\n)")).split()[1])
        assert robot.wait_exit() == 0
        assert process_is_alive(child)
    assert not process_is_alive(child)


def test_leaving_by_an_error_kills_too() -> None:
    robots: list[Robot] = []

    def fail_at_work() -> None:
        with Robot(python(FOREVER)) as robot:
            robots.append(robot)
            robot.wait_for("ready")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_at_work()
    assert not process_is_alive(robots[0].pid)
