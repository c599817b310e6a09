"""The menu's screens with a scripted user: what a number means, what is said where, and what stays as it was."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ec2menu.aws.profiles import Profiles
from ec2menu.errors import AccessDenied, AwsError, InvalidInput
from ec2menu.models import Region
from ec2menu.resources.kinds import EC2, NODES
from ec2menu.state.recent import note_region, remember_regions
from ec2menu.ui.menu import Menu
from ec2menu.ui.screens.machines import machine_screen
from ec2menu.ui.screens.regions import RegionScreen
from ec2menu.ui.screens.resources import ResourceScreen
from tests.fakes.clock import START
from tests.unit.desk import REGION, CannedAws, Desk, context_at, machine, sit_down

Line = str | BaseException | Callable[[], object]
DENIED = AccessDenied("ssm:X in us-east-1 is denied for arn:aws:iam::1:user/me", hint="have it allowed", action="ssm:X")


@pytest.fixture(autouse=True)
def _screen_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")


@pytest.fixture
def aws() -> CannedAws:
    return CannedAws()


@pytest.fixture
def visit(aws: CannedAws, tmp_path: Path) -> Callable[..., Desk]:
    """`visit(*typed)`: type lines at the list of EC2 instances until they run out (Ctrl-D), and return the desk."""

    def go(*typed: Line, kind: str = "ec2") -> Desk:
        desk = sit_down(*typed)
        context = context_at(desk, aws, tmp_path)
        Menu(desk.terminal).run(machine_screen(context, EC2 if kind == "ec2" else NODES, (REGION,)))
        assert desk.keyboard.left == 0
        return desk

    return go


def titles(desk: Desk) -> list[str]:
    return [line for line in desk.data.splitlines() if line.startswith("EC2 instances in")]


def rows(desk: Desk) -> list[str]:
    """Return the Names of the rows of the last list drawn, with their numbers."""
    last = desk.data.rpartition("Instance ID")[2].splitlines()[1:]
    return [" ".join(line.split()[:2]) for line in last if line.strip()]


def test_a_number_counts_within_the_rows_that_pass_the_filter(aws: CannedAws, visit: Callable[..., Desk]) -> None:
    aws.add(
        machine("i-1", "old", state="stopped", LaunchTime=START.replace(hour=11, minute=0)),
        machine("i-2", "young", state="stopped", LaunchTime=START.replace(hour=11, minute=30)),
    )
    desk = visit("age:30m", "?", "1")
    assert "cannot connect to young (i-2)" in desk.notes


def test_a_filter_on_the_age_does_not_renumber_behind_the_screen(aws: CannedAws, tmp_path: Path) -> None:
    aws.add(
        machine("i-1", "a", state="stopped", LaunchTime=START.replace(hour=11, minute=29)),
        machine("i-2", "b", state="stopped", LaunchTime=START.replace(hour=11, minute=30)),
    )
    desk = sit_down("age:30m", lambda: desk.clock.advance(60), "1")
    Menu(desk.terminal).run(machine_screen(context_at(desk, aws, tmp_path), EC2, (REGION,)))
    assert "cannot connect to b (i-2)" in desk.notes


def test_the_title_tells_how_many_in_which_order_since_when_and_what_is_left_out(
    aws: CannedAws, tmp_path: Path
) -> None:
    aws.add(machine("i-1", "web-1"), machine("i-2", "db-1", state="stopped"))
    desk = sit_down("state:run !db", lambda: desk.clock.advance(125), "s -id", "/")
    Menu(desk.terminal).run(machine_screen(context_at(desk, aws, tmp_path), EC2, (REGION,)))
    assert titles(desk) == [
        "EC2 instances in us-east-1: 2 · by name · just now",
        "EC2 instances in us-east-1: 1 of 2 with state:run !db · by name · just now",
        "EC2 instances in us-east-1: 1 of 2 with state:run !db · by -id · 2m ago",
        "EC2 instances in us-east-1: 2 · by -id · 2m ago",
    ]


def test_turning_past_the_last_page_says_so_and_leaves_the_list(aws: CannedAws, visit: Callable[..., Desk]) -> None:
    aws.add(*(machine(f"i-{n}", f"web-{n}") for n in range(1, 31)))
    desk = visit("p", "n", "n", "p")
    assert desk.notes.count("this is the first page") == 1
    assert desk.notes.count("this is the last page") == 1
    assert len(titles(desk)) == 3
    assert rows(desk)[0] == "1 web-1"


def test_an_exclamation_mark_tells_in_full_what_could_not_be_listed(aws: CannedAws, visit: Callable[..., Desk]) -> None:
    assert "nothing is missing" in visit("!").notes
    aws.lists["DescribeInstanceInformation", ""] = DENIED
    desk = visit("!")
    assert desk.notes.count("! us-east-1: ssm:X in us-east-1 is denied") == 2
    assert "no EC2 instances in us-east-1 could be listed" in desk.data


def test_a_page_is_as_long_as_the_screen_allows(
    aws: CannedAws, visit: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.add(*(machine(f"i-{n}", f"web-{n}") for n in range(1, 31)))
    assert len(rows(visit())) == 18
    monkeypatch.setenv("LINES", "12")
    assert len(rows(visit())) == 6
    monkeypatch.setenv("LINES", "100")
    assert len(rows(visit())) == 30


def test_the_next_page_begins_behind_the_last_row_that_was_drawn(
    aws: CannedAws, visit: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.add(*(machine(f"i-{n:02}", f"web-{n}") for n in range(1, 31)))
    desk = visit(lambda: monkeypatch.setenv("LINES", "12"), "n", lambda: monkeypatch.setenv("LINES", "24"), "", "p")
    lists = [chunk.splitlines()[1:] for chunk in desk.data.split("Instance ID")[1:]]
    numbers = [[int(line.split()[0]) for line in lines if line[:2].strip().isdecimal()] for lines in lists]
    assert [(page[0], page[-1]) for page in numbers] == [(1, 18), (19, 24), (19, 30), (1, 18)]


def test_a_number_of_another_page_counts_too(aws: CannedAws, visit: Callable[..., Desk]) -> None:
    aws.add(*(machine(f"i-{n}", f"web-{n}", state="stopped") for n in range(1, 31)))
    assert "cannot connect to web-30 (i-30)" in visit("30").notes


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("99", "99 is not in the list; choose 1-2"),
        ("2-1", "runs backwards"),
        ("s nothing", "no column is called nothing"),
        ("state:", "looks for nothing"),
        ("", None),
    ],
)
def test_a_wrong_answer_is_explained_below_the_list(
    typed: str, reason: str | None, aws: CannedAws, visit: Callable[..., Desk]
) -> None:
    aws.add(machine("i-1", "a"), machine("i-2", "b"))
    desk = visit(typed)
    assert reason is None or reason in desk.notes
    assert len(titles(desk)) == (2 if reason is None else 1)


def test_help_fits_on_a_screen_of_80_columns(aws: CannedAws, visit: Callable[..., Desk]) -> None:
    aws.add(machine("i-1", "a"))
    assert max(map(len, visit("?").notes.replace(f"{REGION} ec2: ", "\n").splitlines())) <= 79


def test_an_account_without_machines_says_so(visit: Callable[..., Desk]) -> None:
    desk = visit("1", "all")
    assert "there are no EC2 instances in us-east-1" in desk.data
    assert desk.notes.count("the list is empty; there is nothing to choose") == 2


def test_a_word_before_a_colon_that_is_no_column_is_named_where_nothing_passes(
    aws: CannedAws, visit: Callable[..., Desk]
) -> None:
    aws.add(machine("i-1", "a"))
    assert "nothing passes the filter; / shows all again; nope is no column, those are: name," in visit("nope:x").data
    assert "nothing passes the filter; / shows all again; by a tag: tag:Env=prod" in visit("Env=prod").data


def test_a_filter_that_nothing_passes_says_how_to_see_all_again(aws: CannedAws, visit: Callable[..., Desk]) -> None:
    aws.add(machine("i-1", "a"))
    assert "nothing passes the filter; / shows all again" in visit("zzz").data


def test_a_refresh_that_fails_keeps_the_list_and_tells_below_it(aws: CannedAws, visit: Callable[..., Desk]) -> None:
    aws.add(machine("i-1", "a", state="stopped"))

    def break_aws() -> None:
        aws.lists["DescribeInstances", ""] = AwsError("throttled", hint="wait")
        aws.lists["DescribeInstanceInformation", ""] = AwsError("throttled, too")

    desk = visit(break_aws, "r", "1")
    assert len(titles(desk)) == 1
    assert "ec2menu: throttled; throttled, too\n  hint: wait\n" in desk.notes
    assert "cannot connect to a (i-1)" in desk.notes


def test_what_ssm_did_not_tell_is_a_line_of_its_own_and_costs_rows(aws: CannedAws, tmp_path: Path) -> None:
    aws.add(*(machine(f"i-{n}", f"web-{n}") for n in range(1, 31)))
    aws.lists["DescribeInstanceInformation", ""] = DENIED
    desk = sit_down(err_tty=True)
    Menu(desk.terminal).run(machine_screen(context_at(desk, aws, tmp_path), EC2, (REGION,)))
    drawn = f"{desk.data.partition('EC2 instances')[2]}{desk.notes}"
    assert "unknown" in desk.data.splitlines()[3]
    assert len(drawn.strip("\n").splitlines()) <= 24
    assert "ssm:X in us-east-1 is denied" in desk.notes


@pytest.mark.parametrize("typed", ["0", "b", "back", "B"])
def test_zero_and_b_go_back(typed: str, aws: CannedAws, visit: Callable[..., Desk]) -> None:
    aws.add(machine("i-1", "a"))
    assert len(titles(visit(typed))) == 1


def test_a_kind_is_chosen_by_number_or_name_and_a_wrong_answer_does_not_redraw(aws: CannedAws, tmp_path: Path) -> None:
    desk = sit_down("7", "?", "", "nodes", "0", "q")
    Menu(desk.terminal).run(ResourceScreen(context_at(desk, aws, tmp_path), (REGION,)))
    assert "7 is not in the list; choose 1-5" in desk.notes
    assert "a number lists that kind" in desk.notes
    assert desk.data.count("us-east-1 N. Virginia") == 3
    assert "SSM nodes in us-east-1: 0" in desk.data


def test_an_mfa_login_that_fails_on_the_way_into_a_region_leaves_the_menu_where_it_was(
    aws: CannedAws, tmp_path: Path
) -> None:
    aws.who = InvalidInput("there is no profile nope", hint="list them")
    desk = sit_down("", "q")
    context = context_at(desk, aws, tmp_path)
    context.profiles = Profiles(sections={"default": {"role_arn": "arn", "mfa_serial": "arn"}})
    remember_regions(context.store, "default", (Region(name=REGION, opt_in="opt-in-not-required"),))
    Menu(desk.terminal).run(RegionScreen(context))
    assert "ec2menu: there is no profile nope\n  hint: list them\n" in desk.notes
    assert desk.data.count("Region (profile default)") == 2


def region_desk(tmp_path: Path, *typed: Line, home: str = REGION, **opt_in: str) -> Desk:
    """Return the desk after `typed` at the region screen, AWS having said `opt_in` in an earlier run."""
    desk = sit_down(*typed, "q")
    context = context_at(desk, CannedAws(), tmp_path, home=home)
    known = {name.replace("_", "-"): status for name, status in opt_in.items()}
    remember_regions(context.store, "default", [Region(name=name, opt_in=word) for name, word in known.items()])
    Menu(desk.terminal).run(RegionScreen(context))
    return desk


def test_a_default_that_is_not_enabled_is_not_offered(tmp_path: Path) -> None:
    desk = region_desk(tmp_path, "", home="af-south-1", af_south_1="not-opted-in", eu_west_1="opt-in-not-required")
    assert "! af-south-1, the default, is not enabled for this account" in desk.notes
    assert "region: type a number or the name of a region" in desk.notes.replace("\n", "")
    assert "1  eu-west-1" in desk.data


def test_only_enabled_regions_are_offered_once_they_are_known(tmp_path: Path) -> None:
    desk = region_desk(tmp_path, us_east_1="opt-in-not-required", mx_central_1="opted-in", eu_south_1="not-opted-in")
    assert "mx-central-1" in desk.data
    assert "eu-south-1" not in desk.data
    assert "us-west-2" not in desk.data


def test_regions_stand_in_the_order_of_their_names_whether_aws_has_been_asked_or_not(tmp_path: Path) -> None:
    known = dict.fromkeys(("us_east_1", "eu_west_1", "ap_south_1"), "opt-in-not-required")
    for desk in (region_desk(tmp_path / "known", **known), region_desk(tmp_path / "unknown")):
        names = [line.split()[1] for line in desk.data.splitlines() if "-" in line][1:]
        assert names == sorted(names)


def test_recent_regions_come_first(tmp_path: Path) -> None:
    desk = sit_down("q")
    context = context_at(desk, CannedAws(), tmp_path)
    note_region(context.store, "default", "sa-east-1", START.replace(hour=1))
    note_region(context.store, "default", "eu-west-3", START.replace(hour=2))
    note_region(context.store, "other", "eu-west-2", START.replace(hour=3))
    Menu(desk.terminal).run(RegionScreen(context))
    lines = desk.data.splitlines()[2:5]
    assert [line.split()[1] for line in lines] == ["eu-west-3", "sa-east-1", "us-east-1"]
    assert lines[0].endswith("recent")
    assert lines[2].endswith("default")


def test_text_narrows_regions_by_name_or_place_and_a_slash_shows_all_again(tmp_path: Path) -> None:
    desk = region_desk(tmp_path, "seoul", "9", "/zzz", "1", "/")
    assert "Region (profile default): 1 of 17 with seoul" in desk.data
    assert "9 is not in the list; choose 1-1" in desk.notes
    assert "no region has that; / shows all again" in desk.data
    assert "there is nothing to choose from" in desk.notes
    assert desk.data.count("us-west-2") == 2


def test_a_narrowed_list_of_regions_offers_no_default_that_it_does_not_show(tmp_path: Path) -> None:
    desk = region_desk(tmp_path, "seoul", "", "tokyo", "us")
    assert "type a number or the name of a region" in desk.notes
    assert (desk.notes.count("region [us-east-1]:"), desk.notes.count("region:")) == (2, 3)


def test_all_regions_are_entered_from_a_narrowed_list_too(tmp_path: Path) -> None:
    desk = region_desk(tmp_path, "seoul", "all", us_east_1="opt-in-not-required", ap_northeast_2="opt-in-not-required")
    assert "all regions, list (0 back, q quit):" in desk.notes


@pytest.mark.parametrize("typed", ["99", "nowhere", "결제", "\x1b[2J", "?"])
def test_a_wrong_answer_at_the_regions_is_explained_below_them(typed: str, tmp_path: Path) -> None:
    desk = region_desk(tmp_path, typed)
    assert desk.data.count("Region (profile") == 1
    assert "choose" in desk.notes or "type a number" in desk.notes
    assert "\x1b" not in desk.notes


@pytest.mark.parametrize(("answer", "opened"), [("n", 0), ("", 0), ("y", 21)])
def test_many_rows_at_once_are_asked_about_before_anything_is_opened(
    answer: str, opened: int, aws: CannedAws, visit: Callable[..., Desk]
) -> None:
    aws.add(*(machine(f"i-{number}", f"web-{number}", state="stopped") for number in range(21)))
    desk = visit("all", answer)
    assert "that is 21 at once: go on? [y/N]" in desk.notes
    assert desk.notes.count("the instance is stopped") == opened


def test_a_few_rows_at_once_are_not_asked_about(aws: CannedAws, visit: Callable[..., Desk]) -> None:
    aws.add(*(machine(f"i-{number}", f"web-{number}", state="stopped") for number in range(20)))
    assert visit("all").notes.count("the instance is stopped") == 20


def test_all_of_a_list_that_lacks_a_part_are_told_to_be_not_all(aws: CannedAws, visit: Callable[..., Desk]) -> None:
    aws.add(machine("i-1", "web-1"), machine("i-2", "web-2"))
    aws.lists["DescribeInstanceInformation", ""] = DENIED
    warning = "! what could not be listed is not among these"
    assert warning in visit("run all", "0").notes
    assert warning not in visit("run 1", "0").notes


def test_on_a_narrow_screen_all_gives_way_but_number_and_age(
    aws: CannedAws, visit: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    aws.add(machine("i-1", "web-1"))
    assert "1 · just now" in visit().data.splitlines()


def test_all_regions_are_those_that_aws_names_by_now(aws: CannedAws, tmp_path: Path) -> None:
    desk = sit_down("r", "q")
    context = context_at(desk, aws, tmp_path)
    remember_regions(context.store, "default", [Region(name=REGION, opt_in="opt-in-not-required")])
    screen = RegionScreen(context)
    screen.enter("all")
    assert context.regions_now((REGION,)) == (REGION,)
    names = (REGION, "eu-west-1")
    found = {"Regions": [{"RegionName": name, "OptInStatus": "opt-in-not-required"} for name in names]}
    aws.call = lambda *_arguments, **_parameters: found  # type: ignore[method-assign]
    Menu(desk.terminal).run(screen)
    assert sorted(context.regions_now((REGION,))) == sorted(names)
    assert context.regions_now(("eu-west-1",)) == ("eu-west-1",), "one that was chosen stays the one"
