"""session-manager-plugin found, judged by its version, and called: real executables, no session."""

import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import pytest

from ec2menu.aws.session import PluginIdentity
from ec2menu.connectors.plugin import (
    NAME,
    RESPONSE_VARIABLE,
    Invocation,
    Plugin,
    find_plugin,
    install_line,
    install_line_here,
    invocation,
)
from ec2menu.connectors.process import run_quietly
from ec2menu.errors import PluginMissing, PluginUnusable
from tests.fakes.plugin import PluginModes, install_plugin

INSTALL = "install it: somehow"
TOKEN = "AAEAAc3ecret+token/=="
ANSWER = {"SessionId": "ops-1", "TokenValue": TOKEN, "StreamUrl": "wss://example/x", "ResponseMetadata": {"a": 1}}
REQUEST = {"Target": "i-0123456789abcdef0", "Reason": "ec2menu"}
ENDPOINT = "https://ssm.eu-west-1.amazonaws.com"
NO_KEYS = PluginIdentity(profile="", environment={})


def find(folder: Path, *explicit: str, seconds: float = 10.0) -> Plugin:
    """Look for the plugin with nothing but `folder` on PATH."""
    return find_plugin(
        explicit=explicit,
        which=partial(shutil.which, path=str(folder)),
        run=lambda argv: run_quietly(argv, timeout_seconds=seconds),
        install=INSTALL,
    )


def find_with(folder: Path, **modes: Unpack[PluginModes]) -> Plugin:
    install_plugin(folder, **modes)
    return find(folder)


def call(plugin: Plugin, *, identity: PluginIdentity = NO_KEYS, **environ: str) -> Invocation:
    return invocation(
        plugin,
        answer=ANSWER,
        request=REQUEST,
        region="eu-west-1",
        endpoint=ENDPOINT,
        identity=identity,
        environ=environ,
    )


def plugin_of(*version: int) -> Plugin:
    return Plugin(command=("/usr/bin/plugin",), version=version)


def which_of(*programs: str) -> Callable[[str], str | None]:
    return lambda name: f"/usr/bin/{name}" if name in programs else None


# -- finding ----------------------------------------------------------------------------------------------------


def test_a_plugin_on_path_is_used_as_it_was_found(tmp_path: Path) -> None:
    found = find_with(tmp_path, version="1.2.814.0")
    assert found == Plugin(command=(str(tmp_path / NAME),), version=(1, 2, 814, 0))
    assert found.version_text == "1.2.814.0"


def test_an_explicit_command_comes_before_path_and_may_have_arguments(tmp_path: Path) -> None:
    install_plugin(tmp_path / "path", version="1.2.700.0")
    other = install_plugin(tmp_path / "other", version="1.2.600.0")
    assert find(tmp_path / "path", "/usr/bin/env", str(other)).command == ("/usr/bin/env", str(other))
    assert find(tmp_path / "path", str(other)).version == (1, 2, 600, 0)


def test_a_missing_plugin_is_told_with_the_install_line(tmp_path: Path) -> None:
    with pytest.raises(PluginMissing, match="session-manager-plugin is not installed") as caught:
        find(tmp_path)
    assert (caught.value.hint, caught.value.status) == (INSTALL, 4)


@pytest.mark.skipif(os.name == "nt", reason="there it is no folder of the current one")
def test_what_lies_in_the_current_folder_is_never_taken_for_the_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    planted = tmp_path / "C:" / "Program Files" / "Amazon" / "SessionManagerPlugin" / "bin"
    planted.mkdir(parents=True)
    install_plugin(planted)
    with pytest.raises(PluginMissing):
        find(tmp_path / "path")


def test_a_plugin_on_path_that_is_not_executable_counts_as_missing(tmp_path: Path) -> None:
    install_plugin(tmp_path, executable=False)
    with pytest.raises(PluginMissing):
        find(tmp_path)


