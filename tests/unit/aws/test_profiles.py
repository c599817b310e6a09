"""Profiles and the home region as read from the AWS files, without botocore, in botocore's own order."""

from pathlib import Path

import botocore.session
import pytest

from ec2menu.aws.profiles import Profiles, active_profile, home_region, is_region_name, load_profiles

CONFIG = """
[default]
region = us-east-1

[profile prod]
region = eu-west-1
role_arn = arn:aws:iam::111122223333:role/ops
source_profile = base
mfa_serial = arn:aws:iam::111122223333:mfa/kim

[profile "with blank"]
region = ap-northeast-2

[profile base]
sso_session = corp

[sso-session corp]
sso_start_url = https://corp.awsapps.com/start

[services local]
ec2 =
  endpoint_url = http://localhost
"""


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """The variables that lead to the two files; a test writes what it needs into them."""
    return {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}


def write(files: dict[str, str], *, config: str = "", credentials: str = "") -> Profiles:
    Path(files["AWS_CONFIG_FILE"]).write_text(config, encoding="utf-8")
    Path(files["AWS_SHARED_CREDENTIALS_FILE"]).write_text(credentials, encoding="utf-8")
    return load_profiles(files)


def made_of(**sections: dict[str, str]) -> Profiles:
    return Profiles(sections=sections)


def test_every_profile_is_found_and_nothing_that_is_none(files: dict[str, str]) -> None:
    profiles = write(files, config=CONFIG, credentials="[keys]\naws_access_key_id = AKIA\n")
    assert set(profiles.sections) == {"default", "prod", "with blank", "base", "keys"}
    assert profiles.region("with blank") == "ap-northeast-2"
    assert profiles.region("base") == ""
    assert profiles.region("nobody") == ""


def test_what_stands_in_both_files_is_read_as_botocore_reads_it(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles = write(files, config="[default]\nregion = us-east-1\n", credentials="[default]\nregion = eu-west-1\n")
    for name, value in files.items():
        monkeypatch.setenv(name, value)
    assert profiles.region("default") == botocore.session.Session().full_config["profiles"]["default"]["region"]


def test_missing_files_are_empty(files: dict[str, str]) -> None:
    assert load_profiles(files).sections == {}


@pytest.mark.parametrize("text", ["no section", "[default\nregion = x", "[default]\nregion"])
def test_a_file_that_cannot_be_read_is_empty_and_the_other_still_counts(files: dict[str, str], text: str) -> None:
    profiles = write(files, config=text, credentials="[default]\nregion = eu-west-1\n")
    assert profiles.region("default") == "eu-west-1"


def test_a_file_that_is_not_utf_8_is_empty(files: dict[str, str]) -> None:
    Path(files["AWS_CONFIG_FILE"]).write_bytes(b"[default]\nregion = \xff\xfe\n")
    assert load_profiles(files).sections == {}


def test_without_variables_the_files_of_the_home_folder_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[profile home]\nregion = sa-east-1\n")
    assert load_profiles({"AWS_CONFIG_FILE": ""}).region("home") == "sa-east-1"


def test_percent_signs_and_repeated_keys_do_no_harm(files: dict[str, str]) -> None:
    config = "[default]\ncredential_process = run %d %(x)s\nregion = a\nregion = us-west-2\n"
    assert write(files, config=config).region("default") == "us-west-2"


@pytest.mark.parametrize(
    ("environ", "explicit", "active"),
    [
        ({}, None, "default"),
        ({"AWS_PROFILE": "a"}, None, "a"),
        ({"AWS_PROFILE": "a", "AWS_DEFAULT_PROFILE": "b"}, None, "b"),
        ({"AWS_PROFILE": "a", "AWS_DEFAULT_PROFILE": ""}, None, "a"),
        ({"AWS_PROFILE": ""}, None, "default"),
        ({"AWS_PROFILE": "a", "AWS_DEFAULT_PROFILE": "b"}, "c", "c"),
        ({"AWS_PROFILE": "a"}, "", "a"),
    ],
)
def test_the_profile_in_force(environ: dict[str, str], explicit: str | None, active: str) -> None:
    assert active_profile(environ, explicit) == active


def test_the_elder_profile_variable_wins_in_botocore_too(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"AWS_PROFILE": "a", "AWS_DEFAULT_PROFILE": "b"}
    for name, value in (environ | files).items():
        monkeypatch.setenv(name, value)
    assert active_profile(environ, None) == botocore.session.Session().profile


@pytest.mark.parametrize(
    ("environ", "region"),
    [
        ({"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"}, "a"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "b"}, "b"),
        ({"AWS_DEFAULT_REGION": "b"}, "b"),
        ({}, "eu-west-1"),
    ],
)
def test_the_home_region_is_the_variables_first_and_the_profiles_last(environ: dict[str, str], region: str) -> None:
    assert home_region(environ, made_of(prod={"region": "eu-west-1"}), "prod") == region


