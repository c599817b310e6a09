"""Models to rows to text: the only home of tabulate, and of the rules by which a table gives way on a narrow screen.

Also sorting and filtering of items by what their columns say. Pure: it returns lines and prints nothing, and it knows
colour only as the function `paint` that the terminal passes in.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from typing import Any, TypeVar

from ec2menu.errors import InvalidInput
from ec2menu.models import Cell, Column, Style
from ec2menu.ui.select import Term
from ec2menu.ui.text import escape, natural_key, pad, shorten
from ec2menu.ui.text import width as display_width

T = TypeVar("T")
Row = tuple[Cell, ...]
Paint = Callable[[str, Style], str]

_GAP = 2  # blanks between two columns in tabulate's plain format
_NUMBER_TITLE = "#"
_SQUEEZED_WIDTH = 8
_first = itemgetter(0)
_MISSING = ("", "-")  # what a cell says where AWS said nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A column that is shown: which one of the columns, and on how many display columns."""

    index: int
    width: int


def build_rows(items: Iterable[T], columns: Sequence[Column[T]], *, now: datetime) -> list[Row]:
    """Read every cell of every item, with texts that are harmless to show and end in no blank."""
    return [tuple(_escape_cell(column.cell(item, now)) for column in columns) for item in items]


def fit(
    columns: Sequence[Column[Any]], rows: Sequence[Row], *, width: int | None, numbers_width: int = 0
) -> tuple[Slot, ...]:
    """Choose the columns to show on `width` display columns (None is no limit), and how wide each one is.

    Everything is shown in full if it fits. Otherwise empty columns go first; then those that may shrink give way, the
    least important first and the widest of equals first; and if all at their least still do not fit, columns are
    dropped, the largest priority first; of those that shrink the most important one comes back as wide as there is
    room. `numbers_width` is what the numbers before the rows take. Columns that neither
    shrink nor may be dropped are shown in full on any screen, because an id that is cut is no id.
    """
    natural = _natural_widths(columns, rows)
    shown = list(range(len(columns)))
    if width is None:
        return tuple(Slot(index=index, width=natural[index]) for index in shown)
    natural = [min(wide, column.max_width or wide) for column, wide in zip(columns, natural, strict=True)]
    room = width + _GAP - (numbers_width + _GAP if numbers_width else 0)
    least = [min(column.min_width or wide, wide) for column, wide in zip(columns, natural, strict=True)]
    droppable = sorted((i for i in shown if columns[i].priority > 0), key=lambda i: (-columns[i].priority, -i))
    _drop(shown, [index for index in droppable if _is_empty(rows, index)], natural, room)
    _drop(shown, droppable, least, room)
    _squeeze_in(shown, [index for index in droppable if columns[index].min_width], least, room)
    widths = [min(wide, max(floor, room)) for wide, floor in zip(natural, least, strict=True)]
    shrinkable = [index for index in shown if columns[index].min_width]
    for priority in sorted({columns[index].priority for index in shrinkable}, reverse=True):
        group = [index for index in shrinkable if columns[index].priority == priority]
        _shrink(widths, group, least, _cost(shown, widths) - room)
    # Where even that is too wide, a name cut to one letter does less harm than a line that wraps.
    _shrink(widths, shrinkable, [1] * len(columns), _cost(shown, widths) - room)
    return tuple(Slot(index=index, width=widths[index]) for index in shown)


def render(
    items: Sequence[T],
    columns: Sequence[Column[T]],
    *,
    now: datetime,
    width: int | None,
    numbers: Sequence[int] | None,
    paint: Paint,
    dimmed: Callable[[T], bool],
) -> list[str]:
    """Return a header line and one line an item, none wider than `width` display columns and none ending in blanks.

    `numbers`, one an item, stand before the rows. `paint` colours a text by its meaning and may add what takes no room;
    an item that is `dimmed` is painted as one dim line.
    """
    rows = build_rows(items, columns, now=now)
    labels = None if numbers is None else [str(number) for number in numbers]
    numbers_width = 0 if labels is None else max(map(len, [_NUMBER_TITLE, *labels]))
    slots = fit(columns, rows, width=width, numbers_width=numbers_width)
    dim = [dimmed(item) for item in items]
    header = [_draw(Cell(text=escape(columns[slot.index].title)), slot.width, columns[slot.index]) for slot in slots]
    body = [
        [_draw(row[slot.index], slot.width, columns[slot.index], None if faint else paint) for slot in slots]
        for row, faint in zip(rows, dim, strict=True)
    ]
    if labels is not None:
        header.insert(0, pad(_NUMBER_TITLE, numbers_width, right=True))
        body = [[pad(label, numbers_width, right=True), *cells] for label, cells in zip(labels, body, strict=True)]
    first, *lines = _lay_out(header, body)
    return [paint(first, Style.STRONG)] + [
        paint(line, Style.DIM) if faint else line for line, faint in zip(lines, dim, strict=True)
    ]


