"""Keys that become signals, pressed when a person would: once the program sits and waits for them.

A prompt is on the screen a moment before Python's readline listens, and a Ctrl-C in between is answered only at the
next key. People are never that fast; a robot is.
"""

from pathlib import Path

from tests.terminal.harness import Robot

ASLEEP = "S"


def press(robot: Robot, keys: str) -> None:
    """Type `keys` as soon as the program sleeps, which after its prompt means that it reads."""
    robot.wait_until(lambda: _state(robot.pid) == ASLEEP, what="program that waits for a key")
    robot.send(keys)


def _state(pid: int) -> str:
    """Return the main thread's state as the kernel words it; systems without /proc are taken at their word."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ASLEEP
