"""A batch under the user's eyes: what is told as it runs, and what Ctrl-C, a lost login and a signal make of it."""

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from ec2menu.batch.nouns import BatchResult, NodeResult, Outcome, Progress, Target
from ec2menu.batch.report import exit_status
from ec2menu.batch.runner import BatchRunner
from ec2menu.errors import Ec2MenuError, ExitStatus, LoginExpired
from ec2menu.flows.batch_login import RENEWALS_IN_VAIN, Renewals
from ec2menu.flows.batch_watch import follow
from tests.fakes.clock import FakeClock
from tests.unit.desk import CannedAws, Desk, context_at, sit_down

WAIT_SECONDS = 10.0


def ended(name: str, outcome: Outcome = Outcome.SUCCEEDED) -> NodeResult:
    return NodeResult(target=Target(id=f"i-{name}", region="us-east-1", name=name), outcome=outcome, exit_code=0)


class ScriptedRunner:
    """Looks like a BatchRunner: two rows land, then it goes on until it is cancelled, detached or told to end.

    `on_start` is called in its thread once both rows have landed; `heard` is what it was told, in order.
    """

    run_id = "run-1"

    def __init__(self, on_start: Callable[[], object] = lambda: None, *, is_stubborn: bool = False) -> None:
        self.heard: list[str] = []
        self.progress = Progress(total=3, done=2, running=1)
        self.on_start = on_start
        self._is_stubborn = is_stubborn
        self._over = threading.Event()

    def run(self, on_progress: Callable[[Progress], None], on_result: Callable[[NodeResult], None]) -> BatchResult:
        on_result(ended("web-1"))
        on_result(ended("web-2", Outcome.FAILED))
        on_progress(self.progress)
        self.on_start()
        assert self._over.wait(WAIT_SECONDS)
        return BatchResult(
            run_id=self.run_id, results=(ended("web-1"),), is_detached=bool(self.heard) and self.heard[-1] == "detach"
        )

    def end(self) -> None:
        self._over.set()

    def cancel(self) -> None:
        self.heard.append("cancel")
        if not self._is_stubborn:
            self._over.set()

    def detach(self) -> None:
        self.heard.append("detach")
        self._over.set()

    def resume_after_login(self) -> None:
        self.heard.append("login")
        self._over.set()


class PressingClock(FakeClock):
    """A clock at which a signal comes when it is looked at next after `press`: while the live line is drawn."""

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__()
        self._number = number
        self._is_armed = False

    def press(self) -> None:
        self._is_armed = True

    def now(self) -> float:
        if self._is_armed:
            self._is_armed = False
            signal.raise_signal(self._number)
        return super().now()


class Certified(CannedAws):
    """An AWS that knows who we are again."""

    def call(self, service: str, operation: str, region: str, **_parameters: Any) -> dict[str, Any]:
        self.asked.append((operation, region))
        return {"Arn": "arn:aws:iam::123456789012:user/demo"}


def watch(runner: ScriptedRunner, desk: Desk, folder: Path, aws: CannedAws | None = None) -> BatchResult:
    context = context_at(desk, aws or CannedAws(), folder)
    return follow(context, cast("BatchRunner", runner))[0]  # it has all that is used here


def desk_with(clock: PressingClock, *typed: str | BaseException | Callable[[], object], tty: bool = True) -> Desk:
    return sit_down(*typed, out_tty=tty, err_tty=True, color=False, clock=clock)


def test_rows_are_told_as_they_land_and_the_live_line_below_them(tmp_path: Path) -> None:
    runner = ScriptedRunner()
    clock = PressingClock()
    desk = desk_with(clock)
    runner.on_start = clock.press  # Ctrl-C comes with the second drawing, and the end of the script detaches
    assert watch(runner, desk, tmp_path).is_detached
    assert "ok   web-1 (i-web-1)  exit 0\n" in desk.notes
    assert "FAIL web-2 (i-web-2)  failed · exit 0\n" in desk.notes
    assert desk.data.strip() == ""


