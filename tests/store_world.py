"""Databases and caches of the demo's AWS behind which real servers stand, and the jump host on the way to them.

For tests of `forward`, `connect` and their screens. Each `add_` returns its way: the `map` of the stand-in plugin. The
remote ports are free on this computer, so that tests which run at the same time are not in each other's way: a tunnel
is first offered the remote port.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ec2menu.demo import elasticache_tables, rds_tables
from ec2menu.demo.server import DemoAws
from tests.ports import free_port
from tests.servers import REAL_HOST, Server

REGION = "us-east-1"
TAGGED = {"Role": "jumphost"}
CACHE_HOST = "sessions.abc123.ng.0001.use1.cache.amazonaws.com"
Way = dict[str, str]


def add_jump_host(demo: DemoAws, name: str = "jump-1", **more: Any) -> str:
    """Launch a jump host and return its id; it is in the VPC where databases are added after it."""
    return demo.add_instances(REGION, 1, name=name, tags=TAGGED, **more)[0]


def add_database(port: int, name: str = "orders", *, fields: Mapping[str, Any] | None = None) -> Way:
    """Add a PostgreSQL instance whose endpoint leads to a port of this computer."""
    remote = free_port()
    row = {"Endpoint": {"Address": REAL_HOST, "Port": remote}, "MasterUsername": "app", "DBName": "postgres"}
    rds_tables.add_instance(REGION, name, fields=row | dict(fields or {}))
    return {f"{REAL_HOST}:{remote}": f"127.0.0.1:{port}"}


def add_cluster(port: int, name: str = "orders") -> Way:
    """Add an Aurora cluster whose writer leads to a port of this computer."""
    remote = free_port()
    row = {"Endpoint": REAL_HOST, "Port": remote, "MasterUsername": "app", "DatabaseName": "postgres"}
    rds_tables.add_cluster(REGION, name, readers=0, fields=row)
    return {f"{REAL_HOST}:{remote}": f"127.0.0.1:{port}"}


def add_cache(server: Server, name: str = "sessions", **fields: Any) -> Way:
    """Add a node of Redis whose endpoint leads to a real server, with TLS and a password where that has them."""
    remote = free_port()
    node = {"CacheNodeId": "0001", "CacheNodeStatus": "available", "Endpoint": _endpoint(remote)}
    facts = {"TransitEncryptionEnabled": server.ca_file is not None, "AuthTokenEnabled": bool(server.password)}
    elasticache_tables.add_cache_cluster(REGION, name, engine="redis", fields={"CacheNodes": [node], **facts, **fields})
    return {f"{CACHE_HOST}:{remote}": f"127.0.0.1:{server.port}"}


def _endpoint(port: int) -> dict[str, Any]:
    return {"Address": CACHE_HOST, "Port": port}


# -- what must not be seen --------------------------------------------------------------------------------------------


def command_lines() -> dict[int, bytes]:
    """Return the command lines of all processes of this computer, by process id (Linux only)."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found[int(path.parent.name)] = path.read_bytes()
        except OSError:  # it has just ended
            continue
    return found


def files_with(text: str, folders: Iterable[Path]) -> list[Path]:
    """Return the files below the folders that hold a text."""
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [path for path in files if os.access(path, os.R_OK) and text.encode() in _content(path)]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # gone just now
        return b""
