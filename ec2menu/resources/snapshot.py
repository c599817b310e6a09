"""The last listings on disk, for the instant first screen: one small file per identity, region and kind.

A file is written whole or not at all, readable by its owner only. One that is damaged, cut short, from another version
or from the future is as good as none. Knows listings and packing, and neither AWS nor how old is too old.
"""

import contextlib
import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ec2menu.models import Listing
from ec2menu.resources.kinds import ResourceKind

VERSION = 2


class Snapshots:
    """The files of one identity, in a folder of its own; `folder` None keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def load(self, kind: ResourceKind, region: str, *, now: datetime) -> Listing[Any] | None:
        """Return the last listing of a kind in a region, or None."""
        path = self._path(kind, region)
        if path is None or kind.packing is None:
            return None
        try:
            content = json.loads(path.read_bytes())
            as_of = datetime.fromtimestamp(content["as_of"], UTC)
            if content["version"] != VERSION or content["fields"] != list(kind.packing.fields) or as_of > now:
                return None
            return Listing(items=kind.packing.unpack_all(content["columns"], region), as_of=as_of)
        except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError):
            return None

    def save(self, kind: ResourceKind, region: str, listing: Listing[Any]) -> None:
        """Keep a whole listing; where nothing can be written, nothing is kept."""
        path = self._path(kind, region)
        if path is None or kind.packing is None or listing.problems:
            return
        content = {
            "version": VERSION,
            "as_of": listing.as_of.timestamp(),
            "fields": kind.packing.fields,
            "columns": kind.packing.pack_all(listing.items),
        }
        with contextlib.suppress(OSError):
            path.parent.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.parent.mkdir(exist_ok=True, mode=0o700)
            _write_atomically(path, json.dumps(content, separators=(",", ":")).encode())

    def _path(self, kind: ResourceKind, region: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{kind.name}-{region}.json"


def _write_atomically(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 that readers see either whole or not at all."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
