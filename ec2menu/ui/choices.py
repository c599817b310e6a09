"""A short numbered choice (regions, kinds, ways to connect): drawing and reading it, without tabulate.

The first menu is drawn from here before anything heavy is imported. Pure but for what `Terminal` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from ec2menu.errors import Interrupted
from ec2menu.models import Style
from ec2menu.ui import words
from ec2menu.ui.terminal import Terminal
from ec2menu.ui.text import escape, fold, narrow, pad, shorten, width

_GAP = 3
_REMARK_GAP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One line of a choice: what is typed back to the caller, what is shown, and a remark beside it."""

    key: str
    label: str
    remark: str = ""
    aliases: tuple[str, ...] = ()


def draw_choices(choices: Sequence[Choice], terminal: Terminal, *, reserved_lines: int) -> None:
    """Print the choices numbered from 1, in as many columns as the screen's height asks for and its width allows.

    Remarks give way, the widest first, before a column is given up.
    """
    if not choices:
        return
    label_width = max(width(choice.label) for choice in choices)
    digits = len(str(len(choices)))
    numbered = digits + 2 + label_width
    wanted = ceil(len(choices) / max(1, terminal.height - reserved_lines))
    possible = max(1, (terminal.width + _GAP) // (numbered + _GAP))
    rows = ceil(len(choices) / min(wanted, possible))
    columns = [choices[first : first + rows] for first in range(0, len(choices), rows)]
    rooms = _rooms_for_remarks(columns, terminal.width - len(columns) * (numbered + _GAP) + _GAP)
    for row in range(rows):
        cells = []
        for index, (column, room) in enumerate(zip(columns, rooms, strict=True)):
            if row < len(column):
                number = index * rows + row + 1
                text = f"{number:>{digits}}  {pad(column[row].label, label_width)}"
                remark = shorten(column[row].remark, room - _REMARK_GAP)
                before = " " * min(room, _REMARK_GAP)
                after = " " * (room - len(before) - width(remark))
                cells.append(f"{text}{before}{terminal.paint(remark, Style.DIM)}{after}")
        terminal.data((" " * _GAP).join(cells).rstrip())


def _rooms_for_remarks(columns: Sequence[Sequence[Choice]], available: int) -> list[int]:
    """Return how wide the remarks of each column and the gap before them may be, all at most `available`."""
    rooms = [max(width(c.remark) + _REMARK_GAP if c.remark else 0 for c in column) for column in columns]
    while sum(rooms) > max(0, available):
        rooms[rooms.index(max(rooms))] -= 1
    return rooms


def choose_one(terminal: Terminal, title: str, choices: Sequence[Choice], *, default: str = "") -> str:
    """Ask for one of a few choices under a title and return its key; `default` is the key that an empty Enter takes.

    Raises Interrupted where the user goes back, EndOfInput on Ctrl-D.
    """
    keys = [choice.key for choice in choices]
    hint = f" [{keys.index(default) + 1}]" if default else ""
    while True:
        terminal.data(terminal.paint(terminal.plain(title), Style.STRONG))
        draw_choices(choices, terminal, reserved_lines=0)
        typed = narrow(terminal.ask(f"how{hint} (0 back):")).strip()
        if typed.lower() in words.LEAVE:
            raise Interrupted("not connected")
        if not typed and default:
            return default
        found = find_choice(typed, choices)
        if isinstance(found, Choice):
            return found.key
        terminal.note(found)


def find_choice(typed: str, choices: Sequence[Choice]) -> Choice | str:
    """Return the choice that was typed, by its number or in full by its key or an alias; else a sentence why not."""
    text = narrow(typed).strip()
    if not choices:
        return "there is nothing to choose from"
    if not text:
        return f"type a number from 1 to {len(choices)}"
    if text.isdecimal():
        number = int(text) if len(text) < 10 else 0  # noqa: PLR2004 - no list has a billion lines
        if 1 <= number <= len(choices):
            return choices[number - 1]
        return f"{text[:10]} is not in the list; choose 1-{len(choices)}"
    wanted = fold(text)
    for choice in choices:
        if wanted in (fold(choice.key), *map(fold, choice.aliases)):
            return choice
    return f"{shorten(escape(text), 30)} is not one of them; type a number from 1 to {len(choices)}"
