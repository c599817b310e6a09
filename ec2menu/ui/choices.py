"""A short numbered choice (regions, kinds, ways to connect): drawing and reading it, without tabulate.

The first menu is drawn from here before anything heavy is imported. Pure but for what `Terminal` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from ec2menu.models import Style
from ec2menu.ui.terminal import Terminal
from ec2menu.ui.text import fold, pad, shorten, width

_GAP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One line of a choice: what is typed back to the caller, what is shown, and a remark beside it."""

    key: str
    label: str
    remark: str = ""
    aliases: tuple[str, ...] = ()


def draw_choices(choices: Sequence[Choice], terminal: Terminal, *, reserved_lines: int) -> None:
    """Print the choices numbered from 1, in as many columns as are needed to fit the screen's height."""
    label_width = max((width(choice.label) for choice in choices), default=0)
    digits = len(str(len(choices)))
    texts = []
    for number, choice in enumerate(choices, 1):
        texts.append((f"{number:>{digits}}  {pad(choice.label, label_width)}", choice.remark))
    cell = max((width(f"{text}  {remark}".rstrip()) for text, remark in texts), default=0)
    available = max(1, terminal.height - reserved_lines)
    columns = min(ceil(len(texts) / available), max(1, (terminal.width + _GAP) // (cell + _GAP))) or 1
    rows = ceil(len(texts) / columns)
    for row in range(rows):
        parts = []
        for column in range(columns):
            index = column * rows + row
            if index >= len(texts):
                continue
            text, remark = texts[index]
            room = min(cell, terminal.width) - width(text) - 2
            shown = shorten(remark, room) if room > 0 else ""
            blanks = " " * (cell - width(text) - 2 - width(shown))
            parts.append(f"{text}  {terminal.paint(shown, Style.DIM)}{blanks}")
        terminal.data((" " * _GAP).join(parts).rstrip())


def find_choice(typed: str, choices: Sequence[Choice]) -> Choice | str:
    """Return the choice that was typed, by its number or in full by its key or an alias; else a sentence why not."""
    text = typed.strip()
    if text.isdecimal():
        number = int(text) if len(text) < 10 else 0  # noqa: PLR2004 - no list has a billion lines
        if 1 <= number <= len(choices):
            return choices[number - 1]
        return f"{text[:10]} is not in the list; choose 1-{len(choices)}"
    wanted = fold(text)
    for choice in choices:
        if wanted in (fold(choice.key), *map(fold, choice.aliases)):
            return choice
    return f"{shorten(text, 30)} is not one of them; type a number from 1 to {len(choices)}"
