"""Short numbered choices: how they are laid out on a screen of any size, and how an answer is read."""

import re

import pytest

from ec2menu.errors import Interrupted
from ec2menu.resources.region_names import TITLES
from ec2menu.ui.choices import Choice, choose_one, draw_choices, find_choice
from ec2menu.ui.terminal import EndOfInput
from ec2menu.ui.text import width
from tests.unit.desk import sit_down

REGIONS = tuple(Choice(key=name, label=name, remark=title) for name, title in list(TITLES.items())[:34])
WAYS = (
    Choice(key="shell", label="PowerShell session"),
    Choice(key="rdp", label="Remote Desktop", remark="through a tunnel", aliases=("remote", "mstsc")),
)


def draw(choices: tuple[Choice, ...], monkeypatch: pytest.MonkeyPatch, *, columns: int = 80, lines: int = 24) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(lines))
    desk = sit_down()
    draw_choices(choices, desk.terminal, reserved_lines=5)
    return desk.data


def test_choices_are_numbered_from_one_with_their_remarks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert draw(WAYS, monkeypatch) == "1  PowerShell session\n2  Remote Desktop      through a tunnel\n"


def test_no_choices_draw_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert draw((), monkeypatch) == ""


@pytest.mark.parametrize("columns", [80, 100, 120, 200])
@pytest.mark.parametrize("lines", [24, 30, 50])
def test_all_regions_fit_on_a_screen(columns: int, lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = draw(REGIONS, monkeypatch, columns=columns, lines=lines)
    assert len(drawn.splitlines()) <= lines - 5
    assert max(map(width, drawn.splitlines())) <= columns
    assert all(re.search(rf"\b{number}  {choice.label}\b", drawn) for number, choice in enumerate(REGIONS, 1))
    assert "N. Virginia" in drawn


@pytest.mark.parametrize("columns", [20, 30, 40, 60])
def test_on_a_narrow_screen_remarks_give_way_and_no_name_is_cut(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = draw(REGIONS, monkeypatch, columns=columns, lines=24)
    assert max(map(width, drawn.splitlines())) <= columns
    assert all(choice.label in drawn for choice in REGIONS)


def test_a_long_remark_at_the_top_does_not_cost_a_column(monkeypatch: pytest.MonkeyPatch) -> None:
    marked = (Choice(key="us-east-1", label="us-east-1", remark="N. Virginia · default · recent · mine"), *REGIONS[1:])
    drawn = draw(marked, monkeypatch)
    assert len(drawn.splitlines()) == 17
    assert max(map(width, drawn.splitlines())) <= 80


def test_columns_read_downwards(monkeypatch: pytest.MonkeyPatch) -> None:
    choices = tuple(Choice(key=letter, label=letter) for letter in "abcdef")
    assert draw(choices, monkeypatch, lines=8).splitlines() == ["1  a   4  d", "2  b   5  e", "3  c   6  f"]


def test_korean_labels_and_remarks_stand_under_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    choices = (Choice(key="a", label="서울", remark="default"), Choice(key="b", label="Tokyo", remark="recent"))
    first, second = draw(choices, monkeypatch).splitlines()
    assert width(first.partition("default")[0]) == width(second.partition("recent")[0])


@pytest.mark.parametrize("typed", ["2", " 2 ", "02", "rdp", "RDP", "remote", "mstsc", "\uff12"])
def test_a_choice_is_found_by_number_key_or_alias(typed: str) -> None:
    assert find_choice(typed, WAYS) == WAYS[1]


@pytest.mark.parametrize("typed", ["0", "3", "99999999999999999999", "-1", "1.5", "shel", "x\x1b[2J", "결" * 50, ""])
def test_anything_else_is_answered_with_what_can_be_typed(typed: str) -> None:
    found = find_choice(typed, WAYS)
    assert isinstance(found, str)
    assert "1-2" in found or "from 1 to 2" in found
    assert "\x1b" not in found
    assert width(found) <= 79


def test_an_empty_list_does_not_offer_numbers() -> None:
    assert find_choice("1", ()) == "there is nothing to choose from"


# -- asking -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("typed", "key"), [("1", "shell"), ("2", "rdp"), (" RDP ", "rdp"), ("mstsc", "rdp")])
def test_one_of_a_few_is_asked_for_under_a_title(typed: str, key: str) -> None:
    desk = sit_down(typed)
    assert choose_one(desk.terminal, "win-1 runs Windows", WAYS) == key
    assert desk.data == "win-1 runs Windows\n1  PowerShell session\n2  Remote Desktop      through a tunnel\n"
    assert desk.notes == "how (0 back): "


def test_the_default_is_shown_in_brackets_and_taken_by_an_empty_enter() -> None:
    desk = sit_down("")
    assert choose_one(desk.terminal, "how?", WAYS, default="rdp") == "rdp"
    assert desk.notes == "how [2] (0 back): "


@pytest.mark.parametrize("typed", ["", "3", "shel", "-1", "\x1b[2J"])
def test_a_wrong_answer_is_explained_and_asked_again(typed: str) -> None:
    desk = sit_down(typed, "2")
    assert choose_one(desk.terminal, "how?", WAYS) == "rdp"
    assert desk.notes.count("how (0 back): ") == 2
    assert "1-2" in desk.notes or "from 1 to 2" in desk.notes
    assert "\x1b" not in desk.notes


@pytest.mark.parametrize("typed", ["0", "b", "BACK", "q"])
def test_going_back_from_a_choice_chooses_nothing_also_where_there_is_a_default(typed: str) -> None:
    with pytest.raises(Interrupted):
        choose_one(sit_down(typed).terminal, "how?", WAYS, default="rdp")


def test_ctrl_c_and_ctrl_d_choose_nothing() -> None:
    with pytest.raises(Interrupted):
        choose_one(sit_down(KeyboardInterrupt()).terminal, "how?", WAYS, default="rdp")
    with pytest.raises(EndOfInput):
        choose_one(sit_down().terminal, "how?", WAYS, default="rdp")


def test_a_foreign_title_is_harmless() -> None:
    desk = sit_down("1")
    choose_one(desk.terminal, "a\x1b[2J\nb", WAYS)
    assert desk.data.startswith("a\\x1b[2J\\nb\n1  ")
