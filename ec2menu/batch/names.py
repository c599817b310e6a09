"""Names of many nodes as few words: `web-[1-3,7]`, and one label for each node that tells it from the others.

Pure text. What is shown of it is escaped by the terminal.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from ec2menu.batch.nouns import Target

LONGEST_NAME = 32
_LAST_NUMBER = re.compile(r"(.*?)([0-9]{1,18})([^0-9]*)", re.DOTALL)
_DIGITS = re.compile(r"([0-9]{1,18})")


def labels_of(targets: Iterable[Target]) -> dict[str, str]:
    """Return what to call each node, by id: its name, with the id where others have the same name, else the id."""
    nodes = {target.id: target for target in targets}
    count = Counter(target.name for target in nodes.values())
    return {
        target.id: target.name
        if target.name and count[target.name] == 1
        else (f"{target.name} ({target.id})" if target.name else target.id)
        for target in nodes.values()
    }


def full_name(target: Target) -> str:
    """Return `name (id)`, or the id alone; of a name that would fill the line, the beginning."""
    name = target.name if len(target.name) <= LONGEST_NAME else target.name[: LONGEST_NAME - 1] + "…"
    return f"{name} ({target.id})" if name else target.id


def fold_names(names: Iterable[str], *, limit: int = 0) -> str:
    """Return the names in order, those that differ in their last number together: `web-[1-3], db-01`.

    Padded numbers stay as they are. With a `limit`, so many words are shown at most, and how many names are not.
    """
    families: dict[tuple[str, str], list[str]] = {}
    words: list[tuple[str, str, int]] = []  # what to sort by, what to say, how many it stands for
    for name in sorted(set(names), key=_order):
        found = None if name.endswith(")") else _LAST_NUMBER.fullmatch(name)  # an id in brackets is no number of a name
        if found is None:
            words.append((name, name, 1))
        else:
            families.setdefault((found[1], found[3]), []).append(found[2])
    for (before, after), digits in families.items():
        words.append((before + digits[0] + after, _family(before, after, digits), len(digits)))
    words.sort(key=lambda word: _order(word[0]))
    if not limit or len(words) <= limit:
        return ", ".join(word for _, word, _ in words)
    rest = sum(count for _, _, count in words[limit:])
    return ", ".join(word for _, word, _ in words[:limit]) + f", … and {rest:,} more"


def count_nodes(number: int) -> str:
    """Say how many nodes: `1 node`, `1,200 nodes`."""
    return f"{number:,} node{'' if number == 1 else 's'}"


def _family(before: str, after: str, digits: Sequence[str]) -> str:
    if len(digits) == 1:
        return f"{before}{digits[0]}{after}"
    spans: list[list[str]] = []
    for number in sorted(digits, key=lambda text: (int(text), len(text))):
        if spans and _follows(spans[-1][-1], number):
            spans[-1] = [spans[-1][0], number]
        else:
            spans.append([number])
    return f"{before}[{','.join('-'.join(span) for span in spans)}]{after}"


def _follows(first: str, second: str) -> bool:
    padded = first.startswith("0") or second.startswith("0")
    return int(second) == int(first) + 1 and (len(first) == len(second) or not padded)


def _order(name: str) -> tuple[tuple[str | int, ...], str]:
    """Sort numbers by value and without case; text and numbers alternate, so that like meets like."""
    parts = _DIGITS.split(name.casefold())
    return tuple(int(part) if index % 2 else part for index, part in enumerate(parts)), name
