"""All nodes of a region, sooner: the chain of pages of 50 is left for concurrent queries by id once the ids are known.

DescribeInstanceInformation gives 50 nodes a page and each page's token comes with the page before, so 1,000 nodes are
20 round trips in a row. EC2 lists 1,000 instances in one; their ids, 50 a query, can be asked for at the same time.
Hybrid nodes have no EC2 id and are asked for by their type. Any failure on this way leads back to the plain chain.
"""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from ec2menu.errors import AwsError, CredentialsError
from ec2menu.fanout import Task, fan_out
from ec2menu.models import ManagedNode
from ec2menu.resources.nodes import PAGE_SIZE, fetch_nodes

if TYPE_CHECKING:
    from ec2menu.aws.session import Aws

# Fewer ids than this are left to the chain: it would be done before the queries are.
WORTH_SHARDING = 3 * PAGE_SIZE
# Queries at the same time in one region; gentle, because SSM publishes no rate and botocore backs off when throttled.
QUERIES_AT_ONCE = 5
_HYBRID = ({"Key": "ResourceType", "Values": ["ManagedInstance"]},)

Filters = Sequence[dict[str, Any]]


class _SupersededError(Exception):
    """Ends the chain between two pages."""


class NodeReader:
    """Reads the nodes of a region from the moment it is made; `finish` hears the ids that EC2 has listed meanwhile."""

    def __init__(self, aws: "Aws", region: str, *, on_count: Callable[[int], None]) -> None:
        self._aws = aws
        self._region = region
        self._on_count = on_count
        self._seen: dict[str, ManagedNode] = {}
        self._superseded = False
        self._chain = Task(self._read_chain)

    def finish(self, instance_ids: Collection[str]) -> list[ManagedNode]:
        """Return every node; raises the error of the plain chain."""
        missing = [instance_id for instance_id in instance_ids if instance_id not in self._seen]
        if self._chain.is_done or len(missing) < WORTH_SHARDING:
            return self._chain.result()
        self._superseded = True
        chunks = [missing[start : start + PAGE_SIZE] for start in range(0, len(missing), PAGE_SIZE)]
        shards: list[Filters] = [_HYBRID, *(({"Key": "InstanceIds", "Values": ids},) for ids in chunks)]
        try:
            fan_out(self._read_shard, shards, limit=QUERIES_AT_ONCE)
        except CredentialsError:
            raise
        except AwsError:  # an id that vanished, throttling that did not end, an endpoint that knows no filters
            return fetch_nodes(self._aws, self._region, on_count=self._on_count)
        return list(self._seen.values())

    def _read_chain(self) -> list[ManagedNode]:
        def go_on(count: int) -> None:
            self._on_count(count)
            if self._superseded:
                raise _SupersededError

        return fetch_nodes(self._aws, self._region, on_node=self._see, on_count=go_on)

    def _read_shard(self, filters: Filters) -> None:
        fetch_nodes(self._aws, self._region, filters=filters, on_node=self._see)
        self._on_count(len(self._seen))

    def _see(self, node: ManagedNode) -> None:
        self._seen[node.id] = node
