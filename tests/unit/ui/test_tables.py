import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec2menu.errors import InvalidInput
from ec2menu.models import Cell, Column, Style
from ec2menu.ui.select import Term
from ec2menu.ui.tables import Slot, build_rows, fit, matches, render, sort_items
from ec2menu.ui.text import escape, width

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    name: str = "web"
    id: str = "i-0123456789abcdef0"
    state: str = "running"
    note: str = ""
    size: float | None = None


def text_of(key: str) -> Callable[[Machine, datetime], Cell]:
    return lambda machine, _now: Cell(text=getattr(machine, key))


def a_column(key: str, *, priority: int = 0, min_width: int = 0) -> Column[Machine]:
    return Column(key=key, title=key.upper(), cell=text_of(key), priority=priority, min_width=min_width)


def state_cell(machine: Machine, _now: datetime) -> Cell:
    return Cell(text=machine.state, style=Style.GOOD if machine.state == "running" else Style.BAD)


def size_cell(machine: Machine, _now: datetime) -> Cell:
    return Cell(text="" if machine.size is None else f"{machine.size:.0f} GiB", sort_key=machine.size)


COLUMNS: tuple[Column[Machine], ...] = (
    a_column("name", min_width=8),
    a_column("id"),
    Column(key="state", title="State", cell=state_cell, priority=2),
    a_column("note", priority=1, min_width=6),
    Column(key="size", title="Size", cell=size_cell, priority=3, align_right=True),
)


def plain(text: str, _style: Style) -> str:
    return text


def tagged(text: str, style: Style) -> str:
    return f"\x1b[1m<{style}>\x1b[0m{text}\x1b[0m" if style else text


def lines_of(
    machines: Sequence[Machine],
    columns: Sequence[Column[Machine]] = COLUMNS,
    *,
    columns_wide: int | None = None,
    numbers: Sequence[int] | None = None,
    paint: Callable[[str, Style], str] = plain,
) -> list[str]:
    return render(
        machines,
        columns,
        now=NOW,
        width=columns_wide,
        numbers=numbers,
        paint=paint,
        dimmed=lambda machine: machine.state == "stopped",
    )


def slots(columns: Sequence[Column[Machine]], machines: Sequence[Machine], columns_wide: int | None) -> dict[str, int]:
    found = fit(columns, build_rows(machines, columns, now=NOW), width=columns_wide)
    return {columns[slot.index].key: slot.width for slot in found}


def test_a_table_has_a_header_and_a_numbered_line_for_each_item() -> None:
    machines = [
        Machine(name="데이터베이스", note="primary", size=100),
        Machine(name="web\n2", id="i-2", state="stopped", size=8),
        Machine(name="👩\u200d💻", id="mi-3", note="x"),
    ]
    assert lines_of(machines, numbers=[9, 10, 11]) == [
        " #  NAME          ID                   State    NOTE        Size",
        " 9  데이터베이스  i-0123456789abcdef0  running  primary  100 GiB",
        r"10  web\n2        i-2                  stopped             8 GiB",
        "11  👩💻          mi-3                 running  x",
    ]


def test_a_table_without_numbers_begins_with_its_first_column() -> None:
    assert lines_of([Machine()])[1].startswith("web ")


def test_an_empty_list_is_a_header_only() -> None:
    assert lines_of([], numbers=[]) == ["#  NAME  ID  State  NOTE  Size"]


def test_a_table_without_columns_still_has_a_line_for_each_item() -> None:
    assert lines_of([Machine(), Machine()], ()) == ["", "", ""]
    assert lines_of([Machine(), Machine()], (), numbers=[1, 2]) == ["#", "1", "2"]


def test_numbers_and_items_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="zip"):
        lines_of([Machine(), Machine()], numbers=[1])


