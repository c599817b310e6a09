"""`ec2menu forward`: a local port that leads to a database, a machine, a container or any host behind a node.

One line on stdout says that it is ready (`127.0.0.1:PORT`); it lasts until Ctrl-C, or with `once` until it drops.
"""

from dataclasses import dataclass

from ec2menu.connectors.forward import TunnelSpec, TunnelWish
from ec2menu.connectors.tunnel import ENDED, Tunnel, TunnelState
from ec2menu.errors import CredentialsError, ExitStatus, InvalidInput, TargetUnavailable
from ec2menu.flows.context import Context
from ec2menu.flows.forwards import forward_into
from ec2menu.flows.jump import choose_via
from ec2menu.flows.listing import require_regions
from ec2menu.flows.login import is_left_to_others
from ec2menu.flows.stores import open_store, warn_of_redirects
from ec2menu.flows.targets import Resource, describe, find_resource
from ec2menu.flows.tunnels import close_tunnel, open_tunnel_to, record_tunnel, renew_login, tell_news
from ec2menu.models import Cache, Container, Database, Instance

WATCH_SECONDS = 0.2
LOGIN_RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardRequest:
    """What was asked on the command line; ports 0 and empty texts were not given."""

    target: str
    host: str = ""
    port: int = 0
    via: str = ""
    local_port: int = 0
    once: bool = False


def run_forward(context: Context, request: ForwardRequest) -> int:
    """Open the tunnel, say where it begins, keep it; return the exit status. Ctrl-C raises KeyboardInterrupt."""
    _check(request)
    regions = require_regions(context)
    if not request.target:
        tunnel = _to_host(context, request, regions)
    else:
        tunnel = _to_resource(context, request, find_resource(context, request.target, regions))
    return _keep(context, tunnel)


def _check(request: ForwardRequest) -> None:
    usage = "ec2menu forward TARGET, or: ec2menu forward --via NODE --host H --port N"
    if not request.target and not (request.via and request.host and request.port):
        raise InvalidInput("say what to reach", hint=usage)


def _to_host(context: Context, request: ForwardRequest, regions: tuple[str, ...]) -> Tunnel:
    if len(regions) > 1:
        raise InvalidInput("a node is in one region", hint="name it with -r REGION")
    return _through(context, request, region=regions[0], host=request.host, label=f"{request.host}:{request.port}")


def _through(
    context: Context, request: ForwardRequest, *, region: str, host: str, label: str, target: str = ""
) -> Tunnel:
    way = choose_via(context, region=region, vpc_id="", what=label, via=request.via)
    spec = TunnelSpec(
        via=way.instance.id,
        via_name=describe(way.instance),
        region=region,
        host=host,
        port=request.port,
        label=label,
        wish=TunnelWish(target=target, via=way.instance.id, host=request.host, port=request.port),
    )
    return open_tunnel_to(context, spec, local_port=request.local_port, once=request.once)


def _to_resource(context: Context, request: ForwardRequest, item: Resource) -> Tunnel:
    if isinstance(item, Database | Cache):
        if request.host:
            raise InvalidInput(f"{describe(item)} has a host of its own", hint="leave --host or TARGET out")
        warn_of_redirects(context, item)
        return open_store(
            context,
            item,
            via=request.via,
            local_port=request.local_port,
            port=request.port,
            once=request.once,
        )
    port = request.port or (item.ports[0] if isinstance(item, Container) and item.ports else 0)
    if not port:
        raise InvalidInput(f"which port of {describe(item)}?", hint="add --port N")
    if request.via:
        return _to_address(context, request, item)
    return forward_into(context, item, port=port, host=request.host, local_port=request.local_port, once=request.once)


def _to_address(context: Context, request: ForwardRequest, item: Resource) -> Tunnel:
    """Open a tunnel to a machine that another one can reach."""
    if not isinstance(item, Instance):
        raise InvalidInput("a container is reached by itself", hint="leave --via out")
    if request.host:
        raise InvalidInput("a tunnel goes through one node only", hint="leave TARGET or --via out")
    if not item.private_ip:
        raise TargetUnavailable(f"{describe(item)} has no private address", hint="leave --via out")
    return _through(context, request, region=item.region, host=item.private_ip, label=describe(item), target=item.id)


def _keep(context: Context, tunnel: Tunnel) -> int:
    """Say where it begins and follow it to its end; return the exit status.

    Raises CredentialsError where its login is over.
    """
    try:
        context.terminal.data(tunnel.address)
        context.terminal.flush()
        context.terminal.note("Ctrl-C closes it")
        while tunnel.state not in ENDED:
            context.clock.sleep(WATCH_SECONDS)
            tell_news(context)
            if tunnel.state is TunnelState.NEEDS_LOGIN:
                _wait_for_login(context)
    except BaseException:
        close_tunnel(context, tunnel)
        raise
    tell_news(context)
    record_tunnel(context, tunnel)
    return ExitStatus.CONNECTOR


def _wait_for_login(context: Context) -> None:
    """Have the login renewed; where that is left to others, wait for them. Raises CredentialsError where it is not."""
    told = ""
    while True:
        try:
            renew_login(context)
        except CredentialsError as error:
            if not is_left_to_others(context):
                raise
            if error.message != told:
                context.terminal.fail(error)
                context.terminal.note("it is tried again until AWS takes the login; Ctrl-C closes the tunnel")
            told = error.message
            context.clock.sleep(LOGIN_RETRY_SECONDS)
        else:
            return
