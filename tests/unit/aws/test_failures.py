"""Every botocore exception as ours: kind, exit status, and what the sentence and the hint say."""

import json
from typing import Any

import pytest
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from ec2menu import errors
from ec2menu.aws import failures
from ec2menu.aws.failures import Call, translate
from ec2menu.errors import AwsError, Ec2MenuError, ExitStatus

ARN = "arn:aws:iam::123456789012:user/kim"
CALL = Call(service="ec2", operation="DescribeInstances", region="eu-west-1", profile="prod", sso_profile="corp")


def refusal(code: str, text: str, *, operation: str = "DescribeInstances", status: int = 400) -> boto.ClientError:
    """What botocore raises for an error answer: the parsed body and the response's metadata."""
    meta = {"RequestId": "r-1", "HTTPStatusCode": status, "HTTPHeaders": {}, "RetryAttempts": 0}
    return boto.ClientError({"Error": {"Code": code, "Message": text}, "ResponseMetadata": meta}, operation)


def ours(error: Exception, call: Call = CALL, *, arn: str = ARN) -> Ec2MenuError:
    return translate(error, call, who=lambda: arn)


def json_error() -> json.JSONDecodeError:
    return json.JSONDecodeError("Expecting value", "garbage", 0)


# -- AWS answered with an error -----------------------------------------------------------------------------------

BY_CODE = [
    (failures.EXPIRED_CODES, errors.LoginExpired, "your AWS login has expired", "aws sso login --profile corp"),
    (failures.DENIED_CODES, errors.AccessDenied, f"ec2:DescribeInstances in eu-west-1 is denied for {ARN}", "allowed"),
    (failures.BAD_KEY_CODES, errors.CredentialsError, "does not accept the credentials of profile prod", "aws sts"),
    (failures.THROTTLE_CODES, errors.Throttled, "keeps throttling ec2:DescribeInstances in eu-west-1", "wait"),
    (failures.NOT_CONNECTED_CODES, errors.TargetNotConnected, "no connection to the target's agent", "doctor"),
]


@pytest.mark.parametrize(
    ("code", "kind", "message", "hint"),
    [(code, kind, message, hint) for codes, kind, message, hint in BY_CODE for code in sorted(codes)],
)
def test_every_error_code_has_its_kind_sentence_and_hint(code: str, kind: type, message: str, hint: str) -> None:
    error = ours(refusal(code, "whatever AWS says"))
    assert type(error) is kind
    assert isinstance(error, AwsError)
    assert (error.code, error.status) == (code, ExitStatus.AWS)
    assert message in error.message
    assert hint in error.hint


def test_no_code_stands_in_two_rows() -> None:
    codes = [code for row, _kind, _message, _hint in BY_CODE for code in row]
    assert len(codes) == len(set(codes))
    assert {id(row) for row, *_ in BY_CODE} == {id(row) for row, _build in failures._BY_CODE}


def test_a_denial_names_the_action_and_the_identity_that_aws_named() -> None:
    text = (
        "User: arn:aws:sts::1:assumed-role/ops/kim is not authorized to perform: ssm:DescribeInstanceInformation "
        "on resource: * because no identity-based policy allows the action"
    )
    error = ours(refusal("AccessDeniedException", text), arn="not asked")
    assert isinstance(error, errors.AccessDenied)
    assert error.action == "ssm:DescribeInstanceInformation"
    assert error.message == (
        "ssm:DescribeInstanceInformation in eu-west-1 is denied for arn:aws:sts::1:assumed-role/ops/kim"
    )
    assert error.hint == "have ssm:DescribeInstanceInformation allowed for that identity"


def test_the_identity_is_only_asked_for_where_the_denial_leaves_it_out() -> None:
    def never() -> str:
        raise AssertionError("asked")

    text = f"You are not authorized. User: {ARN} is not authorized to perform: ec2:DescribeRegions"
    assert ARN in translate(refusal("UnauthorizedOperation", text), CALL, who=never).message


