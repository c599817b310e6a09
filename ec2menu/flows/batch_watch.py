"""A batch that runs: its live line and its results as they land, Ctrl-C, a login that ends half-way, a closed window.

Whatever happens here, the batch goes on at AWS unless the user says cancel, and the journal knows it.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from ec2menu.batch.nouns import BatchPlan, BatchResult, NodeResult, Progress
from ec2menu.batch.report import Line, live_line, result_line
from ec2menu.errors import Ec2MenuError, Interrupted
from ec2menu.fanout import Task
from ec2menu.flows.context import Context
from ec2menu.models import Style
from ec2menu.ui.terminal import EndOfInput, Stopped

if TYPE_CHECKING:  # these come with boto3
    from ec2menu.batch.journal import Journal
    from ec2menu.batch.outputs import OutputStore
    from ec2menu.batch.runner import BatchRunner

# How long a closing program waits for the journal to be brought up to date.
DETACH_SECONDS = 5.0
_STEP_SECONDS = 0.1
_QUESTION = "k keep watching, d detach (it goes on at AWS), c cancel on the nodes:"


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


def new_runner(context: Context, plan: BatchPlan, *, journal: "Journal", outputs: "OutputStore") -> "BatchRunner":
    """Return what carries out a plan that was agreed to."""
    from ec2menu.batch.runner import BatchRunner  # noqa: PLC0415 - it imports boto3

    return BatchRunner(context.aws, plan, clock=context.clock, journal=journal, outputs=outputs)


def follow(context: Context, runner: "BatchRunner") -> tuple[BatchResult, float]:
    """Carry a batch out under the user's eyes; return its rows and how many seconds it took.

    Ctrl-C asks; a second one, a closed window, or nobody to ask detaches. Raises what `BatchRunner.run` raises.
    """
    follower = _Follower(context, runner)
    has_cancelled = False
    try:
        while not follower.task.is_done:
            try:
                follower.start()
                context.terminal.follow(follower, follower.describe, news=follower.news)
                if follower.needs_login:
                    _renew_login(context, runner, follower)
            except (Stopped, KeyboardInterrupt):
                if has_cancelled or (answer := _ask(context)) == "d":
                    break
                if answer == "c":
                    has_cancelled = True
                    context.terminal.note("cancelling on the nodes; Ctrl-C detaches", Style.WARN)
                    runner.cancel()
    except BaseException:  # SIGTERM, SIGHUP, a terminal that is gone: the batch goes on, and the journal has to know
        runner.detach()
        _wait_stubbornly(context, follower)
        raise
    if not follower.task.is_done:
        _detach(context, runner, follower)
    return follower.task.result(), follower.elapsed_seconds


def _wait_stubbornly(context: Context, follower: _Follower) -> None:
    """Wait until the journal is up to date, for a few seconds; a closing window sends more signals than one."""
    deadline = context.clock.now() + DETACH_SECONDS
    while not follower.task.is_done and context.clock.now() < deadline:
        with suppress(KeyboardInterrupt, SystemExit):
            follower.task.wait(_STEP_SECONDS)


def _ask(context: Context) -> str:
    """Ask what Ctrl-C meant; return `k`, `d` or `c`."""
    terminal = context.terminal
    if not terminal.is_interactive:
        return "d"
    terminal.note("the commands go on at AWS meanwhile", Style.DIM)
    while True:
        try:
            typed = terminal.ask(_QUESTION).strip().lower()
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
        raise Interrupted(f"not waited for; go on with: ec2menu runs {runner.run_id}") from None


def _renew_login(context: Context, runner: "BatchRunner", follower: _Follower) -> None:
    """Have the login renewed while the batch waits; where that cannot be, detach."""
    try:
        context.attempt(lambda: _prove_login(context))
    except (Stopped, KeyboardInterrupt):
        raise
    except Ec2MenuError as error:
        context.terminal.fail(error)
        runner.detach()
    else:
        follower.login_is_back()
        runner.resume_after_login()


def _prove_login(context: Context) -> None:
    """Ask AWS itself whether the credentials are good; what was once learnt of the identity proves nothing now."""
    context.load_credentials()
    region = context.home or "us-east-1"
    context.terminal.watch(
        Task(lambda: context.aws.call("sts", "GetCallerIdentity", region, key="Arn")), lambda: "asking AWS who we are"
    )
