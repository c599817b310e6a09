"""From a final status to an outcome and the sentence beside it. Pure; one place for all wordings."""

from dataclasses import dataclass, replace

from ec2menu.batch import status
from ec2menu.batch.nouns import UNSENT, CommandSpec, Outcome, Target
from ec2menu.batch.status import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a node ended, and why in a few words."""

    outcome: Outcome
    detail: str = ""


_FIXED = {
    status.SUCCESS: Verdict(outcome=Outcome.SUCCEEDED),
    status.DELIVERY_TIMED_OUT: Verdict(outcome=Outcome.PROBABLY_NOT_RUN, detail="no answer in time; probably not run"),
    status.CANCELLED: Verdict(outcome=Outcome.CANCELLED, detail="cancelled; it may have begun"),
    status.UNDELIVERABLE: Verdict(outcome=Outcome.NOT_DELIVERED, detail="undeliverable: the node does not respond"),
    status.TERMINATED: Verdict(outcome=Outcome.NOT_DELIVERED, detail="not started: too many nodes failed"),
    status.INVALID_PLATFORM: Verdict(outcome=Outcome.NOT_DELIVERED, detail="the document is not for its platform"),
    status.ACCESS_DENIED: Verdict(outcome=Outcome.NOT_DELIVERED, detail="access denied at the node"),
}
STUCK = Verdict(outcome=Outcome.NOT_DELIVERED, detail="not started: the nodes before it do not answer")
CANCELLED_UNBEGUN = Verdict(outcome=Outcome.CANCELLED, detail="cancelled before it began")
CANCELLED_UNSENT = Verdict(outcome=Outcome.CANCELLED, detail="cancelled before it was sent")
NOT_SENT_YET = Verdict(outcome=Outcome.NOT_DELIVERED, detail=UNSENT)
UNTRIED = Verdict(outcome=Outcome.NOT_DELIVERED, detail="never ran; left before another try")
NOBODY = Verdict(outcome=Outcome.NOT_DELIVERED, detail="no node had the tag when SSM chose")
NOT_BEGUN = Verdict(outcome=Outcome.NOT_BEGUN, detail="SSM had not begun with it; it will")
NOT_LISTED = Verdict(outcome=Outcome.NOT_BEGUN, detail="SSM had not listed its nodes; it will begin with them")
NOT_FINISHED = Verdict(outcome=Outcome.UNKNOWN, detail="not followed to its end")
STILL_FOLLOWED = Verdict(outcome=Outcome.UNKNOWN, detail="not followed any more")


def verdict_of(row: Row, spec: CommandSpec, *, was_handed_over: bool = False) -> Verdict:
    """Return the verdict on a row that is final; `was_handed_over` says that SSM had begun with the node."""
    if row.details == status.DELIVERY_TIMED_OUT and was_handed_over:
        return Verdict(outcome=Outcome.PROBABLY_NOT_RUN, detail="no answer in time; it may have run")
    if row.details == status.FAILED:
        return Verdict(outcome=Outcome.FAILED, detail=f"exit {row.exit_code}" if row.exit_code is not None else "")
    if row.details == status.EXECUTION_TIMED_OUT:
        return Verdict(outcome=Outcome.TIMED_OUT, detail=f"killed; the limit is {spec.execution_seconds} s")
    return _FIXED[row.details]


def with_note(verdict: Verdict, note: str) -> Verdict:
    """Return the verdict with another thing to say."""
    return replace(verdict, detail=", ".join(filter(None, (verdict.detail, note))))


def is_unstarted(row: Row, target: Target) -> bool:
    """Whether a cancelled row proves that the script had not begun: by -1, which Windows has for killed ones, too."""
    return row.details == status.CANCELLED and row.exit_code == -1 and target.platform != "Windows"


def gave_up(why: str) -> Verdict:
    """Return the verdict on a node whose end we could not wait for."""
    return Verdict(outcome=Outcome.UNKNOWN, detail=why)


def never_sent(why: str) -> Verdict:
    """Return the verdict on a node that the command was provably never sent to."""
    return Verdict(outcome=Outcome.NOT_DELIVERED, detail=why)


def in_doubt(why: str) -> Verdict:
    """Return the verdict on a node of a command that may or may not exist."""
    return Verdict(outcome=Outcome.IN_DOUBT, detail=why)
