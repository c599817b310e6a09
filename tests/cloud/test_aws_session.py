"""Calls to AWS through `Aws`: complete lists, what is sent again and what never, and errors as ours."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from ec2menu import __version__
from ec2menu.arguments import parse_arguments
from ec2menu.aws.attempts import READ_ATTEMPTS, TOTAL_ATTEMPTS
from ec2menu.aws.session import Aws
from ec2menu.compose import build_context
from ec2menu.demo.requests import Environ, read_body
from ec2menu.demo.server import DemoAws
from ec2menu.demo.wire import LoopbackServer, Reply
from ec2menu.errors import (
    AccessDenied,
    AwsError,
    CredentialsError,
    IncompleteAnswer,
    LoginExpired,
    RegionDisabled,
    TargetNotConnected,
    Throttled,
    Unreachable,
)
from ec2menu.fanout import fan_out
from tests.cloud.identities import aws_as

HOME = "us-east-1"
Break = Callable[[DemoAws], None]


@pytest.fixture
def aws(aws_demo: DemoAws, shared: list[Aws]) -> Aws:
    """One identity for the module, made in the first test's environment: clients cost more than most tests."""
    if not shared:
        shared.append(aws_as())
    return shared[0]


def node_ids(aws: Aws, *, page_size: int = 5, on_count: Callable[[int], None] = lambda _count: None) -> list[str]:
    return aws.list_all(
        "ssm",
        "DescribeInstanceInformation",
        HOME,
        key="InstanceInformationList",
        page_size=page_size,
        parse=lambda entry: [entry["InstanceId"]],
        on_count=on_count,
    )


def sent(aws_demo: DemoAws, operation: str = "DescribeInstanceInformation") -> int:
    return len(aws_demo.calls_of(operation))


def at_count(number: int, act: Callable[[], None]) -> Callable[[int], None]:
    """An `on_count` that acts once, when that many have been read: in the middle of a list."""
    acted: list[int] = []

    def note(count: int) -> None:
        if count >= number and not acted:
            acted.append(count)
            act()

    return note


# -- lists ----------------------------------------------------------------------------------------------------------


def test_a_list_is_read_to_its_last_page_and_counted_on_the_way(aws_demo: DemoAws, aws: Aws) -> None:
    made = aws_demo.add_instances(HOME, 12)
    counts: list[int] = []
    assert sorted(node_ids(aws, on_count=counts.append)) == sorted(made)
    assert counts == [5, 10, 12]


def test_an_empty_page_with_a_token_is_not_the_end(aws_demo: DemoAws, aws: Aws) -> None:
    made = aws_demo.add_instances(HOME, 12)
    aws_demo.faults.empty_pages("DescribeInstanceInformation")
    assert sorted(node_ids(aws)) == sorted(made)
    assert sent(aws_demo) == 6


def test_pages_shorter_than_asked_for_are_not_the_end(aws_demo: DemoAws, aws: Aws) -> None:
    made = aws_demo.add_instances(HOME, 12)
    aws_demo.faults.short_pages("DescribeInstanceInformation", 2)
    assert sorted(node_ids(aws)) == sorted(made)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda demo: demo.faults.throttle("DescribeInstanceInformation"),
        lambda demo: demo.faults.fail("DescribeInstanceInformation"),
        lambda demo: demo.faults.fail("DescribeInstanceInformation", status=503, times=2),
        lambda demo: demo.faults.lose_reply("DescribeInstanceInformation"),
        lambda demo: demo.faults.truncate_reply("DescribeInstanceInformation"),
    ],
    ids=["throttled", "500", "503", "reply lost", "reply cut"],
)
def test_trouble_in_the_middle_of_a_list_neither_loses_nor_doubles_an_item(
    aws_demo: DemoAws, aws: Aws, break_it: Break
) -> None:
    made = aws_demo.add_instances(HOME, 12)
    assert sorted(node_ids(aws, on_count=at_count(5, lambda: break_it(aws_demo)))) == sorted(made)
    assert sent(aws_demo) > 3


def test_a_page_that_was_cut_is_read_again_by_itself(aws_demo: DemoAws, aws: Aws) -> None:
    made = aws_demo.add_instances(HOME, 23)
    cut_next = lambda _count: aws_demo.faults.truncate_reply("DescribeInstanceInformation")  # noqa: E731
    assert sorted(node_ids(aws, on_count=cut_next)) == sorted(made)
    assert sent(aws_demo) == 1 + 4 * 2, "every page but the first was asked for twice, and none three times"


