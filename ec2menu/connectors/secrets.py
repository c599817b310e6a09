"""Passwords: the value that hides itself, where one may come from, and how long it stays.

Secrets Manager, RDS IAM tokens and the memory of this run live here; the operating system's keyring is in `vault`.
Asking the user is the terminal's, handing a password to a client is `clients`'.
"""

import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from cachetools import TTLCache

from ec2menu.clock import Clock
from ec2menu.errors import AwsError

if TYPE_CHECKING:  # imports boto3
    from ec2menu.aws.session import Aws

HIDDEN = "***"
MAX_KEPT = 128
_USER_KEYS = ("username", "user")


class HiddenText(str):
    """A text whose repr is `***`: tracebacks with locals, logs of arguments and dataclasses show that instead."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Hide the text."""
        return HIDDEN


class Password:
    """A password or token. Whatever prints it prints `***`; only `reveal` gives the text, to hand it on."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = HiddenText(text)

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        """Hide the text, in str() and format(), too."""
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        """Compare the texts."""
        return isinstance(other, Password) and str.__eq__(self._text, other._text)

    def __hash__(self) -> int:
        """Hash by the text."""
        return hash((Password, self._text))

    def __reduce__(self) -> str:
        """Refuse to be pickled or copied into anything that outlives us."""
        raise TypeError("a password is never pickled")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretLogin:
    """What a secret holds; `user` is empty where it does not say."""

    password: Password
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordKey:
    """Whose password it is: `target` must be unique over accounts and regions that one profile can reach."""

    profile: str
    target: str
    user: str

    @property
    def account(self) -> str:
        """The key as one text, for keyrings; the parts cannot run into each other."""
        return "/".join(quote(part, safe=":@. ") for part in (self.profile, self.target, self.user))


# -- from AWS ---------------------------------------------------------------------------------------------------------


def read_secret(aws: "Aws", region: str, name: str) -> SecretLogin:
    """Read a secret by name or ARN (secretsmanager GetSecretValue; an ARN names its own region).

    JSON as RDS keeps it is taken apart, any other text is the password. Raises AwsError; also for a binary secret and
    for JSON without a password.
    """
    arn = name.split(":")
    is_arn = len(arn) > 3 and arn[0] == "arn"  # noqa: PLR2004 - arn:PARTITION:SERVICE:REGION
    return parse_secret(_secret_text(aws, arn[3] if is_arn else region, name), name)


def _secret_text(aws: "Aws", region: str, name: str) -> Password:
    answer = aws.call("secretsmanager", "GetSecretValue", region, key="ARN", SecretId=name)
    text = answer.get("SecretString")
    if isinstance(text, str) and text:
        return Password(text)
    answer.clear()  # a binary secret is one, too
    raise AwsError(
        f"the secret {name} holds no text",
        hint="name one that holds a password, or JSON with username and password",
    )


def parse_secret(secret: Password, name: str) -> SecretLogin:
    """Take the text of the secret `name` apart; raises AwsError for JSON without a password."""
    fields = _members(secret)
    if fields is None:
        return SecretLogin(password=Password(secret.reveal().rstrip("\r\n")))
    if not fields.get("password"):
        raise AwsError(f"the secret {name} has no password in it", hint='it needs a member "password"')
    user = next((str(fields[key]) for key in _USER_KEYS if fields.get(key)), "")
    return SecretLogin(password=Password(fields["password"]), user=user)


def _members(secret: Password) -> dict[str, HiddenText] | None:
    """Return the members of a JSON object as texts, or None where the secret is something else."""
    try:
        found = json.loads(secret.reveal(), parse_constant=str, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    return {str(key): HiddenText(value) for key, value in found.items() if isinstance(value, str)}


def iam_token(aws: "Aws", *, region: str, host: str, port: int, user: str) -> Password:
    """Return an RDS IAM token, good for 15 minutes; see Aws.db_auth_token for `host`, `port` and what is raised."""
    return Password(aws.db_auth_token(region, host, port=port, user=user))


# -- in memory --------------------------------------------------------------------------------------------------------


class Passwords:
    """Passwords typed in this run, each kept for `ttl_seconds` (0: none is kept). Safe in threads."""

    def __init__(self, clock: Clock, ttl_seconds: float) -> None:
        self._ttl_seconds = ttl_seconds
        self._lock = threading.Lock()
        self._kept: TTLCache[PasswordKey, Password] = TTLCache(MAX_KEPT, ttl_seconds, timer=clock.now)

    def put(self, key: PasswordKey, password: Password) -> None:
        """Keep a password from now on."""
        with self._lock:
            if self._ttl_seconds > 0:
                self._kept[key] = password

    def get(self, key: PasswordKey) -> Password | None:
        """Return the password that is kept for the key."""
        with self._lock:
            self._kept.expire()  # out of memory, not only out of reach
            return self._kept.get(key)

    def forget(self, key: PasswordKey) -> bool:
        """Drop one password; return whether there was one."""
        with self._lock:
            self._kept.expire()
            return self._kept.pop(key, None) is not None

    def forget_all(self) -> int:
        """Drop all; return how many there were."""
        with self._lock:
            self._kept.expire()
            count = len(self._kept)
            self._kept.clear()
            return count
