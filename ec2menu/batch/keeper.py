"""From a node's judged end to its row: output into files, the row into the journal and into the result."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ec2menu.aws.session import Aws
from ec2menu.batch.actions import Fetch, FetchReport, Finished
from ec2menu.batch.full_output import fetch
from ec2menu.batch.hold import Hold
from ec2menu.batch.nouns import BatchPlan, NodeResult, Outcome
from ec2menu.batch.outputs import OutputStore
from ec2menu.errors import Ec2MenuError, TakenOver


class Keeper:
    """The rows of one run."""

    def __init__(self, aws: Aws, plan: BatchPlan, *, outputs: OutputStore) -> None:
        self._aws = aws
        self._plan = plan
        self._outputs = outputs
        self._rows: dict[tuple[str, str], NodeResult] = {}
        self._unwritten: dict[tuple[str, str], NodeResult] = {}
        self._why_unwritten = ""

    def know(self, rows: Mapping[tuple[str, str], NodeResult]) -> None:
        """Take over rows from earlier."""
        self._rows |= rows

    def keep(self, finished: Iterable[Finished]) -> list[NodeResult]:
        """Keep the ends of nodes; return the rows that are new, corrections not among them.

        They are not in the journal until `write`. Output that cannot be written to disk is lost, and the row says so.
        """
        ends = list(finished)
        rows = [self._row(end) for end in ends]
        news = {(row.target.region, row.target.id): row for row in rows}
        self._rows |= news
        self._unwritten |= news
        return [row for row, end in zip(rows, ends, strict=True) if not end.is_correction]

    def write(self, hold: Hold) -> bool:
        """Write the rows into the journal that are not there yet; return whether all are. Raises TakenOver.

        What cannot be written is kept, for the next time.
        """
        if not self._unwritten:
            return True
        try:
            hold.note_results(self._unwritten.values())
        except TakenOver:
            raise
        except Ec2MenuError as error:
            self._why_unwritten = error.message
            return False
        self._unwritten = {}
        return True

    def results(self, open_rows: Iterable[NodeResult]) -> tuple[NodeResult, ...]:
        """Return one row for every target: in the plan's order, then nodes of tags, then the skipped."""
        rows = {(row.target.region, row.target.id): row for row in open_rows} | self._rows
        for key, row in self._unwritten.items():
            rows[key] = _with_note(row, f"not in the journal: {self._why_unwritten}")
        planned = dict.fromkeys((target.region, target.id) for target in self._plan.targets)
        order = planned | dict.fromkeys(rows)
        skipped = (
            NodeResult(target=each.target, outcome=Outcome.SKIPPED, detail=each.reason) for each in self._plan.skipped
        )
        return (*(rows[key] for key in order if key in rows), *skipped)

    def fetch(self, action: Fetch) -> FetchReport:
        """Fetch the whole output of a node into its files (S3 GetObject); from any thread, for it may take long."""
        return fetch(self._aws, self._outputs, self._plan, action)

    def _row(self, end: Finished) -> NodeResult:
        row = NodeResult(
            target=end.target,
            outcome=end.outcome,
            detail=end.detail,
            exit_code=end.exit_code,
            command_id=end.command_id,
            attempts=end.attempts,
            lasted_seconds=end.lasted_seconds,
            is_stdout_cut=end.streams.is_stdout_cut,
            is_stderr_cut=end.streams.is_stderr_cut,
            is_cut_sure=not end.streams.is_doubtful,
        )
        try:
            return self._with_output(row, end)
        except OSError as error:
            return _with_note(row, f"its output could not be kept: {error.strerror or error}")

    def _with_output(self, row: NodeResult, end: Finished) -> NodeResult:
        kept = self._outputs.save(self._plan.run_id, end.target, end.streams, fetched=end.fetched)
        return replace(row, stdout_file=kept.stdout_file, stderr_file=kept.stderr_file, digest=kept.digest)


def _with_note(row: NodeResult, note: str) -> NodeResult:
    return replace(row, detail=", ".join(filter(None, (row.detail, note))))
