"""Who we are at AWS: profiles, MFA, logins that ran out, and how the session plugin gets the same identity."""

import json
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path

import pytest

from ec2menu.aws.session import Aws
from ec2menu.demo.account import ACCESS_KEY, SECRET_KEY
from ec2menu.demo.requests import Environ, read_body
from ec2menu.demo.server import DemoAws
from ec2menu.demo.wire import LOOPBACK, LoopbackServer, Reply
from ec2menu.errors import (
    AccessDenied,
    CredentialsError,
    Ec2MenuError,
    ExitStatus,
    Interrupted,
    InvalidInput,
    MfaNeeded,
)
from ec2menu.fanout import Task, fan_out
from tests.cloud.identities import KEYS, MFA_SERIAL, ROLE, Asked, aws_as, use_profiles

PROMPT = f"Enter MFA code for {MFA_SERIAL}:"
BASE = f"[profile base]\n{KEYS}\n"
OPS = f"[profile ops]\nrole_arn = {ROLE}\nsource_profile = base\nmfa_serial = {MFA_SERIAL}\n{BASE}"
UNSET_KEYS = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"))
UNSET_PROFILES = dict.fromkeys(("AWS_PROFILE", "AWS_DEFAULT_PROFILE"))
TEMPORARY = {"AccessKeyId": "ASIATEMPORARY0000000", "SecretAccessKey": "hush", "Expiration": "2099-01-01T00:00:00Z"}


@pytest.fixture
def home(aws_demo: DemoAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with the profile `ops`, which needs an MFA code; no keys in the environment."""
    use_profiles(tmp_path, monkeypatch, OPS)
    return tmp_path


@pytest.fixture
def metadata() -> Iterator[str]:
    """What answers GETs with keys, as a container's credential service does, and POSTs as STS does."""

    def answer(environ: Environ) -> Reply:
        read_body(environ)
        if environ["REQUEST_METHOD"] == "GET":
            return Reply(status=200, headers=(), body=json.dumps({**TEMPORARY, "Token": "hush-token"}).encode())
        keys = "".join(f"<{name}>{value}</{name}>" for name, value in (TEMPORARY | {"SessionToken": "hush"}).items())
        result = f"<AssumeRoleWithWebIdentityResult><Credentials>{keys}</Credentials></AssumeRoleWithWebIdentityResult>"
        body = f"<AssumeRoleWithWebIdentityResponse>{result}</AssumeRoleWithWebIdentityResponse>"
        return Reply(status=200, headers=(("Content-Type", "text/xml"),), body=body.encode())

    server = LoopbackServer(answer)
    server.start()
    yield f"http://{LOOPBACK}:{server.port}"
    server.close()


def failure(aws: Aws) -> Ec2MenuError:
    with pytest.raises(Ec2MenuError) as caught:
        aws.authenticate()
    return caught.value


def cached(home: Path) -> list[Path]:
    return list((home / ".aws" / "cli" / "cache").glob("*.json"))


# -- MFA ------------------------------------------------------------------------------------------------------------


def test_an_mfa_code_is_asked_for_once_and_not_again_in_the_next_run(aws_demo: DemoAws, home: Path) -> None:
    asked = Asked()
    for _run in range(2):
        aws = aws_as("ops", ask_mfa=asked)
        aws.authenticate()
        assert aws.identity().arn.startswith("arn:aws:sts::123456789012:assumed-role/ops/")
        fan_out(lambda n: aws.call("sts", "GetCallerIdentity", f"us-west-{n}"), (1, 2, 1, 2), limit=4)  # noqa: B023 - used within the loop's turn
    assert asked.prompts == [PROMPT]
    assert len(aws_demo.calls_of("AssumeRole")) == 1
    assert [stat.S_IMODE(path.stat().st_mode) for path in cached(home)] == [0o600]


def test_a_session_that_has_run_out_in_the_cache_is_asked_for_again(home: Path) -> None:
    aws_as("ops").authenticate()
    (path,) = cached(home)
    kept = json.loads(path.read_text())
    kept["Credentials"]["Expiration"] = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    path.write_text(json.dumps(kept))
    asked = Asked()
    aws_as("ops", ask_mfa=asked).authenticate()
    assert asked.prompts == [PROMPT]


def test_a_worker_thread_may_not_ask_and_says_so(aws_demo: DemoAws, home: Path) -> None:
    asked = Asked()
    aws = aws_as("ops", ask_mfa=asked)
    with pytest.raises(MfaNeeded, match="a new code is needed"):
        Task(lambda: aws.call("sts", "GetCallerIdentity", "us-east-1")).result()
    assert asked.prompts == []
    aws.renew()
    aws.authenticate()
    assert asked.prompts == [PROMPT]
    assert Task(aws.identity).result().account == "123456789012"


def test_the_code_is_asked_for_in_the_thread_that_authenticates(home: Path) -> None:
    threads: list[threading.Thread] = []

    def ask(_prompt: str) -> str:
        threads.append(threading.current_thread())
        return "123456"

    aws_as("ops", ask_mfa=ask).authenticate()
    assert threads == [threading.main_thread()]


@pytest.mark.parametrize("typed", ["", "12345"])
def test_a_code_that_cannot_be_one_leads_to_the_next(home: Path, typed: str) -> None:
    asked = Asked(typed)
    aws = aws_as("ops", ask_mfa=asked)
    error = failure(aws)
    assert isinstance(error, MfaNeeded)
    assert "does not accept the MFA code" in error.message
    aws.renew()
    aws.authenticate()
    assert len(asked.prompts) == 2


def test_an_interrupted_prompt_is_no_aws_error(home: Path) -> None:
    def interrupt(_prompt: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aws_as("ops", ask_mfa=interrupt).authenticate()


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), Interrupted("stopped")])
def test_after_an_interrupted_prompt_the_code_is_asked_for_as_if_for_the_first_time(
    home: Path, stop: BaseException
) -> None:
    answers: list[BaseException | str] = [stop, "123456"]

    def answer(_prompt: str) -> str:
        given = answers.pop(0)
        if isinstance(given, BaseException):
            raise given
        return given

    aws = aws_as("ops", ask_mfa=answer)
    with pytest.raises(type(stop)):
        aws.authenticate()
    aws.authenticate()
    assert answers == []


