"""Tunnels as they are opened, shared and closed, and every way in which they do not open."""

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ec2menu.clock import Clock, SystemClock
from ec2menu.connectors.connector import Connector, SessionSpec
from ec2menu.connectors.probes import Health, Protocol
from ec2menu.connectors.tunnel import TunnelState
from ec2menu.connectors.tunnels import Tunnels
from ec2menu.errors import (
    AccessDenied,
    Ec2MenuError,
    Interrupted,
    PluginMissing,
    PortInUse,
    SessionFailed,
    TargetNotConnected,
)
from ec2menu.fanout import Task
from tests.cloud.tunnel_rig import HOST, REGION, Rig, far_end, talk, wait_until
from tests.fakes.clock import FakeClock, HurriedClock
from tests.fakes.plugin import PluginModes
from tests.ports import free_port

CLOCK = SystemClock()


def test_an_open_tunnel_leads_to_the_far_end_and_is_gone_when_it_is_closed(rig: Rig) -> None:
    tunnels = rig.tunnels(CLOCK)
    tunnel = tunnels.open(rig.spec())
    assert talk(tunnel.local_port) == b"select 1"
    assert (tunnel.state, tunnel.reconnects, tunnel.last_error, tunnel.news()) == (TunnelState.OPEN, 0, "", [])
    assert (tunnel.local_port, tunnel.address) == (rig.port, f"127.0.0.1:{rig.port}")
    assert tunnel.test() is Health.ANSWERS
    assert tunnels.all() == [tunnel]
    (run,) = rig.runs()
    assert run.request == {
        "Target": rig.node,
        "Reason": "ec2menu",
        "DocumentName": "AWS-StartPortForwardingSessionToRemoteHost",
        "Parameters": {"host": [HOST], "portNumber": [str(rig.port)], "localPortNumber": [str(rig.port)]},
    }
    assert [session.id for session in rig.demo.sessions(REGION)] == list(tunnel.session_ids)
    tunnel.close()
    tunnel.close()
    assert (tunnel.state, tunnel.test(), tunnels.all()) == (TunnelState.CLOSED, Health.REFUSED, [])
    assert (rig.living(), rig.statuses()) == ([], ["Terminated"])
    assert rig.runs()[0].ended == "interrupted"


def test_a_tunnel_to_the_node_itself_has_the_document_for_that(rig: Rig) -> None:
    rig.tunnels(CLOCK).open(rig.spec(host="", port=rig.far_port, label=""))
    assert rig.runs()[0].request["DocumentName"] == "AWS-StartPortForwardingSession"
    assert "host" not in rig.runs()[0].request["Parameters"]


def test_twenty_connections_at_once_get_through(rig: Rig) -> None:
    tunnel = rig.tunnels(CLOCK).open(rig.spec())
    clients = [socket.create_connection(("127.0.0.1", tunnel.local_port), timeout=20) for _ in range(20)]
    words = [f"client {number}".encode() for number in range(20)]
    for client, word in zip(clients, words, strict=True):
        client.sendall(word)
    assert [client.recv(100) for client in clients] == words
    for client in clients:
        client.close()


def test_an_old_agent_s_tunnel_takes_one_connection_after_the_other(rig: Rig) -> None:
    rig.behave(basic=True)
    tunnel = rig.tunnels(CLOCK).open(rig.spec())
    assert [talk(tunnel.local_port, word) for word in (b"one", b"two")] == [b"one", b"two"]


def test_the_same_destination_is_opened_once_unless_another_local_port_is_asked_for(rig: Rig) -> None:
    tunnels = rig.tunnels(CLOCK)
    first = tunnels.open(rig.spec())
    assert tunnels.open(rig.spec(via_name="other words")) is first
    assert tunnels.open(rig.spec(), local_port=first.local_port) is first
    other = free_port()
    second = tunnels.open(rig.spec(), local_port=other)
    assert (second.local_port, second.id) == (other, first.id + 1)
    assert rig.count("StartSession") == 2


def test_two_threads_that_want_the_same_tunnel_share_it(rig: Rig) -> None:
    rig.behave(slow_ready_seconds=0.3)
    tunnels = rig.tunnels(CLOCK)
    with ThreadPoolExecutor(4) as pool:
        opened = set(pool.map(lambda _: tunnels.open(rig.spec()), range(4)))
    assert (len(opened), rig.count("StartSession")) == (1, 1)


def test_closing_all_leaves_no_process_and_no_session_and_may_be_done_twice(rig: Rig) -> None:
    tunnels = rig.tunnels(CLOCK)
    opened = [tunnels.open(rig.spec(), local_port=free_port()) for _ in range(2)]
    tunnels.close_all()
    tunnels.close_all()
    assert [tunnel.state for tunnel in opened] == [TunnelState.CLOSED] * 2
    assert (rig.living(), rig.statuses(), tunnels.all()) == ([], ["Terminated"] * 2, [])


