"""Local ports as remembered per destination, so that a tunnel comes up on the same port next time."""

from ec2menu.state.store import Store


def remembered_port(store: Store, region: str, destination: str) -> int:
    """Return the local port that last led to a destination (`host:port`), or 0."""
    rows = store.read("SELECT port FROM local_port WHERE region = ? AND destination = ?", (region, destination))
    return int(rows[0][0]) if rows else 0


def remember_port(store: Store, region: str, destination: str, port: int) -> None:
    """Keep the local port of a destination for the next time."""
    store.write("INSERT OR REPLACE INTO local_port VALUES (?, ?, ?)", [(region, destination, port)])
