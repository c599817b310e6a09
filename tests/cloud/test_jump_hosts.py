"""Jump hosts in the demo's AWS by real calls: surveyed over all pages, chosen, refused with reasons, started."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ec2menu.demo import boot
from ec2menu.demo.server import DemoAws
from ec2menu.errors import AccessDenied, AwsError, ExitStatus, NoJumpHost, SessionFailed
from ec2menu.flows.context import Context
from ec2menu.flows.jump import Tries, Via, choose_another, choose_via
from ec2menu.flows.jump_start import start_jump_host
from ec2menu.flows.listing import get_listing
from ec2menu.models import Instance, JumpHost, SsmStatus
from ec2menu.resources.jumphosts import JumpTag, survey
from ec2menu.resources.kinds import EC2
from tests.cloud.identities import aws_as
from tests.fakes.clock import FakeClock
from tests.unit.desk import Desk, context_at, sit_down

HOME, SEOUL, DUBLIN = "us-east-1", "ap-northeast-2", "eu-west-1"
TAG = JumpTag(key="Role", value="jumphost")
TAGGED = {"Role": "jumphost"}
Client = Callable[..., Any]


class HandClock(FakeClock):
    """A clock on which something happens whenever somebody sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.on_sleep: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.on_sleep()


@pytest.fixture
def desk() -> Desk:
    return sit_down()


@pytest.fixture
def context(aws_demo: DemoAws, desk: Desk, tmp_path: Path) -> Context:
    return context_at(desk, aws_as(), tmp_path)


def machines(context: Context, region: str = HOME) -> dict[str, Instance]:
    """The region's machines by their Name; of several of one Name, the last."""
    return {item.name: item for item in get_listing(context, EC2, (region,)).items}


def hosts(context: Context, region: str) -> list[JumpHost]:
    items = get_listing(context, EC2, (region,)).items
    return list(survey(items, tag=TAG, now=context.clock.wall()))


def choose(context: Context, vpc_id: str, *, region: str = HOME, **how: Any) -> Via:
    return choose_via(context, region=region, vpc_id=vpc_id, what="orders", **how)


# -- the showcase fleet ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "usable", "refused"),
    [
        (
            HOME,
            {"jump-a", "jump-b", "jump-dev"},
            {
                "jump-old": "the instance is stopped",
                "jump-warehouse": "the instance is stopped",
                "jump-canary": "its tag is Role=JumpHost, not Role=jumphost",
                "jump-lab": "its tag is role=jumphost, not Role=jumphost",
            },
        ),
        (
            SEOUL,
            {"점프호스트"},
            {
                "점프호스트-예비": "the instance is stopped",
                "점프호스트-개발": "its tag is role=jumphost, not Role=jumphost",
            },
        ),
        (DUBLIN, {"jump"}, {"jump-typo": "its tag is Role=jump-host, not Role=jumphost"}),
    ],
)
def test_the_fleet_has_jump_hosts_and_what_only_looks_like_one(
    aws_demo: DemoAws, context: Context, region: str, usable: set[str], refused: dict[str, str]
) -> None:
    aws_demo.seed_fleet()
    found = hosts(context, region)
    assert {host.instance.name for host in found if not host.reason} == usable
    assert {host.instance.name: host.reason for host in found if host.reason} == refused


def test_each_vpc_of_the_fleet_is_reached_through_a_jump_host_of_its_own(aws_demo: DemoAws, context: Context) -> None:
    aws_demo.seed_fleet()
    fleet = machines(context)
    of_prod = choose(context, fleet["jump-old"].vpc_id)
    assert of_prod.instance.name in ("jump-a", "jump-b")
    assert of_prod.note.endswith(", 1 other fits (--via, or another way in, chooses)")
    of_dev = choose(context, fleet["jump-lab"].vpc_id)
    assert of_dev.note == f"via jump-dev ({fleet['jump-dev'].id})"
    named = choose(context, fleet["jump-lab"].vpc_id, via="web-1")
    assert named.instance.id == fleet["web-1"].id
    assert "in another VPC" in named.note


def test_a_vpc_without_a_jump_host_has_one_of_another_or_a_stopped_one_to_offer(
    aws_demo: DemoAws, context: Context
) -> None:
    aws_demo.seed_fleet()
    asleep = machines(context)["jump-warehouse"]
    tries = Tries(since=context.clock.wall())
    for _ in range(3):
        way = choose(context, asleep.vpc_id, tries=tries)
        assert "in another VPC" in way.note
        tries.add(way.instance.id, "", SessionFailed("it cannot reach orders"))
    with pytest.raises(NoJumpHost) as caught:
        choose(context, asleep.vpc_id, tries=tries)
    lines = caught.value.diagnosis
    assert all("in another VPC" in line and "it has just been tried: it cannot reach" in line for line in lines[1:4])
    assert lines[4] == f"jump-warehouse ({asleep.id}): the instance is stopped"


