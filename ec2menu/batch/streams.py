"""A node's output as SSM hands it out: two streams, each whole or cut, taken from the list call or read one by one.

Pure text work; the marks are those of the SSM agent (amazon-ssm-agent).
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import Any

LISTED_BYTES = 2500
STDOUT_CHARACTERS = 24_000
STDERR_CHARACTERS = 8_000
ERROR_TITLE = "\n----------ERROR-------\n"
_STDOUT_MARK, _STDERR_MARK = "\n---Output truncated---", "\n---Error truncated----"
_READ_MARK = "--output truncated--"


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """What a script wrote; `is_..._cut` says that only the beginning is here.

    `is_doubtful` says that this was taken from a text that does not tell for sure: where one stream ends and the other
    begins, and, where both count as cut, whether they are.
    """

    stdout: str = ""
    stderr: str = ""
    is_stdout_cut: bool = False
    is_stderr_cut: bool = False
    is_doubtful: bool = False

    @property
    def is_cut(self) -> bool:
        """Whether anything is missing."""
        return bool(self.cut)

    @property
    def cut(self) -> tuple[str, ...]:
        """The streams of which something is missing, by name."""
        return ("stdout",) * self.is_stdout_cut + ("stderr",) * self.is_stderr_cut

    def completed(self, streams: Container[str]) -> "Streams":
        """Return these streams with the named ones no longer cut: they are whole elsewhere."""
        is_stdout_cut = self.is_stdout_cut and "stdout" not in streams
        return replace(self, is_stdout_cut=is_stdout_cut, is_stderr_cut=self.is_stderr_cut and "stderr" not in streams)


def split_listed(text: str) -> Streams:
    """Take the list call's Output apart. A text that may be cut counts as cut in both; the marks are left out.

    A title in the text is doubtful even where there is just one: a script may have printed it itself.
    """
    stdout, title, stderr = text.partition(ERROR_TITLE)
    is_cut = any(mark in text for mark in (_STDOUT_MARK, _STDERR_MARK)) or (
        len(text.encode(errors="replace")) >= LISTED_BYTES
    )
    return Streams(
        stdout=stdout.removesuffix(_STDOUT_MARK),
        stderr=stderr.removesuffix(_STDERR_MARK),
        is_stdout_cut=is_cut,
        is_stderr_cut=is_cut,
        is_doubtful=is_cut or bool(title),
    )


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
