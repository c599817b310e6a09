"""Output of nodes in files, as it lands: a folder per run (0700), a file per stream (0600), so that memory is bounded.

Files and their digest only. What SSM kept of the output is in `streams`, the copy in S3 in `full_output`.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

from ec2menu.batch.nouns import NodeResult, Target
from ec2menu.batch.streams import Streams

PIECE_BYTES = 1 << 16
_NO_FILES: Mapping[str, Path | None] = MappingProxyType({})
_UNSAFE = re.compile(r"[^A-Za-z0-9._=-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where a node's output is, and its digest: equal for equal output. No file where there is no output."""

    stdout_file: Path | None = None
    stderr_file: Path | None = None
    digest: str = ""


class OutputStore:
    """The folder that holds a folder for every run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def folder_of(self, run_id: str) -> Path:
        """Return the folder of a run, which may not exist yet."""
        return self._folder / _safe(run_id)

    def save(
        self, run_id: str, target: Target, streams: Streams, *, fetched: Mapping[str, Path | None] = _NO_FILES
    ) -> Kept:
        """Keep a node's output but for the streams that are in files already. Raises OSError, such as a full disk."""
        texts = {"stdout": streams.stdout, "stderr": streams.stderr}
        files = {
            name: fetched[name] if name in fetched else self._put(run_id, target, name, [text.encode(errors="replace")])
            for name, text in texts.items()
        }
        return self._digested(stdout_file=files["stdout"], stderr_file=files["stderr"])

    def replace(self, run_id: str, target: Target, stream: str, pieces: Iterable[bytes]) -> Path | None:
        """Put the bytes in the place of what was kept of a stream (`stdout` or `stderr`), once they are all there.

        Raises OSError and whatever `pieces` raises; then the old file stays.
        """
        return self._put(run_id, target, stream, pieces)

    def read(self, result: NodeResult) -> tuple[str, str]:
        """Return stdout and stderr as kept; a stream that was empty, or whose file is gone, is ''."""
        return _read(result.stdout_file), _read(result.stderr_file)

    def drop(self, run_id: str) -> None:
        """Delete what was kept of a run, as far as that can be."""
        shutil.rmtree(self.folder_of(run_id), ignore_errors=True)

    def _digested(self, *, stdout_file: Path | None, stderr_file: Path | None) -> Kept:
        digest = hashlib.sha256()
        for file in (stdout_file, stderr_file):
            for piece in _pieces(file):
                digest.update(piece)
            digest.update(b"\0")
        return Kept(stdout_file=stdout_file, stderr_file=stderr_file, digest=digest.hexdigest())

    def _put(self, run_id: str, target: Target, stream: str, pieces: Iterable[bytes]) -> Path | None:
        folder = self.folder_of(run_id) / _safe(target.region)
        path = folder / f"{_safe(target.id)}.{stream}"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for each in (self._folder, folder.parent):
            each.chmod(0o700)  # mkdir gives its mode to the last folder only
        # A download that a detached run left behind may still write its own.
        part = path.with_name(f"{path.name}.{uuid4().hex[:8]}.part")
        size = 0
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                size = sum(file.write(piece) for piece in pieces)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        if size:
            return path
        path.unlink()
        return None


def _safe(name: str) -> str:
    return _UNSAFE.sub("_", name).lstrip(".")[:150] or "_"


def _pieces(path: Path | None) -> Iterable[bytes]:
    if path is None:
        return
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _read(path: Path | None) -> str:
    try:
        return path.read_bytes().decode(errors="replace") if path is not None else ""
    except OSError:
        return ""
