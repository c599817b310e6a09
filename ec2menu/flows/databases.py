"""Databases and caches: the way to one through a jump host, and a client's prompt over it."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ec2menu.clock import describe_duration
from ec2menu.connectors.client_calls import client_call
from ec2menu.connectors.client_lines import copy_lines
from ec2menu.connectors.clients import (
    Client,
    ClientCall,
    ClientTarget,
    Login,
    find_ca,
    find_client,
    find_clients,
    run_client,
)
from ec2menu.connectors.engines import EngineFacts, Family, engine_of
from ec2menu.connectors.forward import TunnelSpec
from ec2menu.connectors.jump import JumpChoice
from ec2menu.connectors.probes import Protocol
from ec2menu.connectors.process import Completed, run_quietly
from ec2menu.connectors.secrets import Password
from ec2menu.connectors.tunnel import Tunnel
from ec2menu.errors import AwsError, ExitStatus, InvalidInput, SessionFailed, TargetUnavailable
from ec2menu.flows.context import Context
from ec2menu.flows.jump import Via, choose_via, describe_refusal, select_for
from ec2menu.flows.listing import get_listing
from ec2menu.flows.logins import LoginWish, choose_login, forget_login
from ec2menu.flows.sessions import Visit, record_visit
from ec2menu.flows.targets import DataStore, describe
from ec2menu.flows.tunnels import find_open, open_tunnel_to
from ec2menu.models import Cache, Database, Endpoint, Style
from ec2menu.resources import elasticache, rds
from ec2menu.resources.jumphosts import parse_tag
from ec2menu.resources.kinds import EC2

VERSION_SECONDS = 5.0
_PROTOCOLS = {
    Family.POSTGRES: Protocol.POSTGRES,
    Family.MYSQL: Protocol.MYSQL,
    Family.MARIADB: Protocol.MYSQL,
    Family.SQLSERVER: Protocol.SQLSERVER,
    Family.ORACLE: Protocol.ORACLE,
    Family.REDIS: Protocol.REDIS,
    Family.VALKEY: Protocol.REDIS,
    Family.MEMCACHED: Protocol.MEMCACHED,
}
"""What a probe expects at the far end; the other engines are only watched for staying open."""
_REDIRECTS = "cluster mode: redirects (MOVED) name nodes that only exist behind the tunnel; a tunnel per node helps"
# DocumentDB takes nothing else unless somebody has switched it off.
_TLS_ALONE = frozenset({Family.DOCDB})
# A client that asks although it has been given a password takes none but from the keyboard.
_ANYBODY = Login(user="anybody", password=Password("anything"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user said on the command line about how to connect; empty: what is best."""

    via: str = ""
    local_port: int = 0
    user: str = ""
    database: str = ""
    secret: str = ""
    iam: bool = False
    client: str = ""


def open_store(
    context: Context, item: DataStore, *, via: str = "", local_port: int = 0, port: int = 0, once: bool = False
) -> Tunnel:
    """Open a tunnel to a database or a cache through a jump host, or return the one that is open already.

    Raises TargetUnavailable (no endpoint, no jump host), PortInUse, SessionFailed or AwsError.
    """
    endpoint = require_endpoint(item)
    if port:
        endpoint = Endpoint(host=endpoint.host, port=port)
    opened = find_open(context, item.region, endpoint.host, endpoint.port)
    if opened is not None and not via and local_port in (0, opened.local_port):
        return open_tunnel_to(context, opened.spec, local_port=local_port, once=once)
    vpc_id = _find_vpc(context, item)
    way = choose_via(context, region=item.region, vpc_id=vpc_id, what=describe(item), via=via)
    try:
        spec = _spec(context, item, endpoint, way)
        return open_tunnel_to(context, spec, local_port=local_port, once=once, vpc_id=None if via else vpc_id)
    except SessionFailed as error:
        if via or not vpc_id or way.instance.vpc_id == vpc_id:
            raise
        context.terminal.fail(error)  # the jump host of another VPC was worth a try, and does not lead here
    way = choose_via(context, region=item.region, vpc_id=vpc_id, what=describe(item), only_in_vpc=True)
    return open_tunnel_to(context, _spec(context, item, endpoint, way), local_port=local_port, once=once)


def _spec(context: Context, item: DataStore, endpoint: Endpoint, way: Via) -> TunnelSpec:
    """Return the tunnel to an endpoint through a node, which is named to the user."""
    context.terminal.note(way.note)
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


def survey_ways(context: Context, item: DataStore) -> tuple[JumpChoice, tuple[str, ...]]:
    """Return the jump hosts that lead to a database or a cache, and what to say of those that do not."""
    vpc_id = _find_vpc(context, item)
    tag = parse_tag(context.config.settings.jump_tag)
    machines = get_listing(context, EC2, (item.region,)).items
    choice = select_for(machines, vpc_id=vpc_id, tag=tag, now=context.clock.wall())
    return choice, describe_refusal(choice, vpc_id=vpc_id, what=describe(item), tag=tag).diagnosis


