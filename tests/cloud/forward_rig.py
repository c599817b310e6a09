"""`ec2menu forward` as a script starts it: its streams are files, the plugin is the stand-in, and it can be signalled.

Also `forward` inside this process, for what it refuses: there a test sees the error itself.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Unpack

from ec2menu.aws.session import Aws
from ec2menu.clock import Clock, SystemClock
from ec2menu.commands.forward import ForwardRequest, run_forward
from ec2menu.demo.server import DemoAws
from ec2menu.errors import Ec2MenuError
from ec2menu.flows.context import Context
from tests.cloud.command_line import CommandLine, Outcome
from tests.cloud.identities import aws_as
from tests.cloud.tunnel_rig import wait_until
from tests.fakes.plugin import PluginModes, PluginRun, install_plugin, plugin_sessions
from tests.store_world import REGION, Way
from tests.unit.desk import Desk, context_at, sit_down

READY_SECONDS = 60.0
NOTHING: dict[str, Any] = {"target": "", "host": "", "port": 0, "via": "", "local_port": 0, "once": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error that ended `forward`, and all that was shown before it."""

    error: Ec2MenuError
    shown: str

    @property
    def status(self) -> int:
        """The exit status that the error has on the command line."""
        return int(self.error.status)

    @property
    def text(self) -> str:
        """Message and hint."""
        return f"{self.error.message} | {self.error.hint}"


class Forwarding:
    """A running `ec2menu forward`."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: Path) -> None:
        self.process = process
        self._out, self._err = folder / "out", folder / "err"

    @property
    def out(self) -> str:
        """What it has written to stdout so far."""
        return self._out.read_text()

    @property
    def told(self) -> str:
        """What it has told on stderr so far."""
        return self._err.read_text()

    def wait_until_ready(self) -> int:
        """Wait for the line that scripts wait for, and return the port in it."""
        wait_until(lambda: self.out.endswith("\n") or self.has_ended, what="ready line", seconds=READY_SECONDS)
        host, _, port = self.out.strip().partition(":")
        assert (host, port.isdecimal(), self.out.count("\n")) == ("127.0.0.1", True, 1), self.out + self.told
        return int(port)

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def wait_for(self, words: str, *, seconds: float = 60.0) -> None:
        """Wait until it has told something."""
        wait_until(lambda: words in self.told, what=f"{words!r} in {self.told!r}", seconds=seconds)

    def end(self, number: int) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(READY_SECONDS)


@dataclass(kw_only=True)
class ForwardRig:
    """One test's world: `way` is where the stand-in plugin leads, `short` a folder for its sockets, `jump` a node."""

    demo: DemoAws
    aws: Aws
    folder: Path
    short: Path
    way: Way = field(default_factory=dict)
    far_port: int = 0
    jump: str = ""

    def __post_init__(self) -> None:
        self.behave()
        path = f"{self.plugin.parent}:/usr/bin:/bin"
        variables = {"PATH": path, "TMPDIR": str(self.short)}
        self.command = CommandLine(demo=self.demo, folder=self.folder, variables=variables)
        self._contexts: list[Context] = []

    def behave(self, **modes: Unpack[PluginModes]) -> None:
        """Have later runs of the plugin behave in these ways, and lead where the way does."""
        both: PluginModes = {"upload_pause_seconds": 0, **modes, "map": self.way}
        self.plugin = install_plugin(self.folder / "plugin", **both)

    def lead(self, way: Mapping[str, str]) -> None:
        """Have the plugin lead to one more server."""
        self.way |= way
        self.behave()

    def run(self, *arguments: str) -> Outcome:
        """Run ec2menu to its end."""
        return self.command.run(*arguments)

    @contextmanager
    def forward(self, *arguments: str, verb: str = "forward") -> Iterator[Forwarding]:
        """Start `ec2menu forward`, or what does the same; leaving kills it."""
        streams = self.folder / f"streams-{len(list(self.folder.glob('streams-*')))}"
        streams.mkdir()
        with (
            (streams / "out").open("wb") as out,
            (streams / "err").open("wb") as err,
            subprocess.Popen(
                [sys.executable, "-m", "ec2menu", verb, *arguments],
                env=self.command.environment({}),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            ) as process,
        ):
            try:
                yield Forwarding(process, streams)
            finally:
                process.kill()

    def refuse(self, *typed: str, clock: Clock | None = None, **request: Any) -> Refusal:
        """Run `forward` in this process and return what it was refused with; nothing may be left open."""
        desk, context = self.sit_down(*typed, clock=clock)
        try:
            run_forward(context, ForwardRequest(**NOTHING | request))
        except Ec2MenuError as error:
            context.terminal.fail(error)
            assert (desk.data, self.living(), context.known_tunnels()) == ("", [], [])
            return Refusal(error=error, shown=desk.notes)
        raise AssertionError(f"it was not refused: {desk.data}{desk.notes}")

    def sit_down(self, *typed: str, clock: Clock | None = None) -> tuple[Desk, Context]:
        """Return a desk and the Context at it, with real calls, the stand-in plugin and a real clock."""
        desk = sit_down(*typed, out_tty=bool(typed), color=False)
        context = context_at(
            desk, self.aws, self.folder, regions=(REGION,), environ=dict(os.environ), plugin_command=(str(self.plugin),)
        )
        context.clock = clock or SystemClock()
        self._contexts.append(context)
        return desk, context

    def runs(self) -> tuple[PluginRun, ...]:
        """Return the plugin's runs that were asked for a session, oldest first."""
        return plugin_sessions(self.plugin)

    def living(self) -> list[PluginRun]:
        """Return the runs whose process still exists."""
        return [run for run in self.runs() if run.is_alive]

    def statuses(self) -> list[str]:
        """Return how AWS sees the sessions, oldest first."""
        return [session.status for session in self.demo.sessions(REGION)]

    def count(self, operation: str) -> int:
        """Return how often AWS was asked for an operation."""
        return len(self.demo.calls_of(operation))

    def drop(self) -> None:
        """Kill the newest plugin, as a crash or a laptop's sleep does."""
        os.kill(self.living()[-1].pid, signal.SIGKILL)

    def assert_nothing_is_left(self) -> None:
        """Fail where a plugin runs on, or a session is open at AWS."""
        wait_until(lambda: not self.living(), what="end of the plugins")
        assert set(self.statuses()) == {"Terminated"}

    def close(self) -> None:
        """Close what the test left open."""
        for context in self._contexts:
            context.close()


@contextmanager
def forwarding(demo: DemoAws, shared: list[Aws], folder: Path) -> Iterator[ForwardRig]:
    """Yield a rig whose plugins have a folder with a short name, for a Unix socket's path must be short.

    Its identity is the shared one, which the first test of a module makes.
    """
    shared[:] = shared or [aws_as()]
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="forward-") as short:
        made = ForwardRig(demo=demo, aws=shared[0], folder=folder, short=Path(short))
        yield made
        made.close()