def test_a_run_that_ends_gives_its_result_and_the_rows_even_where_nobody_watches(tmp_path: Path) -> None:
    runner = ScriptedRunner()
    runner.on_start = runner.end
    desk = sit_down(color=False)
    assert watch(runner, desk, tmp_path).results == (ended("web-1"),)
    assert desk.notes.count("\n") == 2
    assert runner.heard == []


def test_ctrl_c_asks_and_keeps_watching_detaches_or_cancels(tmp_path: Path) -> None:
    clock = PressingClock()
    runner = ScriptedRunner(clock.press)
    desk = desk_with(clock, "x", clock.press, "k", "d")
    assert watch(runner, desk, tmp_path).is_detached
    assert runner.heard == ["detach"]
    assert desk.notes.count("k keep watching") == 3
    assert "type k, d or c\n" in desk.notes


def test_cancelling_goes_on_to_the_final_states(tmp_path: Path) -> None:
    clock = PressingClock()
    runner = ScriptedRunner(clock.press)
    assert not watch(runner, desk_with(clock, "c"), tmp_path).is_detached
    assert runner.heard == ["cancel"]


def test_ctrl_c_after_cancelling_detaches_without_a_question(tmp_path: Path) -> None:
    clock = PressingClock()
    runner = ScriptedRunner(clock.press, is_stubborn=True)
    desk = desk_with(clock, clock.press, "c")
    assert watch(runner, desk, tmp_path).is_detached
    assert runner.heard == ["cancel", "detach"]


@pytest.mark.parametrize("answer", [KeyboardInterrupt(), None])
def test_a_second_ctrl_c_and_ctrl_d_at_the_question_detach(answer: BaseException | None, tmp_path: Path) -> None:
    clock = PressingClock()
    runner = ScriptedRunner(clock.press)
    desk = desk_with(clock, *([answer] if answer else []))
    assert watch(runner, desk, tmp_path).is_detached
    assert runner.heard == ["detach"]


def test_where_nobody_can_be_asked_ctrl_c_detaches(tmp_path: Path) -> None:
    clock = PressingClock()
    runner = ScriptedRunner(clock.press)
    desk = desk_with(clock, "c", tty=False)
    left = watch(runner, desk, tmp_path)
    assert (left.is_detached, left.is_interrupted) == (True, True)
    assert exit_status(left) == ExitStatus.INTERRUPTED
    assert desk.keyboard.left == 1


def test_a_signal_that_ends_the_program_detaches_first(tmp_path: Path) -> None:
    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    clock = PressingClock(signal.SIGTERM)
    runner = ScriptedRunner(clock.press)
    runner.progress = Progress(total=6, done=2, running=1, unsent=3)
    desk = desk_with(clock)
    before = signal.signal(signal.SIGTERM, leave)
    try:
        with pytest.raises(SystemExit) as caught:
            watch(runner, desk, tmp_path)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert caught.value.code == 143
    assert runner.heard == ["detach"]
    assert "! run run-1 is left, and goes on at AWS where it was sent\n" in desk.notes
    assert "  to go on with it: ec2menu runs run-1\n" in desk.notes
    assert "  3 nodes never sent to; to send the rest: ec2menu runs run-1 --send-rest\n" in desk.notes
    assert desk.data.strip() == ""


def test_a_login_that_is_back_lets_the_batch_go_on(tmp_path: Path) -> None:
    runner = ScriptedRunner()
    runner.progress = Progress(total=3, needs_login=True)
    aws = Certified()
    assert not watch(runner, sit_down(color=False), tmp_path, aws).is_detached
    assert runner.heard == ["login"]
    assert aws.asked == [("GetCallerIdentity", "us-east-1")]


def test_a_login_that_cannot_be_renewed_is_told_and_detaches(tmp_path: Path) -> None:
    runner = ScriptedRunner()
    runner.progress = Progress(total=3, needs_login=True)
    desk = sit_down(color=False)
    assert watch(runner, desk, tmp_path).is_detached
    assert "sts in us-east-1 is out of reach" in desk.notes
    assert runner.heard == ["detach"]


