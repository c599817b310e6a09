"""From a node's judged end to its row: output into files, the row into the journal and into the result."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ec2menu.aws.session import Aws
from ec2menu.batch.actions import Fetch, FetchReport, Finished
from ec2menu.batch.full_output import fetch
from ec2menu.batch.journal import Journal
from ec2menu.batch.nouns import BatchPlan, NodeResult, Outcome
from ec2menu.batch.outputs import OutputStore
from ec2menu.errors import Ec2MenuError


class Keeper:
    """The rows of one run."""

    def __init__(self, aws: Aws, plan: BatchPlan, *, journal: Journal, outputs: OutputStore) -> None:
        self._aws = aws
        self._plan = plan
        self._journal = journal
        self._outputs = outputs
        self._rows: dict[tuple[str, str], NodeResult] = {}

    def know(self, rows: Mapping[tuple[str, str], NodeResult]) -> None:
        """Take over rows from earlier."""
        self._rows |= rows

    def keep(self, finished: Iterable[Finished]) -> list[NodeResult]:
        """Keep the ends of nodes; return the rows that are new, corrections not among them.

        What cannot be written to disk is kept in memory, and the row says so.
        """
        ends = list(finished)
        if not ends:
            return []
        rows = [self._row(end) for end in ends]
        try:
            self._journal.note_results(self._plan.run_id, rows)
        except Ec2MenuError as error:
            rows = [_with_note(row, f"not in the journal: {error.message}") for row in rows]
        self._rows |= {(row.target.region, row.target.id): row for row in rows}
        return [row for row, end in zip(rows, ends, strict=True) if not end.is_correction]

    def results(self, open_rows: Iterable[NodeResult]) -> tuple[NodeResult, ...]:
        """Return one row for every target: in the plan's order, then nodes of tags, then the skipped."""
        rows = {(row.target.region, row.target.id): row for row in open_rows} | self._rows
        planned = dict.fromkeys((target.region, target.id) for target in self._plan.targets)
        order = planned | dict.fromkeys(rows)
        skipped = (
            NodeResult(target=each.target, outcome=Outcome.SKIPPED, detail=each.reason) for each in self._plan.skipped
        )
        return (*(rows[key] for key in order if key in rows), *skipped)

    def fetch(self, action: Fetch) -> FetchReport:
        """Fetch the whole output of a node into its files (S3 GetObject); from any thread, for it may take long."""
        return fetch(self._aws, self._outputs, self._plan, action)

    def tidy(self) -> None:
        """Drop runs of the past that are too old, with their output."""
        for run_id in self._journal.forget_old():
            self._outputs.drop(run_id)

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
