"""The way into a VPC after others were tried in vain, and where no tag could be read."""

from pathlib import Path

import pytest

from ec2menu.errors import AccessDenied, ExitStatus, NoJumpHost, SessionFailed
from ec2menu.flows.jump import MAX_TRIED, Tries
from ec2menu.flows.listing import get_listing
from ec2menu.resources.kinds import EC2
from tests.unit.desk import REGION
from tests.unit.flows.jump_seat import INSTANCES, THERE, JumpAws, Seat, host, small_fleet


@pytest.fixture
def aws() -> JumpAws:
    return small_fleet()


def test_the_offer_follows_when_every_jump_host_was_tried_in_vain_and_leaves_those_out(
    aws: JumpAws, tmp_path: Path
) -> None:
    aws.add(host("i-far", "far", vpc=THERE))
    aws.add_node("i-far")
    seat = Seat(aws, tmp_path, "1")
    tries = Tries(since=seat.context.clock.wall())
    assert seat.choose(tries=tries).instance.id == "i-far"
    tries.add("i-far", "", SessionFailed("it cannot reach orders", hint="open its door"))
    tries.add("i-web1", "", SessionFailed("it cannot, either", hint="open its door, too"))
    assert seat.choose(tries=tries).instance.id == "i-win1"
    assert "far (i-far), in another VPC (vpc-there): it has just been tried: it cannot reach orders" in seat.shown
    assert "hint: open its door" in seat.shown


def test_a_list_from_before_the_first_try_is_not_believed_after_it(aws: JumpAws, tmp_path: Path) -> None:
    seat = Seat(aws, tmp_path, out_tty=False)
    aws.add(host("i-a", "jump-a"), host("i-b", "jump-b"))
    for node_id in ("i-a", "i-b"):
        aws.add_node(node_id)
    get_listing(seat.context, EC2, (REGION,))
    seat.desk.clock.advance(10)
    tries = Tries(since=seat.context.clock.wall())
    first = seat.choose(tries=tries).instance.id
    assert aws.asked.count((INSTANCES, REGION)) == 1
    tries.add(first, "", SessionFailed("gone"))
    second = seat.choose(tries=tries).instance.id
    tries.add(second, "", SessionFailed("gone, too"))
    assert {first, second} == {"i-a", "i-b"}
    with pytest.raises(NoJumpHost):
        seat.choose(tries=tries)
    assert aws.asked.count((INSTANCES, REGION)) == 2, "once anew is enough"


def test_no_more_than_five_are_tried_and_the_others_are_told(aws: JumpAws, tmp_path: Path) -> None:
    seat = Seat(aws, tmp_path, out_tty=False)
    for number in range(7):
        aws.add(host(f"i-j{number}", f"jump-{number}"))
        aws.add_node(f"i-j{number}")
    tries = Tries(since=seat.context.clock.wall())
    for _ in range(MAX_TRIED):
        tries.add(seat.choose(tries=tries).instance.id, "", SessionFailed("no way"))
    with pytest.raises(NoJumpHost) as caught:
        seat.choose(tries=tries)
    assert (len(tries.failures), caught.value.status) == (5, ExitStatus.CONNECTOR)
    assert caught.value.diagnosis[1].startswith("fit and not tried: 2, such as jump-")


def test_tags_that_could_not_be_read_are_no_tags_that_are_missing(aws: JumpAws, tmp_path: Path) -> None:
    aws.lists[(INSTANCES, "")] = AccessDenied("ec2:DescribeInstances in us-east-1 is denied for me")
    with pytest.raises(NoJumpHost) as caught:
        Seat(aws, tmp_path, out_tty=False).choose()
    assert caught.value.status is ExitStatus.AWS
    assert caught.value.message == "no jump host leads to orders in vpc-here"
    assert caught.value.diagnosis == (
        "the tags could not be read, so nobody knows a jump host: ec2:DescribeInstances in us-east-1 is denied for me",
        "other nodes online in this region that may reach orders: 3, such as i-web1",
    )
    seat = Seat(aws, tmp_path, "1")
    assert seat.choose().instance.id == "i-web1"