def test_a_cache_that_cannot_be_written_costs_a_prompt_and_no_more(home: Path) -> None:
    (home / ".aws" / "cli").write_text("a file where the folder should be")
    asked = Asked()
    for _run in range(2):
        aws_as("ops", ask_mfa=asked).authenticate()
    assert asked.prompts == [PROMPT, PROMPT]


def test_a_role_that_may_not_be_assumed_is_named_with_its_action(aws_demo: DemoAws, home: Path) -> None:
    aws_demo.faults.deny("AssumeRole")
    error = failure(aws_as("ops"))
    assert isinstance(error, AccessDenied)
    assert error.action == "sts:AssumeRole"
    assert "for arn:aws:iam::123456789012:user/demo" in error.message


# -- profiles and keys ------------------------------------------------------------------------------------------------


def test_without_any_credentials_the_ways_to_get_some_are_named(
    aws_demo: DemoAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_profiles(tmp_path, monkeypatch, "[default]\nregion = us-east-1\n")
    error = failure(aws_as())
    assert (type(error), error.message) == (CredentialsError, "no AWS credentials were found")
    assert "aws configure" in error.hint


@pytest.mark.parametrize("explicit", [True, False])
def test_an_unknown_profile_is_a_usage_error_that_names_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, explicit: bool
) -> None:
    if not explicit:
        monkeypatch.setenv("AWS_PROFILE", "nobody")
    error = failure(aws_as("nobody" if explicit else None))
    assert isinstance(error, InvalidInput)
    assert error.status is ExitStatus.USAGE
    assert "there is no profile nobody" in error.message


def test_half_a_key_is_told_by_the_name_of_what_is_missing(
    aws_demo: DemoAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_profiles(tmp_path, monkeypatch, "[default]\naws_access_key_id = AKIAHALF\n")
    assert "aws_secret_access_key" in failure(aws_as()).message


def test_an_explicit_profile_beats_the_keys_of_the_environment_which_beat_the_variable(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHEROTHEROTHER0")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    assert aws_as("base").identity().arn.endswith(":user/demo")
    monkeypatch.setenv("AWS_PROFILE", "base")
    with pytest.raises(CredentialsError, match="does not accept the credentials"):
        aws_as().identity()


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("sh -c 'echo no luck >&2; exit 3'", "no luck"),
        ("echo garbage", "could not be loaded"),
        ("""echo '{"Version": 2}'""", "Unsupported version '2'"),
        ("""echo '{"Version": 1, "AccessKeyId": "A"}'""", "SecretAccessKey"),
    ],
)
def test_a_credential_process_that_fails_is_named_with_its_profile(
    aws_demo: DemoAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, command: str, says: str
) -> None:
    use_profiles(tmp_path, monkeypatch, f"[profile helper]\ncredential_process = {command}\n")
    error = failure(aws_as("helper"))
    assert type(error) is CredentialsError
    assert "the credentials of profile helper could not be loaded" in error.message
    assert says in error.message


