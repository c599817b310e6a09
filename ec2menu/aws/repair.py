r"""XML replies made legal before they are parsed: one tag with a control character must not cost the whole list.

Tag values may hold any character; XML 1.0 has no way to carry most control characters, not even as references, and its
parsers refuse the whole document. What is illegal becomes the text of its escape (`\x1b`), as it would be shown.
"""

import re
import sys
from typing import Any

_ILLEGAL_BYTES = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]|\xed[\xa0-\xbf][\x80-\xbf]")
_REFERENCES = re.compile(rb"&#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}));")
# XML 1.0, production [2] Char.
_LEGAL_POINTS = ((0x9, 0xA), (0xD, 0xD), (0x20, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF))


def repair_reply(response_dict: dict[str, Any], **_event: Any) -> None:
    """Repair the body of a reply in place; a handler for botocore's event `before-parse`."""
    body = response_dict.get("body")
    if isinstance(body, bytes):
        response_dict["body"] = repair_xml(body)


def repair_xml(body: bytes) -> bytes:
    """Return the document with illegal characters and references as visible escapes; a legal one is left as it is."""
    if _ILLEGAL_BYTES.search(body):
        body = _ILLEGAL_BYTES.sub(lambda match: _escape(match[0].decode("utf-8", "surrogatepass")), body)
    return _REFERENCES.sub(_repair_reference, body) if b"&#" in body else body


def _repair_reference(match: re.Match[bytes]) -> bytes:
    point = int(match[1], 16) if match[1] else int(match[2])
    if any(low <= point <= high for low, high in _LEGAL_POINTS):
        return match[0]
    return _escape(chr(point)) if point <= sys.maxunicode else b"?"


def _escape(character: str) -> bytes:
    return character.encode("unicode_escape")
