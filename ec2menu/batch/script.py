"""What a person wants to run: the text taken into lines as it is, and sentences about what in it may go wrong.

Quotes, `$(...)`, `;` and blanks are the node's business: nothing here changes them. Warnings never refuse.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from ec2menu.batch.limits import MAX_COMMAND_BYTES
from ec2menu.errors import InvalidInput

_SECRET = re.compile(
    r"""
    -----BEGIN[ A-Z]*PRIVATE\ KEY
    | \b AWS_(SECRET_ACCESS_KEY|SESSION_TOKEN) \s*=
    | \b (?: AKIA | ASIA ) [0-9A-Z]{16} \b
    | (?: pass(?:word|wd|phrase)? | pwd | secret | token | api[_-]?key | credentials? )
      ["']? \s* (?: = | :\s ) \s* ["']? [^\s"'$]
    | --(?: password | token | secret )[ =] ["']? [^\s"'$-]
    | \b (?: mysql | mariadb | mysqldump | mysqladmin ) \b [^;|&]{0,500} \s -p ["']? [^\s"'$]
    | \b sshpass \s+ -p \s* ["']? [^\s"'$]
    | \b redis-cli \b [^;|&]{0,500} \s -a \s* ["']? [^\s"'$]
    | \b authorization: \s* (?: bearer | basic ) \s
    | ://[^\s/:@]+:[^\s/@$]+@
    """,
    re.IGNORECASE | re.VERBOSE,
)
_REBOOT = re.compile(r"\bexit\s+(194|3010)\b")
_ASKING = re.compile(
    r"(?:^|[;&|(]|\bsudo\s)\s*"
    r"(vim?|nano|emacs|htop|less|more|man|passwd|top(?!\s+-[a-z0-9]*b)|watch|tail\s+(?:-\w*[fF]|--follow)|journalctl\s+.*-f)"
    r"(?=$|[\s;&|)])"
)
_CONTROL = re.compile(r"[\x01-\x08\x0b-\x1f\x7f-\x9f]")


def lines_of(text: str) -> tuple[str, ...]:
    """Take a text apart at its line ends, Unix or Windows ones, and change nothing else; empty lines count.

    A carriage return left at the end of a line would be part of the line's last word on Linux.
    """
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return tuple(lines)


def read_script(path: Path) -> str:
    """Return the text of a script file. Raises InvalidInput where it is missing, too long, or not UTF-8."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_COMMAND_BYTES + 1)
    except OSError as error:
        raise InvalidInput(
            f"the script {path} cannot be read: {error.strerror}", hint="name a file that is there"
        ) from error
    if len(data) > MAX_COMMAND_BYTES:
        raise InvalidInput(
            f"the script {path} is too long for SSM: more than {MAX_COMMAND_BYTES:,} bytes",
            hint="put it where the nodes can fetch it, and run a line that does",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the script {path} is not UTF-8 text", hint="save it as UTF-8") from error


def command_warnings(lines: Sequence[str]) -> tuple[str, ...]:
    """Return sentences to read before the command is sent; most commands have none."""
    text = "\n".join(lines)
    found = [secrets_warning(lines)]
    if reboot := _REBOOT.search(text):
        found.append(
            f"exit {reboot[1]} makes the SSM Agent reboot the node and run the script again"
            f" ({'Linux' if reboot[1] == '194' else 'Windows'})"
        )
    if asking := next(filter(None, map(_ASKING.search, lines)), None):
        found.append(
            f"{asking[1]} waits for a keyboard or never ends, and there is none: it would run into the timeout"
        )
    if control := _CONTROL.search(text):
        found.append(f"the command holds control characters, such as {control[0].encode('unicode_escape').decode()}")
    return tuple(filter(None, found))


def secrets_warning(lines: Sequence[str]) -> str:
    """Return a sentence where the command seems to hold a password, key or token, else nothing.

    A value taken from a variable or a substitution (`$TOKEN`) on the node is none.
    """
    if not _SECRET.search("\n".join(lines)):
        return ""
    return "the command seems to hold a secret: SSM's history and CloudTrail keep the text of every command"


def line_end_warning(text: str) -> str:
    """Return a sentence where a command has Windows line ends, which are not sent, else nothing."""
    return "the command has Windows line ends (CRLF); its lines are sent without them" if "\r\n" in text else ""