def test_one_that_lacks_only_the_permission_is_named(tmp_path: Path) -> None:
    path = install_plugin(tmp_path, executable=False)
    with pytest.raises(PluginUnusable, match="may not be executed") as caught:
        find_plugin(
            explicit=(),
            which=partial(shutil.which, path=str(tmp_path)),
            which_file=partial(shutil.which, path=str(tmp_path), mode=os.F_OK),
            run=lambda argv: run_quietly(argv, timeout_seconds=10),
            install=INSTALL,
        )
    assert caught.value.hint == f"type: chmod +x {path}"


@pytest.mark.parametrize("name", ["absent", "not-executable", "folder"])
def test_an_explicit_path_that_cannot_be_run_is_named_with_the_reason(tmp_path: Path, name: str) -> None:
    (tmp_path / "not-executable").write_text("#!/bin/sh\n")
    (tmp_path / "folder").mkdir()
    path = str(tmp_path / name)
    with pytest.raises(PluginUnusable, match=r"does not run: .*(No such file|Permission denied)") as caught:
        find(tmp_path, path)
    assert caught.value.message.startswith(path)
    assert caught.value.hint == INSTALL


def test_a_plugin_that_hangs_when_asked_for_its_version_is_unusable(tmp_path: Path) -> None:
    install_plugin(tmp_path, version_hangs=True)
    with pytest.raises(PluginUnusable, match="no answer within"):
        find(tmp_path, seconds=0.3)


@pytest.mark.parametrize(
    "printed",
    ["", "hello", "1.2", "v.1.2.x", "cannot reach 10.0.0.1, giving up", "2024.01.02 failed", "1.2.3.4.5", "9" * 5000],
)
def test_what_is_no_version_is_never_taken_for_one(tmp_path: Path, printed: str) -> None:
    with pytest.raises(PluginUnusable, match="does not run: ") as caught:
        find_with(tmp_path, version=printed)
    assert len(caught.value.message) < 500


def test_a_version_printed_on_the_way_to_a_failure_does_not_count(tmp_path: Path) -> None:
    script = tmp_path / NAME
    script.write_text("#!/bin/sh\necho 1.2.814.0\nexit 3\n")
    script.chmod(0o755)
    with pytest.raises(PluginUnusable, match=r"does not run: 1\.2\.814\.0"):
        find(tmp_path)


@pytest.mark.parametrize("version", ["1.2.331.0", "1.2.331", "1.2.497.0", "1.2.814.0", "1.3.0.0", "2.0.0.0"])
def test_versions_from_1_2_331_on_are_taken_without_a_word(tmp_path: Path, version: str) -> None:
    found = find_with(tmp_path, version=version)
    assert (found.version_text, found.warning) == (version, "")


@pytest.mark.parametrize("version", ["1.2.330.0", "1.2.54.0", "1.1.999.0", "0.9.0", "1.2.0.1"])
def test_older_versions_are_refused_with_the_reason_and_the_install_line(tmp_path: Path, version: str) -> None:
    with pytest.raises(PluginUnusable, match=f"{version} is too old: it drops sessions after 60 s") as caught:
        find_with(tmp_path, version=version)
    assert (caught.value.hint, caught.value.status) == (INSTALL, 4)


def test_a_build_from_source_is_let_through_with_a_warning(tmp_path: Path) -> None:
    found = find_with(tmp_path, version="1.2.0.0")
    assert found.version == (1, 2, 0, 0)
    assert "built from source" in found.warning


# -- how to install it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "machine", "programs", "wanted"),
    [
        ("Darwin", "arm64", (), "brew install --cask session-manager-plugin"),
        ("Windows", "AMD64", (), "winget install Amazon.SessionManagerPlugin"),
        ("Linux", "x86_64", ("dpkg", "yum"), "latest/ubuntu_64bit/session-manager-plugin.deb && sudo dpkg -i"),
        ("Linux", "aarch64", ("dpkg",), "latest/ubuntu_arm64/session-manager-plugin.deb && sudo dpkg -i"),
        ("Linux", "x86_64", ("dnf", "yum"), "sudo dnf install -y https://"),
        ("Linux", "x86_64", ("yum",), "sudo yum install -y https://"),
        ("Linux", "aarch64", ("dnf",), "latest/linux_arm64/session-manager-plugin.rpm"),
        ("Linux", "x86_64", (), "https://docs.aws.amazon.com/systems-manager/"),
        ("FreeBSD", "amd64", ("dpkg",), "https://docs.aws.amazon.com/systems-manager/"),
    ],
)
def test_each_system_gets_its_own_install_line(
    system: str, machine: str, programs: tuple[str, ...], wanted: str
) -> None:
    line = install_line(system=system, machine=machine, which=which_of(*programs))
    assert line.startswith("install it: ")
    assert wanted in line
    assert "\n" not in line


