"""`doctor`: one line for each thing, what to type where it is missing, and the status of the first that is."""

from pathlib import Path

import pytest

from ec2menu.commands.doctor import Finding, first_status, run_doctor
from ec2menu.errors import AccessDenied, CredentialsError, ExitStatus, Interrupted
from tests.fakes.plugin import install_plugin
from tests.unit.desk import CannedAws, Desk, context_at, machine, sit_down


@pytest.fixture
def aws() -> CannedAws:
    return CannedAws()


@pytest.fixture(autouse=True)
def _programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PATH with a plugin and stty on it."""
    plugin = install_plugin(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{plugin.parent}:/usr/bin:/bin")


def examine(
    aws: CannedAws, folder: Path, target: str = "", *, environ: dict[str, str] | None = None, home: str = "us-east-1"
) -> tuple[Desk, int]:
    desk = sit_down()
    context = context_at(desk, aws, folder, environ=environ or {}, home=home)
    return desk, run_doctor(context, target)


def failures(desk: Desk) -> list[str]:
    return [line for line in desk.data.splitlines() if line.startswith("FAIL")]


def test_where_nothing_is_missing_every_line_is_ok(aws: CannedAws, tmp_path: Path) -> None:
    desk, status = examine(aws, tmp_path)
    whats = [line.removeprefix("ok").strip().partition(":")[0] for line in desk.data.splitlines()]
    assert whats == ["python", "credentials", "region", "session-manager-plugin", "stty", "TMPDIR", "state"]
    assert "profile default: arn:aws:iam::123456789012:user/demo" in desk.data
    assert status == ExitStatus.DONE


def test_missing_credentials_cost_their_own_line_only(aws: CannedAws, tmp_path: Path) -> None:
    aws.who = CredentialsError("no AWS credentials were found", hint="type: aws configure sso")
    desk, status = examine(aws, tmp_path)
    assert failures(desk) == ["FAIL credentials: no AWS credentials were found"]
    assert "     type: aws configure sso" in desk.data
    assert status == ExitStatus.AWS


def test_a_missing_region_says_how_to_name_one(aws: CannedAws, tmp_path: Path) -> None:
    desk, status = examine(aws, tmp_path, home="")
    assert failures(desk) == ["FAIL region: no region is set for profile default"]
    assert status == ExitStatus.USAGE


def test_a_missing_plugin_says_how_to_install_it(
    aws: CannedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    desk, status = examine(aws, tmp_path)
    assert len(failures(desk)) == 1
    assert "session-manager-plugin is not installed" in failures(desk)[0]
    assert "session-manager-plugin" in desk.data.partition("install it: ")[2]
    assert status == ExitStatus.CONNECTOR


def test_a_missing_stty_is_told(aws: CannedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    desk, status = examine(aws, tmp_path)
    assert "FAIL stty: not found; shells need it" in failures(desk)
    assert status == ExitStatus.CONNECTOR


def test_a_state_that_cannot_be_kept_is_told(aws: CannedAws, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    desk, status = examine(aws, blocked)
    assert failures(desk)[0].startswith("FAIL state: state cannot be kept in")
    assert status == ExitStatus.TARGET_FAILED


def test_a_long_tmpdir_is_no_failure_but_told(aws: CannedAws, tmp_path: Path) -> None:
    desk, status = examine(aws, tmp_path, environ={"TMPDIR": "/tmp/" + "x" * 100})
    assert "ok   TMPDIR: 105 characters is too long for tunnels; /tmp is used instead" in desk.data
    assert status == ExitStatus.DONE


def test_a_target_that_can_be_reached_is_ok(aws: CannedAws, tmp_path: Path) -> None:
    aws.add(machine("i-1", "web-1"))
    aws.lists["DescribeInstanceInformation", ""] = [{"InstanceId": "i-1", "PingStatus": "Online"}]
    desk, status = examine(aws, tmp_path, "web-1")
    assert "ok   target: web-1 (i-1) is Online" in desk.data
    assert status == ExitStatus.DONE


def test_a_target_that_cannot_be_reached_says_why(aws: CannedAws, tmp_path: Path) -> None:
    aws.add(machine("i-1", "web-1", state="stopped"))
    desk, status = examine(aws, tmp_path, "web-1")
    assert failures(desk) == ["FAIL target: cannot connect to web-1 (i-1): the instance is stopped"]
    assert "     start it: aws ec2 start-instances" in desk.data
    assert status == ExitStatus.TARGET_FAILED


def test_an_unclear_target_is_answered_with_the_machines_it_may_be(aws: CannedAws, tmp_path: Path) -> None:
    aws.add(machine("i-1", "web-1"), machine("i-2", "web-2"))
    desk, status = examine(aws, tmp_path, "web")
    assert failures(desk) == ["FAIL target: 2 resources are called like web"]
    assert desk.data.endswith(
        "     i-1  us-east-1  running  web-1\n     i-2  us-east-1  running  web-2\n     use one of these ids\n"
    )
    assert status == ExitStatus.USAGE


def test_what_could_not_be_asked_about_a_target_is_told(aws: CannedAws, tmp_path: Path) -> None:
    aws.add(machine("i-1", "web-1"))
    aws.lists["DescribeInstanceInformation", ""] = AccessDenied("ssm is denied", hint="allow it", action="ssm:X")
    desk, _ = examine(aws, tmp_path, "web-1")
    assert "ok   target: web-1 (i-1) is unknown" in desk.data
    assert desk.notes == "! us-east-1: ssm is denied (allow it)\n"


def test_ctrl_c_ends_it(aws: CannedAws, tmp_path: Path) -> None:
    aws.who = Interrupted("x")
    with pytest.raises(Interrupted):
        examine(aws, tmp_path)


def test_the_first_thing_that_is_not_fine_decides_the_status() -> None:
    fine = Finding(what="a", detail="b")
    usage = Finding(what="a", detail="b", status=ExitStatus.USAGE)
    assert first_status([fine]) == ExitStatus.DONE
    assert first_status([fine, usage, Finding(what="a", detail="b", status=ExitStatus.AWS)]) == ExitStatus.USAGE
