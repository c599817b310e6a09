"""What follows when AWS takes no order, or no order arrives: wait, part good nodes from bad, try again, or leave it.

Here every node provably was not sent to. Lost replies are another matter, see `follower`.
"""

import math
from collections.abc import Iterable

from ec2menu.aws.fate import SendFate
from ec2menu.batch.actions import Order, SendReport
from ec2menu.batch.follower import Follower
from ec2menu.batch.ledger import Node
from ec2menu.batch.nouns import Chunk
from ec2menu.batch.retry import NODE_CODES, PERMANENT_CODES
from ec2menu.batch.sender import Sender
from ec2menu.batch.verdicts import Verdict, never_sent

# How long no order of a region may arrive, or be taken for too many, before the rest is given up.
OUTAGE_SECONDS = 300.0
THROTTLED_SECONDS = 900.0
_PATIENCE_SECONDS = {SendFate.NOT_SENT: OUTAGE_SECONDS, SendFate.THROTTLED: THROTTLED_SECONDS}


class Refusals:
    """Judges sends that did not happen."""

    def __init__(self, sender: Sender, follower: Follower) -> None:
        self._sender = sender
        self._follower = follower
        self._outage_since: dict[str, float] = {}

    def sent(self, region: str) -> None:
        """Note that a send in the region went well."""
        self._outage_since.pop(region, None)
        self._sender.speed_up(region)

    def take(self, order: Order, nodes: list[Node], report: SendReport, now: float) -> None:
        """Take in why the order was not carried out; `nodes` are its nodes."""
        if report.fate is SendFate.REFUSED:
            self._sender.speed_up(order.region)
            self._refused(order, nodes, report, now)
            return
        if report.fate in _PATIENCE_SECONDS:
            since = self._outage_since.setdefault(order.region, now)
            if now - since >= _PATIENCE_SECONDS[report.fate]:
                self._shut(order, nodes, report.message, document="")
                return
        if report.fate is not SendFate.NEEDS_LOGIN:
            self._sender.slow_down(order.region, now)
        self._put_back(order, nodes)

    def leave(self, nodes: Iterable[Node], chunks: Iterable[Chunk], verdict: Verdict) -> None:
        """Put down nodes, and tags, that are not sent to."""
        for node in nodes:
            self._follower.leave(node, verdict)
        for chunk in chunks:
            self._follower.leave_tag(chunk, verdict)

    def _refused(self, order: Order, nodes: list[Node], report: SendReport, now: float) -> None:
        if report.code in PERMANENT_CODES or order.tag is not None:
            self._shut(order, nodes, report.message, document=order.document)
        elif report.code in NODE_CODES:
            self._part(order, nodes, report, now)
        else:
            for node in nodes:
                self._follower.refuse(node, report.message, now)

    def _part(self, order: Order, nodes: list[Node], report: SendReport, now: float) -> None:
        """Part the nodes that AWS named from the rest; where it named none, halve until one is left."""
        bad_ids = report.bad_ids if len(nodes) > 1 else {node.id for node in nodes}
        bad = [node for node in nodes if node.id in bad_ids]
        rest = [node for node in nodes if node.id not in bad_ids]
        if not bad:
            for node in rest:
                node.group = math.ceil(len(nodes) / 2)
        for node in bad:
            self._follower.refuse(node, f"not in a valid state for SSM ({report.code})", now)
        self._put_back(order, rest)

    def _put_back(self, order: Order, nodes: list[Node]) -> None:
        for node in nodes:
            node.attempts -= 1
        self._sender.add(reversed(nodes), in_front=True)
        if order.tag is not None:
            chunk = Chunk(region=order.region, document=order.document, tag=order.tag, expected=order.expected)
            self._sender.add_tag(chunk)

    def _shut(self, order: Order, nodes: list[Node], why: str, *, document: str) -> None:
        """Give up a region, or one document there: the next order would be refused as well."""
        waiting, chunks = self._sender.drain(order.region, document)
        if order.tag is not None:
            chunks = [Chunk(region=order.region, document=order.document, tag=order.tag), *chunks]
        self.leave([*nodes, *waiting], chunks, never_sent(why))
