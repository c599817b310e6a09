"""Records as JSON and CSV for other programs; `Terminal.document` makes them harmless on a screen. Pure."""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_UNPRINTABLE = re.compile(r"[^\x20-\x7e\n]")


def json_text(value: Any, *, is_ascii: bool = False) -> str:
    """Return indented JSON in which every character that does not print is an escape, which means the same."""
    text = json.dumps(value, ensure_ascii=is_ascii, indent=2)
    return _UNPRINTABLE.sub(lambda found: found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1], text)


def csv_text(names: Sequence[str], records: Sequence[Mapping[str, Any]]) -> str:
    """Return RFC 4180 text with a header, its lines ending in a line feed alone; nested values are JSON."""
    rows = [list(names), *([_flat(record[name]) for name in names] for record in records)]
    return "\n".join(map(csv_line, rows))


def csv_line(row: Iterable[str]) -> str:
    """Return one line of RFC 4180 without its end; its values may hold line ends."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(row)  # what is in the end of a line is quoted within one
    return out.getvalue().removesuffix("\r\n")


def _flat(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)
