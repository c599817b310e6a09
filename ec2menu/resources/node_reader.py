"""All nodes of a region, sooner: the chain of pages of 50 is left for concurrent queries by id as ids become known.

DescribeInstanceInformation gives 50 nodes a page and each page's token comes with the page before, so 1,000 nodes are
20 round trips in a row. EC2 lists 1,000 instances in one; their ids, 50 a query, can be asked for at the same time, and
while EC2 goes on. Hybrid nodes have no EC2 id and are asked for by their type. A node of EC2 that EC2 does not list
(AWS hides some that it manages) is then known only if the chain had come to it. Any failure on this way leads back to
the plain chain.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ec2menu.errors import AwsError, CredentialsError
from ec2menu.fanout import Crew, Task
from ec2menu.models import ManagedNode
from ec2menu.resources.nodes import PAGE_SIZE, fetch_nodes

if TYPE_CHECKING:
    from ec2menu.aws.session import Aws

# Fewer ids than this are left to the chain: it would be done before the queries are.
WORTH_SHARDING = 3 * PAGE_SIZE
# Queries at the same time in one region; gentle, because SSM publishes no rate and botocore backs off when throttled.
QUERIES_AT_ONCE = 8
_HYBRID = ({"Key": "ResourceType", "Values": ["ManagedInstance"]},)

Filters = Sequence[dict[str, Any]]


class _SupersededError(Exception):
    """Ends the chain between two pages."""


class NodeReader:
    """Reads the nodes of a region from the moment it is made; `learn` hears the ids that EC2 lists meanwhile."""

    def __init__(self, aws: "Aws", region: str, *, on_count: Callable[[int], None]) -> None:
        self._aws = aws
        self._region = region
        self._on_count = on_count
        self._seen: dict[str, ManagedNode] = {}
        self._known: set[str] = set()
        self._missing: list[str] = []
        self._is_superseded = False
        self._crew: Crew[Filters] = Crew(self._read_shard, limit=QUERIES_AT_ONCE)
        self._chain = Task(self._read_chain)

    def learn(self, instance_ids: Iterable[str]) -> None:
        """Hear of instances that may be nodes, once or again; ask for them by id where the chain would take longer."""
        fresh = [instance_id for instance_id in instance_ids if instance_id not in self._known]
        self._known.update(fresh)
        self._missing += [instance_id for instance_id in fresh if instance_id not in self._seen]
        if not self._is_superseded:
            if self._chain.is_done or len(self._missing) < WORTH_SHARDING:
                return
            self._is_superseded = True
            self._crew.add(_HYBRID)
        while len(self._missing) >= PAGE_SIZE:
            self._ask(PAGE_SIZE)

    def finish(self, *, knows_all: bool) -> list[ManagedNode]:
        """Return every node; `knows_all` is False where EC2 could not list all. Raises the error of the plain chain."""
        if not self._is_superseded:
            return self._chain.result()
        if self._missing:
            self._ask(len(self._missing))
        try:
            self._crew.finish()
        except CredentialsError:
            raise
        except AwsError:  # an id that vanished, throttling that did not end, an endpoint that knows no filters
            knows_all = False
        if knows_all:
            return list(self._seen.values())
        return fetch_nodes(self._aws, self._region, on_count=self._on_count)

    def _ask(self, count: int) -> None:
        asked, self._missing = self._missing[:count], self._missing[count:]
        ids = [instance_id for instance_id in asked if instance_id not in self._seen]
        if ids:
            self._crew.add(({"Key": "InstanceIds", "Values": ids},))

    def _read_chain(self) -> list[ManagedNode]:
        def go_on(count: int) -> None:
            self._on_count(count)
            if self._is_superseded:
                raise _SupersededError

        return fetch_nodes(self._aws, self._region, on_node=self._see, on_count=go_on)

    def _read_shard(self, filters: Filters) -> None:
        fetch_nodes(self._aws, self._region, filters=filters, on_node=self._see)
        self._on_count(len(self._seen))

    def _see(self, node: ManagedNode) -> None:
        self._seen[node.id] = node
