"""The one-line commands as processes: what goes to stdout, what to stderr, and the exit status."""

import csv
import io
import json
from pathlib import Path

import pytest

from ec2menu import __version__
from ec2menu.demo.server import DemoAws
from tests.cloud.command_line import CommandLine

# XML 1.0 carries no ESC, so the one-byte CSI stands for it here.
HOSTILE = ["\x9b31mred", "new\nline", "결제-api", '=cmd|"/c calc"', "\u202egnp.exe", "👩‍💻 dev", "b" * 255]


@pytest.fixture
def cli(aws_demo: DemoAws, tmp_path: Path) -> CommandLine:
    return CommandLine(demo=aws_demo, folder=tmp_path)


@pytest.mark.parametrize("count", [0, 1, 11, 51, 101, 1001])
def test_every_machine_of_a_region_is_listed_once(count: int, cli: CommandLine, aws_demo: DemoAws) -> None:
    made = aws_demo.add_instances("us-east-1", count)
    found = cli.run("ls", "ec2", "-o", "ids")
    assert sorted(found.lines) == sorted(made)
    assert (found.err, found.status) == ("", 0)


def test_ls_in_its_four_forms_gives_back_hostile_names(cli: CommandLine, aws_demo: DemoAws) -> None:
    made = [aws_demo.add_instances("us-east-1", 1, name=name)[0] for name in HOSTILE]
    unnamed = aws_demo.add_instances("us-east-1", 1, name="")[0]
    records = json.loads(cli.run("ls", "ec2", "-o", "json").out)
    assert {record["id"]: record["name"] for record in records} == {
        **dict(zip(made, HOSTILE, strict=True)),
        unnamed: "",
    }
    assert {record["ssm_status"] for record in records} == {"Online"}
    rows = csv.DictReader(io.StringIO(cli.run("ls", "ec2", "-o", "csv").out))
    assert {row["id"]: row["name"] for row in rows} == {record["id"]: record["name"] for record in records}
    table = cli.run("ls", "ec2")
    assert len(table.lines) == 1 + len(HOSTILE) + 1
    assert all(line.isprintable() for line in table.lines)
    assert "b" * 255 in table.out
    assert r"\x9b31mred" in table.out
    assert r"new\nline" in table.out


def test_json_on_a_stream_that_is_not_unicode_is_still_json(cli: CommandLine, aws_demo: DemoAws) -> None:
    aws_demo.add_instances("us-east-1", 1, name="👩‍💻 결제")
    found = cli.run("ls", "ec2", "-o", "json", PYTHONIOENCODING="ascii")
    assert found.out.isascii()
    assert [record["name"] for record in json.loads(found.out)] == ["👩‍💻 결제"]
    table = cli.run("ls", "ec2", PYTHONIOENCODING="ascii")
    assert r"\uacb0\uc81c" in table.out
    assert table.status == 0


def test_nodes_and_regions_are_listed_too(cli: CommandLine, aws_demo: DemoAws) -> None:
    aws_demo.add_instances("us-east-1", 1)
    node = aws_demo.add_hybrid_node("us-east-1", "본사-서버")
    found = cli.run("ls", "nodes", "본사", "-o", "ids")
    assert (found.lines, found.status) == ([node], 0)
    regions = cli.run("ls", "regions", "-o", "ids", AWS_DEFAULT_REGION=None)
    assert "ap-northeast-2" in regions.lines
    assert "af-south-1" not in regions.lines


def test_filters_and_order_are_those_of_the_menu_wherever_they_stand(cli: CommandLine, aws_demo: DemoAws) -> None:
    web = [aws_demo.add_instances("us-east-1", 1, name=name)[0] for name in ("web-10", "web-9")]
    db = aws_demo.add_instances("us-east-1", 1, name="db-1", state="stopped")[0]
    assert cli.run("ls", "ec2", "state:running", "web", "-o", "ids").lines == [web[1], web[0]]
    assert cli.run("ls", "ec2", "-o", "ids", "!web", "--no-color").lines == [db]
    assert cli.run("ls", "--sort=-name", "ec2", "-o", "ids").lines == [web[0], web[1], db]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["ls", "ec2", "--sort", "nothing"], "--sort 'nothing' does not name one column"),
        (["ls", "ec2", ""], "an empty filter looks for nothing"),
        (["ls", "ec2", "state:"], "the filter state: looks for nothing"),
        (["ls"], "ls needs a KIND: ec2 | rds | cache"),
        (["ls", "s3"], "there is no list called s3"),
        (["frob"], "invalid choice: 'frob'"),
        (["ls", "ec2", "--frob"], "unrecognized arguments: --frob"),
        (["-r", "nowhere", "ls", "ec2"], "nowhere is not the name of a region"),
        (["-r", "us-east-\uff11", "ls", "ec2"], "us-east-\uff11 is not the name of a region"),
        (["ls", "ec2", "-o", "xml"], "invalid choice: 'xml'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_status_2(
    arguments: list[str], told: str, cli: CommandLine
) -> None:
    found = cli.run(*arguments)
    assert (found.out, found.status) == ("", 2)
    assert found.told[0].startswith("ec2menu: ")
    assert told in found.told[0]
    assert len(found.told) <= 2


