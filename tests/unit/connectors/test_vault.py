"""The system's keyring, played by stand-ins with the interface of the package keyring's backends."""

from collections.abc import Callable
from typing import Any

import pytest

from ec2menu.connectors.secrets import Password, PasswordKey
from ec2menu.connectors.vault import INSTALL_KEYRING, Vault, VaultAnswer, open_vault

HUSH = Password("hush")
KEY = PasswordKey(profile="prod", target="us-east-1/billing", user="app")


class Keyring:
    """A keyring in memory that works."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, account: str) -> str | None:
        return self.kept.get((service, account))

    def set_password(self, service: str, account: str, password: str) -> None:
        self.kept[service, account] = password

    def delete_password(self, service: str, account: str) -> None:
        del self.kept[service, account]


class Locked(Keyring):
    """A keyring whose errors quote what was put into it."""

    def set_password(self, service: str, account: str, password: str) -> None:
        raise RuntimeError(f"cannot store {password}")

    def get_password(self, service: str, account: str) -> str | None:
        raise RuntimeError("locked")


class Forgetful(Keyring):
    def set_password(self, service: str, account: str, password: str) -> None:
        pass


class Mangling(Keyring):
    def get_password(self, service: str, account: str) -> str | None:
        found = super().get_password(service, account)
        return found and found[:8]


class Clinging(Keyring):
    def delete_password(self, service: str, account: str) -> None:
        pass


class PlaintextKeyring(Keyring):
    """Named as the one of keyrings.alt is."""


class Chain(Keyring):
    def __init__(self, *backends: Keyring) -> None:
        super().__init__()
        self.backends = backends


def named(module: str) -> Keyring:
    """Return a working keyring whose class lives in another module."""
    return type("Keyring", (Keyring,), {"__module__": module})()  # type: ignore[no-any-return]  # type() gives Any


def raising(error: Exception) -> Callable[[], Any]:
    def load() -> Any:
        raise error

    return load


def test_a_keyring_that_works_is_opened_and_left_as_it_was() -> None:
    keyring = Keyring()

    opened = open_vault(lambda: keyring)

    assert opened.reason == ""
    assert opened.vault
    assert keyring.kept == {}


def test_a_password_is_put_in_looked_up_and_deleted() -> None:
    vault = Vault(Keyring())

    assert vault.get(KEY) == VaultAnswer()
    assert vault.set(KEY, HUSH) == VaultAnswer()
    assert vault.get(KEY) == VaultAnswer(password=HUSH)
    assert vault.delete(KEY) == VaultAnswer()
    assert vault.get(KEY) == VaultAnswer()


def test_a_password_is_kept_under_our_name_and_its_whole_key() -> None:
    keyring = Keyring()

    Vault(keyring).set(KEY, HUSH)

    assert keyring.kept == {("ec2menu", "prod/us-east-1%2Fbilling/app"): "hush"}


@pytest.mark.parametrize("verb", ["get", "set", "delete"])
def test_a_failure_is_a_reason_without_the_password_and_never_raised(verb: str) -> None:
    vault = Vault(Locked())
    actions = {"get": lambda: vault.get(KEY), "set": lambda: vault.set(KEY, HUSH), "delete": lambda: vault.delete(KEY)}

    answer = actions[verb]()

    assert answer.password is None
    assert "the password could not be" in answer.reason
    assert "Locked" in answer.reason
    assert "hush" not in answer.reason


@pytest.mark.parametrize(
    ("keyring", "reason"),
    [
        (named("keyring.backends.fail"), "there is no keyring here that keeps secrets (only fail.Keyring)"),
        (named("keyring.backends.null"), "there is no keyring here that keeps secrets (only null.Keyring)"),
        (PlaintextKeyring(), "there is no keyring here that keeps secrets"),
        (Chain(), "there is no keyring here that keeps secrets"),
        (Chain(Keyring(), PlaintextKeyring()), "there is no keyring here that keeps secrets"),
        (Locked(), "could not be kept"),
        (Forgetful(), "does not give back what it was given"),
        (Mangling(), "does not give back what it was given"),
        (Clinging(), "does not delete what it was told to"),
    ],
)
def test_a_keyring_that_is_none_is_refused_with_the_reason(keyring: Keyring, reason: str) -> None:
    opened = open_vault(lambda: keyring)

    assert opened.vault is None
    assert reason in opened.reason


def test_a_chain_of_real_keyrings_is_one() -> None:
    assert open_vault(lambda: Chain(Keyring(), Keyring())).vault


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ImportError("no keyring"), INSTALL_KEYRING),
        (ModuleNotFoundError("keyring"), INSTALL_KEYRING),
        (RuntimeError("D-Bus"), "the system's keyring cannot be used: RuntimeError"),
    ],
)
def test_a_keyring_that_cannot_be_loaded_is_a_reason(error: Exception, reason: str) -> None:
    assert open_vault(raising(error)).reason == reason