def test_a_deaf_plugin_is_killed_when_its_tunnel_is_closed(rig: Rig) -> None:
    rig.behave(deaf=True)
    tunnels = rig.tunnels(CLOCK)
    tunnels.open(rig.spec())
    tunnels.close_all()
    assert (rig.living(), rig.statuses()) == ([], ["Terminated"])


# -- local ports ------------------------------------------------------------------------------------------------


def test_a_local_port_that_was_asked_for_and_is_taken_is_refused_before_aws_is_asked(rig: Rig) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(PortInUse, match="in use") as caught:
        rig.tunnels(CLOCK).open(rig.spec(), local_port=server.getsockname()[1])
    assert "for example" in caught.value.hint
    assert rig.count("StartSession") == 0


def test_the_local_port_of_last_time_is_offered_again(rig: Rig) -> None:
    other = free_port()
    tunnels = rig.tunnels(CLOCK)
    tunnels.open(rig.spec(), local_port=other)
    tunnels.close_all()
    assert rig.tunnels(CLOCK).open(rig.spec()).local_port == other


def test_a_remote_port_that_is_taken_here_is_moved_up(rig: Rig) -> None:
    with socket.create_server(("127.0.0.1", rig.port)):
        assert rig.tunnels(CLOCK).open(rig.spec()).local_port > rig.port


class Thief(Connector):
    """A connector whose local port is taken between the test and the plugin, the first time."""

    def start(self, spec: SessionSpec) -> dict[str, Any]:
        if not STOLEN:
            STOLEN.append(socket.create_server(("127.0.0.1", int(spec.parameters["localPortNumber"][0]))))
        return super().start(spec)


STOLEN: list[socket.socket] = []


@pytest.mark.parametrize("modes", [{}, {"busy_hangs": True}], ids=["said", "silent"])
def test_a_port_that_is_taken_in_the_meantime_is_replaced_by_another(rig: Rig, modes: PluginModes) -> None:
    rig.behave(**modes)
    rig.connector_type = Thief
    try:
        tunnel = rig.tunnels(HurriedClock()).open(rig.spec())
        assert tunnel.local_port != rig.port
        assert talk(tunnel.local_port) == b"select 1"
        assert rig.statuses() == ["Terminated", "Connected"]
    finally:
        STOLEN.pop().close()


def test_a_port_that_the_user_insists_on_is_not_replaced(rig: Rig) -> None:
    rig.behave(port_busy_line=True)
    with pytest.raises(PortInUse, match="taken in the meantime"):
        rig.tunnels(CLOCK).open(rig.spec(), local_port=rig.port)
    assert rig.count("StartSession") == 1
    with pytest.raises(PortInUse, match="taken in the meantime"):
        rig.tunnels(CLOCK).open(rig.spec())
    assert rig.count("StartSession") == 3


# -- what does not open -----------------------------------------------------------------------------------------

FAILURES: tuple[tuple[PluginModes, type[Clock], str], ...] = (
    ({"destination_failed": True}, SystemClock, f"jump-1 cannot reach {HOST}:"),
    ({"cannot_start": "websocket: bad handshake"}, SystemClock, r"did not open: failed \(websocket: bad handshake\)"),
    ({"panics": True}, SystemClock, r"did not open: failed \(panic: interface conversion"),
    ({"dies_after_seconds": 0.0}, SystemClock, r"did not open: the plugin died \(signal 9\)"),
    ({"never_answers": True}, FakeClock, "not ready within 30 s"),
    ({"silent": True}, FakeClock, "not ready within 30 s"),
    ({"port_busy_hang": True}, FakeClock, "not ready within 30 s"),
)


@pytest.mark.parametrize(("modes", "clock", "words"), FAILURES, ids=[next(iter(modes)) for modes, _, _ in FAILURES])
def test_a_tunnel_that_does_not_open_says_why_and_leaves_nothing(
    rig: Rig, modes: PluginModes, clock: Callable[[], Clock], words: str
) -> None:
    rig.behave(**modes)
    assert_refused(rig, SessionFailed, words, clock=clock())
    assert rig.statuses() == ["Terminated"]


def assert_refused(rig: Rig, kind: type[Ec2MenuError], words: str, *, clock: Clock = CLOCK, **spec: Any) -> str:
    """Try to open a tunnel, and return the hint of the refusal."""
    tunnels = rig.tunnels(clock)
    with pytest.raises(kind, match=words) as caught:
        tunnels.open(rig.spec(**spec))
    assert (tunnels.all(), rig.living()) == ([], [])
    return caught.value.hint


def test_a_far_end_that_cannot_be_reached_is_told_with_what_mostly_is_the_matter(rig: Rig) -> None:
    rig.behave(destination_failed=True)
    assert "security group" in assert_refused(rig, SessionFailed, "cannot reach")


