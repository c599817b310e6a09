"""Where a tunnel leads: what is refused, what SSM is asked for, and how it is named."""

from typing import Any

import pytest

from ec2menu.connectors.forward import TunnelSpec
from ec2menu.connectors.probes import Health, Protocol
from ec2menu.errors import InvalidInput

NODE = "i-0123456789abcdef0"
HOST = "orders.cluster-c1.us-east-1.rds.amazonaws.com"


def spec(**more: Any) -> TunnelSpec:
    usual: dict[str, Any] = {"via": NODE, "region": "us-east-1", "host": HOST, "port": 5432}
    return TunnelSpec(**usual | more)


@pytest.mark.parametrize("host", ["a b", "a/b", "a;b", "-h\n", 'a"', "ä.example", "a$(id)", "host,other"])
def test_a_host_that_ssm_would_not_take_is_refused(host: str) -> None:
    with pytest.raises(InvalidInput, match="is not a host name"):
        spec(host=host)


@pytest.mark.parametrize("host", [HOST, "10.0.0.7", "fd00:ec2::23", "my_host", "localhost"])
def test_a_host_that_ssm_takes_is_passed_on(host: str) -> None:
    session = spec(host=host).session(15432)
    assert session.document == "AWS-StartPortForwardingSessionToRemoteHost"
    assert session.parameters == {"host": [host], "portNumber": ["5432"], "localPortNumber": ["15432"]}


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(InvalidInput, match=f"{port} is not a port"):
        spec(port=port)


def test_without_a_host_the_node_itself_is_the_far_end() -> None:
    session = spec(host="", via="ecs:prod_1_2").session(8080)
    assert (session.target, session.document) == ("ecs:prod_1_2", "AWS-StartPortForwardingSession")
    assert session.parameters == {"portNumber": ["5432"], "localPortNumber": ["8080"]}
    assert spec(host="").destination == f"{NODE}:5432"


def test_a_tunnel_is_named_by_its_label_or_else_by_where_it_leads() -> None:
    assert (spec(label="orders:writer").name, spec().name) == ("orders:writer", f"{HOST}:5432")
    assert (spec(via_name="jump-1").via_text, spec().via_text) == ("jump-1", NODE)


def test_what_cannot_be_reached_is_said_in_the_words_of_its_kind() -> None:
    assert spec(via_name="jump-1").unreachable().message == f"jump-1 cannot reach {HOST}:5432"
    assert spec(host="", via_name="web/app").unreachable().message == "nothing answers on port 5432 of web/app"
    mute = spec(via_name="jump-1", protocol=Protocol.POSTGRES).mute(Health.SILENT)
    assert mute.message == f"{HOST}:5432 does not answer through jump-1"
    assert mute.hint.startswith("its security group must let jump-1 in")
    assert "security group" not in spec(host="").mute(Health.HUNG_UP).hint
