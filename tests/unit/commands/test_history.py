"""`history` lists connections, newest first, and makes one again."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ec2menu.commands.history import MAX_SHOWN, HistoryRequest, run_history
from ec2menu.errors import ExitStatus, InvalidInput, TargetUnavailable, TargetUnclear
from ec2menu.flows.context import Context
from ec2menu.state.history import Connection, record
from tests.fakes.clock import START
from tests.unit.desk import CannedAws, Desk, context_at, machine, sit_down

SHELL = Connection(
    started_at=START - timedelta(hours=3),
    profile="default",
    region="eu-west-1",
    target="i-0123456789abcdef0",
    name="web\x1b[31m",
    action="shell",
    session_id="s-1",
    outcome="ended normally",
    lasted_seconds=61.5,
)
TUNNEL = replace(
    SHELL, started_at=START - timedelta(minutes=5), target="orders:writer", name="db:5432", action="tunnel"
)


@pytest.fixture
def desk() -> Desk:
    return sit_down()


@pytest.fixture
def context(desk: Desk, tmp_path: Path) -> Context:
    aws = CannedAws()
    aws.add(machine("i-0123456789abcdef0", "web", state="stopped"), region="eu-west-1")
    context = context_at(desk, aws, tmp_path)
    for connection in (SHELL, TUNNEL):
        record(context.store, connection)
    return context


def ask(context: Context, *, repeat: int | None = None, output: str = "table") -> int:
    return run_history(context, HistoryRequest(repeat=repeat, output=output))


def test_connections_are_numbered_from_the_newest_with_harmless_names(context: Context, desk: Desk) -> None:
    assert ask(context) == ExitStatus.DONE
    first, second = desk.data.splitlines()[1:]
    assert first.split()[:4] == ["1", "5m", "ago", "tunnel"]
    assert second.split()[:4] == ["2", "3h", "ago", "shell"]
    assert "1 min 1 s" in second
    assert "\x1b" not in desk.data


def test_json_and_csv_have_every_field(context: Context, desk: Desk) -> None:
    ask(context, output="json")
    records = json.loads(desk.data)
    assert [each["target"] for each in records] == ["orders:writer", "i-0123456789abcdef0"]
    assert records[1]["started_at"] == SHELL.started_at.isoformat()
    ask(context, output="csv")
    head = "started_at,profile,region,target,name,action,session_id,outcome,lasted_seconds,via,host,port,user,database"
    assert head in desk.data


def test_a_connection_is_made_again_where_it_was_made(context: Context) -> None:
    with pytest.raises(TargetUnavailable, match="stopped"):
        ask(context, repeat=2)
    assert context.regions == ("eu-west-1",)


@pytest.mark.parametrize("number", [3, -1])
def test_a_number_that_is_not_there_is_refused(number: int, context: Context) -> None:
    with pytest.raises(InvalidInput, match="no connection number"):
        ask(context, repeat=number)


def test_what_was_done_with_another_profile_is_not_repeated_with_this_one(context: Context) -> None:
    context.profile = "other"
    with pytest.raises(InvalidInput, match="profile default") as caught:
        ask(context, repeat=1)
    assert caught.value.hint == "type: ec2menu -p default history --repeat 1"


def test_a_table_says_that_it_holds_the_newest_only_and_csv_has_them_all(context: Context, desk: Desk) -> None:
    for _ in range(MAX_SHOWN):
        record(context.store, SHELL)
    ask(context)
    assert len(desk.data.splitlines()) == 1 + MAX_SHOWN
    assert f"the newest {MAX_SHOWN} of {MAX_SHOWN + 2}; all: ec2menu history -o csv" in desk.notes
    ask(context, output="csv")
    assert desk.data.count("i-0123456789abcdef0") == 2 * MAX_SHOWN


def test_a_long_target_leaves_room_for_what_happened(
    context: Context, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    desk = sit_down(out_tty=True)
    context.terminal = desk.terminal
    record(context.store, replace(SHELL, target=f"prod-cluster/{'a' * 32}/log-router", action="exec"))
    ask(context)
    head = desk.data.splitlines()[0]
    assert [title for title in ("When", "What", "Name", "Target", "Ended") if title not in head] == []


def test_nothing_yet_is_a_sentence_and_no_data(desk: Desk, tmp_path: Path) -> None:
    assert ask(context_at(desk, CannedAws(), tmp_path)) == ExitStatus.DONE
    assert (desk.data, desk.notes) == ("", "nothing has been connected to yet\n")


def test_a_tunnel_to_a_port_of_a_machine_is_opened_to_the_same_port(context: Context) -> None:
    target = "i-0123456789abcdef0"
    record(context.store, replace(TUNNEL, started_at=START, target=target, name=f"{target}:8080"))
    with pytest.raises(TargetUnavailable, match="the instance is stopped"):
        ask(context, repeat=1)


def test_a_tunnel_to_a_database_is_looked_for_by_its_id(context: Context) -> None:
    with pytest.raises(TargetUnclear, match="nothing in eu-west-1 is called orders:writer"):
        ask(context, repeat=1)


def test_a_tunnel_to_a_host_behind_a_node_says_what_to_type_instead(context: Context) -> None:
    record(context.store, replace(TUNNEL, started_at=START, target="10.0.0.9:80", name="10.0.0.9:80"))
    with pytest.raises(InvalidInput, match=r"does not say which node led to 10\.0\.0\.9:80") as caught:
        ask(context, repeat=1)
    assert caught.value.hint == "type: ec2menu forward --via NODE --host 10.0.0.9 --port 80"