def test_a_credential_process_that_does_not_exist_is_a_setting_to_correct(
    aws_demo: DemoAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_profiles(tmp_path, monkeypatch, "[profile helper]\ncredential_process = /nonexistent/helper\n")
    error = failure(aws_as("helper"))
    assert isinstance(error, InvalidInput)
    assert "'/nonexistent/helper'" in error.message
    assert "~/.aws/config" in error.hint


def test_a_config_file_that_cannot_be_read_is_told(
    aws_demo: DemoAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_profiles(tmp_path, monkeypatch, "no section at all\n")
    error = failure(aws_as())
    assert isinstance(error, InvalidInput)
    assert ".aws/config" in error.message


# -- the plugin's identity --------------------------------------------------------------------------------------------


def test_keys_in_the_environment_reach_the_plugin_by_themselves(aws_demo: DemoAws) -> None:
    found = aws_as().plugin_identity()
    assert (found.profile, found.environment) == ("", {})


@pytest.mark.parametrize("explicit", [True, False])
def test_a_profile_with_keys_is_given_by_its_name(home: Path, monkeypatch: pytest.MonkeyPatch, explicit: bool) -> None:
    if not explicit:
        monkeypatch.setenv("AWS_PROFILE", "base")
    found = aws_as("base" if explicit else None).plugin_identity()
    assert (found.profile, found.environment) == ("base", UNSET_KEYS)


def test_a_role_behind_an_mfa_code_is_given_as_keys_that_no_repr_shows(home: Path) -> None:
    asked = Asked()
    found = aws_as("ops", ask_mfa=asked).plugin_identity()
    assert (found.profile, asked.prompts) == ("", [PROMPT])
    keys = {name: value for name, value in found.environment.items() if value}
    assert set(keys) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
    assert found.environment.items() >= (UNSET_PROFILES | {"AWS_SECURITY_TOKEN": None}).items()
    assert keys["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert [value for value in keys.values() if value in f"{found!r} {found} {[found]}"] == []
    assert "AWS_SESSION_TOKEN" in repr(found)


def test_a_role_without_an_mfa_code_is_given_by_its_profile(
    aws_demo: DemoAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_profiles(tmp_path, monkeypatch, OPS.replace("mfa_serial", "# mfa_serial"))
    found = aws_as("ops").plugin_identity()
    assert (found.profile, found.environment) == ("ops", UNSET_KEYS)


def test_a_role_taken_with_the_keys_of_the_environment_is_given_as_keys(
    aws_demo: DemoAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_profiles(tmp_path, monkeypatch, f"[profile hop]\nrole_arn = {ROLE}\ncredential_source = Environment\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    found = aws_as("hop").plugin_identity()
    assert found.profile == ""
    assert str(found.environment["AWS_ACCESS_KEY_ID"]).startswith("ASIA")


def test_an_sso_profile_is_given_by_its_name(
    aws_demo: DemoAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = {"accountId": "123456789012", "roleName": "ops", "startUrl": "https://corp.example/start"}
    section = f"sso_start_url = {where['startUrl']}\nsso_account_id = 123456789012\nsso_role_name = ops\n"
    use_profiles(tmp_path, monkeypatch, f"[profile corp]\nsso_region = us-east-1\n{section}")
    key = sha1(json.dumps(where, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    (tmp_path / ".aws" / "cli" / "cache").mkdir(parents=True)
    kept = {"ProviderType": "sso", "Credentials": TEMPORARY | {"SessionToken": "hush"}}
    (tmp_path / ".aws" / "cli" / "cache" / f"{key}.json").write_text(json.dumps(kept))
    aws = aws_as("corp")
    assert (aws.plugin_identity().profile, aws.sso_profile) == ("corp", "corp")


def test_a_containers_identity_reaches_the_plugin_by_itself(
    aws_demo: DemoAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metadata: str
) -> None:
    use_profiles(tmp_path, monkeypatch, "")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{metadata}/keys")
    found = aws_as().plugin_identity()
    assert (found.profile, found.environment) == ("", {})


@pytest.mark.parametrize(("of_profile", "given"), [(True, "pod"), (False, "")])
def test_a_web_identity_is_given_by_profile_only_where_the_profile_names_it(
    aws_demo: DemoAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metadata: str, *, of_profile: bool, given: str
) -> None:
    (tmp_path / "token").write_text("a.jwt.token")
    section = f"role_arn = {ROLE}\nweb_identity_token_file = {tmp_path}/token\n" if of_profile else ""
    use_profiles(tmp_path, monkeypatch, f"[profile pod]\n{section}")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", metadata)
    if not of_profile:
        monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_PROFILE", "pod")
    found = aws_as(home="us-east-1").plugin_identity()
    assert (found.profile, found.environment) == (given, UNSET_KEYS if of_profile else {})


def test_a_sso_login_is_not_offered_where_keys_in_variables_have_expired(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_profiles(home, monkeypatch, "[default]\nsso_start_url = https://corp.example/start\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    aws = aws_as()
    aws.authenticate()
    assert aws.sso_profile == ""
