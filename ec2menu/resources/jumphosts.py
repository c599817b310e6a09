"""Jump hosts: the instances that a tag names as the way into their VPC, and those that only nearly carry it.

Read from a listing of EC2 instances, nothing is fetched here. Which one is taken for a database or a cache is decided
in `connectors/jump`; here is what each candidate is, why it cannot be used as it is, and what to type about it.
"""

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ec2menu.errors import InvalidInput
from ec2menu.models import Cell, Column, Instance, JumpHost, SsmStatus, Style
from ec2menu.resources import ec2
from ec2menu.resources.nodes import age_cell

# AWS-StartPortForwardingSessionToRemoteHost, the document of every tunnel through a jump host, needs this agent.
OLDEST_AGENT = (3, 1, 1374)
MAX_KEY_LENGTH, MAX_VALUE_LENGTH = 128, 256  # of an EC2 tag
_MAX_SHOWN = 40

_GONE = ("terminated", "shutting-down")
_SPELLING = re.compile(r"[-_\s]+")
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_.:/@+-]+")
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class JumpTag:
    """The tag that makes an instance a jump host."""

    key: str
    value: str

    def __str__(self) -> str:
        """Write it as it is set: `Role=jumphost`."""
        return f"{self.key}={self.value}"


def parse_tag(text: str) -> JumpTag:
    """Return the tag of a setting such as `Role=jumphost`; the value may contain `=`, and may be empty.

    Raises InvalidInput for a text without a key or a `=`, or longer than EC2 lets a tag be.
    """
    key, equals, value = (part.strip() for part in text.partition("="))
    if not key or not equals:
        raise InvalidInput(f"jump_tag = {_clip(text)} is not a tag", hint="write KEY=VALUE, such as Role=jumphost")
    if len(key) > MAX_KEY_LENGTH or len(value) > MAX_VALUE_LENGTH:
        raise InvalidInput(
            f"jump_tag = {_clip(text)} is longer than a tag can be",
            hint=f"a key has at most {MAX_KEY_LENGTH} characters, a value {MAX_VALUE_LENGTH}",
        )
    return JumpTag(key=key, value=value)


def survey(instances: Sequence[Instance], *, tag: JumpTag, now: datetime) -> tuple[JumpHost, ...]:
    """Return every instance that carries the tag, or nearly: its letters' case, `-`, `_` and blanks may differ.

    Usable ones first, then the others that carry it exactly, then the near misses; the latest ping first in each. A
    near miss that is terminated is left out. Hybrid nodes have no EC2 tags and are never among them.
    """
    found = [host for instance in instances if (host := _judge(instance, tag, now)) is not None]
    return tuple(sorted(found, key=_order))


def derive_jump_hosts(tag: JumpTag, wall: Callable[[], datetime]) -> Callable[[Sequence[Instance]], Sequence[JumpHost]]:
    """Return what makes the list of jump hosts of a list of instances, `wall` telling the time of each look."""
    return lambda instances: survey(instances, tag=tag, now=wall())


def explain_unfit(instance: Instance, *, now: datetime) -> tuple[str, str]:
    """Say why a machine, tagged or not, cannot carry a tunnel to another host: a sentence and what to do.

    Both are empty where it can. A running machine of which SSM's status is not known is not called fit.
    """
    if instance.state == "pending":
        return "the instance is pending", "wait until it runs"
    if instance.ssm_status is SsmStatus.UNKNOWN:
        return "its SSM status is unknown", "allow ssm:DescribeInstanceInformation to see it"
    if not instance.is_connectable:
        return ec2.explain_unreachable(instance, now=now)
    agent = instance.node.agent_version if instance.node else ""
    if not can_forward_to_hosts(agent):
        oldest = ".".join(map(str, OLDEST_AGENT))
        where = f"--region {instance.region} --instance-ids {instance.id}"
        return (
            f"its SSM Agent {_clip(agent)} cannot forward to other hosts; {oldest} can",
            f"update it: aws ssm send-command --document-name AWS-UpdateSSMAgent {where}",
        )
    return "", ""


