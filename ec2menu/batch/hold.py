"""A run as its one owner holds it: what is written of it, and only while it still is the owner's.

A process may stand still for an hour (Ctrl-Z, a laptop's lid, a frozen disk) and be taken for dead, and its run be
taken up by another. When it wakes it must not send again what the other has sent: every write asks in its own
transaction whether the token in the journal is still ours.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from ec2menu.batch.actions import Order
from ec2menu.batch.journaled import JournalStore, RunState, SendState
from ec2menu.batch.nouns import OPEN_OUTCOMES, NodeResult
from ec2menu.batch.records import order_text, result_text
from ec2menu.clock import Clock
from ec2menu.errors import Ec2MenuError, TakenOver

_IS_OURS = "EXISTS (SELECT 1 FROM batch_run WHERE run_id = ? AND token = ?)"


class Hold:
    """The right to send and write for a run; `beat`, `intend` and `note_results` raise TakenOver where it is lost."""

    def __init__(self, store: JournalStore, run_id: str, token: str, *, clock: Clock) -> None:
        self.run_id = run_id
        self._store = store
        self._clock = clock
        self._ours = (run_id, token)

    def beat(self) -> None:
        """Say that the run is still followed. A beat that cannot be written is not worth an error."""
        try:
            self._set("heartbeat = ?", (self._now(),))
        except TakenOver:
            raise
        except Ec2MenuError:
            return

    def intend(self, order: Order) -> None:
        """Write down that the order is about to be sent. Raises Ec2MenuError: then it must not be."""
        row = (self.run_id, order.seq, self._now(), order_text(order), SendState.INTENDED, "")
        self._insert("INSERT INTO batch_send SELECT ?, ?, ?, ?, ?, ?", [row])

    def note_send(self, seq: int, state: SendState, command_id: str = "") -> None:
        """Write down what became of an intent of ours, which is true whoever holds the run now.

        If that fails the intent stands, and is looked up another time.
        """
        row = (state, command_id, self.run_id, seq)
        with suppress(Ec2MenuError):
            statement = "UPDATE batch_send SET state = ?, command_id = ? WHERE run_id = ? AND seq = ?"
            self._store.write_or_fail([(statement, [row])])

    def note_results(self, results: Iterable[NodeResult]) -> None:
        """Write rows down, replacing those of the same nodes. Raises Ec2MenuError."""
        rows = [(self.run_id, each.target.region, each.target.id, each.outcome, result_text(each)) for each in results]
        self._insert("INSERT OR REPLACE INTO batch_result SELECT ?, ?, ?, ?, ?", rows)

    def forget_open_results(self) -> None:
        """Drop the rows of nodes whose end was not known: they are about to be judged again. Raises Ec2MenuError."""
        rows = [(self.run_id, outcome, *self._ours) for outcome in OPEN_OUTCOMES]
        statement = f"DELETE FROM batch_result WHERE run_id = ? AND outcome = ? AND {_IS_OURS}"  # noqa: S608 - words of ours
        self._store.write_or_fail([(statement, rows)])

    def finish(self, state: RunState) -> None:
        """Write down that nobody follows the run any more, and why.

        If that fails it counts as interrupted; if the run is another's, that is who says how it ends.
        """
        with suppress(Ec2MenuError):
            self._set("state = ?, pid = 0", (state,))

    def _insert(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        changed = self._store.write_or_fail([(f"{statement} WHERE {_IS_OURS}", [(*row, *self._ours) for row in rows])])
        if rows and not changed:
            raise self._taken_over()

    def _set(self, what: str, values: Sequence[Any]) -> None:
        statement = f"UPDATE batch_run SET {what} WHERE run_id = ? AND token = ?"  # noqa: S608 - words of ours
        if not self._store.write_or_fail([(statement, [(*values, *self._ours)])]):
            raise self._taken_over()

    def _taken_over(self) -> TakenOver:
        return TakenOver(
            f"run {self.run_id} was taken over by another ec2menu while this one stood still; it stops here",
            hint=f"see how it goes on: ec2menu runs {self.run_id}",
        )

    def _now(self) -> str:
        return self._clock.wall().isoformat()
