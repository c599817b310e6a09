"""Many names in few words, and none of them lost."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2menu.batch.names import count_nodes, fold_names, labels_of
from ec2menu.batch.nouns import Target


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        (["web-1", "web-2", "web-3"], "web-[1-3]"),
        (["web-1", "web-2", "web-3", "web-7"], "web-[1-3,7]"),
        (["web-10", "web-9", "web-11"], "web-[9-11]"),
        (["web-01", "web-02", "web-10"], "web-[01-02,10]"),
        (["web-08", "web-09", "web-10"], "web-[08-10]"),
        (["web-1", "web-02"], "web-[1,02]"),
        (["ip-10-0-1-5", "ip-10-0-1-6"], "ip-10-0-1-[5-6]"),
        (["운영-api-2", "운영-api-1", "점프호스트"], "운영-api-[1-2], 점프호스트"),
        (["db1-eu", "db2-eu", "db2-us"], "db[1-2]-eu, db2-us"),
        (["b", "a", "B"], "a, B, b"),
        (["web1", "web", "web2"], "web, web[1-2]"),
        (["1", "", "a"], ", 1, a"),
        (["web-1 (i-0a)", "web-1 (i-0b)"], "web-1 (i-0a), web-1 (i-0b)"),
        (["web-1", "web-1"], "web-1"),
        ([], ""),
        ([""], ""),
    ],
)
def test_names_that_differ_in_their_last_number_are_one_word(names: list[str], folded: str) -> None:
    assert fold_names(names) == folded


def test_more_words_than_the_limit_are_counted_by_their_names() -> None:
    assert fold_names(["a", "b-1", "b-2", "c-1", "c-2", "d"], limit=2) == "a, b-[1-2], … and 3 more"
    assert fold_names(["a", "b"], limit=2) == "a, b"


def unfold(text: str) -> set[str]:
    names = set()
    for word in text.split(", "):
        match = re.fullmatch(r"(.*?)\[([0-9,-]+)\](.*)", word)
        if match is None:
            names.add(word)
            continue
        for span in match[2].split(","):
            low, _, high = span.partition("-")
            wide = len(low) if high and len(low) == len(high) else 0
            names |= (
                {f"{match[1]}{number:0{wide}}{match[3]}" for number in range(int(low), int(high or low) + 1)}
                if high
                else {f"{match[1]}{low}{match[3]}"}
            )
    return names


@given(st.sets(st.from_regex(r"(web|db-)[0-9]{1,3}(-eu)?", fullmatch=True), min_size=1))
def test_folded_names_are_all_names_and_no_others(names: set[str]) -> None:
    assert unfold(fold_names(names)) == names


@given(st.lists(st.text(alphabet="aB1\uff102-, ", max_size=4), max_size=4))
def test_names_of_any_kind_can_be_folded(names: list[str]) -> None:
    assert fold_names(reversed(names)) == fold_names(names)


def test_nodes_of_the_same_name_are_told_apart_by_their_ids() -> None:
    nodes = [Target(id=f"i-{number}", region="r", name=name) for number, name in enumerate(["a", "b", "b", ""])]
    assert list(labels_of(nodes).values()) == ["a", "b (i-1)", "b (i-2)", "i-3"]


def test_one_node_is_no_plural() -> None:
    assert [count_nodes(number) for number in (0, 1, 1200)] == ["0 nodes", "1 node", "1,200 nodes"]
