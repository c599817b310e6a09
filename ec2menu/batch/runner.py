"""A batch carried out: what the scheduler decides is done at AWS, written down before and after, and told.

`BatchRunner` is the one object a flow needs. What to send, ask and judge is decided in `scheduler`, the calls are in
`send` and `poll`; nothing here chooses or judges.
"""

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Self

from ec2menu.aws.fate import SendFate
from ec2menu.aws.session import Aws
from ec2menu.batch.actions import Action, Cancel, Fetch, Lookup, LookupReport, Poll, Read, Report, Send, SendReport
from ec2menu.batch.hold import Hold
from ec2menu.batch.journal import HEARTBEAT_SECONDS, Journal
from ec2menu.batch.journaled import Origin, RunState, SendState
from ec2menu.batch.keeper import Keeper
from ec2menu.batch.nouns import BatchPlan, BatchResult, NodeResult, Progress
from ec2menu.batch.outputs import OutputStore
from ec2menu.batch.poll import cancel, poll, read
from ec2menu.batch.scheduler import Scheduler
from ec2menu.batch.send import look_up, send
from ec2menu.batch.takeup import TakenUp, take_up
from ec2menu.clock import Clock
from ec2menu.errors import Ec2MenuError, TakenOver
from ec2menu.fanout import Pool, Task

CALLS_AT_ONCE = 16
ACCOUNT_SECONDS = 3.0
# How soon an answer, and how soon a word from the user, is taken in.
STEP_SECONDS = 0.1
IDLE_STEP_SECONDS = 0.5
# How long a detaching run waits for the answer to a send that is under way, to write its command id down.
LAST_ANSWERS_SECONDS = 3.0
# How long rows that the journal does not take are tried again at the end: of a run that is over, of one that is left.
LAST_WRITES_SECONDS = (30.0, 2.0)

OnProgress = Callable[[Progress], None]
OnResult = Callable[[NodeResult], None]
Submit = Callable[[Callable[[], Report]], Task[Report]]


