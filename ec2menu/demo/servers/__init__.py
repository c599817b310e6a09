"""Toy servers at the far end of the demo's tunnels: enough of each protocol for real clients to get in and look around.

One file per protocol; `make_server` picks. They run in the plugin's process, keep nothing but memory, run nothing and
reach nothing. Standard library only (`tls` uses what moto brings, at the first need), and no module is imported before
it is needed, because the plugin has to start at once.
"""

from collections.abc import Callable, Mapping

from ec2menu.demo.servers.stream import Stream

NOTE = "this is ec2menu's demo"

Server = Callable[[Stream], None]
"""Serves one connection to its end; raises what `Stream` raises when the client goes."""


def make_server(facts: Mapping[str, str]) -> Server:
    """Return the server of a tunnel by what its stream URL tells: `speaks`, `engine`, `version`, `tls`.

    All connections of a tunnel share it, and what it remembers. Whatever is not spoken here is held open and unheard.
    """
    match facts.get("speaks", ""):
        case "postgres":
            from ec2menu.demo.servers.postgres import Postgres  # noqa: PLC0415 - only what is spoken is imported

            return Postgres(facts).serve
        case "mysql":
            from ec2menu.demo.servers.mysql import MySql  # noqa: PLC0415 - the same

            return MySql(facts).serve
        case "redis":
            from ec2menu.demo.servers.redis import Redis  # noqa: PLC0415 - the same

            return Redis(facts).serve
        case "memcached":
            from ec2menu.demo.servers.memcached import Memcached  # noqa: PLC0415 - the same

            return Memcached(facts).serve
        case "sqlserver":
            from ec2menu.demo.servers.sqlserver import SqlServer  # noqa: PLC0415 - the same

            return SqlServer(facts).serve
        case "oracle" | "docdb" | "neptune":
            from ec2menu.demo.servers.doorman import Doorman  # noqa: PLC0415 - the same

            return Doorman(facts).serve
        case "http":
            from ec2menu.demo.servers.http import Http  # noqa: PLC0415 - the same

            return Http(facts).serve
    return hold


def hold(stream: Stream) -> None:
    """Keep the connection open, throw away what comes and say nothing, until the client closes it."""
    while stream.read_some():
        pass
