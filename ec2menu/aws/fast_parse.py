"""A quicker way from a long list's reply to the values that botocore would return, along botocore's own shapes.

botocore looks at every element several times; here a shape is turned once into a function that visits each element (or
JSON member) once and passes over unknown ones. Only what the long lists need is known; anything else raises
`Unsupported`, and the caller lets botocore do it.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

Parse = Callable[[Any], Any]

_SCALARS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "character": str,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": lambda text: text == "true",
}


class Unsupported(Exception):
    """A shape, or a reply, that is left to botocore."""


def compile_xml(shape: Any, *, moment: Callable[[str], datetime]) -> Parse:
    """Return a function that turns an element into the value of a botocore shape; `moment` reads time stamps."""
    kind = shape.type_name
    if kind == "structure":
        return _structure(shape, moment)
    if kind == "list":
        if shape.serialization.get("flattened"):
            raise Unsupported("a flattened list")
        member = compile_xml(shape.member, moment=moment)
        return lambda element: [member(child) for child in element]
    if kind not in _SCALARS and kind != "timestamp":
        raise Unsupported(kind)
    convert = _SCALARS.get(kind, moment)
    return _text if convert is str else lambda element: convert(element.text or "")


def _text(element: ET.Element) -> str:
    return element.text or ""


def _structure(shape: Any, moment: Callable[[str], datetime]) -> Parse:
    table = {
        member.serialization.get("name", name): (name, compile_xml(member, moment=moment))
        for name, member in shape.members.items()
    }

    def parse(element: ET.Element) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for child in element:
            entry = table.get(child.tag)
            if entry is not None:
                found[entry[0]] = entry[1](child)
        return found

    return parse


def compile_json(shape: Any, *, moment: Callable[[float], datetime]) -> Parse:
    """Return a function that turns a decoded JSON value into the value of a botocore shape."""
    kind = shape.type_name
    if kind == "timestamp":
        return moment
    if kind == "list":
        member = compile_json(shape.member, moment=moment)
        return lambda values: [member(value) for value in values]
    if kind == "map":
        value_of = compile_json(shape.value, moment=moment)
        return lambda values: {name: value_of(value) for name, value in values.items()}
    if kind != "structure":
        if kind not in _SCALARS:
            raise Unsupported(kind)
        return lambda value: value
    table = {
        member.serialization.get("name", name): (name, compile_json(member, moment=moment))
        for name, member in shape.members.items()
    }

    def parse(values: dict[str, Any]) -> dict[str, Any]:
        return {
            table[name][0]: table[name][1](value)
            for name, value in values.items()
            if name in table and value is not None
        }

    return parse


def parse_json_reply(parse: Parse, response: dict[str, Any]) -> dict[str, Any]:
    """Return a whole JSON reply as botocore would. Raises Unsupported."""
    try:
        found: dict[str, Any] = parse(json.loads(response["body"]))
    except (ValueError, TypeError, AttributeError) as error:
        raise Unsupported("not a sound reply") from error
    return _with_metadata(found, response, request_id=response["headers"].get("x-amzn-requestid", ""))


def parse_xml_reply(parse: Parse, response: dict[str, Any]) -> dict[str, Any]:
    """Return a whole XML reply (its namespace already taken off) as botocore would. Raises Unsupported."""
    try:
        root = ET.fromstring(response["body"])  # noqa: S314 - botocore's own parser, of AWS's reply
        found: dict[str, Any] = parse(root)
    except (ET.ParseError, ValueError) as error:
        raise Unsupported("not a sound reply") from error
    if any("}" in child.tag for child in root):
        raise Unsupported("a namespace of its own")
    return _with_metadata(found, response, request_id=root.findtext("requestId", ""))


def _with_metadata(found: dict[str, Any], response: dict[str, Any], *, request_id: str) -> dict[str, Any]:
    headers = {str(name).lower(): value for name, value in response["headers"].items()}
    metadata = {"RequestId": request_id, "HTTPStatusCode": response["status_code"], "HTTPHeaders": headers}
    return {**found, "ResponseMetadata": metadata}
