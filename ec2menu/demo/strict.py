"""What every demo service shares: AWS's paging rules, its ways of refusing, and the way an action gets onto moto.

Nothing here knows a service's data. A service module builds plain dictionaries in AWS's own shapes, passes lists
through `paginate`, raises what `aws_error` returns, and puts its functions onto moto's response classes with `install`.
"""

import base64
import binascii
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from threading import Lock
from typing import Any, ClassVar, Generic, TypeVar
from xml.sax.saxutils import escape

T = TypeVar("T")

ACCOUNT_ID = "123456789012"
USER_ARN = f"arn:aws:iam::{ACCOUNT_ID}:user/demo"
XML_SERVICES = frozenset({"ec2", "rds", "elasticache", "sts"})
JSON_TYPE = "application/x-amz-json-1.1"
REQUEST_ID = "demo0000-0000-4000-8000-000000000000"
SERVER_ERROR = 500

_SNAKE_CASE = re.compile(r"^[a-z][a-z0-9_]*$")


class Refused(Exception):
    """AWS's refusal of a call: its error `code`, the `message` and the HTTP `status`."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def aws_error(code: str, message: str, *, status: int = 400) -> Refused:
    """Return AWS's error `code` with `message`, to be raised in an installed action; the service's protocol is kept.

    Moto's own exceptions may be raised as well, but moto warns about codes that the service model lacks.
    """
    return Refused(code, message, status=status)


def check_length(member: str, length: int, *, minimum: int = 1, maximum: int) -> None:
    """Raise the ValidationException of JSON services if a member's length is outside `minimum`..`maximum`."""
    if minimum <= length <= maximum:
        return
    bound = f"greater than or equal to {minimum}" if length < minimum else f"less than or equal to {maximum}"
    text = f"Value at '{member}' failed to satisfy constraint: Member must have length {bound}"
    raise aws_error("ValidationException", f"1 validation error detected: {text}")


def write_error(service: str, error: Refused) -> tuple[int, str, str]:
    """Return status, content type and body of `error` as `service` (its signing name) writes it on the wire."""
    if service not in XML_SERVICES:
        return error.status, JSON_TYPE, json.dumps({"__type": error.code, "message": error.message})
    code, message = escape(error.code), escape(error.message)
    if service == "ec2":
        inner = f"<Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
        return error.status, "text/xml", f"<Response>{inner}<RequestID>{REQUEST_ID}</RequestID></Response>"
    kind = "Sender" if error.status < SERVER_ERROR else "Receiver"
    inner = f"<Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return error.status, "text/xml", f"<ErrorResponse>{inner}<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageStyle:
    """How one protocol names the page size and refuses a wrong size or token.

    `size_text` is a format of `value`, `minimum` and `maximum`; `relation` says which bound was passed.
    """

    size_code: str
    size_text: str
    token_code: str
    token_text: str

    def bad_size(self, value: int, *, minimum: int, maximum: int) -> Refused:
        """Return the refusal of a page size outside `minimum`..`maximum`."""
        relation = ("greater", minimum) if value < minimum else ("less", maximum)
        text = self.size_text.format(
            value=value, minimum=minimum, maximum=maximum, relation=relation[0], bound=relation[1]
        )
        return aws_error(self.size_code, text)

    def bad_token(self, token: str) -> Refused:
        """Return the refusal of a token that this server did not give."""
        return aws_error(self.token_code, self.token_text.format(token=token))


