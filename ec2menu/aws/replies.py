r"""Replies on their way to botocore's parser: made legal, made short, parsed one at a time where they are large.

Legal: tag values may hold any character; XML 1.0 has no way to carry most control characters, not even as references,
and its parsers refuse the whole document. What is illegal becomes the text of its escape (`\x1b`), as it is shown,
so that one tag does not cost the list. Short: see `shorten_reply`. Nothing here knows what a reply means.
"""

import functools
import re
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from botocore.parsers import ResponseParserFactory
from botocore.utils import parse_timestamp

from ec2menu.aws.fast_parse import (
    Parse,
    Unsupported,
    compile_json,
    compile_xml,
    parse_json_reply,
    parse_xml_reply,
)

_ILLEGAL_BYTES = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]|\xed[\xa0-\xbf][\x80-\xbf]")
_CONTROLS = bytes(byte for byte in range(0x20) if byte not in b"\t\n\r")
_REFERENCES = re.compile(rb"&#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}));")
# XML 1.0, production [2] Char.
_LEGAL_POINTS = ((0x9, 0xA), (0xD, 0xD), (0x20, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF))
XML_PROTOCOLS = ("ec2", "query", "rest-xml")
LARGE_BYTES = 100_000
_INSTANCES = b"<DescribeInstancesResponse"
_NODES = "DescribeInstanceInformationResult"
_NAMESPACE = re.compile(rb' xmlns="[^"]*"')
# Half of a reply, and never read; none holds another of the same name. Looking for smaller ones costs what it saves.
UNREAD_ELEMENTS = (b"networkInterfaceSet", b"blockDeviceMapping", b"metadataOptions")


StockParse = Callable[[dict[str, Any], Any], Any]


class ReplyParsers(ResponseParserFactory):  # type: ignore[misc]  # botocore has no types
    """botocore's parsers, but the long lists are parsed in a quicker way; of instances shortened, one at a time.

    Threads gain nothing from parsing at once under the interpreter's lock; they only hold more memory and get into each
    other's way.
    """

    def __init__(self) -> None:
        super().__init__()
        self.set_parser_defaults(timestamp_parser=parse_moment)
        self._turn = threading.Lock()
        self._compiled: dict[str, Parse] = {}

    def create_parser(self, protocol_name: str) -> Any:
        """Return a parser of the protocol."""
        parser = super().create_parser(protocol_name)
        if protocol_name in XML_PROTOCOLS:
            parser.parse = functools.partial(self._parse_xml, parser.parse)
        elif protocol_name == "json":
            parser.parse = functools.partial(self._parse_json, parser.parse)
        return parser

    def _parse_xml(self, stock: StockParse, response: dict[str, Any], shape: Any) -> Any:
        body = response["body"]
        if response["status_code"] != HTTPStatus.OK or len(body) < LARGE_BYTES or _INSTANCES not in body[:512]:
            return stock({**response, "body": repair_xml(body)}, shape)
        with self._turn:
            response["body"] = repair_xml(shorten_reply(body))
            try:
                return parse_xml_reply(self._compile(shape, compile_xml), response)
            except Unsupported:
                return stock(response, shape)

    def _parse_json(self, stock: StockParse, response: dict[str, Any], shape: Any) -> Any:
        if response["status_code"] != HTTPStatus.OK or shape is None or shape.name != _NODES:
            return stock(response, shape)
        try:
            return parse_json_reply(self._compile(shape, compile_json), response)
        except Unsupported:
            return stock(response, shape)

    def _compile(self, shape: Any, compiler: Callable[..., Parse]) -> Parse:
        if shape.name not in self._compiled:
            self._compiled[shape.name] = compiler(shape, moment=parse_moment)
        return self._compiled[shape.name]


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


def parse_moment(value: Any) -> datetime:
    """Read a time stamp as botocore does, ten times as fast for the two forms that AWS really sends."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return parse_timestamp(value)  # type: ignore[no-any-return]  # botocore has no types
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else parse_timestamp(value)
