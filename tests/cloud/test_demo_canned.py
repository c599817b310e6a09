"""The canned replies of the demo's nodes: a few commands are known, and nothing is ever executed."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ec2menu.demo import commands
from ec2menu.demo.canned import canned_outcome, facts_of
from ec2menu.demo.invocations import Outcome, Target
from ec2menu.demo.server import DemoAws
from tests.cloud.conftest import Client

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def canned(*lines: str, platform_type: str = "Linux", node: str = "i-00000000000000001") -> Outcome:
    target = Target(id=node, platform_type=platform_type, computer_name="web-1")
    return canned_outcome(facts_of(node, target=target, now=NOON), lines)


@pytest.mark.parametrize(
    ("line", "stdout", "code"),
    [
        ("hostname", "web-1\n", 0),
        ("whoami", "root\n", 0),
        ("echo 'a  b' c", "a  b c\n", 0),
        ("date", "Sun Mar  1 12:00:00 UTC 2026\n", 0),
        ("false", "", 1),
        ("exit 3", "", 3),
        ("exit 3\nhostname", "", 3),
        ("false; echo on", "on\n", 0),
        ("false && echo on", "", 1),
        ("false || echo saved", "saved\n", 0),
        ("# a comment\n\ntrue", "", 0),
        ("false\nhostname", "web-1\n", 0),
    ],
)
def test_a_few_commands_have_canned_replies(line: str, stdout: str, code: int) -> None:
    outcome = canned(line)
    assert (outcome.stdout, outcome.exit_code) == (stdout, code)


@pytest.mark.parametrize("line", ["rm -rf /", "cat /etc/passwd | wc -l", "echo x > {path}", "echo $(touch {path})"])
def test_everything_else_is_answered_with_a_note_and_touches_nothing(line: str, tmp_path: Path) -> None:
    path = tmp_path / "made"
    outcome = canned(line.format(path=path))
    assert outcome.stdout.startswith("demo: nothing is run on this node")
    assert not path.exists()


def test_sleep_takes_simulated_time_and_an_open_quote_is_an_error() -> None:
    assert canned("sleep 30").delay_seconds - canned("true").delay_seconds == 30
    assert (canned("echo 'x").exit_code, canned("echo 'x").stderr.splitlines()[0]) == (2, "demo: a quote is not closed")


def test_nodes_differ_from_each_other_and_agree_with_themselves() -> None:
    one, two = (canned("uptime", "df -h", node=f"i-{n:017x}").stdout for n in (1, 2))
    assert one != two
    assert one == canned("uptime", "df -h", node="i-00000000000000001").stdout


def test_windows_answers_as_powershell_does() -> None:
    assert canned("HOSTNAME", platform_type="Windows").stdout == "WEB-1\n"
    assert canned("whoami", platform_type="Windows").stdout == "nt authority\\system\n"
    assert canned("exit 3010", platform_type="Windows").exit_code == 3010


class LateClock:
    """A clock on which an hour passes between any two looks, so that every command has finished when it is read."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        self.seconds += 3600
        return self.seconds

    def wall(self) -> datetime:
        return NOON

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def test_without_a_behaviour_of_its_own_a_node_answers_by_its_host_name(aws_demo: DemoAws, client: Client) -> None:
    commands.simulation().clock = LateClock()
    (node,) = aws_demo.add_instances("us-east-1", 1, computer_name="ip-10-0-0-9.ec2.internal")
    ssm = client("ssm")
    sent = ssm.send_command(
        InstanceIds=[node], DocumentName="AWS-RunShellScript", Parameters={"commands": ["hostname"]}
    )
    result = ssm.get_command_invocation(CommandId=sent["Command"]["CommandId"], InstanceId=node)
    assert (result["Status"], result["StandardOutputContent"]) == ("Success", "ip-10-0-0-9.ec2.internal\n")
