"""What failed in many regions, as few lines."""

import pytest

from ec2menu.models import Problem
from ec2menu.ui.problems import MAX_LINES, describe_problem, fold_problems, problem_lines
from ec2menu.ui.text import width

REGIONS = [f"eu-west-{number}" for number in range(1, 15)]
EXPIRED = "your AWS login has expired"


def denied(region: str, action: str = "ec2:DescribeInstances") -> Problem:
    return Problem(where=region, message=f"{action} in {region} is denied for user/kim", hint="ask")


def test_what_is_the_same_but_for_the_region_is_told_once() -> None:
    (folded,) = fold_problems([denied(region) for region in REGIONS], named=3)
    assert describe_problem(folded) == (
        "! 14 regions (eu-west-1, eu-west-2, eu-west-3, …): ec2:DescribeInstances is denied for user/kim (ask)"
    )
    (folded,) = fold_problems([denied(region) for region in REGIONS])
    assert folded.where == f"14 regions ({', '.join(REGIONS)})"


def test_a_login_that_has_expired_everywhere_is_told_once() -> None:
    (folded,) = fold_problems([Problem(where=region, message=EXPIRED, hint="log in") for region in REGIONS[:2]])
    assert describe_problem(folded) == f"! 2 regions (eu-west-1, eu-west-2): {EXPIRED} (log in)"


def test_one_of_a_kind_is_told_in_its_own_words() -> None:
    problems = [denied("eu-west-1"), denied("eu-west-1", "ssm:DescribeInstanceInformation")]
    assert fold_problems(problems) == problems


def test_the_same_twice_in_one_place_is_told_once() -> None:
    assert fold_problems([denied("eu-west-1")] * 2) == [denied("eu-west-1")]


def test_few_problems_are_told_in_full() -> None:
    lines = problem_lines([denied("eu-west-1"), denied("eu-west-1", "ssm:DescribeInstanceInformation")], 80)
    assert len(lines) == 3
    assert " ".join(line.strip() for line in lines).count("(ask)") == 2


@pytest.mark.parametrize("count", [3, 5, 40])
def test_many_problems_leave_room_for_the_list(count: int) -> None:
    lines = problem_lines([denied("eu-west-1", f"ec2:Action{number}") for number in range(count)], 80)
    assert len(lines) <= MAX_LINES
    assert all(width(line) <= 80 for line in lines)
    assert (lines[-1] == f"! … and {count - 3} more; type ! to read all in full") == (count > MAX_LINES)


def test_what_is_cut_to_a_line_can_be_read_in_full() -> None:
    lines = problem_lines([denied("eu-west-1", f"ec2:Action{number}{'x' * 80}") for number in range(3)], 80)
    assert lines[-1] == "! type ! to read all in full"