def sort_items(
    items: Iterable[T], columns: Sequence[Column[T]], *, key: str, now: datetime, reverse: bool = False
) -> list[T]:
    """Sort by the column `key`: without case, numbers by value, equals in their old order, missing values always last.

    An unknown column raises InvalidInput.
    """
    column = _column_named(columns, key)
    numbers: list[tuple[float, T]] = []
    texts: list[tuple[str, T]] = []
    missing: list[T] = []
    for item in items:
        cell = column.cell(item, now)
        value = cell.text if cell.sort_key is None else cell.sort_key
        if isinstance(value, str):
            if value.strip() in _MISSING:
                missing.append(item)
            else:
                texts.append((natural_key(value), item))
        elif value != value:  # noqa: PLR0124 - true of NaN only, which has no place in an order
            missing.append(item)
        else:
            numbers.append((value, item))
    numbers.sort(key=_first, reverse=reverse)
    texts.sort(key=_first, reverse=reverse)
    present = [*texts, *numbers] if reverse else [*numbers, *texts]
    return [item for _, item in present] + missing


def order_key(item: T, columns: Sequence[Column[T]], *, key: str, item_id: str, now: datetime) -> str:
    """Return a text by which items sort as by `sort_items` after their ids, in a column without a `sort_key`."""
    text = _column_named(columns, key).cell(item, now).text
    # Below every character that a name may hold is the end of it.
    return f"1\0{item_id}" if text.strip() in _MISSING else f"0{natural_key(text)}\0{item_id}"


def matches(item: T, columns: Sequence[Column[T]], *, terms: Iterable[Term], now: datetime) -> bool:
    """Tell whether `item` passes every term; a term without a column looks at all that are not hidden."""
    return all(
        term.accepts(column.cell(item, now).text for column in columns if _is_meant(column, term)) for term in terms
    )


def _column_named(columns: Sequence[Column[T]], key: str) -> Column[T]:
    column = next((column for column in columns if column.key == key), None)
    if column is None:
        known = ", ".join(column.key for column in columns)
        raise InvalidInput(f"no column is called {shorten(escape(key), 30)}", hint=f"columns: {known}")
    return column


def _is_meant(column: Column[Any], term: Term) -> bool:
    return term.column == column.key if term.column else not column.is_hidden


def _escape_cell(cell: Cell) -> Cell:
    text = escape(cell.text).rstrip()
    return cell if text == cell.text else replace(cell, text=text)


def _natural_widths(columns: Sequence[Column[Any]], rows: Sequence[Row]) -> list[int]:
    return [
        max([display_width(escape(column.title)), *(display_width(row[index].text) for row in rows)])
        for index, column in enumerate(columns)
    ]


def _is_empty(rows: Sequence[Row], index: int) -> bool:
    return all(row[index].text in _MISSING for row in rows)


def _cost(shown: Iterable[int], widths: Sequence[int]) -> int:
    return sum(widths[index] + _GAP for index in shown)


def _drop(shown: list[int], candidates: Iterable[int], widths: Sequence[int], room: int) -> None:
    """Take candidates out of `shown`, in their order, until what is left fits into `room`."""
    for index in candidates:
        if _cost(shown, widths) <= room:
            return
        if index in shown:
            shown.remove(index)


def _squeeze_in(shown: list[int], shrinkable: Sequence[int], least: list[int], room: int) -> None:
    """Take the most important column back in if it was dropped, below its least width, where that says something."""
    left = room - _cost(shown, least) - _GAP
    if shrinkable and shrinkable[-1] not in shown and left >= _SQUEEZED_WIDTH:
        least[shrinkable[-1]] = left
        shown.append(shrinkable[-1])
        shown.sort()


def _shrink(widths: list[int], group: Sequence[int], floors: Sequence[int], excess: int) -> None:
    """Take `excess` from the widths of `group`, always from the widest that is above its floor."""
    for _ in range(excess):
        above = [index for index in group if widths[index] > floors[index]]
        if not above:
            return
        widths[max(above, key=lambda index: widths[index])] -= 1


def _draw(cell: Cell, columns: int, column: Column[Any], paint: Paint | None = None) -> str:
    """Return the cell on exactly `columns` display columns; only its text is painted, so that blanks can be cut off."""
    text = shorten(cell.text, columns)
    painted = paint(text, cell.style) if paint and text and cell.style else text
    blanks = " " * (columns - display_width(text))
    return blanks + painted if column.align_right else painted + blanks


def _lay_out(header: list[str], body: list[list[str]]) -> list[str]:
    """Set cells of their final width; tabulate must not align them, because its widths are not a terminal's."""
    if not header:
        return [""] * (1 + len(body))
    from tabulate import tabulate  # noqa: PLC0415 - it takes 70 ms to import and the first menu draws no table

    text = tabulate(body, headers=header, tablefmt="plain", stralign=None, numalign=None, disable_numparse=True)
    return text.split("\n")