def test_the_setting_region_is_one_region(cli: CommandLine) -> None:
    found = cli.run("ls", "ec2", EC2MENU_REGION="all")
    assert (found.out, found.status) == ("", 2)
    assert found.told[0] == "ec2menu: all is not the name of a region"


def test_regions_are_named_before_or_after_the_verb_and_one_bad_one_costs_one_line(
    cli: CommandLine, aws_demo: DemoAws
) -> None:
    made = [aws_demo.add_instances(region, 1)[0] for region in ("us-east-1", "eu-west-1")]
    aws_demo.faults.disable_region("sa-east-1")
    found = cli.run("-r", "us-east-1", "-r", "sa-east-1", "ls", "ec2", "-o", "ids", "-r", "eu-west-1")
    assert (sorted(found.lines), found.status) == (sorted(made), 3)
    assert len(found.told) == 1
    assert found.told[0].startswith("! sa-east-1: the region sa-east-1 is not enabled for account 123456789012")


def test_all_regions_are_every_enabled_one(cli: CommandLine, aws_demo: DemoAws) -> None:
    regions = ("us-east-1", "ap-northeast-2", "eu-west-1")
    made = [instance for region in regions for instance in aws_demo.add_instances(region, 2)]
    found = cli.run("ls", "ec2", "-r", "all", "-o", "ids")
    assert sorted(found.lines) == sorted(made)
    assert (found.err, found.status) == ("", 0)
    assert {call.region for call in aws_demo.calls_of("DescribeInstances")} >= {"us-west-2", "sa-east-1"}
    assert not aws_demo.calls_of("DescribeInstances", "af-south-1")


def test_config_says_where_each_setting_came_from(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('region = "eu-west-1"\nworkers = 4\n')
    found = cli.run("--config", "mine.toml", "config", EC2MENU_WORKERS="8", EC2MENU_WINDOWS="no")
    settings = {line.split()[0]: line.split()[1:3] for line in found.lines if line}
    assert settings["region"] == ["eu-west-1", "mine.toml"]
    assert settings["workers"] == ["8", "environment"]
    assert settings["windows"] == ["false", "environment"]
    assert settings["ttl_seconds"] == ["300", "default"]
    assert (found.err, found.status) == ("", 0)


def test_the_region_of_the_config_file_is_where_lists_begin(
    cli: CommandLine, aws_demo: DemoAws, tmp_path: Path
) -> None:
    made = aws_demo.add_instances("eu-west-1", 1)
    (tmp_path / "mine.toml").write_text('region = "eu-west-1"\n')
    assert cli.run("ls", "ec2", "-o", "ids", "--config", "mine.toml").lines == made
    assert cli.run("--config", "mine.toml", "-r", "us-east-1", "ls", "ec2", "-o", "ids").lines == []


def test_doctor_finds_what_is_missing_on_a_new_machine(cli: CommandLine) -> None:
    found = cli.run("doctor")
    assert [line.split()[1] for line in found.lines if line.startswith("FAIL")] == ["session-manager-plugin:"]
    assert "ok   credentials: profile default: arn:aws:iam::123456789012:user/demo" in found.lines
    assert (found.err, found.status) == ("", 4)


def test_a_target_that_may_be_several_machines_is_refused_with_the_list(cli: CommandLine, aws_demo: DemoAws) -> None:
    made = aws_demo.add_instances("us-east-1", 2, name="web-{n}")
    found = cli.run("connect", "web")
    assert (found.out, found.status) == ("", 2)
    assert found.told[0] == "ec2menu: 2 resources are called like web"
    assert [line.split()[0] for line in found.told[1:3]] == made
    assert found.told[3:] == ["  hint: use one of these ids"]
    assert not aws_demo.calls_of("StartSession")


def test_a_target_that_is_no_machine_is_refused(cli: CommandLine) -> None:
    found = cli.run("connect", "nothing")
    assert (found.out, found.status) == ("", 2)
    assert found.told == ["ec2menu: nothing in us-east-1 is called nothing", "  hint: list them with: ec2menu ls KIND"]


def test_the_version_and_the_help_need_no_aws(cli: CommandLine) -> None:
    version = cli.run("--version", AWS_ENDPOINT_URL="http://127.0.0.1:1")
    assert (version.out, version.err, version.status) == (f"ec2menu {__version__}\n", "", 0)
    for arguments in ([], ["ls"], ["connect"], ["doctor"], ["config"]):
        found = cli.run(*arguments, "--help", COLUMNS="80")
        assert found.out.startswith("usage: ec2menu")
        assert max(map(len, found.lines)) <= 80
        assert (found.err, found.status) == ("", 0)


def test_machines_are_filtered_by_their_tags_which_are_no_column_to_look_at(cli: CommandLine) -> None:
    wanted, _other = (
        cli.demo.add_instances("us-east-1", 1, name=name, tags={"Env": env})[0]
        for name, env in (("a", "prod"), ("b", "qa"))
    )
    assert cli.run("ls", "ec2", "tag:Env=prod", "-o", "ids").lines == [wanted]
    assert cli.run("ls", "ec2", "!tags:env=QA", "-o", "ids").lines == [wanted]
    assert cli.run("ls", "ec2", "prod", "-o", "ids").lines == []
    assert "prod" not in cli.run("ls", "ec2").out
