"""EC2 instances: one dict to one model, the join with SSM, why one cannot be reached, and the columns."""

from datetime import timedelta
from typing import Any

import pytest

from ec2menu.models import Cell, Instance, ManagedNode, PingStatus, SsmStatus, Style
from ec2menu.resources.ec2 import COLUMNS, explain_unreachable, from_node, join, parse_instance
from ec2menu.ui.tables import build_rows, fit
from tests.fakes.clock import START

ENTRY: dict[str, Any] = {
    "InstanceId": "i-0123456789abcdef0",
    "State": {"Code": 16, "Name": "running"},
    "InstanceType": "t3.micro",
    "PrivateIpAddress": "10.0.0.5",
    "PublicIpAddress": "54.1.2.3",
    "Placement": {"AvailabilityZone": "us-east-1a", "Tenancy": "default"},
    "PlatformDetails": "Linux/UNIX",
    "VpcId": "vpc-1",
    "IamInstanceProfile": {"Arn": "arn:aws:iam::123456789012:instance-profile/path/ec2-ssm", "Id": "AIPA"},
    "LaunchTime": START,
    "Tags": [{"Key": "Name", "Value": "web-1"}, {"Key": "Role", "Value": "jumphost"}],
}


def instance(**fields: Any) -> Instance:
    return Instance(**({"id": "i-1", "region": "us-east-1", "state": "running"} | fields))


def node(node_id: str = "i-1", **fields: Any) -> ManagedNode:
    return ManagedNode(**({"id": node_id, "region": "us-east-1", "ping": PingStatus.ONLINE} | fields))


def cell(key: str, machine: Instance) -> Cell:
    return next(column for column in COLUMNS if column.key == key).cell(machine, START)


def test_an_entry_becomes_an_instance_with_every_field() -> None:
    assert parse_instance(ENTRY, "us-east-1") == Instance(
        id="i-0123456789abcdef0",
        region="us-east-1",
        name="web-1",
        state="running",
        type="t3.micro",
        private_ip="10.0.0.5",
        public_ip="54.1.2.3",
        az="us-east-1a",
        platform="Linux",
        vpc_id="vpc-1",
        instance_profile="ec2-ssm",
        launch_time=START,
        tags={"Name": "web-1", "Role": "jumphost"},
    )


@pytest.mark.parametrize("member", sorted(ENTRY))
def test_any_member_may_be_missing(member: str) -> None:
    found = parse_instance({key: value for key, value in ENTRY.items() if key != member}, "us-east-1")
    assert (found.region, found.node) == ("us-east-1", None)
    assert found != parse_instance(ENTRY, "us-east-1") or member == "PlatformDetails"


def test_an_empty_entry_is_an_empty_instance() -> None:
    assert parse_instance({}, "r") == Instance(id="", region="r", platform="Linux")


@pytest.mark.parametrize(
    ("members", "platform", "is_windows"),
    [
        ({"Platform": "windows", "PlatformDetails": "Windows"}, "Windows", True),
        ({"Platform": "Windows"}, "Windows", True),
        ({"PlatformDetails": "Windows with SQL Server Standard"}, "Windows with SQL Server Standard", True),
        ({"PlatformDetails": "Red Hat Enterprise Linux"}, "Red Hat Enterprise Linux", False),
        ({"PlatformDetails": "Linux/UNIX"}, "Linux", False),
        ({}, "Linux", False),
    ],
)
def test_the_platform_is_what_people_call_it(members: dict[str, str], platform: str, is_windows: bool) -> None:
    found = parse_instance({"InstanceId": "i-1", **members}, "r")
    assert (found.platform, found.is_windows) == (platform, is_windows)


@pytest.mark.parametrize("name", ["", "서울-웹-1", "a\nb", "\x1b[31mred", "\u202eabc", "x" * 255])
def test_a_name_is_kept_as_it_is_and_left_to_the_screen_to_escape(name: str) -> None:
    found = parse_instance({"Tags": [{"Key": "Name", "Value": name}]}, "r")
    assert found.name == found.tags["Name"] == cell("name", found).text == name


def test_an_instance_gets_its_node_and_the_nodes_better_name_of_the_platform() -> None:
    agent = node(platform_name="Amazon Linux", platform_version="2023")
    assert join([instance(platform="Linux")], [agent]) == [instance(platform="Amazon Linux 2023", node=agent)]
    assert join([instance(platform="Linux")], [node()])[0].platform == "Linux"


def test_nodes_that_ec2_does_not_know_are_machines_of_their_own_after_the_instances() -> None:
    hybrid = node("mi-1", name="on-prem", ip="192.168.0.9", registered=START, platform_type="Linux")
    joined = join([instance(id="i-1"), instance(id="i-2")], [hybrid, node("i-2")])
    assert [machine.id for machine in joined] == ["i-1", "i-2", "mi-1"]
    assert [machine.ssm_status for machine in joined] == [SsmStatus.NOT_MANAGED, SsmStatus.ONLINE, SsmStatus.ONLINE]
    assert joined[2] == from_node(hybrid)
    assert (joined[2].type, joined[2].name, joined[2].private_ip) == ("hybrid", "on-prem", "192.168.0.9")


