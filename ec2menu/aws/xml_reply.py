r"""A long XML reply, from its bytes to values: made legal, made short, read along a plan.

Legal: tag values may hold any character; XML 1.0 has no way to carry most control characters, not even as references,
and its parsers refuse the whole document. What is illegal becomes the text of its escape (`\x1b`), as it is shown,
so that one tag does not cost the list. Short: see `shorten_reply`. A plan is plain data, and nothing here needs more
than the standard library: `reader_program`, a process of its own, has to be there at once.
"""

import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

Parse = Callable[[Any], Any]
# ("structure", {element: (member, plan)}), ("list", plan), or the type's name alone.
Plan = tuple[Any, ...]
Plans = Mapping[str, tuple[str, Plan]]

_ILLEGAL_BYTES = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]|\xed[\xa0-\xbf][\x80-\xbf]")
_CONTROLS = bytes(byte for byte in range(0x20) if byte not in b"\t\n\r")
_REFERENCES = re.compile(rb"&#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}));")
# XML 1.0, production [2] Char.
_LEGAL_POINTS = ((0x9, 0xA), (0xD, 0xD), (0x20, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF))
_NAMESPACE = re.compile(rb' xmlns="[^"]*"')
# Half of a reply, and never read; none holds another of the same name. Looking for smaller ones costs what it saves.
UNREAD_ELEMENTS = (b"networkInterfaceSet", b"blockDeviceMapping", b"metadataOptions")


class Unsupported(Exception):
    """A shape, or a reply, that is left to botocore."""


def read_xml_reply(body: bytes, parse: Parse) -> tuple[dict[str, Any], str]:
    """Return the values of a whole reply by its compiled plan, and its request id. Raises Unsupported."""
    try:
        root = ET.fromstring(repair_xml(shorten_reply(body)))  # noqa: S314 - botocore's own parser, of AWS's reply
        found: dict[str, Any] = parse(root)
    except (ET.ParseError, ValueError) as error:
        raise Unsupported("not a sound reply") from error
    if any("}" in child.tag for child in root):
        raise Unsupported("a namespace of its own")
    return found, root.findtext("requestId", "")


def compile_plan(plan: Plan) -> Parse:
    """Return a function that turns an element into the value that the plan describes."""
    kind, *inner = plan
    if kind == "structure":
        return _structure(inner[0])
    if kind == "list":
        member = compile_plan(inner[0])
        return lambda element: [member(child) for child in element]
    convert = SCALARS[kind]
    return _text if convert is str else lambda element: convert(element.text or "")


def _text(element: ET.Element) -> str:
    return element.text or ""


def _structure(plans: Plans) -> Parse:
    table = {element: (name, compile_plan(plan)) for element, (name, plan) in plans.items()}

    def parse(element: ET.Element) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for child in element:
            entry = table.get(child.tag)
            if entry is not None:
                found[entry[0]] = entry[1](child)
        return found

    return parse


def parse_iso(text: str) -> datetime:
    """Read a time stamp of the form that AWS sends; without a zone it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


SCALARS: Mapping[str, Callable[[str], Any]] = {
    "string": str,
    "character": str,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": lambda text: text == "true",
    "timestamp": parse_iso,
}


def shorten_reply(body: bytes) -> bytes:
    """Cut from a DescribeInstances reply what nobody reads.

    Building elements is most of the parsing, and these would be dropped at once. In XML a `<` in a text is escaped, so
    an element can be found and cut as plain bytes.
    """
    # Without a namespace an element's name is not put together, and taken apart again, once for every element.
    start = _NAMESPACE.sub(b"", body[:512], count=1)
    body = start + body[512:]
    for name in UNREAD_ELEMENTS:
        body = _cut(body, b"<%b>" % name, b"</%b>" % name)
    return body


def _cut(body: bytes, opening: bytes, closing: bytes) -> bytes:
    kept, position = [], 0
    while (start := body.find(opening, position)) >= 0 and (end := body.find(closing, start)) >= 0:
        kept.append(body[position:start])
        position = end + len(closing)
    kept.append(body[position:])
    return b"".join(kept)


def repair_xml(body: bytes) -> bytes:
    """Return the document with illegal characters and references as visible escapes; a legal one is left as it is."""
    # Looking for candidates this way is ten times as fast as the expression, and a reply may have megabytes.
    if len(body.translate(None, _CONTROLS)) != len(body) or b"\xef\xbf" in body or b"\xed" in body:
        body = _ILLEGAL_BYTES.sub(lambda match: _escape(match[0].decode("utf-8", "surrogatepass")), body)
    return _REFERENCES.sub(_repair_reference, body) if b"&#" in body else body


def _repair_reference(match: re.Match[bytes]) -> bytes:
    point = int(match[1], 16) if match[1] else int(match[2])
    if any(low <= point <= high for low, high in _LEGAL_POINTS):
        return match[0]
    return _escape(chr(point)) if point <= sys.maxunicode else b"?"


def _escape(character: str) -> bytes:
    return character.encode("unicode_escape")