class BatchRunner:
    """One batch, from the plan to a final row for every target.

    `run` blocks and belongs into a thread of its own; `cancel`, `detach`, `resume_after_login` and the properties may
    be used from any thread meanwhile. Callbacks come from the thread of `run`.
    """

    def __init__(
        self,
        aws: Aws,
        plan: BatchPlan,
        *,
        clock: Clock,
        journal: Journal,
        outputs: OutputStore,
        origin: Origin | None = None,
        rng: Random | None = None,
    ) -> None:
        self._aws = aws
        self._plan = plan
        self._clock = clock
        self._journal = journal
        self._origin = origin
        self._hold: Hold | None = None
        self._outputs = outputs
        self._rng = rng or Random()  # noqa: S311 - jitter, and tokens that need to be different, not secret
        self._keeper = Keeper(aws, plan, outputs=outputs)
        self._scheduler = Scheduler(plan, rng=self._rng)
        self._taken_up: TakenUp | None = None
        self._submit: Submit | None = None
        self._under_way: list[tuple[Action, Task[Report]]] = []
        self._wants_cancel = self._wants_detach = self._has_login = False
        self._last_beat = clock.now()

    @classmethod
    def resume(
        cls,
        aws: Aws,
        run_id: str,
        *,
        clock: Clock,
        journal: Journal,
        outputs: OutputStore,
        send_rest: bool = False,
        rng: Random | None = None,
    ) -> Self:
        """Return a runner that takes up a run of the journal where it was left: detached, interrupted, or unclear.

        What may have been sent is looked up (SSM ListCommands) and followed, never sent again. What was never sent is
        sent only with `send_rest`; otherwise it is reported as not delivered, and can still be sent later. Raises
        TargetUnclear for a run that is not in the journal, TargetUnavailable for one that another process follows.
        """
        found = journal.load(run_id)
        hold = journal.claim(found)
        try:
            run = journal.load(found.record.id)  # as it is now that nobody else can send for it
            runner = cls(aws, run.plan, clock=clock, journal=journal, outputs=outputs, rng=rng)
            taken = take_up(run, clock=clock, rng=runner._rng, send_rest=send_rest)
            hold.forget_open_results()
        except BaseException:
            hold.finish(RunState.INTERRUPTED)
            raise
        runner._hold, runner._taken_up, runner._scheduler = hold, taken, taken.scheduler
        runner._keeper.know(taken.known)
        return runner

    @property
    def run_id(self) -> str:
        """The run's name in the journal and in the Comment of its commands."""
        return self._plan.run_id

    def run(
        self, on_progress: OnProgress = lambda _progress: None, on_result: OnResult = lambda _result: None
    ) -> BatchResult:
        """Carry the batch out and return one row for every target; `on_result` hears each once, when it is final.

        Skipped targets are rows of the result only. Nothing that AWS does raises: it ends in rows. Raises Ec2MenuError
        if the run cannot be written into the journal, before anything is sent; TakenOver, and nothing more is sent, if
        another process has taken the run up while this one stood still. While credentials are needed
        `Progress.needs_login` is set and the run waits.
        """
        hold = self._begin(on_result)
        try:
            progress = None
            while not self._scheduler.is_done and not self._wants_detach:
                self._obey(hold)
                self._start_due(hold)
                has_news = self._collect(hold)
                self._tell(hold, on_result)
                if (latest := self._scheduler.progress()) != progress:
                    on_progress(progress := latest)
                if not has_news:
                    self._rest()
            return self._end(hold, on_result)
        except TakenOver:
            self._wait_for_sends(hold)
            raise
        except BaseException:
            hold.finish(RunState.INTERRUPTED)
            raise

    def cancel(self) -> None:
        """Send nothing more, have every live command cancelled (SSM CancelCommand), and go on to the final states."""
        self._wants_cancel = True

    def detach(self) -> None:
        """Stop following: `run` returns within seconds, commands go on at AWS, and `resume` can take the run up."""
        self._wants_detach = True

    def resume_after_login(self) -> None:
        """Go on after the credentials were renewed."""
        self._has_login = True

    # -- the round ----------------------------------------------------------------------------------------------

    def _begin(self, on_result: OnResult) -> Hold:
        if self._submit is None:
            self._submit = Pool(CALLS_AT_ONCE).submit
        if self._taken_up is not None and self._hold is not None:
            for result in (*self._taken_up.known.values(), *self._taken_up.unsent):
                on_result(result)
            return self._hold
        hold = self._journal.begin(
            self._plan, profile=self._aws.profile, account=_account_of(self._aws), origin=self._origin
        )
        for chunk in self._plan.chunks:
            self._scheduler.add_waiting(chunk, chunk.targets)
        return hold

    def _obey(self, hold: Hold) -> None:
        if self._has_login:
            self._has_login = False
            self._scheduler.resume(self._clock.now())
        if self._wants_cancel:
            self._wants_cancel = False
            self._scheduler.cancel()
        if self._clock.now() - self._last_beat >= HEARTBEAT_SECONDS:
            self._last_beat = self._clock.now()
            hold.beat()
            self._keeper.write(hold)

    def _start_due(self, hold: Hold) -> None:
        assert self._submit is not None  # noqa: S101 - for mypy: made in _begin
        for action in self._scheduler.due(self._clock.now()):
            try:
                if isinstance(action, Send):
                    hold.intend(action.order)
            except TakenOver:
                raise
            except Ec2MenuError as error:  # what cannot be written down first is not sent, and tried again later
                report = SendReport(fate=SendFate.NOT_SENT, message=f"not sent: {error.message}")
                self._scheduler.report(action, report, self._clock.now())
                continue
            self._under_way.append((action, self._submit(self._call(action))))

    def _call(self, action: Action) -> Callable[[], Report]:
        match action:
            case Send():
                return lambda: send(self._aws, action.order, self._plan)
            case Lookup():
                return lambda: self._look_up(action)
            case Poll():
                return lambda: poll(self._aws, action)
            case Cancel():
                return lambda: cancel(self._aws, action)
            case Read():
                return lambda: read(self._aws, action)
            case Fetch():
                return lambda: self._keeper.fetch(action)

    def _look_up(self, action: Lookup) -> LookupReport:
        sent_at = self._clock.wall() - timedelta(seconds=action.age_seconds)
        return look_up(self._aws, action.order, self.run_id, sent_after=sent_at)

    def _collect(self, hold: Hold) -> bool:
        """Take in the calls that have ended; return whether there were any."""
        ended = [(action, task) for action, task in self._under_way if task.is_done]
        self._under_way = [(action, task) for action, task in self._under_way if not task.is_done]
        for action, task in ended:
            report = task.result()
            _note_send(hold, action, report)
            self._scheduler.report(action, report, self._clock.now())
        return bool(ended)

    def _tell(self, hold: Hold, on_result: OnResult) -> None:
        news = self._keeper.keep(self._scheduler.take_finished())
        if news:
            self._keeper.write(hold)
        for result in news:
            on_result(result)

    def _rest(self) -> None:
        now = self._clock.now()
        step = STEP_SECONDS if self._under_way else IDLE_STEP_SECONDS
        self._clock.sleep(min(step, max(0.001, self._scheduler.wake_at(now) - now)))

    # -- the end ------------------------------------------------------------------------------------------------

    def _end(self, hold: Hold, on_result: OnResult) -> BatchResult:
        is_detached = not self._scheduler.is_done
        if is_detached:
            self._wait_for_sends(hold)
        self._tell(hold, on_result)
        is_written = self._write_last(hold, LAST_WRITES_SECONDS[is_detached])
        rows = self._scheduler.open_rows() if is_detached else []
        unsent = self._taken_up.unsent if self._taken_up is not None else []
        results = self._keeper.results([*rows, *unsent])
        is_whole = is_written and not is_detached and not unsent
        hold.finish(RunState.FINISHED if is_whole else RunState.DETACHED)
        if is_whole:
            for run_id in self._journal.forget_old():
                self._outputs.drop(run_id)
        return BatchResult(run_id=self.run_id, results=results, is_detached=is_detached)

    def _write_last(self, hold: Hold, patience_seconds: float) -> bool:
        """Write what the journal has not taken so far; return whether every row is there."""
        until = self._clock.now() + patience_seconds
        while not self._keeper.write(hold):
            if self._clock.now() >= until:
                return False
            self._clock.sleep(IDLE_STEP_SECONDS)
        return True

    def _wait_for_sends(self, hold: Hold) -> None:
        until = self._clock.now() + LAST_ANSWERS_SECONDS
        while self._clock.now() < until and any(isinstance(action, Send) for action, _ in self._under_way):
            if not self._collect(hold):
                self._clock.sleep(STEP_SECONDS)
        self._collect(hold)


def _note_send(hold: Hold, action: Action, report: Report) -> None:
    if isinstance(report, SendReport) and report.fate not in (None, SendFate.UNCLEAR):
        hold.note_send(action.order.seq, SendState.NOT_SENT)
    elif isinstance(report, SendReport | LookupReport) and report.command_id:
        hold.note_send(action.order.seq, SendState.SENT, report.command_id)


def _account_of(aws: Aws) -> str:
    """Return the account that a run is in; '' where nobody tells soon: that keeps no command from being run."""
    asked = Task(aws.identity)
    try:
        return asked.result().account if asked.wait(ACCOUNT_SECONDS) else ""
    except Ec2MenuError:
        return ""
