"""The open tunnels as a person sees them: listed, tested, copied, closed; their news, and leaving while one is open."""

import base64
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.cloud.tunnel_rig import far_end, wait_until
from tests.fakes.plugin import process_is_alive
from tests.store_world import REGION, Way, add_database
from tests.terminal.harness import Robot
from tests.terminal.stage import Stage
from tests.terminal.store_stage import KINDS, RDS, TUNNELS, choose, furnished, living, open_stores, statuses

LEAVE = re.compile(r"(1 tunnel is|2 tunnels are) open; close and leave\? \[Y/n\]")
REGIONS = f"region [{REGION}]:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """The stage with two databases, and the way to them."""

    stage: Stage
    way: Way

    def open_tunnels(self, *numbers: int, columns: int = 120) -> Robot:
        """Open tunnels from the list of databases, and return a user at the screen of tunnels."""
        robot = open_stores(self.stage, columns=columns)
        for number in numbers:
            choose(robot, "tunnel", number)
            robot.wait_for(RDS, new=True)
        robot.line("0")
        robot.wait_for(KINDS, new=True)
        robot.line("t")
        robot.wait_for(TUNNELS, new=True)
        return robot

    def drop(self) -> None:
        """Kill the newest plugin, as a crash or a laptop's sleep does."""
        os.kill(living(self.stage)[-1], signal.SIGKILL)


@pytest.fixture
def shop(stage: Stage) -> Iterator[Shop]:
    with far_end() as port, furnished(stage):
        way = add_database(port, "billing") | add_database(port, "orders")
        stage.misbehave(map=way)
        yield Shop(stage=stage, way=way)


def address_in(robot: Robot, name: str) -> str:
    """Return the local address in the row of a tunnel."""
    found = map(re.compile(rf"(127\.0\.0\.1:\d+) +{name}\b").search, robot.lines())
    (address,) = {match[1] for match in found if match}
    return address


# -- the screen -------------------------------------------------------------------------------------------------------


def test_each_tunnel_is_a_row_that_fits_eighty_columns(shop: Shop) -> None:
    with shop.open_tunnels(1, 2, columns=80) as robot:
        rows = [line for line in robot.lines() if re.match(r"[12]  127", line)]
        assert [re.sub(r"\S+:\d+|\(i-\w+\)|\d+s$", "_", row).split() for row in rows] == [
            ["1", "_", "billing", "open", "jump-1", "_", "_"],
            ["2", "_", "orders", "open", "jump-1", "_", "_"],
        ]
        assert "Tunnels: 2" in robot.lines()
        keys = "number copies its address · test 1 · close 1 or all · Enter draws anew · 0 back"
        assert keys in robot.lines()
        assert robot.style_of("open   jump-1").foreground == "green"


def test_testing_asks_the_far_end_and_says_what_came_of_it(shop: Shop) -> None:
    with shop.open_tunnels(1) as robot:
        robot.line("test 1")
        robot.wait_for("billing: it works (answers)", new=True)
        robot.wait_for(TUNNELS, new=True)
        (run,) = shop.stage.runs()
        os.kill(run.pid, signal.SIGUSR1)
        shop.stage.misbehave(map=shop.way)
        wait_until(lambda: shop.stage.runs()[0].zombie, what="tunnel through which nothing passes")
        robot.line("test 1")
        robot.wait_for("testing billing", new=True)
        robot.wait_for("billing: it does not work (silent)", new=True)


def test_where_nobody_can_be_asked_a_test_says_so_and_hears_of_a_refusal(stage: Stage) -> None:
    with far_end("mute") as port, furnished(stage):
        way = add_database(port, "ledger", fields={"Engine": "db2-se"})
        stage.misbehave(map=way)
        with Shop(stage=stage, way=way).open_tunnels(1) as robot:
            assert "open; nobody could be asked whether anything answers there" in robot.transcript
            robot.line("test 1")
            robot.wait_for("ledger: open; nobody could be asked whether it works (silent)", new=True)


def test_a_number_copies_the_address_and_tells_where_it_leads(shop: Shop) -> None:
    with shop.open_tunnels(1) as robot:
        address = address_in(robot, "billing")
        copied: list[str] = []
        robot._screen.set_title = copied.append
        robot.line("1")
        robot.wait_for(f"{address} leads to billing: ", new=True)
        robot.wait_for(f"{address} was sent to the terminal's clipboard", new=True)
        assert base64.b64encode(address.encode()).decode() not in robot.transcript


