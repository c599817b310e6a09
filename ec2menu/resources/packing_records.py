"""Packing of any plain record (a frozen dataclass of texts, numbers, moments and other records) along its type hints.

For kinds of which an account has hundreds; machines, of which it has thousands, are packed by hand in `packing`.
"""

import dataclasses
import functools
import types
import typing
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from ec2menu.resources.packing import Packing, Row

REGION = "region"


def record_packing(record: type) -> Packing:
    """Return the packing of a dataclass with a field `region`, which the file's name says already.

    `fields` names the fields of the records inside, too, so that a change of any of them is noticed.
    """
    names = tuple(field.name for field in dataclasses.fields(record) if field.name != REGION)
    return Packing(
        fields=tuple(_all_fields(record)),
        pack=lambda item: [_pack(getattr(item, name)) for name in names],
        unpack=lambda row, region: _unpack_record(record, names, row, region=region),
    )


def _all_fields(record: type) -> list[str]:
    found = []
    for name, hint in _hints(record).items():
        found.append(name)
        for inner in _records_in(hint):
            found += [f"{name}.{each}" for each in _all_fields(inner)]
    return found


def _records_in(hint: Any) -> list[type]:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return [hint]
    return [found for argument in typing.get_args(hint) for found in _records_in(argument)]


@functools.cache
def _hints(record: type) -> dict[str, Any]:
    return typing.get_type_hints(record)


def _pack(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return [_pack(getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, tuple):
        return [_pack(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    return value.timestamp() if isinstance(value, datetime) else value


def _unpack_record(record: type, names: tuple[str, ...], row: Row, **known: str) -> Any:
    hints = _hints(record)
    values = zip(names, row, strict=True)
    return record(**{name: _unpack(value, hints[name]) for name, value in values}, **known)


def _unpack(value: Any, hint: Any) -> Any:
    """Turn a value back into what its hint says. Raises ValueError or TypeError where it cannot be."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        inner = [each for each in typing.get_args(hint) if each is not types.NoneType]
        return None if value is None else _unpack(value, inner[0])
    if typing.get_origin(hint) is tuple:
        arguments = typing.get_args(hint)
        if arguments[-1] is Ellipsis:
            return tuple(_unpack(each, arguments[0]) for each in value)
        return tuple(_unpack(each, inner) for each, inner in zip(value, arguments, strict=True))
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _unpack_record(hint, tuple(field.name for field in dataclasses.fields(hint)), value)
    if hint is datetime:
        return datetime.fromtimestamp(value, UTC)
    return hint(value) if isinstance(hint, type) and issubclass(hint, Enum) else value
