"""A login that has run out, in the middle of the menu: what is offered, to whom, and that the same action goes on."""

import json
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path

import pytest

from tests.terminal.harness import Robot
from tests.terminal.stage import LIST_PROMPT, REGION, Stage

SSO = {"sso_start_url": "https://corp.example/start", "sso_account_id": "123456789012", "sso_role_name": "ops"}
ROLE = "arn:aws:iam::123456789012:role/ops"
MFA = "arn:aws:iam::123456789012:mfa/kim"
QUESTION = "log in now with aws sso login --profile corp? [Y/n]"
KINDS_PROMPT = f"{REGION}, list (0 back, q quit):"


@pytest.fixture
def sso(stage: Stage) -> Stage:
    """The stage with profiles `corp` (SSO, never logged in), `keys` (keys in a file) and `code` (a role with MFA)."""
    keys = stage.demo.environment()
    static = {
        "aws_access_key_id": keys["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": keys["AWS_SECRET_ACCESS_KEY"],
    }
    profiles = {
        "profile corp": {**SSO, "sso_region": REGION},
        "profile keys": static,
        "profile code": {"role_arn": ROLE, "mfa_serial": MFA, "source_profile": "keys"},
        "profile both": {"role_arn": ROLE, "mfa_serial": MFA, "source_profile": "corp"},
    }
    config = stage.home / ".aws" / "config"
    config.parent.mkdir()
    sections = (
        f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in section.items())
        for name, section in profiles.items()
    )
    config.write_text("\n".join(sections))
    stage.variables |= {"AWS_CONFIG_FILE": str(config), "AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    stage.add_instance()
    return stage


def put_aws_cli(stage: Stage, *, status: int = 0) -> Path:
    """Install an `aws` that waits for Enter as for the browser, and leaves what botocore takes for the login's fruit.

    The real one leaves a token, with which botocore would ask IAM Identity Center for these keys.
    """
    identity = {"roleName": SSO["sso_role_name"], "accountId": SSO["sso_account_id"], "startUrl": SSO["sso_start_url"]}
    key = sha1(json.dumps(identity, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    keys = stage.demo.environment()
    credentials = {
        "AccessKeyId": keys["AWS_ACCESS_KEY_ID"],
        "SecretAccessKey": keys["AWS_SECRET_ACCESS_KEY"],
        "SessionToken": "from-sso",
        "Expiration": (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    fruit = stage.folder / "fruit.json"
    fruit.write_text(json.dumps({"ProviderType": "sso", "Credentials": credentials}))
    cache = stage.home / ".aws" / "cli" / "cache"
    asked = stage.folder / "asked"
    save = f"mkdir -p {cache} && cp {fruit} {cache}/{key}.json" if status == 0 else ":"
    stage.program("aws", f'echo "$@" >> {asked}; echo in the browser; read line; {save}; exit {status}')
    return asked


def start(stage: Stage, profile: str) -> Robot:
    return stage.ec2menu("-p", profile, "-r", REGION, columns=200)


def start_listing(stage: Stage, profile: str) -> Robot:
    """Start the menu and go to the list, which is the first to need a login that no code has to be typed for."""
    robot = start(stage, profile)
    robot.wait_for(KINDS_PROMPT)
    robot.line("1")
    return robot


def test_an_sso_login_is_renewed_in_the_menu_and_the_same_step_goes_on(sso: Stage) -> None:
    asked = put_aws_cli(sso)
    with start_listing(sso, "corp") as robot:
        robot.wait_for(QUESTION)
        robot.line("y")
        robot.wait_for("in the browser")
        robot.line()
        robot.wait_for(LIST_PROMPT, new=True)
        robot.line("1")
        run = sso.wait_for_shell(robot)
        assert (run.argv[3], "AWS_ACCESS_KEY_ID" in run.environment) == ("corp", False)
        robot.line("exit")
        robot.wait_for(LIST_PROMPT, new=True)
    assert asked.read_text() == "sso login --profile corp\n"


def test_a_login_that_runs_out_before_a_session_is_renewed_and_the_same_machine_connected(sso: Stage) -> None:
    asked = put_aws_cli(sso)
    with start_listing(sso, "corp") as robot:
        robot.wait_for(QUESTION)
        robot.line()
        robot.wait_for("in the browser")
        robot.line()
        robot.wait_for(LIST_PROMPT, new=True)
        sso.demo.faults.expire_credentials()
        robot.line("1")
        robot.wait_for(QUESTION, new=True)
        robot.line()
        robot.wait_for("in the browser", new=True)
        sso.demo.faults.clear()
        robot.line()
        sso.wait_for_shell(robot)
        assert sso.count("StartSession") == 2  # the first was refused
        assert len(sso.sessions()) == 1
    assert len(asked.read_text().splitlines()) == 2


@pytest.mark.parametrize("answer", ["n\r", "\x03"], ids=["no", "ctrl-c"])
def test_saying_no_leaves_the_menu_standing(sso: Stage, answer: str) -> None:
    asked = put_aws_cli(sso)
    with start_listing(sso, "corp") as robot:
        robot.wait_for(QUESTION)
        robot.send(answer)
        robot.wait_until(lambda: robot.transcript.count(KINDS_PROMPT) == 2)
        assert ("hint: type: aws sso login --profile corp" in robot.transcript) is (answer == "n\r")
        robot.line("q")
        robot.wait_exit()
    assert not asked.exists()


@pytest.mark.parametrize(("key", "status"), [("\r", 255), ("\x03", -2)], ids=["failed", "interrupted"])
def test_a_login_that_fails_or_is_broken_off_is_told_and_the_menu_stands(sso: Stage, key: str, status: int) -> None:
    put_aws_cli(sso, status=255)
    with start_listing(sso, "corp") as robot:
        robot.wait_for(QUESTION)
        robot.line()
        robot.wait_for("in the browser")
        robot.send(key)
        robot.wait_for(f"! aws sso login ended with status {status}")
        robot.wait_for("the SSO login has expired or was never made", new=True)
        robot.wait_for(KINDS_PROMPT, new=True)


def test_where_there_is_no_aws_cli_the_command_to_type_is_told(sso: Stage) -> None:
    sso.variables["PATH"] = str(sso.plugin.parent)
    with start_listing(sso, "corp") as robot:
        robot.wait_for("hint: type: aws sso login --profile corp")
        robot.wait_for(KINDS_PROMPT, new=True)
        assert "log in now" not in robot.transcript


def test_a_profile_without_sso_is_never_offered_it(sso: Stage) -> None:
    asked = put_aws_cli(sso)
    with start(sso, "keys") as robot:
        robot.wait_for(KINDS_PROMPT)
        sso.demo.faults.expire_credentials()
        robot.line("nodes")  # nothing has fetched those behind the menu
        robot.wait_for("your AWS login has expired", new=True)
        robot.wait_for("hint: get new credentials", new=True)
        robot.wait_for(KINDS_PROMPT, new=True)
        assert "log in now" not in robot.transcript
    assert not asked.exists()


def test_keys_that_were_renewed_elsewhere_are_found_by_the_next_try(sso: Stage) -> None:
    config = Path(str(sso.variables["AWS_CONFIG_FILE"]))
    right = config.read_text()
    config.write_text(right.replace(sso.demo.environment()["AWS_ACCESS_KEY_ID"], "AKIAOFYESTERDAY"))
    with start(sso, "keys") as robot:
        robot.wait_for(KINDS_PROMPT)
        robot.line("1")
        robot.wait_for("AWS does not accept the credentials of profile keys")
        config.write_text(right)
        robot.wait_for(KINDS_PROMPT, new=True)
        robot.line("1")
        robot.wait_for(LIST_PROMPT, new=True)


def test_a_list_that_was_refused_is_there_again_at_enter_once_keys_were_renewed_elsewhere(sso: Stage) -> None:
    config = Path(str(sso.variables["AWS_CONFIG_FILE"]))
    right = config.read_text()
    sso.variables["EC2MENU_TTL_SECONDS"] = "1"
    with start(sso, "keys") as robot:
        robot.wait_for(KINDS_PROMPT)
        robot.line("1")
        robot.wait_for(LIST_PROMPT, new=True)
        sso.demo.faults.expire_credentials()
        robot.line("r")
        robot.wait_for("your AWS login has expired", new=True)
        robot.line()
        robot.wait_for("your AWS login has expired", new=True)
        robot.wait_for(LIST_PROMPT, new=True)
        config.write_text(right)
        sso.demo.faults.clear()
        added = sso.add_instance("fresh")
        deadline = time.monotonic() + 60
        while added not in robot.transcript:
            assert time.monotonic() < deadline, robot.picture()
            robot.line()
            robot.wait_for(LIST_PROMPT, new=True)


def test_a_role_with_mfa_asks_for_the_code_once(sso: Stage) -> None:
    with start(sso, "code") as robot:
        robot.wait_for(MFA)
        robot.line("123456")
        robot.wait_for(KINDS_PROMPT)
        robot.line("1")
        robot.wait_for(LIST_PROMPT, new=True)
        robot.line("1")
        run = sso.wait_for_shell(robot)
        assert (run.argv[3], run.environment["AWS_ACCESS_KEY_ID"][:4]) == ("", "ASIA")
        robot.line("exit")
        robot.wait_for(LIST_PROMPT, new=True)
        assert robot.transcript.count(MFA) == 1
        assert "123456\n" not in robot.transcript
    assert sso.count("AssumeRole") == 1


def test_an_mfa_session_that_runs_out_is_renewed_with_a_new_code(sso: Stage) -> None:
    with start(sso, "code") as robot:
        robot.wait_for(MFA)
        robot.line("123456")
        robot.wait_for(KINDS_PROMPT)
        sso.demo.faults.expire_credentials()
        robot.line("nodes")  # nothing has fetched those behind the menu
        robot.wait_for("type a new MFA code now? [Y/n]", new=True)
        sso.demo.faults.clear()
        robot.line()
        robot.wait_for(f"{REGION} nodes:", new=True)


def test_a_role_with_mfa_on_an_sso_login_that_has_run_out_is_offered_that_login(sso: Stage) -> None:
    put_aws_cli(sso)
    with start(sso, "both") as robot:
        robot.wait_for(MFA)
        robot.line("111111")
        robot.wait_for(QUESTION)
        robot.line()
        robot.wait_for("in the browser")
        robot.line()
        robot.wait_for(MFA, new=True)
        robot.line("123456")
        robot.wait_for(KINDS_PROMPT)