@pytest.mark.parametrize("tokens", [["again"], ["there", "and back"]], ids=len)
def test_an_endpoint_that_gives_a_token_again_is_not_followed_for_ever(
    monkeypatch: pytest.MonkeyPatch, aws_demo: DemoAws, tokens: list[str]
) -> None:
    turns = cycle(tokens)

    def answer(environ: Environ) -> Reply:
        read_body(environ)
        body = json.dumps({"InstanceInformationList": [], "NextToken": next(turns)}).encode()
        return Reply(status=200, headers=(("Content-Type", "application/x-amz-json-1.1"),), body=body)

    server = LoopbackServer(answer)
    server.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.port}")
    with pytest.raises(IncompleteAnswer):
        node_ids(aws_as())
    server.close()


def test_a_list_that_is_cut_every_time_is_an_error_and_never_a_part(aws_demo: DemoAws, aws: Aws) -> None:
    aws_demo.add_instances(HOME, 12)
    aws_demo.faults.truncate_reply("DescribeInstanceInformation", times=99)
    with pytest.raises(IncompleteAnswer, match="ssm:DescribeInstanceInformation in us-east-1 was cut short"):
        node_ids(aws)
    assert sent(aws_demo) == READ_ATTEMPTS


def test_a_call_that_is_cut_is_made_again(aws_demo: DemoAws, aws: Aws) -> None:
    aws_demo.faults.truncate_reply("GetCallerIdentity")
    assert aws.call("sts", "GetCallerIdentity", HOME)["Account"] == "123456789012"
    assert sent(aws_demo, "GetCallerIdentity") == 2


def test_a_call_whose_member_is_missing_is_made_again_and_then_an_error(aws_demo: DemoAws, aws: Aws) -> None:
    aws_demo.faults.truncate_reply("DescribeInstanceInformation", times=2)
    assert (
        aws.call("ssm", "DescribeInstanceInformation", HOME, key="InstanceInformationList")["InstanceInformationList"]
        == []
    )
    aws_demo.faults.truncate_reply("DescribeInstanceInformation", times=99)
    with pytest.raises(IncompleteAnswer):
        aws.call("ssm", "DescribeInstanceInformation", HOME, key="InstanceInformationList")
    assert sent(aws_demo, "DescribeInstanceInformation") == 3 + READ_ATTEMPTS


def test_a_list_that_keeps_failing_is_given_up_after_a_named_number_of_attempts(aws_demo: DemoAws, aws: Aws) -> None:
    aws_demo.faults.fail("DescribeInstanceInformation", times=99)
    with pytest.raises(AwsError, match="An internal error has occurred"):
        node_ids(aws)
    assert sent(aws_demo) == TOTAL_ATTEMPTS


# -- what must not be sent twice --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("break_it", "kind"),
    [
        (lambda demo: demo.faults.lose_reply("StartSession", times=9), Unreachable),
        (lambda demo: demo.faults.fail("StartSession", times=9), AwsError),
        (lambda demo: demo.faults.fail("StartSession", status=503, times=9), AwsError),
        (lambda demo: demo.faults.throttle("StartSession", times=9), Throttled),
    ],
    ids=["reply lost", "500", "503", "throttled"],
)
def test_a_session_is_asked_for_once_whatever_happens_to_the_answer(
    aws_demo: DemoAws, aws: Aws, break_it: Break, kind: type[AwsError]
) -> None:
    (target,) = aws_demo.add_instances(HOME, 1)
    break_it(aws_demo)
    with pytest.raises(kind):
        aws.call("ssm", "StartSession", HOME, once=True, Target=target)
    assert sent(aws_demo, "StartSession") == 1


def test_a_session_whose_answer_was_cut_is_not_asked_for_again(aws_demo: DemoAws, aws: Aws) -> None:
    (target,) = aws_demo.add_instances(HOME, 1)
    aws_demo.faults.truncate_reply("StartSession")
    with pytest.raises(IncompleteAnswer):
        aws.call("ssm", "StartSession", HOME, once=True, key="SessionId", Target=target)
    assert sent(aws_demo, "StartSession") == 1


def test_a_target_without_a_connection_is_told_as_such(aws_demo: DemoAws, aws: Aws) -> None:
    (target,) = aws_demo.add_instances(HOME, 1, managed=False)
    with pytest.raises(TargetNotConnected) as caught:
        aws.call("ssm", "StartSession", HOME, once=True, Target=target)
    assert caught.value.code == "TargetNotConnected"


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_a_denial_names_the_action_the_region_and_the_identity(aws_demo: DemoAws, aws: Aws) -> None:
    aws_demo.faults.deny("DescribeInstanceInformation")
    with pytest.raises(AccessDenied) as caught:
        node_ids(aws)
    assert caught.value.action == "ssm:DescribeInstanceInformation"
    assert "in us-east-1 is denied for arn:aws:iam::123456789012:user/demo" in caught.value.message
    assert sent(aws_demo) == 1, "a denial is not asked for again"


def test_an_expired_token_is_a_login_to_renew(aws_demo: DemoAws, aws: Aws) -> None:
    aws_demo.faults.expire_credentials()
    with pytest.raises(LoginExpired, match="your AWS login has expired") as caught:
        node_ids(aws)
    assert caught.value.sso_profile == ""
    assert sent(aws_demo) == 1


