"""`ls`: order, filters, the four forms of output, and the exit status when a part failed."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ec2menu.commands.ls import LsRequest, run_ls
from ec2menu.errors import AccessDenied, InvalidInput, RegionDisabled
from tests.unit.desk import REGION, CannedAws, Desk, context_at, machine, sit_down

HOSTILE = ['=cmd|"/c calc"!A1', "new\nline", "결제-api", 'quote"comma,', "tab\there", "\u202egnp.exe", "b" * 255]
DENIED = AccessDenied("ssm:DescribeInstanceInformation is denied", hint="have it allowed", action="ssm:X")


def ls(
    aws: CannedAws, folder: Path, *filters: str, regions: tuple[str, ...] = (REGION,), tty: bool = False, **more: Any
) -> tuple[Desk, int]:
    desk = sit_down(out_tty=tty, color=False)
    request: dict[str, Any] = {"kind": "ec2", "sort": "name", "output": "ids", "refresh": False} | more
    status = run_ls(context_at(desk, aws, folder, regions=regions), LsRequest(filters=filters, **request))
    return desk, status


@pytest.fixture
def aws() -> CannedAws:
    return CannedAws()


def test_ids_stand_one_a_line_in_the_order_of_their_names(aws: CannedAws, tmp_path: Path) -> None:
    aws.add(machine("i-1", "web-10"), machine("i-2", "web-9"), machine("i-3"), machine("i-4", "DB"))
    desk, status = ls(aws, tmp_path)
    assert (desk.data, desk.notes, status) == ("i-4\ni-2\ni-1\ni-3\n", "", 0)


@pytest.mark.parametrize("count", [0, 1, 11, 51, 101, 1001])
def test_every_machine_is_listed(count: int, aws: CannedAws, tmp_path: Path) -> None:
    aws.add(*(machine(f"i-{n}") for n in range(count)))
    desk, _ = ls(aws, tmp_path)
    assert len(desk.data.splitlines()) == count


def test_all_filters_must_pass(aws: CannedAws, tmp_path: Path) -> None:
    aws.add(machine("i-1", "web-1"), machine("i-2", "web-2", state="stopped"), machine("i-3", "db", state="stopped"))
    assert ls(aws, tmp_path, "web", "state:stopped")[0].data == "i-2\n"
    assert ls(aws, tmp_path, "!web")[0].data == "i-3\n"


@pytest.mark.parametrize(("sort", "first"), [("id", "i-1"), ("-id", "i-3"), ("priv", "i-2"), ("state", "i-2")])
def test_any_column_sorts(sort: str, first: str, aws: CannedAws, tmp_path: Path) -> None:
    aws.add(
        machine("i-1", "b", PrivateIpAddress="10.0.0.10"),
        machine("i-2", "c", state="pending", PrivateIpAddress="10.0.0.9"),
        machine("i-3", "a", state="stopped"),
    )
    assert ls(aws, tmp_path, sort=sort)[0].data.splitlines()[0] == first


@pytest.mark.parametrize("sort", ["nothing", "p", "", "-"])
def test_a_column_that_is_none_or_several_is_refused_once_with_the_names(
    sort: str, aws: CannedAws, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput) as caught:
        ls(aws, tmp_path, sort=sort)
    assert caught.value.message == f"--sort {sort!r} does not name one column"
    assert caught.value.hint.startswith("columns: name, region, id, state, ")
    assert aws.asked == []


def test_json_gives_back_every_name_as_it_is(aws: CannedAws, tmp_path: Path) -> None:
    aws.add(*(machine(f"i-{n}", name) for n, name in enumerate(HOSTILE)))
    desk, _ = ls(aws, tmp_path, output="json", sort="id")
    assert [record["name"] for record in json.loads(desk.data)] == HOSTILE


def test_csv_gives_back_every_name_as_it_is(aws: CannedAws, tmp_path: Path) -> None:
    aws.add(*(machine(f"i-{n}", name) for n, name in enumerate(HOSTILE)))
    desk, _ = ls(aws, tmp_path, output="csv", sort="id")
    records = list(csv.DictReader(io.StringIO(desk.data)))
    assert [record["name"] for record in records] == HOSTILE
    assert [json.loads(record["tags"])["Name"] for record in records] == HOSTILE
    assert {record["node"] for record in records} == {""}


@pytest.mark.parametrize(("output", "text"), [("json", "[]\n"), ("ids", "")])
def test_no_machines_are_no_data_and_no_words(output: str, text: str, aws: CannedAws, tmp_path: Path) -> None:
    desk, status = ls(aws, tmp_path, output=output)
    assert (desk.data, desk.notes, status) == (text, "", 0)


def test_csv_without_machines_has_the_same_header_as_with_them(aws: CannedAws, tmp_path: Path) -> None:
    empty, _ = ls(aws, tmp_path, output="csv")
    aws.add(machine("i-1", "web"))
    filled, _ = ls(aws, tmp_path, output="csv")
    assert empty.data == filled.data.splitlines(keepends=True)[0]


@pytest.mark.parametrize("output", ["csv", "json", "ids"])
def test_control_characters_do_not_reach_a_screen(output: str, aws: CannedAws, tmp_path: Path) -> None:
    hostile = "\x1b]0;owned\x07 \x9b31m \u202e결제"
    aws.add(machine("i-1\x1b", hostile))
    piped, _ = ls(aws, tmp_path, output=output)
    shown, _ = ls(aws, tmp_path, output=output, tty=True)
    assert all(line.isprintable() for line in shown.data.splitlines())
    assert (hostile in piped.data) == (output == "csv"), "a file gets what there is"
    if output == "json":
        assert json.loads(shown.data)[0]["name"] == hostile


def test_an_empty_table_is_told_in_words_beside_the_data(aws: CannedAws, tmp_path: Path) -> None:
    assert ls(aws, tmp_path, output="table")[0].notes == "there are no EC2 instances in us-east-1\n"
    several = ls(aws, tmp_path, output="table", regions=(REGION, "eu-west-1"))[0]
    assert (several.data, several.notes) == ("", "there are no EC2 instances in 2 regions\n")
    aws.add(machine("i-1", "web"))
    filtered = ls(aws, tmp_path, "db", output="table")[0]
    assert (filtered.data, filtered.notes) == ("", "none of the 1 EC2 instances in us-east-1 passes the filter\n")


def test_a_table_to_a_pipe_is_never_cut_and_one_to_a_screen_fits(
    aws: CannedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    aws.add(machine("i-0123456789abcdef0", "b" * 255))
    assert "b" * 255 in ls(aws, tmp_path, output="table")[0].data
    screen = ls(aws, tmp_path, output="table", tty=True)[0].data
    assert max(map(len, screen.splitlines())) <= 60
    assert "i-0123456789abcdef0" in screen


def test_a_region_that_fails_among_several_is_one_line_and_the_exit_status(aws: CannedAws, tmp_path: Path) -> None:
    aws.add(machine("i-1", "web"), region=REGION)
    aws.add(machine("i-2", "web"), region="eu-west-1")
    disabled = RegionDisabled("the region af-south-1 is not enabled", hint="choose another region")
    aws.lists["DescribeInstances", "af-south-1"] = aws.lists["DescribeInstanceInformation", "af-south-1"] = disabled
    desk, status = ls(aws, tmp_path, regions=(REGION, "af-south-1", "eu-west-1"))
    assert (desk.data, status) == ("i-1\ni-2\n", 3)
    assert desk.notes == "! af-south-1: the region af-south-1 is not enabled (choose another region)\n"


def test_all_regions_failing_is_the_error_of_the_first(aws: CannedAws, tmp_path: Path) -> None:
    aws.lists["DescribeInstances", ""] = aws.lists["DescribeInstanceInformation", ""] = DENIED
    with pytest.raises(AccessDenied):
        ls(aws, tmp_path, regions=(REGION, "eu-west-1"))


def test_a_denied_part_is_told_and_the_rest_is_listed(aws: CannedAws, tmp_path: Path) -> None:
    aws.add(machine("i-1", "web"))
    aws.lists["DescribeInstanceInformation", ""] = DENIED
    desk, status = ls(aws, tmp_path, output="json")
    assert [record["ssm_status"] for record in json.loads(desk.data)] == ["unknown"]
    assert re.fullmatch(r"! us-east-1: ssm:DescribeInstanceInformation is denied \(have it allowed\)\n", desk.notes)
    assert status == 3


def test_an_unknown_list_names_the_known_ones(aws: CannedAws, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        ls(aws, tmp_path, kind="s3")
    assert caught.value.hint == "the lists are: ec2, rds, cache, ecs, nodes, regions, jumphosts"


def test_no_region_says_how_to_name_one(aws: CannedAws, tmp_path: Path) -> None:
    desk = sit_down()
    request = LsRequest(kind="ec2", filters=(), sort="name", output="ids", refresh=False)
    with pytest.raises(InvalidInput) as caught:
        run_ls(context_at(desk, aws, tmp_path, home=""), request)
    assert "no region is set for profile default" in caught.value.message
    assert "-r us-east-1" in caught.value.hint
