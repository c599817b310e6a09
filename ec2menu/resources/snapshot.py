"""The last listings on disk, for the instant first screen: one file per identity, region and kind.

A head of JSON, then a line for each item, in the order in which the list is first shown: only what is on the screen
need be read then. A file is written whole or not at all, readable by its owner only. One that is damaged, cut short,
from another version or from the future is as good as none. Knows listings and packing, and neither AWS nor how old is
too old.
"""

import contextlib
import json
import os
import tempfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ec2menu import __version__
from ec2menu.models import Listing
from ec2menu.resources.kinds import ResourceKind

# Another ec2menu may mean other things by the same fields.
VERSION = f"3 {__version__}"
OrderKey = Callable[[ResourceKind, Any], str]


def _by_id(kind: ResourceKind, item: Any) -> str:
    return kind.identify(item)[0]


class Snapshots:
    """The files of one identity, in a folder of its own; `folder` None keeps nothing.

    `order` is the column that lists are first sorted by, and `order_key` an item's place in that order; without them
    items are kept by their ids.
    """

    def __init__(self, folder: Path | None, *, order: str = "", order_key: OrderKey = _by_id) -> None:
        self.folder = folder
        self._order = order
        self._order_key = order_key

    def load(self, kind: ResourceKind, region: str, *, now: datetime) -> Listing[Any] | None:
        """Return the last listing of a kind in a region, or None."""
        path = self._path(kind, region)
        if path is None or kind.packing is None:
            return None
        try:
            first, _, body = path.read_bytes().partition(b"\n")
            head = json.loads(first)
            as_of = datetime.fromtimestamp(head["as_of"], UTC)
            if as_of > now or head != self._head(kind, as_of, body):
                return None
            items = kind.packing.unpack_lines(body.splitlines(), region)
            return Listing(items=items, as_of=as_of, order=self._order)
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            return None

    def save(self, kind: ResourceKind, region: str, listing: Listing[Any]) -> None:
        """Keep a whole listing; where nothing can be written, nothing is kept."""
        path = self._path(kind, region)
        if path is None or kind.packing is None or listing.problems:
            return
        body = b"\n".join(kind.packing.pack_lines(listing.items, partial(self._order_key, kind)))
        head = json.dumps(self._head(kind, listing.as_of, body)).encode()
        with contextlib.suppress(OSError):
            path.parent.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.parent.mkdir(exist_ok=True, mode=0o700)
            _write_atomically(path, b"%b\n%b" % (head, body))

    def _head(self, kind: ResourceKind, as_of: datetime, body: bytes) -> dict[str, Any]:
        return {
            "version": VERSION,
            "as_of": as_of.timestamp(),
            "order": self._order,
            "fields": list(kind.packing.fields) if kind.packing else [],
            "checksum": zlib.crc32(body),
        }

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
