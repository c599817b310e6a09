"""Whether the process that held a run is gone: told by its number only where that provably means the same process."""

import os
from pathlib import Path


def here() -> str:
    """Name this machine, its boot and our pid namespace; empty where nothing tells them (no Linux).

    In another container, on another machine or after a reboot, a number stands for another process, or for none.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{os.uname().nodename} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except (OSError, AttributeError):
        return ""


def is_gone(pid: int, place: str) -> bool:
    """Whether the process with that number, of that place, has provably ended."""
    if not place or place != here():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False  # somebody else's
    return pid <= 0  # no process, but ourselves and our group, to which signals can be sent as well
