"""The nouns of a batch: what is to run, on which nodes, within which limits, and what became of every node.

Values only. Planning is in `plan`, sending and following in `runner`, what may be sent again in `retry`.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

# SendCommand takes at most 50 InstanceIds (API reference, SendCommand).
MAX_CHUNK = 50
# How the id of a row begins that stands for nodes of a tag whose names are not known.
TAG_PREFIX = "tag:"
# The detail of a row whose target the command was never sent to, and still can be.
UNSENT = "not sent yet"


class Outcome(StrEnum):
    """How a node ended; exactly one per target. The words of the report."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    NOT_DELIVERED = "not delivered"
    PROBABLY_NOT_RUN = "delivery timed out"
    CANCELLED = "cancelled"
    NOT_BEGUN = "sent, not begun"
    UNKNOWN = "unknown, still running there"
    IN_DOUBT = "in doubt"
    SKIPPED = "skipped"


# Outcomes that are no end: taken up again, such a node is judged anew.
OPEN_OUTCOMES = (Outcome.UNKNOWN, Outcome.IN_DOUBT, Outcome.NOT_BEGUN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A node that a command is for. `platform` is SSM's PlatformType: Linux, Windows or MacOS."""

    id: str
    region: str
    name: str = ""
    platform: str = "Linux"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """What runs: the lines of a script, unchanged, and its times.

    `execution_seconds` is how long the script may run on the node, `delivery_seconds` how long SSM may try to start it
    (at least 30). `output_s3` is `BUCKET[/PREFIX]` for the full output, or empty.
    """

    lines: tuple[str, ...]
    execution_seconds: int = 120
    delivery_seconds: int = 60
    output_s3: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How a batch is carried out. `max_errors` is a number or a percentage of the targets; empty: never stop for it.

    `concurrency` is how many nodes may run at once over all commands, `retries` how often a node that provably never
    ran is sent to again, `grace_seconds` how long past delivery and execution times we still listen.
    """

    concurrency: int = 5
    retries: int = 2
    max_errors: str = ""
    grace_seconds: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A target that is not sent to: why, and what to do."""

    target: Target
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagChoice:
    """Nodes chosen by SSM itself: `tag:KEY=VALUE`."""

    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What one SendCommand covers: a region, a document, and its targets (at most 50), or a tag.

    `expected` is how many nodes had the tag when the plan was made; SSM chooses them anew.
    """

    region: str
    document: str
    targets: tuple[Target, ...] = ()
    tag: TagChoice | None = None
    expected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """A batch before anything is sent. `warnings` are sentences for the user to read first."""

    run_id: str
    spec: CommandSpec
    limits: Limits
    chunks: tuple[Chunk, ...]
    skipped: tuple[Skip, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every node that will be sent to, as far as it is known before."""
        return tuple(target for chunk in self.chunks for target in chunk.targets)

    @property
    def expected(self) -> int:
        """How many nodes it will reach, those included that a tag leaves to SSM, as things were when it was made."""
        return sum(len(chunk.targets) + chunk.expected for chunk in self.chunks)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeResult:
    """What became of one target: the outcome, why, and where its output is kept (files, so that memory is bounded).

    `detail` is a short sentence (`exit 3`, `agent offline since 3 h`); `exit_code` is None where the script did not end
    by itself. `digest` is equal for equal output. The two `is_..._cut` say that SSM kept only the beginning, or, where
    that `is_cut_sure` not to be, that it may have.
    """

    target: Target
    outcome: Outcome
    detail: str = ""
    exit_code: int | None = None
    command_id: str = ""
    attempts: int = 0
    lasted_seconds: float = 0.0
    stdout_file: Path | None = None
    stderr_file: Path | None = None
    is_stdout_cut: bool = False
    is_stderr_cut: bool = False
    is_cut_sure: bool = True
    digest: str = ""

    @property
    def is_unsent(self) -> bool:
        """Whether the command was never sent there because the run was left before: it can be sent the rest."""
        return self.outcome is Outcome.NOT_DELIVERED and self.detail == UNSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a batch is; for the live line. `needs_login`: everything waits for new credentials.

    `unsent` are the targets that still wait to be sent to.
    """

    total: int
    done: int = 0
    running: int = 0
    failed: int = 0
    waiting: int = 0
    unsent: int = 0
    note: str = ""
    needs_login: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """A batch when we stopped following it: one row for every target, the skipped included.

    `is_detached` says that commands still run at AWS and that the run can be taken up again, `is_interrupted` that it
    was left because of Ctrl-C where nobody could be asked. `go_on_with` is the run in which what is open is to be gone
    on with, where that is another one. `listing_status` is the exit status of the list that the targets were chosen
    from, where that lacked a part.
    """

    run_id: str
    results: tuple[NodeResult, ...]
    is_detached: bool = False
    is_interrupted: bool = False
    go_on_with: str = ""
    listing_status: int = 0

    @property
    def succeeded(self) -> tuple[NodeResult, ...]:
        """Nodes on which the script ended with 0."""
        return tuple(result for result in self.results if result.outcome is Outcome.SUCCEEDED)

    @property
    def failed(self) -> tuple[NodeResult, ...]:
        """Nodes on which the script failed, or that it never reached, for good."""
        good_or_open = (Outcome.SUCCEEDED, *OPEN_OUTCOMES)
        return tuple(result for result in self.results if result.outcome not in good_or_open)

    @property
    def unfinished(self) -> tuple[NodeResult, ...]:
        """Nodes of which the end is not known."""
        return tuple(result for result in self.results if result.outcome in OPEN_OUTCOMES)

    @property
    def unsent(self) -> tuple[NodeResult, ...]:
        """Targets that the command was never sent to, and that can be sent the rest."""
        return tuple(result for result in self.results if result.is_unsent)
