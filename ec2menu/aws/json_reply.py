"""A long JSON reply, from its bytes to the values that botocore would return, along botocore's own shapes.

botocore looks at every member several times; here a shape is turned once into a function that visits each member once
and passes over unknown ones.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ec2menu.aws.xml_reply import SCALARS, Parse, Unsupported


def read_json_reply(body: bytes, parse: Parse) -> dict[str, Any]:
    """Return the values of a whole reply. Raises Unsupported."""
    try:
        found: dict[str, Any] = parse(json.loads(body))
    except (ValueError, TypeError, AttributeError) as error:
        raise Unsupported("not a sound reply") from error
    return found


def compile_shape(shape: Any, *, moment: Callable[[float], datetime]) -> Parse:
    """Return a function that turns a decoded value into the value of a botocore shape. Raises Unsupported."""
    kind = shape.type_name
    if kind == "timestamp":
        return moment
    if kind == "list":
        member = compile_shape(shape.member, moment=moment)
        return lambda values: [member(value) for value in values]
    if kind == "map":
        value_of = compile_shape(shape.value, moment=moment)
        return lambda values: {name: value_of(value) for name, value in values.items()}
    if kind != "structure":
        if kind not in SCALARS:
            raise Unsupported(kind)
        return lambda value: value
    table = {
        member.serialization.get("name", name): (name, compile_shape(member, moment=moment))
        for name, member in shape.members.items()
    }

    def parse(values: dict[str, Any]) -> dict[str, Any]:
        return {
            table[name][0]: table[name][1](value)
            for name, value in values.items()
            if name in table and value is not None
        }

    return parse
