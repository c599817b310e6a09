"""Which Remote Desktop client is chosen and its exact command line."""

import os
from pathlib import Path

import pytest

from ec2menu.connectors.rdp import RdpClient, address_line, find_rdp_client
from ec2menu.errors import ConnectorError

X11, WAYLAND = {"DISPLAY": ":0"}, {"WAYLAND_DISPLAY": "wayland-0"}
FREERDP = ("/v:127.0.0.1:13389", "/cert:tofu", "/dynamic-resolution", "/t:web 1")
OVER_SSH = {"SSH_CONNECTION": "1 2 3 4"}


def client_for(
    *installed: str, platform: str = "linux", is_wsl: bool = False, environ: dict[str, str]
) -> RdpClient | None:
    programs = {name: f"/opt/bin/{name}" for name in installed}
    return find_rdp_client(environ=environ, platform=platform, which=programs.get, is_wsl=is_wsl)


@pytest.mark.parametrize(
    ("installed", "platform", "is_wsl", "environ", "program"),
    [
        (("mstsc.exe",), "win32", False, {}, "mstsc.exe"),
        ((), "win32", False, {}, None),
        (("mstsc.exe",), "win32", False, OVER_SSH, None),
        (("mstsc.exe", "xfreerdp"), "linux", True, X11, "mstsc.exe"),
        (("mstsc.exe", "xfreerdp"), "linux", False, X11, "xfreerdp"),
        (("xfreerdp",), "linux", True, X11, "xfreerdp"),
        (("open",), "darwin", False, {}, "open"),
        (("open",), "darwin", False, OVER_SSH, None),
        (("xfreerdp3", "xfreerdp", "remmina"), "linux", False, X11, "xfreerdp3"),
        (("xfreerdp", "wlfreerdp", "remmina"), "linux", False, X11 | WAYLAND, "xfreerdp"),
        (("xfreerdp", "wlfreerdp", "remmina"), "linux", False, WAYLAND, "wlfreerdp"),
        (("wlfreerdp", "remmina", "krdc"), "linux", False, X11, "remmina"),
        (("xfreerdp", "remmina", "krdc"), "linux", False, WAYLAND, "remmina"),
        (("krdc",), "linux", False, WAYLAND, "krdc"),
        (("xfreerdp",), "linux", False, {**X11, **OVER_SSH}, "xfreerdp"),
        (("xfreerdp3", "xfreerdp", "wlfreerdp", "remmina", "krdc", "open"), "linux", False, {}, None),
        ((), "linux", False, X11, None),
    ],
)
def test_the_first_client_that_fits_is_chosen(
    installed: tuple[str, ...], platform: str, is_wsl: bool, environ: dict[str, str], program: str | None
) -> None:
    client = client_for(*installed, platform=platform, is_wsl=is_wsl, environ=environ)

    assert (client.program if client else None) == (f"/opt/bin/{program}" if program else None)


@pytest.mark.parametrize(
    ("installed", "environ", "expected", "detached"),
    [
        ("xfreerdp3", X11, FREERDP, False),
        ("xfreerdp", X11, FREERDP, False),
        ("wlfreerdp", WAYLAND, FREERDP, False),
        ("remmina", X11, ("-c", "rdp://127.0.0.1:13389"), True),
        ("krdc", X11, ("rdp://127.0.0.1:13389",), True),
    ],
)
def test_each_client_of_linux_gets_its_own_command_line(
    tmp_path: Path, installed: str, environ: dict[str, str], expected: tuple[str, ...], detached: bool
) -> None:
    client = client_for(installed, environ=environ)

    assert client is not None
    command = client.command("127.0.0.1", 13389, title="web 1", directory=tmp_path / "rdp")
    assert command == (f"/opt/bin/{installed}", *expected)
    assert client.detached is detached
    assert not (tmp_path / "rdp").exists()


@pytest.mark.parametrize("is_wsl", [False, True])
def test_windows_own_client_is_started_from_windows_and_from_wsl(tmp_path: Path, is_wsl: bool) -> None:
    client = client_for("mstsc.exe", platform="linux" if is_wsl else "win32", is_wsl=is_wsl, environ={})

    assert client is not None
    assert client.detached
    assert client.command("127.0.0.1", 13389, title="x", directory=tmp_path) == (
        "/opt/bin/mstsc.exe",
        "/v:127.0.0.1:13389",
    )


def test_an_ipv6_address_is_written_in_brackets(tmp_path: Path) -> None:
    client = client_for("mstsc.exe", platform="win32", environ={})

    assert client is not None
    assert client.command("::1", 13389, title="x", directory=tmp_path)[1] == "/v:[::1]:13389"


def a_mac() -> RdpClient:
    client = client_for("open", platform="darwin", environ={})
    assert client is not None
    return client


def test_on_a_mac_a_connection_file_without_any_password_is_opened(tmp_path: Path) -> None:
    program, file = a_mac().command("127.0.0.1", 13389, title="서울 web/1", directory=tmp_path / "rdp")

    path = Path(file)
    assert (program, path.parent, path.name) == ("/opt/bin/open", tmp_path / "rdp", "서울-web-1-13389.rdp")
    assert path.read_bytes() == (
        b"full address:s:127.0.0.1:13389\r\nprompt for credentials:i:1\r\ndynamic resolution:i:1\r\n"
    )
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "title", ["../../etc/passwd", "a\nusername:s:x", '"; do shell script "x', "$(touch x)", "-", "\x1b"]
)
def test_a_hostile_name_stays_in_the_folder_and_out_of_the_file(tmp_path: Path, title: str) -> None:
    _, file = a_mac().command("127.0.0.1", 13389, title=title, directory=tmp_path / "rdp")

    assert [path.name for path in (tmp_path / "rdp").iterdir()] == [Path(file).name]
    assert not Path(file).name.startswith((".", "-"))
    assert len(Path(file).read_text().splitlines()) == 3


def test_the_same_connection_twice_replaces_its_file(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    first = a_mac().command("127.0.0.1", 13389, title="web", directory=tmp_path)
    os.truncate(first[1], 0)

    second = a_mac().command("127.0.0.1", 13389, title="web", directory=tmp_path)

    assert second == first
    assert Path(second[1]).stat().st_size > 0


def test_a_connection_file_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "web-13389.rdp").mkdir()

    with pytest.raises(ConnectorError, match="Cannot write the connection file"):
        a_mac().command("127.0.0.1", 13389, title="web", directory=tmp_path)


def test_the_address_is_told_where_no_client_could_be_started() -> None:
    assert address_line(13389) == "Remote Desktop: 127.0.0.1:13389 (point any RDP client on this computer there)"
