"""Running ec2menu's one-line commands as processes, in an environment that a test knows all of."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ec2menu.demo.server import DemoAws

TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command left behind: its data, what it told, and its exit status."""

    out: str
    err: str
    status: int

    @property
    def lines(self) -> list[str]:
        """The lines of data."""
        return self.out.splitlines()

    @property
    def told(self) -> list[str]:
        """The lines that were told on stderr."""
        return self.err.splitlines()


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """Starts ec2menu against the demo's AWS with a home folder of its own; `variables` None are left out."""

    demo: DemoAws
    folder: Path
    variables: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """The home folder."""
        return self.folder / "home"

    def environment(self, more: Mapping[str, str | None]) -> dict[str, str]:
        """Return the whole environment of a command: nothing of the one around the tests."""
        self.home.mkdir(exist_ok=True)
        here = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        wanted: dict[str, str | None] = {**here, **self.demo.environment(), **self.variables, **more}
        return {name: value for name, value in wanted.items() if value is not None}

    def run(self, *arguments: str, **variables: str | None) -> Outcome:
        """Run ec2menu to its end, its streams being pipes; stdout and stderr are read as UTF-8."""
        done = subprocess.run(
            [sys.executable, "-m", "ec2menu", *arguments],
            env=self.environment(variables),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        return Outcome(out=done.stdout.decode(), err=done.stderr.decode(), status=done.returncode)

    def shell(self, line: str, **variables: str | None) -> Outcome:
        """Run a line of sh in which `ec2menu` is the command: for pipes and redirections."""
        script = f'ec2menu() {{ "$PYTHON" -m ec2menu "$@"; }}\n{line}'
        done = subprocess.run(
            ["/bin/sh", "-c", script],
            env=self.environment(variables) | {"PYTHON": sys.executable},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        return Outcome(out=done.stdout.decode(), err=done.stderr.decode(), status=done.returncode)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start ec2menu and return it running."""
        return subprocess.Popen(
            [sys.executable, "-m", "ec2menu", *arguments],
            env=self.environment({}),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def is_root() -> bool:
    """Whether file permissions mean nothing to us."""
    return os.geteuid() == 0
