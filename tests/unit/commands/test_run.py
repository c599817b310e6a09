"""`run` before anything is sent: what a line may say, who is chosen, what is shown, and how it is agreed to."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from ec2menu.commands.run import RunRequest, run_batch_command
from ec2menu.config import Config, Settings
from ec2menu.errors import AccessDenied, ExitStatus, InvalidInput, RegionDisabled, TargetUnclear
from ec2menu.ui.text import width
from tests.unit.desk import REGION, CannedAws, Desk, context_at, machine, sit_down


def add(
    aws: CannedAws, *names: str, region: str = "", platform: str = "Linux", ping: str = "Online", **more: Any
) -> None:
    """Add running machines whose agents are online, `i-NAME` by id."""
    nodes = aws.lists.setdefault(("DescribeInstanceInformation", region), [])
    assert isinstance(nodes, list)
    for name in names:
        aws.add(machine(f"i-{name}", name, **more), region=region)
        nodes.append({"InstanceId": f"i-{name}", "PingStatus": ping, "PlatformType": platform})


def run(
    aws: CannedAws, folder: Path, *typed: str, regions: tuple[str, ...] = (REGION,), tty: bool = False, **request: Any
) -> tuple[Desk, int]:
    desk = sit_down(*typed, out_tty=tty, color=False)
    context = context_at(desk, aws, folder, regions=regions)
    return desk, run_batch_command(context, RunRequest(**{"command": ("uptime",), "output": "table"} | request))


def planned(aws: CannedAws, folder: Path, **request: Any) -> dict[str, Any]:
    desk, _ = run(aws, folder, dry_run=True, output="json", **request)
    record: dict[str, Any] = json.loads(desk.data)
    return record


def names_in(record: dict[str, Any]) -> list[str]:
    return [target["name"] for command in record["commands"] for target in command["targets"]]


@pytest.fixture
def aws() -> CannedAws:
    return CannedAws()


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "no machines are named"),
        ({"targets": ("a",), "all": True}, "machines are named in two ways"),
        ({"targets": ("a",), "tags": ("tag:A=1",)}, "machines are named in two ways"),
        ({"filters": ("a",), "tags": ("tag:A=1",)}, "machines are named in two ways"),
        ({"tags": ("tag:A=1", "tag:B=1")}, "only one tag can be given"),
        ({"all": True, "command": ()}, "there is no command to run"),
        ({"all": True, "script": Path("x")}, "there are two commands"),
        ({"all": True, "timeout": 4}, "timeout of 4 is not possible"),
        ({"all": True, "concurrency": 0}, "concurrency of 0 is not possible"),
        ({"all": True, "max_errors": "x"}, "'x' is no number of errors"),
        ({"all": True, "output_s3": "X"}, "'X' does not begin with the name of a bucket"),
        ({"all": True, "yes": False}, "a batch asks before it runs, and here is nobody to ask"),
        ({"filters": ("",)}, "an empty filter looks for nothing"),
        ({"tags": ("A=1",)}, "'A=1' is not a tag"),
    ],
)
def test_a_line_that_cannot_be_is_refused_before_aws_is_asked(
    request_: dict[str, Any], message: str, aws: CannedAws, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput) as caught:
        run(aws, tmp_path, **{"yes": True} | request_)
    assert message in caught.value.message
    assert caught.value.status == ExitStatus.USAGE
    assert aws.asked == []


def test_machines_are_named_by_id_name_or_part_and_each_counts_once(aws: CannedAws, tmp_path: Path) -> None:
    add(aws, "web-1", "web-2", "db-1")
    assert names_in(planned(aws, tmp_path, targets=("i-web-2", "db", "web-2"))) == ["web-2", "db-1"]
    with pytest.raises(TargetUnclear):
        run(aws, tmp_path, targets=("web",), yes=True)
    with pytest.raises(TargetUnclear):
        run(aws, tmp_path, targets=("web-1", "nothing"), yes=True)


def test_filters_choose_as_in_a_list_and_all_is_everything_but_what_is_gone(aws: CannedAws, tmp_path: Path) -> None:
    add(aws, "web-10", "web-9", "db-1")
    aws.add(machine("i-5", "web-old", state="stopped"), machine("i-6", "web-gone", state="terminated"))
    web = planned(aws, tmp_path, filters=("web",))
    assert names_in(web) == ["web-9", "web-10"]
    assert [(skip["name"], skip["reason"]) for skip in web["skipped"]] == [("web-old", "the instance is stopped")]
    everything = planned(aws, tmp_path, all=True)
    assert names_in(everything) == ["db-1", "web-9", "web-10"]
    assert [(skip["name"], skip["reason"]) for skip in everything["skipped"]] == [
        ("web-old", "the instance is stopped")
    ]
    assert names_in(planned(aws, tmp_path, all=True, filters=("!web",))) == ["db-1"]


def test_a_choice_of_nobody_is_refused_with_where_was_looked(aws: CannedAws, tmp_path: Path) -> None:
    add(aws, "web-1")
    with pytest.raises(InvalidInput) as caught:
        run(aws, tmp_path, filters=("db",), yes=True)
    assert caught.value.message == "none of the 1 machines in us-east-1 matches"


def test_a_tag_is_asked_of_ssm_and_becomes_a_command_per_region(aws: CannedAws, tmp_path: Path) -> None:
    add(aws, "a", "b", region=REGION)
    add(aws, "c", region="eu-west-1", platform="Windows")
    record = planned(aws, tmp_path, tags=("tag:Role=web",), regions=(REGION, "eu-west-1"))
    assert [(each["region"], each["document"], each["tag"], each["targets"]) for each in record["commands"]] == [
        (REGION, "AWS-RunShellScript", "Role=web", []),
        ("eu-west-1", "AWS-RunPowerShellScript", "Role=web", []),
    ]
    with pytest.raises(InvalidInput, match="no SSM node in eu-central-1 has the tag Role=web"):
        run(aws, tmp_path, tags=("tag:Role=web",), regions=("eu-central-1",), yes=True)


def test_one_argument_is_the_command_as_it_is_and_several_are_joined_by_blanks(aws: CannedAws, tmp_path: Path) -> None:
    add(aws, "a")
    one = """for i in 1 2; do echo "$i  $(hostname)"; done\nexit 3"""
    assert planned(aws, tmp_path, all=True, command=(one,))["command"] == one.split("\n")
    assert planned(aws, tmp_path, all=True, command=("echo", "a  b", "'c'"))["command"] == ["echo a  b 'c'"]


@pytest.mark.parametrize("is_typed", [False, True])
def test_windows_line_ends_that_are_left_out_are_said_wherever_they_come_from(
    aws: CannedAws, tmp_path: Path, *, is_typed: bool
) -> None:
    add(aws, "a")
    text = 'printf "a\r\nb\r"'
    (tmp_path / "x.sh").write_bytes(text.encode())
    source: dict[str, Any] = {"command": (text,)} if is_typed else {"command": (), "script": tmp_path / "x.sh"}
    record = planned(aws, tmp_path, all=True, **source)
    assert record["command"] == ['printf "a', 'b\r"']
    assert "the command has Windows line ends (CRLF); its lines are sent without them" in record["warnings"]
    desk, _ = run(aws, tmp_path, "n", all=True, tty=True, **source)
    assert desk.notes.count("Windows line ends") == 1


def test_a_script_file_is_the_command(aws: CannedAws, tmp_path: Path) -> None:
    add(aws, "a")
    script = tmp_path / "check.sh"
    script.write_bytes(b"df -h\r\nexit 194\r\n")
    record = planned(aws, tmp_path, all=True, command=(), script=script)
    assert record["command"] == ["df -h", "exit 194"]
    assert "reboot" in record["warnings"][0]


def test_a_dry_run_shows_the_plan_on_stdout_and_asks_nothing(aws: CannedAws, tmp_path: Path) -> None:
    add(aws, "web-1", "web-2")
    desk, status = run(aws, tmp_path, all=True, dry_run=True)
    assert desk.data.splitlines()[:4] == [
        "run on 2 nodes",
        "  | uptime",
        "  us-east-1 AWS-RunShellScript: 2 nodes",
        "  nodes: web-[1-2]",
    ]
    assert (desk.notes, status) == ("nothing was sent\n", ExitStatus.DONE)
    assert not [operation for operation, _ in aws.asked if operation == "SendCommand"]


def test_a_dry_run_for_programs_is_data_only(aws: CannedAws, tmp_path: Path) -> None:
    add(aws, "web-1", "win, 1")
    aws.add(machine("i-5", "web-old", state="stopped"))
    desk, _ = run(aws, tmp_path, all=True, dry_run=True, output="csv")
    assert list(csv.DictReader(io.StringIO(desk.data))) == [
        {"id": "i-web-1", "name": "web-1", "region": REGION, "document": "AWS-RunShellScript", "skipped": ""},
        {"id": "i-win, 1", "name": "win, 1", "region": REGION, "document": "AWS-RunShellScript", "skipped": ""},
        {"id": "i-5", "name": "web-old", "region": REGION, "document": "", "skipped": "the instance is stopped"},
    ]
    assert desk.notes == "nothing was sent\n"
    desk, _ = run(aws, tmp_path, tags=("tag:Role=web",), dry_run=True, output="csv")
    assert desk.data.splitlines()[1:] == [f"tag:Role=web,,{REGION},AWS-RunShellScript,"]
    desk, _ = run(aws, tmp_path, all=True, dry_run=True, output="json")
    assert json.loads(desk.data)["commands"][0]["document"] == "AWS-RunShellScript"


@pytest.mark.parametrize("output", ["csv", "json"])
def test_a_plan_for_programs_is_harmless_on_a_screen_and_unchanged_elsewhere(
    aws: CannedAws, tmp_path: Path, output: str
) -> None:
    command = ("echo \x9b31m \x7f",)
    add(aws, "web-\x9b31m")
    screen, _ = run(aws, tmp_path, all=True, dry_run=True, output=output, command=command, tty=True)
    assert screen.data.isprintable() or not set(screen.data) & set("\x9b\x7f\x1b")
    pipe, _ = run(aws, tmp_path, all=True, dry_run=True, output=output, command=command)
    told = json.dumps(json.loads(pipe.data), ensure_ascii=False) if output == "json" else pipe.data
    assert "web-\x9b31m" in told


def test_a_plan_fits_a_narrow_screen_and_shows_hostile_names_harmlessly(
    aws: CannedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    add(aws, *(f"결제-서버-{number}-\x1b[31m" for number in range(12)))
    desk, _ = run(aws, tmp_path, all=True, dry_run=True, tty=True)
    assert "\x1b" not in desk.data
    assert max(map(width, desk.data.splitlines())) <= 80, desk.data


@pytest.mark.parametrize(("typed", "names"), [("n", 1), ("", 1), ("1", 21), ("20", 21), ("y", 21), ("", 21)])
def test_without_a_yes_or_the_right_number_nothing_is_sent(
    typed: str, names: int, aws: CannedAws, tmp_path: Path
) -> None:
    add(aws, *(f"web-{number}" for number in range(names)))
    lines = (typed,) if typed != "1" or names > 1 else ()
    desk, status = run(aws, tmp_path, *lines, all=True, tty=True)
    assert desk.notes.endswith("not run; nothing was sent\n")
    assert status == ExitStatus.INTERRUPTED
    prompt = "run it? [y/N]" if names == 1 else "type the number of nodes to run it"
    assert prompt in desk.notes


def test_one_machine_that_a_tag_calls_prod_asks_for_the_number_and_says_why(aws: CannedAws, tmp_path: Path) -> None:
    add(aws, "web-1", Tags=[{"Key": "Name", "Value": "web-1"}, {"Key": "Env", "Value": "production"}])
    desk, _ = run(aws, tmp_path, "y", all=True, tty=True)
    assert "a tag says prod: type the number of nodes to run it:" in desk.notes


def test_by_a_tag_a_machine_that_another_tag_calls_prod_asks_for_the_number(aws: CannedAws, tmp_path: Path) -> None:
    add(aws, "web-1", Tags=[{"Key": "Role", "Value": "web"}, {"Key": "Env", "Value": "prod"}])
    desk, status = run(aws, tmp_path, "y", tags=("tag:Role=web",), tty=True)
    assert "a tag says prod: type the number of nodes to run it:" in desk.notes
    assert status == ExitStatus.INTERRUPTED


def test_by_a_tag_machines_that_no_tag_calls_prod_take_a_yes(aws: CannedAws, tmp_path: Path) -> None:
    add(aws, "web-1")
    desk, _ = run(aws, tmp_path, "n", tags=("tag:Role=web",), tty=True)
    assert "run it? [y/N]" in desk.notes


@pytest.mark.parametrize("chosen", [{"tags": ("tag:Role=web",)}, {"all": True}], ids=str)
@pytest.mark.parametrize("is_denied", [False, True])
def test_machines_whose_tags_nobody_knows_ask_for_the_number(
    aws: CannedAws, tmp_path: Path, chosen: dict[str, Any], *, is_denied: bool
) -> None:
    add(aws, "web-1")
    if is_denied:
        aws.lists["DescribeInstances", ""] = AccessDenied("ec2:DescribeInstances is denied")
    else:
        nodes = aws.lists["DescribeInstanceInformation", ""]
        assert isinstance(nodes, list)
        nodes.append({"InstanceId": "mi-1", "PingStatus": "Online", "PlatformType": "Linux"})
    desk, status = run(aws, tmp_path, "y", tty=True, **chosen)
    assert "not all of their tags are known: type the number of nodes to run it:" in desk.notes
    assert status == ExitStatus.INTERRUPTED


def test_by_a_tag_nothing_is_looked_up_for_nobody_who_is_asked(aws: CannedAws, tmp_path: Path) -> None:
    add(aws, "web-1")
    planned(aws, tmp_path, tags=("tag:Role=web",))
    assert [operation for operation, _ in aws.asked] == ["DescribeInstanceInformation"]


def test_how_many_are_many_is_a_setting(aws: CannedAws, tmp_path: Path) -> None:
    add(aws, "web-1", "web-2")
    desk = sit_down("n", out_tty=True, color=False)
    context = context_at(desk, aws, tmp_path, regions=(REGION,))
    context.config = Config(settings=Settings(confirm_above=1), path=tmp_path, sources={})
    run_batch_command(context, RunRequest(command=("uptime",), all=True))
    assert "type the number of nodes" in desk.notes


def test_a_secret_in_the_command_is_warned_of_before_it_is_agreed_to(aws: CannedAws, tmp_path: Path) -> None:
    add(aws, "web-1")
    desk, _ = run(aws, tmp_path, "n", all=True, tty=True, command=("deploy --token abc",))
    assert desk.notes.index("seems to hold a secret") < desk.notes.index("run it?")


def test_where_nobody_can_be_reached_everyone_is_a_row_and_nothing_is_asked(aws: CannedAws, tmp_path: Path) -> None:
    aws.add(machine("i-1", "web-1", state="stopped"), machine("i-2", "web-2", state="stopped"))
    desk, status = run(aws, tmp_path, filters=("web",), yes=True)
    assert desk.data.splitlines() == [
        "2 nodes skipped:",
        "  web-[1-2]: the instance is stopped",
        "",
        "2 nodes: 2 skipped",
    ]
    assert status == ExitStatus.TARGET_FAILED


def test_the_results_of_another_run_are_not_overwritten(aws: CannedAws, tmp_path: Path) -> None:
    add(aws, "web-1")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "summary.json").write_text("{}")
    with pytest.raises(InvalidInput, match="holds the results of another run"):
        run(aws, tmp_path, all=True, yes=True, out=tmp_path / "out")


def test_machines_ssm_could_not_be_asked_about_are_skipped_and_the_failure_is_told(
    aws: CannedAws, tmp_path: Path
) -> None:
    aws.add(machine("i-1", "web-1"))
    aws.lists["DescribeInstanceInformation", ""] = AccessDenied("ssm:DescribeInstanceInformation is denied")
    desk, status = run(aws, tmp_path, filters=("web",), yes=True)
    assert "web-1: SSM could not be asked about it" in desk.data
    assert "! us-east-1: ssm:DescribeInstanceInformation is denied" in desk.notes
    assert status == ExitStatus.AWS


def test_a_region_that_fails_is_told_and_is_the_exit_status_even_of_a_dry_run(aws: CannedAws, tmp_path: Path) -> None:
    add(aws, "web-1", region=REGION)
    disabled = RegionDisabled("the region af-south-1 is not enabled")
    aws.lists["DescribeInstances", "af-south-1"] = aws.lists["DescribeInstanceInformation", "af-south-1"] = disabled
    desk, status = run(aws, tmp_path, all=True, dry_run=True, regions=(REGION, "af-south-1"))
    assert "! af-south-1: the region af-south-1 is not enabled" in desk.notes
    assert status == ExitStatus.AWS


def test_every_run_looks_anew(aws: CannedAws, tmp_path: Path) -> None:
    add(aws, "web-1")
    desk = sit_down(color=False)
    context = context_at(desk, aws, tmp_path, regions=(REGION,))
    request = RunRequest(command=("uptime",), all=True, dry_run=True)
    for _ in range(2):
        run_batch_command(context, request)
    assert len([operation for operation, _ in aws.asked if operation == "DescribeInstances"]) == 2
