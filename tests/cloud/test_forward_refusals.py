"""What `ec2menu forward` refuses: with which words and status, before what is asked of AWS, and nothing left behind."""

import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ec2menu.aws.session import Aws
from ec2menu.clock import Clock, SystemClock
from ec2menu.demo import ecs_tables, elasticache_tables, rds_tables
from ec2menu.demo.ecs_tables import TaskSpec
from ec2menu.demo.server import DemoAws
from ec2menu.errors import NoJumpHost, TargetUnclear
from tests.cloud.forward_rig import ForwardRig, forwarding
from tests.cloud.tunnel_rig import far_end
from tests.fakes.clock import FakeClock
from tests.fakes.plugin import PluginModes
from tests.servers import REAL_HOST
from tests.store_world import REGION, add_database, add_jump_host

USER = "arn:aws:iam::123456789012:user/demo"


@pytest.fixture
def rig(aws_demo: DemoAws, shared: list[Aws], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForwardRig]:
    """A database behind a jump host."""
    with forwarding(aws_demo, shared, tmp_path) as made, far_end() as made.far_port:
        monkeypatch.setenv("TMPDIR", str(made.short))
        made.jump = add_jump_host(aws_demo)
        made.lead(add_database(made.far_port))
        yield made


# -- what is typed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({}, "say what to reach"),
        ({"via": "jump-1", "port": 80}, "say what to reach"),
        ({"host": "10.0.0.9", "port": 80}, "say what to reach"),
        ({"target": "jump-1"}, "which port of jump-1"),
        ({"target": "orders", "host": "10.0.0.9"}, "orders has a host of its own"),
        ({"target": "jump-1", "via": "jump-1", "port": 80, "host": "h"}, "a tunnel goes through one node only"),
        ({"target": "jump-1", "port": 80, "host": "two words"}, "is not a host name or address"),
        ({"target": "billing"}, "nothing in us-east-1 is called billing"),
        ({"target": "orders", "via": "nobody"}, "nothing in us-east-1 is called nobody"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(rig: ForwardRig, request_: dict[str, Any], words: str) -> None:
    refusal = rig.refuse(**request_)
    assert (refusal.status, words in refusal.text) == (2, True), refusal.text
    assert rig.count("StartSession") == 0


def test_several_that_are_called_alike_are_listed_and_none_is_taken(rig: ForwardRig) -> None:
    for name in ("shop-a", "shop-b"):
        rds_tables.add_instance(REGION, name)
    refusal = rig.refuse(target="shop")
    assert isinstance(refusal.error, TargetUnclear)
    assert "  shop-a  us-east-1  postgres  instance  available" in refusal.shown


# -- what is there ----------------------------------------------------------------------------------------------------


def test_a_database_that_is_being_created_has_no_endpoint_yet(rig: ForwardRig) -> None:
    rds_tables.add_instance(REGION, "newborn", ready=False)
    refusal = rig.refuse(target="newborn")
    why = "cannot connect to newborn: the database is creating and has no endpoint yet"
    assert (refusal.status, refusal.error.message) == (1, why)
    assert rig.count("StartSession") == 0


def test_a_machine_that_is_offline_is_told_before_a_session_is_asked_for(rig: ForwardRig) -> None:
    rig.demo.add_instances(REGION, 1, name="gone", ping="ConnectionLost")
    refusal = rig.refuse(target="gone", port=80)
    assert (refusal.status, rig.count("StartSession")) == (1, 0)
    assert "cannot connect to gone" in refusal.error.message


def test_a_way_through_a_node_that_is_offline_is_refused(rig: ForwardRig) -> None:
    rig.demo.add_instances(REGION, 1, name="gone", ping="ConnectionLost")
    refusal = rig.refuse(target="orders", via="gone")
    assert (refusal.status, rig.count("StartSession")) == (1, 0)
    assert "no tunnel can go through gone" in refusal.error.message


def test_a_container_without_exec_is_told_how_to_get_it(rig: ForwardRig) -> None:
    ecs_tables.add_cluster(REGION, "shop")
    ecs_tables.add_service(REGION, "shop", "web", spec=TaskSpec(exec_enabled=False), tasks=1)
    refusal = rig.refuse(target="web", port=80)
    assert (refusal.status, "aws ecs update-service" in refusal.error.hint) == (1, True)
    refusal = rig.refuse(target="web", port=80, via="jump-1")
    assert (refusal.status, refusal.error.message) == (2, "a container is reached by itself")


def test_without_a_jump_host_each_candidate_is_told_with_its_reason(rig: ForwardRig) -> None:
    rig.demo.set_tags(rig.jump, {"Role": "JumpHost"})
    refusal = rig.refuse(target="orders")
    assert isinstance(refusal.error, NoJumpHost)
    assert refusal.status == 1
    assert refusal.shown.startswith("ec2menu: no jump host leads to orders in vpc-")
    assert f"jump-1 ({rig.jump})" in refusal.shown
    assert "its tag is Role=JumpHost, not Role=jumphost" in refusal.shown
    assert "--via NODE" in refusal.error.hint
    assert rig.count("StartSession") == 0


# -- what is denied ---------------------------------------------------------------------------------------------------


def test_a_denied_session_names_the_iam_action(rig: ForwardRig) -> None:
    rig.demo.faults.deny("StartSession")
    refusal = rig.refuse(target="orders")
    assert refusal.status == 3
    assert f"ssm:StartSession in us-east-1 is denied for {USER}" in refusal.error.message


def test_a_kind_that_is_denied_is_told_and_the_others_are_found(rig: ForwardRig) -> None:
    for operation in ("DescribeCacheClusters", "DescribeReplicationGroups", "DescribeServerlessCaches"):
        rig.demo.faults.deny(operation)
    done = rig.run("ls", "cache")
    assert (done.out, done.status) == ("", 3)
    assert f"elasticache:DescribeReplicationGroups in us-east-1 is denied for {USER}" in done.err
    assert rig.run("ls", "rds", "-o", "ids").lines == ["orders"]
    refusal = rig.refuse(target="billing")
    assert "! us-east-1: elasticache:DescribeReplicationGroups in us-east-1 is denied" in refusal.shown
    assert refusal.status == 3, "2 would say that the name is wrong"
    with rig.forward("orders") as running:
        running.wait_until_ready()
        assert "denied" not in running.told  # its whole id says what it is
        running.end(signal.SIGTERM)


# -- the tunnel -------------------------------------------------------------------------------------------------------

FAILURES: tuple[tuple[PluginModes, type[Clock], str], ...] = (
    ({"destination_failed": True}, SystemClock, "cannot reach {host}:"),
    (
        {"cannot_start": "websocket: bad handshake"},
        SystemClock,
        "the tunnel did not open: failed (websocket: bad handshake)",
    ),
    ({"dies_after_seconds": 0.0}, SystemClock, "the tunnel did not open: the plugin died (signal 9)"),
    ({"never_answers": True}, FakeClock, "the tunnel was not ready within 30 s"),
    ({"silent": True}, FakeClock, "the tunnel was not ready within 30 s"),
)


@pytest.mark.parametrize(("modes", "clock", "words"), FAILURES, ids=[next(iter(modes)) for modes, _, _ in FAILURES])
def test_a_tunnel_that_does_not_open_says_why_and_leaves_nothing(
    rig: ForwardRig, modes: PluginModes, clock: Callable[[], Clock], words: str
) -> None:
    rig.behave(**modes)
    refusal = rig.refuse(target="orders", clock=clock())
    assert f"! jump-1 ({rig.jump}) does not lead there: " + words.format(host=REAL_HOST) in refusal.shown
    assert f"  jump-1 ({rig.jump}): it has just been tried: " in refusal.shown
    assert (refusal.status, rig.count("StartSession")) == (4, 1)
    rig.assert_nothing_is_left()


def test_a_local_port_that_is_taken_is_refused_before_aws_is_asked(rig: ForwardRig) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        refusal = rig.refuse(target="orders", local_port=port)
    assert (refusal.status, refusal.error.message) == (4, f"local port {port} is in use")
    assert rig.count("StartSession") == 0


def test_a_plugin_that_is_missing_is_told_before_aws_is_asked(rig: ForwardRig) -> None:
    rig.plugin.unlink()
    done = rig.run("forward", "orders")
    assert (done.out, done.status) == ("", 4)
    assert "ec2menu: session-manager-plugin is not installed" in done.err
    assert rig.count("StartSession") == 0


def test_a_far_end_that_refuses_is_told_by_the_command_at_once(rig: ForwardRig) -> None:
    rig.behave(destination_failed=True)
    with rig.forward("orders") as running:
        assert running.process.wait(60) == 4
        assert running.out == ""
        assert "cannot reach" in running.told
        assert "hint: its security group must let" in running.told
    rig.assert_nothing_is_left()


def test_a_jump_host_of_another_vpc_that_does_not_lead_there_is_followed_by_the_diagnosis(rig: ForwardRig) -> None:
    elasticache_tables.add_subnet_group(REGION, "far", vpc_id="vpc-0far")
    fields = {"CacheSubnetGroupName": "far"}
    elasticache_tables.add_cache_cluster(REGION, "faraway", engine="redis", fields=fields)
    refusal = rig.refuse(target="faraway")
    assert isinstance(refusal.error, NoJumpHost)
    assert "cannot reach faraway." in refusal.shown
    assert "no jump host leads to faraway in vpc-0far" in refusal.shown
    rig.assert_nothing_is_left()
