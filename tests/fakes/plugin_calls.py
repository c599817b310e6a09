"""How a caller runs session-manager-plugin, for the stand-in's own tests: its arguments, and the process at pipes."""

import json
import os
import select
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SESSION_ID = "ops-0a1b2c3d4e5f60718"
TARGET = "i-0123456789abcdef0"
PORT_DOCUMENT = "AWS-StartPortForwardingSession"
REMOTE_DOCUMENT = "AWS-StartPortForwardingSessionToRemoteHost"
RESPONSE = json.dumps({"SessionId": SESSION_ID, "TokenValue": "token", "StreamUrl": "wss://ssmmessages.example/x"})
FIRST_LINE = f"\nStarting session with SessionId: {SESSION_ID}\n"
NORMAL_END = f"\n\nExiting session with sessionId: {SESSION_ID}.\n\n"


def shell_call(plugin: Path, *, response: str = RESPONSE, target: str = TARGET) -> list[str]:
    """Return the argument list for a shell session."""
    return _call(plugin, response, {"Target": target})


def tunnel_call(plugin: Path, *, port: int, local_port: str = "0", host: str = "") -> list[str]:
    """Return the argument list for a tunnel to `port` on the node, or on `host` beyond it."""
    parameters = {"portNumber": [str(port)], "localPortNumber": [local_port]} | ({"host": [host]} if host else {})
    document = REMOTE_DOCUMENT if host else PORT_DOCUMENT
    return _call(plugin, RESPONSE, {"Target": TARGET, "DocumentName": document, "Parameters": parameters})


def _call(plugin: Path, response: str, request: Mapping[str, Any]) -> list[str]:
    end = "https://ssm.eu-west-1.amazonaws.com"
    return [str(plugin), response, "eu-west-1", "StartSession", "", json.dumps(request), end]


class StartedPlugin:
    """A plugin at pipes; leaving the `with` block kills it. `output` is all that it has printed and we have read."""

    def __init__(self, argv: list[str], *, environment: Mapping[str, str] | None = None, **options: Any) -> None:
        self.output = ""
        self._process = subprocess.Popen(
            argv,
            stdin=options.pop("stdin", subprocess.PIPE),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if environment is None else dict(environment),
            **options,
        )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def type(self, text: str) -> None:
        """Write to its stdin."""
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode())
        self._process.stdin.flush()

    def close_output(self) -> None:
        """Go away as a reader does that has died."""
        assert self._process.stdout is not None
        self._process.stdout.close()

    def read_until(self, text: str, *, seconds: float = 20.0) -> str:
        """Read its output until `text` has come, and return all that was read so far."""
        deadline = time.monotonic() + seconds
        while text not in self.output:
            assert self._read(max(0.0, deadline - time.monotonic())), f"no {text!r} in {self.output!r}"
        return self.output

    def signal(self, number: int) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def wait(self, *, seconds: float = 20.0) -> int:
        """Wait for its end and return the status; `output` is then complete."""
        while self._read(seconds):
            pass
        return self._process.wait(seconds)

    def errors(self) -> str:
        """Return what it printed to stderr, after its end."""
        assert self._process.stderr is not None
        return bytes(self._process.stderr.read()).decode()

    def _read(self, seconds: float) -> bool:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        ready, _, _ = select.select([descriptor], [], [], seconds)
        data = os.read(descriptor, 65536) if ready else b""
        self.output += data.decode()
        return bool(data)