def test_without_ec2_the_nodes_alone_are_listed() -> None:
    found = join([], [node("i-7", computer_name="ip-10-0-0-7")])
    assert [(machine.id, machine.name, machine.type, machine.state) for machine in found] == [
        ("i-7", "ip-10-0-0-7", "", "")
    ]
    assert found[0].is_connectable


def test_without_ssm_the_status_is_unknown_and_not_a_denial_of_being_managed() -> None:
    found = join([instance(), instance(id="i-2", state="stopped")], None)
    assert [machine.ssm_status for machine in found] == [SsmStatus.UNKNOWN, SsmStatus.NOT_RUNNING]
    assert [machine.is_connectable for machine in found] == [True, False]


@pytest.mark.parametrize(
    ("machine", "why", "hint"),
    [
        (instance(state="stopped"), "the instance is stopped", "start-instances --region us-east-1 --instance-ids i-1"),
        (instance(state="stopping"), "the instance is stopping", "wait for it to stop, then start it"),
        (instance(state="shutting-down"), "the instance is shutting-down", ""),
        (instance(state="terminated"), "the instance is terminated", ""),
        (instance(), "has no instance profile", "AmazonSSMManagedInstanceCore"),
        (instance(instance_profile="web"), "no agent has registered (instance profile web)", "subnet reaches SSM"),
        (
            instance(node=node(ping=PingStatus.CONNECTION_LOST, last_ping=START - timedelta(hours=3))),
            "its SSM Agent has been offline for 3h",
            "reboot it",
        ),
        (instance(node=node(ping=PingStatus.CONNECTION_LOST)), "its SSM Agent has been offline", "reboot it"),
        (instance(node=node(ping=PingStatus.INACTIVE)), "its SSM Agent has been offline", "reboot it"),
    ],
)
def test_a_machine_that_cannot_be_reached_is_explained_with_what_to_do(machine: Instance, why: str, hint: str) -> None:
    assert not machine.is_connectable
    said, advice = explain_unreachable(machine, now=START)
    assert why in said
    assert hint in advice
    assert bool(advice) == bool(hint)


@pytest.mark.parametrize(
    ("machine", "text", "style"),
    [
        (instance(node=node()), "Online", Style.GOOD),
        (instance(), "not managed", Style.DIM),
        (instance(ssm_known=False), "unknown", Style.WARN),
        (instance(state="stopped", node=node()), "stopped", Style.DIM),
        (
            instance(node=node(ping=PingStatus.CONNECTION_LOST, last_ping=START - timedelta(days=2))),
            "ConnectionLost 2d ago",
            Style.BAD,
        ),
        (instance(node=node(ping=PingStatus.CONNECTION_LOST)), "ConnectionLost", Style.BAD),
        (
            instance(node=node(ping=PingStatus.INACTIVE, last_ping=START - timedelta(minutes=5))),
            "Inactive 5m ago",
            Style.DIM,
        ),
        (instance(state="pending"), "not managed", Style.DIM),
    ],
)
def test_the_ssm_column_says_what_the_way_in_is_worth(machine: Instance, text: str, style: Style) -> None:
    assert cell("ssm", machine) == Cell(text=text, style=style)


@pytest.mark.parametrize(
    ("state", "text", "style"),
    [
        ("running", "running", Style.GOOD),
        ("pending", "pending", Style.WARN),
        ("stopped", "stopped", Style.DIM),
        ("", "-", Style.DIM),
    ],
)
def test_the_state_column_is_coloured_by_its_meaning(state: str, text: str, style: Style) -> None:
    assert cell("state", instance(state=state)) == Cell(text=text, style=style)


def test_the_age_column_sorts_by_time_and_not_by_its_letters() -> None:
    young, old = (instance(launch_time=START - timedelta(hours=hours)) for hours in (20, 48))
    assert (cell("age", young).text, cell("age", old).text) == ("20h", "2d")
    assert cell("age", young).sort_key == 72_000.0
    assert cell("age", old).sort_key == 172_800.0
    assert cell("age", instance()) == Cell(text="")


def test_every_column_can_be_drawn_for_a_machine_of_which_nothing_is_known() -> None:
    bare = Instance(id="", region="")
    assert {column.key: column.cell(bare, START).text for column in COLUMNS}["ssm"] == "not managed"
    assert [column.key for column in COLUMNS if column.priority == 0 and not column.is_hidden] == ["id"]


def test_at_80_columns_all_regions_still_say_who_can_be_reached() -> None:
    lost = node("i-0123456789abcdef0", ping=PingStatus.CONNECTION_LOST, last_ping=START - timedelta(days=2))
    machine = instance(id=lost.id, region="ap-northeast-1", name="a" * 60, type="t3.micro", node=lost)
    columns = [column for column in COLUMNS if not column.is_hidden]
    rows = build_rows([machine], columns, now=START)
    slots = fit(columns, rows, width=80, numbers_width=len("10000"))
    assert [columns[slot.index].key for slot in slots] == ["name", "region", "id", "ssm"]
    narrow = fit(columns, rows, width=40, numbers_width=len("10"))
    assert [(columns[slot.index].key, slot.width) for slot in narrow] == [("name", 15), ("id", 19)]
