"""What becomes of a command that ECS Exec is to run in a container of the demo: a toy shell, or the agent's complaint.

The command is compared with the shells that the image is said to have, and never run.
"""

import shlex
from collections.abc import Sequence

from ec2menu.demo.ecs_rows import LINUX_SHELLS, WINDOWS_SHELLS, Row

KNOWN_SHELLS = (*LINUX_SHELLS, *WINDOWS_SHELLS)
NO_SHELL = "none"
"""Stands for a command that is no shell: it is not run, and that is the end of the session."""


def container_facts(task: Row, container: Row) -> dict[str, str]:
    """Return what a session shows of its container."""
    attributes = [f"{each['name']}={each['value']}" for each in task.get("attributes", [])]
    on_windows = "ecs.os-type=windows" in attributes or task.get("platformFamily", "").startswith("Windows")
    interfaces = container["networkInterfaces"]
    address = interfaces[0]["privateIpv4Address"].replace(".", "-") if interfaces else ""
    return {
        "platform": "Windows" if on_windows else "Linux",
        "name": container["name"],
        "computer": f"ip-{address}" if address else str(container["runtimeId"])[:12],
        "user": "ContainerAdministrator" if on_windows else "root",
    }


def command_facts(command: str, shells: Sequence[str]) -> dict[str, str]:
    """Return which shell a command ends in (`shell`), or what an agent says where its program is `missing`."""
    try:
        words = shlex.split(command, posix="\\" not in command)
    except ValueError:
        words = command.split()
    if not words:
        return {"missing": "empty command"}
    program, is_script = _bare(words[0]), len(words) > 1
    exists = program in shells if program in KNOWN_SHELLS else bool(shells)
    if not exists:
        return {"missing": _complaint(words[0])}
    if program not in KNOWN_SHELLS:
        return {"shell": NO_SHELL}
    if not is_script:
        return {"shell": program}
    # Such as: sh -c 'if command -v bash …; then exec bash; else exec sh; fi'
    named = {_bare(word) for word in " ".join(words[1:]).replace(";", " ").split()}
    return {"shell": next((shell for shell in shells if shell in named), NO_SHELL)}


def _complaint(program: str) -> str:
    if "/" in program:
        return f"fork/exec {program}: no such file or directory"
    place = "%PATH%" if program.endswith(".exe") else "$PATH"
    return f'exec: "{program}": executable file not found in {place}'


def _bare(program: str) -> str:
    return program.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".exe")
