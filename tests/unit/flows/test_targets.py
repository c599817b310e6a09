"""TARGET to one machine: id, Name, or a unique part; never a guess."""

from typing import Any

import pytest

from ec2menu.errors import ExitStatus, TargetUnclear
from ec2menu.flows.targets import MAX_SHOWN, describe, find_instance
from ec2menu.models import Instance


def machine(node_id: str, name: str = "", **fields: Any) -> Instance:
    return Instance(**({"id": node_id, "region": "us-east-1", "name": name, "state": "running"} | fields))


FLEET = [
    machine("i-0aaa", "web-1"),
    machine("i-0bbb", "web-10"),
    machine("i-0ccc", "Web-2"),
    machine("i-0ddd", "데이터베이스"),
    machine("mi-0eee", "on-prem", state=""),
    machine("i-0fff", "web-2", state="terminated"),
    machine("i-0ggg", "twin"),
    machine("i-0hhh", "twin", state="stopped"),
    machine("i-0iii", "i-0aaa"),
    machine("i-0jjj", ""),
]


def refusal(target: str, instances: list[Instance] | None = None) -> TargetUnclear:
    with pytest.raises(TargetUnclear) as caught:
        find_instance(target, FLEET if instances is None else instances, where="us-east-1")
    assert caught.value.status is ExitStatus.USAGE
    return caught.value


@pytest.mark.parametrize(
    ("target", "node_id"),
    [
        ("i-0bbb", "i-0bbb"),
        ("i-0aaa", "i-0aaa"),
        ("i-0fff", "i-0fff"),
        ("mi-0eee", "mi-0eee"),
        ("web-1", "i-0aaa"),
        ("WEB-1", "i-0aaa"),
        ("web-2", "i-0ccc"),
        ("Web-2", "i-0ccc"),
        ("web-10", "i-0bbb"),
        ("eb-10", "i-0bbb"),
        ("0BBB", "i-0bbb"),
        ("0jjj", "i-0jjj"),
        ("베이스", "i-0ddd"),
        ("데이터", "i-0ddd"),
        ("PREM", "mi-0eee"),
    ],
)
def test_a_target_is_an_id_a_name_or_a_unique_part_of_one(target: str, node_id: str) -> None:
    assert find_instance(target, FLEET, where="us-east-1").id == node_id


@pytest.mark.parametrize(("target", "count"), [("twin", 2), ("web", 3), ("TWIN", 2), ("i-0", 9)])
def test_several_matches_are_listed_and_refused(target: str, count: int) -> None:
    error = refusal(target)
    assert error.message == f"{count} machines are called like {target}"
    assert error.hint == "use one of these ids"
    assert len(error.matches) == count


@pytest.mark.parametrize("target", ["nobody", "", "i-0fffff", "*", "web-2x"])
def test_no_match_says_where_was_looked_and_how_to_list(target: str) -> None:
    error = refusal(target)
    assert error.message == f"nothing in us-east-1 is called {target}"
    assert error.hint == "list them with: ec2menu ls ec2"
    assert error.matches == ()


def test_a_terminated_machine_is_found_by_its_id_only() -> None:
    gone = [machine("i-0fff", "old", state="terminated"), machine("i-0abc", "older", state="shutting-down")]
    assert find_instance("i-0fff", gone, where="x").state == "terminated"
    assert refusal("old", gone).matches == ()


def test_an_exact_name_beats_the_same_name_in_other_letters() -> None:
    pair = [machine("i-1", "DB"), machine("i-2", "db"), machine("i-3", "Db")]
    assert find_instance("db", pair, where="x").id == "i-2"
    assert len(refusal("dB", pair).matches) == 3


def test_each_match_is_one_line_that_tells_it_from_the_others() -> None:
    twins = [
        machine("i-2", "twin", az="us-east-1b", private_ip="10.0.0.2", state="stopped"),
        machine("i-1", "twin", region="eu-west-1"),
    ]
    assert refusal("twin", twins).matches == (
        "i-1  eu-west-1  running  twin",
        "i-2  us-east-1  us-east-1b  10.0.0.2  stopped  twin",
    )


def test_a_crowd_of_matches_is_cut_and_counted() -> None:
    crowd = [machine(f"i-{number:03}", "web") for number in range(MAX_SHOWN + 7)]
    matches = refusal("web", crowd).matches
    assert len(matches) == MAX_SHOWN + 1
    assert matches[-1] == "… and 7 more"
    assert matches[0].startswith("i-000")


def test_a_korean_name_is_found_however_it_is_composed() -> None:
    decomposed = "\u1109\u1165\u110b\u116e\u11af"  # 서울 in single letters, as macOS types it
    assert find_instance(decomposed, [machine("i-1", "서울")], where="x").id == "i-1"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("web-1", "web-1 (i-1)"), ("", "i-1"), ("a\x1b[31mb\n", "a\\x1b[31mb\\n (i-1)"), ("서울", "서울 (i-1)")],
)
def test_a_machine_is_echoed_by_its_harmless_name_and_its_id(name: str, shown: str) -> None:
    assert describe(machine("i-1", name)) == shown