def test_texts_that_look_like_numbers_are_shown_as_they_are() -> None:
    lines = lines_of([Machine(name="007", note="1e5"), Machine(name="1,000.50", note="-0")])
    assert [line.split()[0] for line in lines] == ["NAME", "007", "1,000.50"]
    assert lines[1].endswith("1e5")


def test_leading_blanks_stay_and_trailing_blanks_go() -> None:
    assert lines_of([Machine(name="  web  ")], COLUMNS[:1]) == ["NAME", "  web"]


def test_only_texts_are_painted_and_a_dimmed_row_is_painted_as_a_whole() -> None:
    lines = lines_of([Machine(), Machine(state="stopped")], COLUMNS[1:4], numbers=[1, 2], paint=tagged)
    assert lines == [
        tagged("#  ID                   State    NOTE", Style.STRONG),
        f"1  i-0123456789abcdef0  {tagged('running', Style.GOOD)}",
        tagged("2  i-0123456789abcdef0  stopped", Style.DIM),
    ]


def test_without_a_limit_everything_is_shown_in_full() -> None:
    machine = Machine(name="n" * 300, note="o" * 300)
    assert slots(COLUMNS, [machine], None) == {"name": 300, "id": 19, "state": 7, "note": 300, "size": 4}


def test_what_fits_is_shown_in_full_with_its_empty_columns() -> None:
    full = {"name": 4, "id": 19, "state": 7, "note": 4, "size": 4}
    assert slots(COLUMNS, [Machine()], 46) == full


def test_empty_columns_go_first_the_least_important_before_the_others() -> None:
    assert list(slots(COLUMNS, [Machine()], 45)) == ["name", "id", "state", "note"]
    assert list(slots(COLUMNS, [Machine()], 39)) == ["name", "id", "state"]


def test_a_dash_counts_as_empty() -> None:
    assert list(slots(COLUMNS, [Machine(state="-", size=1)], 44)) == ["name", "id", "note", "size"]


def test_the_least_important_column_shrinks_first_and_down_to_its_least() -> None:
    machine = Machine(name="n" * 20, note="o" * 20, size=1)
    assert slots(COLUMNS, [machine], 75)["note"] == 16
    assert slots(COLUMNS, [machine], 65) == {"name": 20, "id": 19, "state": 7, "note": 6, "size": 5}
    assert slots(COLUMNS, [machine], 60) == {"name": 15, "id": 19, "state": 7, "note": 6, "size": 5}


def test_columns_of_one_importance_shrink_from_the_widest() -> None:
    columns = [a_column("name", min_width=5), a_column("note", min_width=5)]
    machine = Machine(name="n" * 40, note="o" * 12)
    assert slots(columns, [machine], 44) == {"name": 30, "note": 12}
    assert slots(columns, [machine], 22) == {"name": 10, "note": 10}


def test_columns_are_dropped_by_priority_and_what_shrank_is_widened_again() -> None:
    machine = Machine(name="n" * 20, note="o" * 20, size=1)
    assert slots(COLUMNS, [machine], 52) == {"name": 14, "id": 19, "state": 7, "note": 6}
    assert slots(COLUMNS, [machine], 45) == {"name": 16, "id": 19, "note": 6}
    assert slots(COLUMNS, [machine], 36) == {"name": 15, "id": 19}


def test_a_column_of_priority_zero_is_never_dropped_and_an_id_is_never_cut() -> None:
    machine = Machine(name="n" * 20)
    assert slots(COLUMNS, [machine], 29) == {"name": 8, "id": 19}
    assert slots(COLUMNS, [machine], 25) == {"name": 4, "id": 19}
    assert slots(COLUMNS, [machine], 3) == {"name": 1, "id": 19}


def test_the_numbers_take_their_room_too() -> None:
    rows = build_rows([Machine(name="n" * 20)], COLUMNS[:2], now=NOW)
    assert fit(COLUMNS[:2], rows, width=40, numbers_width=3) == (Slot(index=0, width=14), Slot(index=1, width=19))


