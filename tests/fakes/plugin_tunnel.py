"""A port session of the stand-in plugin: it really listens on 127.0.0.1 and really forwards TCP.

`mux` is the way of agents newer than 3.0.196.0 (many connections, a Unix socket file in TMPDIR while it runs),
`basic` of older ones (one connection at a time). Neither passes a half-closed connection on.
"""

import contextlib
import errno
import os
import signal
import socket
import threading
from typing import Any, NoReturn

from tests.fakes.plugin_run import CONTROL_SIGNALS, Run

LOOPBACK = "127.0.0.1"
UPLOAD_BYTES = 1024
DOWNLOAD_BYTES = 65536
UPLOAD_PAUSE_SECONDS = 0.001
CONNECT_SECONDS = 10.0
DESTINATION_FAILED = "\nConnection to destination port failed, check SSM Agent logs.\n"
UNIX_SOCKET_SUFFIX = "session_manager_plugin_mux.sock"


class Tunnel:
    """A tunnel that lives until Ctrl-C, the service, or a signal ends it."""

    def __init__(self, run: Run, *, session_id: str, request: dict[str, Any]) -> None:
        self._run = run
        self._id = session_id
        self._basic = bool(run.modes.get("basic"))
        self._parameters = request.get("Parameters") or {}
        self._destination = self._map_destination()
        self._socket_file = ""
        self._zombie = threading.Event()
        self._pause_seconds = run.modes.get("upload_pause_seconds", UPLOAD_PAUSE_SECONDS)
        self._connections: list[dict[str, Any]] = []

    def serve(self) -> NoReturn:
        """Listen, say so in the plugin's words, and forward."""
        self._run.take_over_signals()
        if not self._basic:
            self._make_socket_file()
        listener = self._listen()
        self._run.become_ready()
        self._run.after(self._run.modes.get("zombie_after_seconds"), self._become_zombie)
        self._run.after(self._run.modes.get("ends_after_seconds"), self._end_by_service)
        if self._run.modes.get("zombie_after_seconds") == 0:
            self._become_zombie()  # before anybody can have connected
        self._announce(listener.getsockname()[1])
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        while True:
            self._take_signals()

    def _parameter(self, name: str, default: str) -> str:
        values = self._parameters.get(name) or [default]
        return str(values[0])

    def _map_destination(self) -> tuple[str, int] | None:
        """Return where to connect; None where a real lookup would be needed, which tests must not depend on."""
        wanted = f"{self._parameter('host', LOOPBACK)}:{self._parameter('portNumber', '80')}"
        host, _, port = self._run.modes.get("map", {}).get(wanted, wanted).rpartition(":")
        is_here = host == "localhost" or host.replace(".", "").isdigit()
        return (host, int(port)) if is_here else None

    def _take_signals(self) -> None:
        for number in self._run.wait(None)[0]:
            if number is signal.SIGUSR1:
                self._become_zombie()
            elif number is signal.SIGUSR2:
                self._end_by_service()
            elif number in CONTROL_SIGNALS and not self._run.modes.get("deaf"):
                self._terminate()

    def _make_socket_file(self) -> None:
        """Bind the socket that the real one multiplexes through, under its name: TMPDIR and a hash of the id."""
        folder = os.environ.get("TMPDIR") or "/tmp"  # Go's own default
        self._socket_file = f"{folder}/{_fnv32a(self._id.encode())}_{UNIX_SOCKET_SUFFIX}"
        try:
            _unlink_if_dead(self._socket_file)
            self._unix_listener = socket.socket(socket.AF_UNIX)
            self._unix_listener.bind(self._socket_file)
            self._unix_listener.listen()
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            reason = "address already in use" if taken else "invalid argument"
            self._refuse(f"listen unix {self._socket_file}: bind: {reason}")

    def _listen(self) -> socket.socket:
        port = int(self._parameter("localPortNumber", "0") or "0")
        if self._run.modes.get("port_busy_hang"):
            self._hang()
        if self._run.modes.get("port_busy_line"):
            self._refuse_port(port)
        try:
            return socket.create_server((LOOPBACK, port), backlog=128)
        except OSError:
            if self._run.modes.get("busy_hangs"):
                self._hang()
            self._refuse_port(port)

    def _hang(self) -> NoReturn:
        """Live on without a word, as a multiplexed tunnel does in 6 of 10 cases of a taken port."""
        while True:
            self._take_signals()

    def _refuse_port(self, port: int) -> NoReturn:
        self._refuse(f"listen tcp {LOOPBACK}:{port}: bind: address already in use")

    def _refuse(self, reason: str) -> NoReturn:
        self._run.say(f"Cannot perform start session: {reason}\n")
        self._finish("refused", session_ended=False)

    def _announce(self, port: int) -> None:
        self._run.say(f"Port {port} opened for sessionId {self._id}." + ("\n" if self._basic else ""))
        if not self._basic:
            self._run.say("\nWaiting for connections...\n")

    def _terminate(self) -> NoReturn:
        self._run.say("Terminate signal received, exiting.\n")
        self._run.say(f"\n\nExiting session with sessionId: {self._id}.\n\n")
        self._finish("interrupted", session_ended=True)

    def _end_by_service(self) -> NoReturn:
        text = self._run.modes.get("end_text", "")
        ending = f"SessionId: {self._id} : {text}" if text else f"Exiting session with sessionId: {self._id}."
        self._run.say(f"\n\n{ending}\n\n")
        self._finish("by the service", session_ended=True)

    def _finish(self, ended: str, *, session_ended: bool) -> NoReturn:
        with contextlib.suppress(OSError):
            os.unlink(self._socket_file)  # noqa: PTH108 - pathlib costs a third of the start
        self._run.finish(ended, session_ended=session_ended)

    def _accept(self, listener: socket.socket) -> None:
        """Take connections: each in its own thread, or with an old agent each after the other."""
        held = []
        while True:
            client, _ = listener.accept()
            if self._zombie.is_set():
                held.append(client)  # accepted, and nobody will ever answer
                continue
            if not self._connections:
                self._greet()
            record = {"to": self._destination, "up": 0, "down": 0}
            self._connections.append(record)
            if self._basic:
                self._serve(client, record)
            else:
                threading.Thread(target=self._serve, args=(client, record), daemon=True).start()

    def _greet(self) -> None:
        """Say that the first client is there, in the words of either way."""
        if self._basic:
            self._run.say(f"Connection accepted for session {self._id}.\n")
        else:
            self._run.say(f"\nConnection accepted for session [{self._id}]\n")

    def _serve(self, client: socket.socket, record: dict[str, Any]) -> None:
        self._note_connections()
        far = self._connect()
        if far is None:
            self._run.say(DESTINATION_FAILED)
            client.close()
            return
        upload = threading.Thread(target=self._copy, args=(client, far, record, "up"), daemon=True)
        upload.start()
        self._copy(far, client, record, "down")
        upload.join()
        client.close()
        far.close()
        self._note_connections()

    def _note_connections(self) -> None:
        self._run.note(connections=self._connections)

    def _connect(self) -> socket.socket | None:
        if late := self._run.modes.get("refuses_after_seconds"):
            threading.Event().wait(late)
            return None
        if self._run.modes.get("destination_failed") or self._destination is None:
            return None
        try:
            far = socket.create_connection(self._destination, timeout=CONNECT_SECONDS)
        except OSError:
            return None
        far.settimeout(None)
        return far

    def _copy(self, source: socket.socket, sink: socket.socket, record: dict[str, Any], way: str) -> None:
        """Pass bytes one way; whichever way ends first closes both, so an answer after a half-close is lost."""
        with contextlib.suppress(OSError):
            while data := source.recv(UPLOAD_BYTES if way == "up" else DOWNLOAD_BYTES):
                self._stop_if_zombie()
                record[way] += len(data)
                sink.sendall(data)
                if way == "up" and self._pause_seconds:
                    threading.Event().wait(self._pause_seconds)
        self._stop_if_zombie()
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _become_zombie(self) -> None:
        self._zombie.set()
        self._run.note(zombie=True)

    def _stop_if_zombie(self) -> None:
        if self._zombie.is_set():
            threading.Event().wait()


def _unlink_if_dead(socket_file: str) -> None:
    """Remove the socket of a killed run: ids of real sessions never come again, those of tests do."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(socket_file)
        except ConnectionRefusedError:
            os.unlink(socket_file)  # noqa: PTH108 - pathlib costs a third of the start
        except FileNotFoundError:
            return


def _fnv32a(data: bytes) -> int:
    """Return the 32-bit FNV-1a hash, after which Go's plugin names its socket file."""
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value