@pytest.mark.parametrize(
    ("service", "operation"),
    [("ec2", "DescribeRegions"), ("ssm", "DescribeInstanceInformation"), ("sts", "GetCallerIdentity")],
)
def test_a_region_that_is_not_enabled_is_told_from_bad_keys_and_names_the_account(
    aws_demo: DemoAws, aws: Aws, service: str, operation: str
) -> None:
    aws_demo.faults.disable_region("eu-west-3")
    with pytest.raises(RegionDisabled, match="eu-west-3 is not enabled for account 123456789012"):
        aws.call(service, operation, "eu-west-3")


def test_a_home_region_that_is_not_enabled_is_judged_elsewhere(aws_demo: DemoAws) -> None:
    aws_demo.faults.disable_region("ap-south-1")
    aws = aws_as(home="ap-south-1")
    with pytest.raises(RegionDisabled, match="ap-south-1 is not enabled"):
        aws.require_enabled("ap-south-1")
    assert aws.identity().account == "123456789012", "the keys are as good as ever"


def test_a_service_that_is_not_open_to_the_account_is_no_matter_of_keys(
    monkeypatch: pytest.MonkeyPatch, aws_demo: DemoAws
) -> None:
    text = "You are not subscribed to this service."
    body = f"<Response><Errors><Error><Code>OptInRequired</Code><Message>{text}</Message></Error></Errors></Response>"

    def answer(environ: Environ) -> Reply:
        read_body(environ)
        return Reply(status=403, headers=(("Content-Type", "text/xml"),), body=body.encode())

    server = LoopbackServer(answer)
    server.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", f"http://127.0.0.1:{server.port}")
    with pytest.raises(AwsError, match=text) as at_home:
        aws_as().call("ec2", "DescribeInstances", HOME)
    assert not isinstance(at_home.value, CredentialsError)
    with pytest.raises(RegionDisabled, match="eu-west-3 is not enabled"):
        aws_as().call("ec2", "DescribeInstances", "eu-west-3")
    server.close()


def test_what_cannot_be_judged_is_left_as_aws_said_it(aws_demo: DemoAws, aws: Aws) -> None:
    aws_demo.faults.disable_region("eu-west-3")
    aws_demo.faults.fail("GetCallerIdentity", times=TOTAL_ATTEMPTS)
    with pytest.raises(CredentialsError, match="does not accept the credentials") as caught:
        aws.call("ssm", "DescribeInstanceInformation", "eu-west-3")
    assert caught.value.code == "UnrecognizedClientException"


@pytest.mark.parametrize("region", [HOME, "eu-west-3"])
def test_wrong_keys_are_told_as_such_in_every_region(
    aws_demo: DemoAws, monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAWRONGWRONGWRONG0")
    with pytest.raises(CredentialsError, match="does not accept the credentials of profile default"):
        aws_as().call("ssm", "DescribeInstanceInformation", region)


# -- clients ----------------------------------------------------------------------------------------------------------


def test_every_request_says_who_sends_it(aws_demo: DemoAws, aws: Aws) -> None:
    node_ids(aws)
    assert {f"ec2menu/{__version__}" in call.user_agent for call in aws_demo.calls} == {True}


def test_a_client_is_made_once_and_shared_by_all_threads(aws_demo: DemoAws, aws: Aws) -> None:
    clients: list[Any] = fan_out(lambda _n: aws.client("sts", "eu-north-1"), range(30), limit=15)
    assert len({id(client) for client in clients}) == 1
    assert aws.client("sts", "eu-north-1", once=True) is not clients[0]
    assert aws.client("sts", "eu-west-2") is not clients[0]


def test_a_renewed_identity_asks_anew(aws_demo: DemoAws) -> None:
    aws = aws_as()
    first = aws.identity()
    assert aws.identity() is first
    aws.renew()
    assert aws.identity() == first
    assert sent(aws_demo, "GetCallerIdentity") == 2


def test_many_threads_get_all_their_answers_through_one_client(aws_demo: DemoAws, aws: Aws) -> None:
    made = sorted(aws_demo.add_instances(HOME, 7))
    assert fan_out(lambda _n: sorted(node_ids(aws)), range(20), limit=20) == [made] * 20


# -- from the environment to the first call ---------------------------------------------------------------------------


def test_empty_profile_variables_count_as_unset_and_aws_region_is_where_we_start(
    aws_demo: DemoAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.setenv(name, "")
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with ExitStack() as stack:
        context = build_context(parse_arguments([]), stack)
        assert (context.profile, context.home) == ("default", "eu-west-2")
        assert context.aws.identity().account == "123456789012"
    assert [call.region for call in aws_demo.calls] == ["eu-west-2"]
