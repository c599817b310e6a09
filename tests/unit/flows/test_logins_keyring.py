"""Passwords in the system's keyring: only where it is wanted and can be used, and none that has failed."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ec2menu.connectors.clients import LoginSource
from ec2menu.flows.logins import forget_all_logins, forget_login
from tests.unit.flows.login_seat import HUSH, PLAIN, Seat, told

KEYRING = """
class Keyring:
    def __init__(self):
        self.kept = {}
    def get_password(self, service, account):
        return self.kept.get((service, account))
    def set_password(self, service, account, password):
        if FULL and not service.endswith("-check"):
            raise RuntimeError(f"no room for {password}")
        self.kept[service, account] = password
    def delete_password(self, service, account):
        del self.kept[service, account]
FULL = False
chosen = Keyring()
def get_keyring():
    return chosen
"""


@pytest.fixture
def seat(tmp_path: Path) -> Seat:
    made = Seat(tmp_path)
    made.set(keyring=True)
    return made


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A stand-in for the package keyring and what it chooses, as if it were installed."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "keyring.py").write_text(KEYRING)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "keyring", raising=False)
    import keyring as installed  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - made just now

    yield installed
    sys.modules.pop("keyring")


def again(seat: Seat) -> Seat:
    """Return the seat as the next run finds it: nothing in memory."""
    seat.context.passwords.forget_all()
    return seat


def test_a_keyring_keeps_the_password_from_one_run_to_the_next(seat: Seat, keyring: Any) -> None:
    seat.log_in(PLAIN, "", "", "typed-1")
    assert list(keyring.chosen.kept.values()) == ["typed-1"]
    login = again(seat).log_in(PLAIN, "", "")
    assert told(login) == ("admin", "typed-1", LoginSource.KEYRING)
    assert "the password comes from keyring.Keyring" in seat.notes


def test_a_password_that_has_not_worked_does_not_get_into_the_keyring(seat: Seat, keyring: Any) -> None:
    seat.log_in(PLAIN, "", "", "typed-1", works=False)
    assert keyring.chosen.kept == {}


@pytest.mark.parametrize("is_next_run", [False, True])
def test_forget_takes_out_of_the_keyring_what_this_run_has_used_of_it(
    seat: Seat, keyring: Any, *, is_next_run: bool
) -> None:
    keyring.chosen.kept["ec2menu", "of another database"] = "other-1"
    seat.log_in(PLAIN, "", "", "typed-1")
    if is_next_run:
        seat.context.keyring_keys = set()
        again(seat).log_in(PLAIN, "", "")
    forget_all_logins(seat.context)
    assert "taken out of keyring.Keyring: 1" in seat.notes
    assert list(keyring.chosen.kept.values()) == ["other-1"]


def test_without_the_setting_a_keyring_is_left_alone(seat: Seat, keyring: Any) -> None:
    seat.set(keyring=False)
    seat.log_in(PLAIN, "", "", "typed-1")
    assert keyring.chosen.kept == {}


@pytest.mark.parametrize("is_next_run", [False, True])
def test_a_password_that_failed_does_not_stay_in_the_keyring(seat: Seat, keyring: Any, *, is_next_run: bool) -> None:
    login = seat.log_in(PLAIN, "", "", "wrong-1")
    if is_next_run:
        login = again(seat).log_in(PLAIN, "", "")
    forget_login(seat.context, PLAIN, login)
    assert "the password was taken out of keyring.Keyring; type it next time" in seat.notes
    assert keyring.chosen.kept == {}
    assert told(seat.log_in(PLAIN, "", "", "typed-2"))[1] == "typed-2"


def test_a_keyring_that_cannot_keep_the_password_says_so_without_it(seat: Seat, keyring: Any) -> None:
    keyring.FULL = True
    assert told(seat.log_in(PLAIN, "", "", HUSH))[1] == HUSH
    assert "! the password could not be kept in keyring.Keyring: RuntimeError\n" in seat.notes


@pytest.mark.parametrize(
    ("source", "why"),
    [("raise ImportError", "the package keyring is not installed"), ("raise OSError", "cannot be used: OSError")],
)
def test_a_keyring_that_cannot_be_used_says_why_and_the_password_is_typed(
    source: str, why: str, seat: Seat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keyring.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "keyring", raising=False)
    login = seat.log_in(PLAIN, "", "", "typed-1")
    assert told(login)[1] == "typed-1"
    assert why in seat.notes
    seat.type()
    forget_login(seat.context, PLAIN, login)
    assert seat.notes == "", "it has been said"
