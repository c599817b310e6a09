"""Foreign errors → ours, once: every botocore exception becomes a sentence, a hint and an exit status.

Two families come from botocore, ClientError (AWS answered with an error) and BotoCoreError (everything before or
around an answer), plus a few builtins that its credential providers let through. Nothing here makes a call.
"""

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from ec2menu.errors import (
    AccessDenied,
    AwsError,
    CredentialsError,
    Ec2MenuError,
    IncompleteAnswer,
    InvalidInput,
    LoginExpired,
    MfaNeeded,
    TargetNotConnected,
    Throttled,
    Unreachable,
)

EXPIRED_CODES = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
DENIED_CODES = {
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "UnauthorizedException",
    "ForbiddenException",
}
# A region that is not enabled answers just as if the keys were wrong; only STS at home can tell.
BAD_KEY_CODES = {
    "AuthFailure",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
}
# So does one that is not enabled, and any where the account has not been activated.
OPT_IN_REQUIRED = "OptInRequired"
THROTTLE_CODES = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "SlowDown",
    "EC2ThrottledException",
    "BandwidthLimitExceeded",
}
NOT_CONNECTED_CODES = {"TargetNotConnected", "TargetNotConnectedException"}

# What botocore's credential providers call by themselves, before the call that was asked for.
_CREDENTIAL_CALLS = {"AssumeRole": "sts", "AssumeRoleWithWebIdentity": "sts", "GetRoleCredentials": "sso"}
_DENIAL = re.compile(r"User: (?P<arn>\S+) is not authorized to perform: (?P<action>[\w-]+:\w+)")
_CLOCK_SKEW = re.compile(r"Signature (?:not yet current|expired)", re.IGNORECASE)
_WRONG_MFA_CODE = re.compile(r"MultiFactorAuthentication failed|\btokenCode\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What was being asked of AWS when an error came: enough to word it."""

    service: str
    operation: str
    region: str
    profile: str
    sso_profile: str = ""
    keys_in_variables: bool = False
    ca_bundle: str = ""

    @property
    def action(self) -> str:
        """The IAM action of the operation, such as `ec2:DescribeInstances`."""
        return f"{self.service}:{self.operation}"

    @property
    def login_hint(self) -> str:
        """What to type to renew the login."""
        if self.sso_profile:
            return f"type: aws sso login --profile {shlex.quote(self.sso_profile)}"
        if self.keys_in_variables:
            return "get new credentials into the environment, then start ec2menu again"
        return f"get new credentials for profile {self.profile}, then try again"


def translate(error: Exception, call: Call, *, who: Callable[[], str]) -> Ec2MenuError:
    """Return our error for a foreign one; `who` names the identity when a denial does not."""
    if isinstance(error, Ec2MenuError):
        return error
    if isinstance(error, boto.ClientError):
        return _client_error(error, call, who)
    for kinds, build in _BEFORE_AN_ANSWER:
        if isinstance(error, kinds):
            return build(error, call)
    return AwsError(
        f"{call.action} in {call.region} failed: {_first_line(error)}", hint="run again with --debug for a log"
    )


def _client_error(error: boto.ClientError, call: Call, who: Callable[[], str]) -> Ec2MenuError:
    detail = error.response.get("Error", {})
    code, text = str(detail.get("Code", "")), str(detail.get("Message", ""))
    if error.operation_name in _CREDENTIAL_CALLS:
        call = replace(call, service=_CREDENTIAL_CALLS[error.operation_name], operation=error.operation_name)
    if error.operation_name == "AssumeRole" and _WRONG_MFA_CODE.search(text):
        return _wrong_mfa_code(code)
    for codes, build in _BY_CODE:
        if code in codes:
            return build(text, code, call, who)
    if not text or code.isdigit():
        status = code or error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
        return AwsError(f"{call.action} in {call.region} failed with HTTP status {status}", code=code, hint="try again")
    return AwsError(f"{call.action} in {call.region}: {_sentence(text)} ({code})", code=code)


def _expired(text: str, code: str, call: Call, _who: Callable[[], str]) -> Ec2MenuError:
    if _CLOCK_SKEW.search(text):
        return _wrong_clock(code)
    return LoginExpired("your AWS login has expired", hint=call.login_hint, code=code, sso_profile=call.sso_profile)


def _wrong_clock(code: str) -> CredentialsError:
    return CredentialsError("AWS refuses the time of this computer's clock", hint="set the clock right", code=code)


def _wrong_mfa_code(code: str = "") -> MfaNeeded:
    return MfaNeeded("AWS does not accept the MFA code", hint="type the next code that the device shows", code=code)


def _refused_keys(text: str, code: str, call: Call, _who: Callable[[], str]) -> Ec2MenuError:
    return _wrong_clock(code) if _CLOCK_SKEW.search(text) else bad_keys(call, code)


def _denied(text: str, code: str, call: Call, who: Callable[[], str]) -> Ec2MenuError:
    if call.operation == "GetRoleCredentials":
        return AccessDenied(
            f"IAM Identity Center does not give you the account and role of profile {call.profile}",
            hint="check sso_account_id and sso_role_name in ~/.aws/config, or have the role assigned to you",
            code=code,
            action=call.action,
        )
    found = _DENIAL.search(text)
    action = found["action"] if found else call.action
    arn = found["arn"] if found else who()
    by, hint = "", f"have {action} allowed for that identity"
    if "service control policy" in text:
        by, hint = " by a service control policy", "only the organisation's administrators can change that policy"
    elif "explicit deny" in text:
        by = " by an explicit deny"
    return AccessDenied(f"{action} in {call.region} is denied{by} for {arn}", hint=hint, code=code, action=action)


def _throttled(_text: str, code: str, call: Call, _who: Callable[[], str]) -> Ec2MenuError:
    return Throttled(
        f"AWS keeps throttling {call.action} in {call.region}", hint="wait a minute, then try again", code=code
    )


def _not_connected(_text: str, code: str, _call: Call, _who: Callable[[], str]) -> Ec2MenuError:
    return TargetNotConnected(
        "SSM has no connection to the target's agent", hint="type: ec2menu doctor TARGET", code=code
    )


_BY_CODE: tuple[tuple[set[str], Callable[[str, str, Call, Callable[[], str]], Ec2MenuError]], ...] = (
    (EXPIRED_CODES, _expired),
    (DENIED_CODES, _denied),
    (BAD_KEY_CODES, _refused_keys),
    (THROTTLE_CODES, _throttled),
    (NOT_CONNECTED_CODES, _not_connected),
)


def bad_keys(call: Call, code: str) -> CredentialsError:
    """Return the error for keys that AWS does not accept."""
    return CredentialsError(
        f"AWS does not accept the credentials of profile {call.profile}",
        hint="check them with: aws sts get-caller-identity",
        code=code,
    )


def _sso(_error: Exception, call: Call) -> Ec2MenuError:
    return LoginExpired(
        "the SSO login has expired or was never made", hint=call.login_hint, sso_profile=call.sso_profile
    )


def _mfa(_error: Exception, _call: Call) -> Ec2MenuError:
    return MfaNeeded("the MFA session has ended and a new code is needed", hint="run ec2menu in a terminal to type it")


def _login(_error: Exception, call: Call) -> Ec2MenuError:
    return LoginExpired("the AWS login has expired", hint=f"type: aws login --profile {shlex.quote(call.profile)}")


def _bad_parameter(error: Exception, call: Call) -> Ec2MenuError:
    """Word what botocore refuses to send: a fault of ours, but for an MFA code that is too short."""
    if _WRONG_MFA_CODE.search(str(error)):
        return _wrong_mfa_code()
    return AwsError(f"{call.action} in {call.region} cannot be sent: {_sentence(str(error))}")


def _no_credentials(_error: Exception, _call: Call) -> Ec2MenuError:
    return CredentialsError(
        "no AWS credentials were found", hint="type: aws configure sso (or set AWS_PROFILE); ec2menu --demo needs none"
    )


def _broken_credentials(error: Exception, call: Call) -> Ec2MenuError:
    hint = "mend the profile in ~/.aws/config"
    if isinstance(error, boto.PartialCredentialsError) and error.kwargs.get("provider") == "env":
        hint = "set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or unset both"
    return CredentialsError(
        f"the credentials of profile {call.profile} could not be loaded: {_first_line(error)}", hint=hint
    )


def _missing_dependency(error: Exception, call: Call) -> Ec2MenuError:
    return CredentialsError(
        f"profile {call.profile} needs an extra package: {_first_line(error)}", hint='type: pip install "botocore[crt]"'
    )


def _profile_not_found(_error: Exception, call: Call) -> Ec2MenuError:
    return InvalidInput(
        f"there is no profile {call.profile} in the AWS config files",
        hint="list them with: aws configure list-profiles",
    )


def _unreachable(error: Exception, call: Call) -> Ec2MenuError:
    where = f"{call.service} in {call.region}"
    if isinstance(error, boto.SSLError):
        hint = "behind a company proxy, set AWS_CA_BUNDLE to its CA file"
        if call.ca_bundle:
            hint = f"AWS_CA_BUNDLE is {call.ca_bundle}: see that this file is there and has the CA"
        return Unreachable(f"the TLS certificate of {where} is not trusted", hint=hint)
    if isinstance(error, boto.ProxyConnectionError):
        return Unreachable(f"the proxy does not let us reach {where}", hint="check HTTPS_PROXY and NO_PROXY")
    if isinstance(error, (boto.ConnectTimeoutError, boto.ReadTimeoutError)):
        return Unreachable(f"{where} did not answer in time", hint="check the network, VPN and proxy, then try again")
    return Unreachable(
        f"{where} cannot be reached", hint="check the network, VPN and proxy, and that the region's name is right"
    )


def _cut_short(_error: Exception, call: Call) -> Ec2MenuError:
    return incomplete(call)


def incomplete(call: Call) -> IncompleteAnswer:
    """Return the error for a reply that was cut short or came from something that is not AWS."""
    return IncompleteAnswer(
        f"the answer of {call.action} in {call.region} was cut short or is not AWS's",
        hint="try again; a proxy or login page may be in between",
    )


def _bad_setting(error: Exception, call: Call) -> Ec2MenuError:
    """Word what botocore cannot work with: a setting, but for a moment in a reply that is none."""
    if str(error).startswith("Invalid timestamp"):
        return incomplete(call)
    hint = "check AWS_ENDPOINT_URL, AWS_CA_BUNDLE and ~/.aws/config"
    if isinstance(error, boto.ConfigParseError):
        hint = "mend that file or move it away"
    return InvalidInput(f"an AWS setting cannot be used: {_first_line(error)}", hint=hint)


# botocore before 1.41 has no `aws login`, and so no error for it.
_LOGIN_ERRORS: tuple[type[Exception], ...] = (boto.LoginError,) if hasattr(boto, "LoginError") else ()

_BEFORE_AN_ANSWER: tuple[tuple[tuple[type[Exception], ...], Callable[[Exception, Call], Ec2MenuError]], ...] = (
    ((boto.RefreshWithMFAUnsupportedError, EOFError), _mfa),
    (_LOGIN_ERRORS, _login),
    ((boto.SSOError, boto.TokenRetrievalError, boto.NoAuthTokenError), _sso),
    ((boto.NoCredentialsError,), _no_credentials),
    ((boto.ParamValidationError,), _bad_parameter),
    ((boto.MissingDependencyException,), _missing_dependency),
    ((boto.ProfileNotFound,), _profile_not_found),
    (
        (boto.PartialCredentialsError, boto.CredentialRetrievalError, boto.InvalidConfigError, json.JSONDecodeError),
        _broken_credentials,
    ),
    ((boto.MetadataRetrievalError, boto.UnknownCredentialError), _broken_credentials),
    ((boto.HTTPClientError, boto.ConnectionError), _unreachable),
    ((boto.IncompleteReadError, boto.PaginationError, boto.ChecksumError, ResponseParserError), _cut_short),
    (
        (
            boto.ConfigParseError,
            boto.InvalidRegionError,
            boto.InvalidProxiesConfigError,
            boto.EndpointProviderError,
            boto.BaseEndpointResolverError,
            boto.InvalidEndpointConfigurationError,
            boto.InvalidRetryConfigurationError,
            boto.InvalidDefaultsMode,
            boto.InvalidSTSRegionalEndpointsConfigError,
            boto.InvalidIMDSEndpointError,
            boto.InvalidIMDSEndpointModeError,
            ValueError,
            OSError,
        ),
        _bad_setting,
    ),
)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


def _sentence(text: str) -> str:
    return " ".join(text.split()).rstrip(".")[:300]
