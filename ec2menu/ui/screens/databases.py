"""The lists of databases and caches: a number opens a client's prompt through a jump host, or a tunnel alone."""

from collections.abc import Sequence
from typing import Any

from ec2menu.connectors.engines import engine_of
from ec2menu.errors import Ec2MenuError, Interrupted
from ec2menu.flows.context import Context
from ec2menu.flows.databases import Wishes, clients_of, connect_store, show_lines
from ec2menu.flows.stores import open_store, warn_of_redirects
from ec2menu.flows.targets import DataStore, describe
from ec2menu.flows.tunnels import tell_news
from ec2menu.models import Cache, Style
from ec2menu.resources.elasticache import each_node
from ec2menu.resources.kinds import ResourceKind
from ec2menu.ui.choices import Choice, choose_one
from ec2menu.ui.menu import Move, Screen
from ec2menu.ui.screens.lists import ListScreen
from ec2menu.ui.terminal import EndOfInput

_STAYS = "tunnels stay open until you close them: 0 goes back, t lists them there"


def store_screen(context: Context, kind: ResourceKind, regions: Sequence[str]) -> Screen:
    """Return the list of databases or of caches of some regions."""

    def choose(chosen: Sequence[Any]) -> Move | None:
        tell_news(context)
        if len(chosen) == 1:
            _use(context, chosen[0])
        else:
            _open_all(context, chosen)
        if context.known_tunnels():
            context.terminal.note(_STAYS, Style.DIM)
        return None

    return ListScreen(context, kind, regions, choose=choose)


def _use(context: Context, item: DataStore) -> None:
    """Do with one database or cache what the user chooses."""
    warn_of_redirects(context, item)
    title = f"{describe(item)} ({engine_of(item.engine).title})"
    via = ""
    while (way := choose_one(context.terminal, title + (f" through {via}" if via else ""), _ways(item))) == "via":
        via = _ask_via(context) or via
    if way == "nodes" and isinstance(item, Cache):
        _open_all(context, each_node(item), via=via)
    elif way == "tunnel":
        show_lines(context, item, open_store(context, item, via=via))
    else:
        connect_store(context, item, Wishes(client=way, via=via))


def _ask_via(context: Context) -> str:
    """Ask for a node's id or Name; empty where the user goes back to the choice."""
    try:
        return context.terminal.ask("go through which node, by id or Name (empty goes back)?").strip()
    except (Interrupted, EndOfInput):
        return ""


def _ways(item: DataStore) -> tuple[Choice, ...]:
    ways = [Choice(key=name, label=name, remark="its prompt, over a tunnel") for name in clients_of(item)]
    ways.append(Choice(key="tunnel", label="tunnel only", remark="with the lines for any other client"))
    if isinstance(item, Cache) and len(item.nodes) > 1:
        ways.append(
            Choice(key="nodes", label=f"tunnel per node ({len(item.nodes)})", remark="each on a port of its own")
        )
    ways.append(Choice(key="via", label="another way in", remark="name the node to go through, then choose again"))
    return tuple(ways)


def _open_all(context: Context, items: Sequence[DataStore], *, via: str = "") -> None:
    """Open a tunnel to each; one that does not open is told and does not keep the others from it."""
    for item in items:
        try:
            open_store(context, item, via=via)
        except (Interrupted, EndOfInput):
            raise
        except Ec2MenuError as error:
            context.terminal.fail(error)
