"""Remote Desktop through a tunnel: the stand-in plugin really forwards, a small server plays the Windows machine."""

import contextlib
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ec2menu.aws.profiles import Profiles
from ec2menu.aws.session import Aws
from ec2menu.connectors.connector import Connector
from ec2menu.connectors.forward import Forward, open_tunnel
from ec2menu.connectors.plugin import Plugin
from ec2menu.demo.server import CONFLICTING_VARIABLES
from ec2menu.errors import PortInUse, SessionFailed
from tests.fakes.clock import FakeClock
from tests.fakes.plugin import PluginModes, process_is_alive
from tests.terminal.harness import Robot
from tests.terminal.stage import LIST_PROMPT, REGION, Stage, wait_until

PAUSE = "press Enter to close the tunnel"
ADDRESS = re.compile(r"Remote Desktop: 127\.0\.0\.1:(\d+) ")


@pytest.fixture
def desktop() -> Iterator[int]:
    """A server that waits for a word and gives it back in capitals; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.sendall(client.recv(1024).upper())

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """The stage with one Windows machine on it."""

    stage: Stage
    node: str
    modes: PluginModes

    def misbehave(self, modes: PluginModes) -> None:
        """Have a tunnel that leads to the desktop behave in these ways as well."""
        both: PluginModes = {**self.modes, **modes}
        self.stage.misbehave(**both)

    def open(self) -> Robot:
        """Connect by Remote Desktop and wait until the tunnel is open."""
        robot = self.stage.connect(self.node, "--no-color")
        robot.wait_for("how (0 back):")
        robot.line("2")
        robot.wait_for(PAUSE)
        return robot

    def local_port(self, robot: Robot) -> int:
        """Return the port that the user was told."""
        found = ADDRESS.search(robot.transcript)
        assert found, robot.picture()
        return int(found[1])


@pytest.fixture
def windows(stage: Stage, desktop: int) -> Windows:
    modes: PluginModes = {"map": {"127.0.0.1:3389": f"127.0.0.1:{desktop}"}}
    stage.misbehave(**modes)
    return Windows(stage=stage, node=stage.add_instance(name="win-1", platform="Windows"), modes=modes)


def talk(port: int, word: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(word)
        return client.recv(1024)


def test_a_windows_machine_offers_remote_desktop_whose_tunnel_works_until_enter(windows: Windows) -> None:
    stage = windows.stage
    with windows.open() as robot:
        port = windows.local_port(robot)
        assert talk(port, b"hello") == b"HELLO"
        run = stage.last_run()
        assert run.request == {
            "Target": windows.node,
            "Reason": "ec2menu",
            "DocumentName": "AWS-StartPortForwardingSession",
            "Parameters": {"portNumber": ["3389"], "localPortNumber": [str(port)]},
        }
        assert (run.stdin_is_tty, run.stdout_is_tty, run.sid) == (False, False, run.pid)
        assert stage.demo.calls_of("StartSession")[0].parameters == run.request
        robot.line()
        robot.wait_for("tunnel to win-1")
        assert robot.wait_exit() == 0
    assert stage.last_run().ended == "interrupted"
    assert not stage.last_run().is_alive
    assert [session.status for session in stage.sessions()] == ["Terminated"]


@pytest.mark.parametrize(
    ("act", "status"),
    [(lambda robot: robot.control("d"), 0), (lambda robot: robot.kill(signal.SIGTERM), 143)],
    ids=["end of input", "sigterm"],
)
def test_the_tunnel_goes_with_whatever_ends_the_waiting(
    windows: Windows, act: Callable[[Robot], None], status: int
) -> None:
    with windows.open() as robot:
        act(robot)
        assert robot.wait_exit() == status
        assert "Traceback" not in robot.transcript
    assert windows.stage.last_run().ended == "interrupted"
    assert windows.stage.count("TerminateSession") == 1


def test_a_deaf_tunnel_is_killed_although_the_user_presses_ctrl_c_again_and_again(windows: Windows) -> None:
    windows.misbehave({"deaf": True})
    with windows.open() as robot:
        robot.control("c")
        robot.wait_until(lambda: "SIGINT" in windows.stage.last_run().signals)
        for _ in range(3):
            robot.control("c")
        assert robot.wait_exit() == 0
    assert not windows.stage.last_run().is_alive
    assert windows.stage.count("TerminateSession") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a process to its parent")
def test_the_tunnel_ends_when_ec2menu_is_killed(windows: Windows) -> None:
    with windows.open() as robot:
        pid = windows.stage.last_run().pid
        robot.kill(signal.SIGKILL)
        wait_until(lambda: not process_is_alive(pid), what="end of the plugin")
    assert windows.stage.last_run().ended == "interrupted"


def test_a_tunnel_that_drops_while_the_user_waits_is_told(windows: Windows) -> None:
    with windows.open() as robot:
        os.kill(windows.stage.last_run().pid, signal.SIGKILL)
        robot.wait_for("dropped, after")
        assert robot.wait_exit() == 4
    assert windows.stage.count("TerminateSession") == 1


def test_a_client_on_this_desktop_is_started_in_the_foreground_with_the_tunnel_s_address(
    windows: Windows, tmp_path: Path
) -> None:
    stage = windows.stage
    stage.program("xfreerdp", f"printf '%s\\n' \"$@\" > {tmp_path}/argv; read word; echo got $word; exit 3")
    stage.variables["DISPLAY"] = ":0"
    with stage.connect(windows.node, "--no-color") as robot:
        robot.wait_for("how (0 back):")
        robot.line("2")
        robot.wait_for("starting FreeRDP")
        robot.line("a-password")
        robot.wait_for("got a-password")
        robot.wait_for("! xfreerdp ended with status 3")
        robot.wait_for(PAUSE)
        robot.line()
        assert robot.wait_exit() == 0
        words = (tmp_path / "argv").read_text().splitlines()
        address = f"/v:127.0.0.1:{windows.local_port(robot)}"
        assert words == [address, "/cert:tofu", "/dynamic-resolution", f"/t:win-1 ({windows.node})"]


FAILURES: tuple[tuple[PluginModes, str], ...] = (
    ({"destination_failed": True}, "nothing answers on port 3389 of the node"),
    ({"port_busy_line": True}, "the local port was taken in the meantime"),
    ({"cannot_start": "websocket: bad handshake"}, "the tunnel did not open: failed (websocket: bad handshake)"),
    ({"panics": True}, "the tunnel did not open: failed (panic: interface conversion"),
    ({"dies_after_seconds": 0.0}, "the tunnel did not open: the plugin died (signal 9)"),
)


def test_a_tunnel_that_does_not_come_up_is_told_and_the_menu_stays(windows: Windows) -> None:
    stage = windows.stage
    with stage.open_list(columns=200) as robot:
        for position, (modes, words) in enumerate(FAILURES, 1):
            windows.misbehave(modes)
            robot.line("1")
            robot.wait_for("how (0 back):", new=True)
            robot.line("rdp")
            robot.wait_for(words, new=True)
            robot.wait_for(LIST_PROMPT, new=True)
            assert stage.count("StartSession") == stage.count("TerminateSession") == position
        assert not any(run.is_alive for run in stage.runs())
        stage.misbehave(**windows.modes)
        robot.line("1")
        robot.wait_for("how (0 back):", new=True)
        robot.line("9")
        robot.wait_for("not in the list", new=True)
        robot.line("0")
        robot.wait_for(LIST_PROMPT, new=True)
        assert stage.count("StartSession") == len(FAILURES)


def test_a_powershell_session_is_the_other_choice(windows: Windows) -> None:
    with windows.stage.connect(windows.node) as robot:
        robot.wait_for("how (0 back):")
        robot.line("1")
        windows.stage.wait_for_shell(robot)
        assert "DocumentName" not in windows.stage.last_run().request


def test_remote_desktop_to_a_machine_without_windows_is_refused(stage: Stage) -> None:
    stage.add_instance()
    with stage.ec2menu("connect", "--rdp", "web-1") as robot:
        robot.wait_for("does not run Windows")
        assert robot.wait_exit() == 2


# -- in this process, where time is ours ------------------------------------------------------------------------


@pytest.fixture
def connector(windows: Windows, monkeypatch: pytest.MonkeyPatch) -> Connector:
    """What opens tunnels, with a clock that only sleeping moves."""
    for name in CONFLICTING_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in windows.stage.environment().items():
        monkeypatch.setenv(name, value)
    profiles = Profiles(sections={})
    aws = Aws(profile="default", explicit=False, home=REGION, profiles=profiles, ask_mfa=str)
    return Connector(
        aws=aws,
        plugin=Plugin(command=(str(windows.stage.plugin),), version=(1, 2, 814, 0)),
        environ=windows.stage.environment(),
        clock=FakeClock(),
        answer_seconds=30,
    )


@pytest.mark.parametrize("modes", [{"never_answers": True}, {"silent": True}, {"port_busy_hang": True}], ids=str)
def test_a_tunnel_that_hangs_is_given_up_after_30_seconds(
    windows: Windows, connector: Connector, modes: PluginModes
) -> None:
    windows.stage.misbehave(**modes)
    began = connector.clock.now()
    with pytest.raises(SessionFailed, match="not ready within 30 s") as caught, open_rdp(connector, windows):
        pass
    assert "ssmmessages" in caught.value.hint
    assert 30 <= connector.clock.now() - began < 32
    assert not any(run.is_alive for run in windows.stage.runs())
    assert windows.stage.count("TerminateSession") == 1


def test_a_taken_local_port_is_refused_before_aws_is_asked(windows: Windows, connector: Connector) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(PortInUse, match="in use"):
        open_rdp(connector, windows, local_port=server.getsockname()[1]).__enter__()
    assert windows.stage.count("StartSession") == 0


def open_rdp(connector: Connector, windows: Windows, local_port: int = 0) -> contextlib.AbstractContextManager[Forward]:
    return open_tunnel(connector, target=windows.node, region=REGION, port=3389, local_port=local_port)