@pytest.mark.parametrize(
    ("tail", "said", "hint"),
    [
        ("with an explicit deny in a service control policy", "denied by a service control policy for", "organisation"),
        ("with an explicit deny in an identity-based policy", "denied by an explicit deny for", "have ec2:"),
    ],
)
def test_a_denial_says_which_kind_of_policy_is_in_the_way(tail: str, said: str, hint: str) -> None:
    text = f"User: {ARN} is not authorized to perform: ec2:DescribeInstances on resource: * {tail}"
    error = ours(refusal("UnauthorizedOperation", text, status=403))
    assert said in error.message
    assert hint in error.hint


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidSignatureException", "RequestExpired"])
@pytest.mark.parametrize("text", ["Signature expired: 20260301T1 is now earlier than", "Signature not yet current: 2"])
def test_a_wrong_clock_is_not_taken_for_wrong_keys_or_an_old_login(code: str, text: str) -> None:
    error = ours(refusal(code, text, status=403))
    assert type(error) is errors.CredentialsError
    assert "clock" in error.message
    assert "set the clock right" in error.hint


def test_an_old_login_without_sso_does_not_send_to_sso() -> None:
    call = Call(service="ssm", operation="StartSession", region="eu-west-1", profile="keys")
    error = ours(refusal("ExpiredTokenException", "expired"), call)
    assert isinstance(error, errors.LoginExpired)
    assert error.sso_profile == ""
    assert error.hint == "get new credentials for profile keys, then try again"


def test_old_keys_in_variables_can_only_be_renewed_for_the_next_run() -> None:
    call = Call(service="ssm", operation="StartSession", region="eu-west-1", profile="default", keys_in_variables=True)
    assert "start ec2menu again" in ours(refusal("ExpiredTokenException", "expired"), call).hint


@pytest.mark.parametrize(
    "text",
    [
        "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
        "1 validation error detected: Value 'abcdef' at 'tokenCode' failed to satisfy constraint",
    ],
)
def test_a_mistyped_mfa_code_asks_for_the_next_one(text: str) -> None:
    error = ours(refusal("AccessDenied", text, operation="AssumeRole", status=403))
    assert isinstance(error, errors.MfaNeeded)
    assert "does not accept the MFA code" in error.message
    assert "next code" in error.hint


def test_a_role_that_may_not_be_assumed_names_assume_role_and_not_the_call_behind_it() -> None:
    error = ours(refusal("AccessDenied", "Not authorized", operation="AssumeRole", status=403))
    assert isinstance(error, errors.AccessDenied)
    assert error.action == "sts:AssumeRole"


def test_an_sso_role_that_was_taken_away_names_the_profile() -> None:
    error = ours(refusal("ForbiddenException", "No access", operation="GetRoleCredentials", status=403))
    assert isinstance(error, errors.AccessDenied)
    assert "account and role of profile prod" in error.message
    assert "sso_role_name" in error.hint


def test_any_other_error_code_keeps_the_words_of_aws_on_one_line() -> None:
    error = ours(refusal("InvalidInstanceID.NotFound", "The instance ID\n 'i-1'   does not exist."))
    assert type(error) is AwsError
    assert error.message == (
        "ec2:DescribeInstances in eu-west-1: The instance ID 'i-1' does not exist (InvalidInstanceID.NotFound)"
    )


@pytest.mark.parametrize(("code", "text", "status"), [("500", "<html>", 500), ("", "", 502)])
def test_an_error_without_words_shows_its_http_status(code: str, text: str, status: int) -> None:
    error = ours(refusal(code, text, status=status))
    assert error.message == f"ec2:DescribeInstances in eu-west-1 failed with HTTP status {status}"


# -- before an answer, or around it -------------------------------------------------------------------------------