def test_the_machine_we_run_on_has_an_install_line() -> None:
    assert install_line_here(shutil.which).startswith("install it: ")


# -- the call ---------------------------------------------------------------------------------------------------


def test_the_call_has_aws_s_six_arguments_in_order() -> None:
    argv = call(plugin_of(1, 2, 814, 0), identity=PluginIdentity(profile="ops", environment={})).argv
    assert argv[:5] == ("/usr/bin/plugin", RESPONSE_VARIABLE, "eu-west-1", "StartSession", "ops")
    assert json.loads(argv[5]) == REQUEST
    assert argv[6:] == (ENDPOINT,)


@pytest.mark.parametrize("version", [(1, 2, 497, 1), (1, 2, 536, 0), (1, 2, 814, 0), (1, 2, 0, 0), (1, 3, 0)])
def test_newer_plugins_get_the_token_by_environment_and_never_in_argv(version: tuple[int, ...]) -> None:
    made = call(plugin_of(*version), HOME="/root")
    assert json.loads(made.environment[RESPONSE_VARIABLE]) == {
        "SessionId": "ops-1",
        "TokenValue": TOKEN,
        "StreamUrl": "wss://example/x",
    }
    assert TOKEN not in "".join(made.argv)
    assert made.environment["HOME"] == "/root"


@pytest.mark.parametrize("version", [(1, 2, 331), (1, 2, 331, 0), (1, 2, 497), (1, 2, 497, 0)])
def test_plugins_up_to_1_2_497_read_the_answer_from_argv(version: tuple[int, ...]) -> None:
    made = call(plugin_of(*version))
    assert json.loads(made.argv[1])["TokenValue"] == TOKEN
    assert RESPONSE_VARIABLE not in made.environment


@pytest.mark.parametrize("version", [(1, 2, 331, 0), (1, 2, 814, 0)])
def test_the_token_does_not_show_when_a_call_is_printed(version: tuple[int, ...]) -> None:
    made = call(plugin_of(*version))
    assert TOKEN not in repr(made)
    assert TOKEN not in f"{made}"
    assert "/usr/bin/plugin" in repr(made)


def test_the_identity_sets_and_unsets_variables_and_leaves_ours_alone() -> None:
    ours: dict[str, Any] = {"AWS_PROFILE": "ops", "AWS_SESSION_TOKEN": "stale", "PATH": "/bin"}
    keys = PluginIdentity(
        profile="", environment={"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_PROFILE": None, "AWS_SESSION_TOKEN": None}
    )
    made = call(plugin_of(1, 2, 814, 0), identity=keys, **ours)
    assert made.environment["AWS_ACCESS_KEY_ID"] == "AKIA1"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & set(made.environment)
    assert ours == {"AWS_PROFILE": "ops", "AWS_SESSION_TOKEN": "stale", "PATH": "/bin"}


@pytest.mark.parametrize(("given", "used"), [("/t" * 33, "/tmp"), ("/t" * 32, "/t" * 32), ("", "")])
def test_a_temporary_folder_too_long_for_a_unix_socket_is_replaced(given: str, used: str) -> None:
    assert call(plugin_of(1, 2, 814, 0), TMPDIR=given).environment["TMPDIR"] == used


def test_a_temporary_folder_that_is_not_set_stays_so() -> None:
    assert "TMPDIR" not in call(plugin_of(1, 2, 814, 0)).environment
