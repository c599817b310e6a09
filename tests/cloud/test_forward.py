"""`ec2menu forward` as scripts use it: ready by one line, lasting, back on its port, and gone with all it started."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ec2menu.aws.session import Aws
from ec2menu.demo import ecs_tables, elasticache_tables
from ec2menu.demo.ecs_tables import TaskSpec
from ec2menu.demo.server import DemoAws
from tests.cloud.forward_rig import Forwarding, ForwardRig, forwarding
from tests.cloud.tunnel_rig import far_end, talk, wait_until
from tests.fakes.plugin import process_is_alive
from tests.ports import free_port
from tests.store_world import REGION, add_cluster, add_database, add_jump_host

needs_linux = pytest.mark.skipif(not Path("/proc/self").exists(), reason="how it is on Linux")


@pytest.fixture
def rig(aws_demo: DemoAws, shared: list[Aws], tmp_path: Path) -> Iterator[ForwardRig]:
    """A jump host, and a far end to be led to."""
    with forwarding(aws_demo, shared, tmp_path) as made, far_end() as made.far_port:
        made.jump = add_jump_host(aws_demo)
        yield made


def history(rig: ForwardRig) -> list[tuple[str, str, str, str]]:
    """What was recorded: action, target, name and outcome."""
    (path,) = rig.command.home.rglob("state.sqlite3")
    with sqlite3.connect(path) as store:
        return store.execute("SELECT action, target, name, outcome FROM connection").fetchall()


def told_lines(running: Forwarding) -> list[str]:
    return running.told.splitlines()


# -- ready ------------------------------------------------------------------------------------------------------------


def test_a_database_is_forwarded_to_and_stdout_has_one_line(rig: ForwardRig) -> None:
    rig.lead(add_cluster(rig.far_port))
    with rig.forward("orders:writer") as running:
        port = running.wait_until_ready()
        assert talk(port) == b"select 1"
        running.wait_for("Ctrl-C closes it")
        assert told_lines(running) == [
            f"via jump-1 ({rig.jump})",
            f"127.0.0.1:{port} leads to orders:writer",
            "Ctrl-C closes it",
        ]
        (run,) = rig.runs()
        assert run.request["DocumentName"] == "AWS-StartPortForwardingSessionToRemoteHost"
        assert run.request["Target"] == rig.jump
        assert running.end(signal.SIGINT) == 130
        assert running.out == f"127.0.0.1:{port}\n"
        assert told_lines(running)[3:] == [f"closed: 127.0.0.1:{port} to orders:writer"]
    rig.assert_nothing_is_left()
    (recorded,) = history(rig)
    assert (recorded[0], recorded[1], recorded[3]) == ("tunnel", "orders:writer", "closed")


@pytest.mark.parametrize("name", ["id", "Name", "part"])
def test_a_port_of_a_machine_is_forwarded_to_without_a_jump_host(rig: ForwardRig, name: str) -> None:
    node = rig.demo.add_instances(REGION, 1, name="web-1")[0]
    with rig.forward({"id": node, "Name": "web-1", "part": "WEB"}[name], "--port", str(rig.far_port)) as running:
        port = running.wait_until_ready()
        assert talk(port) == b"select 1"
        assert f"127.0.0.1:{port} leads to port {rig.far_port} of web-1 ({node})" in told_lines(running)
        (run,) = rig.runs()
        assert run.request["DocumentName"] == "AWS-StartPortForwardingSession"
        assert run.request["Target"] == node
        assert running.end(signal.SIGINT) == 130
    assert history(rig)[0][:2] == ("tunnel", node)  # by which `history --repeat` finds it


def test_a_whole_id_is_forwarded_to_where_nobody_may_list_it(rig: ForwardRig) -> None:
    node = rig.demo.add_instances(REGION, 1, name="web-1")[0]
    for operation in ("DescribeInstances", "DescribeInstanceInformation"):
        rig.demo.faults.deny(operation)
    with rig.forward(node, "--port", str(rig.far_port)) as running:
        assert talk(running.wait_until_ready()) == b"select 1"
        assert "; tried all the same" in running.told


def test_any_host_behind_a_node_is_forwarded_to(rig: ForwardRig) -> None:
    port = free_port()
    rig.lead({f"10.0.0.9:{port}": f"127.0.0.1:{rig.far_port}"})
    with rig.forward("--via", "jump-1", "--host", "10.0.0.9", "--port", str(port)) as running:
        assert talk(running.wait_until_ready()) == b"select 1"
        assert f"leads to 10.0.0.9:{port}" in running.told
        assert rig.runs()[0].request["Parameters"]["host"] == ["10.0.0.9"]


def test_a_host_behind_a_machine_is_forwarded_to(rig: ForwardRig) -> None:
    port = free_port()
    rig.lead({f"10.0.0.9:{port}": f"127.0.0.1:{rig.far_port}"})
    with rig.forward("jump-1", "--host", "10.0.0.9", "--port", str(port)) as running:
        assert talk(running.wait_until_ready()) == b"select 1"


def test_a_machine_without_an_agent_is_reached_through_another(rig: ForwardRig) -> None:
    node = rig.demo.add_instances(REGION, 1, name="legacy", managed=False)[0]
    address = rig.aws.call("ec2", "DescribeInstances", REGION, key="Reservations", InstanceIds=[node])["Reservations"]
    ip, port = address[0]["Instances"][0]["PrivateIpAddress"], free_port()
    rig.lead({f"{ip}:{port}": f"127.0.0.1:{rig.far_port}"})
    with rig.forward("legacy", "--port", str(port), "--via", "jump-1") as running:
        assert talk(running.wait_until_ready()) == b"select 1"


def test_a_port_of_a_container_is_forwarded_to(rig: ForwardRig) -> None:
    ecs_tables.add_cluster(REGION, "shop")
    ecs_tables.add_service(REGION, "shop", "web", spec=TaskSpec(), tasks=1)
    (task,) = ecs_tables.tables.at(REGION).tasks["shop"].values()
    with rig.forward("web", "--port", str(rig.far_port)) as running:
        assert talk(running.wait_until_ready()) == b"select 1"
        (run,) = rig.runs()
        task_id = task["taskArn"].rpartition("/")[2]
        assert run.request["Target"] == f"ecs:shop_{task_id}_{task['containers'][0]['runtimeId']}"
        assert running.end(signal.SIGINT) == 130
    assert history(rig)[0][1] == f"shop/{task_id}/app"


def test_a_cache_in_cluster_mode_is_reached_by_its_configuration_endpoint(rig: ForwardRig) -> None:
    plain = {"TransitEncryptionEnabled": False}
    row = elasticache_tables.add_replication_group(REGION, "carts", cluster_mode=True, shards=2, fields=plain)
    host = row["ConfigurationEndpoint"]["Address"]
    rig.lead({f"{host}:6379": f"127.0.0.1:{rig.far_port}"})
    with rig.forward("carts") as running:
        assert b"PING" in talk(running.wait_until_ready(), b"PING")
        assert "cluster mode" in running.told


def test_the_way_can_be_named_and_the_local_port_insisted_on(rig: ForwardRig) -> None:
    other = rig.demo.add_instances(REGION, 1, name="web-1")[0]
    rig.lead(add_database(rig.far_port))
    for via in (other, "web-1"):
        port = free_port()
        with rig.forward("orders", "--via", via, "--local-port", str(port)) as running:
            assert running.wait_until_ready() == port
            assert f"via web-1 ({other})" in running.told
            assert rig.runs()[-1].request["Target"] == other
            assert running.end(signal.SIGTERM) == 143


def test_the_port_of_last_time_is_offered_again(rig: ForwardRig) -> None:
    rig.lead(add_database(rig.far_port))
    ports = [free_port()]
    for more in (("--local-port", str(ports[0])), ()):
        with rig.forward("orders", *more) as running:
            ports.append(running.wait_until_ready())
            running.end(signal.SIGTERM)
    assert len(set(ports)) == 1


# -- lasting ----------------------------------------------------------------------------------------------------------


def test_a_killed_plugin_is_replaced_on_the_same_port_and_it_is_told(rig: ForwardRig) -> None:
    rig.lead(add_database(rig.far_port))
    with rig.forward("orders") as running:
        port = running.wait_until_ready()
        rig.drop()
        running.wait_for(f"! orders reconnected on 127.0.0.1:{port} (1st time, down ")
        assert talk(port) == b"select 1"
        assert running.out == f"127.0.0.1:{port}\n"
        assert running.end(signal.SIGINT) == 130
    rig.assert_nothing_is_left()


def test_another_jump_host_is_taken_when_the_first_is_gone(rig: ForwardRig) -> None:
    rig.lead(add_database(rig.far_port))
    second = add_jump_host(rig.demo, "jump-2")
    with rig.forward("orders") as running:
        port = running.wait_until_ready()
        first = rig.runs()[0].request["Target"]
        rig.demo.set_ping(first, "ConnectionLost")
        rig.drop()
        running.wait_for(f"reconnected on 127.0.0.1:{port} through ")
        assert talk(port) == b"select 1"
    assert {first, rig.runs()[-1].request["Target"]} == {rig.jump, second}


def test_a_way_that_was_named_is_not_left_for_another(rig: ForwardRig) -> None:
    rig.lead(add_database(rig.far_port))
    add_jump_host(rig.demo, "jump-2")
    with rig.forward("orders", "--via", "jump-1") as running:
        port = running.wait_until_ready()
        rig.demo.set_ping(rig.jump, "ConnectionLost")
        rig.drop()
        running.wait_for("orders is still down: SSM has no connection to the agent of")
        rig.demo.set_ping(rig.jump, "Online")
        running.wait_for(f"reconnected on 127.0.0.1:{port} (1st time")


def test_once_ends_when_the_tunnel_drops(rig: ForwardRig) -> None:
    rig.lead(add_database(rig.far_port))
    with rig.forward("orders", "--once") as running:
        running.wait_until_ready()
        rig.drop()
        assert running.process.wait(20) == 4
        assert "! orders is down for good: the plugin died (signal 9)" in told_lines(running)
    rig.assert_nothing_is_left()
    assert history(rig)[0][3] == "the plugin died (signal 9)"


def test_a_login_that_runs_out_ends_it_where_nobody_can_be_asked(rig: ForwardRig) -> None:
    rig.lead(add_database(rig.far_port))
    with rig.forward("orders") as running:
        running.wait_until_ready()
        rig.demo.faults.expire_credentials()
        rig.drop()
        assert running.process.wait(30) == 3
        assert "! orders waits for a new login: your AWS login has expired" in running.told
        assert "\nec2menu: your AWS login has expired" in running.told
    assert rig.living() == []


def test_keys_in_a_file_that_are_renewed_elsewhere_are_waited_for(rig: ForwardRig) -> None:
    keys = rig.demo.environment()
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    file = rig.folder / "credentials"
    variables = {**rig.command.variables, **dict.fromkeys(names), "AWS_SHARED_CREDENTIALS_FILE": str(file)}
    rig.command = replace(rig.command, variables=variables)
    lines = [f"{name.lower()} = {keys[name]}" for name in names if name in keys]
    file.write_text("\n".join(["[default]", *lines, ""]))
    rig.lead(add_database(rig.far_port))
    with rig.forward("orders") as running:
        port = running.wait_until_ready()
        rig.demo.faults.expire_credentials()
        rig.drop()
        running.wait_for("it is tried again until AWS takes the login; Ctrl-C closes the tunnel")
        rig.demo.faults.clear()
        running.wait_for(f"orders reconnected on 127.0.0.1:{port}")
        assert talk(port) == b"select 1"
        assert running.told.count("your AWS login has expired") == 2, "said by the tunnel, and once more with a hint"
        assert running.end(signal.SIGINT) == 130
    rig.assert_nothing_is_left()


# -- gone -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_in_order_and_leaves_nothing(rig: ForwardRig, number: signal.Signals, status: int) -> None:
    rig.lead(add_database(rig.far_port))
    with rig.forward("orders") as running:
        running.wait_until_ready()
        (run,) = rig.runs()
        assert running.end(number) == status
        assert "Traceback" not in running.told
        assert not process_is_alive(run.pid)
    assert rig.statuses() == ["Terminated"]
    assert list(rig.short.iterdir()) == []


@needs_linux
def test_a_kill_that_nobody_can_catch_leaves_no_plugin(rig: ForwardRig) -> None:
    rig.lead(add_database(rig.far_port))
    with rig.forward("orders") as running:
        running.wait_until_ready()
        (run,) = rig.runs()
        assert running.end(signal.SIGKILL) == -signal.SIGKILL
    wait_until(lambda: not process_is_alive(run.pid), what="end of the plugin")


def test_a_signal_while_it_opens_leaves_nothing(rig: ForwardRig) -> None:
    rig.lead(add_database(rig.far_port))
    rig.behave(never_answers=True)
    with rig.forward("orders") as running:
        wait_until(rig.runs, what="plugin")
        assert running.end(signal.SIGINT) == 130
        assert running.out == ""
    rig.assert_nothing_is_left()


@needs_linux
def test_a_plugin_that_will_not_end_is_killed(rig: ForwardRig) -> None:
    rig.lead(add_database(rig.far_port))
    rig.behave(deaf=True)
    with rig.forward("orders") as running:
        running.wait_until_ready()
        os.kill(running.process.pid, signal.SIGTERM)
        os.kill(running.process.pid, signal.SIGTERM)  # people repeat what does not work at once
        assert running.process.wait(30) == 143
    rig.assert_nothing_is_left()