def can_forward_to_hosts(agent_version: str) -> bool:
    """Tell whether an SSM Agent knows tunnels to other hosts; one whose version says nothing is given the chance."""
    if not _VERSION.fullmatch(agent_version):
        return True
    return tuple(int(part) for part in agent_version.split(".")) >= OLDEST_AGENT


def tag_line(instance: Instance, tag: JumpTag) -> str:
    """Return the AWS CLI's command (EC2 CreateTags) that gives an instance the tag, quoted for a POSIX shell."""
    if _PLAIN_WORD.fullmatch(tag.key) and _PLAIN_WORD.fullmatch(tag.value):
        written = f"Key={tag.key},Value={tag.value}"
    else:  # the short form has its own rules for commas, quotes and blanks; JSON has none of them
        written = shlex.quote(json.dumps([{"Key": tag.key, "Value": tag.value}]))
    return f"aws ec2 create-tags --region {instance.region} --resources {instance.id} --tags {written}"


def _judge(instance: Instance, tag: JumpTag, now: datetime) -> JumpHost | None:
    carried = _carried(instance.tags, tag)
    if carried is None or instance.is_hybrid:
        return None
    reason, hint = explain_unfit(instance, now=now)
    if carried == tag:
        return JumpHost(instance=instance, reason=reason, hint=hint)
    if instance.state in _GONE:
        return None
    spelled = f"its tag is {_show(carried)}, not {_show(tag)}"
    return JumpHost(
        instance=instance,
        is_near_miss=True,
        reason=f"{spelled}; {reason}" if reason else spelled,
        hint=f"tag it: {tag_line(instance, tag)}",
    )


def _carried(tags: Mapping[str, str], tag: JumpTag) -> JumpTag | None:
    """Return the tag as the instance has it: exactly, else the first that differs in its spelling only, else None."""
    if tags.get(tag.key) == tag.value:
        return tag
    wanted = _spell(tag.key), _spell(tag.value)
    near = [(key, value) for key, value in sorted(tags.items()) if (_spell(key), _spell(value)) == wanted]
    return JumpTag(key=near[0][0], value=near[0][1]) if near else None


def _show(tag: JumpTag) -> str:
    """Write a tag so that a blank too many can be seen."""
    text = _clip(str(tag))
    return f'"{text}"' if any(char.isspace() for char in text) else text


def _spell(text: str) -> str:
    return _SPELLING.sub("", text.casefold())


def _order(host: JumpHost) -> tuple[bool, bool, float, str]:
    return bool(host.reason), host.is_near_miss, -_pinged(host.instance), host.instance.id


def _pinged(instance: Instance) -> float:
    last = instance.node.last_ping if instance.node else None
    return last.timestamp() if last else 0.0


def _clip(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"


# -- the list -----------------------------------------------------------------------------------------------------


def _as_instance(key: str, *, priority: int) -> Column[JumpHost]:
    """Return a column that shows of a jump host what the list of instances shows of the machine."""
    column = next(column for column in ec2.COLUMNS if column.key == key)
    return Column(
        key=key,
        title=column.title,
        cell=lambda host, now: column.cell(host.instance, now),
        priority=priority,
        min_width=column.min_width,
        max_width=column.max_width,
    )


def _ping(host: JumpHost, now: datetime) -> Cell:
    return age_cell(host.instance.node.last_ping if host.instance.node else None, now)


def _why(host: JumpHost, _now: datetime) -> Cell:
    if not host.reason:
        return Cell(text="usable", style=Style.GOOD)
    return Cell(text=host.reason, style=Style.WARN if host.is_near_miss else Style.BAD)


COLUMNS: tuple[Column[JumpHost], ...] = (
    _as_instance("name", priority=1),
    _as_instance("region", priority=1),
    _as_instance("id", priority=0),
    _as_instance("state", priority=4),
    Column(key="vpc", title="VPC", cell=lambda host, _now: Cell(text=host.instance.vpc_id), priority=3),
    _as_instance("ssm", priority=5),
    Column(key="ping", title="Last ping", cell=_ping, priority=6, align_right=True),
    Column(key="why", title="Jump host", cell=_why, min_width=28, max_width=80),
)
