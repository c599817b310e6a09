import subprocess
import sys
import unicodedata

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec2menu.ui.text import ELLIPSIS, escape, fold, narrow, natural_key, pad, shorten, width

NASTY = (
    "\x00\x07\x08\t\n\r\x1b\x7f\x85\x9b\xad\u0301\u0308\u0327\u034f\u0600\u061c\u0903\u093f\u094d\u0e33\u115f\u1160\u1161"
    "\u11a8\u180e\u200b\u200c\u200d\u200e\u2028\u2029\u202e\u2066\u20e3\u2800\u3000\u302e\u3099\u3164\ua960\ud7b0\ud800"
    "\udc80\ue000\ufdd0\ufe0e\ufe0f\ufeff\uffa0\uffff가각데\U0001f1f0\U0001f1f7\U0001f3fd\U0001f468\U0001f469\U0001f4bb"
    "\U000e0041\U000e0100\U0010ffff\\aZ 0-[;m"
)
texts = st.text(st.one_of(st.sampled_from(NASTY), st.characters(), st.characters(max_codepoint=0x7F)), max_size=40)
quick = settings(deadline=None, max_examples=300)


def columns_drawn_by_pyte(text: str) -> int:
    screen = pyte.Screen(4000, 2)
    stream = pyte.Stream(screen)
    for char in text:  # one at a time: pyte forgets the rest of a chunk after a zero-width vowel sign
        stream.feed(char)
    assert screen.cursor.y == 0
    return int(screen.cursor.x)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("", ""),
        ("web-1", "web-1"),
        ("데이터베이스", "데이터베이스"),
        ("東京 サーバー", "東京 サーバー"),
        ("Ünïcödé — ½ €", "Ünïcödé — ½ €"),
        (r"C:\new", r"C:\new"),
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\nb\r\nc\td", r"a\nb\r\nc\td"),
        ("\x00\x7f\x85", r"\x00\x7f\x85"),
        ("user\u202egpj.exe", r"user\u202egpj.exe"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("a\u200bb\ufeffc\xadd", r"a\u200bb\ufeffc\xadd"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("\U000e0041", r"\U000e0041"),
        ("\udc80\ud800", r"\udc80\ud800"),
        ("\ue000\ufdd0\uffff\u0378", r"\ue000\ufdd0\uffff\u0378"),
        ("a\u3164b\u115fc\uffa0", r"a\u3164b\u115fc\uffa0"),
        ("a\U000e0100b\ufe00", r"a\U000e0100b\ufe00"),
        ("👩\u200d💻", "👩💻"),
        ("👍🏽", "👍"),
        ("❤\ufe0f 1\ufe0f\u20e3", "❤ 1\u20e3"),
        ("서울 🇰🇷", "서울 KR"),
    ],
)
def test_foreign_text_is_shown_harmlessly(raw: str, shown: str) -> None:
    assert escape(raw) == shown


def test_decomposed_korean_and_accents_are_composed() -> None:
    assert escape(unicodedata.normalize("NFD", "데이터 é")) == "데이터 é"


def test_old_korean_keeps_its_vowel_and_a_vowel_elsewhere_is_shown_as_a_code() -> None:
    assert escape("\u1112\u119e\u11ab") == "\u1112\u119e\u11ab"
    assert escape("a\u119e") == r"a\u119e"
    assert escape("\u119e") == r"\u119e"


def test_a_combining_mark_with_nothing_before_it_is_shown_as_a_code() -> None:
    assert escape("\u0301a") == r"\u0301a"
    assert escape("\x1b\u0301") == r"\x1b\u0301"
    assert escape("\u200d\u0301") == r"\u0301"


def test_four_marks_in_a_row_stay_and_the_rest_are_shown_as_codes() -> None:
    marks = "\u0324" * 4
    assert escape("h" + marks + "i") == "h" + marks + "i"
    assert escape("h" + marks + "\u0324\u0324i") == "h" + marks + r"\u0324\u0324i"


