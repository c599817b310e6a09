"""Replies on their way to botocore's parser: long lists are read in our own way, the longest in a second process.

Whatever our way does not know is left to botocore. Nothing here knows what a reply means.
"""

import functools
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from botocore.parsers import ResponseParserFactory
from botocore.utils import parse_timestamp

from ec2menu.aws.json_reply import compile_shape, read_json_reply
from ec2menu.aws.second_process import NoSecondProcess, SecondProcess
from ec2menu.aws.xml_reply import (
    SCALARS,
    Parse,
    Plan,
    Unsupported,
    compile_plan,
    parse_iso,
    read_xml_reply,
    repair_xml,
    shorten_reply,
)

XML_PROTOCOLS = ("ec2", "query", "rest-xml")
LARGE_BYTES = 100_000  # our own way of reading is worth it
VERY_LARGE_BYTES = 500_000  # a second process is
_INSTANCES = b"<DescribeInstancesResponse"
_NODES = "DescribeInstanceInformationResult"

StockParse = Callable[[dict[str, Any], Any], Any]


class ReplyParsers(ResponseParserFactory):  # type: ignore[misc]  # botocore has no types
    """botocore's parsers, but the long lists are read in our own way."""

    def __init__(self) -> None:
        super().__init__()
        self.set_parser_defaults(timestamp_parser=parse_moment)
        self._turn = threading.Lock()
        self._second_process = SecondProcess()
        self._nodes: Parse | None = None

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
        if not isinstance(body, bytes):  # an object of S3, which is streamed
            return stock(response, shape)
        if response["status_code"] != HTTPStatus.OK or len(body) < LARGE_BYTES or _INSTANCES not in body[:512]:
            return stock({**response, "body": repair_xml(body)}, shape)
        try:
            values, request_id = self._read_xml(body, plan_of(shape))
        except Unsupported:
            return stock({**response, "body": repair_xml(shorten_reply(body))}, shape)
        return _with_metadata(values, response, request_id=request_id)

    def _read_xml(self, body: bytes, plan: Plan) -> tuple[dict[str, Any], str]:
        if len(body) >= VERY_LARGE_BYTES:
            with suppress(NoSecondProcess):
                return self._second_process.read(body, plan)
        with self._turn:  # threads gain nothing from reading at the same time, and hold more memory
            return read_xml_reply(body, compile_plan(plan))

    def _parse_json(self, stock: StockParse, response: dict[str, Any], shape: Any) -> Any:
        if response["status_code"] != HTTPStatus.OK or shape is None or shape.name != _NODES:
            return stock(response, shape)
        try:
            self._nodes = self._nodes or compile_shape(shape, moment=parse_moment)
            values = read_json_reply(response["body"], self._nodes)
        except Unsupported:
            return stock(response, shape)
        return _with_metadata(values, response, request_id=response["headers"].get("x-amzn-requestid", ""))


def plan_of(shape: Any) -> Plan:
    """Return how an XML element becomes the value of a botocore shape, as plain data. Raises Unsupported."""
    kind = shape.type_name
    if kind == "structure":
        members = shape.members.items()
        return kind, {member.serialization.get("name", name): (name, plan_of(member)) for name, member in members}
    if kind == "list" and not shape.serialization.get("flattened"):
        return kind, plan_of(shape.member)
    if kind not in SCALARS:
        raise Unsupported(kind)
    return (kind,)


def _with_metadata(found: dict[str, Any], response: dict[str, Any], *, request_id: str) -> dict[str, Any]:
    headers = {str(name).lower(): value for name, value in response["headers"].items()}
    metadata = {"RequestId": request_id, "HTTPStatusCode": response["status_code"], "HTTPHeaders": headers}
    return {**found, "ResponseMetadata": metadata}


def parse_moment(value: Any) -> datetime:
    """Read a time stamp as botocore does, ten times as fast for the two forms that AWS really sends."""
    if isinstance(value, str):
        try:
            return parse_iso(value)
        except ValueError:
            return parse_timestamp(value)  # type: ignore[no-any-return]  # botocore has no types
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else parse_timestamp(value)
