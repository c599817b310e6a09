"""The operating system's keyring as a place for passwords, where there is one that can be trusted with them.

The package keyring is an optional extra and imported here only. What its backends raise never leaves this module: every
failure is a sentence.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ec2menu.connectors.secrets import Password, PasswordKey

SERVICE = "ec2menu"
INSTALL_KEYRING = "the package keyring is not installed; type: pipx inject ec2menu keyring (or: pip install keyring)"


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultAnswer:
    """What the keyring did: a password where one was asked for and found, or the reason why it failed."""

    password: Password | None = None
    reason: str = ""


class Vault:
    """The system's keyring by way of the package keyring; `title` names it. No method raises."""

    def __init__(self, backend: Any, *, service: str = SERVICE) -> None:
        self.title = _backend_name(backend)
        self._backend = backend
        self._service = service

    def get(self, key: PasswordKey) -> VaultAnswer:
        """Look a password up."""
        return self._attempt("read", lambda: self._backend.get_password(self._service, key.account))

    def set(self, key: PasswordKey, password: Password) -> VaultAnswer:
        """Keep a password until it is deleted."""
        return self._attempt("kept", lambda: self._backend.set_password(self._service, key.account, password.reveal()))

    def delete(self, key: PasswordKey) -> VaultAnswer:
        """Remove a password; one that is not there is a reason, too."""
        return self._attempt("deleted", lambda: self._backend.delete_password(self._service, key.account))

    def _attempt(self, verb: str, action: Callable[[], object]) -> VaultAnswer:
        try:
            found = action()
        except Exception as error:  # noqa: BLE001 - every keyring has errors of its own, none may end the menu
            # The error's own text is left out: nobody knows what a keyring puts into it.
            return VaultAnswer(reason=f"the password could not be {verb} in {self.title}: {type(error).__name__}")
        return VaultAnswer(password=Password(found) if isinstance(found, str) else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedVault:
    """The keyring, or the reason why there is none to use."""

    vault: Vault | None = None
    reason: str = ""


def load_backend() -> Any:
    """Return the keyring that the package keyring chooses. Raises ImportError, and whatever that package raises."""
    import keyring  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - an optional extra, slow to import

    return keyring.get_keyring()


def open_vault(load: Callable[[], Any] = load_backend) -> OpenedVault:
    """Return the system's keyring where it is one that keeps secrets, and gives back what was put into it."""
    try:
        backend = load()
    except ImportError:
        return OpenedVault(reason=INSTALL_KEYRING)
    except Exception as error:  # noqa: BLE001 - every keyring has errors of its own, none may end the menu
        return OpenedVault(reason=f"the system's keyring cannot be used: {type(error).__name__}")
    if not _keeps_secrets(backend):
        return OpenedVault(reason=f"there is no keyring here that keeps secrets (only {_backend_name(backend)})")
    reason = _try_out(Vault(backend, service=f"{SERVICE}-check"))
    return OpenedVault(reason=reason) if reason else OpenedVault(vault=Vault(backend))


def _keeps_secrets(backend: Any) -> bool:
    """Tell a real keyring from one that refuses everything, keeps nothing, or writes plain text.

    A chain must not hold one of those. A backend does not say which it is, but by its name.
    """
    parts = getattr(backend, "backends", None)
    if isinstance(parts, (list, tuple)):
        return bool(parts) and all(_keeps_secrets(part) for part in parts)
    name = f"{type(backend).__module__}.{type(backend).__qualname__}".lower()
    return not any(word in name for word in (".fail.", ".null.", "plaintext"))


def _backend_name(backend: Any) -> str:
    return f"{type(backend).__module__}.{type(backend).__qualname__}".removeprefix("keyring.backends.")


def _try_out(vault: Vault) -> str:
    """Put a random value in, read it, take it out; return what went wrong."""
    key = PasswordKey(profile="", target="check", user=secrets.token_hex(8))
    value = Password(secrets.token_urlsafe(24))
    wrote = vault.set(key, value)
    if wrote.reason:
        return wrote.reason
    read = vault.get(key)
    gone = vault.delete(key)
    if read.reason or read.password != value:
        return read.reason or f"{vault.title} does not give back what it was given"
    if gone.reason or vault.get(key).password is not None:
        return gone.reason or f"{vault.title} does not delete what it was told to"
    return ""
