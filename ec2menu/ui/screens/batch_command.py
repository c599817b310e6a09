"""How a command is typed at the menu: one line, several, a script file, or one that was run before.

What is typed reaches the node as it is; nothing here takes it apart but at its line ends.
"""

from pathlib import Path

from ec2menu.batch.script import line_end_warning, lines_of, read_script
from ec2menu.errors import InvalidInput
from ec2menu.flows.batch import open_journal
from ec2menu.flows.context import Context

MAX_PAST = 9
MAX_LOOKED_AT = 50
COMMAND_HELP = (
    "uptime     one line is the command, sent as it is typed",
    "<<         several lines, up to a line that is a dot",
    "@FILE      the lines of a script file",
    "!  !2      past commands; the second of them",
    "0  b       back",
)


def read_command(context: Context, typed: str) -> tuple[str, ...]:
    """Return the lines that were meant, asking for more where there are more. Raises InvalidInput."""
    word = typed.strip()
    if word == "<<":
        return _read_lines(context)
    if word.startswith("!") and word[1:].isdecimal():
        return _past_lines(context, int(word[1:10]))
    if word.startswith("@") and word[1:2] not in ("(", "{", "'", '"', ""):  # those begin PowerShell's own words
        text = read_script(Path(word[1:].strip()).expanduser())
        if warning := line_end_warning(text):
            context.terminal.note(f"! {warning}")
        return lines_of(text)
    return (typed,)


def list_past(context: Context) -> None:
    """Show the commands that were run before, with what to type for them."""
    past = _past(context)
    for number, (_, command) in enumerate(past, 1):
        context.terminal.note(f"!{number}  {command}")
    if not past:
        context.terminal.note("nothing has been run yet")


def _read_lines(context: Context) -> tuple[str, ...]:
    lines = []
    while (line := context.terminal.ask("|")) != ".":
        lines.append(line)
    return tuple(lines)


def _past(context: Context) -> list[tuple[str, str]]:
    """Return the last runs with different commands: id and first line."""
    first: dict[str, str] = {}
    for record in open_journal(context).runs(limit=MAX_LOOKED_AT):
        first.setdefault(record.command, record.id)
    return [(run_id, command) for command, run_id in first.items()][:MAX_PAST]


def _past_lines(context: Context, number: int) -> tuple[str, ...]:
    past = _past(context)
    if not 1 <= number <= len(past):
        raise InvalidInput(f"there is no past command {number}", hint="! lists them")
    return open_journal(context).load(past[number - 1][0]).plan.spec.lines