def test_rows_hold_escaped_texts_and_keep_style_and_sort_key() -> None:
    column: Column[Machine] = Column(
        key="x", title="X", cell=lambda _machine, _now: Cell(text="a\t ", style=Style.BAD, sort_key=3)
    )
    assert build_rows([Machine()], [column], now=NOW) == [(Cell(text=r"a\t", style=Style.BAD, sort_key=3),)]


names = st.text(
    st.one_of(st.sampled_from("가데👩💻\u200d\u0301\u1161\x1b\n\t \u3000🇰\ufe0f\u202e東e-…"), st.characters()),
    max_size=60,
)


@settings(max_examples=200)
@given(
    st.lists(st.tuples(names, names, st.sampled_from(["running", "stopped", ""])), min_size=1, max_size=6),
    st.integers(40, 220),
    st.booleans(),
)
def test_no_line_is_wider_than_the_screen_and_every_column_begins_in_one_place(
    rows: list[tuple[str, str, str]], columns_wide: int, with_numbers: bool
) -> None:
    machines = [
        Machine(name=name, id=f"i-{index:017x}", state=state, note=note)
        for index, (name, note, state) in enumerate(rows, start=0xABC00)
    ]
    numbers = range(95, 95 + len(machines)) if with_numbers else None
    lines = lines_of(machines, columns_wide=columns_wide, numbers=numbers)
    assert len(lines) == len(machines) + 1
    for line in lines:
        assert width(line) <= columns_wide
        assert line == line.rstrip()
        assert {unicodedata.category(char) for char in line if not char.isprintable()} <= {"Zs"}
    starts = {width(line[: line.index(machine.id)]) for line, machine in zip(lines[1:], machines, strict=True)}
    assert starts == {width(lines[0].partition(" ID")[0]) + 1}


@settings(max_examples=100)
@given(st.lists(names, min_size=1, max_size=5), st.integers(40, 220))
def test_colour_never_moves_a_column(texts: list[str], columns_wide: int) -> None:
    machines = [Machine(name=text, note=text[:9], state="pending") for text in texts]
    painted = lines_of(machines, columns_wide=columns_wide, paint=tagged)
    without = [line.replace("\x1b[1m<bad>\x1b[0m", "").replace("\x1b[1m<strong>\x1b[0m", "") for line in painted]
    assert [line.replace("\x1b[0m", "") for line in without] == lines_of(machines, columns_wide=columns_wide)


@settings(max_examples=200)
@given(st.integers(1, 220), st.text(max_size=80), st.text(max_size=80), st.integers(0, 4))
def test_columns_that_may_not_shrink_are_full_or_absent_and_shrinking_has_a_floor(
    columns_wide: int, name: str, note: str, numbers_width: int
) -> None:
    rows = build_rows([Machine(name=name, note=note, size=7)], COLUMNS, now=NOW)
    found = {COLUMNS[s.index].key: s.width for s in fit(COLUMNS, rows, width=columns_wide, numbers_width=numbers_width)}
    assert found["id"] == 19
    assert found.get("state", 7) == 7
    assert found.get("size", 5) == 5
    floor = 6 if columns_wide >= 40 else 1
    assert found.get("note", 6) >= min(floor, max(4, width(rows[0][3].text)))
    taken = sum(found.values()) + 2 * (len(found) - 1) + (numbers_width + 2 if numbers_width else 0)
    assert taken <= max(columns_wide, 1 + 2 + 19 + (numbers_width + 2 if numbers_width else 0))


@pytest.mark.parametrize(
    ("reverse", "expected"),
    [
        (False, ["Web-2", "web-10", "서버-1", "서버-10", "", "-", " "]),
        (True, ["서버-10", "서버-1", "web-10", "Web-2", "", "-", " "]),
    ],
)
def test_items_sort_by_natural_order_and_missing_values_are_always_last(reverse: bool, expected: list[str]) -> None:
    machines = [Machine(name=name) for name in ("", "web-10", "서버-10", "-", "Web-2", "서버-1", " ")]
    ordered = sort_items(machines, COLUMNS, key="name", now=NOW, reverse=reverse)
    assert [machine.name for machine in ordered] == expected


