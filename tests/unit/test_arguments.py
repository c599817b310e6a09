"""The command line's grammar: flags before and after the verb, and complaints that read like all others."""

from pathlib import Path

import pytest

from ec2menu import __version__
from ec2menu.arguments import parse_arguments
from ec2menu.errors import ExitStatus, InvalidInput


def complaint(*argv: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        parse_arguments(argv)
    assert caught.value.status is ExitStatus.USAGE
    return caught.value


def test_nothing_typed_is_the_menu() -> None:
    arguments = parse_arguments([])
    assert arguments.verb is None
    assert arguments.regions == []
    assert (arguments.profile, arguments.config) == (None, None)
    assert {arguments.demo, arguments.no_color, arguments.debug} == {False}


@pytest.mark.parametrize(
    "argv",
    [
        ["-p", "prod", "--no-color", "--debug", "--demo", "--config", "c.toml", "ls", "ec2"],
        ["ls", "ec2", "-p", "prod", "--no-color", "--debug", "--demo", "--config", "c.toml"],
        ["--profile", "prod", "--demo", "ls", "--no-color", "ec2", "--config", "c.toml", "--debug"],
    ],
)
def test_common_flags_mean_the_same_before_and_after_the_verb(argv: list[str]) -> None:
    arguments = parse_arguments(argv)
    assert arguments.profile == "prod"
    assert arguments.config == Path("c.toml")
    assert arguments.no_color
    assert arguments.debug
    assert arguments.demo
    assert (arguments.verb, arguments.kind) == ("ls", "ec2")


def test_regions_before_and_after_the_verb_add_up_in_order() -> None:
    arguments = parse_arguments(["-r", "us-east-1", "ls", "ec2", "-r", "eu-west-1", "--region", "ap-south-1"])
    assert arguments.regions == ["us-east-1", "eu-west-1", "ap-south-1"]


def test_a_flag_after_the_verb_beats_the_same_flag_before_it() -> None:
    assert parse_arguments(["-p", "old", "ls", "ec2", "-p", "new"]).profile == "new"


@pytest.mark.parametrize(
    "argv",
    [
        ["ls", "ec2", "web", "state:running", "-r", "us-east-1"],
        ["ls", "-r", "us-east-1", "ec2", "web", "state:running"],
        ["ls", "ec2", "-r", "us-east-1", "web", "state:running"],
        ["ls", "ec2", "web", "-r", "us-east-1", "state:running"],
    ],
)
def test_filters_of_ls_may_stand_on_either_side_of_flags(argv: list[str]) -> None:
    arguments = parse_arguments(argv)
    assert (arguments.kind, arguments.filters, arguments.regions) == ("ec2", ["web", "state:running"], ["us-east-1"])


def test_ls_has_defaults_for_order_and_output() -> None:
    arguments = parse_arguments(["ls", "nodes"])
    assert (arguments.sort, arguments.output, arguments.refresh, arguments.filters) == ("name", "table", False, [])


def test_a_reversed_order_is_given_with_an_equals_sign() -> None:
    assert parse_arguments(["ls", "ec2", "--sort=-age"]).sort == "-age"


@pytest.mark.parametrize(
    ("argv", "way"), [(["web"], ""), (["web", "--shell"], "shell"), (["--rdp", "web", "-r", "eu-west-1"], "rdp")]
)
def test_connect_takes_a_target_and_at_most_one_way(argv: list[str], way: str) -> None:
    arguments = parse_arguments(["connect", *argv])
    assert (arguments.verb, arguments.target, arguments.way) == ("connect", "web", way)


def test_connect_may_say_how_to_log_in_and_which_way_to_go() -> None:
    arguments = parse_arguments(
        ["connect", "orders:writer", "--user", "app", "--via", "jump-a", "--local-port", "6000"]
    )
    assert (arguments.user, arguments.via, arguments.local_port) == ("app", "jump-a", 6000)
    assert (arguments.secret, arguments.iam, arguments.client, arguments.database) == ("", False, "", "")


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["orders:writer"], ("orders:writer", "", 0, "", 0, False)),
        (["--via", "jump", "--host", "db.internal", "--port", "5432"], ("", "db.internal", 5432, "jump", 0, False)),
        (["--once", "cache", "--local-port", "7000", "-r", "eu-west-1"], ("cache", "", 0, "", 7000, True)),
    ],
)
def test_forward_takes_a_target_or_a_host_behind_a_node(argv: list[str], expected: tuple[object, ...]) -> None:
    given = parse_arguments(["forward", *argv])
    assert (given.target, given.host, given.port, given.via, given.local_port, given.once) == expected


