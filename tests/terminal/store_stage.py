"""The stage with a database or a cache in it: a jump host, the way there, and what a person types until a prompt."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from tests.store_world import Way, add_jump_host, command_lines
from tests.terminal.harness import Robot
from tests.terminal.stage import REGION, Stage

KINDS = "list (0 back, q quit):"
RDS = f"{REGION} rds:"
CACHE = f"{REGION} cache:"
TUNNELS = "tunnels:"
HOW = re.compile(r"how( \[\d\])? \(0 back\):")
PSQL = "postgres=#"


@contextmanager
def furnished(stage: Stage, way: Way | None = None, *, with_jump_host: bool = True) -> Iterator[Stage]:
    """Add a jump host and have the plugin lead along `way`; its sockets need a folder with a short name."""
    with TemporaryDirectory(dir="/tmp", prefix="stage-") as short:
        stage.variables |= {"TMPDIR": short, "PAGER": "cat"}
        if with_jump_host:
            add_jump_host(stage.demo)
        stage.misbehave(map=way or {})
        yield stage


def open_stores(stage: Stage, prompt: str = RDS, *flags: str, **size: int) -> Robot:
    """Start the menu and go to the list of databases or caches."""
    robot = stage.ec2menu(*flags, "-r", REGION, **size)
    robot.wait_for(KINDS)
    robot.line(prompt.removeprefix(REGION).strip(" :"))
    robot.wait_for(prompt, new=True)
    return robot


def connect(stage: Stage, target: str, *flags: str, **size: int) -> Robot:
    """Start `ec2menu connect TARGET` with flags of that command."""
    return stage.ec2menu("connect", target, *flags, **size)


def choose(robot: Robot, way: str, number: int = 1) -> None:
    """Choose a number of the list, and what to do with it."""
    robot.line(str(number))
    robot.wait_for(HOW, new=True)
    robot.line(way)


def log_in(robot: Robot, password: str) -> None:
    """Type user and password as the prompts ask for them."""
    robot.wait_for("user [app]:", new=True)
    robot.line()
    robot.wait_for("password of app (not shown):", new=True)
    robot.line(password)


def processes_with(text: str) -> list[int]:
    """Return the processes of this computer whose arguments hold a text."""
    return [pid for pid, words in command_lines().items() if text.encode() in words]


def living(stage: Stage) -> list[int]:
    """Return the plugins that still run."""
    return [run.pid for run in stage.runs() if run.is_alive]


def statuses(stage: Stage) -> list[str]:
    """Return how AWS sees the sessions, oldest first."""
    return [session.status for session in stage.sessions()]
