"""The numbered loop: where each move leads, and that nothing a screen does ends it but leaving."""

from collections.abc import Callable

import pytest

from ec2menu.errors import AwsError, ExitStatus, Interrupted
from ec2menu.ui.menu import Menu, Move, Screen, describe_bug
from ec2menu.ui.terminal import EndOfInput, Stopped
from tests.unit.desk import Desk, sit_down

Step = Move | Screen | BaseException


class Scripted:
    """A screen that answers with one move after another, then goes back; exceptions among them are raised."""

    def __init__(self, name: str, seen: list[str], *steps: Step, opening: BaseException | None = None) -> None:
        self._name, self._seen, self._steps, self._opening = name, seen, list(steps), opening

    def open(self) -> None:
        self._seen.append(f"open {self._name}")
        if self._opening:
            raise self._opening

    def ask(self) -> Move | Screen:
        self._seen.append(self._name)
        step = self._steps.pop(0) if self._steps else Move.BACK
        if isinstance(step, BaseException):
            raise step
        return step


Make = Callable[..., Scripted]


@pytest.fixture
def desk() -> Desk:
    return sit_down()


@pytest.fixture
def seen() -> list[str]:
    return []


@pytest.fixture
def screen(seen: list[str]) -> Make:
    def make(name: str, *steps: Step, opening: BaseException | None = None) -> Scripted:
        return Scripted(name, seen, *steps, opening=opening)

    return make


def test_going_back_returns_to_the_screen_before_and_out_of_the_first(
    desk: Desk, screen: Make, seen: list[str]
) -> None:
    status = Menu(desk.terminal).run(screen("regions", screen("kinds", screen("list"))))
    assert seen == ["open regions", "regions", "open kinds", "kinds", "open list", "list", "kinds", "regions"]
    assert status == ExitStatus.DONE


def test_quitting_leaves_from_any_depth(desk: Desk, screen: Make, seen: list[str]) -> None:
    assert Menu(desk.terminal).run(screen("regions", screen("kinds", Move.QUIT))) == ExitStatus.DONE
    assert seen[-1] == "kinds"


def test_several_first_screens_begin_with_the_last(desk: Desk, screen: Make, seen: list[str]) -> None:
    Menu(desk.terminal).run(screen("regions"), screen("kinds"))
    assert seen == ["open regions", "open kinds", "kinds", "regions"]


def test_a_first_screen_that_cannot_be_opened_leaves_the_one_before(desk: Desk, screen: Make, seen: list[str]) -> None:
    Menu(desk.terminal).run(screen("regions"), screen("kinds", opening=AwsError("no network", hint="plug it in")))
    assert seen == ["open regions", "open kinds", "regions"]
    assert desk.notes == "ec2menu: no network\n  hint: plug it in\n"


@pytest.mark.parametrize("left", [Interrupted("x"), EndOfInput("x")])
def test_ctrl_c_and_ctrl_d_at_a_prompt_go_back_one_screen(
    left: Exception, desk: Desk, screen: Make, seen: list[str]
) -> None:
    assert Menu(desk.terminal).run(screen("regions", screen("kinds", left))) == ExitStatus.DONE
    assert seen[-2:] == ["kinds", "regions"]
    assert desk.notes == ""


def test_ctrl_c_at_the_first_prompt_ends_with_its_status(desk: Desk, screen: Make) -> None:
    assert Menu(desk.terminal).run(screen("regions", Interrupted("x"))) == ExitStatus.INTERRUPTED


def test_ctrl_d_at_the_first_prompt_ends_well(desk: Desk, screen: Make) -> None:
    assert Menu(desk.terminal).run(screen("regions", EndOfInput("x"))) == ExitStatus.DONE


@pytest.mark.parametrize("depth", [1, 2])
def test_ctrl_c_while_something_is_awaited_ends_only_the_waiting(
    depth: int, desk: Desk, screen: Make, seen: list[str]
) -> None:
    asked = screen("asked", Stopped("x"), Move.QUIT)
    Menu(desk.terminal).run(asked if depth == 1 else screen("before", asked))
    assert seen.count("asked") == 2
    assert desk.notes == "stopped\n"


