"""What a person may type at a list prompt, as a grammar: numbers, filters, sorting, paging and leaving.

`parse` turns one line into one frozen value and never raises; a line that makes no sense becomes `Wrong` with a reason.
Pure: nothing here knows what the rows are, and nothing is printed.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ec2menu.errors import InvalidInput
from ec2menu.ui import words
from ec2menu.ui.text import escape, fold, narrow, shorten

# The column that nobody sees, and that only a filter by its name looks at.
_TAGS = "tags"
_QUOTED_COLUMNS = 30
_MAX_DIGITS = 18
_MAX_SPANS = 5
_RUN = "run"  # the word alone filters: machines are called gitlab-runner
_NUMBER_PARTS = re.compile(r"[0-9]+|\ball\b", re.IGNORECASE)
_NUMBER_TOKEN = re.compile(r"(!?)(?:(all)|([0-9]+)(?:-([0-9]+))?)", re.IGNORECASE)
_WORD = re.compile(r'(?:"[^"]*"?|[^\s"])+')


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One condition of a filter: `text` in a column, or in any column where `column` is empty; or its opposite."""

    text: str
    column: str = ""
    negated: bool = False

    def accepts(self, texts: Iterable[str]) -> bool:
        """Tell whether a row passes whose texts, as AWS gave them, are `texts`; they match as they are or as shown."""
        raw, shown = fold(self.text), fold(escape(self.text))
        found = any(raw in fold(text) or (shown and shown in fold(escape(text))) for text in texts)
        return found is not self.negated


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """These printed numbers, in the order typed, each once."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOn:
    """Run a command on these printed numbers (`run 1,3-5`)."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterBy:
    """Show the rows that pass all of `terms`; no terms show everything again."""

    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SortBy:
    """Sort by the column with this key."""

    column: str
    reverse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NextPage:
    """Show the next page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousPage:
    """Show the page before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """Ask AWS again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """Leave this list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Help:
    """Show what can be typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowProblems:
    """Show in full what could not be listed, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quit:
    """Leave the program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """An empty Enter, which never chooses anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """What was typed cannot be done; `reason` is a sentence that may be shown as it is."""

    reason: str


Selection = (
    Pick
    | RunOn
    | FilterBy
    | SortBy
    | NextPage
    | PreviousPage
    | Refresh
    | Back
    | Help
    | ShowProblems
    | Quit
    | Nothing
    | Wrong
)

_COMMANDS: dict[str, Selection] = {
    **dict.fromkeys(words.BACK, Back()),
    **dict.fromkeys(words.QUIT, Quit()),
    **dict.fromkeys(words.HELP, Help()),
    "n": NextPage(),
    "p": PreviousPage(),
    "r": Refresh(),
    "!": ShowProblems(),
}


def parse(text: str, *, numbers: Collection[int], columns: Sequence[str]) -> Selection:
    """Read one line typed at a list that shows `numbers` and has columns with the keys `columns`; never raise."""
    typed = text.strip()
    plain = narrow(typed)
    keys = plain.casefold()
    if not keys:
        return Nothing()
    if keys[0] == "/":
        return _parse_filter(typed[1:], columns)
    if keys in _COMMANDS:
        return _COMMANDS[keys]
    first, *rest = keys.split(maxsplit=1)
    if first == "s":
        return parse_sort(plain[1:].strip(), columns)
    if first == _RUN and rest and _is_about_numbers(rest[0]):
        found = _parse_numbers(rest[0], numbers)
        return RunOn(numbers=found.numbers) if isinstance(found, Pick) else found
    return _parse_numbers(keys, numbers) if _is_about_numbers(keys) else _parse_filter(typed, columns)


def parse_sort(text: str, columns: Sequence[str]) -> SortBy | Wrong:
    """Read `COLUMN` or `-COLUMN`; the start of a column's key will do where it is the start of one only."""
    if not columns:
        return Wrong(reason="this list cannot be sorted")
    reverse, name = text.startswith("-"), text.removeprefix("-").strip()
    found = _find_columns(name, columns)
    if len(found) == 1:
        return SortBy(column=found[0], reverse=reverse)
    if not name:
        return Wrong(reason=f"type s and a column ({', '.join(columns)}); s -{columns[0]} sorts the other way round")
    if found:
        return Wrong(reason=f"{_quote(name)} may be {' or '.join(found)}; type more of it")
    known = ", ".join(columns)
    return Wrong(reason=f"no column is called {_quote(name)}; there are {known}; to filter type /s {_quote(text)}")


