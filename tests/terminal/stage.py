"""Where tests of sessions play: the demo's AWS, a stand-in plugin, a home folder, and ec2menu at a robot's terminal."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Unpack

from ec2menu.demo.server import DemoAws
from ec2menu.demo.sessions import Session
from tests.fakes.plugin import PluginModes, PluginRun, install_plugin, plugin_sessions, wait_for_run
from tests.terminal.harness import Robot

REGION = "us-east-1"
LIST_PROMPT = f"{REGION} ec2:"
REMOTE_PROMPT = "fake$ "


@dataclass(kw_only=True)
class Stage:
    """One test's world. `variables` are added to the environment in which ec2menu starts (None: left out)."""

    demo: DemoAws
    folder: Path
    variables: dict[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.programs.mkdir(parents=True, exist_ok=True)
        self.plugin = install_plugin(self.folder / "plugin")

    @property
    def home(self) -> Path:
        """The home folder."""
        return self.folder / "home"

    @property
    def programs(self) -> Path:
        """A folder at the front of PATH for other stand-ins."""
        return self.folder / "programs"

    def misbehave(self, **modes: Unpack[PluginModes]) -> None:
        """Have later runs of the plugin behave in these ways; without any it is healthy again."""
        install_plugin(self.plugin.parent, **modes)

    def program(self, name: str, script: str) -> Path:
        """Put an executable shell script onto PATH."""
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def add_instance(self, name: str = "web-1", **more: Any) -> str:
        """Launch one instance and return its id; `more` as for DemoAws.add_instances."""
        return self.demo.add_instances(REGION, 1, name=name, **more)[0]

    def environment(self) -> dict[str, str]:
        """Return the environment in which ec2menu starts: nothing of the one around the tests."""
        path = f"{self.plugin.parent}:{self.programs}:/usr/bin:/bin"
        here = {"HOME": str(self.home), "PATH": path, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        wanted = {**here, **self.demo.environment(), **self.variables}
        return {name: value for name, value in wanted.items() if value is not None}

    def ec2menu(self, *arguments: str, columns: int = 120, rows: int = 30) -> Robot:
        """Start ec2menu at a robot's terminal."""
        argv = [sys.executable, "-m", "ec2menu", *arguments]
        return Robot(argv, environment=self.environment(), cwd=self.folder, columns=columns, rows=rows)

    def connect(self, target: str, *flags: str, **size: int) -> Robot:
        """Start `ec2menu connect`."""
        return self.ec2menu(*flags, "connect", target, **size)

    def shell(self, *flags: str, **size: int) -> Robot:
        """Start `ec2menu connect` for a new instance and wait for the far side's prompt, the terminal being raw."""
        robot = self.connect(self.add_instance(), *flags, **size)
        self.wait_for_shell(robot)
        return robot

    def wait_for_shell(self, robot: Robot) -> PluginRun:
        """Wait until the newest session's shell listens, and return its run."""
        robot.wait_for(REMOTE_PROMPT, new=True)
        return wait_for_run(self.plugin, lambda run: run.ready and not run.ended)

    def open_list(self, *flags: str, **size: int) -> Robot:
        """Start the menu and go to the list of EC2 instances."""
        robot = self.ec2menu(*flags, "-r", REGION, **size)
        robot.wait_for("q quit):")
        robot.line("1")
        robot.wait_for(LIST_PROMPT, new=True)
        return robot

    def runs(self) -> tuple[PluginRun, ...]:
        """Return the plugin's runs that were asked for a session, oldest first."""
        return plugin_sessions(self.plugin)

    def last_run(self) -> PluginRun:
        """Return the newest of them."""
        return self.runs()[-1]

    def sessions(self) -> list[Session]:
        """Return the sessions that AWS knows of, oldest first."""
        return self.demo.sessions(REGION)

    def count(self, operation: str) -> int:
        """Return how often AWS was asked for an operation."""
        return len(self.demo.calls_of(operation))

    def files(self) -> list[Path]:
        """Return the files below the home folder."""
        return [path for path in self.home.rglob("*") if path.is_file()]


def wait_until(condition: Callable[[], bool], *, what: str, seconds: float = 60.0) -> None:
    """Poll a condition that another process makes true; AssertionError when time is up."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.01)


def type_bytes(robot: Robot, data: bytes) -> None:
    """Type bytes that need not be text, reading what comes meanwhile so that neither side waits for the other."""
    descriptor = robot._child.child_fd
    os.set_blocking(descriptor, False)
    while data:
        try:
            data = data[os.write(descriptor, data[:4096]) :]
        except BlockingIOError:
            robot._read(0.01)
    os.set_blocking(descriptor, True)
