"""Which terminal is chosen, and its exact command line for any name."""

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ec2menu.connectors import windows
from ec2menu.connectors.windows import WindowOpener, find_opener, safe_title

COMMAND = ("/usr/bin/python3", "-P", "-m", "ec2menu.connectors.handover", "/run/user/1000/ec2menu/handover/0a1b.json")
HOSTILE = (
    '"; do shell script "x',
    "$(touch x)",
    "a;b",
    "x;",
    ";",
    "\\;",
    "#(touch x)",
    "`x` 'y'",
    "--help",
    "%n;Command=x",
)


def opener_for(
    *installed: str, platform: str = "linux", is_wsl: bool = False, environ: Mapping[str, str]
) -> WindowOpener | None:
    programs = {name: f"/opt/bin/{name}" for name in installed}
    return find_opener(environ=environ, platform=platform, which=programs.get, is_wsl=is_wsl)


DESKTOP = {"DISPLAY": ":0"}
MODERN_LINUX = ("kitty", "alacritty", "wezterm", "foot", "xterm")
EVERY_LINUX = ("x-terminal-emulator", "gnome-terminal", "konsole", "xfce4-terminal", *MODERN_LINUX)


@pytest.mark.parametrize(
    ("installed", "platform", "is_wsl", "environ", "name"),
    [
        (("tmux", "xterm"), "linux", False, {"TMUX": "/tmp/t,1,0", **DESKTOP}, "tmux window"),
        (("tmux", "wt.exe"), "linux", True, {"TMUX": "/tmp/t,1,0"}, "tmux window"),
        (("tmux", "osascript"), "darwin", False, {"TMUX": "/tmp/t,1,0", "SSH_TTY": "/dev/pts/1"}, "tmux window"),
        (("screen", "xterm"), "linux", False, {"STY": "1.pts", **DESKTOP}, "screen window"),
        (("xterm",), "linux", False, {"TMUX": "/tmp/t,1,0", **DESKTOP}, "xterm window"),
        (("tmux", "screen"), "linux", False, {}, None),
        (("wt.exe",), "win32", False, {}, "Windows Terminal tab"),
        ((), "win32", False, {}, None),
        (("xterm",), "win32", False, DESKTOP, None),
        (("wt.exe", "xterm"), "linux", True, DESKTOP, "Windows Terminal tab"),
        (("wt.exe", "xterm"), "linux", False, DESKTOP, "xterm window"),
        (("xterm",), "linux", True, DESKTOP, "xterm window"),
        (("wt.exe",), "win32", False, {"SSH_CONNECTION": "1 2 3 4"}, None),
        (("osascript",), "darwin", False, {"TERM_PROGRAM": "iTerm.app"}, "iTerm2 tab"),
        (("osascript",), "darwin", False, {"TERM_PROGRAM": "Apple_Terminal"}, "Terminal window"),
        (("osascript",), "darwin", False, {"SSH_CONNECTION": "1 2 3 4"}, None),
        ((), "darwin", False, {}, None),
        (EVERY_LINUX, "linux", False, DESKTOP, "terminal window"),
        (EVERY_LINUX[1:], "linux", False, {"WAYLAND_DISPLAY": "wayland-0"}, "GNOME Terminal window"),
        (EVERY_LINUX[2:], "linux", False, DESKTOP, "Konsole window"),
        (EVERY_LINUX[3:], "linux", False, DESKTOP, "Xfce Terminal window"),
        (EVERY_LINUX[4:], "linux", False, DESKTOP, "kitty window"),
        (EVERY_LINUX[5:], "linux", False, DESKTOP, "Alacritty window"),
        (EVERY_LINUX[6:], "linux", False, DESKTOP, "WezTerm window"),
        (EVERY_LINUX[7:], "linux", False, DESKTOP, "foot window"),
        (EVERY_LINUX[8:], "linux", False, {"SSH_CONNECTION": "1 2 3 4", **DESKTOP}, "xterm window"),
        (EVERY_LINUX, "linux", False, {}, None),
        (EVERY_LINUX, "linux", False, {"DISPLAY": ""}, None),
        ((), "linux", False, DESKTOP, None),
    ],
)
def test_the_first_terminal_that_fits_is_chosen(
    installed: tuple[str, ...], platform: str, is_wsl: bool, environ: dict[str, str], name: str | None
) -> None:
    opener = opener_for(*installed, platform=platform, is_wsl=is_wsl, environ=environ)

    assert (opener.name if opener else None) == name


@pytest.mark.parametrize(
    ("installed", "environ", "expected"),
    [
        ("tmux", {"TMUX": "x"}, ("new-window", "-n", "web 1", "--", *COMMAND)),
        ("screen", {"STY": "x"}, ("-t", "web 1", *COMMAND)),
        ("x-terminal-emulator", DESKTOP, ("-T", "web 1", "-e", *COMMAND)),
        ("gnome-terminal", DESKTOP, ("--title=web 1", "--", *COMMAND)),
        ("konsole", DESKTOP, ("-p", "tabtitle=web 1", "-e", *COMMAND)),
        ("xfce4-terminal", DESKTOP, ("--title=web 1", "-x", *COMMAND)),
        ("kitty", DESKTOP, ("--title=web 1", *COMMAND)),
        ("alacritty", DESKTOP, ("--title", "web 1", "-e", *COMMAND)),
        ("wezterm", DESKTOP, ("start", "--", *COMMAND)),
        ("foot", DESKTOP, ("--title=web 1", *COMMAND)),
        ("xterm", DESKTOP, ("-T", "web 1", "-e", *COMMAND)),
    ],
)
def test_each_terminal_of_linux_gets_its_own_command_line(
    installed: str, environ: dict[str, str], expected: tuple[str, ...]
) -> None:
    opener = opener_for(installed, environ=environ)

    assert opener is not None
    assert opener.command(COMMAND, "web 1") == (f"/opt/bin/{installed}", *expected)
    assert opener.detached == (environ == DESKTOP)


