"""Databases, caches and containers from disk: drawn first as they were, with their age, until AWS has answered."""

import json
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ec2menu.aws.session import Aws
from ec2menu.models import CacheAuth, Container, DbMember, Endpoint, EndpointRole, ExecStatus, Listing, Problem
from ec2menu.resources.inventory import Inventory
from ec2menu.resources.kinds import CACHE, ECS, RDS, ResourceKind
from ec2menu.resources.snapshot import Snapshots
from tests.fakes.clock import START, FakeClock
from tests.unit.resources.cache_entries import cache, end
from tests.unit.resources.database_entries import REGION, database
from tests.unit.resources.test_inventory import WAIT_SECONDS, an_aws

WRITER = database(
    id="결제:writer",
    role=EndpointRole.WRITER,
    iam_auth=True,
    members=(DbMember(id="a", is_writer=True, endpoint=Endpoint(host="a", port=5432)), DbMember(id="b")),
)
SHARDED = cache(id="feed:configuration", auth=CacheAuth.RBAC, nodes=(("feed-1", end("n1")),), subnet_ids=("s-1",))
APP = Container(
    id="shop/1a/app",
    region=REGION,
    cluster="shop",
    task_id="1a",
    name="app",
    started_at=START - timedelta(days=2),
    exec_status=ExecStatus.MAY_FAIL,
    reason="read-only",
    ports=(8080, 9901),
)
KEPT: list[tuple[ResourceKind, tuple[Any, ...]]] = [
    (RDS, (database(endpoint=None, status="creating"), WRITER)),
    (CACHE, (SHARDED, cache())),
    (ECS, (Container(id="idle", region=REGION, cluster="idle"), APP)),
]
each_kind = pytest.mark.parametrize(("kind", "items"), KEPT, ids=["rds", "cache", "ecs"])
Fetch = Callable[[Aws, str, datetime, Callable[[str], None]], Listing[Any]]


def that_lists(kind: ResourceKind, items: Sequence[Any], *, problems: tuple[Problem, ...] = ()) -> ResourceKind:
    """Return the kind with a fetch that needs no AWS."""
    return replace(
        kind, fetch=lambda _aws, _region, now, _note: Listing(items=tuple(items), as_of=now, problems=problems)
    )


def run(folder: Path, *, age: timedelta = timedelta()) -> Inventory:
    """Return the inventory of a run that begins `age` after the first."""
    clock = FakeClock(START + age)
    return Inventory(aws=an_aws, clock=clock, ttl_seconds=300, workers=2, snapshots=Snapshots(folder))


def land(inventory: Inventory, kind: ResourceKind) -> None:
    """Have the kind fetched and kept."""
    view = inventory.view(kind, [REGION])
    while view.asking:
        assert inventory.wait_for_news(view.version, seconds=WAIT_SECONDS)
        view = inventory.view(kind, [REGION], fetch=False)
    with inventory._landed:
        assert inventory._landed.wait_for(lambda: not inventory._saving, WAIT_SECONDS)


@each_kind
def test_the_next_run_shows_the_list_as_it_was_before_it_asks(
    kind: ResourceKind, items: tuple[Any, ...], tmp_path: Path
) -> None:
    folder = tmp_path / "snapshots" / "me"
    land(run(folder), that_lists(kind, items))
    view = run(folder, age=timedelta(hours=3)).view(that_lists(kind, ()), [REGION], fetch=False)
    assert view.listing.items == items
    assert view.listing.as_of == START
    assert (view.asking, view.unknown) == ((REGION,), ()), "it is asked for anew, and something is known of it"
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@each_kind
def test_what_aws_says_takes_the_place_of_what_was_kept(
    kind: ResourceKind, items: tuple[Any, ...], tmp_path: Path
) -> None:
    land(run(tmp_path), that_lists(kind, items))
    later, now = run(tmp_path, age=timedelta(hours=3)), that_lists(kind, items[1:])
    land(later, now)
    view = later.view(now, [REGION])
    assert view.listing.items == items[1:]
    assert view.listing.as_of == START + timedelta(hours=3)
    assert run(tmp_path, age=timedelta(hours=4)).view(now, [REGION], fetch=False).listing.items == items[1:]


@each_kind
def test_another_region_has_a_file_of_its_own(kind: ResourceKind, items: tuple[Any, ...], tmp_path: Path) -> None:
    land(run(tmp_path), that_lists(kind, items))
    view = run(tmp_path, age=timedelta(hours=1)).view(that_lists(kind, ()), ["eu-west-1"], fetch=False)
    assert (view.listing.items, view.unknown) == ((), ("eu-west-1",))


@each_kind
def test_a_list_that_lacked_a_part_is_not_kept(kind: ResourceKind, items: tuple[Any, ...], tmp_path: Path) -> None:
    land(run(tmp_path), that_lists(kind, items, problems=(Problem(where=REGION, message="half"),)))
    assert list(tmp_path.iterdir()) == []


@each_kind
@pytest.mark.parametrize("damage", ["cut", "field", "row", "role"])
def test_a_file_that_does_not_fit_is_as_good_as_none(
    damage: str, kind: ResourceKind, items: tuple[Any, ...], tmp_path: Path
) -> None:
    land(run(tmp_path), that_lists(kind, items))
    (file,) = tmp_path.iterdir()
    text = file.read_text()
    head, *lines = text.split("\n")
    enum = {"rds": "writer", "cache": "users", "ecs": "may fail"}[kind.name]
    broken = {
        "cut": text[:-3],
        "field": "\n".join([head.replace('"fields": [', '"fields": ["one more", '), *lines]),
        "row": "\n".join([head, *lines[:-1]]),
        "role": text.replace(f'"{enum}"', '"no such word"'),
    }[damage]
    assert broken != text
    file.write_text(broken)
    view = run(tmp_path, age=timedelta(hours=1)).view(that_lists(kind, ()), [REGION], fetch=False)
    assert (view.listing.items, view.unknown) == ((), (REGION,))


def test_no_password_is_in_a_record_that_is_kept(tmp_path: Path) -> None:
    land(run(tmp_path), that_lists(RDS, [database(secret_arn="arn:secret", username="app")]))
    (file,) = tmp_path.iterdir()
    fields = json.loads(file.read_text().partition("\n")[0])["fields"]
    assert not [name for name in fields if "password" in name and name != "accepts_password"]
