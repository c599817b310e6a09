"""A shell in a container by ECS Exec: ExecuteCommand, tried until the agent is there, with each shell until one exists.

The command is not run by a shell, so an image without the first shell ends the session at once; which words of the
agent say so is known here. Whether exec can work at all is judged in `resources`, the plugin is `session`'s business.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from ec2menu.connectors.connector import SESSION_KEYS, Connector, SessionSpec
from ec2menu.connectors.plugin import Ending, Verdict
from ec2menu.connectors.session import SessionResult, run_session
from ec2menu.connectors.starting import Watch, start_watched, wait_quietly
from ec2menu.errors import TargetNotConnected, TargetUnavailable
from ec2menu.models import Container

RETRY_SECONDS = 15.0
BETWEEN_TRIES_SECONDS = 3.0
WAIT_STEP_SECONDS = 1.0

LINUX_SHELLS = ("/bin/bash", "/bin/sh")
WINDOWS_SHELLS = ("powershell.exe", "cmd.exe")
# For a workstation on which the plugin's words cannot be heard, so that there is one try only.
_BEST_SHELL = "/bin/sh -c 'if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi'"

# The agent's words for a command that did not start; a session that did start ends with others.
_NOT_STARTED = "unable to start command"
_NOT_FOUND = ("no such file or directory", "executable file not found", "cannot find the")


def shells_of(container: Container, *, can_hear: bool = sys.platform != "win32") -> tuple[str, ...]:
    """Return the commands to try in a container, the best first; one only where its failure could not be heard."""
    if container.is_windows:
        return WINDOWS_SHELLS if can_hear else WINDOWS_SHELLS[-1:]
    return LINUX_SHELLS if can_hear else (_BEST_SHELL,)


def exec_in_container(
    connector: Connector,
    container: Container,
    *,
    shells: Sequence[str],
    wait: Callable[[float], None] | None = None,
    on_shell: Callable[[str], None] = lambda _shell: None,
    watch: Watch = wait_quietly,
) -> SessionResult:
    """Open the first of `shells` that the image has on the user's terminal; return when the session is over.

    While SSM has no connection to the agent, ECS ExecuteCommand is tried again for 15 s; `wait` is then called with the
    seconds that are left and has to let one pass (None: by sleeping). `on_shell` hears each shell after the first,
    `watch` is as for `start_watched`.
    Raises TargetUnavailable where the image has none of them, AwsError when ExecuteCommand fails, SessionFailed when
    the plugin cannot be started.
    """
    wait = wait or (lambda _seconds: connector.clock.sleep(WAIT_STEP_SECONDS))
    missing = 0
    for position, shell in enumerate(shells):
        if position:
            on_shell(shell)
        spec = SessionSpec(target=container.ssm_target, region=container.region, reason="")
        result = run_session(connector, spec, _start(connector, container, shell, wait=wait, watch=watch))
        missing += is_missing(result.verdict, shell)
        if not has_not_started(result.verdict):
            return result
    if missing < len(shells):
        return result
    raise TargetUnavailable(
        f"the image of container {container.name} has no shell: it has no {' and no '.join(shells)}",
        hint="this is no fault, distroless images have none; a sidecar container with a shell can look around instead",
    )


def has_not_started(verdict: Verdict) -> bool:
    """Tell whether a session ended because its command could not be started, for whatever reason."""
    detail = verdict.detail.lower()
    return verdict.ending is Ending.BY_SERVICE and any(words in detail for words in (_NOT_STARTED, *_NOT_FOUND))


def is_missing(verdict: Verdict, shell: str) -> bool:
    """Tell whether the reason is that the image does not have that shell."""
    program, detail = shell.split(maxsplit=1)[0].lower(), verdict.detail.lower()
    return has_not_started(verdict) and program in detail and any(words in detail for words in _NOT_FOUND)


def _start(
    connector: Connector, container: Container, shell: str, *, wait: Callable[[float], None], watch: Watch
) -> dict[str, Any]:
    """Return the answer of ExecuteCommand in StartSession's words, asking again while the agent is not connected.

    A refusal of that kind started nothing, so that asking again cannot open two sessions.
    """
    clock = connector.clock
    deadline = clock.now() + RETRY_SECONDS
    while True:
        asked = clock.now()
        try:
            return start_watched(
                connector, container.region, lambda: _execute(connector, container, shell), watch=watch
            )
        except TargetNotConnected as error:
            if clock.now() >= deadline:
                raise _never_connected(container, error) from error
        while clock.now() < min(deadline, asked + BETWEEN_TRIES_SECONDS):
            wait(deadline - clock.now())


def _never_connected(container: Container, error: TargetNotConnected) -> TargetNotConnected:
    return TargetNotConnected(
        f"SSM has no connection to the agent in container {container.name}; it was tried for {RETRY_SECONDS:.0f} s",
        hint="a task that has just started may need a minute; else see that its task role allows ssmmessages:* "
        "and its subnet reaches ssmmessages",
        code=error.code,
    )


def _execute(connector: Connector, container: Container, shell: str) -> dict[str, Any]:
    answer = connector.aws.call(
        "ecs",
        "ExecuteCommand",
        container.region,
        once=True,
        cluster=container.cluster,
        task=container.task_id,
        container=container.name,
        command=shell,
        interactive=True,
    )
    session = answer.get("session") or {}
    named = {key: session.get(key[0].lower() + key[1:]) for key in SESSION_KEYS}
    return connector.require_session(named, container.region, action="ecs:ExecuteCommand")
