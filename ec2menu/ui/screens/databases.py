"""The lists of databases and caches: a number opens a client's prompt through a jump host, or a tunnel alone."""

from collections.abc import Sequence
from typing import Any

from ec2menu.connectors.engines import engine_of
from ec2menu.errors import Ec2MenuError, Interrupted
from ec2menu.flows.context import Context
from ec2menu.flows.databases import Store, Wishes, clients_of, connect_store, open_nodes, open_store, show_lines
from ec2menu.flows.targets import describe
from ec2menu.flows.tunnels import tell_news
from ec2menu.models import Cache, Style
from ec2menu.resources.kinds import ResourceKind
from ec2menu.ui.choices import Choice, choose_one
from ec2menu.ui.menu import Move, Screen
from ec2menu.ui.screens.lists import ListScreen

_REDIRECTS = "cluster mode: redirects (MOVED) name nodes that only exist behind the tunnel; a tunnel per node helps"


def store_screen(context: Context, kind: ResourceKind, regions: Sequence[str]) -> Screen:
    """Return the list of databases or of caches of some regions."""

    def choose(chosen: Sequence[Any]) -> Move | None:
        tell_news(context)
        if len(chosen) == 1:
            _use(context, chosen[0])
        else:
            _open_all(context, chosen)
        context.terminal.note("tunnels stay open until you close them: t lists them in the menu before this", Style.DIM)
        return None

    return ListScreen(context, kind, regions, choose=choose)


def _use(context: Context, item: Store) -> None:
    """Do with one database or cache what the user chooses."""
    if isinstance(item, Cache) and item.cluster_mode:
        context.terminal.note(f"! {_REDIRECTS}", Style.WARN)
    title = f"{describe(item)} ({engine_of(item.engine).title})"
    via = ""
    while (way := choose_one(context.terminal, title, _ways(item))) == "via":
        via = context.terminal.ask("node to go through, an id or a Name (empty: the best jump host):").strip()
    if way == "nodes" and isinstance(item, Cache):
        open_nodes(context, item, via=via)
    elif way == "tunnel":
        show_lines(context, item, open_store(context, item, via=via))
    else:
        connect_store(context, item, Wishes(client=way, via=via))


def _ways(item: Store) -> tuple[Choice, ...]:
    ways = [Choice(key=name, label=name, remark="its prompt, over a tunnel") for name in clients_of(item)]
    ways.append(Choice(key="tunnel", label="tunnel only", remark="with the lines for any other client"))
    if isinstance(item, Cache) and len(item.nodes) > 1:
        ways.append(
            Choice(key="nodes", label=f"tunnel per node ({len(item.nodes)})", remark="each on a port of its own")
        )
    ways.append(Choice(key="via", label="another way in", remark="name the node to go through, then choose again"))
    return tuple(ways)


def _open_all(context: Context, items: Sequence[Store]) -> None:
    for item in items:
        try:
            open_store(context, item)
        except Interrupted:
            raise
        except Ec2MenuError as error:
            context.terminal.fail(error)