_CONSTRAINT = (
    "1 validation error detected: Value '{value}' at 'maxResults' failed to satisfy constraint: "
    "Member must have value {relation} than or equal to {bound}"
)
SSM = PageStyle(
    size_code="ValidationException",
    size_text=_CONSTRAINT,
    token_code="InvalidNextToken",  # noqa: S106 - an error code, not a password
    token_text="The specified token is not valid.",  # noqa: S106 - a message, not a password
)
ECS = PageStyle(
    size_code="InvalidParameterException",
    size_text="maxResults must be between {minimum} and {maximum}.",
    token_code="InvalidParameterException",  # noqa: S106 - an error code, not a password
    token_text="Invalid token {token}",  # noqa: S106 - a message, not a password
)
EC2 = PageStyle(
    size_code="InvalidParameterValue",
    size_text="Value ( {value} ) for parameter maxResults is invalid. Expecting a value {relation} than {bound}.",
    token_code="InvalidParameterValue",  # noqa: S106 - an error code, not a password
    token_text="Unable to parse pagination token",  # noqa: S106 - a message, not a password
)
RDS = PageStyle(
    size_code="InvalidParameterValue",
    size_text="Invalid value {value} for MaxRecords. Must be between {minimum} and {maximum}",
    token_code="InvalidParameterValue",  # noqa: S106 - an error code, not a password
    token_text="Invalid marker: {token}",  # noqa: S106 - a message, not a password
)
ACCOUNT = PageStyle(
    size_code="ValidationException",
    size_text=_CONSTRAINT,
    token_code="ValidationException",  # noqa: S106 - an error code, not a password
    token_text="Invalid NextToken",  # noqa: S106 - a message, not a password
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRule:
    """What a fault does to the pages of the request at hand: an empty page before each, or at most `size` items."""

    empty: bool = False
    size: int | None = None


_page_rule: ContextVar[PageRule | None] = ContextVar("page_rule", default=None)


@contextmanager
def page_rule(rule: PageRule | None) -> Iterator[None]:
    """Apply `rule` to every `paginate` of this context (one request on one thread)."""
    reset = _page_rule.set(rule)
    try:
        yield
    finally:
        _page_rule.reset(reset)


def paginate(
    items: Sequence[T],
    *,
    token: str | None,
    size: int | str | None,
    default: int | None,
    minimum: int,
    maximum: int,
    style: PageStyle = SSM,
) -> tuple[list[T], str | None]:
    """Return one page of `items` and the token of the next, None on the last.

    `size` is what the client asked for; None means `default`, and a `default` of None means everything at once.
    Raises the style's error for a size outside `minimum`..`maximum` and for a token that was not given here.
    """
    wanted = None if size is None else int(size)
    if wanted is not None and not minimum <= wanted <= maximum:
        raise style.bad_size(wanted, minimum=minimum, maximum=maximum)
    start, seen_empty = _read_token(token, style=style) if token else (0, False)
    length = wanted if wanted is not None else default
    if length is None:
        return list(items[start:]), None
    rule = _page_rule.get()
    if rule is not None and rule.empty and not seen_empty:
        return [], _write_token(start, seen_empty=True)
    if rule is not None and rule.size is not None:
        length = min(length, rule.size)
    end = start + length
    return list(items[start:end]), _write_token(end, seen_empty=False) if end < len(items) else None


def _write_token(offset: int, *, seen_empty: bool) -> str:
    body = f"{offset}:{int(seen_empty)}".encode()
    return base64.urlsafe_b64encode(body + b":%08x" % zlib.crc32(body)).decode()


def _read_token(token: str, *, style: PageStyle) -> tuple[int, bool]:
    try:
        body, _, check = base64.urlsafe_b64decode(token.encode()).rpartition(b":")
        if check != b"%08x" % zlib.crc32(body):
            raise style.bad_token(token)
        offset, _, seen_empty = body.decode().partition(":")
        return int(offset), seen_empty == "1"
    except (binascii.Error, UnicodeError, ValueError):
        raise style.bad_token(token) from None


def install(response_class: type, name: str, function: Callable[[Any], Any]) -> None:
    """Make `function(self)` answer the action `name` (snake_case) of a moto response class, in place of moto's own.

    The function reads `self._get_param`, `self.current_account` and `self.region`, returns `reply(...)` and may raise
    what `aws_error` returns. Raises ValueError for a name that moto would never look up.
    """
    if not _SNAKE_CASE.match(name):
        raise ValueError(f"not a snake_case action: {name!r}")

    @wraps(function)
    def action(response: Any) -> Any:
        try:
            return function(response)
        except Refused as error:
            status, content_type, body = write_error(response.service_name, error)
            headers = {"status": status, "Content-Type": content_type, "X-Amzn-ErrorType": error.code}
            return status, headers, body

    setattr(response_class, name, action)


def param(response: Any, name: str, default: Any = None) -> Any:
    """Return one request parameter of a moto response: parsed by the service model, or from the JSON body."""
    return response._get_param(name, default)  # noqa: SLF001 - moto's only way to read a parameter


def reply(result: dict[str, Any]) -> Any:
    """Wrap a dictionary in AWS's shape as moto's answer, written in JSON or XML by the service model."""
    from moto.core.responses import ActionResult  # noqa: PLC0415 - moto's responses cost 0.3 s at import

    return ActionResult(result)


class PerRegion(Generic[T]):
    """State kept beside moto's own: one `T` per account and region, made by `factory` at first use.

    All of them are emptied by `clear_all`, which `DemoAws.reset` calls together with moto's own reset.
    """

    _all: ClassVar[list["PerRegion[Any]"]] = []

    def __init__(self, factory: Callable[[], T]) -> None:
        self._factory = factory
        self._values: dict[tuple[str, str], T] = {}
        self._lock = Lock()
        PerRegion._all.append(self)

    def at(self, region: str, *, account: str = ACCOUNT_ID) -> T:
        """Return the value of a region."""
        with self._lock:
            key = (account, region)
            if key not in self._values:
                self._values[key] = self._factory()
            return self._values[key]

    def clear(self) -> None:
        """Forget every region."""
        with self._lock:
            self._values.clear()

    @classmethod
    def clear_all(cls) -> None:
        """Forget everything that any service keeps beside moto."""
        for table in cls._all:
            table.clear()
