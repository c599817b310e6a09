"""When something is wrong around a command: one sentence, one hint, the right exit status, and no traceback."""

import signal
from pathlib import Path

import pytest

from ec2menu.demo.server import DemoAws
from tests.cloud.command_line import CommandLine, Outcome, is_root
from tests.terminal.stage import wait_until

USER = "arn:aws:iam::123456789012:user/demo"


@pytest.fixture
def cli(aws_demo: DemoAws, tmp_path: Path) -> CommandLine:
    return CommandLine(demo=aws_demo, folder=tmp_path)


def is_one_error(found: Outcome, *, status: int, sentence: str, hint: str) -> bool:
    """Whether a command told one sentence and one hint, wrote no data, and ended with `status`."""
    assert (found.out, found.status) == ("", status), found
    first, *rest = found.told
    assert first.startswith("ec2menu: "), found.err
    assert sentence in first, found.err
    assert [line[: len("  hint: ")] for line in rest] == ["  hint: "], found.err
    assert hint in rest[0], found.err
    return True


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://no-such-host.invalid"])
def test_an_unplugged_network(url: str, cli: CommandLine) -> None:
    found = cli.run("ls", "ec2", AWS_ENDPOINT_URL=url)
    assert is_one_error(found, status=3, sentence="ec2 in us-east-1 cannot be reached", hint="check the network")


def test_an_endpoint_that_is_no_url(cli: CommandLine) -> None:
    found = cli.run("ls", "ec2", AWS_ENDPOINT_URL="garbage")
    assert is_one_error(found, status=2, sentence="Invalid endpoint: garbage", hint="AWS_ENDPOINT_URL")


def test_a_login_that_has_expired(cli: CommandLine, aws_demo: DemoAws) -> None:
    aws_demo.faults.expire_credentials()
    found = cli.run("ls", "ec2")
    assert is_one_error(found, status=3, sentence="your AWS login has expired", hint="get new credentials")


def test_keys_that_aws_does_not_know(cli: CommandLine) -> None:
    found = cli.run("ls", "ec2", AWS_ACCESS_KEY_ID="AKIAUNKNOWNUNKNOWN00")
    assert is_one_error(found, status=3, sentence="does not accept the credentials of profile default", hint="aws sts")


def test_a_denied_call_names_the_action_and_the_identity(cli: CommandLine, aws_demo: DemoAws) -> None:
    aws_demo.faults.deny("*")
    found = cli.run("ls", "nodes")
    assert is_one_error(
        found,
        status=3,
        sentence=f"ssm:DescribeInstanceInformation in us-east-1 is denied for {USER}",
        hint="have ssm:DescribeInstanceInformation allowed",
    )


@pytest.mark.parametrize("action", ["ec2:DescribeInstances", "ssm:DescribeInstanceInformation"])
def test_a_denied_half_of_the_list_costs_one_line(action: str, cli: CommandLine, aws_demo: DemoAws) -> None:
    made = aws_demo.add_instances("us-east-1", 3)
    aws_demo.faults.deny(action)
    found = cli.run("ls", "ec2", "-o", "ids")
    assert (sorted(found.lines), found.status) == (sorted(made), 3)
    assert len(found.told) == 1
    assert f"{action} in us-east-1 is denied for {USER}" in found.told[0]


def test_a_region_that_is_not_enabled(cli: CommandLine) -> None:
    found = cli.run("-r", "af-south-1", "ls", "ec2")
    assert is_one_error(
        found, status=3, sentence="af-south-1 is not enabled for account 123456789012", hint="another region"
    )


@pytest.mark.parametrize("by", ["flag", "variable"])
def test_a_profile_that_is_not_there(by: str, cli: CommandLine) -> None:
    found = cli.run("-p", "nope", "ls", "ec2") if by == "flag" else cli.run("ls", "ec2", AWS_PROFILE="nope")
    assert is_one_error(found, status=2, sentence="there is no profile nope", hint="aws configure list-profiles")


def test_an_empty_profile_counts_as_none(cli: CommandLine) -> None:
    found = cli.run("ls", "ec2", "-o", "ids", AWS_PROFILE="", AWS_DEFAULT_PROFILE="")
    assert (found.err, found.status) == ("", 0)


def test_no_region(cli: CommandLine) -> None:
    found = cli.run("ls", "ec2", AWS_DEFAULT_REGION=None)
    assert is_one_error(found, status=2, sentence="no region is set for profile default", hint="-r us-east-1")


