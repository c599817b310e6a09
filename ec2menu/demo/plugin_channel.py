"""What the demo's plugin is told of its session, and the two ways it has to speak: the terminal and the demo's AWS.

Reads the plugin's arguments; plays nothing. Standard library only, and as little of it as will do.
"""

import json
import os
import sys
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

RESPONSE_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
LOOPBACK = "127.0.0.1"

_REPORT_TIMEOUT_SECONDS = 2.0


class Panic(Exception):
    """What makes the real plugin end with a stack trace and status 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A session to play: its id, the secret that ends it, where its server is, and what the URL tells (`facts`)."""

    session_id: str
    token: str = field(repr=False)
    host: str
    port: int
    path: str
    facts: dict[str, str]

    @property
    def document(self) -> str:
        """The session document; the shell's where the URL names none."""
        return self.facts.get("document", "SSM-SessionManagerRunShell")

    def report_end(self) -> None:
        """Tell the demo's AWS that the session is over; nothing is sent anywhere but to this machine."""
        import socket  # noqa: PLC0415 - a shell needs it only at its end

        if self.host != LOOPBACK:
            return
        body = f"{self.facts.get('region', '')} {self.token}".encode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            with socket.create_connection((self.host, self.port), timeout=_REPORT_TIMEOUT_SECONDS) as connection:
                connection.sendall(head.encode() + body)
                connection.recv(1024)
        except OSError:
            # The demo may have been stopped before its sessions; then there is nobody left to tell.
            return


def say(text: str) -> None:
    """Write to standard output at once, as the real plugin does with everything it has to say.

    Past Python's buffers, because a signal handler may have to speak while the main program does.
    """
    data = text.encode(sys.stdout.encoding or "utf-8", errors="replace")
    while data:
        data = data[os.write(1, data) :]


def read_channel(response: str, request: str) -> Channel:
    """Read the plugin's first and fifth arguments; raises Panic where the real plugin panics."""
    if response.startswith(RESPONSE_VARIABLE):
        response = os.environ.pop(response, "")
    grant = {key.lower(): value for key, value in _object(response).items()}
    session_id = grant.get("sessionid")
    if not isinstance(session_id, str) or not session_id:
        raise Panic("the response has no SessionId")
    if not isinstance(_object(request).get("Target"), str):
        raise Panic("interface conversion: interface {} is nil, not string (Target)")
    url = urlsplit(str(grant.get("streamurl", "")))
    return Channel(
        session_id=session_id,
        token=str(grant.get("tokenvalue", "")),
        host=url.hostname or "",
        port=url.port or 0,
        path=url.path,
        facts=dict(parse_qsl(url.query)),
    )


def _object(text: str) -> dict[str, Any]:
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise Panic(str(error)) from error
    return parsed if isinstance(parsed, dict) else {}
