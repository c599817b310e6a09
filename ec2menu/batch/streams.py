"""A node's output as SSM hands it out: two streams, each whole or cut, taken from the list call or read one by one.

Pure text work; the marks are those of the SSM agent (facts: Run Command, reading results).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LISTED_BYTES = 2500
STDOUT_CHARACTERS = 24_000
STDERR_CHARACTERS = 8_000
ERROR_TITLE = "\n----------ERROR-------\n"
_LISTED_MARKS = ("---Output truncated---", "---Error truncated----")
_READ_MARK = "--output truncated--"


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """What a script wrote; `is_..._cut` says that only the beginning is here."""

    stdout: str = ""
    stderr: str = ""
    is_stdout_cut: bool = False
    is_stderr_cut: bool = False

    @property
    def is_cut(self) -> bool:
        """Whether anything is missing."""
        return self.is_stdout_cut or self.is_stderr_cut


def split_listed(text: str) -> Streams:
    """Take the list call's Output apart; a text that may be cut, or parted in two ways, counts as cut in both."""
    stdout, title, stderr = text.partition(ERROR_TITLE)
    is_doubtful = (
        any(mark in text for mark in _LISTED_MARKS)
        or ERROR_TITLE in stderr
        or len(text.encode(errors="replace")) >= LISTED_BYTES
    )
    return Streams(stdout=stdout, stderr=stderr if title else "", is_stdout_cut=is_doubtful, is_stderr_cut=is_doubtful)


def parse_result(answer: Mapping[str, Any]) -> Streams:
    """Return the streams of a GetCommandInvocation answer, which holds more and marks what is still cut."""
    stdout = str(answer.get("StandardOutputContent") or "")
    stderr = str(answer.get("StandardErrorContent") or "")
    return Streams(
        stdout=stdout.removesuffix(_READ_MARK),
        stderr=stderr.removesuffix(_READ_MARK),
        is_stdout_cut=_is_cut(stdout, STDOUT_CHARACTERS),
        is_stderr_cut=_is_cut(stderr, STDERR_CHARACTERS),
    )


def _is_cut(text: str, limit: int) -> bool:
    return text.endswith(_READ_MARK) or len(text) >= limit
