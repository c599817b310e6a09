"""AWS's session-manager-plugin: where it is, whether it can be used, how it is called, and what its words mean.

Facts: the plugin exits 0 whatever happened and says everything on stdout, so its markers are read here and nowhere
else. Starting it is `relay`'s and `forward`'s business; this module only says with what.
"""

import json
import platform
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ec2menu.connectors.process import Completed
from ec2menu.errors import PluginMissing, PluginUnusable

if TYPE_CHECKING:
    from ec2menu.aws.session import PluginIdentity

NAME = "session-manager-plugin"
RESPONSE_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
MIN_VERSION = (1, 2, 331)
TOKEN_BY_ENVIRONMENT_AFTER = (1, 2, 497, 0)
# Every build from source says 1.2.0.0, however new it is (distributions, Homebrew forks): its real version is unknown.
SOURCE_BUILD = (1, 2, 0, 0)
# A longer TMPDIR breaks multiplexed tunnels: the plugin makes a Unix socket there.
MAX_TMPDIR_LENGTH = 64

# How much of a foreign text is worth a place in our sentences.
MAX_REASON_LENGTH = 300
# A line of its own, so that an address or a date in some other program's complaint is not taken for it.
_VERSION = re.compile(r"^\s*(\d{1,9}(?:\.\d{1,9}){2,3})\s*$", re.MULTILINE)

_OTHER_PLACES = (
    "/usr/local/sessionmanagerplugin/bin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "C:/Program Files/Amazon/SessionManagerPlugin/bin",
)
_INSTALL_PAGE = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
)
_DOWNLOADS = "https://s3.amazonaws.com/session-manager-downloads/plugin/latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A plugin that can be used: how to start it and its version. `warning` is a sentence, or empty."""

    command: tuple[str, ...]
    version: tuple[int, ...]
    warning: str = ""

    @property
    def version_text(self) -> str:
        """The version as the plugin prints it."""
        return ".".join(map(str, self.version))


def find_plugin(
    *,
    explicit: Sequence[str],
    which: Callable[[str], str | None],
    run: Callable[[Sequence[str]], Completed],
    install: str,
    which_file: Callable[[str], str | None] = lambda _name: None,
) -> Plugin:
    """Find the plugin and ask its version; `which_file` finds one that cannot be executed, which is worth a word.

    Raises PluginMissing or PluginUnusable, whose hint is what to type.
    """
    command = tuple(explicit) or _search(which)
    if not command and (found_file := which_file(NAME)):
        raise PluginUnusable(f"{found_file} may not be executed", hint=f"type: chmod +x {shlex.quote(found_file)}")
    if not command:
        raise PluginMissing(f"{NAME} is not installed; sessions need it", hint=install)
    answer = run([*command, "--version"])
    found = _VERSION.search(answer.output)
    if answer.status != 0 or not found:
        why = answer.output.strip().splitlines()[:1] or [f"status {answer.status}"]
        raise PluginUnusable(f"{command[0]} does not run: {why[0][:MAX_REASON_LENGTH]}", hint=install)
    version = tuple(int(part) for part in found[1].split("."))
    if version == SOURCE_BUILD:
        return Plugin(command=command, version=version, warning=_SOURCE_BUILD_WARNING)
    if version < MIN_VERSION:
        raise PluginUnusable(f"{NAME} {found[1]} is too old: it drops sessions after 60 s", hint=install)
    return Plugin(command=command, version=version)


_SOURCE_BUILD_WARNING = (
    f"this {NAME} was built from source and hides its version; old ones drop sessions after 30 s idle"
)


def _search(which: Callable[[str], str | None]) -> tuple[str, ...]:
    on_path = which(NAME)
    if on_path:
        return (on_path,)
    for folder in _OTHER_PLACES:
        for name in (NAME, f"{NAME}.exe"):
            path = Path(folder, name)  # that of another system would be looked for in the current folder
            if path.is_absolute() and path.is_file():
                return (str(path),)
    return ()


def install_line(*, system: str, machine: str, which: Callable[[str], str | None]) -> str:
    """Return what to type to install the plugin on this machine (AWS's own packages)."""
    arm = machine.lower() in ("arm64", "aarch64")
    if system == "Darwin":
        return "install it: brew install --cask session-manager-plugin"
    if system == "Windows":
        return "install it: winget install Amazon.SessionManagerPlugin"
    if system == "Linux" and which("dpkg"):
        url = f"{_DOWNLOADS}/ubuntu_{'arm64' if arm else '64bit'}/session-manager-plugin.deb"
        return f"install it: curl -fsSLO {url} && sudo dpkg -i session-manager-plugin.deb"
    if system == "Linux" and (tool := which("dnf") or which("yum")):
        url = f"{_DOWNLOADS}/linux_{'arm64' if arm else '64bit'}/session-manager-plugin.rpm"
        return f"install it: sudo {Path(tool).name} install -y {url}"
    return f"install it: {_INSTALL_PAGE}"


