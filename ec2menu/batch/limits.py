"""What a batch may be: every number and size is checked here, in our words, before anything is sent.

botocore checks minima only, and SSM answers the rest with an error of its own for a command that is already journaled.
Pure: values in, InvalidInput out.
"""

import json
import re

from ec2menu.batch.nouns import CommandSpec, Limits, TagChoice
from ec2menu.errors import InvalidInput

# SSM documents end at 64 KB; what else counts towards that is not documented, so we stay well below.
MAX_COMMAND_BYTES = 48_000
# Outside 5..172800 the agent silently takes 3600.
EXECUTION_SECONDS = (5, 172_800)
DELIVERY_SECONDS = (30, 2_592_000)
CONCURRENCY = (1, 1_000)
RETRIES = (0, 10)
MAX_ERRORS = 100_000
MAX_PREFIX = 500

_MAX_ERRORS = re.compile(r"([0-9]{1,6})(%?)")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[\w!*'()./ +=@:&$,;-]*", re.ASCII)
_TAG = re.compile(r"tag:([^=]{1,128})=(.{1,256})", re.DOTALL)


def check_spec(spec: CommandSpec) -> None:
    """Raise InvalidInput for a command that SendCommand, or the agent, would not take as it is meant."""
    _check_lines(spec.lines)
    _check_range("timeout", spec.execution_seconds, EXECUTION_SECONDS, unit="seconds")
    _check_range("delivery timeout", spec.delivery_seconds, DELIVERY_SECONDS, unit="seconds")
    if spec.output_s3:
        split_s3(spec.output_s3)


def check_limits(limits: Limits) -> None:
    """Raise InvalidInput for limits that make no sense."""
    _check_range("concurrency", limits.concurrency, CONCURRENCY, unit="nodes")
    _check_range("retries", limits.retries, RETRIES, unit="times")
    if limits.max_errors:
        _check_max_errors(limits.max_errors)


def command_bytes(lines: tuple[str, ...]) -> int:
    """Return what the script weighs on the wire: botocore writes it as ASCII JSON, where 가 takes six bytes."""
    return len(json.dumps(list(lines)))


def split_s3(text: str) -> tuple[str, str]:
    """Read `BUCKET[/PREFIX]`, also with `s3://` before it. Raises InvalidInput."""
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    prefix = prefix.strip("/")
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise InvalidInput(
            f"{text!r} does not begin with the name of a bucket", hint="write it as BUCKET or BUCKET/PREFIX"
        )
    if len(prefix) > MAX_PREFIX or not _PREFIX.fullmatch(prefix):
        raise InvalidInput(
            f"the prefix in {text!r} cannot be used",
            hint=f"a prefix has at most {MAX_PREFIX} plain letters, digits, slashes and signs",
        )
    return bucket, prefix


def read_tag(text: str) -> TagChoice:
    """Read `tag:KEY=VALUE`. Raises InvalidInput."""
    found = _TAG.fullmatch(text)
    if found is None:
        raise InvalidInput(f"{text!r} is not a tag", hint="write it as tag:KEY=VALUE, such as tag:Role=web")
    if found[2].strip() in ("", "*"):
        raise InvalidInput(f"{text!r} names no value", hint="every node with the tag is too many; name one value")
    return TagChoice(key=found[1], value=found[2])


def _check_lines(lines: tuple[str, ...]) -> None:
    if not any(line.strip() for line in lines):
        raise InvalidInput("there is no command to run", hint="write it after --, or name a file with -f")
    text = "\n".join(lines)
    if "\0" in text:
        raise InvalidInput("the command holds a NUL character, which no shell can run")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput("the command holds bytes that are not UTF-8", hint="save the script as UTF-8") from None
    if (size := command_bytes(lines)) > MAX_COMMAND_BYTES:
        raise InvalidInput(
            f"the command is too long for SSM: {size:,} bytes, and {MAX_COMMAND_BYTES:,} are safe",
            hint="put the script where the nodes can fetch it, and run a line that does",
        )


def _check_range(what: str, number: int, limits: tuple[int, int], *, unit: str) -> None:
    low, high = limits
    if not low <= number <= high:
        raise InvalidInput(f"{what} of {number:,} is not possible", hint=f"choose from {low:,} to {high:,} {unit}")


def _check_max_errors(text: str) -> None:
    found = _MAX_ERRORS.fullmatch(text)
    highest = 100 if found and found[2] else MAX_ERRORS
    if found is None or int(found[1]) > highest:
        raise InvalidInput(
            f"{text!r} is no number of errors", hint="write N (stop after more than N) or N%, from 0% to 100%"
        )