URL = "https://ec2.eu-west-1.amazonaws.com/"
UNREACHABLE, BROKEN, SETTING = errors.Unreachable, errors.CredentialsError, errors.InvalidInput
EXAMPLES: list[tuple[Exception, type, str]] = [
    (boto.EndpointConnectionError(endpoint_url=URL), UNREACHABLE, "ec2 in eu-west-1 cannot be reached"),
    (boto.ConnectionClosedError(endpoint_url=URL), UNREACHABLE, "cannot be reached"),
    (boto.HTTPClientError(error="x"), UNREACHABLE, "cannot be reached"),
    (boto.ConnectTimeoutError(endpoint_url=URL), UNREACHABLE, "did not answer in time"),
    (boto.ReadTimeoutError(endpoint_url=URL), UNREACHABLE, "did not answer in time"),
    (boto.ProxyConnectionError(proxy_url="http://p:1", error="x"), UNREACHABLE, "the proxy does not let us reach ec2"),
    (boto.SSLError(endpoint_url=URL, error="x"), UNREACHABLE, "TLS certificate of ec2 in eu-west-1 is not trusted"),
    (boto.NoCredentialsError(), BROKEN, "no AWS credentials were found"),
    (boto.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), BROKEN, "AWS_SECRET_ACCESS_KEY"),
    (boto.CredentialRetrievalError(provider="custom-process", error_msg="exit 3"), BROKEN, "exit 3"),
    (boto.InvalidConfigError(error_msg="bad"), BROKEN, "bad"),
    (boto.InfiniteLoopConfigError(source_profile="a", visited_profiles=["a"]), BROKEN, "could not be loaded"),
    (boto.MetadataRetrievalError(error_msg="no role"), BROKEN, "no role"),
    (boto.UnknownCredentialError(name="x"), BROKEN, "could not be loaded"),
    (json_error(), BROKEN, "credentials of profile prod could not be loaded"),
    (boto.MissingDependencyException(msg="needs crt"), BROKEN, "profile prod needs an extra package: "),
    (boto.SSOTokenLoadError(error_msg="none"), errors.LoginExpired, "has expired or was never made"),
    (boto.UnauthorizedSSOTokenError(), errors.LoginExpired, "has expired or was never made"),
    (boto.TokenRetrievalError(provider="sso", error_msg="x"), errors.LoginExpired, "has expired or was never made"),
    (boto.NoAuthTokenError(), errors.LoginExpired, "has expired or was never made"),
    (boto.RefreshWithMFAUnsupportedError(), errors.MfaNeeded, "a new code is needed"),
    (EOFError(), errors.MfaNeeded, "a new code is needed"),
    (boto.ParamValidationError(report="Invalid length for parameter TokenCode"), errors.MfaNeeded, "the MFA code"),
    (boto.ParamValidationError(report="Unknown parameter"), AwsError, "cannot be sent: Parameter validation failed"),
    (boto.ProfileNotFound(profile="prod"), SETTING, "there is no profile prod"),
    (boto.ConfigParseError(path="/c", error="x"), SETTING, "an AWS setting cannot be used"),
    (boto.InvalidRegionError(region_name="x y"), SETTING, "an AWS setting cannot be used"),
    (boto.InvalidProxiesConfigError(), SETTING, "an AWS setting cannot be used"),
    (boto.EndpointProviderError(msg="x"), SETTING, "an AWS setting cannot be used"),
    (boto.NoRegionError(), SETTING, "You must specify a region"),
    (boto.InvalidEndpointConfigurationError(msg="x"), SETTING, "an AWS setting cannot be used"),
    (boto.InvalidRetryModeError(provided_retry_mode="x", valid_modes=["y"]), SETTING, "an AWS setting"),
    (boto.InvalidDefaultsMode(mode="x", valid_modes=["y"]), SETTING, "invalid defaults mode"),
    (boto.InvalidSTSRegionalEndpointsConfigError(sts_regional_endpoints_config="x"), SETTING, "STS regional"),
    (boto.InvalidIMDSEndpointError(endpoint="x"), SETTING, "an AWS setting cannot be used"),
    (boto.InvalidIMDSEndpointModeError(mode="x", valid_modes=["y"]), SETTING, "an AWS setting cannot be used"),
    (ValueError("Invalid endpoint: nonsense"), SETTING, "Invalid endpoint: nonsense"),
    (OSError("Could not find a suitable TLS CA certificate bundle"), SETTING, "certificate bundle"),
    (boto.IncompleteReadError(actual_bytes=1, expected_bytes=2), errors.IncompleteAnswer, "cut short or is not AWS's"),
    (boto.PaginationError(message="same token"), errors.IncompleteAnswer, "cut short or is not AWS's"),
    (
        boto.ChecksumError(checksum_type="crc", expected_checksum="a", actual_checksum="b"),
        errors.IncompleteAnswer,
        "cut short",
    ),
    (ResponseParserError("Unable to parse response"), errors.IncompleteAnswer, "cut short or is not AWS's"),
    (boto.WaiterError(name="w", reason="r", last_response={}), AwsError, "ec2:DescribeInstances in eu-west-1 failed"),
]
if hasattr(boto, "LoginError"):
    LOGINS = [boto.LoginRefreshRequired(), boto.LoginTokenLoadError(error_msg="none")]
    EXAMPLES += [(error, errors.LoginExpired, "the AWS login has expired") for error in LOGINS]


