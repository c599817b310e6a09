"""Settings: defaults, then config.toml, then EC2MENU_* variables, then flags; each value knows where it came from.

Reading only. AWS's own settings (profile, region) belong to the AWS config files; here they are only the user's
preference for ec2menu.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ec2menu.errors import InvalidInput

DEFAULT = "default"
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the user may choose. `profile` and `region` empty: as AWS's own configuration says."""

    profile: str = ""
    region: str = ""
    color: bool = True
    plugin: str = ""
    ttl_seconds: int = 300
    workers: int = 20
    windows: bool = True
    answer_timeout_seconds: int = 30
    snapshot: bool = True
    jump_tag: str = "Role=jumphost"
    password_minutes: int = 30
    keyring: bool = False
    rds_ca: str = ""
    confirm_above: int = 20
    confirm_tag: str = "prod"


DESCRIPTIONS = {
    "profile": "AWS profile; empty: AWS_PROFILE or default",
    "region": "region to start from; empty: AWS_REGION or the profile's",
    "color": "colours on a terminal",
    "plugin": "path of session-manager-plugin; empty: found on PATH",
    "ttl_seconds": "seconds that a listing is kept; 0: never",
    "workers": "calls to AWS at the same time",
    "windows": "several sessions open in windows or tabs of their own",
    "answer_timeout_seconds": "seconds that a session may take to answer",
    "snapshot": "the last lists are kept on disk, for the first screen",
    "jump_tag": "tag, KEY=VALUE, that makes an instance a jump host",
    "password_minutes": "minutes that a typed password is kept in memory; 0: never",
    "keyring": "typed passwords are kept in the system's keyring, too",
    "rds_ca": "file with the CA certificates of RDS; empty: the usual places",
    "confirm_above": "a batch on more nodes than this asks for their number, a list before it opens more",
    "confirm_tag": "a batch on a node with this in a tag's value asks, too; empty: no",
}
_LIMITS = {
    "ttl_seconds": (0, 86_400),
    "workers": (1, 100),
    "answer_timeout_seconds": (5, 600),
    "password_minutes": (0, 1440),
    "confirm_above": (0, 100_000),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings in force, the file they may be written in, and where each came from."""

    settings: Settings
    path: Path
    sources: Mapping[str, str]


def load_config(*, environ: Mapping[str, str], path: Path, explicit: bool, flags: Mapping[str, Any]) -> Config:
    """Return the settings in force; `explicit` says that the user named the file, so that it must exist.

    Raises InvalidInput for a file that cannot be read, an unknown key, or a value of the wrong kind.
    """
    values: dict[str, Any] = {}
    sources = {name.name: DEFAULT for name in fields(Settings)}
    layers = (
        (str(path), _read_file(path, explicit=explicit)),
        ("environment", _read_environment(environ)),
        ("command line", {key: value for key, value in flags.items() if value is not None}),
    )
    for source, layer in layers:
        for key, value in layer.items():
            values[key] = _checked(key, value, source)
            sources[key] = source
    return Config(settings=Settings(**values), path=path, sources=sources)


def _read_file(path: Path, *, explicit: bool) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        if explicit:
            raise InvalidInput(f"there is no config file {path}", hint="leave --config out, or create it") from None
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the config file {path} cannot be read: {error}", hint="mend it or move it away") from error
    import tomllib  # noqa: PLC0415 - most users have no file, and the first menu is fast

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"the config file {path} cannot be read: {error}", hint="mend it or move it away") from error


def _read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    names = (field.name for field in fields(Settings))
    return {name: environ[f"EC2MENU_{name.upper()}"] for name in names if environ.get(f"EC2MENU_{name.upper()}")}


def _checked(key: str, value: Any, source: str) -> Any:
    kinds: dict[str, type] = {field.name: type(field.default) for field in fields(Settings)}
    if key not in kinds:
        raise InvalidInput(f"{source}: there is no setting {key}", hint="the settings are: " + ", ".join(kinds))
    kind = kinds[key]
    if isinstance(value, str) and kind is bool and value.lower() in _TRUE | _FALSE:
        value = value.lower() in _TRUE
    if isinstance(value, str) and kind is int and _NUMBER.fullmatch(value):
        value = int(value)
    if type(value) is not kind:  # isinstance would take true for a number
        raise InvalidInput(f"{source}: {key} = {value!r} is not {_KIND_NAMES[kind]}", hint=DESCRIPTIONS[key])
    number: Any = value
    if key in _LIMITS and not _LIMITS[key][0] <= number <= _LIMITS[key][1]:
        low, high = _LIMITS[key]
        raise InvalidInput(f"{source}: {key} = {value} is not between {low} and {high}", hint=DESCRIPTIONS[key])
    return value


_KIND_NAMES = {str: "a text", bool: "true or false", int: "a whole number"}