@pytest.mark.parametrize(
    ("argv", "targets", "command"),
    [
        (["web-1", "web-2", "--", "uptime"], ["web-1", "web-2"], ["uptime"]),
        (["--all", "--", "ls", "-l", "--all", "--", "x"], [], ["ls", "-l", "--all", "--", "x"]),
        (["web-1", "-r", "eu-west-1", "web-2", "--", "a; b $(c) 'd'"], ["web-1", "web-2"], ["a; b $(c) 'd'"]),
        (["-f", "script.sh", "web-1"], ["web-1"], []),
    ],
)
def test_run_takes_targets_and_an_untouched_command(argv: list[str], targets: list[str], command: list[str]) -> None:
    arguments = parse_arguments(["run", *argv])
    assert (arguments.targets, arguments.command) == (targets, command)


def test_run_has_the_limits_of_the_contract() -> None:
    arguments = parse_arguments(["run", "--all", "--", "uptime"])
    assert (arguments.concurrency, arguments.timeout, arguments.retries) == (5, 120, 2)
    assert (arguments.max_errors, arguments.dry_run, arguments.yes, arguments.output) == ("", False, False, "table")


def test_runs_may_be_given_a_run() -> None:
    arguments = parse_arguments(["runs", "abc", "--retry-failed"])
    assert (arguments.run, arguments.retry_failed) == ("abc", True)
    assert parse_arguments(["runs"]).run == ""


@pytest.mark.parametrize(
    ("argv", "target"), [(["doctor"], ""), (["doctor", "web"], "web"), (["doctor", "-r", "eu-west-1", "web"], "web")]
)
def test_doctor_may_be_given_a_target(argv: list[str], target: str) -> None:
    assert parse_arguments(argv).target == target


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["fly"], "fly"),
        (["ls"], "KIND"),
        (["connect"], "TARGET"),
        (["connect", "a", "b"], "b"),
        (["connect", "a", "--rdp", "--shell"], "--rdp"),
        (["ls", "ec2", "-o", "yaml"], "yaml"),
        (["ls", "ec2", "-r", "us-east-1", "--nonsense", "web"], "--nonsense"),
        (["config", "extra"], "extra"),
        (["forward", "x", "--port", "0"], "--port"),
        (["forward", "x", "--local-port", "65536"], "--local-port"),
        (["connect", "x", "--", "ls"], "--"),
        (["ls", "ec2", "--", "-x"], "--"),
        (["run", "x", "--concurrency", "many", "--", "ls"], "--concurrency"),
        (["-r"], "--region"),
        (["--colour"], "--colour"),
    ],
)
def test_what_cannot_be_understood_is_named_and_help_is_pointed_at(argv: list[str], word: str) -> None:
    error = complaint(*argv)
    assert word in error.message
    assert error.hint.startswith("type: ec2menu")
    assert error.hint.endswith("--help")


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["ls", "--help"],
        ["connect", "-h"],
        ["forward", "-h"],
        ["run", "-h"],
        ["runs", "-h"],
        ["doctor", "-h"],
        ["config", "-h"],
    ],
)
def test_help_goes_to_stdout_and_ends_with_zero(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_arguments(argv)
    assert caught.value.code == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("usage: ec2menu")
    assert "--profile" in shown.out
    assert shown.err == ""


def test_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_arguments(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"ec2menu {__version__}\n"


def test_the_help_names_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "0 done, 1 some target failed or was skipped, 2 usage, 3 AWS refused or unreachable" in shown
    assert "4 plugin or tunnel, 130 interrupted" in shown


@pytest.mark.parametrize("words", [("--sort", "-age"), ("--sort=-age",)])
def test_a_sort_that_is_reversed_is_written_like_any_other(words: tuple[str, ...]) -> None:
    assert parse_arguments(["ls", "ec2", *words, "-o", "ids"]).sort == "-age"
