"""Choosing a jump host, and saying why every other candidate was refused. Pure: nothing is asked, fetched or started.

The candidates and their reasons come as values (`JumpHost`); who reads them from the instances and who talks to the
user is a flow's business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ec2menu.models import Instance, JumpHost, SsmStatus

MAX_DIAGNOSED = 6
_MAX_NAME = 40
_UNCERTAIN = "works only where the networks are connected"


@dataclass(frozen=True, slots=True, kw_only=True)
class JumpChoice:
    """What was found to lead into a VPC.

    `best` is taken, `others` would do as well, the better ones first; `note` is what to know of `best`. `refused` are
    the other candidates, each with its reason, and `stopped` those of them that carry the tag and could be started.
    `online_in_vpc` are further nodes that could stand in (running ones where SSM told nothing), and `looked_at` is the
    number of instances that were looked at.
    """

    best: Instance | None
    others: tuple[Instance, ...] = ()
    refused: tuple[JumpHost, ...] = ()
    stopped: tuple[JumpHost, ...] = ()
    online_in_vpc: tuple[Instance, ...] = ()
    looked_at: int = 0
    note: str = ""


def select_jump_host(
    hosts: Sequence[JumpHost],
    nodes: Sequence[Instance],
    *,
    vpc_id: str,
    looked_at: int,
    tried: Mapping[str, str] | None = None,
) -> JumpChoice:
    """Choose among the surveyed `hosts` the way into a VPC; `nodes` are the machines that could carry a tunnel at all.

    The same VPC comes first (an empty `vpc_id` prefers none), then Linux, then the latest ping. A host in another VPC
    is taken only where there is none in the same. Where SSM told nothing, a running host of unknown status is taken.
    What has been `tried` for this connection already, by id and why it does not lead there, is not taken again.
    """
    tried = tried or {}
    left = [host for host in hosts if host.instance.id not in tried]
    usable = [host for host in left if not host.reason] or [host for host in left if _is_untold(host)]
    fitting = sorted((host.instance for host in usable), key=lambda instance: _rank(instance, vpc_id))
    taken = {instance.id for instance in fitting}
    refused = sorted(
        (_judged(host, tried) for host in hosts if host.instance.id not in taken),
        key=lambda host: (host.instance.id not in tried, _is_elsewhere(host.instance, vpc_id), host.is_near_miss),
    )
    near = {host.instance.id for host in refused if host.is_near_miss}
    spare = [node for node in nodes if not node.is_hybrid and not _is_elsewhere(node, vpc_id)]
    spare = [node for node in spare if node.id not in taken and node.id not in tried]
    # What somebody meant to be a jump host is the likeliest to reach what a jump host has to reach.
    spare.sort(key=lambda node: (node.is_windows, node.id not in near, not node.name, node.name.casefold(), node.id))
    return JumpChoice(
        best=fitting[0] if fitting else None,
        others=tuple(fitting[1:]),
        refused=tuple(refused),
        stopped=tuple(host for host in refused if host.instance.state == "stopped" and not host.is_near_miss),
        online_in_vpc=tuple(spare),
        looked_at=looked_at,
        note=describe_doubts(fitting[0], vpc_id) if fitting else "",
    )


def describe_doubts(instance: Instance, vpc_id: str) -> str:
    """Say what may keep a node from reaching a VPC though nothing is wrong with it; empty where nothing is known to."""
    doubts = []
    if not vpc_id:
        doubts.append("the VPC of the target is unknown")
    elif instance.is_hybrid:
        doubts.append(f"outside EC2: {_UNCERTAIN}")
    elif not instance.vpc_id:
        doubts.append("its own VPC is unknown")
    elif _is_elsewhere(instance, vpc_id):
        doubts.append(f"in another VPC ({instance.vpc_id}): {_UNCERTAIN}")
    if instance.ssm_status is SsmStatus.UNKNOWN:
        doubts.append("its SSM status is unknown")
    return "; ".join(doubts)


def count_alike(choice: JumpChoice, vpc_id: str) -> int:
    """Return how many of the others are as near to the target as the best."""
    if choice.best is None:
        return 0
    is_elsewhere = _is_elsewhere(choice.best, vpc_id)
    return sum(_is_elsewhere(other, vpc_id) == is_elsewhere for other in choice.others)


def diagnose(choice: JumpChoice, *, what: str, vpc_id: str, tag: str, unread: str = "") -> tuple[str, ...]:
    """Return the lines that say why nothing was chosen, candidate by candidate, and what could be done.

    `what` is to be reached, `tag` the one that makes a jump host, `unread` why no tag could be read at all. Names are
    foreign text and not escaped here.
    """
    near = sum(host.is_near_miss for host in choice.refused)
    fit = [instance for instance in (choice.best, *choice.others) if instance is not None]
    carry = _word_count(len(fit) + len(choice.refused) - near)
    counts = f"instances looked at: {choice.looked_at:,}; tagged {tag}: {carry}; nearly so: {_word_count(near)}"
    lines = [
        f"the tags could not be read, so nobody knows a jump host: {unread}" if unread else counts,
        *(_describe_untried(fit) if fit else ()),
        *(line for host in choice.refused[:MAX_DIAGNOSED] for line in _describe(host, vpc_id)),
    ]
    if len(choice.refused) > MAX_DIAGNOSED:
        lines.append(f"and {len(choice.refused) - MAX_DIAGNOSED} more, see: ec2menu ls jumphosts")
    return (*lines, _describe_stand_ins(choice.online_in_vpc, what, vpc_id))


def _describe(host: JumpHost, vpc_id: str) -> list[str]:
    own = host.instance.vpc_id
    elsewhere = f", in another VPC ({own})" if own and _is_elsewhere(host.instance, vpc_id) else ""
    lines = [f"{_short_name(host.instance)}{elsewhere}: {host.reason}"]
    return [*lines, f"  {host.hint}"] if host.hint else lines


def _describe_stand_ins(nodes: Sequence[Instance], what: str, vpc_id: str) -> str:
    where = f"in {vpc_id}" if vpc_id else "in this region"
    if not nodes:
        return f"no other node is known to be online {where}"
    # One listing knows SSM's side of all machines or of none.
    status = "running, their SSM status unknown," if nodes[0].ssm_status is SsmStatus.UNKNOWN else "online"
    return f"other nodes {status} {where} that may reach {_clip(what)}: {len(nodes):,}, such as {_short_name(nodes[0])}"


def _describe_untried(fit: Sequence[Instance]) -> tuple[str]:
    return (f"fit and not tried: {len(fit):,}, such as {_short_name(fit[0])}: --via {fit[0].id}",)


def _judged(host: JumpHost, tried: Mapping[str, str]) -> JumpHost:
    """Return a host that is not taken with its reason: what came of the try, where there was one."""
    why = tried.get(host.instance.id)
    return host if why is None else replace(host, reason=f"it has just been tried: {why}", hint="")


def _is_untold(host: JumpHost) -> bool:
    """Tell whether only SSM's silence keeps the host from being usable."""
    instance = host.instance
    return instance.state == "running" and instance.ssm_status is SsmStatus.UNKNOWN and not host.is_near_miss


def _is_elsewhere(instance: Instance, vpc_id: str) -> bool:
    return bool(vpc_id) and instance.vpc_id != vpc_id


def _rank(instance: Instance, vpc_id: str) -> tuple[bool, bool, float, str]:
    last = instance.node.last_ping if instance.node else None
    pinged = last.timestamp() if last else 0.0
    return _is_elsewhere(instance, vpc_id), instance.is_windows, -pinged, instance.id


def _short_name(instance: Instance) -> str:
    return f"{_clip(instance.name)} ({instance.id})" if instance.name else instance.id


def _clip(text: str) -> str:
    return text if len(text) <= _MAX_NAME else f"{text[: _MAX_NAME - 1]}…"


def _word_count(number: int) -> str:
    return f"{number:,}" if number else "none"
