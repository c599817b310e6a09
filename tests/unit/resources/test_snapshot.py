"""The last listings on disk: they come back as they were, or not at all."""

import json
import os
import stat
import subprocess
import sys
from dataclasses import FrozenInstanceError
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2menu import __version__
from ec2menu.models import Instance, Listing, ManagedNode, PingStatus, Problem
from ec2menu.resources.kinds import EC2, NODES
from ec2menu.resources.packing import INSTANCES, PackedItems, pack_instance, unpack_instance
from ec2menu.resources.snapshot import KEPT_SECONDS, VERSION, Snapshots, kept_count
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


def as_key(instance: Instance) -> str:
    return instance.name


@given(st.lists(instances, max_size=5))
def test_machines_come_back_from_their_lines_as_they_were(machines: list[Instance]) -> None:
    places = count()
    packed = INSTANCES.pack_lines(machines, lambda machine: f"{next(places)}{machine.name}")
    assert all(len(line.splitlines()) == 1 for line in packed)
    one_by_one = INSTANCES.unpack_lines(packed, REGION)
    assert [one_by_one[index] for index in range(len(one_by_one))] == machines
    assert list(one_by_one[1:3]) == machines[1:3]
    assert INSTANCES.unpack_lines(packed, REGION) == tuple(machines)


def test_only_what_is_looked_at_is_read() -> None:
    items = INSTANCES.unpack_lines([*INSTANCES.pack_lines(a_listing(2).items, as_key), b"no JSON"], REGION)
    assert len(items) == 3
    assert items[:2] == list(a_listing(2).items)


def test_several_regions_are_one_list_in_the_order_of_their_keys() -> None:
    parts = []
    for number, names in enumerate((["a", "c", "e"], ["b", "c", "d"], [])):
        packed = INSTANCES.pack_lines([Instance(id=name, region="", name=name) for name in names], as_key)
        parts.append(INSTANCES.unpack_lines(packed, f"region-{number}"))
    merged = PackedItems.merge(parts)
    assert [(item.name, item.region[-1]) for item in merged] == [
        *(("a", "0"), ("b", "1"), ("c", "0"), ("c", "1"), ("d", "1"), ("e", "0")),
    ]
    assert merged[1].region == "region-1"


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


def test_how_many_there_are_is_known_without_reading_them(tmp_path: Path) -> None:
    Snapshots(tmp_path).save(EC2, REGION, a_listing(3))
    path = kept_file(tmp_path)
    assert kept_count(tmp_path, EC2.name, REGION, now=START) == (3, START)
    assert kept_count(tmp_path, EC2.name, "us-east-1", now=START) is None
    assert kept_count(tmp_path / "none", EC2.name, REGION, now=START) is None
    head, _, _ = path.read_text().partition("\n")
    path.write_text(head.replace(VERSION, "0"))
    assert kept_count(tmp_path, EC2.name, REGION, now=START) is None
    path.write_text("damaged")
    assert kept_count(tmp_path, EC2.name, REGION, now=START) is None


@pytest.mark.parametrize("change", [{"count": -1}, {"as_of": LATER.timestamp() + 1}])
def test_a_head_that_cannot_be_true_tells_no_number(tmp_path: Path, change: dict[str, float]) -> None:
    Snapshots(tmp_path).save(EC2, REGION, a_listing(3))
    head, _, body = kept_file(tmp_path).read_text().partition("\n")
    kept_file(tmp_path).write_text(json.dumps(json.loads(head) | change) + "\n" + body)
    assert kept_count(tmp_path, EC2.name, REGION, now=LATER) is None


def test_the_listings_of_another_account_are_dropped(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path / "mine")
    snapshots.save(EC2, REGION, a_listing())
    assert snapshots.claim("111122223333"), "whose they are was not written down before"
    assert Snapshots(tmp_path / "mine").claim("111122223333")
    assert snapshots.load(EC2, REGION, now=LATER) == a_listing()
    assert not Snapshots(tmp_path / "mine").claim("444455556666")
    assert snapshots.load(EC2, REGION, now=LATER) is None
    assert Snapshots(tmp_path / "mine").claim("444455556666")
    assert Snapshots(None).claim("444455556666")


def test_what_nobody_has_used_for_a_month_is_removed(tmp_path: Path) -> None:
    for name in ("today", "yesterday", "long-ago", "newest"):
        Snapshots(tmp_path / name).save(EC2, REGION, a_listing(1))
    for name, age in (("yesterday", timedelta(days=1)), ("long-ago", timedelta(seconds=KEPT_SECONDS + 60))):
        moment = (START - age).timestamp()
        os.utime(tmp_path / name, (moment, moment))
    (tmp_path / "a file").touch()
    Snapshots(tmp_path / "today").save(EC2, REGION, a_listing(2))
    assert {path.name for path in tmp_path.iterdir()} == {"today", "yesterday", "newest", "a file"}


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
        lambda head: {**head, "version": f"0 {__version__}"},
        lambda head: {**head, "version": f"{VERSION}.1"},
        lambda head: {**head, "fields": ["other"]},
        lambda head: {**head, "checksum": head["checksum"] + 1},
        lambda head: {**head, "as_of": "yesterday"},
        lambda head: {**head, "as_of": 1e300},
        lambda head: {key: value for key, value in head.items() if key != "order"},
        lambda _head: [],
        lambda _head: None,
    ],
)
def test_one_that_is_damaged_or_from_another_version_is_as_good_as_none(tmp_path: Path, damage: Any) -> None:
    snapshots = Snapshots(tmp_path)
    snapshots.save(EC2, REGION, a_listing())
    path = kept_file(tmp_path)
    head, _, body = path.read_text().partition("\n")
    path.write_text(f"{json.dumps(damage(json.loads(head)))}\n{body}")
    assert snapshots.load(EC2, REGION, now=LATER) is None


def test_one_with_a_single_wrong_byte_in_its_items_is_as_good_as_none(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    snapshots.save(EC2, REGION, a_listing(2))
    path = kept_file(tmp_path)
    whole = path.read_bytes()
    for place in range(whole.index(b"\n") + 1, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert snapshots.load(EC2, REGION, now=LATER) is None


def test_a_listing_is_kept_in_the_order_in_which_it_is_shown(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, order="name", order_key=lambda _kind, item: item.name)
    snapshots.save(EC2, REGION, Listing(items=a_listing(3).items[::-1], as_of=START))
    assert snapshots.load(EC2, REGION, now=LATER) == Listing(items=a_listing(3).items, as_of=START, order="name")
    assert Snapshots(tmp_path).load(EC2, REGION, now=LATER) is None, "who wants another order cannot use it"


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
