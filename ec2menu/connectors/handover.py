"""Give a session to a new window: a private file with its command and environment, taken by the window's first process.

A new window inherits from the tmux server, from launchd or from Windows, not from us, so credentials in our environment
would not arrive; in an argument every user of the machine could read them. The window therefore runs
`python -m ec2menu.connectors.handover FILE`. The file and that process live here; which terminal opens the window does
not, it is in `windows`. Nothing heavy is imported: every window waits for this module.
"""

import json
import os
import secrets
import shutil
import signal
import stat
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ec2menu.clock import Clock
from ec2menu.errors import ConnectorError, ExitStatus

MODULE = "ec2menu.connectors.handover"
STALE_SECONDS = 600
FOLDER = "handover"
_PICK_AGAIN = "Pick the target again in ec2menu."
_PREFIXES = ("AWS_", "EC2MENU_", "LC_")
# Where a proxy stands there is mostly a certificate bundle too; botocore and the plugin read these.
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
# They move the folders of our settings, state and cache.
_FOLDERS = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
_NAMES = frozenset(("PATH", "PYTHONPATH", "LANG", "NO_COLOR", *_CERTIFICATES, *_FOLDERS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A session for a new window: its command, the window's title, our part of the environment, our folder."""

    argv: tuple[str, ...]
    title: str
    environ: Mapping[str, str] = field(repr=False)
    directory: str = ""


def is_handed_over(name: str) -> bool:
    """Whether an environment variable is ours to give: AWS, ec2menu, proxies, language, programs, folders."""
    return name.startswith(_PREFIXES) or name in _NAMES or name.upper().endswith("_PROXY")


def select_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a session needs from our environment; TERM is the window's own and stays behind."""
    return {name: value for name, value in environ.items() if is_handed_over(name)}


def merge_environ(inherited: Mapping[str, str], handed: Mapping[str, str]) -> dict[str, str]:
    """Return the session's environment: the window's own, with our variables in place of its.

    A variable of our kind that we do not have is removed: an AWS_PROFILE that the tmux server was once started with
    must not choose the account of a session that was picked under another.
    """
    return {name: value for name, value in inherited.items() if not is_handed_over(name)} | dict(handed)


def make_private_directory(path: Path) -> Path:
    """Create a folder that only we may enter (mode 0700 from the start), or check that the existing one is such.

    Raise ConnectorError where it cannot be made or belongs or is open to others. On Windows the profile's own access
    list is what keeps others out; modes mean nothing there.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.lstat()
    except OSError as error:
        raise ConnectorError(f"Cannot create the folder {path}: {error.strerror}.") from error
    if os.name == "posix" and (not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid()):
        raise ConnectorError(f"The folder {path} is not ours.", hint="Remove it, or set another runtime folder.")
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o077:
        raise ConnectorError(f"The folder {path} is open to other users.", hint=f"Run: chmod 700 {path}")
    return path


def write_private(path: Path, text: str) -> None:
    """Write a new file that only we may read (mode 0600 from the start); raise OSError, also where it exists."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def handover_directory(runtime_dir: Path, *, clock: Clock) -> Path:
    """Return the private folder for hand-overs, without what windows that never opened have left there."""
    make_private_directory(runtime_dir)
    directory = make_private_directory(runtime_dir / FOLDER)
    drop_stale(runtime_dir, clock=clock)
    return directory


def drop_stale(runtime_dir: Path, *, clock: Clock) -> None:
    """Delete what windows that never opened have left: credentials are in it."""
    oldest = clock.wall().timestamp() - STALE_SECONDS
    for path in (runtime_dir / FOLDER).glob("*.json"):
        with suppress(OSError):  # another ec2menu may be removing the same file
            if path.lstat().st_mtime < oldest:
                path.unlink()


def write_handover(handover: Handover, *, directory: Path) -> Path:
    """Put a session into a file of its own and return its path; raise ConnectorError where that fails."""
    path = directory / f"{secrets.token_hex(16)}.json"
    content = {
        "argv": list(handover.argv),
        "title": handover.title,
        "environ": dict(handover.environ),
        "directory": handover.directory,
    }
    try:
        write_private(path, json.dumps(content))
    except OSError as error:
        raise ConnectorError(f"Cannot write the hand-over file in {directory}: {error.strerror}.") from error
    return path


def handover_argv(path: Path, *, python: str) -> tuple[str, ...]:
    """Return the command of a window's first process.

    With -P, because the window may open in any folder and a `json.py` lying there would be imported as the library's.
    """
    return (python, "-P", "-m", MODULE, str(path))


def take_handover(path: Path) -> Handover:
    """Read a hand-over and delete it; raise ConnectorError where it is gone, unreadable or something else.

    Of two processes that take the same file one is refused, and a file that is no hand-over is left alone.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, encoding="utf-8") as file:
            handover = _parse_handover(file.read())
        path.unlink()
    except FileNotFoundError as error:
        raise ConnectorError(
            "This window's session was opened already, or waited too long.", hint=_PICK_AGAIN
        ) from error
    except OSError as error:
        raise ConnectorError(f"Cannot read the hand-over file: {error.strerror}.", hint=_PICK_AGAIN) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConnectorError("The hand-over file is damaged or is none of ours.", hint=_PICK_AGAIN) from error
    return handover


def _parse_handover(text: str) -> Handover:
    content = json.loads(text)
    argv = tuple(str(part) for part in content["argv"])
    if not argv:
        raise ValueError("no command")
    environ = {str(name): str(value) for name, value in content["environ"].items()}
    return Handover(argv=argv, title=str(content["title"]), environ=environ, directory=str(content["directory"]))


def quote_for_windows(argument: str) -> str:
    """Quote an argument by the rules of Microsoft's C runtime; Windows passes one line, which the program splits."""
    if argument and not any(character in argument for character in ' \t"'):
        return argument
    quoted, backslashes = "", 0
    for character in argument:
        if character == "\\":
            backslashes += 1
            continue
        # Backslashes count as escapes only before a quotation mark; there each one is doubled.
        quoted += "\\" * (backslashes * 2 + 1 if character == '"' else backslashes) + character
        backslashes = 0
    return '"' + quoted + "\\" * (backslashes * 2) + '"'


def run_and_wait(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a command and return its status: Windows cannot replace a running process by another in the same console."""
    program = shutil.which(argv[0], path=environ.get("PATH"))
    if program is None:
        raise FileNotFoundError(2, "no such program", argv[0])
    # Ctrl-C reaches every process of a console; it is the session's to handle, not ours.
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        arguments = [quote_for_windows(argument) for argument in argv]
        return os.spawnve(os.P_WAIT, program, arguments, environ)  # noqa: S606 - an argv list, no shell is wanted
    finally:
        signal.signal(signal.SIGINT, previous)


def _become(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    if os.name == "posix":
        os.execvpe(argv[0], list(argv), environ)  # noqa: S606 - an argv list, no shell is wanted
    return run_and_wait(argv, environ)


def _name_window(title: str) -> None:
    """Name the window from inside; some terminals take no title on their command line."""
    if os.name == "posix" and os.isatty(1) and os.environ.get("TERM", "dumb") not in ("dumb", "linux"):
        printable = "".join(character for character in title if character.isprintable())
        os.write(1, f"\x1b]2;{printable}\x07".encode("utf-8", "replace"))


def _fail(message: str) -> int:
    sys.stderr.write(f"ec2menu: {message}\n")
    if os.isatty(0) and os.isatty(2):
        # The window closes with us, and the sentence with it.
        sys.stderr.write("Press Enter to close this window.\n")
        with suppress(KeyboardInterrupt):
            sys.stdin.readline()
    return ExitStatus.USAGE


def main(arguments: Sequence[str]) -> int:
    """Take the hand-over named by the only argument and become its session; return 2 after one sentence on failure."""
    if len(arguments) != 1:
        return _fail("the hand-over takes one file; it is started by ec2menu itself.")
    try:
        handover = take_handover(Path(arguments[0]))
    except ConnectorError as error:
        return _fail(f"{error.message} {error.hint}".rstrip())
    with suppress(OSError):  # our folder may be gone, or not exist where the window runs
        os.chdir(handover.directory)
    _name_window(handover.title)
    try:
        return _become(handover.argv, merge_environ(os.environ, handover.environ))
    except OSError as error:
        return _fail(f"cannot start {handover.argv[0]}: {error.strerror}.")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
