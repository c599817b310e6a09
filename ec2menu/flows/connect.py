"""Connecting to one machine: a shell, or Remote Desktop through a tunnel; told before, reported and recorded after."""

import os
import shutil
import sys

from ec2menu.clock import describe_duration
from ec2menu.connectors.connector import SessionSpec
from ec2menu.connectors.forward import open_tunnel
from ec2menu.connectors.process import run_in_foreground, start_detached
from ec2menu.connectors.rdp import address_line, find_rdp_client
from ec2menu.connectors.session import open_shell
from ec2menu.connectors.windows import running_in_wsl
from ec2menu.errors import ExitStatus, InvalidInput, TargetUnavailable
from ec2menu.flows.context import Context
from ec2menu.flows.sessions import Visit, hold_session, record_visit, require_terminal
from ec2menu.flows.targets import describe
from ec2menu.models import Instance, Style
from ec2menu.resources.ec2 import explain_unreachable
from ec2menu.ui.choices import Choice, choose_one

RDP_PORT = 3389
_WINDOWS_WAYS = (
    Choice(key="shell", label="PowerShell session"),
    Choice(key="rdp", label="Remote Desktop (RDP) through a tunnel"),
)


def check_reachable(context: Context, instance: Instance) -> None:
    """Raise TargetUnavailable, saying why and what to do, for a machine that no session can reach."""
    if not instance.is_connectable:
        why, hint = explain_unreachable(instance, now=context.clock.wall())
        raise TargetUnavailable(f"cannot connect to {describe(instance)}: {why}", hint=hint)


def connect_one(context: Context, instance: Instance, *, way: str = "") -> int:
    """Connect to a machine: a shell, or on Windows what `way` says (`shell`, `rdp`), else what the user answers.

    Raises TargetUnavailable, AwsError or ConnectorError; Interrupted or EndOfInput where the user goes back.
    """
    check_reachable(context, instance)
    if instance.is_windows and not way:
        way = _ask_windows_way(context, instance)
    if way == "rdp" and not instance.is_windows:
        raise InvalidInput(f"{describe(instance)} does not run Windows", hint="leave --rdp out for a shell")
    return connect_rdp(context, instance) if way == "rdp" else connect_shell(context, instance)


def _ask_windows_way(context: Context, instance: Instance) -> str:
    if not context.terminal.is_interactive:
        raise InvalidInput(f"{describe(instance)} runs Windows", hint="add --shell or --rdp")
    return choose_one(context.terminal, f"{describe(instance)} runs Windows", _WINDOWS_WAYS)


def connect_shell(context: Context, instance: Instance) -> int:
    """Open a shell (PowerShell on Windows) and report how it ended; return the exit status for the command line."""
    check_reachable(context, instance)
    require_terminal(context)
    connector = context.find_connector()
    _announce(context, "shell", instance)
    spec = SessionSpec(target=instance.id, region=instance.region)
    visit = _visit(instance, "shell")
    return hold_session(context, visit, lambda: open_shell(connector, spec, watch=context.terminal.watch))


def connect_rdp(context: Context, instance: Instance) -> int:
    """Open a tunnel to Remote Desktop, start a client or say where to point one, and keep it until told to close."""
    check_reachable(context, instance)
    connector = context.find_connector()
    terminal = context.terminal
    _announce(context, "Remote Desktop", instance)
    began, started = context.clock.wall(), context.clock.now()
    outcome = "failed"
    session_id = ""
    try:
        context.attempt(context.load_credentials)  # here, because the session is started in another thread
        with open_tunnel(
            connector, target=instance.id, region=instance.region, port=RDP_PORT, watch=terminal.watch
        ) as tunnel:
            session_id, outcome = tunnel.session_id, "closed"
            terminal.note(address_line(tunnel.local_port), Style.STRONG)
            _start_rdp_client(context, instance, tunnel.local_port)
            terminal.pause("press Enter to close the tunnel", is_over=lambda: not tunnel.is_open)
            if not tunnel.is_open:
                outcome = "dropped"
    finally:
        lasted = context.clock.now() - started
        if session_id:
            terminal.note(f"tunnel to {describe(instance)}: {outcome}, after {describe_duration(lasted)}")
            record_visit(
                context,
                _visit(instance, "rdp"),
                began=began,
                session_id=session_id,
                outcome=outcome,
                lasted_seconds=lasted,
            )
    return ExitStatus.DONE if outcome == "closed" else ExitStatus.CONNECTOR


def _visit(instance: Instance, action: str) -> Visit:
    return Visit(
        action=action, region=instance.region, target=instance.id, name=instance.name, label=describe(instance)
    )


def _announce(context: Context, action: str, instance: Instance) -> None:
    context.terminal.note(f"{action}: {describe(instance)} in {instance.region}", Style.STRONG)
    if action == "shell":
        context.terminal.note("if it hangs: Enter, then ~.", Style.DIM)


def _start_rdp_client(context: Context, instance: Instance, port: int) -> None:
    if context.is_demo:
        context.terminal.note("the demo starts no Remote Desktop client: nothing is behind that port")
        return
    client = find_rdp_client(
        environ=context.environ, platform=sys.platform, which=shutil.which, is_wsl=running_in_wsl(context.environ)
    )
    if client is None:
        return
    command = client.command("127.0.0.1", port, title=describe(instance), directory=context.runtime_folder / "rdp")
    context.terminal.note(f"starting {client.name}")
    status = start_detached(command) if client.detached else run_in_foreground(command)
    if status != 0:
        context.terminal.note(f"! {os.path.basename(command[0])} ended with status {status}")  # noqa: PTH119 - a name, no file
