"""Databases and caches: a client's prompt over a tunnel, or the lines for a client of one's own choice."""

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
    find_public_ca,
    remove_leftovers,
    run_client,
)
from ec2menu.connectors.engines import EngineFacts, Family, engine_of
from ec2menu.connectors.process import Completed, run_quietly
from ec2menu.connectors.secrets import Password
from ec2menu.connectors.tunnel import ENDED, Tunnel, TunnelState
from ec2menu.errors import ExitStatus, InvalidInput
from ec2menu.flows.context import Context
from ec2menu.flows.logins import LoginWish, check_wish, note_end, prove_login
from ec2menu.flows.sessions import Visit, record_visit
from ec2menu.flows.stores import open_store
from ec2menu.flows.targets import DataStore, describe
from ec2menu.flows.tunnels import tell_news
from ec2menu.models import Cache, Database, EndpointRole, Style

VERSION_SECONDS = 5.0
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


def connect_store(context: Context, item: DataStore, wishes: Wishes) -> int | None:
    """Open a tunnel and a client's prompt over it; return the exit status. The tunnel stays open.

    Without a client on this computer the lines for one are shown, and None is returned: whoever called decides how long
    the tunnel is to wait for one.
    """
    facts = engine_of(item.engine)
    client = _find_client(facts, wishes.client)
    _check(item, wishes)
    tunnel = open_store(context, item, via=wishes.via, local_port=wishes.local_port)
    if client is None:
        context.terminal.note(f"no client for {facts.title} was found on PATH; {_hint_clients(facts)}")
        show_lines(context, item, tunnel, wishes)
        return None
    ca_file = ca_file_of(context, item)
    folder = context.runtime_folder / "clients"
    remove_leftovers(folder)

    def call_as(login: Login) -> ClientCall:
        target = client_target(item, tunnel, wishes, ca_file=ca_file)
        return client_call(client, target, login, ca_file=ca_file, environ=context.environ, folder=folder)

    asks = call_as(_ANYBODY).asks_password
    wish = LoginWish(user=wishes.user, secret=wishes.secret, iam=wishes.iam, client_asks=asks)
    login = prove_login(context, item, wish, tunnel)
    as_whom = f" as {login.user}" if login.user else ""
    context.terminal.note(f"{client.name}: {describe(item)}{as_whom}", Style.STRONG)
    tell_news(context)
    visit = _visit(item, tunnel, action=client.name, user=login.user, database=wishes.database)
    status = _run_and_record(context, visit, call_as(login), tunnel=tunnel)
    tell_news(context)
    if tunnel.state is TunnelState.OPEN:  # else the client may have ended for that
        note_end(context, item, login, is_well=status == 0)
    if tunnel.state in ENDED:
        return ExitStatus.CONNECTOR
    return ExitStatus.DONE if status == 0 else ExitStatus.TARGET_FAILED


def _check(item: DataStore, wishes: Wishes) -> None:
    """Raise InvalidInput for what a cache has not: logins where it asks nobody, databases with names."""
    check_wish(item, user=wishes.user, secret=wishes.secret)
    if isinstance(item, Cache) and wishes.database and not (wishes.database.isascii() and wishes.database.isdecimal()):
        raise InvalidInput(f"{wishes.database} is no database of a cache", hint="they have numbers: --database 3")


def _visit(item: DataStore, tunnel: Tunnel, *, action: str, user: str, database: str) -> Visit:
    return Visit(
        action=action,
        region=item.region,
        target=item.id,
        name=item.name,
        label=describe(item),
        wish=tunnel.spec.wish,
        user=user,
        database=database,
    )


def _run_and_record(context: Context, visit: Visit, call: ClientCall, *, tunnel: Tunnel) -> int:
    """Give the terminal to a client; tell and record how it ended, and return its status."""
    began, started = context.clock.wall(), context.clock.now()
    status = run_client(call, environ=context.environ)
    lasted = context.clock.now() - started
    outcome = "ended normally" if status == 0 else f"ended with status {status}"
    style = Style.GOOD if status == 0 else Style.WARN
    context.terminal.note(f"{visit.action}: {outcome}, after {describe_duration(lasted)}", style)
    record_visit(
        context,
        visit,
        began=began,
        session_id=tunnel.session_ids[-1],
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
    ca_file = ca_file_of(context, item)
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
        local_port=tunnel.local_port,
        database=wishes.database or database,
        # RDS offers TLS always; it is insisted on where its certificate can be checked.
        tls=item.tls if isinstance(item, Cache) else ca_file is not None,
        requires_tls=isinstance(item, Database) and (item.requires_tls or facts.family in _TLS_ALONE),
    )


def clients_of(item: DataStore) -> Sequence[str]:
    """Return the client programs on PATH that can talk to a database or a cache, the best first."""
    return [client.name for client in find_clients(engine_of(item.engine), shutil.which, run=_ask_version)]


def _ask_version(argv: Sequence[str]) -> Completed:
    return run_quietly(argv, timeout_seconds=VERSION_SECONDS)


def ca_file_of(context: Context, item: DataStore) -> Path | None:
    """Return the file with the CA certificates that a server is checked by; None for none. Raises InvalidInput."""
    if context.is_demo:
        return None  # the demo's certificates are its own
    if item.role is EndpointRole.PROXY:  # a proxy has a certificate of ACM's, which RDS's own CA has not signed
        return find_public_ca(context.environ)
    configured, folder = context.config.settings.rds_ca, context.config.path.parent
    return find_ca(configured, folder, Path.home(), engine=engine_of(item.engine))


def _hint_clients(facts: EngineFacts) -> str:
    return "install one of: " + ", ".join(facts.clients) if facts.clients else "any client of yours will do"