def test_ctrl_c_between_two_prompts_draws_the_screen_again(desk: Desk, screen: Make, seen: list[str]) -> None:
    Menu(desk.terminal).run(screen("regions", KeyboardInterrupt()))
    assert seen == ["open regions", "regions", "regions"]


def test_an_error_is_shown_and_the_screen_stays(desk: Desk, screen: Make, seen: list[str]) -> None:
    Menu(desk.terminal).run(screen("regions", screen("list", AwsError("throttled", hint="wait"))))
    assert seen == ["open regions", "regions", "open list", "list", "list", "regions"]
    assert desk.notes == "ec2menu: throttled\n  hint: wait\n"


@pytest.mark.parametrize("opening", [Interrupted("x"), EndOfInput("x"), KeyboardInterrupt()])
def test_stopping_what_a_screen_waits_for_on_opening_stays_where_one_was(
    opening: BaseException, desk: Desk, screen: Make, seen: list[str]
) -> None:
    Menu(desk.terminal).run(screen("regions", screen("list", opening=opening)))
    assert seen == ["open regions", "regions", "open list", "regions"]
    assert desk.notes == "stopped\n"


def test_a_bug_in_a_screen_is_told_and_leads_back(desk: Desk, screen: Make, seen: list[str]) -> None:
    Menu(desk.terminal).run(screen("regions", screen("list", ZeroDivisionError("division by zero"))))
    assert seen[-2:] == ["list", "regions"]
    assert desk.notes.startswith("ec2menu: this is a bug in ec2menu: ZeroDivisionError: division by zero\n")


def test_a_bug_in_opening_a_screen_is_told_and_the_menu_goes_on(desk: Desk, screen: Make, seen: list[str]) -> None:
    Menu(desk.terminal).run(screen("regions", screen("list", opening=ZeroDivisionError("x"))))
    assert seen == ["open regions", "regions", "open list", "regions"]
    assert "bug in ec2menu" in desk.notes


@pytest.mark.parametrize("where", ["open", "ask"])
def test_a_bug_in_the_first_screen_has_nowhere_to_go_back_to(where: str, desk: Desk, screen: Make) -> None:
    bug = ZeroDivisionError("x")
    first = screen("regions", opening=bug) if where == "open" else screen("regions", bug)
    with pytest.raises(ZeroDivisionError):
        Menu(desk.terminal).run(first)


def test_a_bug_says_how_to_report_it() -> None:
    error = describe_bug(KeyError("x"))
    assert (error.message, error.status) == ("this is a bug in ec2menu: KeyError: 'x'", ExitStatus.TARGET_FAILED)
    assert "--debug" in error.hint


# -- leaving ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leaving", "status"),
    [
        (Move.QUIT, ExitStatus.DONE),
        (Move.BACK, ExitStatus.DONE),
        (EndOfInput("x"), ExitStatus.DONE),
        (Interrupted("x"), ExitStatus.INTERRUPTED),
    ],
    ids=["q", "0", "Ctrl-D", "Ctrl-C"],
)
def test_who_may_not_leave_stays_on_the_first_screen_until_they_may(
    leaving: Step, status: ExitStatus, desk: Desk, screen: Make, seen: list[str]
) -> None:
    answers = [False, False, True]
    first = screen("regions", leaving, leaving, leaving, Move.QUIT)
    assert Menu(desk.terminal, may_leave=lambda: answers.pop(0)).run(first) == status
    assert seen == ["open regions", *["regions"] * 3]
    assert answers == []


def test_who_quits_deep_inside_and_stays_after_all_is_where_they_were(
    desk: Desk, screen: Make, seen: list[str]
) -> None:
    answers = [False, True]
    kinds = screen("kinds", Move.QUIT, Move.QUIT)
    Menu(desk.terminal, may_leave=lambda: answers.pop(0)).run(screen("regions", kinds))
    assert seen == ["open regions", "regions", "open kinds", "kinds", "kinds"]


def test_going_back_inside_asks_nobody(desk: Desk, screen: Make, seen: list[str]) -> None:
    def may_leave() -> bool:
        seen.append("asked")
        return True

    inner = screen("kinds", Move.BACK)
    Menu(desk.terminal, may_leave=may_leave).run(screen("regions", screen("list", Interrupted("x"))), inner)
    assert seen[-4:] == ["open list", "list", "regions", "asked"]
    assert seen.count("asked") == 1
