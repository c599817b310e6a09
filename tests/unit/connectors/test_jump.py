"""Choosing a jump host: the order, what is refused and why, who could stand in, and the lines of the diagnosis."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2menu.connectors.jump import (
    MAX_DIAGNOSED,
    JumpChoice,
    count_alike,
    describe_doubts,
    diagnose,
    select_jump_host,
)
from ec2menu.models import Instance, JumpHost, ManagedNode, PingStatus
from tests.fakes.clock import START

HERE, THERE = "vpc-here", "vpc-there"
TAG = "Role=jumphost"


def machine(
    node_id: str, *, age: float = 60, vpc: str = HERE, platform: str = "Linux", is_online: bool = True, **fields: Any
) -> Instance:
    node = ManagedNode(
        id=node_id,
        region="us-east-1",
        ping=PingStatus.ONLINE,
        last_ping=START - timedelta(seconds=age),
        platform_type=platform,
    )
    given_ = {
        "id": node_id,
        "region": "us-east-1",
        "state": "running",
        "vpc_id": vpc,
        "node": node if is_online else None,
    }
    return Instance(**(given_ | fields))


def usable(node_id: str, **fields: Any) -> JumpHost:
    return JumpHost(instance=machine(node_id, **fields))


def refused(node_id: str, reason: str, *, near: bool = False, hint: str = "", **fields: Any) -> JumpHost:
    return JumpHost(instance=machine(node_id, **fields), reason=reason, is_near_miss=near, hint=hint)


def stopped(node_id: str, *, near: bool = False, **fields: Any) -> JumpHost:
    reason = "the instance is stopped"
    return refused(node_id, reason, near=near, hint="start it", state="stopped", is_online=False, **fields)


def untold(node_id: str, **fields: Any) -> JumpHost:
    return refused(node_id, "its SSM status is unknown", is_online=False, ssm_known=False, **fields)


def select(*hosts: JumpHost, nodes: tuple[Instance, ...] = (), vpc_id: str = HERE, looked_at: int = 9) -> JumpChoice:
    return select_jump_host(hosts, nodes, vpc_id=vpc_id, looked_at=looked_at)


def order(choice: JumpChoice) -> list[str]:
    return [instance.id for instance in (choice.best, *choice.others) if instance is not None]


# -- the order ------------------------------------------------------------------------------------------------------


def test_the_same_vpc_comes_first_then_linux_then_the_latest_ping_then_the_id() -> None:
    hosts = [
        usable("i-there", vpc=THERE, age=1),
        usable("i-windows", platform="Windows", age=2),
        usable("i-late", age=300),
        usable("i-b", age=30),
        usable("i-a", age=30),
    ]
    expected = ["i-a", "i-b", "i-late", "i-windows", "i-there"]
    assert order(select(*hosts)) == expected
    assert order(select(*reversed(hosts))) == expected
    assert select(*hosts).note == ""


def test_no_vpc_is_preferred_where_none_is_known_and_that_is_said() -> None:
    choice = select(usable("i-there", vpc=THERE, age=1), usable("i-here", age=2), vpc_id="")
    assert order(choice) == ["i-there", "i-here"]
    assert choice.note == "the VPC of the target is unknown"


def test_a_host_in_another_vpc_is_taken_for_want_of_a_better_one_with_a_warning() -> None:
    choice = select(usable("i-there", vpc=THERE), stopped("i-here"))
    assert order(choice) == ["i-there"]
    assert choice.note == "in another VPC (vpc-there): works only where the networks are connected"


@pytest.mark.parametrize("host", [usable("i-1"), untold("i-1"), usable("i-1", vpc=THERE)])
def test_what_has_been_tried_is_not_taken_again_and_is_refused_for_what_came_of_it_first_of_all(host: JumpHost) -> None:
    hosts = [stopped("i-off"), host]
    tried = {"i-1": "it cannot reach orders"}
    choice = select_jump_host(hosts, [host.instance], vpc_id=HERE, looked_at=2, tried=tried)
    assert (choice.best, choice.online_in_vpc) == (None, ())
    assert [(each.instance.id, each.reason) for each in choice.refused] == [
        ("i-1", "it has just been tried: it cannot reach orders"),
        ("i-off", "the instance is stopped"),
    ]
    assert not any("--via" in line for line in lines(choice))
    beside = select_jump_host([*hosts, usable("i-2", vpc=THERE)], (), vpc_id=HERE, looked_at=3, tried=tried)
    assert order(beside) == ["i-2"]


def test_what_fits_and_was_not_tried_is_counted_in_the_diagnosis() -> None:
    choice = select(usable("i-1"), usable("i-2"))
    assert lines(choice)[:2] == (
        "instances looked at: 9; tagged Role=jumphost: 2; nearly so: none",
        "fit and not tried: 2, such as i-1: --via i-1",
    )


def test_a_running_host_is_tried_where_ssm_told_nothing() -> None:
    choice = select(untold("i-off", state="stopped"), untold("i-new", state="pending"), untold("i-2"), untold("i-1"))
    assert order(choice) == ["i-1", "i-2"]
    assert [host.instance.id for host in choice.refused] == ["i-off", "i-new"]
    assert choice.note == "its SSM status is unknown"


def test_a_host_of_unknown_status_is_refused_beside_a_usable_one() -> None:
    choice = select(untold("i-1"), usable("i-2", vpc=THERE))
    assert order(choice) == ["i-2"]
    assert [host.instance.id for host in choice.refused] == ["i-1"]


@pytest.mark.parametrize("near", [stopped("i-1", near=True), refused("i-1", "its tag is …", near=True)])
def test_a_near_miss_is_never_taken_and_never_offered_to_be_started(near: JumpHost) -> None:
    choice = select(near)
    assert (choice.best, choice.stopped, choice.refused) == (None, (), (near,))


def test_a_near_miss_is_not_taken_where_ssm_told_nothing_either() -> None:
    near = refused("i-1", "its tag is …", near=True, is_online=False, ssm_known=False)
    assert select(near).best is None


# -- what is left ---------------------------------------------------------------------------------------------------


def test_refused_ones_of_the_same_vpc_come_first_and_near_misses_last() -> None:
    near = refused("i-near", "its tag is …", near=True)
    choice = select(stopped("i-there", vpc=THERE), near, stopped("i-here"))
    assert [host.instance.id for host in choice.refused] == ["i-here", "i-near", "i-there"]
    assert [host.instance.id for host in choice.stopped] == ["i-here", "i-there"]


def test_nodes_of_the_vpc_stand_in_near_misses_first_windows_last_and_nothing_twice() -> None:
    near = refused("i-near", "its tag is …", near=True)
    nodes = (
        machine("i-win", platform="Windows", name="aaa"),
        machine("i-b", name="b"),
        machine("i-a", name="A"),
        machine("i-0"),
        machine("i-there", vpc=THERE),
        machine("mi-1", vpc=""),
        near.instance,
    )
    found = select(near, nodes=nodes).online_in_vpc
    assert [node.id for node in found] == ["i-near", "i-a", "i-b", "i-0", "i-win"]
    taken = select(usable("i-a"), nodes=nodes).online_in_vpc
    assert "i-a" not in [node.id for node in taken]


def test_any_node_of_ec2_stands_in_where_the_vpc_is_unknown() -> None:
    nodes = (machine("i-2", vpc=THERE), machine("i-1"), machine("mi-1", vpc=""))
    assert [node.id for node in select(nodes=nodes, vpc_id="").online_in_vpc] == ["i-1", "i-2"]


def test_others_count_as_alike_where_they_are_as_near_as_the_best() -> None:
    hosts = [usable("i-1"), usable("i-2"), usable("i-3", vpc=THERE), usable("i-4", vpc="vpc-else")]
    assert count_alike(select(*hosts), HERE) == 1
    assert count_alike(select(*hosts, vpc_id=""), "") == 3
    assert count_alike(select(*hosts[2:]), HERE) == 1
    assert count_alike(select(), HERE) == 0


def test_a_node_outside_ec2_is_doubtful_for_any_vpc() -> None:
    assert describe_doubts(machine("mi-1", vpc="", state=""), HERE).startswith("outside EC2: works only")
    assert describe_doubts(machine("i-1"), HERE) == ""


# -- the diagnosis --------------------------------------------------------------------------------------------------


def lines(choice: JumpChoice, *, vpc_id: str = HERE, what: str = "orders") -> tuple[str, ...]:
    return diagnose(choice, what=what, vpc_id=vpc_id, tag=TAG)


def test_an_empty_account_is_diagnosed_in_two_lines() -> None:
    assert lines(select(looked_at=0)) == (
        "instances looked at: 0; tagged Role=jumphost: none; nearly so: none",
        "no other node is known to be online in vpc-here",
    )


def test_each_candidate_is_named_with_its_reason_and_what_to_do() -> None:
    near = refused("i-2", "its tag is role=jumphost, not Role=jumphost", near=True, hint="tag it: …", name="lab")
    choice = select(near, stopped("i-1", name="jump-old"), stopped("i-3", vpc=THERE), looked_at=1234)
    assert lines(choice) == (
        "instances looked at: 1,234; tagged Role=jumphost: 2; nearly so: 1",
        "jump-old (i-1): the instance is stopped",
        "  start it",
        "lab (i-2): its tag is role=jumphost, not Role=jumphost",
        "  tag it: …",
        "i-3, in another VPC (vpc-there): the instance is stopped",
        "  start it",
        "no other node is known to be online in vpc-here",
    )


def test_nodes_that_could_stand_in_are_counted_with_an_example() -> None:
    nodes = (machine("i-1", name="web-1"), machine("i-2", name="web-2"))
    assert (
        lines(select(nodes=nodes))[-1] == "other nodes online in vpc-here that may reach orders: 2, such as web-1 (i-1)"
    )
    assert lines(select(nodes=nodes, vpc_id=""), vpc_id="")[-1].startswith("other nodes online in this region")
    silent = (machine("i-1", is_online=False, ssm_known=False),)
    assert "running, their SSM status unknown, in vpc-here" in lines(select(nodes=silent))[-1]


def test_many_candidates_and_long_names_stay_short() -> None:
    hosts = [stopped(f"i-{n:017d}", name="n" * 255, vpc=THERE) for n in range(50)]
    nodes = tuple(machine(f"i-{n:017d}", name="m" * 255) for n in range(100, 102))
    told = lines(select(*hosts, nodes=nodes), what="w" * 255)
    assert len(told) == 1 + 2 * MAX_DIAGNOSED + 1 + 1
    assert told[-2] == f"and {50 - MAX_DIAGNOSED} more, see: ec2menu ls jumphosts"
    assert max(map(len, told)) < 180


# -- whatever the fleet ---------------------------------------------------------------------------------------------

MAKERS: list[Callable[..., JumpHost]] = [
    usable,
    stopped,
    untold,
    lambda node_id, **fields: refused(node_id, "its tag is …", near=True, **fields),
]
HOSTS = st.lists(
    st.builds(
        lambda number, make, vpc, age, platform: make(f"i-{number}", vpc=vpc, age=age, platform=platform),
        st.integers(0, 999),
        st.sampled_from(MAKERS),
        st.sampled_from([HERE, THERE, ""]),
        st.integers(0, 9),
        st.sampled_from(["Linux", "Windows"]),
    ),
    unique_by=lambda host: host.instance.id,
)


@given(hosts=HOSTS, vpc_id=st.sampled_from([HERE, "", "vpc-empty"]))
def test_every_candidate_is_chosen_or_refused_once_and_nothing_unusable_is_chosen(
    hosts: list[JumpHost], vpc_id: str
) -> None:
    choice = select(*hosts, nodes=tuple(host.instance for host in hosts if not host.reason), vpc_id=vpc_id)
    chosen = order(choice)
    assert sorted(chosen + [host.instance.id for host in choice.refused]) == sorted(h.instance.id for h in hosts)
    by_id = {host.instance.id: host for host in hosts}
    assert all(by_id[each].instance.is_connectable and not by_id[each].is_near_miss for each in chosen)
    if any(not host.reason for host in hosts):
        assert all(not by_id[each].reason for each in chosen)
    nearness = [bool(vpc_id) and by_id[each].instance.vpc_id != vpc_id for each in chosen]
    assert nearness == sorted(nearness)
    assert all(host in choice.refused for host in choice.stopped)
    assert not {node.id for node in choice.online_in_vpc} & set(chosen)
