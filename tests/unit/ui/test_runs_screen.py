"""The list of past runs: what stands in it, what a number does, and what it says when that cannot be done."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ec2menu.batch.actions import Order
from ec2menu.batch.journal import Journal
from ec2menu.batch.journaled import RunState
from ec2menu.batch.nouns import NodeResult, Outcome, Target
from ec2menu.flows.context import Context
from ec2menu.ui.menu import Menu
from ec2menu.ui.screens.runs import RunsScreen
from tests.unit.batch.rig import make
from tests.unit.desk import REGION, CannedAws, Desk, context_at, machine, sit_down

WEB = [Target(id=f"i-{number}", region=REGION, name=f"web-{number}") for number in (1, 2)]


def journal_of(context: Context) -> Journal:
    return Journal(context.store, clock=context.clock)


def add_run(
    context: Context,
    run_id: str,
    *outcomes: Outcome,
    command: str = "uptime",
    state: RunState = RunState.FINISHED,
    order: Order | None = None,
) -> None:
    """Write down a run that ended like that on web-1 and web-2."""
    hold = journal_of(context).begin(make(WEB, run_id=run_id, lines=(command,)), profile=context.profile)
    if order is not None:
        hold.intend(order)
    rows = [NodeResult(target=target, outcome=outcome) for target, outcome in zip(WEB, outcomes, strict=False)]
    hold.note_results(rows)
    hold.finish(state)


def desk_with(folder: Path, *typed: str) -> tuple[Desk, Context]:
    desk = sit_down(*typed, out_tty=True, color=False)
    aws = CannedAws()
    aws.add(*(machine(target.id, target.name) for target in WEB))
    aws.lists["DescribeInstanceInformation", ""] = [
        {"InstanceId": target.id, "PingStatus": "Online", "PlatformType": "Linux"} for target in WEB
    ]
    return desk, context_at(desk, aws, folder, regions=(REGION,))


def open_screen(desk: Desk, context: Context) -> None:
    Menu(desk.terminal).run(RunsScreen(context))


def test_runs_are_listed_newest_first_with_when_state_counts_and_command(tmp_path: Path) -> None:
    desk, context = desk_with(tmp_path, "0")
    add_run(context, "a", Outcome.SUCCEEDED, Outcome.SUCCEEDED)
    desk.clock.advance(7200)
    add_run(context, "b", Outcome.FAILED, Outcome.SUCCEEDED, command="df -h")
    desk.clock.advance(60)
    add_run(context, "c", command="sleep 9", state=RunState.DETACHED)
    open_screen(desk, context)
    lines = [line.split() for line in desk.data.splitlines() if line]
    assert lines[0] == ["Past", "runs:", "3,", "newest", "first"]
    assert lines[2:] == [
        ["1", "c", "0s", "detached", "2", "sleep", "9"],
        ["2", "b", "1m", "finished", "2", "1", "failed", "·", "1", "succeeded", "df", "-h"],
        ["3", "a", "2h", "finished", "2", "2", "succeeded", "uptime"],
    ]


def test_a_number_shows_the_run_and_its_failed_nodes_can_be_run_again(tmp_path: Path) -> None:
    desk, context = desk_with(tmp_path, "1", "web-1", "f", "0", "0", "0")
    add_run(context, "a", Outcome.FAILED, Outcome.SUCCEEDED)
    open_screen(desk, context)
    assert "1 node failed: web-1" in desk.data
    assert "FAIL web-1 (i-1)  failed" in desk.data
    assert "run on 1 node\n  | uptime\n" in desk.notes
    assert "it has run, or may have run, on 1 node of them already" in desk.notes
    assert "not run; nothing was sent" in desk.notes
    assert desk.data.count("Past runs: 1, newest first") == 2
    assert desk.keyboard.left == 0


def test_a_run_that_another_ec2menu_follows_is_not_entered(tmp_path: Path) -> None:
    desk, context = desk_with(tmp_path, "1", "0")
    journal_of(context).begin(make(WEB, run_id="a"), profile=context.profile)
    open_screen(desk, context)
    assert "run a is being followed by another ec2menu (process " in desk.notes
    assert desk.keyboard.left == 0


def test_a_detached_run_is_gone_on_with(tmp_path: Path) -> None:
    desk, context = desk_with(tmp_path, "1", "0", "0")
    add_run(context, "a", Outcome.SUCCEEDED, state=RunState.DETACHED)
    open_screen(desk, context)
    assert "taking up a, which is detached; nothing is sent again" in desk.notes
    assert "1 node not delivered" in desk.data
    assert "not sent yet" in desk.data
    assert desk.keyboard.left == 0


def test_a_finished_run_whose_end_is_not_known_everywhere_is_looked_at_again(tmp_path: Path) -> None:
    desk, context = desk_with(tmp_path, "1", "0", "0")
    order = Order(seq=1, region=REGION, document="D", token="t", share=1, timeout_seconds=60, node_ids=("i-2",))
    add_run(context, "a", Outcome.SUCCEEDED, Outcome.IN_DOUBT, order=replace(order, attempts=(1,)))
    desk.clock.advance(timedelta(days=1).total_seconds())
    open_screen(desk, context)
    assert "taking up a, which is not known to the end; nothing is sent again" in desk.notes
    assert "1 node in doubt" in desk.data


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("2", "2 is not in the list"),
        ("1,1-2", "not in the list"),
        ("all", "one run at a time"),
        ("x", "number shows it"),
    ],
)
def test_what_is_no_run_is_told_below_the_list(typed: str, told: str, tmp_path: Path) -> None:
    desk, context = desk_with(tmp_path, typed, "0")
    add_run(context, "a", Outcome.SUCCEEDED)
    if typed == "all":
        add_run(context, "b", Outcome.SUCCEEDED)
    open_screen(desk, context)
    assert told in desk.notes
    assert desk.data.count("Past runs:") == 1


def test_a_long_list_is_turned_page_by_page(tmp_path: Path) -> None:
    desk, context = desk_with(tmp_path, "n", "n", "p", "p", "0")
    for number in range(20):
        add_run(context, f"run-{number:02}")
        desk.clock.advance(1)
    open_screen(desk, context)
    pages = desk.data.split("Past runs:")[1:]
    assert ["run-19" in page for page in pages] == [True, False, True]
    assert "20  run-00" in pages[1]
    assert "this is the last page" in desk.notes
    assert "this is the first page" in desk.notes


def test_nothing_has_been_run_yet(tmp_path: Path) -> None:
    desk, context = desk_with(tmp_path, "0")
    open_screen(desk, context)
    assert "nothing has been run yet" in desk.data
