"""A quicker way from a large XML reply to the values that botocore would return, along botocore's own shapes.

botocore looks at every element several times; here a shape is turned once into a function that visits each element
once and passes over unknown ones. Only what EC2's replies need is known; anything else raises `Unsupported`, and the
caller lets botocore do it.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

Parse = Callable[[ET.Element], Any]


class Unsupported(Exception):
    """A shape, or a reply, that is left to botocore."""


def compile_shape(shape: Any, *, moment: Callable[[str], datetime]) -> Parse:
    """Return a function that turns an element into the value of a botocore shape; `moment` reads time stamps."""
    kind = shape.type_name
    if kind == "structure":
        return _structure(shape, moment)
    if kind == "list":
        if shape.serialization.get("flattened"):
            raise Unsupported("a flattened list")
        member = compile_shape(shape.member, moment=moment)
        return lambda element: [member(child) for child in element]
    if kind not in _SCALARS and kind != "timestamp":
        raise Unsupported(kind)
    convert = _SCALARS.get(kind, moment)
    return lambda element: convert(element.text or "")


def _structure(shape: Any, moment: Callable[[str], datetime]) -> Parse:
    table = {
        member.serialization.get("name", name): (name, compile_shape(member, moment=moment))
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


_SCALARS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "character": str,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": lambda text: text == "true",
}


def parse_reply(parse: Parse, response: dict[str, Any]) -> dict[str, Any]:
    """Return a whole reply (its namespace already taken off) as botocore would. Raises Unsupported."""
    try:
        root = ET.fromstring(response["body"])  # noqa: S314 - botocore's own parser, of AWS's reply
        found: dict[str, Any] = parse(root)
    except (ET.ParseError, ValueError) as error:
        raise Unsupported("not a sound reply") from error
    if any("}" in child.tag for child in root):
        raise Unsupported("a namespace of its own")
    metadata = {"RequestId": root.findtext("requestId", ""), "HTTPStatusCode": response["status_code"]}
    headers = {str(name).lower(): value for name, value in response["headers"].items()}
    return {**found, "ResponseMetadata": {**metadata, "HTTPHeaders": headers}}
