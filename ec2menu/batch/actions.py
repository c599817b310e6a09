"""What the scheduler asks to be done at AWS, and what comes back: plain values between decision and call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from ec2menu.aws.fate import SendFate
from ec2menu.batch.nouns import Outcome, TagChoice, Target
from ec2menu.batch.status import Row
from ec2menu.batch.streams import Streams


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One SendCommand as it was meant. `attempts` are those of the nodes, in their order; `token` is its own.

    `expected` is how many nodes had the tag when the batch was planned.
    """

    seq: int
    region: str
    document: str
    token: str
    share: int
    timeout_seconds: int
    node_ids: tuple[str, ...] = ()
    attempts: tuple[int, ...] = ()
    tag: TagChoice | None = None
    expected: int = 0
    max_errors: str = "100%"

    def comment(self, run_id: str) -> str:
        """Return the command's Comment, by which it is found again (at most 100 characters)."""
        return f"ec2menu {run_id} {self.seq} {self.token}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send the order, once."""

    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """Find out whether the order, whose reply was lost `age_seconds` ago, has become a command."""

    order: Order
    age_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """List the command's nodes; output is of no interest for `settled` ones. `with_total`: count the nodes, too."""

    order: Order
    command_id: str
    settled: frozenset[str]
    with_total: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Cancel the command, on all its nodes or on some."""

    order: Order
    command_id: str
    node_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Read one node's output, of which the list call had a part."""

    order: Order
    command_id: str
    node_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """Fetch some streams (`stdout`, `stderr`) of a node from S3, of which SSM had a part."""

    order: Order
    command_id: str
    target: Target
    streams: tuple[str, ...]


Action = Send | Lookup | Poll | Cancel | Read | Fetch


class Trouble(StrEnum):
    """Why a call that only reads did not answer."""

    NONE = ""
    THROTTLED = "throttled"
    NEEDS_LOGIN = "needs login"
    DENIED = "denied"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReport:
    """What became of a Send: `fate` None means sent. `bad_ids` are nodes that AWS named in its refusal."""

    fate: SendFate | None = None
    command_id: str = ""
    code: str = ""
    message: str = ""
    bad_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupReport:
    """What became of a Lookup: the command's id, or empty where the list (if it could be read) had none."""

    command_id: str = ""
    trouble: Trouble = Trouble.NONE
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollReport:
    """What became of a Poll. `total` and `is_over` are the command's own TargetCount and end, where asked for.

    `uncounted` says why they are missing where only they could not be had; the rows are there then.
    """

    rows: tuple[Row, ...] = ()
    total: int | None = None
    is_over: bool = False
    uncounted: Trouble = Trouble.NONE
    trouble: Trouble = Trouble.NONE
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelReport:
    """What became of a Cancel."""

    trouble: Trouble = Trouble.NONE
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadReport:
    """What became of a Read."""

    streams: Streams = Streams()  # noqa: RUF009 - frozen
    trouble: Trouble = Trouble.NONE
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchReport:
    """What became of a Fetch: the files of the streams that came whole (None: an empty one)."""

    fetched: Mapping[str, Path | None] = field(default_factory=dict)
    trouble: Trouble = Trouble.NONE
    message: str = ""


Report = SendReport | LookupReport | PollReport | CancelReport | ReadReport | FetchReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A node's end as the scheduler judged it; `fetched` are the files of streams that S3 had whole.

    `is_correction`: a node that had been given up answered after all.
    """

    target: Target
    outcome: Outcome
    detail: str = ""
    exit_code: int | None = None
    command_id: str = ""
    attempts: int = 0
    lasted_seconds: float = 0.0
    streams: Streams = Streams()  # noqa: RUF009 - frozen
    fetched: Mapping[str, Path | None] = field(default_factory=dict)
    is_correction: bool = False