# -- all pages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [10, 50, 100, 1000])
def test_a_jump_host_behind_any_number_of_other_machines_is_found(
    aws_demo: DemoAws, context: Context, count: int
) -> None:
    aws_demo.add_instances(HOME, count)
    (wanted,) = aws_demo.add_instances(HOME, 1, name="jump-last", tags=TAGGED)
    assert choose(context, "").instance.id == wanted


def test_none_is_told_with_the_number_of_all_that_were_looked_at(aws_demo: DemoAws, context: Context) -> None:
    aws_demo.add_instances(HOME, 101)
    aws_demo.add_hybrid_node(HOME, tags=TAGGED)
    with pytest.raises(NoJumpHost) as caught:
        choose(context, machines(context)["web-0001"].vpc_id)
    assert caught.value.status is ExitStatus.TARGET_FAILED
    assert caught.value.diagnosis[0] == "instances looked at: 101; tagged Role=jumphost: none; nearly so: none"
    assert "may reach orders: 101, such as web-0001" in caught.value.diagnosis[-1]


# -- every reason ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"state": "stopped"}, "the instance is stopped"),
        ({"state": "pending", "managed": False}, "the instance is pending"),
        ({"managed": False, "profile": None}, "it has no instance profile"),
        ({"managed": False}, "no agent has registered (instance profile ec2-ssm)"),
        ({"ping": "ConnectionLost"}, "its SSM Agent has been offline"),
        ({"tags": {"role": "jumphost"}}, "its tag is role=jumphost"),
    ],
)
def test_a_candidate_that_cannot_be_used_is_named_with_its_reason(
    aws_demo: DemoAws, context: Context, fields: dict[str, Any], reason: str
) -> None:
    (node_id,) = aws_demo.add_instances(HOME, 1, name="jump-x", **({"tags": TAGGED} | fields))
    with pytest.raises(NoJumpHost) as caught:
        choose(context, "")
    lines = [line for line in caught.value.diagnosis if line.startswith(f"jump-x ({node_id}): ")]
    assert len(lines) == 1
    assert reason in lines[0]


def test_a_running_one_is_tried_where_ssm_is_denied(aws_demo: DemoAws, context: Context, desk: Desk) -> None:
    aws_demo.add_instances(HOME, 1, name="jump-a", tags=TAGGED)
    aws_demo.faults.deny("DescribeInstanceInformation")
    assert choose(context, "").note.endswith("its SSM status is unknown")
    assert "ssm:DescribeInstanceInformation" in desk.notes


# -- starting, and another one --------------------------------------------------------------------------------------


def test_a_stopped_jump_host_is_started_and_online(aws_demo: DemoAws, tmp_path: Path) -> None:
    (node_id,) = aws_demo.add_instances(HOME, 1, name="jump-old", tags=TAGGED, state="stopped")
    clock = HandClock()
    context = context_at(sit_down(clock=clock), aws_as(), tmp_path)
    asleep = machines(context)["jump-old"]
    assert asleep.ssm_status is SsmStatus.NOT_RUNNING
    boot.set_pace(running_after_seconds=3600, online_after_seconds=3600)
    clock.on_sleep = lambda: boot.set_pace(running_after_seconds=0, online_after_seconds=0)
    started = start_jump_host(context, asleep)
    assert (started.id, started.state, started.ssm_status) == (node_id, "running", SsmStatus.ONLINE)
    assert clock.slept, "it was not online at the first look"
    assert choose(context, asleep.vpc_id).instance.id == node_id


def test_a_start_that_is_denied_names_the_action(aws_demo: DemoAws, context: Context) -> None:
    aws_demo.add_instances(HOME, 1, name="jump-x", tags=TAGGED, state="stopped")
    aws_demo.faults.deny("StartInstances")
    with pytest.raises(AccessDenied, match="ec2:StartInstances"):
        start_jump_host(context, machines(context)["jump-x"])


def test_a_machine_that_is_gone_meanwhile_cannot_be_started(
    aws_demo: DemoAws, context: Context, client: Client
) -> None:
    (node_id,) = aws_demo.add_instances(HOME, 1, name="jump-x", tags=TAGGED, state="stopped")
    known = machines(context)["jump-x"]
    client("ec2").terminate_instances(InstanceIds=[node_id])
    with pytest.raises(AwsError, match="not in a state from which it can be started"):
        start_jump_host(context, known)


def test_the_next_best_takes_over_where_the_first_has_gone(aws_demo: DemoAws, context: Context, client: Client) -> None:
    made = aws_demo.add_instances(HOME, 2, name="jump-{n}", tags=TAGGED)
    vpc_id = machines(context)["jump-1"].vpc_id
    first = choose(context, vpc_id).instance.id
    (second,) = set(made) - {first}
    client("ec2").terminate_instances(InstanceIds=[first])
    for exclude in ({first}, set[str]()):
        found = choose_another(context, region=HOME, vpc_id=vpc_id, exclude=exclude)
        assert found is not None
        assert found.instance.id == second
    assert choose_another(context, region=HOME, vpc_id=vpc_id, exclude=set(made)) is None