@pytest.mark.parametrize(("error", "kind", "message"), EXAMPLES, ids=lambda value: type(value).__name__)
def test_every_failure_without_an_answer_has_its_kind_and_sentence(error: Exception, kind: type, message: str) -> None:
    found = ours(error)
    assert type(found) is kind
    assert message in found.message
    assert "\n" not in found.message
    assert found.status == (ExitStatus.USAGE if kind is SETTING else ExitStatus.AWS)


def test_every_row_of_the_table_has_an_example() -> None:
    rows = [kind for kinds, _build in failures._BEFORE_AN_ANSWER for kind in kinds]
    assert [kind.__name__ for kind in rows if not any(isinstance(error, kind) for error, *_ in EXAMPLES)] == []


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (boto.SSLError(endpoint_url=URL, error="x"), "AWS_CA_BUNDLE"),
        (boto.ProxyConnectionError(proxy_url="http://p:1", error="x"), "HTTPS_PROXY"),
        (boto.UnauthorizedSSOTokenError(), "aws sso login --profile corp"),
        (boto.NoCredentialsError(), "aws configure"),
        (boto.MissingDependencyException(msg="x"), "pip install"),
        (boto.ProfileNotFound(profile="prod"), "aws configure list-profiles"),
        (json_error(), "~/.aws/config"),
        (ValueError("x"), "AWS_ENDPOINT_URL"),
        (ValueError('Invalid timestamp "yesterday": unknown'), "proxy or login page"),
        (ResponseParserError("x"), "proxy or login page"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_hint_says_what_to_look_at(error: Exception, hint: str) -> None:
    assert hint in ours(error).hint


def test_a_ca_file_that_is_set_already_is_named() -> None:
    call = Call(service="ec2", operation="X", region="eu-west-1", profile="p", ca_bundle="/no/such/file")
    assert "AWS_CA_BUNDLE is /no/such/file" in ours(boto.SSLError(endpoint_url=URL, error="x"), call).hint


def test_an_sso_failure_carries_the_profile_that_a_login_renews() -> None:
    error = ours(boto.UnauthorizedSSOTokenError())
    assert isinstance(error, errors.LoginExpired)
    assert error.sso_profile == "corp"


def test_our_own_errors_pass_as_they_are() -> None:
    error = errors.Interrupted("stopped")
    assert ours(error) is error


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 1000, "first\nsecond"])
def test_a_sentence_is_one_line_of_bounded_length(text: str) -> None:
    message = ours(ValueError(text)).message
    assert "\n" not in message
    assert len(message) < 400
    assert not message.endswith(": ")


def test_an_unknown_error_keeps_nothing_but_its_first_line() -> None:
    error: Any = ours(RuntimeError("line one\nline two"))
    assert error.message == "ec2:DescribeInstances in eu-west-1 failed: line one"
    assert "--debug" in error.hint
