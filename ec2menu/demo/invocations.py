"""A simulated SSM agent: what one Run Command does on its nodes over simulated time.

Pure state in, pure state out: nothing here executes anything, reads a clock, starts a thread or knows of HTTP. A
`CommandRun` is brought to a moment by `advance` when somebody reads it; every event in between happens at its own
time, so that the same questions get the same answers however seldom they are asked. How AWS writes the state down is
in `command_answers`, what SendCommand refuses in `command_rules`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

KILLED_EXIT_CODE = 137
WINDOWS_KILLED_EXIT_CODE = -1
NO_EXIT_CODE = -1
REBOOT_EXIT_CODE = 194
WINDOWS_REBOOT_EXIT_CODE = 3010
REBOOT_SECONDS = 30.0
RETRY_SECONDS = 1.0
CANCEL_SECONDS = 1.0

STATUS_OF_DETAILS = {
    "Pending": "Pending",
    "Delayed": "Delayed",
    "InProgress": "InProgress",
    "Success": "Success",
    "Failed": "Failed",
    "ExecutionTimedOut": "TimedOut",
    "DeliveryTimedOut": "TimedOut",
    "Cancelling": "Cancelling",
    "Cancelled": "Cancelled",
    "Undeliverable": "Failed",
    "Terminated": "Cancelled",
    "InvalidPlatform": "Failed",
    "AccessDenied": "Failed",
    "Incomplete": "Failed",
    "NoInstancesInTag": "Success",
}
NEVER_RAN = frozenset({"Delayed", "DeliveryTimedOut", "Undeliverable", "InvalidPlatform", "AccessDenied"})
COUNTED_ERRORS = frozenset({"Failed", "ExecutionTimedOut"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a node makes of a command.

    `delay_seconds` passes before the node answers; `math.inf` is a node that took the command and never answers.
    `status_details` is empty for what follows from `exit_code`. One of `NEVER_RAN` means that the script did not start;
    `Delayed` among them means that delivery is tried again after `delay_seconds`.
    """

    delay_seconds: float = 0.0
    exit_code: int = 0
    stdout: str = ""
    stderr: str = ""
    status_details: str = ""

    @property
    def ran(self) -> bool:
        """Whether the script started on the node."""
        return self.status_details.replace(" ", "") not in NEVER_RAN