WT_TAB = ("/opt/bin/wt.exe", "-w", "0", "new-tab", "--title", "web 1", "--suppressApplicationTitle")


def test_windows_terminal_opens_a_tab_with_the_command_itself() -> None:
    opener = opener_for("wt.exe", platform="win32", environ={})

    assert opener is not None
    assert opener.command(COMMAND, "web 1") == (*WT_TAB, *COMMAND)
    assert not opener.detached


@pytest.mark.parametrize(
    ("environ", "chosen"),
    [
        ({"WSL_DISTRO_NAME": "Ubuntu-24.04", "USER": "kim"}, ("-d", "Ubuntu-24.04", "-u", "kim")),
        ({}, ()),
    ],
)
def test_from_wsl_the_tab_comes_back_into_the_same_linux(environ: dict[str, str], chosen: tuple[str, ...]) -> None:
    opener = opener_for("wt.exe", is_wsl=True, environ=environ)

    assert opener is not None
    assert opener.command(COMMAND, "web 1") == (*WT_TAB, "wsl.exe", *chosen, "--cd", "~", "-e", *COMMAND)


@pytest.mark.parametrize(("program", "prefix"), [("iTerm.app", []), ("Apple_Terminal", ["exec"])])
def test_on_a_mac_command_and_title_reach_the_script_as_data(program: str, prefix: list[str]) -> None:
    opener = opener_for("osascript", platform="darwin", environ={"TERM_PROGRAM": program})
    assert opener is not None
    command = ("/opt/my python", "-m", "x", "/tmp/it's; $(x).json")

    scripts = set()
    for title in HOSTILE[:-2]:
        _, flag, script, line, shown = opener.command(command, title)
        assert (flag, shown) == ("-e", title)
        assert shlex.split(line) == [*prefix, *command]
        scripts.add(script)

    assert len(scripts) == 1


@pytest.mark.parametrize("title", HOSTILE)
@pytest.mark.parametrize("installed", EVERY_LINUX)
def test_a_hostile_title_never_adds_a_word_to_the_command_line(installed: str, title: str) -> None:
    opener = opener_for(installed, environ=DESKTOP)
    assert opener is not None

    assert len(opener.command(COMMAND, title)) == len(opener.command(COMMAND, "web"))
    assert opener.command(COMMAND, title)[-len(COMMAND) :] == COMMAND


def hostile(test: Callable[[str], None]) -> Callable[[], None]:
    """Run a test on random text and on every hostile name."""
    for title in HOSTILE:
        test = example(title)(test)
    return given(st.text(alphabet="ab;\\#%=() \"'$서"))(test)


@hostile
def test_windows_terminal_never_sees_a_separator_of_commands(title: str) -> None:
    words = windows.windows_terminal_arguments(("wsl.exe", "a;b"), title)

    assert not any(re.search(r"^;|[^\\];", word) for word in words)
    assert [word.replace("\\;", ";") for word in (words[4], *words[-2:])] == [title, "wsl.exe", "a;b"]


@hostile
def test_tmux_never_sees_a_separator_of_commands_or_a_format(title: str) -> None:
    name = windows.tmux_arguments(COMMAND, title)[2]

    assert re.search(r"(?<!\\);$", name) is None
    unescaped = name[:-2] + ";" if name.endswith("\\;") else name
    assert unescaped.replace("##", "#") == title
    assert "#" not in unescaped.replace("##", "")


@hostile
def test_konsole_sees_one_property(title: str) -> None:
    properties = windows.konsole_arguments(COMMAND, title)[1]

    assert [name for name, _ in re.findall(r"([a-zA-Z]+)=([^;]+)", properties)] in (["tabtitle"], [])
    assert "%" not in properties


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("web-1", "web-1"),
        ("\x1b]0;pwned\x07web\r\n2", "]0;pwned web 2"),
        ("a\u202eb\u200bc", "a b c"),
        ("한글 서버 이름", "한글 서버 이름"),
        ("\u1112\u1161\u11ab", "한"),
        ("--version", "version"),
        ("", "ec2menu"),
        ("\x00\t ", "ec2menu"),
        ("x" * 40, "x" * 40),
        ("x" * 255, "x" * 39 + "…"),
        ("가" * 255, "가" * 19 + "…"),
    ],
)
def test_a_title_is_one_short_printable_line(name: str, title: str) -> None:
    assert safe_title(name) == title


@given(st.text(max_size=300))
def test_any_name_becomes_a_title_that_is_safe_to_show(name: str) -> None:
    title = safe_title(name)

    assert title.isprintable()
    assert title == title.strip()
    assert not title.startswith("-")
    assert 0 < len(title) <= 81


@pytest.mark.parametrize(
    ("environ", "kernel", "expected"),
    [
        ({"WSL_DISTRO_NAME": "Ubuntu"}, "Linux version 6.8", True),
        ({}, "Linux version 5.15.90.1-microsoft-standard-WSL2", True),
        ({}, "Linux version 4.4.0-19041-Microsoft", True),
        ({}, "Linux version 6.8.0-45-generic", False),
        ({}, None, False),
    ],
)
def test_linux_inside_windows_is_told_by_its_name_or_its_kernel(
    tmp_path: Path, environ: dict[str, str], kernel: str | None, expected: bool
) -> None:
    if kernel is not None:
        (tmp_path / "version").write_text(kernel)

    assert windows.running_in_wsl(environ, proc_version=tmp_path / "version") is expected
