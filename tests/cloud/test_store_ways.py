"""The way to a database when jump hosts fail: the next is tried and it is said; a node that is named is the way."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ec2menu.aws.session import Aws
from ec2menu.connectors.tunnel import TunnelState
from ec2menu.demo import rds_tables
from ec2menu.demo.server import DemoAws
from ec2menu.errors import ExitStatus, NoJumpHost, TargetNotConnected
from ec2menu.flows.context import Context
from ec2menu.flows.listing import get_listing
from ec2menu.flows.stores import open_store
from ec2menu.models import Database
from ec2menu.resources.kinds import EC2, RDS
from tests.cloud.conftest import Client
from tests.cloud.forward_rig import ForwardRig, forwarding
from tests.cloud.tunnel_rig import far_end, talk
from tests.fakes.plugin import PluginModes
from tests.ports import free_port
from tests.servers import REAL_HOST
from tests.store_world import REGION, add_database, add_jump_host

REFUSED: PluginModes = {"destination_failed": True}


@pytest.fixture
def rig(aws_demo: DemoAws, shared: list[Aws], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForwardRig]:
    """A database behind two jump hosts, of which `jump` is the first to be taken."""
    with forwarding(aws_demo, shared, tmp_path) as made, far_end() as made.far_port:
        monkeypatch.setenv("TMPDIR", str(made.short))
        ids = [add_jump_host(aws_demo, f"jump-{number}") for number in (1, 2)]
        aws_demo.set_ping(ids[0], "Online", age=timedelta(0))
        aws_demo.set_ping(ids[1], "Online", age=timedelta(minutes=4))
        made.jump = ids[0]
        made.lead(add_database(made.far_port))
        yield made


def database(context: Context) -> Database:
    (found,) = get_listing(context, RDS, (REGION,)).items
    assert isinstance(found, Database)
    return found


def targets(rig: ForwardRig) -> list[str]:
    """The nodes that AWS was asked for, in their order."""
    return [call.parameters["Target"] for call in rig.demo.calls_of("StartSession")]


# -- the next one -----------------------------------------------------------------------------------------------------


def test_a_jump_host_that_cannot_reach_the_database_is_followed_by_the_next_and_it_is_said(rig: ForwardRig) -> None:
    rig.behave(by_target={rig.jump: REFUSED})
    with rig.forward("orders") as running:
        assert talk(running.wait_until_ready()) == b"select 1"
        lines = running.told.splitlines()
    assert lines[0].startswith(f"via jump-1 ({rig.jump}), 1 other fits")
    assert lines[1].startswith(f"! jump-1 ({rig.jump}) does not lead there: cannot reach {REAL_HOST}:")
    assert lines[2].startswith("via jump-2 (")
    assert (len(targets(rig)), len(set(targets(rig)))) == (2, 2)


@pytest.mark.parametrize("is_terminated", [True, False])
def test_a_jump_host_that_is_gone_since_the_list_was_made_is_followed_by_the_next(
    rig: ForwardRig, client: Client, is_terminated: bool
) -> None:
    desk, context = rig.sit_down()
    item = database(context)
    get_listing(context, EC2, (REGION,))
    if is_terminated:
        client("ec2").terminate_instances(InstanceIds=[rig.jump])
    else:
        rig.demo.set_ping(rig.jump, "ConnectionLost")
    tunnel = open_store(context, item)
    assert (tunnel.state, targets(rig)[0]) == (TunnelState.OPEN, rig.jump)
    assert tunnel.spec.via == targets(rig)[1] != rig.jump
    assert f"! jump-1 ({rig.jump}) does not lead there: " in desk.notes


def test_when_all_fail_the_diagnosis_says_what_was_tried(rig: ForwardRig) -> None:
    rig.behave(destination_failed=True)
    refusal = rig.refuse(target="orders")
    assert isinstance(refusal.error, NoJumpHost)
    assert sorted(targets(rig)) == sorted({*targets(rig)})
    assert len(targets(rig)) == 2
    for each in targets(rig):
        assert sum(f"({each}): it has just been tried: " in line for line in refusal.error.diagnosis) == 1
    assert (refusal.status, "security group" in refusal.error.hint) == (ExitStatus.CONNECTOR, True)
    assert not any("--via" in line for line in refusal.error.diagnosis), "what has failed is no advice"
    rig.assert_nothing_is_left()


def test_a_node_that_is_named_is_the_only_one_that_is_tried_and_the_hint_names_it(rig: ForwardRig) -> None:
    desk, context = rig.sit_down()
    item = database(context)
    get_listing(context, EC2, (REGION,))
    rig.demo.set_ping(rig.jump, "ConnectionLost")
    with pytest.raises(TargetNotConnected) as caught:
        open_store(context, item, via="jump-1")
    assert caught.value.message == f"SSM has no connection to the agent of {rig.jump}"
    assert caught.value.hint == f"type: ec2menu -r {REGION} doctor {rig.jump}"
    assert (targets(rig), "does not lead there" in desk.notes) == ([rig.jump], False)


def test_what_another_jump_host_would_not_change_is_told_at_once(rig: ForwardRig) -> None:
    rig.demo.faults.deny("StartSession")
    assert rig.refuse(target="orders").status == ExitStatus.AWS
    assert len(targets(rig)) == 1


def test_tags_that_nobody_may_read_are_told_as_that_and_not_as_missing(rig: ForwardRig) -> None:
    rig.demo.faults.deny("DescribeInstances")
    refusal = rig.refuse(target="orders")
    assert refusal.status == ExitStatus.AWS
    assert "the tags could not be read, so nobody knows a jump host: ec2:DescribeInstances" in refusal.shown
    assert "other nodes online in this region that may reach orders: 2" in refusal.shown
    doctor = rig.run("doctor", "orders")
    assert (doctor.status, "the tags could not be read" in doctor.out) == (3, True)


# -- the one that was named -------------------------------------------------------------------------------------------


def test_a_node_that_is_named_gets_a_tunnel_of_its_own_beside_the_one_that_is_open(rig: ForwardRig) -> None:
    desk, context = rig.sit_down()
    item = database(context)
    first = open_store(context, item)
    assert first.spec.via == rig.jump
    second = open_store(context, item, via="jump-2")
    assert (second.spec.via, second.local_port == first.local_port) == (targets(rig)[1], False)
    assert second.spec.via != rig.jump
    assert open_store(context, item, via="jump-2") is second
    assert f"127.0.0.1:{second.local_port} leads to orders, as before through jump-2" in desk.notes
    assert open_store(context, item) is first
    assert f"127.0.0.1:{first.local_port} leads to orders, as before through jump-1" in desk.notes
    assert len(targets(rig)) == 2
    assert [talk(tunnel.local_port) for tunnel in (first, second)] == [b"select 1"] * 2


# -- what nobody can be asked -----------------------------------------------------------------------------------------


def test_a_far_end_that_refuses_late_is_told_as_soon_as_the_plugin_says_so(rig: ForwardRig) -> None:
    rig.behave(refuses_after_seconds=4)
    with rig.forward("--via", "jump-1", "--host", "10.0.0.9", "--port", "5000") as running:
        running.wait_until_ready()
        running.wait_for("open; nobody could be asked whether anything answers there")
        running.wait_for(f"! jump-1 ({rig.jump}) cannot reach 10.0.0.9:5000; the tunnel itself is up")


@pytest.mark.parametrize("engine", ["oracle-se2", "docdb", "neptune"])
def test_a_database_that_refuses_late_is_never_called_ready(rig: ForwardRig, engine: str) -> None:
    port = free_port()
    endpoint = {"Endpoint": {"Address": "other.example.com", "Port": port}}
    rds_tables.add_instance(REGION, "other", engine=engine, fields=endpoint)
    rig.behave(refuses_after_seconds=4)
    refusal = rig.refuse(target="other", via="jump-1")
    assert f"jump-1 ({rig.jump}) cannot reach other.example.com:{port}" in refusal.error.message