def test_no_credentials(cli: CommandLine) -> None:
    found = cli.run("ls", "ec2", AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
    assert is_one_error(found, status=3, sentence="no AWS credentials were found", hint="aws configure sso")


def test_half_of_the_keys(cli: CommandLine) -> None:
    found = cli.run("ls", "ec2", AWS_SECRET_ACCESS_KEY=None)
    assert is_one_error(found, status=3, sentence="AWS_SECRET_ACCESS_KEY", hint="AWS_ACCESS_KEY_ID")


@pytest.mark.parametrize("content", [b"[profile x\n", b"[default]\nregion us\n", b"[default]\nregion=\xff\xfe\n"])
def test_an_aws_config_file_that_cannot_be_read(content: bytes, cli: CommandLine, tmp_path: Path) -> None:
    broken = tmp_path / "aws.cfg"
    broken.write_bytes(content)
    found = cli.run("ls", "ec2", AWS_CONFIG_FILE=str(broken))
    assert is_one_error(found, status=2, sentence=str(broken), hint="mend")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("workers = ", "cannot be read"),
        ("wrokers = 4", "there is no setting wrokers"),
        ("workers = 0", "between 1 and"),
    ],
)
def test_a_config_file_that_cannot_be_used(content: str, sentence: str, cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(content)
    found = cli.run("--config", "mine.toml", "ls", "ec2")
    assert is_one_error(found, status=2, sentence=sentence, hint="")


def test_a_config_file_that_is_not_there(cli: CommandLine) -> None:
    found = cli.run("--config", "none.toml", "ls", "ec2")
    assert is_one_error(found, status=2, sentence="there is no config file none.toml", hint="--config")


@pytest.mark.parametrize("verb", [(), ("connect", "web-0001")])
def test_what_needs_a_terminal_says_so(verb: tuple[str, ...], cli: CommandLine, aws_demo: DemoAws) -> None:
    aws_demo.add_instances("us-east-1", 1)
    found = cli.run(*verb)
    assert is_one_error(found, status=2, sentence="needs a terminal", hint="ec2menu")
    assert not aws_demo.calls_of("StartSession")


def test_a_reader_that_has_left_is_no_error(cli: CommandLine, aws_demo: DemoAws) -> None:
    aws_demo.add_instances("us-east-1", 1001)
    found = cli.shell("{ ec2menu ls ec2; echo $? >status; } | head -n 1; cat status")
    assert found.lines[0].startswith("Name")
    assert found.lines[1:] == ["0"]
    assert found.err == ""


@pytest.mark.parametrize("line", ["ec2menu ls ec2", "ec2menu --help", "ec2menu config"])
def test_a_full_disk(line: str, cli: CommandLine, aws_demo: DemoAws) -> None:
    aws_demo.add_instances("us-east-1", 1)
    found = cli.shell(f"{line} >/dev/full")
    assert is_one_error(found, status=1, sentence="the output cannot be written: No space left", hint="room")


@pytest.mark.parametrize(
    ("line", "status"),
    [("ls ec2 >&-", 0), ("--version >&-", 0), ("ls s3 2>&-", 2), ("ls ec2 -o ids <&- >/dev/null", 0), ("<&-", 2)],
)
def test_streams_that_are_closed(line: str, status: int, cli: CommandLine, aws_demo: DemoAws) -> None:
    aws_demo.add_instances("us-east-1", 1)
    found = cli.shell(f"ec2menu {line}")
    assert (found.out, found.status) == ("", status)
    assert [told for told in found.told if not told.startswith(("ec2menu: the menu needs", "  hint: "))] == []


def test_a_home_that_cannot_be_written_costs_one_line(cli: CommandLine, aws_demo: DemoAws) -> None:
    made = aws_demo.add_instances("us-east-1", 1)
    found = cli.run("ls", "ec2", "-o", "ids", HOME="/dev/null")
    assert (found.lines, found.status) == (made, 0)
    assert len(found.told) == 1
    assert found.told[0].startswith("! state cannot be kept in /dev/null/")


@pytest.mark.skipif(is_root(), reason="nothing is forbidden to root")
def test_a_state_folder_that_is_read_only_costs_one_line(cli: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o500)
    found = cli.run("ls", "ec2", "-o", "ids", XDG_STATE_HOME=str(folder))
    assert (found.status, len(found.told)) == (0, 1)


def test_a_damaged_state_file_is_set_aside_and_told(cli: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "ec2menu"
    folder.mkdir(parents=True)
    (folder / "state.sqlite3").write_bytes(b"this is no database" * 100)
    found = cli.run("ls", "ec2", "-o", "ids", XDG_STATE_HOME=str(tmp_path / "state"))
    assert (found.status, len(found.told)) == (0, 1)
    assert found.told[0].startswith("! the state file was damaged; it was set aside as ")
    assert cli.run("ls", "ec2", "-o", "ids", XDG_STATE_HOME=str(tmp_path / "state")).err == ""


def test_a_locale_that_knows_no_korean(cli: CommandLine, aws_demo: DemoAws) -> None:
    aws_demo.add_instances("us-east-1", 1, name="결제-api")
    found = cli.run("ls", "ec2", "결제", LANG="C", LC_ALL="C")
    assert (len(found.lines), found.err, found.status) == (2, "", 0)
    assert "결제-api" in found.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_list_quietly(number: signal.Signals, cli: CommandLine, aws_demo: DemoAws) -> None:
    aws_demo.faults.delay("DescribeInstances", 30)
    command = cli.start("ls", "ec2")
    with command:
        wait_until(lambda: bool(aws_demo.calls_of("DescribeInstances")), what="a call to AWS")
        command.send_signal(number)
        out, err = command.communicate()
    assert (out, err, command.returncode) == ("", "", 128 + number)


def test_doctor_tells_a_region_that_is_not_enabled_from_bad_credentials(cli: CommandLine, aws_demo: DemoAws) -> None:
    aws_demo.faults.disable_region("eu-west-1")
    found = cli.run("doctor", AWS_REGION="eu-west-1")
    assert f"ok   credentials: profile default: {USER}" in found.lines
    assert "FAIL region: the region eu-west-1 is not enabled for account 123456789012" in found.lines
    assert found.status == 3


@pytest.mark.parametrize("target", ["", " "])
def test_an_empty_target_asks_nothing_of_aws(target: str, cli: CommandLine, aws_demo: DemoAws) -> None:
    found = cli.run("connect", target)
    assert is_one_error(found, status=2, sentence="TARGET is empty", hint="an id, a Name")
    assert {call.operation for call in aws_demo.calls} <= {"GetCallerIdentity"}


def test_a_region_in_the_settings_file_that_cannot_be_one_is_told(cli: CommandLine) -> None:
    settings = cli.folder / "config.toml"
    settings.write_text('region = "Seoul"\n')
    found = cli.run("--config", str(settings), "ls", "ec2")
    assert is_one_error(found, status=2, sentence="Seoul is not the name of a region", hint="us-east-1")
