"""Connecting to one container by ECS Exec: what may stand in the way is told before, how it ended after.

Which container, and what else can be done with it, is the screen's and the command's business.
"""

from ec2menu.connectors.containers import RETRY_SECONDS, WAIT_STEP_SECONDS, exec_in_container, shells_of
from ec2menu.errors import TargetUnavailable
from ec2menu.flows.context import Context
from ec2menu.flows.sessions import Visit, hold_session, require_terminal
from ec2menu.models import Container, ExecStatus, Style
from ec2menu.ui.text import escape, shorten

MAX_NAME_COLUMNS = 60
SHORT_TASK = 8
# Fixed by ECS Exec; no setting of Session Manager changes it.
IDLE_MINUTES = 20


def describe_container(container: Container) -> str:
    """Name a container the way it is echoed before connecting: `app (web, task 0123abcd in shop-prod)`."""
    place = [f"task {container.task_id[:SHORT_TASK]} in {container.cluster}"]
    place = [container.service, *place] if container.service else place
    return shorten(escape(f"{container.name or 'a container'} ({', '.join(place)})"), MAX_NAME_COLUMNS * 2)


def check_container(container: Container) -> None:
    """Raise TargetUnavailable, saying why and what to do, for a container that ECS Exec cannot get into."""
    if not container.task_id:
        raise TargetUnavailable(container.reason or f"{container.id} has no container", hint=container.fix)
    if container.exec_status is ExecStatus.NO:
        raise TargetUnavailable(
            f"cannot connect to {describe_container(container)}: {container.reason}", hint=container.fix
        )


def connect_container(context: Context, container: Container) -> int:
    """Open a shell in a container and report how it ended; return the exit status for the command line.

    Raises TargetUnavailable, InvalidInput (no terminal), AwsError or ConnectorError.
    """
    check_container(container)
    require_terminal(context)
    connector = context.find_connector()
    _announce(context, container)
    countdown = _Countdown(context)
    visit = Visit(
        action="exec",
        region=container.region,
        target=container.id,
        name=container.name,
        label=describe_container(container),
    )
    return hold_session(
        context,
        visit,
        lambda: exec_in_container(
            connector,
            container,
            shells=shells_of(container),
            wait=countdown.wait,
            on_shell=countdown.name_shell,
            watch=context.terminal.watch,
        ),
    )


def _announce(context: Context, container: Container) -> None:
    terminal = context.terminal
    terminal.note(f"exec: {describe_container(container)} in {container.region}", Style.STRONG)
    if container.exec_status is ExecStatus.MAY_FAIL:
        terminal.note(f"! it may fail: {container.reason} ({container.fix})", Style.WARN)
    terminal.note(f"ECS Exec ends after {IDLE_MINUTES} idle minutes; if it hangs: Enter, then ~.", Style.DIM)


class _Countdown:
    """Tells what goes on until the session stands; Ctrl-C while it waits goes back."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._has_told = False

    def wait(self, seconds_left: float) -> None:
        """Let a second pass under a line that counts down; where no line can be taken back, one sentence has to do."""
        terminal, clock = self._context.terminal, self._context.clock
        if not self._has_told:
            self._has_told = True
            terminal.note(
                f"SSM has no connection to the container's agent yet; it is tried for {RETRY_SECONDS:.0f} s "
                "(Ctrl-C goes back)"
            )
        terminal.working(lambda: clock.sleep(WAIT_STEP_SECONDS), f"trying for {max(1, round(seconds_left))} s more")

    def name_shell(self, shell: str) -> None:
        """Say that the shell before was not there, and which one comes next."""
        self._context.terminal.note(f"that shell did not start; trying {shell}", Style.DIM)
