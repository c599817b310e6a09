"""`ec2menu history --repeat`: a tunnel is opened again as it was asked for, by way, host and port."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ec2menu.aws.session import Aws
from ec2menu.demo import ecs_tables
from ec2menu.demo.ecs_tables import TaskSpec
from ec2menu.demo.server import DemoAws
from tests.cloud.forward_rig import ForwardRig, forwarding
from tests.cloud.tunnel_rig import far_end, talk
from tests.ports import free_port
from tests.servers import REAL_HOST
from tests.store_world import REGION, add_database, add_jump_host

HOST = "10.0.0.9"


@pytest.fixture
def rig(aws_demo: DemoAws, shared: list[Aws], tmp_path: Path) -> Iterator[ForwardRig]:
    with forwarding(aws_demo, shared, tmp_path) as made, far_end() as made.far_port:
        made.jump = add_jump_host(aws_demo)
        yield made


def behind_a_node(rig: ForwardRig) -> tuple[str, ...]:
    port = free_port()
    rig.lead({f"{HOST}:{port}": f"127.0.0.1:{rig.far_port}"})
    return "--via", "jump-1", "--host", HOST, "--port", str(port)


def behind_a_machine(rig: ForwardRig) -> tuple[str, ...]:
    port = free_port()
    rig.lead({f"{HOST}:{port}": f"127.0.0.1:{rig.far_port}"})
    return "jump-1", "--host", HOST, "--port", str(port)


def through_another(rig: ForwardRig) -> tuple[str, ...]:
    node = rig.demo.add_instances(REGION, 1, name="legacy", managed=False)[0]
    found = rig.aws.call("ec2", "DescribeInstances", REGION, key="Reservations", InstanceIds=[node])["Reservations"]
    port = free_port()
    rig.lead({f"{found[0]['Instances'][0]['PrivateIpAddress']}:{port}": f"127.0.0.1:{rig.far_port}"})
    return "legacy", "--via", "jump-1", "--port", str(port)


def another_port_of_a_database(rig: ForwardRig) -> tuple[str, ...]:
    add_database(rig.far_port)
    port = free_port()
    rig.lead({f"{REAL_HOST}:{port}": f"127.0.0.1:{rig.far_port}"})
    return "orders", "--port", str(port)


def database_through_a_node(rig: ForwardRig) -> tuple[str, ...]:
    rig.lead(add_database(rig.far_port))
    rig.demo.add_instances(REGION, 1, name="web-1")
    return "orders", "--via", "web-1"


def port_of_a_container(rig: ForwardRig) -> tuple[str, ...]:
    ecs_tables.add_cluster(REGION, "shop")
    ecs_tables.add_service(REGION, "shop", "web", spec=TaskSpec(), tasks=1)
    return "web", "--port", str(rig.far_port)


@pytest.mark.parametrize(
    "ask",
    [
        behind_a_node,
        behind_a_machine,
        through_another,
        another_port_of_a_database,
        database_through_a_node,
        port_of_a_container,
    ],
)
def test_a_tunnel_is_repeated_as_it_was(rig: ForwardRig, ask: Callable[[ForwardRig], tuple[str, ...]]) -> None:
    for verb, arguments in (("forward", ask(rig)), ("history", ("--repeat", "1")), ("history", ("--repeat", "1"))):
        with rig.forward(*arguments, verb=verb) as running:
            assert talk(running.wait_until_ready()) == b"select 1"
            assert running.end(signal.SIGINT) == 130
    first, *others = [run.request for run in rig.runs()]
    assert others == [first, first], "even the local port is the same"