def test_a_profile_without_a_region_has_no_home() -> None:
    assert home_region({}, made_of(prod={}), "prod") == ""


@pytest.mark.parametrize("key", ["sso_session", "sso_start_url"])
def test_the_profile_to_log_in_with_is_itself_or_along_the_source_profiles(key: str) -> None:
    profiles = made_of(
        own={key: "x"}, role={"source_profile": "middle"}, middle={"source_profile": "own"}, keys={"region": "r"}
    )
    assert profiles.sso_login_profile("own") == "own"
    assert profiles.sso_login_profile("role") == "own"
    assert profiles.sso_login_profile("keys") == ""
    assert profiles.sso_login_profile("nobody") == ""


def test_source_profiles_that_go_round_in_a_circle_end() -> None:
    profiles = made_of(a={"source_profile": "b"}, b={"source_profile": "a"}, me={"source_profile": "me"})
    assert profiles.sso_login_profile("a") == ""
    assert not profiles.needs_mfa("me")


@pytest.mark.parametrize(
    ("section", "asks"),
    [
        ({"role_arn": "r", "mfa_serial": "m"}, True),
        ({"role_arn": "r"}, False),
        ({"mfa_serial": "m"}, False),
        ({"role_arn": "r", "source_profile": "other"}, True),
    ],
)
def test_an_mfa_code_is_needed_where_a_role_on_the_way_wants_one(section: dict[str, str], asks: bool) -> None:
    assert made_of(me=section, other={"role_arn": "r", "mfa_serial": "m"}).needs_mfa("me") is asks


def test_a_role_taken_with_the_keys_of_the_environment_is_told_from_others() -> None:
    profiles = made_of(
        env={"role_arn": "r", "credential_source": "Environment"},
        meta={"role_arn": "r", "credential_source": "Ec2InstanceMetadata"},
        two={"role_arn": "r", "source_profile": "env"},
    )
    assert [profiles.needs_environment(name) for name in ("env", "meta", "two")] == [True, False, True]


def test_a_web_identity_of_the_profile_is_told_from_one_of_the_environment() -> None:
    profiles = made_of(web={"web_identity_token_file": "/t"}, plain={})
    assert [profiles.has_web_identity(name) for name in ("web", "plain", "nobody")] == [True, False, False]


@pytest.mark.parametrize(
    "text", ["us-east-1", "ap-northeast-2", "us-gov-west-1", "cn-northwest-1", "us-iso-east-1", "eusc-de-east-1"]
)
def test_names_of_regions_are_recognised(text: str) -> None:
    assert is_region_name(text)


@pytest.mark.parametrize("text", ["", "us", "us-east", "us-east-1a", "US-EAST-1", "useast1", "all", "us-east-1 ", "1"])
def test_what_is_no_regions_name_is_told_so(text: str) -> None:
    assert not is_region_name(text)
