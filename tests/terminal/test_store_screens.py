"""The lists of databases and caches as a person uses them: in, back at the list, back with the reason of a failure."""

import json
import os
import re
import signal
from collections.abc import Iterator

import pytest

from ec2menu.demo import elasticache_tables, rds_tables
from ec2menu.demo.secrets import add_secret
from tests.cloud.tunnel_rig import far_end, wait_until
from tests.fakes.plugin import PluginModes
from tests.servers import Server, needs_postgres, start_postgres
from tests.store_world import REGION, Way, add_database
from tests.terminal.harness import Robot
from tests.terminal.stage import Stage
from tests.terminal.store_stage import (
    CACHE,
    HOW,
    KINDS,
    PSQL,
    RDS,
    choose,
    furnished,
    living,
    log_in,
    open_stores,
    statuses,
)

STAYS = "tunnels stay open until you close them: 0 goes back, t lists them there"


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with start_postgres(tmp_path_factory.mktemp("postgres"), tls=False) as server:
        yield server


@pytest.fixture
def way() -> Iterator[Way]:
    """A database `orders` that answers as PostgreSQL does, and does no more."""
    with far_end() as port:
        yield {"": f"127.0.0.1:{port}"}


@pytest.fixture
def shop(stage: Stage, way: Way) -> Iterator[Stage]:
    port = int(way[""].rpartition(":")[2])
    with furnished(stage) as made:
        way |= add_database(port)
        stage.misbehave(map=way)
        yield made


def use_psql(robot: Robot, password: str) -> None:
    """Log in by typing, leave psql, and be back at the list."""
    choose(robot, "psql")
    robot.wait_for(HOW, new=True)
    robot.line()
    log_in(robot, password)
    robot.wait_for(PSQL, new=True)
    robot.line(r"\q")
    robot.wait_for("psql: ended normally, after", new=True)
    robot.wait_for(RDS, new=True)


def use_the_kept_password(robot: Robot) -> None:
    """Log in without typing a password, leave psql, and be back at the list."""
    robot.wait_for(HOW, new=True)
    robot.line()
    robot.line()
    robot.wait_for("the password typed before is used", new=True)
    robot.wait_for(PSQL, new=True)
    robot.line(r"\q")
    robot.wait_for(RDS, new=True)


# -- in and back ------------------------------------------------------------------------------------------------------


@needs_postgres
def test_leaving_a_client_comes_back_to_the_list_and_the_tunnel_stays_for_the_next(
    stage: Stage, postgres: Server
) -> None:
    with furnished(stage, add_database(postgres.port)), open_stores(stage, columns=80) as robot:
        before = robot.termios()
        use_psql(robot, postgres.password)
        assert STAYS in robot.transcript
        assert robot.termios() == before
        assert len(living(stage)) == 1
        choose(robot, "1")
        robot.wait_for("leads to orders, as before", new=True)
        use_the_kept_password(robot)
        robot.line("0")
        robot.wait_for(KINDS, new=True)
        robot.line("forget")
        robot.wait_for("1 password is forgotten", new=True)
    assert stage.count("StartSession") == 1


@needs_postgres
def test_a_password_outlives_a_client_that_failed_because_its_tunnel_was_down(stage: Stage, postgres: Server) -> None:
    with furnished(stage, add_database(postgres.port)), open_stores(stage) as robot:
        use_psql(robot, postgres.password)
        choose(robot, "1")
        robot.wait_for(HOW, new=True)
        stage.demo.faults.deny("StartSession")
        os.kill(living(stage)[0], signal.SIGKILL)
        wait_until(lambda: stage.count("StartSession") > 1, what="try to reconnect")
        robot.line()
        robot.line()
        robot.wait_for("is down for good", new=True)
        robot.wait_for(RDS, new=True)
        stage.demo.faults.clear()
        choose(robot, "1")
        use_the_kept_password(robot)


