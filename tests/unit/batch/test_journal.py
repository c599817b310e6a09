"""Runs on disk: written before they are sent, read back as they were, one process at a time."""

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ec2menu.batch.actions import Order
from ec2menu.batch.journal import DEAD_AFTER_SECONDS, FORGOTTEN_AT_ONCE, Journal
from ec2menu.batch.journaled import RunState, SendState
from ec2menu.batch.nouns import BatchPlan, Chunk, NodeResult, Outcome, Skip, TagChoice, Target
from ec2menu.batch.outputs import OutputStore
from ec2menu.batch.streams import Streams
from ec2menu.errors import Ec2MenuError, TargetUnavailable, TargetUnclear
from ec2menu.state.store import Store
from tests.fakes.clock import FakeClock
from tests.unit.batch.rig import Bench, make

TARGETS = [Target(id=f"i-{index:017x}", region="us-east-1", name="웹") for index in range(3)]
ORDER = Order(
    seq=1, region="us-east-1", document="D", token="t", share=2, timeout_seconds=60, node_ids=("i-1",), attempts=(1,)
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "state.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def journal(store: Store, clock: FakeClock) -> Journal:
    return Journal(store, clock=clock)


def plan_of(run_id: str = "run1") -> BatchPlan:
    plan = make(TARGETS, run_id=run_id, lines=("echo '한 \"$(x)\"';", "\tid"), max_errors="10%", output_s3="b/p")
    skip = Skip(target=TARGETS[0], reason="offline", hint="start it")
    tag = Chunk(region="eu-west-1", document="D", tag=TagChoice(key="a", value="b"))
    return replace(plan, skipped=(skip,), warnings=("careful",), chunks=(*plan.chunks, tag))


def test_a_run_is_read_back_as_it_was_written(journal: Journal) -> None:
    plan = plan_of()
    result = NodeResult(
        target=TARGETS[1], outcome=Outcome.FAILED, detail="exit 3", exit_code=3, stdout_file=Path("/x/y")
    )
    hold = journal.begin(plan, profile="ops")
    hold.intend(ORDER)
    hold.intend(replace(ORDER, seq=2, node_ids=(), attempts=(), tag=TagChoice(key="a", value="b")))
    hold.note_send(1, SendState.SENT, "c-1")
    hold.note_results([result])
    run = journal.load("run1")
    assert run.plan == plan
    assert run.results == (result,)
    assert [(send.order.seq, send.state, send.command_id) for send in run.sends] == [
        (1, SendState.SENT, "c-1"),
        (2, SendState.INTENDED, ""),
    ]
    assert run.sends[0].order == ORDER
    assert run.sends[1].order.tag == TagChoice(key="a", value="b")
    assert (run.record.profile, run.record.targets, run.record.counts) == ("ops", 4, {"failed": 1, "skipped": 1})
    assert run.record.regions == ("us-east-1", "eu-west-1")


def test_runs_are_listed_newest_first_and_found_by_a_unique_beginning(journal: Journal, clock: FakeClock) -> None:
    for name in ("aa1", "aa2", "b"):
        journal.begin(plan_of(name))
        clock.advance(1)
    assert [run.id for run in journal.runs()] == ["b", "aa2", "aa1"]
    assert [run.id for run in journal.runs(limit=1)] == ["b"]
    assert journal.load("aa2").record.id == "aa2"
    assert journal.load("b").record.id == "b"
    with pytest.raises(TargetUnclear) as several:
        journal.load("aa")
    assert several.value.matches == ("aa2", "aa1")
    with pytest.raises(TargetUnclear, match="there is no run x"):
        journal.load("x")


def test_a_run_is_live_while_its_process_beats_and_interrupted_after(
    journal: Journal, store: Store, clock: FakeClock
) -> None:
    hold = journal.begin(plan_of())
    assert journal.load("run1").record.state is RunState.LIVE
    clock.advance(DEAD_AFTER_SECONDS - 1)
    hold.beat()
    clock.advance(DEAD_AFTER_SECONDS - 1)
    assert journal.load("run1").record.state is RunState.LIVE
    clock.advance(1)
    assert journal.load("run1").record.state is RunState.INTERRUPTED
    hold.beat()
    store.write("UPDATE batch_run SET pid = ?", [(2**22 + 1,)])
    assert journal.load("run1").record.state is RunState.INTERRUPTED
    hold.finish(RunState.DETACHED)
    assert journal.load("run1").record.state is RunState.DETACHED


def test_only_one_process_takes_a_run_up(journal: Journal) -> None:
    hold = journal.begin(plan_of())
    with pytest.raises(TargetUnavailable, match="followed by another"):
        journal.claim(journal.load("run1"))
    hold.finish(RunState.DETACHED)
    mine = theirs = journal.load("run1")
    journal.claim(theirs)
    with pytest.raises(TargetUnavailable, match="just taken up"):
        journal.claim(mine)


def test_rows_without_an_end_are_dropped_when_a_run_is_taken_up(journal: Journal) -> None:
    hold = journal.begin(plan_of())
    outcomes = (Outcome.UNKNOWN, Outcome.IN_DOUBT, Outcome.SUCCEEDED)
    hold.note_results([NodeResult(target=target, outcome=each) for target, each in zip(TARGETS, outcomes, strict=True)])
    hold.forget_open_results()
    assert [row.outcome for row in journal.load("run1").results] == [Outcome.SUCCEEDED]


def test_what_cannot_be_written_is_an_error_and_not_a_loss(journal: Journal, store: Store) -> None:
    hold = journal.begin(plan_of())
    with pytest.raises(Ec2MenuError, match="cannot be written"):
        journal.begin(plan_of())
    store.close()
    with pytest.raises(Ec2MenuError, match="cannot be written"):
        hold.intend(ORDER)
    hold.beat()
    hold.note_send(1, SendState.SENT, "c")
    hold.finish(RunState.FINISHED)


def test_a_journal_in_memory_says_so(tmp_path: Path, journal: Journal, clock: FakeClock) -> None:
    assert journal.is_durable
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file" / "state")
    assert not Journal(store, clock=clock).is_durable
    store.close()


def test_output_is_kept_for_its_owner_only_and_equal_output_has_an_equal_digest(tmp_path: Path) -> None:
    outputs = OutputStore(tmp_path / "runs")
    first = outputs.save("run1", TARGETS[0], Streams(stdout="한\n", stderr="e"))
    second = outputs.save("run1", TARGETS[1], Streams(stdout="한\n", stderr="e"))
    other = outputs.save("run1", TARGETS[2], Streams(stdout="한\ne"))
    assert first.digest == second.digest != other.digest
    assert other.stderr_file is None
    kept = first.stdout_file
    assert kept is not None
    assert [stat.S_IMODE(path.stat().st_mode) for path in (kept, kept.parent, kept.parent.parent)] == [
        0o600,
        0o700,
        0o700,
    ]
    row = NodeResult(target=TARGETS[0], outcome=Outcome.FAILED, stdout_file=kept, stderr_file=first.stderr_file)
    assert outputs.read(row) == ("한\n", "e")
    kept.unlink()
    assert outputs.read(row) == ("", "e")


def test_a_name_from_outside_stays_inside_the_folder(tmp_path: Path) -> None:
    outputs = OutputStore(tmp_path / "runs")
    kept = outputs.save("../../x", Target(id="../../etc/passwd", region=".."), Streams(stdout="x"))
    assert kept.stdout_file is not None
    assert kept.stdout_file.resolve().is_relative_to(tmp_path / "runs")


def test_a_stream_that_breaks_off_leaves_the_beginning_in_place(tmp_path: Path) -> None:
    outputs = OutputStore(tmp_path)
    kept = outputs.save("r", TARGETS[0], Streams(stdout="beginning"))

    def pieces() -> Iterator[bytes]:
        yield b"more"
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        outputs.replace("r", TARGETS[0], "stdout", pieces())
    assert kept.stdout_file is not None
    assert kept.stdout_file.read_text() == "beginning"
    assert sorted(path.name for path in kept.stdout_file.parent.iterdir()) == [kept.stdout_file.name]
    outputs.replace("r", TARGETS[0], "stdout", [b"all", b" of it"])
    assert kept.stdout_file.read_text() == "all of it"


def many_runs(journal: Journal, clock: FakeClock, *, count: int, state: RunState = RunState.FINISHED) -> None:
    """Write runs down, an hour apart, named by their number."""
    for number in range(count):
        clock.advance(3600)
        hold = journal.begin(make(TARGETS, run_id=f"{state.value}-{number:03}"))
        hold.intend(ORDER)
        hold.note_results([NodeResult(target=TARGETS[0], outcome=Outcome.FAILED)])
        hold.finish(state)


def count_rows(store: Store) -> list[int]:
    return [store.read(f"SELECT count(*) FROM {table}")[0][0] for table in ("batch_run", "batch_send", "batch_result")]


def test_old_runs_beyond_the_newest_200_are_forgotten_a_few_at_a_time(
    journal: Journal, store: Store, clock: FakeClock
) -> None:
    many_runs(journal, clock, count=203 + FORGOTTEN_AT_ONCE)
    assert journal.forget_old() == ()
    clock.advance(31 * 86400)
    assert journal.forget_old() == tuple(f"finished-{number:03}" for number in range(FORGOTTEN_AT_ONCE))
    assert len(journal.forget_old()) == 3
    assert journal.forget_old() == ()
    assert count_rows(store) == [200, 200, 200]


def test_what_is_younger_than_30_days_is_kept_however_much_it_is(journal: Journal, clock: FakeClock) -> None:
    many_runs(journal, clock, count=210)
    clock.advance(29 * 86400 - 210 * 3600)
    assert journal.forget_old() == ()


def test_a_run_that_was_left_is_kept_for_90_days_and_one_that_is_followed_for_ever(
    journal: Journal, clock: FakeClock
) -> None:
    followed = journal.begin(make(TARGETS, run_id="followed"))
    many_runs(journal, clock, count=2, state=RunState.DETACHED)
    many_runs(journal, clock, count=200)
    clock.advance(89 * 86400 - 200 * 3600)
    assert journal.forget_old() == ()
    clock.advance(3 * 86400)
    followed.beat()
    assert journal.forget_old() == ("detached-000", "detached-001")
    assert journal.load("followed").record.state is RunState.LIVE


def test_a_run_that_ends_tidies_up_after_the_old_ones(bench: Bench) -> None:
    many_runs(bench.journal, bench.clock, count=201)
    for number in range(3):
        bench.outputs.save(f"finished-{number:03}", TARGETS[0], Streams(stdout="x"))
    bench.clock.advance(31 * 86400)
    bench.runner(make(bench.ssm.add(1), run_id="new")).run()
    assert sorted(path.name for path in (bench.folder / "runs").iterdir()) == ["finished-002", "new"]
    assert len(bench.journal.runs()) == 200
