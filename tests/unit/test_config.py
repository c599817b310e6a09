"""Settings: which layer wins, where each value came from, and what a wrong one is told."""

from pathlib import Path
from typing import Any

import pytest

from ec2menu.config import DEFAULT, DESCRIPTIONS, Config, Settings, load_config
from ec2menu.errors import ExitStatus, InvalidInput


def load(
    folder: Path, text: str | bytes | None = None, *, explicit: bool = False, environ: Any = None, **flags: Any
) -> Config:
    path = folder / "config.toml"
    if text is not None:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_config(environ=environ or {}, path=path, explicit=explicit, flags=flags)


def complaint(folder: Path, text: str | bytes | None = None, **more: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        load(folder, text, **more)
    assert caught.value.status is ExitStatus.USAGE
    return caught.value


def test_without_a_file_variables_or_flags_everything_is_the_default(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert config.settings == Settings()
    assert set(config.sources.values()) == {DEFAULT}
    assert config.path == tmp_path / "config.toml"


def test_a_flag_beats_a_variable_which_beats_the_file_which_beats_the_default(tmp_path: Path) -> None:
    text = 'profile = "file"\nregion = "eu-west-1"\nttl_seconds = 60\n'
    environ = {"EC2MENU_PROFILE": "variable", "EC2MENU_REGION": "us-west-2"}
    config = load(tmp_path, text, environ=environ, profile="flag", color=None)
    assert (config.settings.profile, config.settings.region) == ("flag", "us-west-2")
    assert (config.settings.ttl_seconds, config.settings.workers) == (60, 20)
    assert config.sources["profile"] == "command line"
    assert config.sources["region"] == "environment"
    assert config.sources["ttl_seconds"] == str(tmp_path / "config.toml")
    assert config.sources["workers"] == config.sources["color"] == DEFAULT


def test_an_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    config = load(tmp_path, 'profile = "file"', environ={"EC2MENU_PROFILE": ""})
    assert config.settings.profile == "file"


def test_every_setting_is_described() -> None:
    assert set(DESCRIPTIONS) == set(load_config(environ={}, path=Path("none"), explicit=False, flags={}).sources)


@pytest.mark.parametrize("text", ["1", "true", "YES", "On"])
def test_a_variable_may_say_yes_in_several_words(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, "color = false", environ={"EC2MENU_COLOR": text}).settings.color is True


@pytest.mark.parametrize("text", ["0", "False", "no", "OFF"])
def test_a_variable_may_say_no_in_several_words(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, environ={"EC2MENU_WINDOWS": text}).settings.windows is False


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("86400", 86400), ("+5", 5)])
def test_a_number_in_a_variable_becomes_a_number(tmp_path: Path, text: str, seconds: int) -> None:
    assert load(tmp_path, environ={"EC2MENU_TTL_SECONDS": text}).settings.ttl_seconds == seconds


@pytest.mark.parametrize("text", ["--5", "5s", "1.5", "0x10", " 5", "9" * 5000, "٣", "-"])
def test_what_is_not_a_whole_number_is_refused_with_its_source(tmp_path: Path, text: str) -> None:
    error = complaint(tmp_path, environ={"EC2MENU_TTL_SECONDS": text})
    assert error.message.startswith("environment: ttl_seconds = ")
    assert "is not a whole number" in error.message
    assert error.hint == DESCRIPTIONS["ttl_seconds"]


@pytest.mark.parametrize(
    ("name", "value", "bounds"),
    [
        ("ttl_seconds", "-1", "0 and 86400"),
        ("ttl_seconds", "86401", "0 and 86400"),
        ("workers", "0", "1 and 100"),
        ("workers", "101", "1 and 100"),
        ("answer_timeout_seconds", "4", "5 and 600"),
        ("answer_timeout_seconds", "601", "5 and 600"),
    ],
)
def test_a_number_outside_its_bounds_is_refused_and_the_bounds_are_named(
    tmp_path: Path, name: str, value: str, bounds: str
) -> None:
    assert complaint(tmp_path, f"{name} = {value}").message.endswith(f"{name} = {value} is not between {bounds}")


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("workers = true", "workers = True is not a whole number"),
        ("workers = 2.0", "workers = 2.0 is not a whole number"),
        ("color = 1", "color = 1 is not true or false"),
        ('color = "maybe"', "color = 'maybe' is not true or false"),
        ("profile = 7", "profile = 7 is not a text"),
        ('region = ["eu-west-1"]', "region = ['eu-west-1'] is not a text"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(tmp_path: Path, line: str, wrong: str) -> None:
    assert complaint(tmp_path, line).message == f"{tmp_path / 'config.toml'}: {wrong}"


@pytest.mark.parametrize("text", ["colour = true", "[colors]\nred = 1"])
def test_an_unknown_setting_is_refused_and_the_known_ones_are_listed(tmp_path: Path, text: str) -> None:
    error = complaint(tmp_path, text)
    assert "there is no setting colo" in error.message
    assert "ttl_seconds" in error.hint


def test_a_file_that_the_user_named_must_exist(tmp_path: Path) -> None:
    assert "there is no config file" in complaint(tmp_path, explicit=True).message


@pytest.mark.parametrize("text", ["color =", 'a = "', b"\xff\xfe\x00", "color = true\ncolor = false"])
def test_a_file_that_is_not_toml_is_refused_by_name(tmp_path: Path, text: str | bytes) -> None:
    error = complaint(tmp_path, text)
    assert f"the config file {tmp_path / 'config.toml'} cannot be read" in error.message
    assert error.hint


def test_a_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    assert "cannot be read" in complaint(tmp_path).message


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, "", explicit=True).settings == Settings()
