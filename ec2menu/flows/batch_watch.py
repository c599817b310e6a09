"""A batch that runs: its live line and its results as they land, Ctrl-C, a login that ends half-way, a closed window.

Whatever happens here, the batch goes on at AWS unless the user says cancel, and the journal knows it.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from ec2menu.batch.names import count_nodes
from ec2menu.batch.nouns import BatchPlan, BatchResult, NodeResult, Progress
from ec2menu.batch.report import NOT_KEPT, Line, live_line, result_line
from ec2menu.errors import Ec2MenuError, Interrupted
from ec2menu.fanout import Task
from ec2menu.flows.batch_login import Renewals
from ec2menu.flows.context import Context
from ec2menu.models import Style
from ec2menu.ui.terminal import EndOfInput, Stopped

if TYPE_CHECKING:  # these come with boto3
    from ec2menu.batch.journal import Journal
    from ec2menu.batch.journaled import Origin
    from ec2menu.batch.outputs import OutputStore
    from ec2menu.batch.runner import BatchRunner

# How long a closing program waits for the journal to be brought up to date.
DETACH_SECONDS = 5.0
_STEP_SECONDS = 0.1


class _Follower:
    """A runner in its thread, and what has been heard of it; looks like a task to `Terminal.follow`."""

    def __init__(self, context: Context, runner: "BatchRunner") -> None:
        self._clock = context.clock
        self._started = context.clock.now()
        self._progress = Progress(total=0)
        self._landed: deque[NodeResult] = deque()
        self._is_started = False
        self.task: Task[BatchResult] = Task(lambda: runner.run(self._note, self._landed.append), started=False)

    def start(self) -> None:
        """Start the runner in a thread of its own, if that has not been done."""
        if not self._is_started:
            self._is_started = True
            Task(self.task.run)

    @property
    def is_begun(self) -> bool:
        """Whether the run is under way or was: not where it has not been started, or could not be."""
        return self._is_started and (self._progress.total > 0 or not self.task.is_done)

    @property
    def has_ended(self) -> bool:
        """Whether it came to its end, with nothing left open."""
        with suppress(Ec2MenuError):
            return self.task.is_done and not self.task.result().is_detached
        return False

    @property
    def progress(self) -> Progress:
        """How far it is, as last heard."""
        return self._progress

    @property
    def needs_login(self) -> bool:
        """Whether the runner waits for new credentials."""
        return self._progress.needs_login and not self.task.is_done

    @property
    def elapsed_seconds(self) -> float:
        """How long it has been followed."""
        return self._clock.now() - self._started

    def wait(self, seconds: float) -> bool:
        """Wait at most `seconds`; return whether somebody has to look."""
        return self.task.wait(seconds) or self.needs_login

    def result(self) -> None:
        """Return nothing: the task has it."""

    def describe(self) -> str:
        """Word the live line."""
        return live_line(self._progress, self.elapsed_seconds) if self._progress.total else "starting"

    def news(self) -> Iterator[Line]:
        """Yield the rows that have landed since the last time."""
        while self._landed:
            yield result_line(self._landed.popleft())

    def login_is_back(self) -> None:
        """Forget that credentials were needed; the runner says so again if they still are."""
        self._progress = Progress(total=0)

    def _note(self, progress: Progress) -> None:
        self._progress = progress


def new_runner(
    context: Context, plan: BatchPlan, *, journal: "Journal", outputs: "OutputStore", origin: "Origin | None" = None
) -> "BatchRunner":
    """Return what carries out a plan that was agreed to; `origin` is what its nodes were chosen from, if a run."""
    from ec2menu.batch.runner import BatchRunner  # noqa: PLC0415 - it imports boto3

    return BatchRunner(context.aws, plan, clock=context.clock, journal=journal, outputs=outputs, origin=origin)


def follow(context: Context, runner: "BatchRunner") -> tuple[BatchResult, float]:
    """Carry a batch out under the user's eyes; return its rows and how many seconds it took.

    Ctrl-C asks; a second one, a closed window, or nobody to ask detaches. Raises what `BatchRunner.run` raises.
    """
    follower, renewals = _Follower(context, runner), Renewals(context)
    has_cancelled = is_interrupted = False
    try:
        while not follower.task.is_done:
            try:
                follower.start()
                context.terminal.follow(follower, follower.describe, news=follower.news)
                if follower.needs_login:
                    if not renewals.renew(follower.progress.note):
                        break
                    follower.login_is_back()
                    runner.resume_after_login()
            except (Stopped, KeyboardInterrupt):
                if has_cancelled or (answer := _ask(context, follower)) == "d":
                    is_interrupted = not context.terminal.is_interactive
                    break
                if answer == "c":
                    has_cancelled = True
                    context.terminal.note("cancelling on the nodes; Ctrl-C detaches", Style.WARN)
                    runner.cancel()
    except BaseException:  # SIGTERM, SIGHUP, a terminal that is gone: the batch goes on, and the journal has to know
        runner.detach()
        _wait_stubbornly(context, follower)
        _say_left(context, runner, follower)
        raise
    if not follower.task.is_done:
        _detach(context, runner, follower)
    result = follower.task.result()
    return replace(result, is_interrupted=is_interrupted and result.is_detached), follower.elapsed_seconds


def _wait_stubbornly(context: Context, follower: _Follower) -> None:
    """Wait until the journal is up to date, for a few seconds; a closing window sends more signals than one."""
    deadline = context.clock.now() + DETACH_SECONDS
    while not follower.task.is_done and context.clock.now() < deadline:
        with suppress(KeyboardInterrupt, SystemExit):
            follower.task.wait(_STEP_SECONDS)


def _say_left(context: Context, runner: "BatchRunner", follower: _Follower) -> None:
    """Say that the batch goes on without us, and how it is taken up; stdout is data, and not for this."""
    if not follower.is_begun:
        return
    run_id, unsent = runner.run_id, follower.progress.unsent
    if follower.has_ended:
        context.terminal.note(f"! run {run_id} has ended; see it with: ec2menu runs {run_id}", Style.WARN)
        return
    if not context.keeps_state:
        context.terminal.note(f"! run {run_id} goes on at AWS; {NOT_KEPT}", Style.WARN)
        return
    context.terminal.note(f"! run {run_id} is left, and goes on at AWS where it was sent", Style.WARN)
    context.terminal.note(f"  to go on with it: ec2menu runs {run_id}")
    if unsent:
        context.terminal.note(
            f"  {count_nodes(unsent)} never sent to; to send the rest: ec2menu runs {run_id} --send-rest"
        )


def _ask(context: Context, follower: _Follower) -> str:
    """Ask what Ctrl-C meant; return `k`, `d` or `c`."""
    terminal = context.terminal
    if not terminal.is_interactive:
        return "d"
    terminal.note("the commands go on at AWS meanwhile", Style.DIM)
    while True:
        unsent = follower.progress.unsent
        left = f"leaves {count_nodes(unsent)} unsent" if unsent else "it goes on at AWS"
        try:
            typed = terminal.ask(f"k keep watching, d detach ({left}), c cancel on the nodes:").strip().lower()
        except (Interrupted, EndOfInput):
            return "d"
        if typed[:1] in ("k", "d", "c"):
            return typed[0]
        terminal.note("type k, d or c")


def _detach(context: Context, runner: "BatchRunner", follower: _Follower) -> None:
    runner.detach()
    try:
        context.terminal.follow(follower.task, lambda: "detaching", news=follower.news)
    except Stopped:
        _say_left(context, runner, follower)
        raise Interrupted("the end of the detaching was not waited for") from None
