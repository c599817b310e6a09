"""Leaving the menu: tunnels that are open are asked about, those that have ended are not, and nobody is held back."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ec2menu.connectors.tunnel import TunnelState
from ec2menu.errors import ExitStatus
from ec2menu.flows.context import Context
from ec2menu.models import Region
from ec2menu.state.recent import remember_regions
from ec2menu.ui.screens.start import run_menu
from tests.unit.desk import REGION, CannedAws, Desk, context_at, sit_down

QUESTION = "close and leave? [Y/n]"


class Registry:
    """Stands for the tunnels of a run, of which the menu wants to know only how each does."""

    def __init__(self, *states: TunnelState) -> None:
        self._tunnels: list[Any] = [SimpleNamespace(state=state) for state in states]

    def all(self) -> list[Any]:
        return self._tunnels

    def news(self) -> list[str]:
        return []


def leave(folder: Path, *typed: str | BaseException, states: tuple[TunnelState, ...] = ()) -> tuple[Desk, int]:
    """Return the desk and the status after `typed` at the first menu of a run with tunnels."""
    desk = sit_down(*typed)
    context: Context = context_at(desk, CannedAws(), folder)
    remember_regions(context.store, "default", (Region(name=REGION, opt_in="opt-in-not-required"),))
    if states:
        context.__dict__["tunnels"] = Registry(*states)
    status = run_menu(context)
    assert desk.keyboard.left == 0
    return desk, status


def test_without_tunnels_nobody_is_asked(tmp_path: Path) -> None:
    desk, status = leave(tmp_path, "q")
    assert QUESTION not in desk.notes
    assert status == ExitStatus.DONE


@pytest.mark.parametrize("typed", ["", "y", "Yes"])
def test_with_a_tunnel_leaving_is_asked_about_and_yes_is_the_default(typed: str, tmp_path: Path) -> None:
    desk, status = leave(tmp_path, "q", typed, states=(TunnelState.OPEN,))
    assert f"1 tunnel is open; {QUESTION}" in desk.notes
    assert status == ExitStatus.DONE


def test_who_says_no_stays_where_they_were_and_is_asked_again(tmp_path: Path) -> None:
    states = (TunnelState.OPEN, TunnelState.RECONNECTING, TunnelState.NEEDS_LOGIN)
    desk, _ = leave(tmp_path, "q", "n", KeyboardInterrupt(), "n", "0", "y", states=states)
    assert desk.notes.count(f"3 tunnels are open; {QUESTION}") == 3
    assert desk.data.count("Region (profile default)") == 3


@pytest.mark.parametrize("again", [KeyboardInterrupt(), EOFError()])
def test_ctrl_c_or_ctrl_d_at_the_question_means_it(again: BaseException, tmp_path: Path) -> None:
    _, status = leave(tmp_path, KeyboardInterrupt(), again, states=(TunnelState.OPEN,))
    assert status == ExitStatus.INTERRUPTED


def test_a_tunnel_that_has_failed_is_not_worth_a_question(tmp_path: Path) -> None:
    assert QUESTION not in leave(tmp_path, "q", states=(TunnelState.FAILED,))[0].notes
    desk, _ = leave(tmp_path / "b", "q", "", states=(TunnelState.FAILED, TunnelState.OPEN))
    assert f"1 tunnel is open; {QUESTION}" in desk.notes
