"""Tunnels that drop while they are wanted: how they come back, when they do not, and what is said of it."""

import contextlib
import os
import signal
import socket
from collections.abc import Callable

import pytest

from ec2menu.connectors.forward import TunnelSpec
from ec2menu.connectors.probes import Health, Protocol
from ec2menu.connectors.tunnel import FindOther, Tunnel, TunnelState
from tests.cloud.tunnel_rig import HOST, REGION, Rig, far_end, talk, wait_until
from tests.fakes.clock import HurriedClock


class Kept:
    """An open tunnel, its clock, and all that it has told so far."""

    def __init__(
        self,
        rig: Rig,
        *,
        find_other: FindOther | None = None,
        once: bool = False,
        probe_seconds: float = 5.0,
        **spec: object,
    ) -> None:
        rig.probe_seconds = probe_seconds
        self.rig = rig
        self.clock = HurriedClock()
        self.tunnels = rig.tunnels(self.clock)
        self.tunnel: Tunnel = self.tunnels.open(rig.spec(**spec), find_other=find_other, once=once)
        self.told: list[str] = []

    def drop(self) -> None:
        """Kill the plugin, as a crash or a laptop's sleep does."""
        os.kill(self.rig.living()[-1].pid, signal.SIGKILL)

    def has_told(self, words: str) -> bool:
        self.told += self.tunnels.news()
        return any(words in sentence for sentence in self.told)

    def wait_for(self, words: str) -> None:
        """Wait until the tunnel has told these words."""
        wait_until(lambda: self.has_told(words), what=f"{words!r} in {self.told}")

    def wait_for_state(self, state: TunnelState) -> None:
        wait_until(lambda: self.tunnel.state is state, what=state)

    def let_pass(self, seconds: float) -> None:
        """Let the tunnel's thread live through so many seconds, quickly."""
        until, speed = self.clock.now() + seconds, self.clock.speed
        self.clock.speed = 200 if seconds < 500 else 1000
        wait_until(lambda: self.clock.now() > until, what=f"{seconds} s")
        self.clock.speed = speed


def test_a_tunnel_whose_plugin_is_killed_comes_back_on_the_same_port_as_often_as_it_takes(rig: Rig) -> None:
    kept = Kept(rig)
    tunnel = kept.tunnel
    port = tunnel.local_port
    for times in ("1st", "2nd"):
        kept.drop()
        kept.wait_for(f"orders:writer reconnected on 127.0.0.1:{port} ({times} time, down ")
        assert talk(port) == b"select 1"
    assert (tunnel.local_port, tunnel.state, tunnel.reconnects, tunnel.last_error) == (port, TunnelState.OPEN, 2, "")
    assert kept.told[0] == f"orders:writer dropped (the plugin died (signal 9)), reconnecting on 127.0.0.1:{port}"
    assert len(kept.told) == 4
    assert len(tunnel.session_ids) == 3
    assert rig.statuses() == ["Terminated", "Terminated", "Connected"]


def test_a_tunnel_that_the_service_ends_comes_back_and_says_what_the_service_said(rig: Rig) -> None:
    rig.behave(end_text="Your session timed out due to inactivity.")
    kept = Kept(rig)
    os.kill(rig.living()[0].pid, signal.SIGUSR2)
    kept.wait_for("dropped (ended by the service (Your session timed out due to inactivity.)), reconnecting")
    kept.wait_for("reconnected")


def test_a_tunnel_that_is_wanted_once_does_not_come_back(rig: Rig) -> None:
    kept = Kept(rig, once=True)
    kept.drop()
    kept.wait_for("orders:writer is down for good: the plugin died (signal 9)")
    assert (kept.tunnel.state, kept.tunnel.last_error) == (TunnelState.FAILED, "the plugin died (signal 9)")
    wait_until(lambda: rig.statuses() == ["Terminated"], what="end of the session")
    assert kept.tunnels.all() == [kept.tunnel]
    again = kept.tunnels.open(rig.spec())
    assert (again.local_port, kept.tunnels.all()) == (kept.tunnel.local_port, [again])


def test_a_tunnel_through_which_nothing_passes_any_more_is_replaced(rig: Rig) -> None:
    kept = Kept(rig, probe_seconds=0.3)
    os.kill(rig.living()[0].pid, signal.SIGUSR1)
    kept.let_pass(25)
    kept.wait_for("dropped (nothing passes through it any more)")
    kept.wait_for("reconnected")
    assert talk(kept.tunnel.local_port) == b"select 1"
    assert len(rig.living()) == 1


def test_a_tunnel_whose_far_end_nobody_can_ask_is_left_alone(rig: Rig) -> None:
    kept = Kept(rig, probe_seconds=0.3, protocol=Protocol.TCP)
    os.kill(rig.living()[0].pid, signal.SIGUSR1)
    wait_until(lambda: rig.runs()[0].zombie, what="zombie")
    kept.let_pass(120)
    assert (kept.tunnel.state, kept.tunnel.test(), rig.count("StartSession")) == (TunnelState.OPEN, Health.SILENT, 1)


