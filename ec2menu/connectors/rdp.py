"""Which Remote Desktop client to start for a tunnel's local port, and its command line.

The tunnel itself is in `forward`, starting the command is the caller's. A user name or password is never passed: each
client asks for them, so they reach neither a process list nor a file of ours.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ec2menu.connectors.handover import make_private_directory, write_private
from ec2menu.connectors.windows import is_remote_login, safe_title
from ec2menu.errors import ConnectorError

Arguments = Callable[[str, str, Path], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RdpClient:
    """A Remote Desktop client. `name` is for the user; `detached` means: start it and leave it alone.

    One that is not detached either returns at once (macOS) or asks for the password on this terminal (FreeRDP), so it
    is to be run in the foreground and waited for.
    """

    name: str
    program: str
    arguments: Arguments
    detached: bool

    def command(self, host: str, port: int, *, title: str, directory: Path) -> tuple[str, ...]:
        """Return the command line that connects to `host`:`port` under a title (any text).

        On macOS this writes a connection file into `directory` first (created private where missing) and raises
        ConnectorError where that fails; the other clients leave `directory` alone.
        """
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return (self.program, *self.arguments(address, safe_title(title), directory))


def mstsc_arguments(address: str, _title: str, _directory: Path) -> tuple[str, ...]:
    """Return the arguments of Windows' own client."""
    # On WSL 2 the tunnel listens inside Linux; by default (localhostForwarding) Windows' 127.0.0.1 reaches it there.
    return (f"/v:{address}",)


def connection_file_arguments(address: str, title: str, directory: Path) -> tuple[str, ...]:
    """Write a connection file and return the arguments of `open`: Windows App for the Mac takes no address itself."""
    name = re.sub(r"[^\w.-]+", "-", f"{title}-{address.rpartition(':')[2]}").lstrip(".-")
    path = make_private_directory(directory) / f"{name}.rdp"
    lines = (f"full address:s:{address}", "prompt for credentials:i:1", "dynamic resolution:i:1")
    try:
        path.unlink(missing_ok=True)
        write_private(path, "".join(f"{line}\r\n" for line in lines))
    except OSError as error:
        raise ConnectorError(f"Cannot write the connection file {path}: {error.strerror}.") from error
    return (str(path),)


def freerdp_arguments(address: str, title: str, _directory: Path) -> tuple[str, ...]:
    """Return FreeRDP's arguments: the certificate is trusted on first use, the desktop follows the window's size."""
    return (f"/v:{address}", "/cert:tofu", "/dynamic-resolution", f"/t:{title}")


def remmina_arguments(address: str, _title: str, _directory: Path) -> tuple[str, ...]:
    """Return Remmina's arguments."""
    return ("-c", f"rdp://{address}")


def krdc_arguments(address: str, _title: str, _directory: Path) -> tuple[str, ...]:
    """Return KRDC's arguments."""
    return (f"rdp://{address}",)


@dataclass(frozen=True, slots=True, kw_only=True)
class _LinuxClient:
    """A client for Linux and the displays that it can draw on."""

    binary: str
    name: str
    arguments: Arguments
    displays: tuple[str, ...] = ("DISPLAY", "WAYLAND_DISPLAY")
    detached: bool = False


_LINUX = (
    _LinuxClient(binary="xfreerdp3", name="FreeRDP", arguments=freerdp_arguments, displays=("DISPLAY",)),
    _LinuxClient(binary="xfreerdp", name="FreeRDP", arguments=freerdp_arguments, displays=("DISPLAY",)),
    _LinuxClient(binary="wlfreerdp", name="FreeRDP", arguments=freerdp_arguments, displays=("WAYLAND_DISPLAY",)),
    _LinuxClient(binary="remmina", name="Remmina", arguments=remmina_arguments, detached=True),
    _LinuxClient(binary="krdc", name="KRDC", arguments=krdc_arguments, detached=True),
)


def find_rdp_client(
    *, environ: Mapping[str, str], platform: str, which: Callable[[str], str | None], is_wsl: bool
) -> RdpClient | None:
    """Choose the Remote Desktop client that fits where we run, or None; `platform` is `sys.platform`.

    Over SSH the desktop of this machine is out of the user's sight: only a forwarded Linux display counts there.
    """
    here = not is_remote_login(environ)
    if (platform == "win32" or is_wsl) and here and (program := which("mstsc.exe")):
        return RdpClient(name="Remote Desktop", program=program, arguments=mstsc_arguments, detached=True)
    if platform == "darwin" and here and (program := which("open")):
        return RdpClient(name="Windows App", program=program, arguments=connection_file_arguments, detached=False)
    return None if platform in ("win32", "darwin") else _find_linux_client(environ, which)


def _find_linux_client(environ: Mapping[str, str], which: Callable[[str], str | None]) -> RdpClient | None:
    for client in _LINUX:
        has_display = any(environ.get(display) for display in client.displays)
        if has_display and (program := which(client.binary)):
            return RdpClient(name=client.name, program=program, arguments=client.arguments, detached=client.detached)
    return None


def address_line(port: int) -> str:
    """Return the line that tells where to point a client that ec2menu could not start itself."""
    return f"Remote Desktop: 127.0.0.1:{port} (point any RDP client on this computer there)"