def connect_store(context: Context, item: DataStore, wishes: Wishes) -> int | None:
    """Open a tunnel and a client's prompt over it; return the exit status. The tunnel stays open.

    Without a client on this computer the lines for one are shown, and None is returned: whoever called decides how long
    the tunnel is to wait for one.
    """
    facts = engine_of(item.engine)
    client = _find_client(facts, wishes.client)
    tunnel = open_store(context, item, via=wishes.via, local_port=wishes.local_port)
    if client is None:
        context.terminal.note(f"no client for {facts.title} was found on PATH; {_hint_clients(facts)}")
        show_lines(context, item, tunnel, wishes)
        return None
    ca_file = _find_ca(context, facts)

    def call_as(login: Login) -> ClientCall:
        target = client_target(item, tunnel, wishes, ca_file=ca_file)
        folder = context.runtime_folder / "clients"
        return client_call(client, target, login, ca_file=ca_file, environ=context.environ, folder=folder)

    login = choose_login(
        context,
        item,
        LoginWish(user=wishes.user, secret=wishes.secret, iam=wishes.iam, client_asks=call_as(_ANYBODY).asks_password),
    )
    as_whom = f" as {login.user}" if login.user else ""
    context.terminal.note(f"{client.name}: {describe(item)}{as_whom}", Style.STRONG)
    status = _run_and_record(context, item, client, call_as(login), session_id=tunnel.session_ids[-1])
    if status != 0:
        forget_login(context, item, login)  # a wrong password must not be tried again behind the user's back
    return ExitStatus.DONE if status == 0 else ExitStatus.TARGET_FAILED


def _run_and_record(context: Context, item: DataStore, client: Client, call: ClientCall, *, session_id: str) -> int:
    """Give the terminal to a client; tell and record how it ended, and return its status."""
    began, started = context.clock.wall(), context.clock.now()
    status = run_client(call, environ=context.environ)
    lasted = context.clock.now() - started
    outcome = "ended normally" if status == 0 else f"ended with status {status}"
    style = Style.GOOD if status == 0 else Style.WARN
    context.terminal.note(f"{client.name}: {outcome}, after {describe_duration(lasted)}", style)
    record_visit(
        context,
        Visit(action=client.name, region=item.region, target=item.id, name=item.name, label=describe(item)),
        began=began,
        session_id=session_id,
        outcome=outcome,
        lasted_seconds=lasted,
    )
    return status


def _find_client(facts: EngineFacts, wanted: str) -> Client | None:
    client = find_client(facts, shutil.which, run=_ask_version, preferred=wanted)
    if wanted and (client is None or client.name != wanted):
        raise InvalidInput(f"there is no program {wanted} for {facts.title}", hint=_hint_clients(facts))
    return client


def show_lines(context: Context, item: DataStore, tunnel: Tunnel, wishes: Wishes | None = None) -> None:
    """Show what to type or to fill in for clients of one's own choice."""
    wishes = wishes or Wishes()
    ca_file = _find_ca(context, engine_of(item.engine))
    target = client_target(item, tunnel, wishes, ca_file=ca_file)
    user = wishes.user or (item.username if isinstance(item, Database) else "")
    for title, text in copy_lines(target, user, ca_file=ca_file):
        context.terminal.data(f"  {title:<8} {context.terminal.plain(text)}")
    context.terminal.flush()


def client_target(item: DataStore, tunnel: Tunnel, wishes: Wishes, *, ca_file: Path | None) -> ClientTarget:
    """Return what a client needs to know of a database or a cache behind a tunnel."""
    facts = engine_of(item.engine)
    database = "" if isinstance(item, Cache) else item.database
    return ClientTarget(
        engine=facts,
        real_host=tunnel.spec.host,
        real_port=tunnel.spec.port,
        local_port=tunnel.local_port,
        database=wishes.database or database,
        # RDS offers TLS always; it is insisted on where its certificate can be checked.
        tls=item.tls if isinstance(item, Cache) else ca_file is not None,
        requires_tls=isinstance(item, Database) and (item.requires_tls or facts.family in _TLS_ALONE),
        title=item.id,
    )


def clients_of(item: DataStore) -> Sequence[str]:
    """Return the client programs on PATH that can talk to a database or a cache, the best first."""
    return [client.name for client in find_clients(engine_of(item.engine), shutil.which, run=_ask_version)]


def _ask_version(argv: Sequence[str]) -> Completed:
    return run_quietly(argv, timeout_seconds=VERSION_SECONDS)


def _find_vpc(context: Context, item: DataStore) -> str:
    if isinstance(item, Database):
        return item.vpc_id
    try:
        return context.in_background(lambda: elasticache.find_vpc(context.aws, item), lambda: "looking for its VPC")
    except AwsError as error:
        context.terminal.note(f"! its VPC is not known: {error.message}", Style.DIM)
        return ""


def _find_ca(context: Context, facts: EngineFacts) -> Path | None:
    if context.is_demo:
        return None  # the demo's certificates are its own
    return find_ca(context.config.settings.rds_ca, context.config.path.parent, Path.home(), engine=facts)


def _hint_clients(facts: EngineFacts) -> str:
    return "install one of: " + ", ".join(facts.clients) if facts.clients else "any client of yours will do"
