"""Local ports as remembered per destination."""

from pathlib import Path

from ec2menu.state.ports import remember_port, remembered_port
from ec2menu.state.store import Store


def test_the_last_local_port_of_each_destination_is_remembered_until_the_next_run(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite3")
    assert remembered_port(store, "us-east-1", "orders.example:5432") == 0
    remember_port(store, "us-east-1", "orders.example:5432", 5432)
    remember_port(store, "us-east-1", "orders.example:5432", 5433)
    remember_port(store, "eu-west-1", "orders.example:5432", 5434)
    store.close()
    again = Store(tmp_path / "state.sqlite3")
    assert remembered_port(again, "us-east-1", "orders.example:5432") == 5433
    assert remembered_port(again, "eu-west-1", "orders.example:5432") == 5434
    assert remembered_port(again, "us-east-1", "orders.example:3306") == 0
    again.close()
