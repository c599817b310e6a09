"""The screen of kinds: what each answer opens, what is fetched meanwhile, and that this is never in the way."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from ec2menu.connectors.secrets import Password, PasswordKey
from ec2menu.errors import AccessDenied
from ec2menu.flows.context import Context
from ec2menu.resources.kinds import CACHE, EC2, ECS, RDS, ResourceKind
from ec2menu.ui.menu import Menu
from ec2menu.ui.screens.resources import ResourceScreen
from tests.unit.desk import REGION, CannedAws, Desk, context_at, machine, sit_down
from tests.unit.resources.cache_entries import cluster
from tests.unit.resources.database_entries import INSTANCE

WAIT_SECONDS = 10.0
PREFETCHED = (EC2, RDS, CACHE, ECS)
DENIED = AccessDenied("rds:DescribeDBInstances is denied", hint="have it allowed", action="rds:X")
OF_DATABASES = ("DescribeDBInstances", "DescribeDBClusters", "DescribeDBProxies")


@pytest.fixture(autouse=True)
def _screen_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "30")


@pytest.fixture
def aws() -> CannedAws:
    canned = CannedAws()
    canned.add(machine("i-1", "web-1"))
    canned.lists["DescribeDBInstances", ""] = [INSTANCE]
    canned.lists["DescribeCacheClusters", ""] = [cluster("sessions")]
    return canned


def at_screen(
    aws: CannedAws, folder: Path, *typed: str | BaseException, regions: Sequence[str] = (REGION,)
) -> tuple[Desk, Context]:
    """Return the desk and its Context after `typed` at the screen of kinds."""
    desk = sit_down(*typed)
    context = context_at(desk, aws, folder)
    Menu(desk.terminal).run(ResourceScreen(context, regions))
    assert desk.keyboard.left == 0
    return desk, context


def wait_until_landed(context: Context, *kinds: ResourceKind) -> None:
    """Wait until the kinds have been fetched, which somebody else must have started."""
    for kind in kinds:
        view = context.inventory.view(kind, (REGION,), fetch=False)
        while view.asking:
            assert context.inventory.wait_for_news(view.version, seconds=WAIT_SECONDS), f"nobody fetched {kind.name}"
            view = context.inventory.view(kind, (REGION,), fetch=False)


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("1", "EC2 instances in us-east-1: 1"),
        ("2", "RDS databases in us-east-1: 1"),
        ("3", "ElastiCache caches in us-east-1: 1"),
        ("5", "SSM nodes in us-east-1: 0"),
        ("rds", "RDS databases in us-east-1: 1"),
        ("CACHE", "ElastiCache caches in us-east-1: 1"),
    ],
)
def test_each_number_and_name_opens_its_list_and_zero_leads_back(
    typed: str, title: str, aws: CannedAws, tmp_path: Path
) -> None:
    desk, _ = at_screen(aws, tmp_path, typed, "0", "q")
    assert title in desk.data
    assert desk.data.count("us-east-1 N. Virginia") == 2


def test_containers_are_a_list_of_clusters_first(aws: CannedAws, tmp_path: Path) -> None:
    desk, _ = at_screen(aws, tmp_path, "4", "0", "q")
    assert "there are no ECS clusters in us-east-1" in desk.data
    assert desk.data.count("us-east-1 N. Virginia") == 2


@pytest.mark.parametrize("typed", ["t", "T", "tunnels"])
def test_t_shows_the_tunnels(typed: str, aws: CannedAws, tmp_path: Path) -> None:
    desk, _ = at_screen(aws, tmp_path, typed, "0", "q")
    assert "Tunnels: 0" in desk.data
    assert desk.data.count("us-east-1 N. Virginia") == 2


def test_forget_drops_the_passwords_and_says_so_below_the_kinds(aws: CannedAws, tmp_path: Path) -> None:
    key = PasswordKey(profile="default", target="us-east-1/billing", user="app")
    desk = sit_down("forget", "FORGET", "q")
    context = context_at(desk, aws, tmp_path)
    context.passwords.put(key, Password("hush-1"))
    Menu(desk.terminal).run(ResourceScreen(context, (REGION,)))
    assert context.passwords.get(key) is None
    assert desk.notes.index("1 password is forgotten") < desk.notes.index("no password is kept")
    assert desk.data.count("us-east-1 N. Virginia") == 1
    assert "hush" not in desk.data + desk.notes


@pytest.mark.parametrize("typed", ["99", "s3", "?"])
def test_any_other_answer_is_explained_below_the_kinds(typed: str, aws: CannedAws, tmp_path: Path) -> None:
    desk, _ = at_screen(aws, tmp_path, typed, "q")
    assert desk.data.count("us-east-1 N. Virginia") == 1
    assert "choose 1-" in desk.notes or "type a number" in desk.notes or "t shows the open tunnels" in desk.notes


# -- while the user reads ---------------------------------------------------------------------------------------------


def test_the_lists_of_one_region_are_fetched_once_while_the_user_reads(aws: CannedAws, tmp_path: Path) -> None:
    desk, context = at_screen(aws, tmp_path, "", "", "q")
    wait_until_landed(context, *PREFETCHED)
    counts = [context.inventory.count(kind, REGION) for kind in PREFETCHED]
    assert counts == [1, 1, 1, 0]
    assert desk.clock.slept == [0.3], "after what is on the screen has been shown, once"
    assert sorted(set(aws.asked)) == sorted(aws.asked), "nothing is asked twice"


def test_of_all_regions_nothing_is_fetched_before_it_is_asked_for(aws: CannedAws, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    at_screen(aws, tmp_path, "", "q", regions=(REGION, "eu-west-1"))
    for thread in set(threading.enumerate()) - before:
        thread.join(WAIT_SECONDS)
    assert aws.asked == []


def test_a_denied_kind_is_silent_until_its_list_is_opened_and_the_others_are_there(
    aws: CannedAws, tmp_path: Path
) -> None:
    aws.lists |= {(operation, ""): DENIED for operation in OF_DATABASES}
    desk = sit_down(
        lambda: wait_until_landed(context, *PREFETCHED),
        lambda: said.append(desk.notes),
        *("", "2", "3", "0", "q"),
    )
    said: list[str] = []
    context = context_at(desk, aws, tmp_path)
    Menu(desk.terminal).run(ResourceScreen(context, (REGION,)))
    assert "denied" not in said[0]
    assert desk.notes.count("ec2menu: rds:DescribeDBInstances is denied\n  hint: have it allowed\n") == 1
    assert "ElastiCache caches in us-east-1: 1" in desk.data
    assert aws.asked.count(("DescribeDBInstances", REGION)) == 2, "who enters the list has it asked anew"
