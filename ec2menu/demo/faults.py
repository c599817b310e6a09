"""What can go wrong at AWS, switched on by a test or for a look: refusals, lost and cut replies, slow and thin pages.

A `Faults` is asked before and after each call what happens to it; it changes nothing but its own rules. Of two for the
same call the newer counts. How a refusal is worded in each service's protocol lives here; how it is written on the wire
lives in `strict`.

`operation` is AWS's name (`DescribeInstances`), optionally with its service (`ec2:DescribeInstances`), or `*`.
"""

from dataclasses import dataclass
from threading import Event, Lock

from ec2menu.demo import account, strict
from ec2menu.demo.requests import Call
from ec2menu.demo.strict import PageRule, Refused, aws_error

EVERY = "*"
"""The operation name that means all of them."""

_EXPIRED = {"ec2": "RequestExpired", "rds": "ExpiredToken", "elasticache": "ExpiredToken", "sts": "ExpiredToken"}
_HTTP_UNAVAILABLE = 503


@dataclass(slots=True, kw_only=True)
class _Rule:
    """One fault: what it does (`kind`), to which calls, how many more times (None: until cleared), and its number."""

    kind: str
    operation: str = EVERY
    region: str | None = None
    left: int | None = None
    amount: float = 0

    def matches(self, call: Call) -> bool:
        names = (EVERY, call.operation, f"{call.service}:{call.operation}")
        return self.left != 0 and self.operation in names and self.region in (None, call.region)


class Faults:
    """The faults of one server; all methods may be called from any thread while it serves."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._lock = Lock()
        self._cleared = Event()

    def throttle(self, operation: str, times: int = 1) -> None:
        """Answer the next `times` calls with the service's throttling error."""
        self._add(_Rule(kind="throttle", operation=operation, left=times))

    def deny(self, operation: str, region: str | None = None) -> None:
        """Refuse the operation for want of an IAM permission, in one region or in all."""
        self._add(_Rule(kind="deny", operation=operation, region=region))

    def expire_credentials(self) -> None:
        """Refuse every call because the session token has expired."""
        self._add(_Rule(kind="expire"))

    def disable_region(self, region: str) -> None:
        """Answer every call in `region` as if the keys were bad, which is how AWS answers in a disabled region.

        DescribeRegions keeps naming the region as enabled.
        """
        self._add(_Rule(kind="disable", region=region))

    def fail(self, operation: str, status: int = 500, times: int = 1) -> None:
        """Answer the next `times` calls with an internal error of HTTP status `status`."""
        self._add(_Rule(kind="fail", operation=operation, left=times, amount=status))

    def lose_reply(self, operation: str, times: int = 1) -> None:
        """Carry the next `times` calls out, then cut the connection without a reply."""
        self._add(_Rule(kind="lose", operation=operation, left=times))

    def truncate_reply(self, operation: str, times: int = 1) -> None:
        """Answer the next `times` calls with half of the body, its Content-Length agreeing."""
        self._add(_Rule(kind="truncate", operation=operation, left=times))

    def delay(self, operation: str, seconds: float) -> None:
        """Answer every call only after `seconds`, or at `clear`."""
        self._add(_Rule(kind="delay", operation=operation, amount=seconds))

    def empty_pages(self, operation: str) -> None:
        """Put an empty page that carries a token before every page."""
        self._add(_Rule(kind="empty", operation=operation))

    def short_pages(self, operation: str, size: int) -> None:
        """Give at most `size` items a page, whatever size was asked for."""
        self._add(_Rule(kind="short", operation=operation, amount=size))

    def clear(self) -> None:
        """Take all faults back and let delayed calls go on."""
        with self._lock:
            self._rules.clear()
            self._cleared.set()
            self._cleared = Event()

    def wait(self, call: Call) -> None:
        """Hold the call for as long as `delay` says."""
        with self._lock:
            rule, cleared = self._find("delay", call), self._cleared
        if rule is not None:
            cleared.wait(rule.amount)

    def refusal(self, call: Call) -> Refused | None:
        """Return the error to answer instead of carrying the call out, or None."""
        if not account.is_known_key(call.access_key) or not account.is_enabled(call.region):
            return bad_credentials(call)
        if self._take("disable", call):
            return bad_credentials(call)
        if self._take("expire", call):
            return expired(call)
        # AWS answers GetCallerIdentity even under an explicit deny.
        if call.operation != "GetCallerIdentity" and self._take("deny", call):
            return denied(call)
        if self._take("throttle", call):
            return throttled(call)
        rule = self._take("fail", call)
        return internal_error(int(rule.amount)) if rule else None

    def loses_reply(self, call: Call) -> bool:
        """Say whether the reply to this call, now carried out, is to be lost."""
        return self._take("lose", call) is not None

    def truncates_reply(self, call: Call) -> bool:
        """Say whether the reply to this call is to be cut in half."""
        return self._take("truncate", call) is not None

    def page_rule(self, call: Call) -> PageRule | None:
        """Return what happens to the pages of this call."""
        with self._lock:
            empty, short = self._find("empty", call), self._find("short", call)
        if empty is None and short is None:
            return None
        return PageRule(empty=empty is not None, size=int(short.amount) if short else None)

    def _add(self, rule: _Rule) -> None:
        with self._lock:
            self._rules.append(rule)

    def _find(self, kind: str, call: Call) -> _Rule | None:
        return next((rule for rule in reversed(self._rules) if rule.kind == kind and rule.matches(call)), None)

    def _take(self, kind: str, call: Call) -> _Rule | None:
        with self._lock:
            rule = self._find(kind, call)
            if rule is not None and rule.left is not None:
                rule.left -= 1
            return rule


