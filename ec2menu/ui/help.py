"""What can be typed at a prompt, laid out to be read: in two columns where they fit, else one below the other. Pure."""

from collections.abc import Sequence
from itertools import zip_longest

from ec2menu.ui.text import pad, width

_GAP = 2
Entry = tuple[str, str]


def help_lines(entries: Sequence[Entry], columns: int) -> list[str]:
    """Return lines for what can be typed and what it does, of at most `columns` display columns if possible."""
    keys = max(width(typed) for typed, _ in entries) + _GAP
    lines = [pad(typed, keys) + meaning for typed, meaning in entries]
    left, right = lines[::2], lines[1::2]
    room = max(map(width, left)) + _GAP
    if room + max(map(width, right), default=0) > columns:
        return lines
    return [pad(first, room) + second if second else first for first, second in zip_longest(left, right, fillvalue="")]


def list_help(columns: Sequence[str], *, several: bool, runs: bool) -> list[Entry]:
    """Return what can be typed at a list that has columns with the keys `columns`, in the order of its lines.

    `several`: more than one may be chosen; `runs`: commands run on what is chosen.
    """
    told = next((key for key in ("state", "status", "ping") if key in columns), columns[0])
    sortable = "age" if "age" in columns else told
    entries = [("3", "choose number 3")]
    entries += [("1,3-5", "several"), ("all", "everything listed"), ("!4", "all but 4")] if several else []
    entries += [
        ("text", "keep rows with the text"),
        ("!text", "leave them out"),
        (f"{told}:text", f"look in {told} only"),
    ]
    entries += [("tag:K=V", "keep those with a tag")] if "tags" in columns else []
    entries += [("/3", "filter by a number"), ("/", "show all again")]
    entries += [(f"s {sortable}", f"sort by {sortable}"), (f"s -{sortable}", "the other way round")]
    entries += [("n  p", "next and previous page"), ("r", "ask AWS again"), ("!", "what is missing, and why")]
    entries += [("run 1,3-5", "run one command on these")] if runs else []
    return [*entries, ("0  b", "back"), ("q", "quit")]
