"""Opening a tunnel on the user's behalf, and telling what becomes of it; the tunnels themselves are in `connectors`."""

from collections.abc import Callable
from dataclasses import replace

from ec2menu.connectors.forward import TunnelSpec
from ec2menu.connectors.tunnel import Tunnel, TunnelState
from ec2menu.flows.context import Context
from ec2menu.flows.jump import choose_another
from ec2menu.flows.sessions import Visit, record_visit
from ec2menu.flows.targets import describe
from ec2menu.models import Style

_UNASKED = "open; nobody could be asked whether anything answers there"
FindOther = Callable[[frozenset[str]], TunnelSpec | None]


def open_tunnel_to(
    context: Context, spec: TunnelSpec, *, local_port: int = 0, once: bool = False, vpc_id: str | None = None
) -> Tunnel:
    """Open a supervised tunnel, or return the one that is open already; the user sees what is being waited for.

    `vpc_id` (None: the way is fixed) says where another jump host may be looked for when the first is gone. Raises
    PortInUse, SessionFailed, AwsError, or Stopped after Ctrl-C.
    """
    before = {tunnel.id for tunnel in context.known_tunnels()}
    context.load_credentials()  # here, because the tunnel's thread may not ask for an MFA code
    tunnel = context.attempt(
        lambda: context.tunnels.open(
            spec,
            local_port=local_port,
            once=once,
            find_other=None if vpc_id is None else _other_way(context, spec, vpc_id),
            watch=context.terminal.watch,
        )
    )
    if tunnel.id in before:
        return tell_reused(context, tunnel)
    context.terminal.note(describe_tunnel(tunnel), Style.STRONG)
    if not tunnel.has_answered:
        context.terminal.note(_UNASKED, Style.DIM)
    return tunnel


def tell_reused(context: Context, tunnel: Tunnel) -> Tunnel:
    """Tell of a tunnel that is open already, and through which node it goes; return it."""
    through = f" through {tunnel.spec.via_text}" if tunnel.spec.host else ""
    context.terminal.note(f"{describe_tunnel(tunnel)}, as before{through}", Style.STRONG)
    return tunnel


def find_open(context: Context, region: str, host: str, port: int) -> Tunnel | None:
    """Return the open tunnel that leads there, if there is one."""
    wanted = (region, host, port)
    up = (tunnel for tunnel in context.known_tunnels() if tunnel.state is TunnelState.OPEN)
    return next((tunnel for tunnel in up if (tunnel.spec.region, tunnel.spec.host, tunnel.spec.port) == wanted), None)


def describe_tunnel(tunnel: Tunnel) -> str:
    """Say in one line where a tunnel begins and where it leads."""
    return f"{tunnel.address} leads to {describe_end(tunnel.spec)}"


def describe_end(spec: TunnelSpec) -> str:
    """Name what a tunnel leads to, with the port where it is one of a node that may have others."""
    return spec.name if spec.host else f"port {spec.port} of {spec.name}"


def tell_news(context: Context) -> None:
    """Tell what has happened to the tunnels since the last time; called where the user is between two things."""
    for line in context.tunnels.news() if context.known_tunnels() else ():
        context.terminal.note(f"! {line}", Style.WARN)


def renew_login(context: Context) -> None:
    """Get a login that works, asking the user where one must, and let the tunnels that wait for it go on.

    Raises CredentialsError where there is none to be had, Interrupted where the user does not want to.
    """
    context.renew_identity()
    context.attempt(lambda: context.in_background(context.aws.identity, lambda: "asking AWS who we are"))
    context.tunnels.resume()


def close_tunnel(context: Context, tunnel: Tunnel) -> None:
    """Close a tunnel, say so, and record it."""
    record_tunnel(context, tunnel)
    tunnel.close()
    context.terminal.note(f"closed: {tunnel.address} to {describe_end(tunnel.spec)}")


def record_tunnel(context: Context, tunnel: Tunnel) -> None:
    """Append a tunnel to the history as it is when it is left; one that never opened has none."""
    if tunnel.opened_at is None:
        return
    spec = tunnel.spec
    record_visit(
        context,
        Visit(
            action="tunnel",
            region=spec.region,
            target=spec.wish.target or spec.destination,
            name=spec.destination,
            label=spec.name,
            wish=spec.wish,
        ),
        began=tunnel.opened_at,
        session_id=tunnel.session_ids[-1] if tunnel.session_ids else "",
        outcome="closed" if tunnel.state is TunnelState.OPEN else tunnel.last_error or str(tunnel.state),
        lasted_seconds=((tunnel.given_up_at or context.clock.wall()) - tunnel.opened_at).total_seconds(),
    )


def _other_way(context: Context, spec: TunnelSpec, vpc_id: str) -> FindOther:
    def find(exclude: frozenset[str]) -> TunnelSpec | None:
        found = choose_another(context, region=spec.region, vpc_id=vpc_id, exclude=exclude)
        return replace(spec, via=found.instance.id, via_name=describe(found.instance)) if found else None

    return find
