"""Local ports: free on both loopbacks, or told to be taken; and which one is offered."""

import socket
from collections.abc import Iterator

import pytest

from ec2menu.connectors.local_ports import NEIGHBOURS, is_listened_on, pick_local_port
from ec2menu.errors import InvalidInput, PortInUse
from tests.ports import free_port

LOOPBACKS = [
    (socket.AF_INET, "127.0.0.1"),
    (socket.AF_INET, "0.0.0.0"),
    (socket.AF_INET6, "::1"),
    (socket.AF_INET6, "::"),
]


@pytest.fixture(params=LOOPBACKS, ids=[address for _, address in LOOPBACKS])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family, address = request.param
    try:
        with socket.create_server((address, free_port()), family=family) as server:
            yield server
    except OSError:
        pytest.skip(f"this computer has no {address}")


def test_a_port_that_somebody_listens_on_is_refused_with_a_hint(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(PortInUse, match=f"local port {port} is in use") as caught:
        pick_local_port(port)
    hint, _, other = caught.value.hint.rpartition(" ")
    assert (hint, caught.value.status) == ("choose another port, for example", 4)
    assert pick_local_port(int(other)) == int(other)


def test_a_free_port_is_taken_as_it_is_and_stays_free() -> None:
    port = free_port()
    assert pick_local_port(port) == port
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_port_whose_last_connection_has_just_ended_is_free() -> None:
    port = free_port()
    address = ("127.0.0.1", port)
    with socket.create_server(address) as server, socket.create_connection(address) as client:
        accepted, _ = server.accept()
        accepted.close()  # the side that closes first keeps the port for a minute
        assert client.recv(1) == b""
    assert pick_local_port(port) == port


def test_any_free_port_means_a_different_one_while_the_last_is_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        first = server.getsockname()[1]
        assert {pick_local_port(0) for _ in range(20)}.isdisjoint({first})


@pytest.mark.parametrize("number", [-1, 65536])
def test_a_number_that_is_no_port_is_refused(number: int) -> None:
    with pytest.raises(InvalidInput, match="is not a port"):
        pick_local_port(number)


def test_the_remembered_port_comes_first_then_the_remote_one_then_its_neighbours() -> None:
    remembered, remote = free_port(), free_port()
    assert pick_local_port(remembered=remembered, remote_port=remote) == remembered
    assert pick_local_port(remembered=remembered, remote_port=remote, avoid={remembered}) == remote
    assert remote < pick_local_port(remote_port=remote, avoid={remote}) <= remote + NEIGHBOURS


def test_a_port_that_only_root_may_open_is_moved_up() -> None:
    assert 10389 <= pick_local_port(remote_port=389) < 10489


def test_where_all_neighbours_are_taken_any_port_will_do() -> None:
    port = pick_local_port(remote_port=30000, avoid=range(30000, 30101))
    assert port not in range(30000, 30101)


def test_the_last_port_has_no_neighbours_above() -> None:
    assert pick_local_port(remote_port=65535, avoid={65535}) < 65535


def test_a_port_that_another_tunnel_holds_is_taken_although_nobody_listens() -> None:
    port = free_port()
    with pytest.raises(PortInUse, match=f"local port {port} is in use"):
        pick_local_port(port, avoid={port})


def test_a_listener_is_noticed_without_disturbing_it() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        assert is_listened_on(port)
    assert not is_listened_on(port)
