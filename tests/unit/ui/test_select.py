import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec2menu.errors import InvalidInput
from ec2menu.ui.select import (
    Back,
    FilterBy,
    Help,
    NextPage,
    Nothing,
    Pick,
    PreviousPage,
    Quit,
    Refresh,
    RunOn,
    Selection,
    SortBy,
    Term,
    Wrong,
    parse,
    parse_filters,
    parse_sort,
)

COLUMNS = ("name", "id", "state", "private_ip", "public_ip", "type")
EIGHT = range(1, 9)


def full_width(text: str) -> str:
    """Return what a Korean or Japanese keyboard left in full-width mode types for `text`."""
    return "".join("\u3000" if char == " " else chr(ord(char) + 0xFEE0) for char in text)


typed_lines = st.one_of(
    st.text(st.characters(), max_size=30),
    st.text('0123456789,-! alALs/:"nbq\t' + full_width("3-,"), max_size=15),
    st.builds(",".join, st.lists(st.from_regex(r"!?[0-9]{1,3}(-[0-9]{1,3})?", fullmatch=True), max_size=6)),
)
number_lists = st.lists(st.integers(1, 300), unique=True, max_size=40)


def read(text: str) -> Selection:
    return parse(text, numbers=EIGHT, columns=COLUMNS)


def reason(selection: Selection | tuple[Term, ...]) -> str:
    assert isinstance(selection, Wrong)
    return selection.reason


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("3", (3,)),
        (" 3 ", (3,)),
        ("007", (7,)),
        ("1,3-5", (1, 3, 4, 5)),
        ("1 3 5", (1, 3, 5)),
        ("1, 3 ,5,", (1, 3, 5)),
        ("5,1,5,1-2", (5, 1, 2)),
        ("1 - 3", (1, 2, 3)),
        ("4-4", (4,)),
        ("all", tuple(EIGHT)),
        ("ALL", tuple(EIGHT)),
        ("!4", (1, 2, 3, 5, 6, 7, 8)),
        ("all,!4", (1, 2, 3, 5, 6, 7, 8)),
        ("!4 all", (1, 2, 3, 5, 6, 7, 8)),
        ("1-8,!4,!6-7", (1, 2, 3, 5, 8)),
        ("3,all", (3, 1, 2, 4, 5, 6, 7, 8)),
        (full_width("3"), (3,)),
        (full_width("1-3,5"), (1, 2, 3, 5)),
        ("0" * 5000 + "2", (2,)),
    ],
)
def test_numbers_ranges_and_exclusions_pick(text: str, numbers: tuple[int, ...]) -> None:
    assert read(text) == Pick(numbers=numbers)


def test_run_before_numbers_runs_on_them_and_is_a_text_to_filter_by_elsewhere() -> None:
    assert read("run 1,3-5") == RunOn(numbers=(1, 3, 4, 5))
    assert read("RUN all") == RunOn(numbers=tuple(EIGHT))
    assert read(full_width("run !4")) == RunOn(numbers=(1, 2, 3, 5, 6, 7, 8))
    assert read("run 9") == Wrong(reason="9 is not in the list; choose 1-8")
    assert read("run") == FilterBy(terms=(Term(text="run"),))
    assert read("runner 2") == FilterBy(terms=(Term(text="runner"), Term(text="2")))


def test_a_range_picks_only_printed_numbers_and_all_keeps_the_printed_order() -> None:
    printed = (9, 2, 5)
    assert parse("2-9", numbers=printed, columns=COLUMNS) == Pick(numbers=(2, 5, 9))
    assert parse("all", numbers=printed, columns=COLUMNS) == Pick(numbers=(9, 2, 5))
    assert parse("!2", numbers=printed, columns=COLUMNS) == Pick(numbers=(9, 5))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("9", "9 is not in the list; choose 1-8"),
        ("00", "00 is not in the list; choose 1-8"),
        ("1,0", "0 is not in the list; choose 1-8"),
        ("!9", "9 is not in the list; choose 1-8"),
        ("1-999999999", "999999999 is not in the list; choose 1-8"),
        ("999999998-999999999", "999999998 is not in the list; choose 1-8"),
        ("5-3", "5-3 runs backwards; type 3-5, or choose from 1-8"),
        ("!1-8", "that leaves nothing; choose from 1-8"),
        ("!all", "that leaves nothing; choose from 1-8"),
        ("3,!3", "that leaves nothing; choose from 1-8"),
        ("-1", "-1 is not a number or a range; choose 1-8, or type / and what to find"),
        ("1-", "1- is not a number or a range; choose 1-8, or type / and what to find"),
        ("1 -3", "-3 is not a number or a range; choose 1-8, or type / and what to find"),
        ("1--3", "1--3 is not a number or a range; choose 1-8, or type / and what to find"),
        ("!!4", "!!4 is not a number or a range; choose 1-8, or type / and what to find"),
        ("1-2-3", "1-2-3 is not a number or a range; choose 1-8, or type / and what to find"),
    ],
)
def test_numbers_that_cannot_be_picked_are_refused_with_the_valid_ones(text: str, complaint: str) -> None:
    assert reason(read(text)) == complaint