def test_a_sort_key_wins_over_the_text() -> None:
    machines = [Machine(size=size) for size in (9.0, None, 100.0, float("nan"), 10.0)]
    ordered = sort_items(machines, COLUMNS, key="size", now=NOW)
    assert [machine.size for machine in ordered[:3]] == [9.0, 10.0, 100.0]
    assert {machine.size == machine.size and machine.size for machine in ordered[3:]} == {None, False}


def test_numbers_and_texts_in_one_column_can_be_sorted() -> None:
    column: Column[Machine] = Column(
        key="x", title="X", cell=lambda machine, _now: Cell(text=machine.name, sort_key=machine.size or machine.note)
    )
    machines = [Machine(note="b"), Machine(size=2), Machine(note="a"), Machine(size=1), Machine()]
    ordered = sort_items(machines, [column], key="x", now=NOW)
    assert [machine.size or machine.note for machine in ordered] == [1, 2, "a", "b", ""]


@given(st.lists(st.sampled_from(["web-1", "WEB-1", "web-01", "db", "DB", ""])), st.booleans())
def test_items_that_are_equal_keep_their_order(texts: list[str], reverse: bool) -> None:
    machines = [Machine(name=text, note=str(index)) for index, text in enumerate(texts)]
    ordered = sort_items(machines, COLUMNS, key="name", now=NOW, reverse=reverse)
    for group in ({"web-1", "WEB-1", "web-01"}, {"db", "DB"}, {""}):
        places = [int(machine.note) for machine in ordered if machine.name in group]
        assert places == sorted(places)
    assert sorted(machine.note for machine in ordered) == sorted(machine.note for machine in machines)


def test_sorting_by_an_unknown_column_names_the_columns() -> None:
    with pytest.raises(InvalidInput, match="no column is called foo") as caught:
        sort_items([Machine()], COLUMNS, key="foo", now=NOW)
    assert caught.value.hint == "columns: name, id, state, note, size"


@pytest.mark.parametrize(
    ("terms", "passes"),
    [
        ((), True),
        ((Term(text="WEB"),), True),
        ((Term(text="run"), Term(text="web")), True),
        ((Term(text="run"), Term(text="db")), False),
        ((Term(column="state", text="web"),), False),
        ((Term(column="state", text="run"),), True),
        ((Term(text="web", negated=True),), False),
        ((Term(column="state", text="web", negated=True),), True),
        ((Term(text=r"\n"),), True),
        ((Term(column="absent", text="web"),), False),
    ],
)
def test_an_item_passes_when_every_term_does(terms: tuple[Term, ...], passes: bool) -> None:
    assert matches(Machine(name="web", note="a\nb"), COLUMNS, terms=terms, now=NOW) is passes


@given(names.filter(lambda text: escape(text).strip() != ""))
def test_what_is_shown_of_a_name_finds_it(name: str) -> None:
    shown = lines_of([Machine(name=name)], COLUMNS[:1])[1]
    assert matches(Machine(name=name), COLUMNS, terms=[Term(column="name", text=shown)], now=NOW)


def test_one_long_text_does_not_take_the_room_of_the_other_columns() -> None:
    name: Column[str] = Column(
        key="name", title="Name", cell=lambda item, _now: Cell(text=item), min_width=5, max_width=10
    )
    rest: Column[str] = Column(key="rest", title="Rest", cell=lambda _item, _now: Cell(text="x" * 12), min_width=4)
    rows = build_rows(["short", "l" * 200], (name, rest), now=NOW)
    assert [slot.width for slot in fit((name, rest), rows, width=80)] == [10, 12]
    assert [slot.width for slot in fit((name, rest), rows, width=None)] == [200, 12]
