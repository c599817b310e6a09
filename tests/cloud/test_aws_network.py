"""When AWS cannot be reached: nothing there, silence, a proxy, a login page, a wrong address."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from ec2menu.aws.attempts import READ_ATTEMPTS, SILENT_ATTEMPTS
from ec2menu.aws.session import Aws
from ec2menu.demo.requests import Environ, read_body
from ec2menu.demo.server import DemoAws
from ec2menu.demo.wire import LOOPBACK, LoopbackServer, Reply
from ec2menu.errors import AwsError, Ec2MenuError, ExitStatus, IncompleteAnswer, InvalidInput, Unreachable
from tests.cloud.identities import aws_as
from tests.ports import free_port

PAGES = {
    "a page that is no XML": b"<html><body><p>Please log in<br></body></html>",
    "a page that happens to be XML": b"<?xml version='1.0'?><html><body><p>Please log in</p></body></html>",
    "a text in json": b'"please log in"',
    "half a Korean letter": '{"InstanceInformationList": [{"Name": "서'.encode()[:-1],
    "nothing": b"",
}
HTML = (("Content-Type", "text/html"),)


@pytest.fixture
def closed_port() -> str:
    return f"http://{LOOPBACK}:{free_port()}"


@pytest.fixture
def silence() -> Iterator[str]:
    """Something that takes connections and never says a word."""
    with closing(socket.create_server((LOOPBACK, 0), backlog=64)) as server:
        yield f"http://{LOOPBACK}:{server.getsockname()[1]}"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short limits: what is tested is what is said, not how long it takes."""
    monkeypatch.setattr("ec2menu.aws.session.READ_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr("ec2menu.aws.session.TOTAL_ATTEMPTS", 2)


def list_nodes(aws: Aws) -> Ec2MenuError:
    with pytest.raises(Ec2MenuError) as caught:
        aws.list_all(
            "ssm",
            "DescribeInstanceInformation",
            "us-east-1",
            key="InstanceInformationList",
            parse=lambda entry: [entry],
        )
    return caught.value


def refuse(environ: Environ) -> Reply:
    read_body(environ)
    return Reply(status=403, headers=HTML, body=PAGES["a page that is no XML"])


def at(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Aws:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    return aws_as()


@pytest.mark.usefixtures("impatient")
def test_an_endpoint_where_nobody_listens_cannot_be_reached(
    aws_demo: DemoAws, monkeypatch: pytest.MonkeyPatch, closed_port: str
) -> None:
    error = list_nodes(at(closed_port, monkeypatch))
    assert type(error) is Unreachable
    assert error.message == "ssm in us-east-1 cannot be reached"
    assert "VPN" in error.hint
    assert error.status is ExitStatus.AWS


@pytest.mark.usefixtures("impatient")
def test_an_endpoint_that_never_answers_is_given_up(
    aws_demo: DemoAws, monkeypatch: pytest.MonkeyPatch, silence: str
) -> None:
    error = list_nodes(at(silence, monkeypatch))
    assert type(error) is Unreachable
    assert error.message == "ssm in us-east-1 did not answer in time"


def test_what_never_answers_is_asked_twice_and_not_as_often_as_what_refuses(
    aws_demo: DemoAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ec2menu.aws.session.READ_TIMEOUT_SECONDS", 0.1)
    with closing(socket.create_server((LOOPBACK, 0), backlog=64)) as server:
        server.setblocking(False)
        error = list_nodes(at(f"http://{LOOPBACK}:{server.getsockname()[1]}", monkeypatch))
        assert error.message == "ssm in us-east-1 did not answer in time"
        asked = [server.accept()[0] for _ in range(SILENT_ATTEMPTS)]
        with pytest.raises(BlockingIOError):
            server.accept()
        for connection in asked:
            connection.close()


@pytest.mark.usefixtures("impatient")
def test_a_name_that_does_not_exist_is_told_with_the_regions_name(
    aws_demo: DemoAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = list_nodes(at("http://no-such-host.invalid", monkeypatch))
    assert type(error) is Unreachable
    assert "region's name" in error.hint


@pytest.mark.parametrize("url", ["nonsense", "http://[::1", "127.0.0.1:99"])
def test_an_address_that_is_none_is_a_setting_to_correct(
    aws_demo: DemoAws, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    error = list_nodes(at(url, monkeypatch))
    assert isinstance(error, InvalidInput)
    assert "an AWS setting cannot be used" in error.message
    assert "AWS_ENDPOINT_URL" in error.hint


@pytest.mark.usefixtures("impatient")
def test_a_proxy_that_is_not_there_is_named_as_the_culprit(
    aws_demo: DemoAws, monkeypatch: pytest.MonkeyPatch, closed_port: str
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HTTP_PROXY", closed_port)
    error = list_nodes(aws_as())
    assert type(error) is Unreachable
    assert "the proxy does not let us reach ssm" in error.message
    assert "HTTPS_PROXY" in error.hint


@pytest.mark.usefixtures("impatient")
def test_a_proxy_that_refuses_to_connect_us_is_named_as_the_culprit(
    aws_demo: DemoAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", aws_demo.endpoint_url)  # a server that knows no CONNECT
    error = list_nodes(at("https://ssm.us-east-1.amazonaws.com", monkeypatch))
    assert type(error) is Unreachable
    assert "the proxy does not let us reach ssm" in error.message


@pytest.mark.usefixtures("impatient")
def test_what_cannot_speak_tls_is_not_trusted(aws_demo: DemoAws, monkeypatch: pytest.MonkeyPatch) -> None:
    error = list_nodes(at(aws_demo.endpoint_url.replace("http:", "https:"), monkeypatch))
    assert type(error) is Unreachable
    assert "AWS_CA_BUNDLE" in error.hint


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    ("service", "operation", "key"),
    [
        ("ec2", "DescribeRegions", "Regions"),
        ("ssm", "DescribeInstanceInformation", "InstanceInformationList"),
        ("sts", "GetCallerIdentity", "Arn"),
    ],
)
def test_a_login_page_in_aws_place_is_never_taken_for_an_empty_list(
    aws_demo: DemoAws, monkeypatch: pytest.MonkeyPatch, *, page: str, service: str, operation: str, key: str
) -> None:
    asked: list[str] = []

    def answer(environ: Environ) -> Reply:
        read_body(environ)
        asked.append(str(environ["PATH_INFO"]))
        return Reply(status=200, headers=HTML, body=PAGES[page])

    server = LoopbackServer(answer)
    server.start()
    try:
        aws = at(f"http://{LOOPBACK}:{server.port}", monkeypatch)
        with pytest.raises(IncompleteAnswer, match=f"{service}:{operation} in us-east-1 was cut short or is not AWS's"):
            aws.call(service, operation, "us-east-1", key=key)
    finally:
        server.close()
    assert len(asked) == READ_ATTEMPTS


@pytest.mark.parametrize("service", ["ec2", "ssm"])
def test_a_refusal_in_html_shows_its_status_and_not_its_markup(
    aws_demo: DemoAws, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    server = LoopbackServer(refuse)
    server.start()
    operation = {"ec2": "DescribeRegions", "ssm": "DescribeInstanceInformation"}[service]
    try:
        with pytest.raises(AwsError) as caught:
            at(f"http://{LOOPBACK}:{server.port}", monkeypatch).call(service, operation, "us-east-1")
    finally:
        server.close()
    assert "<" not in caught.value.message