def install_line_here(which: Callable[[str], str | None]) -> str:
    """Return `install_line` for the machine we run on."""
    return install_line(system=platform.system(), machine=platform.machine(), which=which)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """The plugin's argv and environment for one session; the token is in the environment and out of `repr`."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]

    def __repr__(self) -> str:
        """Show neither argv (old plugins take the token there) nor environment."""
        return f"Invocation({self.argv[0]!r}, …)"


def invocation(
    plugin: Plugin,
    *,
    answer: Mapping[str, Any],
    request: Mapping[str, Any],
    region: str,
    endpoint: str,
    identity: "PluginIdentity",
    environ: Mapping[str, str],
) -> Invocation:
    """Return the call of the plugin for a StartSession answer: six arguments, the token by environment where it can."""
    response = json.dumps({key: answer[key] for key in ("SessionId", "TokenValue", "StreamUrl")})
    environment = dict(environ)
    for name, value in identity.environment.items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    if len(environment.get("TMPDIR", "")) > MAX_TMPDIR_LENGTH:
        environment["TMPDIR"] = "/tmp"  # noqa: S108 - the plugin needs a short path for its socket
    if plugin.version > TOKEN_BY_ENVIRONMENT_AFTER or plugin.version == SOURCE_BUILD:
        environment[RESPONSE_VARIABLE] = response
        response = RESPONSE_VARIABLE
    argv = (*plugin.command, response, region, "StartSession", identity.profile, json.dumps(request), endpoint)
    return Invocation(argv=argv, environment=environment)


class Ending(StrEnum):
    """How a session ended, as told by the plugin's words."""

    NORMAL = "ended normally"
    BY_SERVICE = "ended by the service"
    TIMED_OUT = "timed out"
    FAILED = "failed"
    KILLED = "the plugin died"
    LEFT = "left"
    GIVEN_UP = "given up before the agent answered"
    NO_ANSWER = "no answer"
    UNKNOWN = "ended without a word"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a session ended, the plugin's or service's own reason, and whether the service knows that it ended."""

    ending: Ending
    detail: str = ""
    is_closed: bool = False


_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f]")
_RESUME_FAILED = "it was idle too long, or could not be resumed"
_GO_CRASHES = ("panic: ", "fatal error: ")
# What the plugin prints last ({sid}: the session's id), and what that means.
_ENDINGS = {
    "SessionId: {sid} :": Ending.BY_SERVICE,
    "Session: {sid} timed out": Ending.TIMED_OUT,
    "Exiting session with sessionId: {sid}.": Ending.NORMAL,
    "Cannot perform start session:": Ending.FAILED,
}


def read_ending(output: str, session_id: str, *, status: int) -> Verdict:
    """Judge a session by the last words of its plugin; the exit status counts only where it is a signal or a panic.

    The markers carry the session's id and the last one counts, so that a remote program printing similar words is not
    believed: the plugin has the last word, unless it was killed.
    """
    if status < 0:
        return Verdict(ending=Ending.KILLED, detail=f"signal {-status}")
    text = _CONTROL.sub("", output)
    place, marker, ending = max(
        (text.rfind(key.format(sid=session_id)), key, ending) for key, ending in _ENDINGS.items()
    )
    if place >= 0:
        return _verdict(ending, text[place + len(marker.format(sid=session_id)) :])
    if status > 0:
        lines = text.strip().splitlines() or [f"status {status}"]
        panic = [line for line in lines if line.startswith(_GO_CRASHES)]
        return Verdict(ending=Ending.FAILED, detail=_one_line((panic or lines[-1:])[0]))
    return Verdict(ending=Ending.UNKNOWN)


def _verdict(ending: Ending, rest: str) -> Verdict:
    """Return the verdict for a marker and the text after it, which is the reason where there is one."""
    if ending is Ending.TIMED_OUT:
        return Verdict(ending=ending, detail=_RESUME_FAILED, is_closed=True)
    if ending is Ending.NORMAL:
        return Verdict(ending=ending, is_closed=True)
    return Verdict(ending=ending, detail=_one_line(rest), is_closed=ending is Ending.BY_SERVICE)


def _one_line(text: str) -> str:
    """Make one line of a reason; the service's own go over several, the first of them often dashes."""
    return " ".join(re.sub("-{5,}", " ", text).split())[:MAX_REASON_LENGTH]


def has_answered(output: str) -> bool:
    """Whether anything came after the plugin's first line, which it prints before any connection exists."""
    _, found, rest = output.partition("Starting session with SessionId: ")
    return bool(found) and bool(rest.partition("\n")[2].strip())


PORT_OPENED = re.compile(r"Port (\d+) opened for sessionId")
DESTINATION_FAILED = "Connection to destination port failed"
ADDRESS_IN_USE = "address already in use"
# Only where many connections can be made at once.
MULTIPLEXED = "Waiting for connections..."
