"""The log file of `--debug`: which calls were made and how they went; no parameters, no answers, no keys or tokens."""

import logging
import os
import re
from datetime import datetime
from pathlib import Path

_SECRETS = re.compile(
    r"(?i)(?P<header>[\"']?\b(?:authorization|secretstring|secretbinary)[\"']?\s*[:=]\s*).*"
    r"|(?P<name>[\"']?(?:\w*token\w*|\w*password|\w*secret\w*|\w*_pwd|\w*cli_auth|x-amz-signature"
    r"|stream_?url|accesskeyid)[\"']?\s*[:=]\s*)(?:\"[^\"]*\"|'[^']*'|\S+)"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"
    r"|\b(?:IQoJ|FwoG|FQoG)[\w+/=%]{40,}"  # how session tokens begin
)


class _Redacted(logging.Formatter):
    """A formatter that takes out what looks like a secret, in messages and tracebacks alike."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without secrets."""
        return _SECRETS.sub(lambda match: f"{match['name'] or match['header'] or ''}[redacted]", super().format(record))


def start_debug_log(folder: Path, *, now: datetime) -> Path:
    """Start writing the package's debug log to a new file (0600) and return its path. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"debug-{now:%Y%m%d-%H%M%S}-{os.getpid()}.log"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    handler = logging.StreamHandler(os.fdopen(descriptor, "w", encoding="utf-8"))
    handler.setFormatter(_Redacted("%(asctime)s %(threadName)s %(name)s %(message)s"))
    logger = logging.getLogger("ec2menu")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    return path


def log_bug() -> None:
    """Write the exception being handled to the log, if there is one; without one, logging would print it."""
    logger = logging.getLogger("ec2menu")
    if logger.handlers:
        logger.exception("a bug")
