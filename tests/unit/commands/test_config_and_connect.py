"""`config` shows every setting as it would be written; `connect` holds its window until what it says was read."""

from dataclasses import fields
from pathlib import Path

import pytest

from ec2menu.commands.config import run_config
from ec2menu.commands.connect import run_connect
from ec2menu.config import DEFAULT, Config, Settings
from ec2menu.errors import AccessDenied, ExitStatus, InvalidInput, TargetUnavailable, TargetUnclear
from ec2menu.flows.databases import Wishes
from ec2menu.flows.several import HOLD_VARIABLE
from tests.unit.desk import CannedAws, context_at, machine, sit_down
from tests.unit.resources.database_entries import INSTANCE


def test_every_setting_is_shown_as_it_is_written_with_its_source(tmp_path: Path) -> None:
    desk = sit_down()
    context = context_at(desk, CannedAws(), tmp_path)
    sources = {field.name: DEFAULT for field in fields(Settings)} | {"color": "environment"}
    path = tmp_path / "config.toml"
    context.config = Config(settings=Settings(color=False, region="eu-west-1"), path=path, sources=sources)
    assert run_config(context) == ExitStatus.DONE
    lines = {line.split()[0]: line.split() for line in desk.data.splitlines() if line}
    assert set(lines) >= set(sources)
    assert lines["color"][1:3] == ["false", "environment"]
    assert lines["region"][1:3] == ["eu-west-1", "default"]
    assert lines["windows"][1] == "true"
    assert f"{path}  (not there yet)" in desk.data
    assert str(tmp_path / "state.sqlite3") in desk.data
    path.touch()
    run_config(context)
    assert desk.data.count("not there yet") == 1


def test_what_aws_has_set_is_shown_where_no_setting_of_ours_says_otherwise(tmp_path: Path) -> None:
    desk = sit_down()
    context = context_at(desk, CannedAws(), tmp_path, home="ap-northeast-2")
    sources = {field.name: DEFAULT for field in fields(Settings)}
    context.config = Config(settings=Settings(), path=tmp_path / "config.toml", sources=sources)
    run_config(context)
    lines = {line.split()[0]: line.split() for line in desk.data.splitlines() if line}
    assert lines["region"][1:3] == ["ap-northeast-2", "AWS's"]
    assert lines["profile"][1:3] == ["default", "AWS's"]


@pytest.fixture
def aws() -> CannedAws:
    canned = CannedAws()
    canned.add(machine("i-1", "web-1", state="stopped"), machine("i-2", "web-2", state="stopped"))
    return canned


@pytest.mark.parametrize(
    ("target", "error"), [("web-1", TargetUnavailable), ("web", TargetUnclear), ("nothing", TargetUnclear)]
)
def test_a_target_that_cannot_be_connected_to_is_an_error(
    target: str, error: type[Exception], aws: CannedAws, tmp_path: Path
) -> None:
    with pytest.raises(error):
        run_connect(context_at(sit_down(), aws, tmp_path), target, way="", wishes=Wishes())


def test_a_window_tells_its_error_before_it_waits_to_be_closed(aws: CannedAws, tmp_path: Path) -> None:
    desk = sit_down("")
    context = context_at(desk, aws, tmp_path, environ={HOLD_VARIABLE: "1"})
    assert run_connect(context, "web-1", way="", wishes=Wishes()) == ExitStatus.TARGET_FAILED
    assert desk.notes.index("the instance is stopped") < desk.notes.index("press Enter to close this window")
    assert desk.keyboard.left == 0


def test_what_could_not_be_listed_is_told_before_connecting(aws: CannedAws, tmp_path: Path) -> None:
    aws.lists["DescribeInstanceInformation", ""] = AccessDenied("ssm is denied", hint="allow it", action="ssm:X")
    desk = sit_down()
    with pytest.raises(TargetUnavailable):
        run_connect(context_at(desk, aws, tmp_path), "web-1", way="", wishes=Wishes())
    assert desk.notes == "! us-east-1: ssm is denied (allow it)\n"


@pytest.mark.parametrize(
    ("target", "way", "wishes", "message", "hint"),
    [
        ("billing", "rdp", Wishes(), "billing is not a machine", "leave --shell and --rdp out"),
        ("billing", "shell", Wishes(user="kim"), "billing is not a machine", "leave --shell and --rdp out"),
        ("billing", "", Wishes(), "a client's prompt needs a terminal", "ec2menu forward billing"),
        ("web-1", "", Wishes(via="web-2"), "web-1 (i-1) is neither a database nor a cache", "--via, --user"),
        ("web-1", "shell", Wishes(iam=True), "web-1 (i-1) is neither a database nor a cache", "--via, --user"),
    ],
)
def test_what_does_not_go_with_the_target_is_refused_and_not_ignored(
    target: str, way: str, wishes: Wishes, message: str, hint: str, aws: CannedAws, tmp_path: Path
) -> None:
    aws.lists["DescribeDBInstances", ""] = [INSTANCE]
    with pytest.raises(InvalidInput) as caught:
        run_connect(context_at(sit_down(), aws, tmp_path), target, way=way, wishes=wishes)
    assert caught.value.message == message
    assert hint in caught.value.hint