@needs_postgres
def test_a_managed_secret_is_offered_first_and_nothing_is_typed(stage: Stage, postgres: Server) -> None:
    secret = rds_tables.managed_secret(REGION, "orders")
    way = add_database(postgres.port, fields={"MasterUserSecret": secret})
    add_secret(secret["SecretArn"], json.dumps({"username": "app", "password": postgres.password}))
    with furnished(stage, way), open_stores(stage) as robot:
        choose(robot, "psql")
        robot.wait_for("1  managed secret", new=True)
        robot.wait_for(HOW, new=True)
        robot.line()
        robot.wait_for("psql: orders as app", new=True)
        robot.wait_for(PSQL, new=True)
        robot.line(r"\q")
        robot.wait_for(RDS, new=True)
        assert postgres.password not in robot.transcript


def test_a_tunnel_alone_shows_what_any_client_needs(shop: Stage) -> None:
    with open_stores(shop, columns=200) as robot:
        choose(robot, "tunnel")
        robot.wait_for(re.compile(r"  psql +psql 'host=orders\S+ hostaddr=127\.0\.0\.1 port=\d+ dbname=\S+ user=app'"))
        robot.wait_for(re.compile(r"  JDBC +jdbc:postgresql://127\.0\.0\.1:\d+/postgres"))
        robot.wait_for(STAYS)
        robot.wait_for(RDS, new=True)
        assert len(living(shop)) == 1


def test_several_numbers_open_several_tunnels(shop: Stage, way: Way) -> None:
    way |= add_database(int(way[""].rpartition(":")[2]), "billing")
    rds_tables.add_instance(REGION, "newborn", ready=False)
    shop.misbehave(map=way)
    with open_stores(shop) as robot:
        robot.line("all")
        robot.wait_for("leads to billing", new=True)
        robot.wait_for("cannot connect to newborn: the database is creating", new=True)
        robot.wait_for("leads to orders", new=True)
        robot.wait_for(RDS, new=True)
    assert len(living(shop)) == 0


def test_another_way_in_is_named_and_taken(shop: Stage) -> None:
    other = shop.add_instance("web-1")
    with open_stores(shop) as robot:
        choose(robot, "via")
        robot.wait_for("go through which node", new=True)
        robot.line("web-1")
        robot.wait_for("orders (PostgreSQL) through web-1", new=True)
        robot.wait_for(HOW, new=True)
        robot.line("tunnel")
        robot.wait_for(f"via web-1 ({other})", new=True)
        robot.wait_for(RDS, new=True)
    assert shop.runs()[0].request["Target"] == other


def test_a_cache_in_cluster_mode_warns_and_offers_a_tunnel_per_node(stage: Stage) -> None:
    fields = {"TransitEncryptionEnabled": False}
    elasticache_tables.add_replication_group(REGION, "carts", cluster_mode=True, shards=2, replicas=0, fields=fields)
    with far_end() as port, furnished(stage):
        nodes = [row["CacheNodes"][0]["Endpoint"] for row in elasticache_tables.tables.at(REGION).clusters.values()]
        stage.misbehave(map={f"{node['Address']}:{node['Port']}": f"127.0.0.1:{port}" for node in nodes})
        with open_stores(stage, CACHE, columns=80) as robot:
            robot.line("1")
            robot.wait_for("! cluster mode: redirects (MOVED)", new=True)
            robot.wait_for("tunnel per node (2)", new=True)
            robot.wait_for(HOW, new=True)
            robot.line("nodes")
            robot.wait_for("leads to carts:carts-0001-001", new=True)
            robot.wait_for("leads to carts:carts-0002-001", new=True)
            robot.wait_for(CACHE, new=True)
            assert len(living(stage)) == 2


# -- one step back ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["^C", "^D"])
def test_ctrl_c_and_ctrl_d_go_back_one_step_at_every_prompt(shop: Stage, key: str) -> None:
    with open_stores(shop) as robot:
        robot.line("1")
        robot.wait_for(HOW, new=True)
        robot.line("via")
        robot.wait_for("go through which node", new=True)
        robot.send(key)
        robot.wait_for(HOW, new=True)
        robot.send(key)
        robot.wait_for("not connected", new=True)
        for answers in ((), ("",), ("", "")):
            robot.wait_for(RDS, new=True)
            choose(robot, "psql")
            robot.wait_for(HOW, new=True)
            for answer in answers:
                robot.send(f"{answer}\r")
                robot.wait_for(re.compile(r"user \[app\]:|\(not shown\):"), new=True)
            robot.send(key)
            robot.wait_for("not connected", new=True)
        robot.wait_for(RDS, new=True)
        assert len(living(shop)) == 1
        robot.send(key)
        robot.wait_for(KINDS, new=True)
    assert shop.count("StartSession") == 1


