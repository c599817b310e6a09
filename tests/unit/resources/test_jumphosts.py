"""Jump hosts: reading the setting, who carries the tag or nearly, why one cannot be used, and the columns."""

import shlex
from datetime import timedelta
from typing import Any

import pytest

from ec2menu.errors import ExitStatus, InvalidInput
from ec2menu.models import Instance, JumpHost, ManagedNode, PingStatus, Style
from ec2menu.resources.jumphosts import (
    COLUMNS,
    JumpTag,
    can_forward_to_hosts,
    derive_jump_hosts,
    parse_tag,
    survey,
    tag_line,
)
from tests.fakes.clock import START, FakeClock

TAG = JumpTag(key="Role", value="jumphost")
TAGGED = {"Role": "jumphost"}


def node(node_id: str, *, age: float | None = 60, **fields: Any) -> ManagedNode:
    last = None if age is None else START - timedelta(seconds=age)
    return ManagedNode(
        **({"id": node_id, "region": "us-east-1", "ping": PingStatus.ONLINE, "last_ping": last} | fields)
    )


def online(node_id: str = "i-1", *, tags: dict[str, str] | None = None, **fields: Any) -> Instance:
    own = {name: fields.pop(name) for name in ("age", "ping", "agent_version", "platform_type") if name in fields}
    return machine(node_id, tags=tags, node=node(node_id, **own), **fields)


def machine(node_id: str = "i-1", *, tags: dict[str, str] | None = None, **fields: Any) -> Instance:
    given = {"id": node_id, "region": "us-east-1", "state": "running", "tags": TAGGED if tags is None else tags}
    return Instance(**(given | fields))


def only(*instances: Instance, tag: JumpTag = TAG) -> JumpHost:
    (host,) = survey(instances, tag=tag, now=START)
    return host


def ids(*instances: Instance) -> list[str]:
    return [host.instance.id for host in survey(instances, tag=TAG, now=START)]


# -- the setting ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Role=jumphost", TAG),
        (" Role = jumphost ", TAG),
        ("Filter=a=b", JumpTag(key="Filter", value="a=b")),
        ("역할=점프 호스트", JumpTag(key="역할", value="점프 호스트")),
        ("JumpHost=", JumpTag(key="JumpHost", value="")),
        ("k" * 128 + "=" + "v" * 256, JumpTag(key="k" * 128, value="v" * 256)),
    ],
)
def test_a_tag_is_a_key_and_a_value_that_may_contain_an_equals_sign(text: str, tag: JumpTag) -> None:
    assert parse_tag(text) == tag
    assert parse_tag(str(tag)) == tag


@pytest.mark.parametrize("text", ["", "Role", "=jumphost", " =x", "k" * 129 + "=v", "k=" + "v" * 257])
def test_what_is_no_tag_is_refused_as_a_setting(text: str) -> None:
    with pytest.raises(InvalidInput, match="jump_tag = ") as caught:
        parse_tag(text)
    assert caught.value.status is ExitStatus.USAGE
    assert caught.value.hint
    assert len(caught.value.message) < 100


# -- who is one -----------------------------------------------------------------------------------------------------


def test_an_online_instance_with_the_tag_is_usable() -> None:
    assert only(online(), online("i-2", tags={"Role": "web"})) == JumpHost(instance=online())


@pytest.mark.parametrize(
    "tags",
    [
        {"Role": "JumpHost"},
        {"role": "jumphost"},
        {"Role": "jump-host"},
        {"ROLE": "Jump_Host"},
        {"Role ": "jump host"},
        {"Ro-le": "jumphost "},
    ],
)
def test_a_tag_that_is_spelled_otherwise_is_a_near_miss_that_says_how(tags: dict[str, str]) -> None:
    host = only(online(tags=tags))
    ((key, value),) = tags.items()
    assert host.is_near_miss
    shown = f'"{key}={value}"' if " " in f"{key}{value}" else f"{key}={value}"
    assert host.reason == f"its tag is {shown}, not Role=jumphost"
    assert host.hint == (
        "tag it: aws ec2 create-tags --region us-east-1 --resources i-1 --tags Key=Role,Value=jumphost"
    )


@pytest.mark.parametrize(
    "tags", [{}, {"Role": "bastion"}, {"Role": ""}, {"Name": "jumphost"}, {"Role": "jumphosts"}, {"Roles": "jumphost"}]
)
def test_another_tag_is_no_near_miss(tags: dict[str, str]) -> None:
    assert ids(online(tags=tags)) == []


def test_the_exact_tag_counts_whatever_else_is_nearly_it() -> None:
    assert only(online(tags={"ROLE": "JUMPHOST", **TAGGED})) == JumpHost(
        instance=online(tags={"ROLE": "JUMPHOST", **TAGGED})
    )


def test_a_near_miss_tells_what_else_is_wrong() -> None:
    host = only(machine(tags={"role": "jumphost"}, state="stopped"))
    assert host.reason == "its tag is role=jumphost, not Role=jumphost; the instance is stopped"


