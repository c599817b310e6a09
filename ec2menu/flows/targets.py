"""TARGET → one resource: an id, a Name, or a unique part of one. Several matches are listed, never guessed between."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from ec2menu.errors import (
    AccessDenied,
    AwsError,
    CredentialsError,
    Ec2MenuError,
    InvalidInput,
    TargetUnclear,
    Unreachable,
    as_problem,
)
from ec2menu.fanout import Task
from ec2menu.flows.context import Context
from ec2menu.models import Cache, Container, Database, DbMember, EndpointRole, Instance, Listing, Style
from ec2menu.resources.elasticache import each_node
from ec2menu.resources.kinds import CACHE, EC2, ECS, RDS, ResourceKind
from ec2menu.resources.region_names import describe_regions
from ec2menu.ui.text import escape, fold, shorten

MAX_SHOWN = 20
MAX_NAME_COLUMNS = 60
OTHERS_SECONDS = 2.0
WAIT_STEP_SECONDS = 0.05
_NODE_ID = re.compile(r"m?i-[0-9a-f]{8,17}")
_GONE = ("terminated", "shutting-down")

DataStore = Database | Cache
Resource = Instance | DataStore | Container
R = TypeVar("R", bound=Resource)


def find_instance(target: str, instances: Sequence[Instance], *, where: str) -> Instance:
    """Return the machine that `target` names; as `find_target`. A terminated instance is only found by its id."""
    return find_target(target, instances, where=where, noun="machines", command="ec2menu ls ec2")


def find_target(
    target: str, items: Sequence[R], *, where: str, noun: str = "resources", command: str = "ec2menu ls KIND"
) -> R:
    """Return the resource that `target` names: by id, else by whole name, else by a part of either, ignoring case.

    A row that stands for a cluster or service of ECS without tasks comes after everything else, by its whole name only.
    Raises TargetUnclear when that is none or several.
    """
    wanted = fold(target)
    whole = [item for item in items if item.id == target]
    named = [(item, _names(item)) for item in items if _is_alive(item)]
    empty = [item for item in items if isinstance(item, Container) and _is_placeholder(item)]
    for found in (
        [item for item in whole if not _is_placeholder(item)],
        [item for item, names in named if target and target in names],
        [item for item, names in named if wanted and wanted in map(fold, names)],
        whole,
        [item for item, names in named if wanted and any(wanted in fold(text) for text in (*names, item.id))],
        [item for item in empty if wanted and wanted == fold(item.service or item.cluster)],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            raise _several(target, found, noun)
    raise TargetUnclear(f"nothing in {where} is called {target}", hint=f"list them with: {command}")


def _several(target: str, found: Sequence[Resource], noun: str) -> TargetUnclear:
    """Return the error for a TARGET that names several; ids are unique in a list of one kind and region only."""
    ids, places = {item.id for item in found}, {(item.id, item.region) for item in found}
    if len(ids) == len(found):
        hint = "use one of these ids"
    elif len(places) == len(found):
        hint = "add -r and the region of the one that is meant"
    else:
        hint = "use the host name of the one that is meant"
    return TargetUnclear(
        f"{len(found)} {noun} are called like {target}",
        hint=hint,
        matches=_describe_all(found, with_hosts=len(places) < len(found)),
    )


def find_resource(context: Context, target: str, regions: Sequence[str]) -> Resource:
    """Return what TARGET names among machines, databases, caches and containers; what could not be listed is told.

    A node's whole id is taken as it is where nobody may look it up: StartSession may be allowed all the same.
    Raises TargetUnclear, or the first error where nothing could be listed, or a list is missing that it may be in.
    """
    if not target.strip():
        raise InvalidInput("TARGET is empty", hint="give an id, a Name, or a unique part of one")
    kinds = _kinds_for(target)
    try:
        listings = _list_all(context, kinds, regions, target)
    except AccessDenied as denied:
        if len(regions) > 1 or not _NODE_ID.fullmatch(target):
            raise
        context.terminal.note(f"! {denied.message}; tried all the same", Style.DIM)
        return Instance(id=target, region=regions[0], ssm_known=False)
    items = [each for listing in listings for item in listing.items for each in _unfolded(item, target)]
    items = list({(type(item), item.region, item.id): item for item in items}.values())
    try:
        found = find_target(target, items, where=", ".join(regions))
    except TargetUnclear as unclear:
        problems = [problem for listing in listings for problem in listing.problems]
        context.terminal.problems(problems)
        if problems and not unclear.matches:
            shown = shorten(escape(target), MAX_NAME_COLUMNS)
            raise AwsError(f"{shown} is not in what could be listed", hint=unclear.hint) from unclear
        raise
    if found.id != target:  # a whole id is what it is, whatever else there may be
        _tell_blind_spots(context, found, zip(kinds, listings, strict=True))
    return found


def _tell_blind_spots(context: Context, found: Resource, lists: Iterable[tuple[ResourceKind, Listing[Any]]]) -> None:
    """Tell in full what was missing in the list that the resource is in, and of others only that they were not seen."""
    blind = []
    for kind, listing in lists:
        if kind.record is type(found):
            context.terminal.problems(listing.problems)
        elif listing.problems:
            blind.append(kind.title)
    if blind:
        context.terminal.note(f"! the name was not looked for among {', '.join(blind)}", Style.DIM)


def describe(item: Resource) -> str:
    """Name a resource the way it is echoed before connecting: `name (id)`, or the id alone."""
    if isinstance(item, Instance):
        return f"{shorten(escape(item.name), MAX_NAME_COLUMNS)} ({item.id})" if item.name else item.id
    return shorten(escape(item.id), MAX_NAME_COLUMNS)


def _names(item: Resource) -> tuple[str, ...]:
    if isinstance(item, Instance):
        return (item.name,)
    if isinstance(item, Container):
        return (item.name, item.service, item.task_id)
    return (item.name, item.endpoint.host) if item.endpoint else (item.name,)


def _is_alive(item: Resource) -> bool:
    if isinstance(item, Instance):
        return item.state not in _GONE
    return not _is_placeholder(item)


def _is_placeholder(item: Resource) -> bool:
    return isinstance(item, Container) and not item.task_id


def _kinds_for(target: str) -> tuple[ResourceKind, ...]:
    """Return the lists that a TARGET can be in: what is written like a node's id is nothing else."""
    return (EC2,) if _NODE_ID.fullmatch(target) else (EC2, RDS, CACHE, ECS)