def test_ctrl_c_while_a_tunnel_opens_closes_it_and_goes_back(shop: Stage, way: Way) -> None:
    shop.misbehave(never_answers=True, map=way)
    with open_stores(shop) as robot:
        choose(robot, "tunnel")
        robot.wait_for("opening a tunnel to orders", new=True)
        robot.send("\x03")
        robot.wait_for(RDS, new=True)
        wait_until(lambda: statuses(shop) == ["Terminated"], what="end of the session")
        assert living(shop) == []
        assert all("opening a tunnel" not in line for line in robot.lines())


# -- back with the reason ---------------------------------------------------------------------------------------------

FAILURES: tuple[tuple[PluginModes, str], ...] = (
    ({"port_busy_line": True}, "ec2menu: the local port was taken in the meantime"),
    (
        {"cannot_start": "bad handshake"},
        "does not lead there: the tunnel did not open: failed (bad handshake)",
    ),
    ({"destination_failed": True}, "cannot reach"),
    ({"dies_after_seconds": 0.0}, "does not lead there: the tunnel did not open: the plugin died (signal 9)"),
)


@pytest.mark.parametrize(("modes", "words"), FAILURES, ids=[next(iter(modes)) for modes, _ in FAILURES])
def test_a_tunnel_that_does_not_open_ends_at_the_list_with_the_reason(
    shop: Stage, way: Way, modes: PluginModes, words: str
) -> None:
    both: PluginModes = {**modes, "map": way}
    shop.misbehave(**both)
    with open_stores(shop, columns=200) as robot:
        choose(robot, "psql")
        robot.wait_for(words, new=True)
        robot.wait_for(RDS, new=True)
        assert STAYS not in robot.transcript
        assert (living(shop), set(statuses(shop))) == ([], {"Terminated"})
        shop.misbehave(map=way)
        choose(robot, "tunnel")
        robot.wait_for("leads to orders", new=True)


def test_a_missing_plugin_a_denied_session_and_an_offline_node_end_at_the_list_with_the_reason(shop: Stage) -> None:
    plugin = shop.plugin.rename(shop.plugin.with_name("away"))
    with open_stores(shop, columns=200) as robot:
        choose(robot, "psql")
        robot.wait_for("ec2menu: session-manager-plugin is not installed", new=True)
        robot.wait_for(RDS, new=True)
        assert shop.count("StartSession") == 0
        plugin.rename(shop.plugin)
        shop.demo.faults.deny("StartSession")
        choose(robot, "psql")
        robot.wait_for("ec2menu: ssm:StartSession in us-east-1 is denied", new=True)
        robot.wait_for(RDS, new=True)
        shop.demo.faults.clear()
        shop.demo.set_ping(shop.demo.calls_of("StartSession")[-1].parameters["Target"], "ConnectionLost")
        choose(robot, "psql")
        robot.wait_for("does not lead there: SSM has no connection to the agent of", new=True)
        robot.wait_for(RDS, new=True)
        assert "Traceback" not in robot.transcript
    assert living(shop) == []


def test_without_a_jump_host_the_reasons_are_told_and_another_node_is_taken(stage: Stage, way: Way) -> None:
    node = stage.demo.add_instances(REGION, 1, name="jump-1", tags={"role": "jumphost"})[0]
    with furnished(stage, with_jump_host=False):
        stage.misbehave(map=add_database(int(way[""].rpartition(":")[2])))
        with open_stores(stage, columns=80) as robot:
            choose(robot, "tunnel")
            robot.wait_for("ec2menu: no jump host leads to orders in vpc-", new=True)
            robot.wait_for("its tag is role=jumphost, not Role=jumphost", new=True)
            robot.wait_for("a number, or an id or Name (0 back):", new=True)
            robot.send("\x03")
            robot.wait_for("not connected", new=True)
            robot.wait_for(RDS, new=True)
            choose(robot, "tunnel")
            robot.wait_for("a number, or an id or Name (0 back):", new=True)
            robot.line("1")
            robot.wait_for("leads to orders", new=True)
            robot.wait_for(RDS, new=True)
    assert [run.request["Target"] for run in stage.runs()] == [node]
