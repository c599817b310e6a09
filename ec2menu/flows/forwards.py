"""Tunnels into machines and containers: to a port of theirs, or through them to a port of another host."""

from ec2menu.connectors.forward import TunnelSpec, TunnelWish
from ec2menu.connectors.local_ports import LARGEST_PORT
from ec2menu.connectors.tunnel import Tunnel
from ec2menu.errors import Interrupted
from ec2menu.flows.connect import check_reachable
from ec2menu.flows.containers import check_container, describe_container
from ec2menu.flows.context import Context
from ec2menu.flows.targets import describe
from ec2menu.flows.tunnels import open_tunnel_to
from ec2menu.models import Container, Instance
from ec2menu.ui import words


def forward_into(
    context: Context, item: Instance | Container, *, port: int, host: str = "", local_port: int = 0, once: bool = False
) -> Tunnel:
    """Open a tunnel to a port of a machine or a container, or through it to a port of another host."""
    if isinstance(item, Instance):
        check_reachable(context, item)
    else:
        check_container(item)
    spec = TunnelSpec(
        via=item.id if isinstance(item, Instance) else item.ssm_target,
        via_name=describe(item),
        region=item.region,
        host=host,
        port=port,
        label=f"{host}:{port}" if host else describe(item),
        wish=TunnelWish(target=item.id, host=host, port=port),
    )
    return open_tunnel_to(context, spec, local_port=local_port, once=once)


def forward_to_container(context: Context, container: Container) -> int:
    """Ask for a port of a container and open a tunnel to it, which stays open; return the local port."""
    known = str(container.ports[0]) if container.ports else ""
    prompt = f"port of {describe_container(container)}" + (f" [{known}]:" if known else ":")
    while True:
        typed = context.terminal.ask(prompt).strip() or known
        if typed.lower() in words.LEAVE:
            raise Interrupted("not connected")
        if typed.isdecimal() and len(typed) <= len(str(LARGEST_PORT)) and 1 <= int(typed) <= LARGEST_PORT:
            return forward_into(context, container, port=int(typed)).local_port
        context.terminal.note(f"type a port from 1 to {LARGEST_PORT}, or 0 to go back")