def test_a_number_with_thousands_of_digits_is_refused_in_a_short_sentence() -> None:
    assert len(reason(read("9" * 100_000))) < 100
    assert len(reason(read("1-" + "9" * 100_000))) < 100


@pytest.mark.parametrize(
    ("numbers", "valid"),
    [
        ((7,), "choose 7"),
        ((1, 2, 3, 7, 9, 10), "choose 1-3, 7, 9-10"),
        (range(2, 40, 2), "choose 2, 4, 6, 8, …, 38"),
    ],
)
def test_the_valid_numbers_are_described_as_ranges(numbers: tuple[int, ...], valid: str) -> None:
    assert reason(parse("99", numbers=numbers, columns=COLUMNS)).endswith(valid)


@pytest.mark.parametrize("text", ["1", "all", "!1", "1-3"])
def test_an_empty_list_has_nothing_to_choose(text: str) -> None:
    assert reason(parse(text, numbers=(), columns=COLUMNS)) == "the list is empty; there is nothing to choose"


@pytest.mark.parametrize(
    ("texts", "meaning"),
    [
        (("", " ", "\t", "\u3000"), Nothing()),
        (("0", " 0 ", "b", "B", "back", full_width("0")), Back()),
        (("q", "Q", "quit", "Exit"), Quit()),
        (("?", full_width("?"), "help", "HELP"), Help()),
        (("n", "N", full_width("n")), NextPage()),
        (("p", "P"), PreviousPage()),
        (("r", "R"), Refresh()),
    ],
)
def test_commands_are_read_in_any_case(texts: tuple[str, ...], meaning: Selection) -> None:
    assert {read(text) for text in texts} == {meaning}


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("s name", SortBy(column="name")),
        ("S -NAME", SortBy(column="name", reverse=True)),
        ("s  st", SortBy(column="state")),
        ("s - pri", SortBy(column="private_ip", reverse=True)),
        (full_width("s name"), SortBy(column="name")),
    ],
)
def test_s_sorts_by_a_column_or_the_start_of_one(text: str, meaning: Selection) -> None:
    assert read(text) == meaning


def test_a_column_that_begins_another_one_is_found_by_its_whole_key() -> None:
    assert parse_sort("ip", ("ip", "ipv6")) == SortBy(column="ip")


@pytest.mark.parametrize("text", ["s", "s -"])
def test_s_alone_lists_the_columns(text: str) -> None:
    assert ", ".join(COLUMNS) in reason(read(text))


def test_sorting_by_an_unknown_column_lists_the_columns_and_says_how_to_filter() -> None:
    assert reason(read("s Foo bar")) == (
        "no column is called Foo bar; there are name, id, state, private_ip, public_ip, type; to filter type /s Foo bar"
    )


def test_sorting_by_the_start_of_several_columns_names_them() -> None:
    assert reason(read("s p")) == "p may be private_ip or public_ip; type more of it"


def test_a_list_without_columns_cannot_be_sorted() -> None:
    assert reason(parse("s name", numbers=EIGHT, columns=())) == "this list cannot be sorted"


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("web", (Term(text="web"),)),
        ("web prod", (Term(text="web"), Term(text="prod"))),
        ("h", (Term(text="h"),)),
        ("n x", (Term(text="n"), Term(text="x"))),
        ("3 web", (Term(text="3"), Term(text="web"))),
        ("10.0.0.1", (Term(text="10.0.0.1"),)),
        ("ball", (Term(text="ball"),)),
        ("/", ()),
        ("/  ", ()),
        (full_width("/") + "web", (Term(text="web"),)),
        ("/3", (Term(text="3"),)),
        ("/all", (Term(text="all"),)),
        ("/q", (Term(text="q"),)),
        ("/s foo", (Term(text="s"), Term(text="foo"))),
        ("//aws", (Term(text="/aws"),)),
        ("/!4", (Term(text="4", negated=True),)),
        ("!web", (Term(text="web", negated=True),)),
        ("-web prod", (Term(text="web", negated=True), Term(text="prod"))),
        ("!-web", (Term(text="-web", negated=True),)),
        ("/!", (Term(text="!"),)),
        ("name:web", (Term(column="name", text="web"),)),
        ("NA:Web", (Term(column="name", text="Web"),)),
        ("-state:stopped", (Term(column="state", text="stopped", negated=True),)),
        ('name:"a b" c', (Term(column="name", text="a b"), Term(text="c"))),
        ('"a b"', (Term(text="a b"),)),
        ('"a b', (Term(text="a b"),)),
        ('"-web" "name:x"', (Term(text="-web"), Term(text="name:x"))),
        ("name:a:b", (Term(column="name", text="a:b"),)),
        ("p:10", (Term(text="p:10"),)),
        ("arn:aws:ec2", (Term(text="arn:aws:ec2"),)),
        (":80", (Term(text=":80"),)),
        ("서버", (Term(text="서버"),)),
    ],
)
def test_other_text_filters(text: str, terms: tuple[Term, ...]) -> None:
    assert read(text) == FilterBy(terms=terms)


