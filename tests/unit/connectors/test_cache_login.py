"""Whether a cache takes a login, asked of a real Redis, with TLS and without, and of what is none."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ec2menu.connectors.cache_login import Verdict, try_login
from ec2menu.connectors.clients import Login
from ec2menu.connectors.secrets import Password
from tests.cloud.tunnel_rig import far_end
from tests.ports import free_port
from tests.servers import Server, make_certificates, needs_redis, start_redis

PASSWORD = "hush of 레디스"


@pytest.fixture(scope="module", params=[True, False], ids=["tls", "plain"])
def redis(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with start_redis(tmp_path_factory.mktemp("redis"), tls=request.param, password=PASSWORD) as server:
        yield server


def ask(server: Server, password: str, user: str = "") -> Verdict:
    login = Login(user=user, password=Password(password))
    tls = server.ca_file is not None
    return try_login(login, server.port, tls=tls, server_name="cache.example", timeout_seconds=10)


@needs_redis
def test_a_right_password_is_accepted_and_a_wrong_one_refused(redis: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(redis.ca_file or ""))
    assert [ask(redis, PASSWORD), ask(redis, PASSWORD, "default")] == [Verdict.ACCEPTED] * 2
    assert [ask(redis, "wrong"), ask(redis, PASSWORD, "nobody")] == [Verdict.REFUSED] * 2


@needs_redis
def test_no_password_is_sent_where_the_certificate_is_not_trusted(
    redis: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(make_certificates(tmp_path, tmp_path)))
    assert ask(redis, "wrong") is (Verdict.UNKNOWN if redis.ca_file else Verdict.REFUSED)


@pytest.mark.parametrize("kind", ["mute", "curt", "database"])
def test_what_is_no_cache_says_nothing_of_a_password(kind: str) -> None:
    login = Login(password=Password("hush"))
    with far_end(kind) as port:
        assert try_login(login, port, tls=False, server_name="x", timeout_seconds=0.1) is Verdict.UNKNOWN


def test_a_port_that_nobody_listens_on_and_a_login_without_a_password_say_nothing() -> None:
    for login in (Login(password=Password("hush")), Login(user="app")):
        assert try_login(login, free_port(), tls=True, server_name="x", timeout_seconds=1) is Verdict.UNKNOWN
