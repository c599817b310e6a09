"""The registry of kinds, and models as plain records for json and csv."""

import json
from datetime import timedelta

import pytest

from ec2menu.errors import InvalidInput
from ec2menu.models import Instance, ManagedNode, PingStatus, Region
from ec2menu.resources.kinds import EC2, KINDS, NODES, REGIONS, kind_named, to_record
from tests.fakes.clock import START

NODE = ManagedNode(id="mi-1", region="eu-west-1", ping=PingStatus.ONLINE, last_ping=START, computer_name="db.corp")
MACHINE = Instance(
    id="i-1", region="eu-west-1", name="서울", state="running", launch_time=START, tags={"Name": "서울"}, node=NODE
)


@pytest.mark.parametrize("name", ["ec2", "nodes", "regions"])
def test_a_kind_is_found_by_its_name(name: str) -> None:
    assert kind_named(name).name == name


@pytest.mark.parametrize("name", ["", "EC2", "ec", "s3"])
def test_an_unknown_kind_is_refused_and_the_known_ones_are_listed(name: str) -> None:
    with pytest.raises(InvalidInput, match="there is no list called") as caught:
        kind_named(name)
    assert caught.value.hint == "the lists are: ec2, rds, cache, ecs, nodes, regions, jumphosts"


def test_every_kind_can_be_shown_and_sorted_by_distinct_columns() -> None:
    for name, kind in KINDS.items():
        keys = [column.key for column in kind.columns]
        assert kind.name == name
        assert kind.title
        assert len(keys) == len(set(keys))
        assert "name" in keys, "ls sorts by name unless told otherwise"


def test_only_regions_exist_once_and_not_per_region() -> None:
    assert [kind.name for kind in KINDS.values() if not kind.is_regional] == ["regions"]


def test_each_kind_knows_the_id_and_the_name_of_its_items() -> None:
    assert EC2.identify(MACHINE) == ("i-1", "서울")
    assert NODES.identify(NODE) == ("mi-1", "db.corp")
    assert REGIONS.identify(Region(name="eu-west-1", title="Ireland")) == ("eu-west-1", "Ireland")


def test_what_cannot_be_reached_is_dimmed() -> None:
    lost = ManagedNode(id="mi-2", region="eu-west-1", ping=PingStatus.CONNECTION_LOST)
    assert not EC2.is_dimmed(MACHINE)
    assert EC2.is_dimmed(Instance(id="i-2", region="r", state="stopped"))
    assert [NODES.is_dimmed(node) for node in (NODE, lost)] == [False, True]
    assert not REGIONS.is_dimmed(Region(name="r"))


def test_a_record_is_plain_json_with_moments_as_text_and_the_way_in() -> None:
    record = json.loads(json.dumps(to_record(MACHINE)))
    assert record["launch_time"] == "2026-03-01T12:00:00+00:00"
    assert record["node"]["last_ping"] == "2026-03-01T12:00:00+00:00"
    assert (record["tags"], record["name"]) == ({"Name": "서울"}, "서울")
    assert record["ssm_status"] == "Online"


def test_records_of_nodes_and_regions_are_plain_too() -> None:
    assert json.loads(json.dumps(to_record(NODE)))["ping"] == "Online"
    assert to_record(Region(name="r", title="t", opt_in="opted-in")) == {
        "name": "r",
        "title": "t",
        "opt_in": "opted-in",
    }


def test_a_record_leaves_the_model_as_it_was() -> None:
    to_record(MACHINE)["tags"]["Name"] = "changed"
    assert MACHINE.tags["Name"] == "서울"
    assert MACHINE.launch_time is not None
    assert MACHINE.launch_time - START == timedelta(0)
