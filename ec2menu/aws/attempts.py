"""What surrounds a call: how often it is tried, what counts as an answer, and the line about it in the log.

botocore's retries come first; here is what they do not know, or would overdo. Knows no client and no operation.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from botocore.exceptions import ReadTimeoutError

from ec2menu.aws.failures import Call, incomplete
from ec2menu.errors import IncompleteAnswer

T = TypeVar("T")

TOTAL_ATTEMPTS = 5
# What was silent twice is not asked a third time: five times would be more than a minute of waiting.
SILENT_ATTEMPTS = 2
READ_ATTEMPTS = 3

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def parsed(call: Call) -> Iterator[None]:
    """Tell an answer that is well-formed and not AWS's from a bug: botocore's parsers stumble over it in these ways."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        _log.debug("an answer that cannot be read", exc_info=error)  # or a bug of ours in reading it
        raise incomplete(call) from error


def until_complete(read: Callable[[], T], what: str) -> T:
    """Read what was cut short again; nothing is ever returned in part."""
    for _ in range(READ_ATTEMPTS - 1):
        try:
            return read()
        except IncompleteAnswer:
            _log.debug("%s was cut short, reading it again", what)
    return read()


def give_up_on_silence(caught_exception: Exception | None, attempts: int, **_rest: Any) -> None:
    """Let a read timeout out, of which botocore's retries would make as many attempts as of anything else."""
    if isinstance(caught_exception, ReadTimeoutError) and attempts >= SILENT_ATTEMPTS:
        raise caught_exception


def log_call(http_response: Any, parsed: Mapping[str, Any], model: Any, **_rest: Any) -> None:
    """Log a call's name and outcome, never its parameters or answer (they hold tokens)."""
    meta = parsed.get("ResponseMetadata", {}) if isinstance(parsed, Mapping) else {}
    code = parsed.get("Error", {}).get("Code", "") if isinstance(parsed, Mapping) else ""
    _log.debug(
        "%s -> %s %s attempts=%s request=%s",
        model.name,
        http_response.status_code,
        code,
        meta.get("RetryAttempts", 0) + 1,
        meta.get("RequestId", ""),
    )
