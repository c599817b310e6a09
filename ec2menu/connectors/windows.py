"""Open several sessions at once, each in its own window or tab: which terminal, and its exact command line.

Every terminal is one pure function from a command and a title to arguments. Starting the result is the caller's (`run`)
and what travels into the window is in `handover`. A title comes from a Name tag, which anyone with ec2:CreateTags may
write: it is made printable here, and each function keeps it from being read as anything but text.
"""

import shlex
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ec2menu.clock import Clock
from ec2menu.connectors.handover import Handover, handover_argv, handover_directory, select_environ, write_handover
from ec2menu.errors import ConnectorError

TITLE_COLUMNS = 40
Arguments = Callable[[Sequence[str], str], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRequest:
    """A session to open: its command (run with our environment, in our folder) and the name that its window gets."""

    argv: tuple[str, ...]
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowResult:
    """Whether a window was opened, under which title, and one sentence about it."""

    title: str
    ok: bool
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowOpener:
    """A way to open windows. `name` is for the user; `detached` means that the program lives as long as its window.

    A detached program is to be started and left alone, and its status is then that of starting it; any other returns
    as soon as it has passed the order on, and is to be waited for.
    """

    name: str
    program: str
    arguments: Arguments
    detached: bool = False

    def command(self, handover_command: Sequence[str], title: str) -> tuple[str, ...]:
        """Return the command line that opens a window called `title` (any text) with this as its first process."""
        return (self.program, *self.arguments(handover_command, safe_title(title)))


def safe_title(text: str, *, columns: int = TITLE_COLUMNS) -> str:
    """Make any text a window's title: one printable line, never like an option, at most `columns` wide."""
    characters = (one if one.isprintable() else " " for one in unicodedata.normalize("NFC", text))
    title = " ".join("".join(characters).split()).lstrip("- ") or "ec2menu"
    return title if _columns(title) <= columns and len(title) <= columns * 2 else _cut(title, columns - 1) + "…"


def _columns(text: str) -> int:
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _cut(text: str, columns: int) -> str:
    # Marks take no column, so a tower of them is bounded by the number of characters.
    end, used = 0, 0
    for character in text[: columns * 2]:
        used += _width(character)
        if used > columns:
            break
        end += 1
    return text[:end].rstrip()


def tmux_arguments(command: Sequence[str], title: str) -> tuple[str, ...]:
    """Return tmux's arguments; several words of command are executed as they are, a single one would go through sh."""
    # tmux expands `#(command)` and `#{…}` in a name, and takes a word's last `;` for the end of its own command.
    words = ("new-window", "-n", title.replace("#", "##"), "--", *command)
    return tuple(word[:-1] + "\\;" if word.endswith(";") else word for word in words)


def screen_arguments(command: Sequence[str], title: str) -> tuple[str, ...]:
    """Return GNU screen's arguments; inside a session they make a window there."""
    # Not by -X: that would expand `$` and `^` in the words.
    return ("-t", title, *command)


def windows_terminal_arguments(command: Sequence[str], title: str) -> tuple[str, ...]:
    """Return wt.exe's arguments for a tab in the window used last; remote prompts may not rename it."""
    words = ("-w", "0", "new-tab", "--title", title, "--suppressApplicationTitle", *command)
    # wt.exe cuts every word at `;` into commands of its own, and reads `\;` as the character.
    return tuple(word.replace(";", "\\;") for word in words)


def wsl_tab_arguments(command: Sequence[str], title: str, *, distro: str, user: str) -> tuple[str, ...]:
    """Return wt.exe's arguments for a tab that comes back into this Linux, as this user, without a shell (-e)."""
    chosen = (("-d", distro) if distro else ()) + (("-u", user) if user else ())
    # The hand-over changes to our folder; the home is only a place that surely exists.
    return windows_terminal_arguments(("wsl.exe", *chosen, "--cd", "~", "-e", *command), title)


# The words arrive as data in argv, so nothing of them is ever read as AppleScript.
_ITERM_SCRIPT = """on run argv
  tell application "iTerm2"
    activate
    if (count of windows) is 0 then
      set newWindow to (create window with default profile command (item 1 of argv))
      set newSession to current session of newWindow
    else
      tell current window
        set newTab to (create tab with default profile command (item 1 of argv))
      end tell
      set newSession to current session of newTab
    end if
    tell newSession to set name to (item 2 of argv)
  end tell
end run"""
_TERMINAL_SCRIPT = """on run argv
  tell application "Terminal"
    activate
    set newTab to do script (item 1 of argv)
    set custom title of newTab to (item 2 of argv)
  end tell
end run"""


def iterm_arguments(command: Sequence[str], title: str) -> tuple[str, ...]:
    """Return osascript's arguments for a tab of iTerm2, which splits the command by a shell's rules of quoting."""
    return ("-e", _ITERM_SCRIPT, shlex.join(command), title)


def terminal_app_arguments(command: Sequence[str], title: str) -> tuple[str, ...]:
    """Return osascript's arguments for a window of Terminal, which types the command into the user's shell."""
    # `exec` ends the shell with the session; without it a prompt of this Mac would look like the remote one.
    return ("-e", _TERMINAL_SCRIPT, f"exec {shlex.join(command)}", title)


def xterm_arguments(command: Sequence[str], title: str) -> tuple[str, ...]:
    """Return the arguments of xterm and of Debian's x-terminal-emulator, whose policy asks for the same."""
    return ("-T", title, "-e", *command)


def gnome_terminal_arguments(command: Sequence[str], title: str) -> tuple[str, ...]:
    """Return GNOME Terminal's arguments."""
    return (f"--title={title}", "--", *command)


def konsole_arguments(command: Sequence[str], title: str) -> tuple[str, ...]:
    """Return Konsole's arguments."""
    # A `;` would begin another property of the profile (Command, Environment …), `%` a field of the title's format.
    return ("-p", f"tabtitle={title.replace(';', ' ').replace('%', ' ')}", "-e", *command)


def xfce4_terminal_arguments(command: Sequence[str], title: str) -> tuple[str, ...]:
    """Return Xfce Terminal's arguments; its -e would take one shell-like string, -x takes the words."""
    return (f"--title={title}", "-x", *command)


def kitty_arguments(command: Sequence[str], title: str) -> tuple[str, ...]:
    """Return the arguments of kitty and of foot: the command is what follows the options."""
    return (f"--title={title}", *command)


def alacritty_arguments(command: Sequence[str], title: str) -> tuple[str, ...]:
    """Return Alacritty's arguments."""
    return ("--title", title, "-e", *command)


def wezterm_arguments(command: Sequence[str], _title: str) -> tuple[str, ...]:
    """Return WezTerm's arguments; it takes no title, the hand-over names the window from inside."""
    return ("start", "--", *command)


_DESKTOP: tuple[tuple[str, str, Arguments], ...] = (
    ("x-terminal-emulator", "terminal window", xterm_arguments),
    ("gnome-terminal", "GNOME Terminal window", gnome_terminal_arguments),
    ("konsole", "Konsole window", konsole_arguments),
    ("xfce4-terminal", "Xfce Terminal window", xfce4_terminal_arguments),
    ("kitty", "kitty window", kitty_arguments),
    ("alacritty", "Alacritty window", alacritty_arguments),
    ("wezterm", "WezTerm window", wezterm_arguments),
    ("foot", "foot window", kitty_arguments),
    ("xterm", "xterm window", xterm_arguments),
)


def running_in_wsl(environ: Mapping[str, str], *, proc_version: Path = Path("/proc/version")) -> bool:
    """Whether this is Linux inside Windows: WSL_DISTRO_NAME is set (sudo drops it), or the kernel is Microsoft's."""
    if environ.get("WSL_DISTRO_NAME"):
        return True
    try:
        return "microsoft" in proc_version.read_text(encoding="utf-8", errors="replace").lower()
    except OSError:
        return False


def is_remote_login(environ: Mapping[str, str]) -> bool:
    """Whether we run under sshd, where this machine's own desktop is not the one that the user looks at."""
    return bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))