def parse_filters(words: Sequence[str], columns: Sequence[str]) -> tuple[Term, ...]:
    """Read the FILTER arguments of a command line, one term a word; the shell has taken the quotes away already.

    An empty word or value raises InvalidInput: an unset shell variable must not widen a selection to everything.
    """
    terms = tuple(_parse_term(word, columns, quotes=False) for word in words)
    for word, term in zip(words, terms, strict=True):
        if not term.text:
            raise InvalidInput(_describe_empty(word))
    return terms


def describe_misread(terms: Iterable[Term], columns: Sequence[str]) -> str:
    """Say what else a term could have been meant for that was taken for text: a column, a tag; else nothing."""
    for term in terms:
        word, colon, _ = term.text.partition(":")
        if colon and word and not term.column:
            return f"; {_quote(word)} is no column, those are: {', '.join(columns)}"
        if "=" in term.text and not term.column and _TAGS in columns:
            return f"; by a tag: tag:{_quote(term.text)}"
    return ""


def _parse_filter(text: str, columns: Sequence[str]) -> FilterBy | Wrong:
    words: list[str] = _WORD.findall(text)
    terms = tuple(_parse_term(word, columns, quotes=True) for word in words)
    empty = [word for word, term in zip(words, terms, strict=True) if not term.text]
    return Wrong(reason=_describe_empty(empty[0])) if empty else FilterBy(terms=terms)


def _describe_empty(word: str) -> str:
    return f"the filter {_quote(word)} looks for nothing" if word else "an empty filter looks for nothing"


def _parse_term(word: str, columns: Sequence[str], *, quotes: bool) -> Term:
    negated = len(word) > 1 and word[0] in "-!"
    body = word[1:] if negated else word
    name, colon, value = body.partition(":")
    found = _find_columns(name, columns) if colon else ()
    column, text = (found[0], value) if len(found) == 1 else ("", body)
    return Term(column=column, text=text.replace('"', "") if quotes else text, negated=negated)


def _find_columns(name: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the keys that `name` may mean: the one it is, else all that it begins."""
    wanted = fold(name)
    exact = tuple(key for key in columns if fold(key) == wanted)
    return exact[:1] or tuple(key for key in columns if wanted and fold(key).startswith(wanted))


def _is_about_numbers(text: str) -> bool:
    """Tell whether `text` holds numbers or `all` and otherwise nothing but `,`, `-`, `!` and blanks."""
    rest, count = _NUMBER_PARTS.subn("", text)
    return count > 0 and all(char in ",-!" or char.isspace() for char in rest)


def _parse_numbers(text: str, numbers: Collection[int]) -> Pick | Wrong:
    if not numbers:
        return Wrong(reason="the list is empty; there is nothing to choose")
    chosen: dict[int, None] = {}
    excluded: set[int] = set()
    tokens = re.sub(r"\s+-\s+", "-", text).replace(",", " ").split()
    for token in tokens:
        found = _parse_token(token, numbers)
        if isinstance(found, Wrong):
            return found
        if token.startswith("!"):
            excluded.update(found)
        else:
            chosen.update(dict.fromkeys(found))
    only_exclusions = all(token.startswith("!") for token in tokens)
    picked = tuple(
        number for number in (dict.fromkeys(numbers) if only_exclusions else chosen) if number not in excluded
    )
    return Pick(numbers=picked) if picked else Wrong(reason=f"that leaves nothing; choose from {_describe(numbers)}")


def _parse_token(token: str, numbers: Collection[int]) -> Collection[int] | Wrong:
    match = _NUMBER_TOKEN.fullmatch(token)
    if match is None:
        valid = _describe(numbers)
        return Wrong(reason=f"{_quote(token)} is not a number or a range; choose {valid}, or type / and what to find")
    if match[2]:
        return numbers
    low, high = _to_number(match[3]), _to_number(match[4] or match[3])
    for number, digits in ((low, match[3]), (high, match[4])):
        if number not in numbers:
            return Wrong(reason=f"{_quote(digits)} is not in the list; choose {_describe(numbers)}")
    if low > high:
        return Wrong(reason=f"{_quote(token)} runs backwards; type {high}-{low}, or choose from {_describe(numbers)}")
    return sorted(number for number in numbers if low <= number <= high)


def _to_number(digits: str) -> int:
    """Return the value of `digits`, or -1, which no list prints, where there are more than any list can hold."""
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) <= _MAX_DIGITS else -1


def _describe(numbers: Collection[int]) -> str:
    """Say which numbers can be typed: `1-12`, or `1-3, 7, 9-12`."""
    spans: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if spans and number == spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], number)
        else:
            spans.append((number, number))
    texts = [str(low) if low == high else f"{low}-{high}" for low, high in spans]
    return ", ".join(texts if len(texts) <= _MAX_SPANS else [*texts[: _MAX_SPANS - 1], "…", texts[-1]])


def _quote(text: str) -> str:
    return shorten(escape(text), _QUOTED_COLUMNS)
