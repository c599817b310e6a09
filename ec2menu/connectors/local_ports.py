"""Ports of this computer: which are free on both loopbacks, and which one to offer for a tunnel.

The plugin hangs silently on a taken port more often than it says so, hence a test before anything is started.
What was used for a destination last time is remembered elsewhere and given as a wish.
"""

import errno
import socket
import sys
from collections.abc import Collection

from ec2menu.errors import InvalidInput, PortInUse

LOOPBACK = "127.0.0.1"
LARGEST_PORT = 65535
PRIVILEGED_PORTS = 1024
PRIVILEGED_OFFSET = 10000
NEIGHBOURS = 100
ANY_PORT_TRIES = 20
CONNECT_SECONDS = 0.5
_LOOPBACKS = ((socket.AF_INET, LOOPBACK), (socket.AF_INET6, "::1"))


def pick_local_port(wanted: int = 0, *, remembered: int = 0, remote_port: int = 0, avoid: Collection[int] = ()) -> int:
    """Return a local port that is free on both loopbacks and not in `avoid`.

    `wanted` is insisted on: PortInUse, naming a free one, where it is taken. Without it the order is: the remembered
    port, the remote port (moved up by 10000 where only root may listen on it), the next ones above, any. 0 is no wish.
    Raises InvalidInput for a number that is no port.
    """
    if wanted:
        if not 0 < wanted <= LARGEST_PORT:
            raise InvalidInput(f"{wanted} is not a port", hint=f"use a number from 1 to {LARGEST_PORT}")
        if _fits(wanted, avoid):
            return wanted
        other = _next_free(wanted + 1, avoid) or _any_free(avoid)
        raise PortInUse(f"local port {wanted} is in use", hint=f"choose another port, for example {other}")
    if remembered and _fits(remembered, avoid):
        return remembered
    first = remote_port + PRIVILEGED_OFFSET if 0 < remote_port < PRIVILEGED_PORTS else remote_port
    return (_next_free(first, avoid) if first else 0) or _any_free(avoid)


def is_listened_on(port: int) -> bool:
    """Whether some program accepts connections on a port of the loopback; unlike binding, this disturbs nobody."""
    try:
        with socket.create_connection((LOOPBACK, port), CONNECT_SECONDS):
            return True
    except OSError:
        return False


def _next_free(first: int, avoid: Collection[int]) -> int:
    """Return the first free port from `first` on, or 0 where there is none near."""
    last = min(first + NEIGHBOURS, LARGEST_PORT)
    return next((port for port in range(first, last + 1) if _fits(port, avoid)), 0)


def _any_free(avoid: Collection[int]) -> int:
    for _ in range(ANY_PORT_TRIES):
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            candidate = int(probe.getsockname()[1])
        if _fits(candidate, avoid):
            return candidate
    raise PortInUse("no free local port was found", hint="close some programs that listen on this computer")


def _fits(port: int, avoid: Collection[int]) -> bool:
    return port not in avoid and _is_free(port)


def _is_free(port: int) -> bool:
    for family, address in _LOOPBACKS:
        try:
            with socket.socket(family) as probe:
                if sys.platform == "linux":  # as the plugin does: a port just closed is free; elsewhere it means more
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False  # any other error: this computer has no such loopback
    return True