@pytest.mark.parametrize(("kind", "words"), [("mute", "does not answer"), ("curt", "closes them at once")])
def test_a_far_end_that_does_not_speak_is_told(rig: Rig, kind: str, words: str) -> None:
    with far_end(kind) as rig.far_port:
        rig.behave()
        rig.probe_seconds = 0.1 if kind == "mute" else rig.probe_seconds
        hint = assert_refused(rig, SessionFailed, f"{words} through jump-1", clock=HurriedClock())
    assert "postgres" in hint


def test_a_far_end_that_nobody_can_ask_may_be_silent(rig: Rig) -> None:
    with far_end("mute") as rig.far_port:
        rig.behave()
        rig.probe_seconds = 0.3
        tunnel = rig.tunnels(CLOCK).open(rig.spec(protocol=Protocol.TCP))
        assert tunnel.test() is Health.SILENT


def test_testing_waits_long_enough_to_hear_that_the_far_end_refuses(rig: Rig) -> None:
    rig.behave(refuses_after_seconds=4)
    tunnel = rig.tunnels(CLOCK).open(rig.spec(protocol=Protocol.TCP))
    assert not tunnel.has_answered
    assert tunnel.test() is Health.HUNG_UP
    assert tunnel.last_error == f"jump-1 cannot reach {HOST}:{rig.port}"


def test_a_plugin_that_is_not_there_any_more_is_told(rig: Rig) -> None:
    rig.plugin.unlink()
    assert_refused(rig, SessionFailed, "No such file")
    assert rig.statuses() == ["Terminated"]


def test_a_plugin_that_is_not_found_is_told_before_aws_is_asked(rig: Rig) -> None:
    def find() -> Connector:
        raise PluginMissing("session-manager-plugin is not installed")

    tunnels = Tunnels(connector_factory=find, recall_port=lambda *_: 0, remember_port=lambda *_: None)
    with pytest.raises(PluginMissing):
        tunnels.open(rig.spec())
    assert rig.count("StartSession") == 0


def test_a_jump_host_that_is_offline_is_told(rig: Rig) -> None:
    rig.demo.set_ping(rig.node, "ConnectionLost")
    assert_refused(rig, TargetNotConnected, "no connection to the agent of i-")
    assert rig.statuses() == []


def test_a_session_that_iam_denies_is_told(rig: Rig) -> None:
    rig.demo.faults.deny("StartSession")
    assert_refused(rig, AccessDenied, "ssm:StartSession")


def test_ctrl_c_while_it_opens_closes_it(rig: Rig) -> None:
    rig.behave(never_answers=True)

    def press(_task: Task[None], describe: Callable[[], str]) -> None:
        assert describe() == "opening a tunnel to orders:writer through jump-1"
        wait_until(rig.runs, what="plugin")
        raise KeyboardInterrupt

    tunnels = rig.tunnels(CLOCK)
    with pytest.raises(KeyboardInterrupt):
        tunnels.open(rig.spec(), watch=press)
    assert (tunnels.all(), rig.living(), rig.statuses()) == ([], [], ["Terminated"])


@pytest.mark.parametrize("is_impatient", [False, True])
def test_ctrl_c_while_aws_starts_the_session_waits_for_it_so_that_it_can_be_ended(
    rig: Rig, *, is_impatient: bool
) -> None:
    rig.demo.faults.delay("StartSession", 30)
    waits: list[str] = []

    def press(task: Task[None], describe: Callable[[], str]) -> None:
        waits.append(describe())
        wait_until(lambda: rig.count("StartSession"), what="call")
        if len(waits) == 1 or is_impatient:
            raise Interrupted("Ctrl-C")
        rig.demo.faults.clear()
        task.result()

    tunnels = rig.tunnels(CLOCK)
    with pytest.raises(Interrupted, match="Ctrl-C"):
        tunnels.open(rig.spec(), watch=press)
    assert (tunnels.all(), rig.living(), waits[1].partition(",")[0]) == ([], [], "closing")
    assert rig.statuses() == ([] if is_impatient else ["Terminated"])
    assert rig.runs() == (), "no plugin is started for a session that is closed at once"
    tunnels.close_all()
    rig.demo.faults.clear()
    wait_until(lambda: rig.statuses() == ["Terminated"], what="end of the session")


def test_closing_all_ends_a_tunnel_that_is_just_opening(rig: Rig) -> None:
    rig.behave(never_answers=True)
    tunnels = rig.tunnels(CLOCK)
    errors: list[Ec2MenuError] = []

    def open_it() -> None:
        try:
            tunnels.open(rig.spec())
        except Interrupted as error:
            errors.append(error)

    thread = threading.Thread(target=open_it)
    thread.start()
    wait_until(rig.runs, what="plugin")
    tunnels.close_all()
    thread.join()
    assert (len(errors), rig.living(), rig.statuses()) == (1, [], ["Terminated"])
