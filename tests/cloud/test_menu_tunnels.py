"""The list of databases in this process: where a real user would wait half a minute, and how tunnels find their way."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ec2menu.aws.session import Aws
from ec2menu.demo.server import DemoAws
from ec2menu.resources.kinds import RDS
from ec2menu.ui.menu import Menu
from ec2menu.ui.screens.databases import store_screen
from tests.cloud.forward_rig import ForwardRig, forwarding
from tests.cloud.tunnel_rig import far_end
from tests.fakes.clock import FakeClock
from tests.fakes.plugin import PluginModes
from tests.store_world import REGION, add_database, add_jump_host


@pytest.fixture
def rig(aws_demo: DemoAws, shared: list[Aws], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForwardRig]:
    with forwarding(aws_demo, shared, tmp_path) as made, far_end() as made.far_port:
        monkeypatch.setenv("TMPDIR", str(made.short))
        made.jump = add_jump_host(aws_demo)
        made.lead(add_database(made.far_port))
        yield made


@pytest.mark.parametrize("modes", [{"never_answers": True}, {"silent": True}, {"port_busy_hang": True}], ids=str)
def test_a_tunnel_that_is_not_ready_in_30_s_ends_at_the_list_with_the_reason(
    rig: ForwardRig, modes: PluginModes
) -> None:
    rig.behave(**modes)
    desk, context = rig.sit_down("1", "tunnel", "no such thing", "0", clock=FakeClock())
    assert Menu(desk.terminal).run(store_screen(context, RDS, (REGION,))) == 0
    assert " does not lead there: the tunnel was not ready within 30 s\n" in desk.notes
    assert "nothing passes the filter" in desk.data, "the list was there again"
    assert desk.keyboard.left == 0
    rig.assert_nothing_is_left()


def test_another_way_in_is_the_way_although_a_tunnel_is_open(rig: ForwardRig) -> None:
    other = rig.demo.add_instances(REGION, 1, name="web-1")[0]
    desk, context = rig.sit_down("1", "tunnel", "1", "via", "web-1", "tunnel", "0")
    assert Menu(desk.terminal).run(store_screen(context, RDS, (REGION,))) == 0
    assert [run.request["Target"] for run in rig.runs()] == [rig.jump, other]
    assert [tunnel.spec.via for tunnel in context.known_tunnels()] == [rig.jump, other]
    assert "as before" not in desk.notes


def test_after_a_jump_host_that_does_not_lead_there_another_node_is_offered(rig: ForwardRig) -> None:
    other = rig.demo.add_instances(REGION, 1, name="web-1")[0]
    rig.behave(by_target={rig.jump: {"destination_failed": True}})
    desk, context = rig.sit_down("1", "tunnel", "1", "0")
    assert Menu(desk.terminal).run(store_screen(context, RDS, (REGION,))) == 0
    assert f"! jump-1 ({rig.jump}) does not lead there: cannot reach" in desk.notes
    assert "reach orders through another node" in desk.data
    assert [tunnel.spec.via for tunnel in context.known_tunnels()] == [other]
