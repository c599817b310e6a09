"""How many nodes the next command gets, and how many of the free slots: few commands, and slots that stay full.

A command's MaxConcurrency is fixed when it is sent, and SSM refills its slots faster than we could. So a command gets
a share of the limit, and as many nodes as that share works off while the rest is worked off elsewhere: then all end
together. Pure arithmetic.
"""

import math
from dataclasses import dataclass

from ec2menu.batch.nouns import MAX_CHUNK

LIVE_COMMANDS = 8
SMALLEST_FULL_SHARE = 5
# A hung node holds its slot until the command expires, and nodes that wait behind hung ones only are stuck: a command
# has nodes waiting only where several slots would have to hang, and no more than work off within minutes.
_WAVES = ((3, 1), (5, 5))
_MOST_WAVES = 10
# Somewhat more than a fair part of the rest; otherwise the last third is sent in crumbs.
_GENEROSITY = 1.25
_HOLD_PART = 1.5
_HOLD_SECONDS = (1.0, 60.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is to be done: nodes waiting in this lane and in all, nodes in live commands, free slots, the limit."""

    in_lane: int
    waiting: int
    in_work: int
    free: int
    limit: int

    @property
    def rest(self) -> int:
        """Nodes that have not ended."""
        return self.waiting + self.in_work


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The next command: this many nodes, of which `share` at once."""

    nodes: int
    share: int


def next_piece(demand: Demand) -> Piece:
    """Return the size of the next command; at least one slot is free and one node waits."""
    full = _full_share(demand)
    share = min(math.ceil(demand.free / math.ceil(demand.free / full)), demand.in_lane)
    waves = next((most for below, most in _WAVES if share < below), _MOST_WAVES)
    fair = math.ceil(share * demand.rest / demand.limit * _GENEROSITY)
    nodes = min(demand.in_lane, MAX_CHUNK, waves * share, max(share, fair))
    even = math.ceil(demand.in_lane / math.ceil(demand.in_lane / nodes))
    return Piece(nodes=even, share=min(share, even))


def is_worth_sending(demand: Demand, idle_seconds: float, *, script_seconds: float) -> bool:
    """Whether to send now, rather than to wait a little for more free slots and make one command of two.

    `script_seconds` is how long the script takes on a node as far as known: no slot idles for more than a part of it.
    """
    low, high = _HOLD_SECONDS
    enough = min(demand.in_lane, demand.limit, max(SMALLEST_FULL_SHARE, math.ceil(_full_share(demand) * 0.6)))
    return demand.free >= enough or idle_seconds >= max(low, min(high, script_seconds * _HOLD_PART))


def _full_share(demand: Demand) -> int:
    to_end_with_the_rest = math.ceil(MAX_CHUNK * demand.limit / max(MAX_CHUNK, demand.rest))
    return min(demand.limit, max(to_end_with_the_rest, math.ceil(demand.limit / LIVE_COMMANDS), SMALLEST_FULL_SHARE))
