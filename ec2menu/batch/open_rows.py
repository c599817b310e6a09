"""The rows of a run that is left before its end: where each node stands at this moment, no more than is known.

Pure. None of these is written down: who takes the run up asks anew.
"""

from collections.abc import Iterable

from ec2menu.batch.follower import tag_target
from ec2menu.batch.ledger import Node
from ec2menu.batch.live import Live
from ec2menu.batch.nouns import Chunk, NodeResult, Outcome
from ec2menu.batch.reader import End
from ec2menu.batch.status import NOT_HANDED_OVER
from ec2menu.batch.verdicts import NOT_BEGUN, NOT_LISTED, NOT_SENT_YET, STILL_FOLLOWED, UNTRIED, Verdict, with_note

_ENDED = "its output was not waited for"


def rows_of_commands(lives: Iterable[Live]) -> list[NodeResult]:
    """Return a row for every node of a command that has no end, and one for a tag of which no node is known yet."""
    rows = []
    for live in lives:
        rows += [_row(node, _standing(live, node), command_id=live.command_id) for node in live.nodes.values()]
        if live.order.tag is not None and live.is_open and not live.nodes:
            chunk = Chunk(region=live.order.region, document=live.order.document, tag=live.order.tag)
            stand_in = Node(target=tag_target(chunk), document=chunk.document, attempts=1)
            rows.append(_row(stand_in, NOT_LISTED, command_id=live.command_id))
    return rows


def rows_of_ends(ends: Iterable[End]) -> list[NodeResult]:
    """Return a row for every node that has ended, and whose output is still being read."""
    rows = []
    for end in ends:
        has_code = end.verdict.outcome in (Outcome.SUCCEEDED, Outcome.FAILED)
        code = end.row.exit_code if has_code else None
        verdict = with_note(end.verdict, _ENDED)
        rows.append(_row(end.node, verdict, command_id=end.command_id, exit_code=code))
    return rows


def rows_of_waiting(nodes: Iterable[Node], chunks: Iterable[Chunk]) -> list[NodeResult]:
    """Return a row for every node, and every tag, that was not sent to."""
    stand_ins = [Node(target=tag_target(chunk), document=chunk.document) for chunk in chunks]
    return [_row(node, UNTRIED if node.attempts else NOT_SENT_YET) for node in (*nodes, *stand_ins)]


def _standing(live: Live, node: Node) -> Verdict:
    is_listed_as_waiting = node.details in NOT_HANDED_OVER and bool(node.details)
    return NOT_BEGUN if live.command_id and is_listed_as_waiting else STILL_FOLLOWED


def _row(node: Node, verdict: Verdict, *, command_id: str = "", exit_code: int | None = None) -> NodeResult:
    return NodeResult(
        target=node.target,
        outcome=verdict.outcome,
        detail=verdict.detail,
        exit_code=exit_code,
        command_id=command_id,
        attempts=node.attempts,
    )