def find_opener(
    *, environ: Mapping[str, str], platform: str, which: Callable[[str], str | None], is_wsl: bool
) -> WindowOpener | None:
    """Choose the way to open windows that fits where we run, or None; `platform` is `sys.platform`.

    A multiplexer that we are inside of comes first, because there the windows appear where the user already is, also
    over SSH. Then the desktop's own terminal: Windows Terminal, iTerm2 or Terminal, a Linux terminal.
    """
    if environ.get("TMUX") and (program := which("tmux")):
        return WindowOpener(name="tmux window", program=program, arguments=tmux_arguments)
    if environ.get("STY") and (program := which("screen")):
        return WindowOpener(name="screen window", program=program, arguments=screen_arguments)
    if (platform == "win32" or is_wsl) and not is_remote_login(environ) and (program := which("wt.exe")):
        return WindowOpener(
            name="Windows Terminal tab", program=program, arguments=_windows_tab(environ, is_wsl=is_wsl)
        )
    if platform == "darwin":
        return _find_mac_opener(environ, which)
    return None if platform == "win32" else _find_desktop_opener(environ, which)


def _windows_tab(environ: Mapping[str, str], *, is_wsl: bool) -> Arguments:
    if not is_wsl:
        return windows_terminal_arguments
    return partial(wsl_tab_arguments, distro=environ.get("WSL_DISTRO_NAME", ""), user=environ.get("USER", ""))