def bad_credentials(call: Call) -> Refused:
    """Return the answer to unknown keys, to a missing signature, and to any call in a disabled region."""
    if call.service == "ec2":
        return aws_error("AuthFailure", "AWS was not able to validate the provided access credentials", status=401)
    text = "The security token included in the request is invalid."
    if call.service in strict.XML_SERVICES:
        return aws_error("InvalidClientTokenId", text, status=403)
    return aws_error("UnrecognizedClientException", text)


def expired(call: Call) -> Refused:
    """Return the answer to an expired session token."""
    if call.service == "ec2":
        return aws_error("RequestExpired", "Request has expired.")
    status = 403 if call.service in strict.XML_SERVICES else 400
    code = _EXPIRED.get(call.service, "ExpiredTokenException")
    return aws_error(code, "The security token included in the request is expired", status=status)


def denied(call: Call) -> Refused:
    """Return the answer where no identity-based policy allows the call."""
    action = f"{call.service}:{call.operation}"
    resource = f"arn:aws:{call.service}:{call.region}:{strict.ACCOUNT_ID}:*"
    text = (
        f"User: {strict.USER_ARN} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )
    if call.service == "ec2":
        text = f"You are not authorized to perform this operation. {text}"
        return aws_error("UnauthorizedOperation", text, status=403)
    if call.service in strict.XML_SERVICES:
        return aws_error("AccessDenied", text, status=403)
    return aws_error("AccessDeniedException", text)


def throttled(call: Call) -> Refused:
    """Return the answer to a call above the rate."""
    if call.service == "ec2":
        return aws_error("RequestLimitExceeded", "Request limit exceeded.", status=_HTTP_UNAVAILABLE)
    code = "Throttling" if call.service in strict.XML_SERVICES else "ThrottlingException"
    return aws_error(code, "Rate exceeded")


def internal_error(status: int) -> Refused:
    """Return the answer of a service that is broken."""
    if status == _HTTP_UNAVAILABLE:
        return aws_error("ServiceUnavailable", "The service is unavailable. Please try again.", status=status)
    return aws_error("InternalFailure", "An internal error has occurred.", status=status)
