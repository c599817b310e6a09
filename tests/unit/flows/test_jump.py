"""The way into a VPC: named, found, offered; what is asked, what is told, and what nobody is asked."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2menu.errors import (
    AccessDenied,
    Ec2MenuError,
    ExitStatus,
    Interrupted,
    InvalidInput,
    LoginExpired,
    NoJumpHost,
    TargetUnavailable,
    TargetUnclear,
)
from ec2menu.flows.jump import Via, choose_another, select_for
from ec2menu.flows.listing import get_listing
from ec2menu.models import Instance, ManagedNode, PingStatus, SsmStatus
from ec2menu.resources.jumphosts import JumpTag
from ec2menu.resources.kinds import EC2
from ec2menu.ui.terminal import EndOfInput
from tests.fakes.clock import START
from tests.unit.desk import REGION, machine
from tests.unit.flows.jump_seat import HERE, INSTANCES, NODES, THERE, JumpAws, Seat, host, small_fleet


@pytest.fixture
def aws() -> JumpAws:
    return small_fleet()


# -- found by its tag -----------------------------------------------------------------------------------------------


def test_the_best_of_several_is_taken_and_named_without_a_question(aws: JumpAws, tmp_path: Path) -> None:
    aws.add(host("i-a", "jump-a"), host("i-b", "jump-b"), host("i-c", "jump-c"), host("i-far", "far", vpc=THERE))
    for node_id, age in (("i-a", 90), ("i-b", 10), ("i-c", 50), ("i-far", 1)):
        aws.add_node(node_id, age=age)
    seat = Seat(aws, tmp_path)
    found = seat.choose()
    assert found.instance.id == "i-b"
    assert found.note == "via jump-b (i-b), 2 others fit (--via, or another way in, chooses)"
    assert (seat.desk.data, seat.shown) == ("", "")


@pytest.mark.parametrize(
    ("vpc_id", "note"),
    [
        (HERE, "via far (i-1); in another VPC (vpc-there): works only where the networks are connected"),
        (THERE, "via far (i-1)"),
        ("", "via far (i-1); the VPC of the target is unknown"),
    ],
)
def test_what_may_be_wrong_with_the_only_one_is_said(aws: JumpAws, tmp_path: Path, vpc_id: str, note: str) -> None:
    aws.add(host("i-1", "far", vpc=THERE))
    aws.add_node("i-1")
    assert Seat(aws, tmp_path).choose(vpc_id=vpc_id).note == note


def test_one_other_is_counted_in_the_singular(aws: JumpAws, tmp_path: Path) -> None:
    aws.add(host("i-1"), host("i-2"))
    aws.add_node("i-1")
    aws.add_node("i-2")
    assert Seat(aws, tmp_path).choose().note == "via i-1, 1 other fits (--via, or another way in, chooses)"


def test_a_tag_of_ones_own_names_the_jump_hosts(aws: JumpAws, tmp_path: Path) -> None:
    assert Seat(aws, tmp_path, tag="Name=web-1").choose().instance.id == "i-web1"


def test_a_tag_that_is_none_is_a_usage_error(aws: JumpAws, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="jump_tag"):
        Seat(aws, tmp_path, tag="jumphost").choose()


def test_a_running_one_is_tried_where_ssm_refuses_and_both_is_said(aws: JumpAws, tmp_path: Path) -> None:
    aws.add(host("i-off", state="stopped"), host("i-1", "jump-a"))
    aws.lists[NODES, ""] = AccessDenied("ssm:DescribeInstanceInformation is denied", action="ssm:X")
    seat = Seat(aws, tmp_path)
    assert seat.choose().note == "via jump-a (i-1); its SSM status is unknown"
    assert seat.shown == "! us-east-1: ssm:DescribeInstanceInformation is denied\n"


def test_a_kept_list_is_enough_where_it_has_a_jump_host(aws: JumpAws, tmp_path: Path) -> None:
    aws.add(host("i-1", "jump-a"))
    aws.add_node("i-1")
    seat = Seat(aws, tmp_path)
    get_listing(seat.context, EC2, (REGION,))
    seat.desk.clock.advance(60)
    seat.choose()
    assert aws.asked.count((INSTANCES, REGION)) == 1


def test_nobody_is_sent_away_by_a_kept_list(aws: JumpAws, tmp_path: Path) -> None:
    seat = Seat(aws, tmp_path)
    get_listing(seat.context, EC2, (REGION,))
    aws.add(host("i-1", "jump-a"))
    aws.add_node("i-1")
    seat.desk.clock.advance(60)
    assert seat.choose().instance.id == "i-1"
    assert aws.asked.count((INSTANCES, REGION)) == 2


# -- named ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("via", "note"),
    [
        ("i-web1", "via web-1 (i-web1)"),
        ("WEB-1", "via web-1 (i-web1)"),
        ("web-2", "via web-2 (i-web2); in another VPC (vpc-there): works only where the networks are connected"),
        ("mi-1", "via hq (mi-1); outside EC2: works only where the networks are connected"),
    ],
)
def test_any_node_can_be_named(aws: JumpAws, tmp_path: Path, via: str, note: str) -> None:
    aws.add_node("mi-1", Name="hq")
    assert Seat(aws, tmp_path, out_tty=False).choose(via=via).note == note


@pytest.mark.parametrize(
    ("via", "error", "words"),
    [
        ("nowhere", TargetUnclear, "nothing in us-east-1 is called nowhere"),
        ("web", TargetUnclear, "2 machines are called like web"),
        ("i-off", TargetUnavailable, "no tunnel can go through i-off: the instance is stopped"),
        ("i-old", TargetUnavailable, r"its SSM Agent 2\.3\.50\.0 cannot forward to other hosts"),
    ],
)
def test_a_name_that_is_no_fit_node_is_refused(
    aws: JumpAws, tmp_path: Path, via: str, error: type[Ec2MenuError], words: str
) -> None:
    aws.add(machine("i-off", state="stopped"), machine("i-old"))
    aws.add_node("i-old", AgentVersion="2.3.50.0")
    with pytest.raises(error, match=words):
        Seat(aws, tmp_path).choose(via=via)


def test_a_named_node_that_has_come_online_since_the_list_was_kept_is_found(aws: JumpAws, tmp_path: Path) -> None:
    seat = Seat(aws, tmp_path)
    get_listing(seat.context, EC2, (REGION,))
    aws.add(machine("i-new", "fresh", VpcId=HERE))
    aws.add_node("i-new")
    seat.desk.clock.advance(60)
    assert seat.choose(via="fresh").instance.id == "i-new"


# -- none -----------------------------------------------------------------------------------------------------------


def test_where_nobody_can_be_asked_the_error_has_the_diagnosis_and_names_the_flag(aws: JumpAws, tmp_path: Path) -> None:
    aws.add(host("i-old", "jump-old", state="stopped"), host("i-near", "lab", tag="Jump-Host"))
    aws.add_node("i-near")
    aws.add_node("mi-1")
    seat = Seat(aws, tmp_path, out_tty=False)
    with pytest.raises(NoJumpHost, match="no jump host leads to orders in vpc-here") as caught:
        seat.choose()
    error = caught.value
    assert error.status is ExitStatus.TARGET_FAILED
    assert "--via NODE" in error.hint
    assert error.diagnosis == (
        "instances looked at: 5; tagged Role=jumphost: 1; nearly so: 1",
        "jump-old (i-old): the instance is stopped",
        "  start it: aws ec2 start-instances --region us-east-1 --instance-ids i-old",
        "lab (i-near): its tag is Role=Jump-Host, not Role=jumphost",
        "  tag it: aws ec2 create-tags --region us-east-1 --resources i-near --tags Key=Role,Value=jumphost",
        "other nodes online in vpc-here that may reach orders: 3, such as lab (i-near)",
    )
    assert seat.desk.data == ""
    assert aws.asked.count((INSTANCES, REGION)) == 1, "a list that is fresh is not asked for again"


def test_the_offer_stands_below_the_diagnosis_and_has_numbers(aws: JumpAws, tmp_path: Path) -> None:
    aws.add(host("i-old", "jump-old", state="stopped"))
    seat = Seat(aws, tmp_path, "2")
    found = seat.choose()
    assert found == Via(instance=found.instance, note="via web-1 (i-web1)")
    assert "ec2menu: no jump host leads to orders in vpc-here\n" in seat.shown
    assert "--via" not in seat.shown
    numbered = [line.split()[:3] for line in seat.desk.data.splitlines()]
    assert numbered[1:] == [["1", "start", "jump-old"], ["2", "web-1", "(i-web1)"], ["3", "win-1", "(i-win1)"]]
    assert aws.started == []


@pytest.mark.parametrize("typed", ["0", "b", "Back", "q"])
def test_one_can_go_back(aws: JumpAws, tmp_path: Path, typed: str) -> None:
    with pytest.raises(Interrupted):
        Seat(aws, tmp_path, typed).choose()


def test_an_ended_input_chooses_nothing(aws: JumpAws, tmp_path: Path) -> None:
    with pytest.raises(EndOfInput):
        Seat(aws, tmp_path, "").choose()


def test_a_wrong_answer_is_explained_and_asked_again(aws: JumpAws, tmp_path: Path) -> None:
    aws.add(machine("i-off", "offline", VpcId=HERE, state="stopped"))
    seat = Seat(aws, tmp_path, "", "9", "nowhere", "web", "offline", "web-2")
    assert seat.choose().instance.id == "i-web2"
    for words in (
        "type a number, an id or a Name",
        "9 is not in the list; choose 1-2",
        "nothing in us-east-1 is called nowhere",
        "  i-web1  us-east-1",
        "no tunnel can go through offline (i-off): the instance is stopped",
    ):
        assert words in seat.shown
    assert aws.started == [], "only a jump host is started, and only after a yes"


def test_an_id_can_be_typed_where_there_is_nothing_to_offer(aws: JumpAws, tmp_path: Path) -> None:
    seat = Seat(aws, tmp_path, "1", "i-web1")
    assert seat.choose(vpc_id="vpc-empty").instance.id == "i-web1"
    assert "there is nothing to choose from" in seat.shown


def test_no_more_than_nine_nodes_are_offered_and_three_to_start(aws: JumpAws, tmp_path: Path) -> None:
    for n in range(30):
        aws.add(machine(f"i-many{n}", f"many-{n}", VpcId=HERE), host(f"i-off{n}", state="stopped"))
        aws.add_node(f"i-many{n}")
    seat = Seat(aws, tmp_path, "13", "12")
    assert seat.choose().instance.id.startswith("i-many")
    assert "13 is not in the list; choose 1-12" in seat.shown


def test_foreign_names_are_harmless_on_the_screen(aws: JumpAws, tmp_path: Path) -> None:
    aws.add(host("i-evil", "evil\x1b[2J\n", state="stopped"), machine("i-bad", "bad\x9b31m", VpcId=HERE))
    aws.add_node("i-bad", PlatformName="Lin\x1b]0;x\x07ux")
    seat = Seat(aws, tmp_path, "0")
    with pytest.raises(Interrupted):
        seat.choose(what="db\x1b[1m")
    assert not {"\x1b", "\x9b", "\x07"} & set(seat.desk.data + seat.shown)


def test_only_nodes_are_listed_where_ec2_refuses_and_one_of_them_can_be_named(aws: JumpAws, tmp_path: Path) -> None:
    aws.lists[INSTANCES, ""] = AccessDenied("ec2:DescribeInstances is denied", action="ec2:DescribeInstances")
    with pytest.raises(NoJumpHost):
        Seat(aws, tmp_path, out_tty=False).choose()
    seat = Seat(aws, tmp_path / "again", out_tty=False)
    assert seat.choose(via="i-web1").instance.id == "i-web1"
    assert "ec2:DescribeInstances is denied" in seat.shown


# -- another one, for a tunnel that has lost its own ----------------------------------------------------------------


def test_another_is_chosen_from_a_fresh_list_without_a_word(aws: JumpAws, tmp_path: Path) -> None:
    seat = Seat(aws, tmp_path)
    get_listing(seat.context, EC2, (REGION,))
    for node_id in ("i-a", "i-b"):
        aws.add(host(node_id))
        aws.add_node(node_id)
    exclude: set[str] = set()
    chosen = []
    for _ in range(2):
        found = choose_another(seat.context, region=REGION, vpc_id=HERE, exclude=exclude)
        assert found is not None
        chosen.append(found.instance.id)
        exclude.add(found.instance.id)
    assert chosen == ["i-a", "i-b"]
    assert choose_another(seat.context, region=REGION, vpc_id=HERE, exclude=exclude) is None
    assert (seat.desk.data, seat.shown) == ("", "")


def test_a_login_that_ran_out_is_raised_and_not_asked_for(aws: JumpAws, tmp_path: Path) -> None:
    expired = LoginExpired("the login has expired", sso_profile="ops")
    aws.lists[INSTANCES, ""] = aws.lists[NODES, ""] = aws.who = expired
    seat = Seat(aws, tmp_path, "y")
    with pytest.raises(LoginExpired):
        choose_another(seat.context, region=REGION, vpc_id=HERE, exclude=set())
    assert (seat.desk.keyboard.left, seat.shown) == (1, "")


# -- whatever the fleet ---------------------------------------------------------------------------------------------


def _build(number: int, state: str, tags: dict[str, str], vpc: str, ping: PingStatus | None, agent: str) -> Instance:
    node = ManagedNode(id=f"i-{number}", region=REGION, ping=ping, agent_version=agent) if ping else None
    return Instance(id=f"i-{number}", region=REGION, state=state, tags=tags, vpc_id=vpc, node=node)


FLEETS = st.lists(
    st.builds(
        _build,
        st.integers(0, 999),
        st.sampled_from(["running", "running", "stopped", "stopping", "pending", "terminated", ""]),
        st.sampled_from([{"Role": "jumphost"}, {"role": "Jump-Host"}, {"Role": "web"}, {}]),
        st.sampled_from([HERE, THERE, ""]),
        st.sampled_from([None, *PingStatus]),
        st.sampled_from(["", "3.3.2299.0", "3.1.1373.0"]),
    ),
    unique_by=lambda instance: instance.id,
)


@given(fleet=FLEETS, vpc_id=st.sampled_from([HERE, ""]))
def test_nothing_unusable_is_ever_chosen_and_every_tagged_instance_is_accounted_for_once(
    fleet: list[Instance], vpc_id: str
) -> None:
    choice = select_for(fleet, vpc_id=vpc_id, tag=JumpTag(key="Role", value="jumphost"), now=START)
    chosen = [instance for instance in (choice.best, *choice.others) if instance is not None]
    for instance in (*chosen, *choice.online_in_vpc):
        assert instance.ssm_status is SsmStatus.ONLINE
        assert instance.node is not None
        assert instance.node.agent_version != "3.1.1373.0"
    assert all(instance.tags == {"Role": "jumphost"} for instance in chosen)
    told = [instance.id for instance in chosen] + [host.instance.id for host in choice.refused if not host.is_near_miss]
    assert sorted(told) == sorted(instance.id for instance in fleet if instance.tags == {"Role": "jumphost"})
    assert (choice.looked_at, all(host.reason for host in choice.refused)) == (len(fleet), True)