def test_an_old_agent_s_tunnel_is_not_probed_because_the_user_may_be_in_the_way(rig: Rig) -> None:
    rig.behave(basic=True)
    kept = Kept(rig)
    with socket.create_connection(("127.0.0.1", kept.tunnel.local_port), timeout=20) as client:
        client.sendall(b"begin")
        assert client.recv(100) == b"begin"
        kept.let_pass(120)
        client.sendall(b"commit")
        assert client.recv(100) == b"commit"
    assert rig.count("StartSession") == 1


def test_a_mysql_server_is_asked_ever_more_rarely_because_it_counts_who_leaves_without_a_login(rig: Rig) -> None:
    with far_end("greeter") as rig.far_port:
        rig.behave()
        kept = Kept(rig, protocol=Protocol.MYSQL)
        kept.let_pass(1500)  # after 120, 360 and 840 seconds; the next would come at 1800
        kept.tunnels.close_all()
    assert len(rig.runs()) == 1
    assert len(rig.runs()[0].connections) == 1 + 3


def test_a_mysql_server_that_refused_somebody_is_asked_soon_whether_it_is_back(rig: Rig) -> None:
    with far_end("greeter") as rig.far_port:
        rig.behave()
        kept = Kept(rig, protocol=Protocol.MYSQL)
    with contextlib.suppress(ConnectionResetError):
        talk(kept.tunnel.local_port)
    kept.wait_for(f"jump-1 cannot reach {HOST}:{rig.port}; the tunnel itself is up")
    with far_end("greeter", port=rig.far_port):
        kept.let_pass(35)
        wait_until(lambda: not kept.tunnel.last_error, what="good news")
    assert kept.tunnel.state is TunnelState.OPEN


def test_a_far_end_that_goes_down_and_comes_back_is_told_and_the_tunnel_stays(rig: Rig) -> None:
    with far_end() as rig.far_port:
        rig.behave()
        kept = Kept(rig)
    kept.let_pass(25)
    kept.wait_for(f"jump-1 cannot reach {HOST}:{rig.port}; the tunnel itself is up")
    assert (kept.tunnel.state, kept.tunnel.test()) == (TunnelState.OPEN, Health.HUNG_UP)
    assert "cannot reach" in kept.tunnel.last_error
    with far_end(port=rig.far_port):
        kept.let_pass(25)
        wait_until(lambda: not kept.tunnel.last_error, what="good news")
        assert talk(kept.tunnel.local_port) == b"select 1"
    assert rig.count("StartSession") == 1


def test_a_far_end_that_nobody_can_ask_and_that_refuses_somebody_is_told_until_it_has_been_quiet_for_a_while(
    rig: Rig,
) -> None:
    with far_end("mute") as rig.far_port:
        rig.behave()
        kept = Kept(rig, protocol=Protocol.TCP)
    for times in (1, 2):
        with contextlib.suppress(ConnectionResetError):
            assert talk(kept.tunnel.local_port) == b""  # the far end is gone
        wait_until(lambda: kept.has_told("cannot reach") and len(kept.told) == times, what=f"{times} sentences")  # noqa: B023 - called here
        assert kept.told[-1] == f"jump-1 cannot reach {HOST}:{rig.port}; the tunnel itself is up"
        kept.let_pass(35)
        assert (kept.tunnel.state, kept.tunnel.last_error) == (TunnelState.OPEN, "")
    assert rig.count("StartSession") == 1


# -- what AWS says to a new session -----------------------------------------------------------------------------


def test_an_expired_login_stops_the_tunnel_until_it_is_renewed(rig: Rig) -> None:
    kept = Kept(rig)
    rig.demo.faults.expire_credentials()
    kept.drop()
    kept.wait_for("orders:writer waits for a new login: your AWS login has expired")
    assert kept.tunnels.needs_login()
    asked = rig.count("StartSession")
    kept.let_pass(60)
    assert (kept.tunnel.state, rig.count("StartSession")) == (TunnelState.NEEDS_LOGIN, asked)
    rig.demo.faults.clear()
    kept.tunnels.resume()
    kept.wait_for("reconnected")
    assert not kept.tunnels.needs_login()


def test_a_tunnel_that_waits_for_a_login_can_be_closed(rig: Rig) -> None:
    kept = Kept(rig)
    rig.demo.faults.expire_credentials()
    kept.drop()
    kept.wait_for_state(TunnelState.NEEDS_LOGIN)
    kept.tunnel.close()
    assert (kept.tunnel.state, rig.living()) == (TunnelState.CLOSED, [])


def test_a_denied_session_ends_the_tunnel_for_good(rig: Rig) -> None:
    kept = Kept(rig)
    rig.demo.faults.deny("StartSession")
    kept.drop()
    kept.wait_for("orders:writer is down for good: ssm:StartSession")
    assert (kept.tunnel.state, rig.count("StartSession")) == (TunnelState.FAILED, 2)


