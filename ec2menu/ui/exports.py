"""Records as JSON and CSV for other programs, and harmless where it is a screen that shows them. Pure."""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ec2menu.ui.text import escape

_UNPRINTABLE = re.compile(r"[^\x20-\x7e\n]")


def json_text(value: Any, *, is_ascii: bool = False) -> str:
    """Return indented JSON in which every character that does not print is an escape, which means the same."""
    text = json.dumps(value, ensure_ascii=is_ascii, indent=2)
    return _UNPRINTABLE.sub(lambda found: found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1], text)


def csv_text(names: Sequence[str], records: Sequence[Mapping[str, Any]], *, is_screen: bool) -> str:
    """Return RFC 4180 text with a header; nested values are JSON. A screen gets control characters as escapes."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    for record in records:
        flat = {name: _flat(record[name]) for name in names}
        writer.writerow({name: escape(text) for name, text in flat.items()} if is_screen else flat)
    return out.getvalue().rstrip("\n")


def _flat(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)