@quick
@given(texts)
def test_escaped_text_holds_nothing_that_controls_or_hides(text: str) -> None:
    shown = escape(text)
    categories = {unicodedata.category(char) for char in shown}
    assert not categories & {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
    assert not set("\u200c\u200d\ufe0e\ufe0f\U0001f3fd\U0001f1f0\u3164") & set(shown)
    assert len(shown.splitlines()) <= 1
    assert unicodedata.is_normalized("NFC", shown)


@quick
@given(texts)
def test_escaping_twice_changes_nothing(text: str) -> None:
    assert escape(escape(text)) == escape(text)


@quick
@given(texts)
def test_the_width_is_what_a_terminal_emulator_draws(text: str) -> None:
    shown = escape(text)
    assert width(shown) == columns_drawn_by_pyte(shown)


@quick
@given(texts)
def test_the_width_is_never_negative_even_before_escaping(text: str) -> None:
    assert width(text) >= 0


@quick
@given(texts, st.integers(-2, 45))
def test_shortened_text_fits_and_is_a_beginning_with_an_ellipsis(text: str, columns: int) -> None:
    shown = escape(text)
    cut = shorten(shown, columns)
    assert width(cut) <= max(0, columns)
    if width(shown) <= columns:
        assert cut == shown
    elif columns > 0:
        assert cut.endswith(ELLIPSIS)
        assert shown.startswith(cut.removesuffix(ELLIPSIS))


@pytest.mark.parametrize(
    ("text", "columns", "cut"),
    [
        ("web-server", 10, "web-server"),
        ("web-server", 9, "web-serv…"),
        ("데이터베이스", 12, "데이터베이스"),
        ("데이터베이스", 11, "데이터베이…"),
        ("데이터베이스", 10, "데이터베…"),
        ("데이터", 2, "…"),
        ("ab cd", 4, "ab…"),
        ("cafe\u0324s", 5, "cafe\u0324s"),
        ("cafe\u0324ss", 5, "cafe\u0324…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
        ("", 0, ""),
    ],
)
def test_shortening_never_cuts_through_a_character(text: str, columns: int, cut: str) -> None:
    assert shorten(text, columns) == cut


def test_padding_counts_display_columns() -> None:
    assert pad("서버", 6) == "서버  "
    assert pad("서버", 6, right=True) == "  서버"
    assert pad("서버", 3) == "서버"


def test_comparing_ignores_case_and_how_korean_is_composed() -> None:
    assert fold("WEB") == fold("web")
    assert fold(unicodedata.normalize("NFD", "서울É")) == fold("서울é")
    assert fold("straße") == fold("STRASSE")


def test_numbers_in_names_sort_by_value() -> None:
    names = ["web-10", "Web-2", "web-1a", "10", "web", "2", "web-002b", "서버-11", "서버-9"]
    expected = ["2", "10", "web", "web-1a", "Web-2", "web-002b", "web-10", "서버-9", "서버-11"]
    assert sorted(names, key=natural_key) == expected


@quick
@given(st.lists(st.one_of(texts, st.text("0123456789a-", max_size=8))))
def test_any_texts_can_be_put_in_order(names: list[str]) -> None:
    ordered = sorted(names, key=natural_key)
    assert sorted(ordered, key=natural_key) == ordered


def test_a_number_of_ten_thousand_digits_sorts_like_any_other() -> None:
    assert natural_key("9" * 10_000) < natural_key("1" + "0" * 10_000)


def test_what_is_typed_in_full_width_mode_is_read_as_the_keys_that_were_meant() -> None:
    keys = "q1,3-5!4"
    typed = "".join(chr(ord(key) + 0xFEE0) for key in keys)
    assert narrow(f"{typed} 결제") == f"{keys} 결제"


def test_ascii_text_is_measured_without_loading_the_width_tables() -> None:
    program = """
import sys
from ec2menu.ui import select, tables, text
assert text.shorten(text.escape("web\\tserver"), 5) == "web\\\\…"
loaded = {"wcwidth", "tabulate", "boto3", "colorama"} & set(sys.modules)
assert not loaded, loaded
assert text.width("\uc11c") == 2
assert "wcwidth" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
