"""The way to a database or a cache: its endpoint, and one jump host after the other until a tunnel leads there."""

from ec2menu.connectors.engines import Family, engine_of
from ec2menu.connectors.forward import TunnelSpec, TunnelWish
from ec2menu.connectors.jump import JumpChoice
from ec2menu.connectors.probes import Protocol
from ec2menu.connectors.tunnel import Tunnel, is_of_the_way
from ec2menu.errors import AwsError, Ec2MenuError, NoJumpHost, TargetUnavailable
from ec2menu.flows.context import Context
from ec2menu.flows.jump import Tries, Via, choose_via, describe_refusal, find_unread, select_for
from ec2menu.flows.listing import get_listing
from ec2menu.flows.targets import DataStore, describe
from ec2menu.flows.tunnels import find_open, open_tunnel_to, tell_reused
from ec2menu.models import Cache, Database, Endpoint, Style
from ec2menu.resources import elasticache, rds
from ec2menu.resources.jumphosts import parse_tag
from ec2menu.resources.kinds import EC2

_PROTOCOLS = {
    Family.POSTGRES: Protocol.POSTGRES,
    Family.MYSQL: Protocol.MYSQL,
    Family.MARIADB: Protocol.MYSQL,
    Family.SQLSERVER: Protocol.SQLSERVER,
    Family.ORACLE: Protocol.ORACLE,
    Family.DOCDB: Protocol.DOCDB,
    Family.NEPTUNE: Protocol.NEPTUNE,
    Family.REDIS: Protocol.REDIS,
    Family.VALKEY: Protocol.REDIS,
    Family.MEMCACHED: Protocol.MEMCACHED,
}
"""What a probe expects at the far end; the other engines are only watched for staying open."""
_REDIRECTS = "cluster mode: redirects (MOVED) name nodes that only exist behind the tunnel; a tunnel per node helps"


def open_store(
    context: Context, item: DataStore, *, via: str = "", local_port: int = 0, port: int = 0, once: bool = False
) -> Tunnel:
    """Open a tunnel to a database or a cache through a jump host, or return the one that is open already.

    A jump host that does not lead there is told, and the next one tried; one that is named by `via` is the only one.
    Raises TargetUnavailable (no endpoint, no jump host), PortInUse, SessionFailed or AwsError.
    """
    endpoint = require_endpoint(item)
    if port:
        endpoint = Endpoint(host=endpoint.host, port=port)
    opened = find_open(context, item.region, endpoint.host, endpoint.port)
    if opened is not None and not via and local_port in (0, opened.local_port):
        return tell_reused(context, opened)
    vpc_id = _find_vpc(context, item)
    tries = Tries(since=context.clock.wall())
    while True:
        way = choose_via(context, region=item.region, vpc_id=vpc_id, what=describe(item), via=via, tries=tries)
        context.terminal.note(way.note)
        wish = TunnelWish(target=item.id, via=way.instance.id if via else "", port=port)
        spec = _spec(item, endpoint, way, wish)
        try:
            return open_tunnel_to(context, spec, local_port=local_port, once=once, vpc_id=None if via else vpc_id)
        except Ec2MenuError as error:
            if via or not is_of_the_way(error):
                raise
            reason = tries.add(spec.via, spec.via_text, error)
            context.terminal.note(f"! {spec.via_text} does not lead there: {reason}", Style.WARN)


def _spec(item: DataStore, endpoint: Endpoint, way: Via, wish: TunnelWish) -> TunnelSpec:
    """Return the tunnel to an endpoint through a node."""
    return TunnelSpec(
        via=way.instance.id,
        via_name=describe(way.instance),
        region=item.region,
        host=endpoint.host,
        port=endpoint.port,
        label=item.id,
        protocol=_PROTOCOLS.get(engine_of(item.engine).family, Protocol.TCP),
        tls=isinstance(item, Cache) and item.tls,
        server_name=endpoint.host,
        wish=wish,
    )


def require_endpoint(item: DataStore) -> Endpoint:
    """Return where a database or a cache answers. Raises TargetUnavailable, saying why it does not."""
    why = rds.explain_unavailable(item) if isinstance(item, Database) else elasticache.explain_unavailable(item)
    if why is not None:
        raise TargetUnavailable(f"cannot connect to {describe(item)}: {why[0]}", hint=why[1])
    if item.endpoint is None:
        raise TargetUnavailable(f"{describe(item)} has no endpoint yet", hint="try again when it is available")
    return item.endpoint


def warn_of_redirects(context: Context, item: DataStore) -> None:
    """Tell what to expect of a cache in cluster mode behind one tunnel; nothing of anything else."""
    if isinstance(item, Cache) and item.cluster_mode:
        context.terminal.note(f"! {_REDIRECTS}", Style.WARN)


def survey_ways(context: Context, item: DataStore) -> tuple[JumpChoice, NoJumpHost]:
    """Return the jump hosts that lead to a database or a cache, and what to say where there is none."""
    vpc_id = _find_vpc(context, item)
    tag = parse_tag(context.config.settings.jump_tag)
    listing = get_listing(context, EC2, (item.region,))
    unread = find_unread(listing)
    choice = select_for(listing.items, vpc_id="" if unread else vpc_id, tag=tag, now=context.clock.wall())
    return choice, describe_refusal(choice, vpc_id=vpc_id, what=describe(item), tag=tag, unread=unread)


def _find_vpc(context: Context, item: DataStore) -> str:
    if isinstance(item, Database):
        return item.vpc_id
    try:
        return context.in_background(lambda: elasticache.find_vpc(context.aws, item), lambda: "looking for its VPC")
    except AwsError as error:
        context.terminal.note(f"! its VPC is not known: {error.message}", Style.DIM)
        return ""
