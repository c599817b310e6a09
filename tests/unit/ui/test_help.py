"""Help at a list names only what that list has, and is laid out for the screen."""

import pytest

from ec2menu.resources.kinds import KINDS, ResourceKind
from ec2menu.ui import select
from ec2menu.ui.help import help_lines, list_help
from ec2menu.ui.text import width

ENTRIES = (("3", "choose number 3"), ("결제", "keep rows"), ("q", "quit"))


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_all_that_a_list_says_can_be_typed_can_be_typed_there(kind: ResourceKind) -> None:
    keys = [column.key for column in kind.columns]
    for typed, _ in list_help(keys, several=True, runs=True):
        for text in typed.split("  "):
            found = select.parse(text, numbers=range(1, 10), columns=keys)
            assert not isinstance(found, select.Wrong)
            assert not isinstance(found, select.FilterBy) or select.describe_misread(found.terms, keys) == ""


def test_what_a_list_does_not_do_is_not_promised() -> None:
    typed = [entry[0] for entry in list_help(["name", "status"], several=False, runs=False)]
    assert {"1,3-5", "all", "!4", "run 1,3-5", "tag:K=V", "s age"}.isdisjoint(typed)
    assert {"status:text", "s status"} <= set(typed)


def test_two_columns_where_they_fit_and_else_one() -> None:
    assert help_lines(ENTRIES, 80) == ["3     choose number 3  결제  keep rows", "q     quit"]
    assert help_lines(ENTRIES, 30) == ["3     choose number 3", "결제  keep rows", "q     quit"]
    assert max(map(width, help_lines(list_help(["age", "tags"], several=True, runs=True), 80))) <= 80