@pytest.mark.parametrize("word", ["close 1,2", "close all", "CLOSE 1-2"])
def test_closing_ends_plugins_and_sessions(shop: Shop, word: str) -> None:
    with shop.open_tunnels(1, 2) as robot:
        address = address_in(robot, "orders")
        robot.line(word)
        robot.wait_for(f"closed: {address} to orders", new=True)
        robot.wait_for("none is open", new=True)
        robot.wait_for(TUNNELS, new=True)
        assert (living(shop.stage), statuses(shop.stage)) == ([], ["Terminated"] * 2)
        robot.line("close 1")
        robot.wait_for("the list is empty", new=True)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("9", "9 is not in the list"),
        ("close 9", "9 is not in the list"),
        ("open 1", "number copies its address"),
        ("?", "number copies its address"),
        ("close", "number copies its address"),
        ("login 1", "billing waits for no login"),
    ],
)
def test_what_cannot_be_done_is_told_and_asked_again(shop: Shop, typed: str, words: str) -> None:
    with shop.open_tunnels(1) as robot:
        robot.line(typed)
        robot.wait_for(words, new=True)
        robot.wait_for(TUNNELS, new=True)
        assert len(living(shop.stage)) == 1


@pytest.mark.parametrize("key", ["\x03", "\x04", "0\r", "b\r"], ids=["^C", "^D", "0", "b"])
def test_the_screen_is_left_and_the_tunnels_stay(shop: Shop, key: str) -> None:
    with shop.open_tunnels(1) as robot:
        robot.send(key)
        robot.wait_for(KINDS, new=True)
        assert len(living(shop.stage)) == 1


def test_without_tunnels_the_screen_says_so(stage: Stage) -> None:
    with furnished(stage), stage.ec2menu("-r", REGION) as robot:
        robot.wait_for(KINDS)
        robot.line("tunnels")
        robot.wait_for("none is open")
        robot.wait_for(TUNNELS, new=True)


# -- what happens to them ---------------------------------------------------------------------------------------------


def test_a_drop_is_told_between_two_prompts_and_the_way_back_counted(shop: Shop) -> None:
    with shop.open_tunnels(1) as robot:
        address = address_in(robot, "billing")
        shop.drop()
        wait_until(lambda: len(living(shop.stage)) == 1 and len(shop.stage.runs()) == 2, what="new plugin")

        def is_told() -> bool:
            robot.line()
            robot.wait_for(TUNNELS, new=True)
            return f"! billing reconnected on {address} (1st time, down " in robot.transcript

        robot.wait_until(is_told)
        assert f"! billing dropped (the plugin died (signal 9)), reconnecting on {address}" in robot.transcript
        robot.line()
        robot.wait_for("Reconnects", new=True)


def test_a_login_that_ran_out_is_renewed_from_the_screen(shop: Shop) -> None:
    with shop.open_tunnels(1, columns=80) as robot:
        shop.stage.demo.faults.expire_credentials()
        shop.drop()

        def waits() -> bool:
            robot.line()
            robot.wait_for(TUNNELS, new=True)
            return any("needs a login" in line for line in robot.lines())

        robot.wait_until(waits)
        assert "login 1 renews the login that it waits for" in robot.lines()
        shop.stage.demo.faults.clear()
        robot.line("login 1")
        robot.wait_for(TUNNELS, new=True)
        wait_until(lambda: len(living(shop.stage)) == 1, what="new plugin")


# -- leaving ----------------------------------------------------------------------------------------------------------


def test_leaving_asks_first_and_no_stays(shop: Shop) -> None:
    with shop.open_tunnels(1) as robot:
        robot.line("q")
        robot.wait_for(LEAVE, new=True)
        robot.line("n")
        robot.wait_for(TUNNELS, new=True)
        assert len(living(shop.stage)) == 1
        robot.line("q")
        robot.wait_for(LEAVE, new=True)
        robot.line("y")
        assert robot.wait_exit() == 0
    assert (living(shop.stage), statuses(shop.stage)) == ([], ["Terminated"])


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["^C", "^D"])
def test_going_back_from_the_first_screen_asks_too_and_going_on_means_it(shop: Shop, key: str) -> None:
    with shop.open_tunnels(1, 2) as robot:
        for prompt in (KINDS, REGIONS, LEAVE):
            robot.send(key)
            robot.wait_for(prompt, new=True)
        robot.send(key)
        assert robot.wait_exit() == (130 if key == "\x03" else 0)
    assert (living(shop.stage), statuses(shop.stage)) == ([], ["Terminated"] * 2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_closes_all_tunnels_of_the_menu(shop: Shop, number: signal.Signals) -> None:
    with shop.open_tunnels(1, 2) as robot:
        robot.kill(number)
        assert robot.wait_exit() == 128 + number
    assert (living(shop.stage), statuses(shop.stage)) == ([], ["Terminated"] * 2)


def test_a_killed_menu_leaves_no_plugin(shop: Shop) -> None:
    with shop.open_tunnels(1, 2) as robot:
        pids = living(shop.stage)
        robot.kill(signal.SIGKILL)
        assert robot.wait_exit() == -signal.SIGKILL
        wait_until(lambda: not any(map(process_is_alive, pids)), what="end of the plugins")