class Renewed(CannedAws):
    """An AWS whose login is over until somebody has put new keys into a file."""

    def __init__(self) -> None:
        super().__init__()
        self.is_over = True

    def call(self, service: str, operation: str, region: str, **parameters: Any) -> dict[str, Any]:
        self.asked.append((operation, region))
        if self.is_over:
            raise LoginExpired("your AWS login has expired", hint="get new credentials")
        return {"Arn": "arn"}


def test_at_a_terminal_keys_that_run_out_can_be_renewed_elsewhere_and_the_batch_goes_on(tmp_path: Path) -> None:
    aws = Renewed()
    runner = ScriptedRunner()
    runner.progress = Progress(total=3, needs_login=True)
    desk = sit_down("", lambda: setattr(aws, "is_over", False), "", color=False, out_tty=True)
    assert not watch(runner, desk, tmp_path, aws).is_detached
    assert runner.heard == ["login"]
    assert (desk.data + desk.notes).count("press Enter once there are new credentials") == 2
    assert "hint: get new credentials" in desk.notes


class Unreachable(CannedAws):
    """An AWS that does not answer, and knows when it is asked a second time."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked_again = threading.Event()

    def call(self, service: str, operation: str, region: str, **parameters: Any) -> dict[str, Any]:
        if self.asked:
            self.is_asked_again.set()
        self.asked.append((operation, region))
        raise Ec2MenuError("AWS is out of reach")


def test_a_login_that_cannot_be_renewed_is_told_once_though_detaching_takes_a_while(tmp_path: Path) -> None:
    aws = Unreachable()
    runner = ScriptedRunner()
    runner.progress = Progress(total=3, needs_login=True, note="expired")

    def end_late() -> None:
        aws.is_asked_again.wait(0.3)
        runner.end()

    runner.on_start = end_late
    desk = sit_down(color=False)
    watch(runner, desk, tmp_path, aws)
    assert desk.notes.count("AWS is out of reach") == len(aws.asked) == 1


class Refused(ScriptedRunner):
    """A runner whose AWS goes on calling the login expired, however often it is renewed."""

    def run(self, on_progress: Callable[[Progress], None], on_result: Callable[[NodeResult], None]) -> BatchResult:
        self._tell = on_progress
        return super().run(on_progress, on_result)

    def resume_after_login(self) -> None:
        self.heard.append("login")
        self._tell(self.progress)


def test_a_login_that_sts_accepts_and_ssm_does_not_is_not_renewed_for_ever(tmp_path: Path) -> None:
    runner = Refused()
    runner.progress = Progress(total=3, needs_login=True, note="the token is expired")
    desk, aws = sit_down(color=False), Certified()
    assert watch(runner, desk, tmp_path, aws).is_detached
    assert runner.heard == ["login"] * RENEWALS_IN_VAIN + ["detach"]
    assert len(aws.asked) == RENEWALS_IN_VAIN
    assert "AWS knows who we are and still refuses the login: the token is expired" in desk.notes


def test_logins_that_end_every_hour_are_renewed_every_hour(tmp_path: Path) -> None:
    desk, aws = sit_down(color=False), Certified()
    renewals = Renewals(context_at(desk, aws, tmp_path))
    for _ in range(3 * RENEWALS_IN_VAIN):
        assert renewals.renew("expired")
        desk.clock.advance(3600)
    assert desk.clock.slept == []


def test_the_question_names_what_was_never_sent(tmp_path: Path) -> None:
    clock = PressingClock()
    runner = ScriptedRunner(clock.press)
    runner.progress = Progress(total=6, done=2, running=1, unsent=3)
    desk = desk_with(clock, "d")
    watch(runner, desk, tmp_path)
    assert "k keep watching, d detach (leaves 3 nodes unsent), c cancel on the nodes:" in desk.notes


def test_what_keeps_the_run_from_starting_is_raised(tmp_path: Path) -> None:
    def refuse() -> None:
        raise Ec2MenuError("the journal cannot be written")

    with pytest.raises(Ec2MenuError, match="journal"):
        watch(ScriptedRunner(refuse), sit_down(color=False), tmp_path)
