"""ECS containers of all clusters of a region: the calls, put together without losing what one refusal leaves.

What an answer means is in `ecs_parse`, how rows are shown in `ecs_columns`. Nothing here connects.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from ec2menu.errors import AccessDenied, AwsError, CredentialsError, Ec2MenuError, as_problem
from ec2menu.fanout import fan_out
from ec2menu.models import Container, Listing, Problem
from ec2menu.resources.ecs_columns import COLUMNS
from ec2menu.resources.ecs_parse import Definition, empty_row, parse_definition, parse_task, short_name

if TYPE_CHECKING:
    from ec2menu.aws.session import Aws

__all__ = ["COLUMNS", "fetch_containers"]

# All lists take 1..100; ListServices gives 10 when not asked. DescribeTasks takes 100 tasks and has no pages.
PAGE_SIZE = 100
# Lists and describes of one account share a bucket of 20 calls per second (100 at once).
PARALLEL_CALLS = 8
_VANISHED = "ClusterNotFoundException"
_MISSING = "MISSING"

T = TypeVar("T")
Task = Mapping[str, Any]


def fetch_containers(
    aws: "Aws", region: str, *, now: datetime, on_progress: Callable[[str], None] = lambda _text: None
) -> Listing[Container]:
    """Return every container of every task that is not stopped, in every cluster of a region.

    A service without tasks and a cluster with nothing are one row each. ListClusters, then ListTasks and ListServices
    of each cluster, DescribeTasks, and DescribeTaskDefinition once for each definition in use; a few at the same time.
    ListClusters refused raises, and so does a login that ran out; any other refusal is a Problem beside the rest, and
    without definitions exec is judged as far as it can be.
    """
    reader = _Reader(aws, region, on_progress)
    clusters = reader.list_arns("ListClusters", "clusterArns")
    on_progress(f"{len(clusters):,} clusters")
    found = reader.read_clusters(clusters)
    tasks = [task for cluster in found for task in cluster.tasks]
    definitions = reader.read_definitions(str(task.get("taskDefinitionArn") or "") for task in tasks)
    rows = [row for cluster in found for row in _rows_of(cluster, region, definitions)]
    # A task that moved to the next page while it was listed must not count twice.
    return Listing(items=tuple({row.id: row for row in rows}.values()), as_of=now, problems=tuple(reader.problems()))


@dataclass(slots=True, kw_only=True)
class _Cluster:
    """A cluster while it is read; `error` is why its tasks are not known, all or some of them."""

    arn: str
    has_vanished: bool = False
    error: Ec2MenuError | None = None
    task_arns: Sequence[str] = ()
    services: Sequence[str] = ()
    tasks: list[Task] = field(default_factory=list)

    @property
    def name(self) -> str:
        return short_name(self.arn)


def _rows_of(cluster: _Cluster, region: str, definitions: Mapping[str, Definition]) -> list[Container]:
    """Return a cluster's rows: its containers, and what has none."""
    if cluster.has_vanished:
        return []
    rows = [
        row
        for task in cluster.tasks
        for row in parse_task(
            {"clusterArn": cluster.arn, **task},
            region,
            definition=definitions.get(str(task.get("taskDefinitionArn")), Definition()),
        )
    ]
    with_tasks = {row.service for row in rows}
    rows += [
        empty_row(region, cluster.name, name, error=cluster.error)
        for name in map(short_name, cluster.services)
        if name not in with_tasks
    ]
    return rows or [empty_row(region, cluster.name, error=cluster.error)]


