"""What may be sent again, how often and after which wait: a frozen policy and two predicates.

Only what provably never ran is ever sent again (SSM user guide, "Understanding command statuses"). Not here:
DeliveryTimedOut and Cancelled may have run; a script that failed or timed out did.
"""

from dataclasses import dataclass
from random import Random

from ec2menu.batch.status import NEVER_RAN

# Refusals of SendCommand that another try cannot change: they are about the request or the identity, not a node.
PERMANENT_CODES = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "InvalidDocument",
        "InvalidDocumentVersion",
        "InvalidOutputFolder",
        "InvalidParameters",
        "InvalidRole",
        "MaxDocumentSizeExceeded",
        "UnrecognizedClientException",
        "ValidationException",
    }
)
# Refusals for some of the nodes; without them the rest can be sent.
NODE_CODES = frozenset({"InvalidInstanceId", "UnsupportedPlatformType"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a node is sent to again, and the waits: exponential with full jitter, from `base_seconds` on."""

    retries: int = 2
    base_seconds: float = 2.0
    cap_seconds: float = 30.0

    def allows(self, attempts: int) -> bool:
        """Whether a node that was sent to `attempts` times, and never ran, may be sent to once more."""
        return attempts <= self.retries

    def wait_seconds(self, tries: int, rng: Random) -> float:
        """Return how long to wait after the `tries`-th try (from 1): a random part of the doubling limit."""
        return rng.uniform(0, min(self.cap_seconds, self.base_seconds * 2.0 ** min(tries - 1, 16)))


def never_ran(details: str) -> bool:
    """Whether a StatusDetails proves that the script did not start on the node."""
    return details in NEVER_RAN
