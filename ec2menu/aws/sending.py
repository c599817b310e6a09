"""What an error says of a call that must not be made twice: whether it was carried out, refused, or nobody knows.

botocore's errors tell where a call broke: before anything left this computer, by AWS's own answer, or in between. Only
the last is unclear. Knows no operation.
"""

from botocore import exceptions as boto

from ec2menu.aws.fate import SendFate
from ec2menu.errors import CredentialsError, Ec2MenuError, RegionDisabled, Throttled

_NEVER_LEFT = (
    boto.EndpointConnectionError,
    boto.ConnectTimeoutError,
    boto.ProxyConnectionError,
    boto.ParamValidationError,
    boto.NoRegionError,
)
# A 4xx that AWS may send after it has begun: it gave up waiting for us, or for itself.
_UNCLEAR_CODES = {"RequestTimeout", "RequestTimeoutException", "InternalServerError", "InternalFailure"}
_SERVER_ERRORS = 500


def fate_of(error: Ec2MenuError) -> SendFate:
    """Say what became of the single attempt (`Aws.call(..., once=True)`) that raised `error`."""
    cause = error.__cause__
    if isinstance(cause, _NEVER_LEFT):
        return SendFate.NOT_SENT
    if isinstance(cause, boto.ClientError) and not _is_proof(cause):
        return SendFate.UNCLEAR
    if isinstance(error, CredentialsError):
        return SendFate.NEEDS_LOGIN
    if not isinstance(cause, boto.ClientError):
        return SendFate.REFUSED if isinstance(error, RegionDisabled) else SendFate.UNCLEAR
    return SendFate.THROTTLED if isinstance(error, Throttled) else SendFate.REFUSED


def text_of(error: Ec2MenuError) -> str:
    """Return AWS's own words in full, where the error is AWS's answer; ours are made short for people."""
    cause = error.__cause__
    detail = cause.response.get("Error", {}) if isinstance(cause, boto.ClientError) else {}
    return str(detail.get("Message", "") or error.message)


def _is_proof(error: boto.ClientError) -> bool:
    """Whether AWS's answer proves that nothing was done."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) or 0)
    return bool(code) and not code.isdigit() and code not in _UNCLEAR_CODES and status < _SERVER_ERRORS