def test_what_is_gone_is_told_only_where_its_tag_is_exact() -> None:
    gone = [machine("i-1", state="terminated"), machine("i-2", tags={"role": "jumphost"}, state="terminated")]
    assert only(*gone).reason == "the instance is terminated"


def test_a_node_outside_ec2_is_no_jump_host() -> None:
    assert ids(online("mi-1")) == []


# -- why not --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instance", "reason", "hint"),
    [
        (machine(state="stopped"), "the instance is stopped", "aws ec2 start-instances"),
        (machine(state="stopping"), "the instance is stopping", "wait for it to stop"),
        (machine(state="pending"), "the instance is pending", "wait until it runs"),
        (online(state="pending"), "the instance is pending", "wait until it runs"),
        (machine(), "SSM does not know the instance, and it has no instance profile", "attach one"),
        (machine(instance_profile="ec2-ssm"), "no agent has registered (instance profile ec2-ssm)", "SSM Agent runs"),
        (online(ping=PingStatus.CONNECTION_LOST, age=7200), "its SSM Agent has been offline for 2h", "reboot"),
        (online(ping=PingStatus.INACTIVE, age=None), "its SSM Agent has been offline", "reboot"),
        (machine(ssm_known=False), "its SSM status is unknown", "allow ssm:DescribeInstanceInformation"),
        (online(agent_version="3.0.1390.0"), "its SSM Agent 3.0.1390.0 cannot forward", "AWS-UpdateSSMAgent"),
    ],
)
def test_each_candidate_has_its_own_reason_and_what_to_do(instance: Instance, reason: str, hint: str) -> None:
    host = only(instance)
    assert reason in host.reason
    assert hint in host.hint
    assert not host.is_near_miss


@pytest.mark.parametrize(
    ("version", "able"),
    [
        ("3.1.1374.0", True),
        ("3.1.1374", True),
        ("3.3.2299.0", True),
        ("10.0", True),
        ("3.1.1373.9", False),
        ("3.1", False),
        ("2.3.50.0", False),
        ("", True),
        ("3.0.x", True),
        ("9" * 5000, True),
    ],
)
def test_an_agent_is_too_old_only_where_its_version_says_so(version: str, *, able: bool) -> None:
    assert can_forward_to_hosts(version) is able


@pytest.mark.parametrize("value", ["jump host", "a,b", "it's", '"', "$(reboot)", "=,;", ""])
def test_a_command_to_tag_is_one_word_whatever_the_tag_holds(value: str) -> None:
    words = shlex.split(tag_line(machine("i-7"), JumpTag(key="Role", value=value)))
    assert words[:-1] == ["aws", "ec2", "create-tags", "--region", "us-east-1", "--resources", "i-7", "--tags"]
    assert words[-1].startswith('[{"Key": "Role", "Value": ')


def test_a_tag_of_the_greatest_length_leaves_the_reason_short() -> None:
    host = only(online(tags={"role": "j" + "-" * 200 + "umphost"}))
    assert host.is_near_miss
    assert len(host.reason) < 120


# -- order and columns ----------------------------------------------------------------------------------------------


def test_usable_ones_come_first_then_exact_ones_then_near_misses_the_latest_ping_first() -> None:
    fleet = [
        online("i-near", tags={"role": "jumphost"}, age=1),
        machine("i-off", state="stopped"),
        online("i-never", age=None),
        online("i-old", age=300),
        online("i-new", age=5),
        online("i-also-new", age=5),
        online("i-lost", ping=PingStatus.CONNECTION_LOST, age=9),
    ]
    expected = ["i-also-new", "i-new", "i-old", "i-never", "i-lost", "i-off", "i-near"]
    assert ids(*fleet) == expected
    assert ids(*reversed(fleet)) == expected


def test_a_list_is_derived_with_the_time_of_the_look() -> None:
    clock = FakeClock()
    derive = derive_jump_hosts(TAG, clock.wall)
    lost = online(ping=PingStatus.CONNECTION_LOST, age=0)
    clock.advance(3600)
    (host,) = derive([lost])
    assert host.reason.endswith("offline for 1h")


def test_the_columns_show_the_machine_and_why_it_is_no_way_in() -> None:
    def shown(host: JumpHost) -> dict[str, str]:
        return {column.key: column.cell(host, START).text for column in COLUMNS}

    assert shown(only(online("i-9", name="jump-a", vpc_id="vpc-1", age=120))) == {
        "name": "jump-a",
        "region": "us-east-1",
        "id": "i-9",
        "state": "running",
        "vpc": "vpc-1",
        "ssm": "Online",
        "ping": "2m",
        "why": "usable",
    }
    assert shown(only(machine(state="stopped")))["why"] == "the instance is stopped"
    assert shown(only(machine(state="stopped")))["ping"] == ""


@pytest.mark.parametrize(
    ("instance", "style"),
    [(online(), Style.GOOD), (machine(), Style.BAD), (online(tags={"role": "jumphost"}), Style.WARN)],
)
def test_usable_near_and_not_usable_look_different(instance: Instance, style: Style) -> None:
    why = next(column for column in COLUMNS if column.key == "why")
    assert why.cell(only(instance), START).style is style