def _find_mac_opener(environ: Mapping[str, str], which: Callable[[str], str | None]) -> WindowOpener | None:
    program = which("osascript")
    if program is None or is_remote_login(environ):
        return None
    if environ.get("TERM_PROGRAM") == "iTerm.app":
        return WindowOpener(name="iTerm2 tab", program=program, arguments=iterm_arguments)
    return WindowOpener(name="Terminal window", program=program, arguments=terminal_app_arguments)


def _find_desktop_opener(environ: Mapping[str, str], which: Callable[[str], str | None]) -> WindowOpener | None:
    if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        return None
    for binary, name, arguments in _DESKTOP:
        if program := which(binary):
            return WindowOpener(name=name, program=program, arguments=arguments, detached=True)
    return None


def open_windows(
    opener: WindowOpener,
    requests: Sequence[WindowRequest],
    *,
    environ: Mapping[str, str],
    run: Callable[[Sequence[str]], int],
    runtime_dir: Path,
    clock: Clock,
    python: str,
) -> list[WindowResult]:
    """Open a window for each request, in order, and say of each whether its terminal took it.

    `run` starts a command and returns its exit status; where `opener.detached`, it must not wait for the end. `python`
    is the interpreter for the windows. Of `environ` each window gets what `handover` lets through. Raise ConnectorError
    where there is no private folder for hand-overs; anything later is a result with `ok` False.
    """
    directory = handover_directory(runtime_dir, clock=clock)
    handed = select_environ(environ)
    results = []
    for request in requests:
        session = Handover(argv=request.argv, title=safe_title(request.title), environ=handed, directory=_here())
        message = _open_window(opener, session, run=run, directory=directory, python=python)
        opened = message or f"Opened in a new {opener.name}."
        results.append(WindowResult(title=session.title, ok=not message, message=opened))
    return results


def _here() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return ""


def _open_window(
    opener: WindowOpener, session: Handover, *, run: Callable[[Sequence[str]], int], directory: Path, python: str
) -> str:
    """Open one window and return what went wrong, or nothing."""
    try:
        path = write_handover(session, directory=directory)
    except ConnectorError as error:
        return error.message
    try:
        status = run(opener.command(handover_argv(path, python=python), session.title))
        problem = f"{Path(opener.program).name} ended with status {status}; no window was opened." if status else ""
    except OSError as error:
        problem = f"{opener.program} could not be started: {error.strerror}."
    if problem:
        path.unlink(missing_ok=True)
    return problem
