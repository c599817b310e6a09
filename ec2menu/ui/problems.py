"""The parts of a list that failed, as few lines: what failed alike in many regions is told once. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from ec2menu.models import Problem
from ec2menu.ui.text import escape, shorten, wrap

MAX_LINES = 4
MAX_NAMED = 3


def fold_problems(problems: Sequence[Problem], *, named: int | None = None) -> list[Problem]:
    """Return the problems, those of several places that differ in nothing but the place as one.

    At most `named` of the places are named; without it all are.
    """
    groups: dict[tuple[str, str, int], list[Problem]] = {}
    for problem in problems:
        text = problem.message.replace(f" in {problem.where}", "").replace(f" {problem.where}", "")
        groups.setdefault((text, problem.hint, problem.status), []).append(problem)
    return [_as_one(text, group, named) for (text, _, _), group in groups.items()]


def describe_problem(problem: Problem) -> str:
    """Say what failed where, and what to do about it."""
    hint = f" ({problem.hint})" if problem.hint else ""
    return escape(f"! {problem.where}: {problem.message}{hint}")


def problem_lines(problems: Sequence[Problem], width: int) -> list[str]:
    """Return few lines of at most `width` display columns: in full where there is room for that, else one a problem."""
    texts = [describe_problem(problem) for problem in fold_problems(problems, named=MAX_NAMED)]
    lines = [line for text in texts for line in wrap(text, width, indent="  ")]
    if len(lines) <= MAX_LINES:
        return lines
    shown = texts[: MAX_LINES - 1]
    left = len(texts) - len(shown)
    more = f"… and {left} more; " if left else ""
    return [shorten(line, width) for line in (*shown, f"! {more}type ! to read all in full")]


def _as_one(text: str, group: Sequence[Problem], named: int | None) -> Problem:
    places = list(dict.fromkeys(problem.where for problem in group))
    if len(places) == 1:
        return group[0]
    more = ", …" if named is not None and len(places) > named else ""
    where = f"{len(places)} regions ({', '.join(places[:named])}{more})"
    return replace(group[0], where=where, message=text)
