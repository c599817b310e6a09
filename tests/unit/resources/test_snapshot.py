"""The last listings on disk: they come back as they were, or not at all."""

import json
import os
import stat
import subprocess
import sys
from dataclasses import FrozenInstanceError
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2menu.models import Instance, Listing, ManagedNode, PingStatus, Problem
from ec2menu.resources.kinds import EC2, NODES
from ec2menu.resources.packing import INSTANCES, pack_instance, unpack_instance
from ec2menu.resources.snapshot import Snapshots
from tests.fakes.clock import START

REGION = "eu-west-1"
LATER = START + timedelta(hours=1)

nodes = st.builds(
    ManagedNode,
    id=st.text(),
    region=st.just(REGION),
    ping=st.sampled_from(PingStatus),
    last_ping=st.one_of(st.none(), st.just(START)),
    platform_type=st.text(),
    name=st.text(),
)
instances = st.builds(
    Instance,
    id=st.text(),
    region=st.just(REGION),
    name=st.text(),
    state=st.sampled_from(["running", "stopped", ""]),
    launch_time=st.one_of(st.none(), st.just(START)),
    tags=st.dictionaries(st.text(), st.text(), max_size=3),
    node=st.one_of(st.none(), nodes),
    ssm_known=st.booleans(),
)


def a_listing(count: int = 3) -> Listing[Instance]:
    items = tuple(Instance(id=f"i-{n:017x}", region=REGION, name=f"결제-{n}", launch_time=START) for n in range(count))
    return Listing(items=items, as_of=START)


def kept_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


@given(instances)
def test_a_machine_comes_back_from_its_row_as_it_was(instance: Instance) -> None:
    row = json.loads(json.dumps(pack_instance(instance)))
    assert unpack_instance(row, REGION) == instance


@given(st.lists(instances, max_size=5))
def test_machines_come_back_from_their_columns_as_they_were(machines: list[Instance]) -> None:
    columns = json.loads(json.dumps(INSTANCES.pack_all(machines)))
    assert INSTANCES.unpack_all(columns, REGION) == tuple(machines)


@pytest.mark.parametrize("different", [1, 62, 63, 200])
def test_columns_of_few_and_of_many_different_texts_come_back_as_they_were(different: int) -> None:
    machines = tuple(
        Instance(
            id=f"i-{n}",
            region=REGION,
            vpc_id=f"vpc-{n % different}",
            node=ManagedNode(id=f"i-{n}", region=REGION, ping=PingStatus.ONLINE, name=str(n % different))
            if n % 2
            else None,
        )
        for n in range(200)
    )
    columns = json.loads(json.dumps(INSTANCES.pack_all(machines)))
    assert INSTANCES.unpack_all(columns, REGION) == machines


def test_what_comes_back_is_as_frozen_as_what_was_kept(tmp_path: Path) -> None:
    node = ManagedNode(id="i-1", region=REGION, ping=PingStatus.ONLINE)
    listing = Listing(items=(Instance(id="i-1", region=REGION, node=node),), as_of=START)
    Snapshots(tmp_path).save(EC2, REGION, listing)
    found = Snapshots(tmp_path).load(EC2, REGION, now=LATER)
    assert found is not None
    for kept in (found.items[0], found.items[0].node):
        with pytest.raises(FrozenInstanceError):
            kept.id = "i-2"


def test_a_listing_comes_back_with_its_age(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path / "a" / "b")
    snapshots.save(EC2, REGION, a_listing())
    assert snapshots.load(EC2, REGION, now=LATER) == a_listing()


def test_other_regions_kinds_and_identities_have_none(tmp_path: Path) -> None:
    Snapshots(tmp_path / "one").save(EC2, REGION, a_listing())
    assert Snapshots(tmp_path / "one").load(EC2, "us-east-1", now=LATER) is None
    assert Snapshots(tmp_path / "one").load(NODES, REGION, now=LATER) is None
    assert Snapshots(tmp_path / "two").load(EC2, REGION, now=LATER) is None


def test_only_the_owner_can_read_it_and_no_other_file_is_left(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        Snapshots(tmp_path / "a" / "b").save(EC2, REGION, a_listing())
    finally:
        os.umask(previous)
    assert stat.S_IMODE(kept_file(tmp_path / "a" / "b").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


def test_a_listing_with_a_part_missing_is_not_kept(tmp_path: Path) -> None:
    partial: Listing[Instance] = Listing(items=(), as_of=START, problems=(Problem(where=REGION, message="denied"),))
    Snapshots(tmp_path).save(EC2, REGION, partial)
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_nothing_is_kept() -> None:
    snapshots = Snapshots(None)
    snapshots.save(EC2, REGION, a_listing())
    assert snapshots.load(EC2, REGION, now=LATER) is None


def test_one_from_the_future_is_as_good_as_none(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    snapshots.save(EC2, REGION, a_listing())
    assert snapshots.load(EC2, REGION, now=START - timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: {**content, "version": 0},
        lambda content: {**content, "fields": ["other"]},
        lambda content: {**content, "columns": [["too", "short"]]},
        lambda content: {**content, "columns": "text"},
        lambda content: {**content, "columns": [None]},
        lambda content: {**content, "columns": content["columns"][:-1]},
        lambda content: {**content, "columns": [*content["columns"][:-1], []]},
        lambda content: {**content, "columns": [*content["columns"][:-1], {"texts": ["a"], "letters": "abc"}]},
        lambda content: {**content, "columns": [*content["columns"][:-1], {}]},
        lambda content: {**content, "as_of": "yesterday"},
        lambda content: {**content, "as_of": 1e300},
        lambda content: {key: value for key, value in content.items() if key != "columns"},
        lambda _content: [],
        lambda _content: None,
    ],
)
def test_one_that_is_damaged_or_from_another_version_is_as_good_as_none(tmp_path: Path, damage: Any) -> None:
    snapshots = Snapshots(tmp_path)
    snapshots.save(EC2, REGION, a_listing())
    path = kept_file(tmp_path)
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    assert snapshots.load(EC2, REGION, now=LATER) is None


def test_one_that_was_cut_short_anywhere_is_as_good_as_none(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    snapshots.save(EC2, REGION, a_listing(1))
    path = kept_file(tmp_path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert snapshots.load(EC2, REGION, now=LATER) is None


def test_where_nothing_can_be_written_the_old_one_stays(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    Snapshots(blocked / "below").save(EC2, REGION, a_listing())
    assert blocked.read_text() == "not a folder"


def test_a_later_listing_replaces_the_one_before(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    snapshots.save(EC2, REGION, a_listing(3))
    snapshots.save(EC2, REGION, a_listing(1))
    found = snapshots.load(EC2, REGION, now=LATER)
    assert found is not None
    assert len(found.items) == 1


def test_processes_that_write_at_once_leave_one_whole_listing(tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from tests.unit.resources.test_snapshot import EC2, REGION, Snapshots, a_listing
import sys
for _ in range(40):
    Snapshots(Path({str(tmp_path)!r})).save(EC2, REGION, a_listing(int(sys.argv[1])))
"""
    writers = [subprocess.Popen([sys.executable, "-c", program, str(count)]) for count in (1, 2000)]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        found = Snapshots(tmp_path).load(EC2, REGION, now=LATER)
        seen.add(None if found is None else len(found.items))
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen <= {None, 1, 2000}
    last = Snapshots(tmp_path).load(EC2, REGION, now=LATER)
    assert last is not None
    assert len(last.items) in (1, 2000)
    assert [path.name for path in tmp_path.iterdir()] == [f"ec2-{REGION}.json"]