Behave = Callable[[str, tuple[str, ...]], Outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A node as one command sees it; `refusal` is a status detail of `NEVER_RAN` that is certain beforehand."""

    id: str
    platform_type: str = "Linux"
    computer_name: str = ""
    refusal: str = ""

    @property
    def killed_exit_code(self) -> int:
        """What the agent reports for a script that it killed."""
        return WINDOWS_KILLED_EXIT_CODE if self.platform_type == "Windows" else KILLED_EXIT_CODE

    @property
    def reboot_exit_code(self) -> int:
        """The exit code that makes the agent reboot the node and run the script again."""
        return WINDOWS_REBOOT_EXIT_CODE if self.platform_type == "Windows" else REBOOT_EXIT_CODE


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Numbers that govern a run; percentages are already turned into nodes."""

    max_concurrency: int = 50
    max_errors: int = 0
    delivery_timeout_seconds: float = 3600
    execution_timeout_seconds: float = 3600

    @property
    def total_timeout_seconds(self) -> float:
        """How long after sending the command expires (`ExpiresAfter`)."""
        return self.delivery_timeout_seconds + self.execution_timeout_seconds


@dataclass(slots=True, kw_only=True)
class Invocation:
    """One node's part of a command. `details` is AWS's StatusDetails without spaces; times are simulated seconds.

    `ends_at` is when the node is heard of next, `ran` whether the script has started there at least once.
    """

    target: Target
    details: str = "Pending"
    exit_code: int = NO_EXIT_CODE
    started_at: float | None = None
    ends_at: float = math.inf
    ended_at: float | None = None
    outcome: Outcome | None = None
    cancel_at: float | None = None
    ran: bool = False

    @property
    def status(self) -> str:
        """AWS's Status word."""
        return STATUS_OF_DETAILS.get(self.details, "Failed")

    def end(self, details: str, *, at: float, exit_code: int = NO_EXIT_CODE) -> None:
        """Reach a terminal state."""
        self.details, self.ended_at, self.exit_code = details.replace(" ", ""), at, exit_code


@dataclass(slots=True, kw_only=True)
class CommandRun:
    """One SendCommand on its nodes. `on_run` hears of every start of the script, by node id."""

    targets: Sequence[Target]
    commands: tuple[str, ...]
    limits: Limits
    behave: Behave
    sent_at: float
    on_run: Callable[[str], None]
    cancelled: bool = False
    invocations: dict[str, Invocation] = field(init=False)
    _begun: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.invocations = {target.id: Invocation(target=target) for target in self.targets}

    @property
    def expires_at(self) -> float:
        """When every unfinished invocation becomes DeliveryTimedOut."""
        return self.sent_at + self.limits.total_timeout_seconds

    @property
    def error_count(self) -> int:
        """Nodes that count towards MaxErrors."""
        return sum(invocation.details in COUNTED_ERRORS for invocation in self.invocations.values())

    @property
    def completed_count(self) -> int:
        """Nodes in a terminal state."""
        return sum(invocation.ended_at is not None for invocation in self.invocations.values())

    def advance(self, now: float) -> None:
        """Bring every invocation to the moment `now`, event by event."""
        if not self._begun:
            self._begun = True
            self._start_what_may(at=self.sent_at)
        while True:
            running = self._running()
            event = min((invocation.ends_at for invocation in running), default=math.inf)
            if min(event, self.expires_at) > now:
                return
            if self.expires_at <= event:
                self._expire()
                return
            for invocation in [each for each in running if each.ends_at == event]:
                self._answer(invocation, at=event)
            self._start_what_may(at=event)

    def cancel(self, now: float, *, node_ids: Sequence[str] = ()) -> None:
        """Stop the given nodes (none given: all) that have not finished; what ends by itself first keeps its result."""
        self.advance(now)
        self.cancelled = self.cancelled or not node_ids
        for node_id in node_ids or self.invocations:
            invocation = self.invocations[node_id]
            if invocation.ended_at is not None or invocation.cancel_at is not None:
                continue
            if invocation.started_at is None:
                invocation.end("Cancelled", at=now)
                continue
            invocation.details, invocation.cancel_at = "Cancelling", now + CANCEL_SECONDS
            if not math.isinf(invocation.ends_at):
                invocation.ends_at = min(invocation.ends_at, invocation.cancel_at)

    def status_details(self) -> str:
        """Return the command's own StatusDetails, folded from those of its nodes."""
        if not self.invocations:
            return "NoInstancesInTag"
        each = [invocation.details for invocation in self.invocations.values()]
        if self.completed_count < len(each):
            if self.cancelled:
                return "Cancelling"
            return "Pending" if set(each) == {"Pending"} else "InProgress"
        if self.cancelled and "Cancelled" in each:
            return "Cancelled"
        return self._final_details(each)

    def _final_details(self, each: list[str]) -> str:
        errors = self.error_count
        if errors > self.limits.max_errors:
            return "ExecutionTimedOut" if errors == each.count("ExecutionTimedOut") else "Failed"
        if each.count("DeliveryTimedOut") > self.limits.max_errors:
            return "DeliveryTimedOut"
        if errors or "DeliveryTimedOut" in each:
            return "Incomplete"
        if "Success" in each:
            return "Success"
        only = set(each)
        return each[0] if len(only) == 1 and each[0] in {"Cancelled", "AccessDenied"} else "Incomplete"

    def _running(self) -> list[Invocation]:
        return [each for each in self.invocations.values() if each.started_at is not None and each.ended_at is None]

    def _waiting(self) -> list[Invocation]:
        return [each for each in self.invocations.values() if each.started_at is None and each.ended_at is None]

    def _start_what_may(self, *, at: float) -> None:
        """Hand the command to as many waiting nodes as the limits allow at this moment."""
        waiting = self._waiting()
        if self.error_count > self.limits.max_errors:
            for invocation in waiting:
                invocation.end("Terminated", at=at)
            return
        if at >= self.sent_at + self.limits.delivery_timeout_seconds:
            return
        free = self.limits.max_concurrency - len(self._running())
        for invocation in waiting[: max(0, free)]:
            invocation.started_at = at
            self._deliver(invocation, at=at)

    def _deliver(self, invocation: Invocation, *, at: float) -> None:
        target = invocation.target
        refused = Outcome(status_details=target.refusal)
        outcome = refused if target.refusal else self.behave(target.id, self.commands)
        invocation.outcome = outcome
        invocation.details = "Delayed" if outcome.status_details == "Delayed" else "InProgress"
        invocation.ends_at = at + outcome.delay_seconds
        if outcome.status_details == "Delayed":
            invocation.ends_at = at + max(outcome.delay_seconds, RETRY_SECONDS)
        if not outcome.ran:
            return
        invocation.ran = True
        self.on_run(target.id)
        if not math.isinf(outcome.delay_seconds):
            invocation.ends_at = at + min(outcome.delay_seconds, self.limits.execution_timeout_seconds)

    def _answer(self, invocation: Invocation, *, at: float) -> None:
        """Let a node's time be up: the script ended, was killed, or is to be handed over once more."""
        outcome, target = invocation.outcome or Outcome(), invocation.target
        if invocation.cancel_at is not None and at >= invocation.cancel_at:
            code = target.killed_exit_code if invocation.ran else NO_EXIT_CODE
            invocation.end("Cancelled", at=at, exit_code=code)
        elif outcome.status_details == "Delayed":
            self._deliver(invocation, at=at)
        elif not outcome.ran:
            invocation.end(outcome.status_details, at=at)
        elif outcome.delay_seconds > self.limits.execution_timeout_seconds:
            invocation.end("ExecutionTimedOut", at=at, exit_code=target.killed_exit_code)
        elif outcome.exit_code == target.reboot_exit_code and not outcome.status_details:
            # The agent reboots the node and hands the script over again, which is a second run.
            invocation.outcome = Outcome(status_details="Delayed")
            invocation.ends_at = at + REBOOT_SECONDS
        else:
            invocation.end(_details(outcome, target=target), at=at, exit_code=outcome.exit_code)

    def _expire(self) -> None:
        for invocation in self.invocations.values():
            if invocation.ended_at is None:
                details = "DeliveryTimedOut" if invocation.cancel_at is None else "Cancelled"
                invocation.end(details, at=self.expires_at)


def _details(outcome: Outcome, *, target: Target) -> str:
    if outcome.status_details:
        return outcome.status_details
    if outcome.exit_code == KILLED_EXIT_CODE and target.platform_type != "Windows":
        return "ExecutionTimedOut"
    return "Success" if outcome.exit_code == 0 else "Failed"