def _list_all(
    context: Context, kinds: Sequence[ResourceKind], regions: Sequence[str], target: str
) -> list[Listing[Any]]:
    """List several kinds at the same time; a kind that fails is a problem, unless all do or the login is over.

    Once machines are listed and one has the very name, the other lists get a moment more, and then are a problem.
    """

    def fetch(kind: ResourceKind) -> "Listing[Any] | Ec2MenuError":
        try:
            return context.inventory.listing(kind, regions)
        except AwsError as error:
            return error

    def fetch_all() -> "list[Listing[Any] | Ec2MenuError]":
        tasks = [Task(partial(fetch, kind)) for kind in kinds]
        _wait_for(tasks, context, lambda first: _has_named(first, target))
        found = [task.result() if task.is_done else _late(kind) for task, kind in zip(tasks, kinds, strict=True)]
        errors = [each for each in found if isinstance(each, Ec2MenuError)]
        over = [error for error in errors if isinstance(error, CredentialsError)]
        if over or len(errors) == len(kinds):
            raise (over or errors)[0]
        return found

    where = describe_regions(regions)
    titles = ", ".join(kind.title for kind in kinds)
    found = context.attempt(lambda: context.in_background(fetch_all, lambda: f"listing {titles} in {where}"))
    empty: Listing[Any] = Listing(items=(), as_of=context.clock.wall())
    return [
        each if isinstance(each, Listing) else replace(empty, problems=(as_problem(where, each),)) for each in found
    ]


def _wait_for(tasks: Sequence[Task[Any]], context: Context, is_enough: Callable[[Any], bool]) -> None:
    """Wait for all tasks, but once the first has brought enough not much longer for the others."""
    until = None
    while left := [task for task in tasks if not task.is_done]:
        if until is None and tasks[0].is_done and is_enough(tasks[0].result()):
            until = context.clock.now() + OTHERS_SECONDS
        if until is not None and context.clock.now() >= until:
            return
        left[0].wait(WAIT_STEP_SECONDS)


def _has_named(machines: "Listing[Any] | Ec2MenuError", target: str) -> bool:
    if not isinstance(machines, Listing):
        return False
    return sum(target in (machine.id, machine.name) and _is_alive(machine) for machine in machines.items) == 1


def _late(kind: ResourceKind) -> Ec2MenuError:
    return Unreachable(f"{kind.title} were not listed in time", hint="try again, or give an id")


def _unfolded(item: Resource, target: str) -> tuple[Resource, ...]:
    """Return a resource and what is folded under it: the members of a cluster, told once, with its writer.

    The nodes of a cache, which primary and reader share, are only there for whoever gives the whole id of one.
    """
    if isinstance(item, Cache):
        return (item, *(node for node in each_node(item) if node.id == target))
    if not isinstance(item, Database) or item.role is not EndpointRole.WRITER:
        return (item,)
    return (item, *(_as_instance(item, member) for member in item.members))


def _as_instance(cluster: Database, member: DbMember) -> Database:
    return replace(
        cluster,
        id=member.id,
        name=member.id,
        role=EndpointRole.INSTANCE,
        status=member.status,
        endpoint=member.endpoint,
        members=(),
    )


def _describe_all(found: Sequence[Resource], *, with_hosts: bool) -> tuple[str, ...]:
    ordered = sorted(found, key=lambda item: (_names(item)[0], item.id, item.region))
    lines = []
    for item in ordered[:MAX_SHOWN]:
        host = item.endpoint.host if with_hosts and isinstance(item, Database | Cache) and item.endpoint else ""
        lines.append("  ".join(filter(None, (*_DETAILS[type(item)](item), host))))
    if len(ordered) > MAX_SHOWN:
        lines.append(f"… and {len(ordered) - MAX_SHOWN} more")
    return tuple(lines)


_DETAILS: dict[type, Callable[[Any], tuple[str, ...]]] = {
    Instance: lambda item: (item.id, item.region, item.az, item.private_ip, item.state, item.name),
    Database: lambda item: (item.id, item.region, item.engine, item.role, item.status),
    Cache: lambda item: (item.id, item.region, item.engine, item.role, item.status),
    Container: lambda item: (item.id, item.region, "container", item.service, item.status),
}
