"""Passwords: they hide themselves, come out of secrets, and are forgotten in time."""

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from secrets import token_hex
from typing import Any

import pytest

from ec2menu.connectors.secrets import (
    HiddenText,
    Password,
    PasswordKey,
    Passwords,
    SecretLogin,
    parse_secret,
    read_secret,
)
from ec2menu.errors import AwsError
from tests.fakes.clock import FakeClock
from tests.unit.desk import CannedAws

HUSH = "hush-0 '\"\\%s{}"
KEY = PasswordKey(profile="prod", target="us-east-1/billing", user="app")


class SecretsAws(CannedAws):
    """An AWS with one secret, as the answer of GetSecretValue; `asked` notes the regions."""

    answer: dict[str, Any]

    def call(self, service: str, operation: str, region: str, **parameters: Any) -> dict[str, Any]:
        self.asked.append((f"{service}:{operation}:{parameters['SecretId']}", region))
        return dict(self.answer)


def aws_with(**members: Any) -> SecretsAws:
    aws = SecretsAws()
    aws.answer = {"ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:x", **members}
    return aws


def shown_by_a_crash(action: Callable[[], object], kind: type[Exception]) -> str:
    """Return what a traceback with all local variables shows of an action that fails."""
    with pytest.raises(kind) as failure:
        action()
    return "".join(traceback.TracebackException.from_exception(failure.value, capture_locals=True).format())


# -- the value --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        "{}".format,
        "%s".__mod__,
        "%r".__mod__,
        lambda password: f"{password} {password!r} {password!s}",
        lambda password: repr([password, {password: password}]),
        lambda password: repr(SecretLogin(password=password, user="app")),
        lambda password: repr({"PGPASSWORD": password.reveal()}),
    ],
)
def test_a_password_shows_stars_however_it_is_printed(show: Callable[[Password], str]) -> None:
    shown = show(Password(HUSH))

    assert "***" in shown
    assert "hush" not in shown


def test_only_reveal_gives_the_text() -> None:
    assert Password(HUSH).reveal() == HUSH
    assert f"PASS {Password(HUSH).reveal()}" == f"PASS {HUSH}"


def test_a_password_in_a_log_line_is_stars(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("ec2menu.test").debug("logging in with %s %r", Password(HUSH), Password(HUSH))

    assert caplog.messages == ["logging in with *** ***"]


@pytest.mark.parametrize("keep", [pickle.dumps, copy.deepcopy, copy.copy, json.dumps])
def test_a_password_is_never_pickled_or_copied(keep: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError):
        keep(Password(HUSH))


def test_equal_passwords_are_equal_and_others_are_not() -> None:
    assert Password("a") == Password("a")
    assert len({Password("a"), Password("a"), Password("b")}) == 2
    assert Password("a") != Password("b")
    assert Password("a") != "a"


def test_a_crash_shows_stars_where_a_password_was_a_local_variable() -> None:
    def crash() -> None:
        password = Password(HUSH)
        text = password.reveal()
        environment = {"PGPASSWORD": text}
        raise ZeroDivisionError(len(environment))

    shown = shown_by_a_crash(crash, ZeroDivisionError)

    assert "password = ***" in shown
    assert "{'PGPASSWORD': ***}" in shown
    assert "hush" not in shown


# -- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ({"username": "app", "password": HUSH}, {"user": "app"}),
        ({"user": "app", "password": HUSH, "database": "shop"}, {"user": "app"}),
        ({"username": "a", "password": HUSH, "engine": "postgres", "host": "h", "port": 5432}, {"user": "a"}),
        ({"password": HUSH, "username": None, "port": "none", "tags": ["x"]}, {}),
    ],
)
def test_a_secret_of_json_is_taken_apart(text: dict[str, object], login: dict[str, Any]) -> None:
    found = parse_secret(Password(json.dumps(text)), "x")

    assert found == SecretLogin(password=Password(HUSH), **login)


@pytest.mark.parametrize("text", [HUSH, '"hush"', "[1, 2]", "12345", "{hush", "[" * 100_000, "hush\n"])
def test_any_other_text_is_the_password(text: str) -> None:
    assert parse_secret(Password(text), "x") == SecretLogin(password=Password(text.rstrip("\n")))


def test_a_number_as_password_keeps_its_digits() -> None:
    assert parse_secret(Password('{"password": 12345678901234567890.10}'), "x").password == Password(
        "12345678901234567890.10"
    )


@pytest.mark.parametrize("text", ["{}", '{"username": "app"}', '{"password": ""}', '{"password": null}'])
def test_json_without_a_password_is_an_error_that_names_the_secret(text: str) -> None:
    with pytest.raises(AwsError, match="the secret prod/db has no password in it"):
        parse_secret(Password(text), "prod/db")