def test_another_jump_host_is_taken_when_the_first_is_gone(rig: Rig) -> None:
    second = rig.demo.add_instances(REGION, 1, name="jump-2")[0]
    asked: list[frozenset[str]] = []

    def find_other(failed: frozenset[str]) -> TunnelSpec:
        asked.append(failed)
        return rig.spec(via=second, via_name="jump-2")

    kept = Kept(rig, find_other=find_other)
    rig.demo.set_ping(rig.node, "ConnectionLost")
    kept.drop()
    kept.wait_for("reconnected on")
    assert asked == [frozenset({rig.node})]
    assert f"127.0.0.1:{kept.tunnel.local_port} through jump-2 (1st time" in kept.told[-1]
    assert kept.tunnel.spec.via == second
    assert talk(kept.tunnel.local_port) == b"select 1"


@pytest.mark.parametrize("find_other", [None, lambda failed: None], ids=["not asked", "none"])
def test_without_another_jump_host_the_first_is_tried_until_it_is_back(rig: Rig, find_other: FindOther | None) -> None:
    kept = Kept(rig, find_other=find_other)
    rig.demo.set_ping(rig.node, "ConnectionLost")
    kept.drop()
    kept.wait_for(f"orders:writer is still down: SSM has no connection to the agent of {rig.node}")
    wait_until(lambda: rig.count("StartSession") >= 5, what="fourth try")
    rig.demo.set_ping(rig.node, "Online")
    kept.wait_for("(1st time, down ")
    assert sum("still down" in sentence for sentence in kept.told) == 1


def test_tries_become_rarer_up_to_a_quarter_of_a_minute(rig: Rig) -> None:
    kept = Kept(rig)
    rig.demo.set_ping(rig.node, "ConnectionLost")
    kept.drop()
    kept.let_pass(100)
    assert 8 <= rig.count("StartSession") - 1 <= 14  # 0.5, 1, 2, 4, 8, 15, 15 …, each up to a quarter less


def test_a_local_port_that_somebody_else_takes_meanwhile_is_waited_for(rig: Rig) -> None:
    kept = Kept(rig)
    rig.demo.set_ping(rig.node, "ConnectionLost")
    kept.drop()
    kept.wait_for("still down")
    with socket.create_server(("127.0.0.1", kept.tunnel.local_port)):
        rig.demo.set_ping(rig.node, "Online")
        kept.wait_for(f"still down: port {kept.tunnel.local_port} is now in use by another program")
    kept.wait_for("reconnected")


@pytest.mark.parametrize("close", [lambda kept: kept.tunnel.close(), lambda kept: kept.tunnels.close_all()])
def test_a_tunnel_that_is_down_can_be_closed(rig: Rig, close: Callable[[Kept], None]) -> None:
    kept = Kept(rig)
    rig.demo.set_ping(rig.node, "ConnectionLost")
    kept.drop()
    kept.wait_for("still down")
    close(kept)
    asked = rig.count("StartSession")
    assert (kept.tunnel.state, kept.tunnels.all(), rig.count("StartSession")) == (TunnelState.CLOSED, [], asked)
    assert rig.statuses() == ["Terminated"]


def test_a_tunnel_that_is_down_makes_way_for_a_new_try_on_the_same_port(rig: Rig) -> None:
    kept = Kept(rig)
    port = kept.tunnel.local_port
    rig.demo.set_ping(rig.node, "ConnectionLost")
    kept.drop()
    kept.wait_for("still down")
    rig.demo.set_ping(rig.node, "Online")
    again = kept.tunnels.open(rig.spec())
    assert (again.local_port, talk(port)) == (port, b"select 1")


def test_a_bug_in_what_finds_another_way_is_told_and_ends_the_tunnel(rig: Rig) -> None:
    def find_other(_failed: frozenset[str]) -> TunnelSpec:
        raise ZeroDivisionError("oops")

    kept = Kept(rig, find_other=find_other)
    rig.demo.set_ping(rig.node, "ConnectionLost")
    kept.drop()
    kept.wait_for("down for good: this is a bug in ec2menu: ZeroDivisionError: oops")
    assert kept.tunnel.state is TunnelState.FAILED


def test_what_a_tunnel_told_before_it_made_way_is_heard_and_it_is_recorded_with_its_end(rig: Rig) -> None:
    kept = Kept(rig)
    rig.demo.faults.deny("StartSession")
    kept.drop()
    kept.wait_for_state(TunnelState.FAILED)
    rig.demo.faults.clear()
    kept.clock.advance(3600)
    kept.tunnels.open(rig.spec())
    assert rig.replaced == [kept.tunnel]
    assert kept.tunnel.given_up_at
    assert (kept.clock.wall() - kept.tunnel.given_up_at).total_seconds() >= 3600
    assert kept.has_told("is down for good")
