"""Local ports: free on both loopbacks, or told to be taken."""

import socket
from collections.abc import Iterator

import pytest

from ec2menu.connectors.forward import pick_local_port
from ec2menu.errors import PortInUse

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
        with socket.create_server((address, 0), family=family) as server:
            yield server
    except OSError:
        pytest.skip(f"this computer has no {address}")


def test_a_port_that_somebody_listens_on_is_refused_with_a_hint(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(PortInUse, match=f"local port {port} is in use") as caught:
        pick_local_port(port)
    assert (caught.value.hint, caught.value.status) == ("choose another port", 4)


def test_a_free_port_is_taken_as_it_is_and_stays_free() -> None:
    port = pick_local_port(0)
    assert pick_local_port(port) == port
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_port_whose_last_connection_has_just_ended_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # the side that closes first keeps the port for a minute
            assert client.recv(1) == b""
    assert pick_local_port(port) == port


def test_any_free_port_means_a_different_one_while_the_last_is_in_use() -> None:
    first = pick_local_port(0)
    with socket.create_server(("127.0.0.1", first)):
        assert {pick_local_port(0) for _ in range(20)}.isdisjoint({first})
