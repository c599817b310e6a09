"""How the demo's nodes answer a command: a few canned replies per node, and a plain note for everything else.

Nothing typed by a user is ever executed, opened or looked up: a command line is split into words and compared with a
table. The same node gives the same answer every time, apart from `date`.
"""

import re
import shlex
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ec2menu.demo.invocations import Outcome, Target

_SEPARATORS = frozenset({";", "&&", "||"})
_UNSUPPORTED = re.compile(r"[|&<>()]+")
_NOT_RUN = "demo: nothing is run on this node, so there is no output of: {line}\n"
_SECONDS = re.compile(r"^\d+(\.\d+)?$")

Lookup = Callable[[str], Target | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What a canned reply may tell of its node."""

    id: str
    host: str
    platform_type: str
    now: datetime

    @property
    def seed(self) -> int:
        """A number that is stable per node, to make nodes differ."""
        return zlib.crc32(self.id.encode())

    @property
    def is_windows(self) -> bool:
        """Whether the node answers as PowerShell would."""
        return self.platform_type == "Windows"


def facts_of(node_id: str, *, target: Target | None, now: datetime) -> NodeFacts:
    """Return what is known of a node; a node without a host name gets the one EC2 would have given it."""
    seed = zlib.crc32(node_id.encode())
    host = f"ip-10-0-{seed % 200}-{seed // 256 % 250 + 4}"
    platform_type = target.platform_type if target else "Linux"
    return NodeFacts(
        id=node_id, host=(target.computer_name if target else "") or host, platform_type=platform_type, now=now
    )


def canned_outcome(facts: NodeFacts, commands: tuple[str, ...]) -> Outcome:
    """Answer `commands` line by line; the last line's exit code decides, `exit N` ends at once."""
    script = _Script(facts=facts, delay_seconds=0.15 + facts.seed % 70 / 100)
    for line in "\n".join(commands).splitlines():
        script.take(line)
        if script.exited:
            break
    stderr = "".join(script.stderr)
    if script.exit_code and not facts.is_windows:
        stderr += f"failed to run commands: exit status {script.exit_code}"
    return Outcome(
        delay_seconds=script.delay_seconds, exit_code=script.exit_code, stdout="".join(script.stdout), stderr=stderr
    )


@dataclass(slots=True, kw_only=True)
class _Script:
    """A script being answered: what it has printed and where it stands."""

    facts: NodeFacts
    delay_seconds: float
    exit_code: int = 0
    exited: bool = False
    stdout: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)

    def take(self, line: str) -> None:
        """Answer one line, which may hold several simple commands joined by `;`, `&&` and `||`."""
        if not line.strip() or line.lstrip().startswith("#"):
            return
        try:
            words = _split(line)
        except ValueError:
            self.exit_code = 2
            self.stderr.append("demo: a quote is not closed\n")
            return
        if any(_UNSUPPORTED.fullmatch(word) and word not in _SEPARATORS for word in words):
            self._note(line.strip())
            return
        self._take_words(words)

    def _take_words(self, words: list[str]) -> None:
        simple: list[str] = []
        skip = False
        for word in [*words, ";"]:
            if word not in _SEPARATORS:
                simple.append(word)
                continue
            if simple and not skip:
                self._answer(simple)
            if self.exited:
                return
            simple = []
            skip = (word == "&&" and self.exit_code != 0) or (word == "||" and self.exit_code == 0)

    def _answer(self, words: list[str]) -> None:
        name, arguments = words[0].lower(), words[1:]
        self.exit_code = 0
        match (name, arguments):
            case ("true" | ":" | "set" | "sync", _):
                pass
            case ("false", _):
                self.exit_code = 1
            case ("exit", [] | [_]):
                self.exited = True
                self.exit_code = int(arguments[0]) % 65536 if arguments and arguments[0].isdecimal() else 0
            case ("sleep" | "start-sleep", [*_, seconds]) if _SECONDS.match(seconds):
                self.delay_seconds += float(seconds)
            case ("echo" | "write-output" | "write-host", _):
                self.stdout.append(" ".join(arguments) + "\n")
            case _:
                self._reply(words)

    def _reply(self, words: list[str]) -> None:
        replies = _WINDOWS if self.facts.is_windows else _LINUX
        reply = replies.get(" ".join(words).lower() if self.facts.is_windows else " ".join(words))
        if reply is None:
            self._note(" ".join(words))
        else:
            self.stdout.append(reply(self.facts) + "\n")

    def _note(self, line: str) -> None:
        self.exit_code = 0
        self.stdout.append(_NOT_RUN.format(line=line))


def _split(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>()")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    return list(lexer)


def _uptime(facts: NodeFacts) -> str:
    days, load = facts.seed % 180 + 1, facts.seed % 97 / 100
    clock = f"{facts.seed % 24:02d}:{facts.seed // 24 % 60:02d}"
    return f" {facts.now:%H:%M:%S} up {days} days, {clock},  0 users,  load average: {load:.2f}, {load / 2:.2f}, 0.01"


def _disk(facts: NodeFacts) -> str:
    used = facts.seed % 60 + 20
    return "\n".join(
        (
            "Filesystem      Size  Used Avail Use% Mounted on",
            "devtmpfs        4.0M     0  4.0M   0% /dev",
            f"/dev/nvme0n1p1  100G  {used:3d}G  {100 - used:3d}G  {used:2d}% /",
        )
    )


def _memory(facts: NodeFacts) -> str:
    used = facts.seed % 2900 + 400
    free = 3836 - used
    return "\n".join(
        (
            "               total        used        free      shared  buff/cache   available",
            f"Mem:            3836        {used:4d}        {free:4d}           0           0        {free:4d}",
            "Swap:              0           0           0",
        )
    )


_KERNEL = "6.1.102-108.177.amzn2023.x86_64"
_LINUX: dict[str, Callable[[NodeFacts], str]] = {
    "hostname": lambda facts: facts.host,
    "hostname -f": lambda facts: facts.host,
    "whoami": lambda _: "root",
    "id": lambda _: "uid=0(root) gid=0(root) groups=0(root)",
    "pwd": lambda _: "/usr/bin",
    "uptime": _uptime,
    "df -h": _disk,
    "free -m": _memory,
    "uname": lambda _: "Linux",
    "uname -r": lambda _: _KERNEL,
    "uname -a": lambda facts: f"Linux {facts.host} {_KERNEL} #1 SMP PREEMPT_DYNAMIC x86_64 GNU/Linux",
    "date": lambda facts: f"{facts.now:%a %b %e %H:%M:%S UTC %Y}",
}
_WINDOWS: dict[str, Callable[[NodeFacts], str]] = {
    "hostname": lambda facts: facts.host.upper(),
    "$env:computername": lambda facts: facts.host.upper(),
    "whoami": lambda _: "nt authority\\system",
    "date": lambda facts: f"{facts.now:%A, %B %d, %Y %I:%M:%S %p}",
    "get-date": lambda facts: f"{facts.now:%A, %B %d, %Y %I:%M:%S %p}",
    "ver": lambda _: "Microsoft Windows [Version 10.0.20348.2655]",
}