def test_a_secret_is_read_by_name_in_the_region_of_the_database() -> None:
    aws = aws_with(SecretString='{"username": "app", "password": "hush"}')

    assert read_secret(aws, "eu-west-1", "prod/db") == SecretLogin(user="app", password=Password("hush"))
    assert aws.asked == [("secretsmanager:GetSecretValue:prod/db", "eu-west-1")]


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_an_arn_is_read_in_its_own_region(partition: str) -> None:
    arn = f"arn:{partition}:secretsmanager:ap-northeast-2:123456789012:secret:rds!db-1-AbCdEf"
    aws = aws_with(SecretString="hush")

    read_secret(aws, "eu-west-1", arn)

    assert aws.asked == [(f"secretsmanager:GetSecretValue:{arn}", "ap-northeast-2")]


@pytest.mark.parametrize("members", [{}, {"SecretBinary": b"hush"}, {"SecretString": ""}])
def test_a_secret_without_text_is_an_error(members: dict[str, object]) -> None:
    shown = shown_by_a_crash(lambda: read_secret(aws_with(**members), "eu-west-1", "prod/db"), AwsError)

    assert "the secret prod/db holds no text" in shown


@pytest.mark.parametrize("member", ["SecretBinary", "SecretString"])
def test_a_crash_over_a_secret_shows_nothing_of_it(member: str) -> None:
    value = token_hex()
    aws = aws_with(**{member: json.dumps({"username": "app", "pass": value})})

    shown = shown_by_a_crash(lambda: read_secret(aws, "eu-west-1", "prod/db"), AwsError)

    assert "secret prod/db" in shown
    assert value not in shown


# -- memory -----------------------------------------------------------------------------------------------------------


def test_a_password_is_kept_for_its_time_and_no_longer() -> None:
    clock = FakeClock()
    passwords = Passwords(clock, 1800)
    passwords.put(KEY, Password(HUSH))

    clock.advance(1799)
    assert passwords.get(KEY) == Password(HUSH)
    clock.advance(1)
    assert passwords.get(KEY) is None
    assert passwords.forget_all() == 0


def test_looking_at_a_password_does_not_make_it_last_longer() -> None:
    clock = FakeClock()
    passwords = Passwords(clock, 100)
    passwords.put(KEY, Password(HUSH))

    for _ in range(4):
        clock.advance(24)
        assert passwords.get(KEY)
    clock.advance(4)
    assert passwords.get(KEY) is None


def test_a_time_of_zero_keeps_nothing() -> None:
    passwords = Passwords(FakeClock(), 0)
    passwords.put(KEY, Password(HUSH))

    assert passwords.get(KEY) is None


@pytest.mark.parametrize(
    "other",
    [
        PasswordKey(profile="dev", target="us-east-1/billing", user="app"),
        PasswordKey(profile="prod", target="us-east-1/orders", user="app"),
        PasswordKey(profile="prod", target="us-east-1/billing", user="root"),
    ],
)
def test_a_password_is_of_one_profile_one_target_and_one_user(other: PasswordKey) -> None:
    passwords = Passwords(FakeClock(), 60)
    passwords.put(KEY, Password(HUSH))

    assert passwords.get(other) is None
    assert not passwords.forget(other)
    assert passwords.get(KEY) == Password(HUSH)


def test_forgetting_drops_one_or_all() -> None:
    passwords = Passwords(FakeClock(), 60)
    others = [PasswordKey(profile="p", target="t", user=user) for user in "abc"]
    for key in (KEY, *others):
        passwords.put(key, Password(HUSH))

    assert passwords.forget(KEY)
    assert passwords.get(KEY) is None
    assert not passwords.forget(KEY)
    assert passwords.forget_all() == 3
    assert [passwords.get(key) for key in others] == [None] * 3


def test_what_is_kept_shows_in_no_repr() -> None:
    passwords = Passwords(FakeClock(), 60)
    passwords.put(KEY, Password(HUSH))

    assert "hush" not in repr(vars(passwords))


def test_a_key_as_one_text_is_unique() -> None:
    parts = [("a/b", "c", "d"), ("a", "b/c", "d"), ("a", "b", "c/d"), ("a", "b%2Fc", "d")]
    accounts = {PasswordKey(profile=profile, target=target, user=user).account for profile, target, user in parts}

    assert len(accounts) == len(parts)
    assert KEY.account == "prod/us-east-1%2Fbilling/app"


def test_hidden_text_is_text_for_whoever_uses_it() -> None:
    assert HiddenText("hush").encode() == b"hush"
    assert repr(HiddenText("hush")) == "***"
