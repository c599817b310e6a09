"""A desk to try screens and commands at: a scripted terminal, an AWS whose lists are canned, and a Context of both."""

import io
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ec2menu.aws.profiles import Profiles
from ec2menu.aws.session import Aws
from ec2menu.config import DEFAULT, Config, Settings
from ec2menu.errors import Ec2MenuError, Unreachable
from ec2menu.flows.context import Context
from ec2menu.models import Identity
from ec2menu.state.store import Store
from ec2menu.ui.terminal import Terminal
from tests.fakes.clock import FakeClock

T = TypeVar("T")
REGION = "us-east-1"
ME = Identity(account="123456789012", arn="arn:aws:iam::123456789012:user/demo")


class Stream(io.StringIO):
    """A stream that is a terminal or not, as the test says."""

    def __init__(self, text: str = "", *, tty: bool = False) -> None:
        super().__init__(text)
        self._tty = tty

    def isatty(self) -> bool:
        return super().isatty() or self._tty  # a closed stream raises


class Keyboard(Stream):
    """Lines a user types. An exception among them is raised in a line's place; a function is called before the next."""

    def __init__(self, *lines: "str | BaseException | Callable[[], object]", tty: bool = False) -> None:
        super().__init__(tty=tty)
        self._script = list(lines)

    @property
    def left(self) -> int:
        """How much of the script has not been read."""
        return len(self._script)

    def readline(self, _size: int = -1, /) -> str:  # type: ignore[override]  # typeshed has bytes further up
        while self._script:
            line = self._script.pop(0)
            if isinstance(line, str):
                return f"{line}\n"
            if isinstance(line, BaseException):
                raise line
            line()
        return ""


@dataclass(kw_only=True)
class Desk:
    """A terminal and what was shown on it; `shown` is both of its streams in the order of writing."""

    keyboard: Keyboard
    out: Stream
    err: Stream
    clock: FakeClock
    terminal: Terminal

    @property
    def data(self) -> str:
        """What was written to stdout."""
        return self.out.getvalue()

    @property
    def notes(self) -> str:
        """What was written to stderr."""
        return self.err.getvalue()


def sit_down(
    *typed: "str | BaseException | Callable[[], object]",
    out_tty: bool = False,
    err_tty: bool = False,
    environ: Mapping[str, str] | None = None,
    color: bool = True,
    clock: FakeClock | None = None,
) -> Desk:
    """Return a desk at which `typed` will be typed."""
    keyboard, out, err = Keyboard(*typed, tty=out_tty), Stream(tty=out_tty), Stream(tty=err_tty)
    clock = clock or FakeClock()
    terminal = Terminal(stdin=keyboard, stdout=out, stderr=err, environ=environ or {}, clock=clock, color=color)
    return Desk(keyboard=keyboard, out=out, err=err, clock=clock, terminal=terminal)


@dataclass
class CannedAws(Aws):
    """An AWS that knows lists: entries as on the wire, or the error to raise, by operation and region (or '')."""

    lists: dict[tuple[str, str], list[dict[str, Any]] | Ec2MenuError] = field(default_factory=dict)
    who: Identity | Ec2MenuError = ME
    asked: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(
            profile="default", explicit=False, home=REGION, profiles=Profiles(sections={}), ask_mfa=lambda text: text
        )

    def authenticate(self) -> None:
        self.identity()

    def identity(self) -> Identity:
        if isinstance(self.who, Ec2MenuError):
            raise self.who
        return self.who

    def require_enabled(self, region: str) -> None:
        self.identity()

    def call(self, service: str, operation: str, region: str, **_parameters: Any) -> dict[str, Any]:
        self.asked.append((operation, region))
        raise Unreachable(f"{service} in {region} is out of reach of these tests")

    def list_all(
        self,
        service: str,
        operation: str,
        region: str,
        *,
        key: str,
        parse: Callable[[dict[str, Any]], Iterable[T]],
        page_size: int | None = None,
        on_count: Callable[[int], None] = lambda _count: None,
        **parameters: Any,
    ) -> list[T]:
        self.asked.append((operation, region))
        found = self.lists.get((operation, region), self.lists.get((operation, ""), []))
        if isinstance(found, Ec2MenuError):
            raise found
        items = [item for entry in found for item in parse(entry)]
        on_count(len(items))
        return items

    def add(self, *entries: dict[str, Any], region: str = "") -> None:
        """Add instances, given as members of an Instance of DescribeInstances (see `machine`)."""
        reservations = self.lists.setdefault(("DescribeInstances", region), [])
        assert isinstance(reservations, list)
        reservations += [{"Instances": [entry]} for entry in entries]


def machine(instance_id: str, name: str = "", *, state: str = "running", **members: Any) -> dict[str, Any]:
    """Return an Instance as DescribeInstances words it."""
    tags = [{"Key": "Name", "Value": name}] if name else []
    return {"InstanceId": instance_id, "State": {"Name": state}, "Tags": tags, **members}


def context_at(
    desk: Desk, aws: Aws, folder: Path, *, regions: Sequence[str] = (), home: str = REGION, **more: Any
) -> Context:
    """Return the Context of a desk: an empty state below `folder`, default settings."""
    context = Context(
        config=Config(settings=Settings(), path=folder / "config.toml", sources={"workers": DEFAULT}),
        environ=more.pop("environ", {}),
        terminal=desk.terminal,
        clock=desk.clock,
        store=Store(folder / "state.sqlite3"),
        profiles=Profiles(sections={}),
        profile="default",
        is_profile_explicit=False,
        home=home,
        regions=tuple(regions),
        runtime_folder=folder / "run",
        again=(),
        **more,
    )
    context._aws = aws
    weakref.finalize(context, context.store.close)  # newer Pythons warn of a database that nobody closed
    return context
