"""Passwords from AWS through real botocore: Secrets Manager answers of moto's, and RDS tokens signed here."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ec2menu.aws.session import Aws
from ec2menu.connectors.secrets import Password, SecretLogin, iam_token, read_secret
from ec2menu.demo.account import ACCESS_KEY
from ec2menu.demo.server import DemoAws
from ec2menu.errors import AwsError, CredentialsError
from ec2menu.logs import start_debug_log
from tests.cloud.conftest import Client
from tests.cloud.identities import aws_as

HOST = "orders.cluster-abc123.eu-west-1.rds.amazonaws.com"
SECRET = {"username": "app", "password": "hush-1", "engine": "postgres", "host": HOST, "port": 5432}


@pytest.fixture
def aws(aws_demo: DemoAws) -> Aws:
    return aws_as()


def token_of(aws: Aws, **more: Any) -> Password:
    values: dict[str, Any] = {"region": "eu-west-1", "host": HOST, "port": 5432, "user": "app"}
    return iam_token(aws, **(values | more))


# -- Secrets Manager --------------------------------------------------------------------------------------------------


def test_a_secret_is_read_by_name_and_by_arn_from_another_region(aws: Aws, client: Client) -> None:
    made = client("secretsmanager", "eu-west-1").create_secret(Name="prod/db", SecretString=json.dumps(SECRET))
    login = SecretLogin(user="app", password=Password("hush-1"))

    assert read_secret(aws, "eu-west-1", "prod/db") == login
    assert read_secret(aws, "us-east-1", made["ARN"]) == login


def test_a_secret_of_plain_text_is_the_password(aws: Aws, client: Client) -> None:
    client("secretsmanager").create_secret(Name="cache", SecretString="hush-2")

    assert read_secret(aws, "us-east-1", "cache") == SecretLogin(password=Password("hush-2"))


def test_a_binary_secret_is_an_error(aws: Aws, client: Client) -> None:
    client("secretsmanager").create_secret(Name="key", SecretBinary=b"hush")

    with pytest.raises(AwsError, match="the secret key holds no text"):
        read_secret(aws, "us-east-1", "key")


def test_a_secret_that_does_not_exist_is_an_error_in_awss_words(aws: Aws) -> None:
    with pytest.raises(AwsError, match=r"secretsmanager:GetSecretValue in us-east-1: .*ResourceNotFoundException"):
        read_secret(aws, "us-east-1", "prod/nothing")


# -- RDS tokens -------------------------------------------------------------------------------------------------------


def test_a_token_is_signed_for_the_real_host_and_port_and_the_databases_region(aws: Aws) -> None:
    token = urlsplit(f"https://{token_of(aws).reveal()}")
    query = {name: values[0] for name, values in parse_qs(token.query).items()}

    assert (token.hostname, token.port) == (HOST, 5432)
    assert (query["Action"], query["DBUser"], query["X-Amz-Expires"]) == ("connect", "app", "900")
    key, _day, *scope = query["X-Amz-Credential"].split("/")
    assert (key, scope) == (ACCESS_KEY, ["eu-west-1", "rds-db", "aws4_request"])
    assert len(query["X-Amz-Signature"]) == 64


def test_a_token_needs_no_call(aws: Aws, aws_demo: DemoAws) -> None:
    assert token_of(aws).reveal().startswith(HOST)
    assert aws_demo.calls == ()


def test_a_token_of_a_session_holds_its_session_token(aws_demo: DemoAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session/token+1=")

    assert "X-Amz-Security-Token=session%2Ftoken%2B1%3D" in token_of(aws_as()).reveal()


def test_a_special_user_name_is_signed_as_it_is(aws: Aws) -> None:
    token = urlsplit(f"https://{token_of(aws, user='a&b=c d').reveal()}")

    assert parse_qs(token.query)["DBUser"] == ["a&b=c d"]


def test_without_credentials_there_is_no_token_but_a_sentence(
    aws_demo: DemoAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)

    with pytest.raises(CredentialsError, match="no AWS credentials were found"):
        token_of(aws_as())


# -- the debug log ----------------------------------------------------------------------------------------------------


def test_the_debug_log_names_the_call_and_has_neither_secret_nor_token(
    aws: Aws, client: Client, tmp_path: Path
) -> None:
    client("secretsmanager").create_secret(Name="prod/db", SecretString=json.dumps(SECRET))
    logger = logging.getLogger("ec2menu")
    before = (list(logger.handlers), logger.level, logger.propagate)
    path = start_debug_log(tmp_path, now=datetime.now(UTC))
    try:
        read_secret(aws, "us-east-1", "prod/db")
        signature = token_of(aws).reveal().rpartition("=")[2]
    finally:
        [ours] = [handler for handler in logger.handlers if handler not in before[0]]
        logger.removeHandler(ours)
        logger.setLevel(before[1])
        logger.propagate = before[2]
        assert isinstance(ours, logging.StreamHandler)
        ours.stream.close()

    text = path.read_text(encoding="utf-8")
    assert "GetSecretValue -> 200" in text
    assert "hush-1" not in text
    assert signature not in text