class _Reader:
    """Makes the calls of one region and keeps what was refused."""

    def __init__(self, aws: "Aws", region: str, on_progress: Callable[[str], None]) -> None:
        self._aws = aws
        self._region = region
        self._on_progress = on_progress
        self._refusals: list[tuple[str, Ec2MenuError]] = []

    def list_arns(self, operation: str, key: str, **parameters: Any) -> list[str]:
        """Return every ARN of a paged list."""
        found = self._aws.list_all(
            "ecs", operation, self._region, key=key, page_size=PAGE_SIZE, parse=lambda arn: (str(arn),), **parameters
        )
        return list(dict.fromkeys(found))

    def read_clusters(self, arns: Sequence[str]) -> list[_Cluster]:
        """Read the tasks and services of clusters, whatever some of them refuse."""
        clusters = [_Cluster(arn=arn) for arn in arns]
        jobs = [(cluster, list_) for cluster in clusters for list_ in (self._list_tasks, self._list_services)]
        fan_out(lambda job: job[1](job[0]), jobs, limit=PARALLEL_CALLS)
        chunks = [
            (cluster, cluster.task_arns[start : start + PAGE_SIZE])
            for cluster in clusters
            for start in range(0, len(cluster.task_arns), PAGE_SIZE)
        ]
        described: list[int] = []

        def describe(chunk: tuple[_Cluster, Sequence[str]]) -> list[Task]:
            tasks = self._describe_tasks(*chunk)
            described.append(len(tasks))
            self._on_progress(f"{len(clusters):,} clusters, {sum(described):,} tasks")
            return tasks

        for (cluster, _), tasks in zip(chunks, fan_out(describe, chunks, limit=PARALLEL_CALLS), strict=True):
            cluster.tasks += tasks
        return clusters

    def read_definitions(self, arns: Iterable[str]) -> dict[str, Definition]:
        """Read each task definition once; after a denial no other is asked for: it would be denied, too."""
        wanted = sorted(set(filter(None, arns)))
        denied: list[AccessDenied] = []

        def read(arn: str) -> Definition:
            if denied:
                return Definition()
            try:
                answer = self._call("DescribeTaskDefinition", "taskDefinition", taskDefinition=arn)
            except CredentialsError:
                raise
            except Ec2MenuError as error:
                denied.extend([error] if isinstance(error, AccessDenied) else [])
                self._refusals.append(("", error))
                return Definition()
            return parse_definition(answer["taskDefinition"])

        return dict(zip(wanted, fan_out(read, wanted, limit=PARALLEL_CALLS), strict=True))

    def problems(self) -> list[Problem]:
        """Return what was refused, each reason once with the clusters that it left incomplete."""
        clusters: dict[Problem, list[str]] = {}
        for cluster, error in self._refusals:
            clusters.setdefault(as_problem("", error), []).append(cluster)
        return [replace(problem, where=self._where(names)) for problem, names in clusters.items()]

    def _where(self, clusters: Sequence[str]) -> str:
        names = sorted(set(filter(None, clusters)))
        if len(names) > 1:
            return f"{self._region}, {len(names)} clusters"
        return f"{self._region}, cluster {names[0]}" if names else self._region

    # -- one cluster ------------------------------------------------------------------------------------------------

    def _list_tasks(self, cluster: _Cluster) -> None:
        # RUNNING is what the task should be: those that are still starting are among them.
        found = self._tried(
            cluster,
            lambda: self.list_arns("ListTasks", "taskArns", cluster=cluster.arn, desiredStatus="RUNNING"),
        )
        if isinstance(found, Ec2MenuError):
            cluster.error = found
        else:
            cluster.task_arns = found

    def _list_services(self, cluster: _Cluster) -> None:
        found = self._tried(cluster, lambda: self.list_arns("ListServices", "serviceArns", cluster=cluster.arn))
        cluster.services = () if isinstance(found, Ec2MenuError) else found

    def _describe_tasks(self, cluster: _Cluster, arns: Sequence[str]) -> list[Task]:
        found = self._tried(
            cluster, lambda: self._call("DescribeTasks", "tasks", cluster=cluster.arn, tasks=list(arns))
        )
        if isinstance(found, Ec2MenuError):
            cluster.error = found
            return []
        for failure in found.get("failures") or []:
            # A task that ended since it was listed is no failure of ours.
            if (reason := str(failure.get("reason") or _MISSING)) != _MISSING:
                cluster.error = AwsError(f"ecs:DescribeTasks in {self._region} says {reason} of some tasks")
                self._refusals.append((cluster.name, cluster.error))
        return list(found["tasks"])

    def _call(self, operation: str, key: str, **parameters: Any) -> dict[str, Any]:
        return self._aws.call("ecs", operation, self._region, key=key, **parameters)

    def _tried(self, cluster: _Cluster, read: Callable[[], T]) -> T | Ec2MenuError:
        """Read a part of a cluster; a refusal is kept, also that the cluster has been deleted meanwhile."""
        try:
            return read()
        except CredentialsError:
            raise
        except Ec2MenuError as error:
            if isinstance(error, AwsError) and error.code == _VANISHED:
                gone = AwsError(f"the cluster {cluster.name} was deleted while it was listed")
                self._refusals.append(("", gone))
                cluster.has_vanished = True
            else:
                self._refusals.append((cluster.name, error))
            return error