@pytest.mark.parametrize("text", ['""', "name:", '-""', "/web name:"])
def test_a_filter_that_looks_for_nothing_is_refused(text: str) -> None:
    assert "looks for nothing" in reason(read(text))


def test_the_filters_of_a_command_line_keep_their_blanks_and_quotes() -> None:
    assert parse_filters(["name:a b", "!x", 'say "hi"', "3"], COLUMNS) == (
        Term(column="name", text="a b"),
        Term(text="x", negated=True),
        Term(text='say "hi"'),
        Term(text="3"),
    )
    assert parse_filters([], COLUMNS) == ()


@pytest.mark.parametrize("word", ["", "name:", "!name:"])
def test_an_empty_filter_on_the_command_line_never_widens_the_selection(word: str) -> None:
    with pytest.raises(InvalidInput, match="looks for nothing"):
        parse_filters(["web", word], COLUMNS)


@pytest.mark.parametrize(
    ("term", "texts", "passes"),
    [
        (Term(text="WEB"), ["prod-Web-1"], True),
        (Term(text="web"), ["db", "x-web"], True),
        (Term(text="web"), ["db"], False),
        (Term(text="web"), [], False),
        (Term(text="web", negated=True), ["db", "x-web"], False),
        (Term(text="web", negated=True), ["db", "cache"], True),
        (Term(text="web", negated=True), [], True),
        (Term(text=unicodedata.normalize("NFD", "서버")), ["서버-1"], True),
        (Term(text="서버"), [unicodedata.normalize("NFD", "서버-1")], True),
        (Term(text=r"\x1b[31m"), ["red\x1b[31m"], True),
        (Term(text="👩💻"), ["👩\u200d💻 dev"], True),
        (Term(text="👩\u200d💻"), ["👩\u200d💻 dev"], True),
        (Term(text="❤\ufe0f"), ["❤"], True),
        (Term(text="\u200d"), ["plain"], False),
    ],
)
def test_a_term_matches_text_as_it_is_and_as_it_is_shown(term: Term, texts: list[str], passes: bool) -> None:
    assert term.accepts(texts) is passes


@settings(max_examples=500)
@given(typed_lines, number_lists, st.lists(st.text(max_size=6), max_size=4))
def test_any_line_has_a_meaning_and_picks_only_what_is_in_the_list(
    text: str, numbers: list[int], columns: list[str]
) -> None:
    selection = parse(text, numbers=numbers, columns=columns)
    if isinstance(selection, Pick):
        assert selection.numbers
        assert set(selection.numbers) <= set(numbers)
        assert len(set(selection.numbers)) == len(selection.numbers)
    if isinstance(selection, Wrong):
        assert selection.reason
        assert "\n" not in selection.reason
    if isinstance(selection, SortBy):
        assert selection.column in columns


@given(number_lists.filter(bool), st.data())
def test_picked_and_excluded_numbers_make_up_the_whole_list(numbers: list[int], data: st.DataObject) -> None:
    some = data.draw(st.lists(st.sampled_from(numbers), unique=True, min_size=1))
    picked = parse(" ".join(map(str, some)), numbers=numbers, columns=())
    others = parse(",".join(f"!{number}" for number in some), numbers=numbers, columns=())
    assert picked == Pick(numbers=tuple(some))
    left = tuple(number for number in numbers if number not in some)
    assert isinstance(others, Wrong) if not left else others == Pick(numbers=left)


@given(st.text(max_size=30))
def test_a_slash_always_filters(text: str) -> None:
    assert isinstance(read("/" + text), FilterBy) or "looks for nothing" in reason(read("/" + text))
