"""The last listings on disk, for the instant first screen: one file per identity, region and kind.

A head of JSON, then a line for each item, in the order in which the list is first shown: only what is on the screen
need be read then. A file is written whole or not at all, readable by its owner only. One that is damaged, cut short,
from another version or from the future is as good as none. Knows listings and packing, and neither AWS nor how old is
too old.
"""

import contextlib
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ec2menu import __version__
from ec2menu.models import Listing

if TYPE_CHECKING:
    from ec2menu.resources.kinds import ResourceKind

# Another ec2menu may mean other things by the same fields.
VERSION = f"3 {__version__}"
KEPT_SECONDS = 30 * 86_400
# The file that names the account whose listings lie beside it.
OWNER = "account"
OrderKey = Callable[["ResourceKind", Any], str]
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError)


def _by_id(kind: "ResourceKind", item: Any) -> str:
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
        self._has_forgotten = False

    def load(self, kind: "ResourceKind", region: str, *, now: datetime) -> Listing[Any] | None:
        """Return the last listing of a kind in a region, or None."""
        path = self._path(kind, region)
        if path is None or kind.packing is None:
            return None
        try:
            first, _, body = path.read_bytes().partition(b"\n")
            head = json.loads(first)
            as_of = datetime.fromtimestamp(head["as_of"], UTC)
            lines = body.splitlines()
            if as_of > now or head != self._head(kind, as_of, lines):
                return None
            return Listing(items=kind.packing.unpack_lines(lines, region), as_of=as_of, order=self._order)
        except _UNREADABLE:
            return None

    def claim(self, account: str) -> bool:
        """Say whose listings these are; return whether they were, and drop them where they were another account's."""
        if self.folder is None:
            return True
        try:
            owner = (self.folder / OWNER).read_text(errors="replace")
        except OSError:
            owner = ""
        if owner == account:
            return True
        if owner:
            shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            _make_folder(self.folder)
            _write_atomically(self.folder / OWNER, account.encode())
        return not owner

    def save(self, kind: "ResourceKind", region: str, listing: Listing[Any]) -> None:
        """Keep a whole listing; where nothing can be written, nothing is kept."""
        path = self._path(kind, region)
        if path is None or kind.packing is None or listing.problems:
            return
        lines = kind.packing.pack_lines(listing.items, partial(self._order_key, kind))
        head = json.dumps(self._head(kind, listing.as_of, lines)).encode()
        with contextlib.suppress(OSError):
            _make_folder(path.parent)
            _write_atomically(path, b"\n".join([head, *lines]))
            self._forget_others(path.parent.parent, now=listing.as_of.timestamp())

    def _forget_others(self, folder: Path, *, now: float) -> None:
        """Remove, once, the folders of identities unused for a month: temporary keys are a new identity each day."""
        if self._has_forgotten:
            return
        self._has_forgotten = True
        for other in folder.iterdir():
            if other != self.folder and now - other.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(other, ignore_errors=True)

    def _head(self, kind: "ResourceKind", as_of: datetime, lines: Sequence[bytes]) -> dict[str, Any]:
        return {
            "version": VERSION,
            "as_of": as_of.timestamp(),
            "count": len(lines),
            "order": self._order,
            "fields": list(kind.packing.fields) if kind.packing else [],
            "checksum": zlib.crc32(b"\n".join(lines)),
        }

    def _path(self, kind: "ResourceKind", region: str) -> Path | None:
        return None if self.folder is None else _file_of(self.folder, kind.name, region)


def kept_count(folder: Path, kind_name: str, region: str, *, now: datetime) -> tuple[int, datetime] | None:
    """Return how many items the last listing in a folder has, and of when it is; reads no more than its head."""
    try:
        with _file_of(folder, kind_name, region).open("rb") as file:
            head = json.loads(file.readline())
        count, as_of = int(head["count"]), datetime.fromtimestamp(head["as_of"], UTC)
        return (count, as_of) if head["version"] == VERSION and count >= 0 and as_of <= now else None
    except _UNREADABLE:
        return None


def _file_of(folder: Path, kind_name: str, region: str) -> Path:
    return folder / f"{kind_name}-{region}.json"


def _make_folder(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.mkdir(exist_ok=True, mode=0o700)


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
