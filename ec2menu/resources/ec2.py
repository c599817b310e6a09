"""EC2 instances joined with what SSM knows of them, hybrid nodes included: the list a person connects from."""

import functools
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ec2menu.clock import describe_age
from ec2menu.errors import CredentialsError, Ec2MenuError, as_problem, first_of
from ec2menu.fanout import one_at_a_time
from ec2menu.models import Cell, Column, Instance, Listing, ManagedNode, SsmStatus, Style
from ec2menu.resources.node_reader import NodeReader
from ec2menu.resources.nodes import age_cell

if TYPE_CHECKING:
    from ec2menu.aws.session import Aws

# DescribeInstances takes 5..1000; without a size one answer holds everything, "susceptible to throttling and timeouts".
PAGE_SIZE = 1000

_STATE_STYLES = {"running": Style.GOOD, "pending": Style.WARN, "stopping": Style.WARN, "shutting-down": Style.WARN}
_SSM_STYLES = {SsmStatus.ONLINE: Style.GOOD, SsmStatus.CONNECTION_LOST: Style.BAD, SsmStatus.UNKNOWN: Style.WARN}


def fetch_instances(aws: "Aws", region: str, *, now: datetime, on_progress: Callable[[str], None]) -> Listing[Instance]:
    """Return every machine of a region: DescribeInstances and DescribeInstanceInformation read at the same time.

    `on_progress` hears how many of each so far. When only SSM fails, the instances are listed with an unknown SSM
    status and the failure is a Problem; when only EC2 fails, the managed nodes alone are listed. Both failing raises,
    and so does a login that ran out in between, which would otherwise look like a list with nothing online.
    """
    counts = [0, 0]

    @one_at_a_time
    def count(position: int, number: int) -> None:
        counts[position] = max(counts[position], number)
        on_progress(f"{counts[0]:,} instances, {counts[1]:,} SSM nodes")

    reader = NodeReader(aws, region, on_count=functools.partial(count, 1))
    instances: list[Instance] = []
    nodes: list[ManagedNode] | None = None
    failures: list[Ec2MenuError] = []
    try:
        instances = _fetch_ec2(aws, region, functools.partial(count, 0), on_ids=reader.learn)
    except Ec2MenuError as error:
        failures.append(error)
    try:
        nodes = reader.finish(knows_all=not failures)
    except Ec2MenuError as error:
        failures.append(error)
    of_identity = [error for error in failures if isinstance(error, CredentialsError)]
    if of_identity or len(failures) > 1:
        raise first_of(of_identity or failures)
    problems = [as_problem(region, error) for error in failures]
    return Listing(items=tuple(join(instances, nodes)), as_of=now, problems=tuple(problems))


def _fetch_ec2(
    aws: "Aws", region: str, on_count: Callable[[int], None], *, on_ids: Callable[[Iterable[str]], None]
) -> list[Instance]:
    """Return the instances; `on_ids` hears after each page which ones in it may have an agent that runs."""
    running: list[str] = []

    def parse(entry: dict[str, Any]) -> list[Instance]:
        found = [parse_instance(instance, region) for instance in entry.get("Instances", [])]
        running.extend(instance.id for instance in found if instance.state in ("running", "pending"))
        return found

    def note(count: int) -> None:
        on_ids(running)
        running.clear()
        on_count(count)

    instances = aws.list_all(
        "ec2", "DescribeInstances", region, key="Reservations", page_size=PAGE_SIZE, parse=parse, on_count=note
    )
    # A reservation may be split over pages; an instance may not be counted twice.
    return list({instance.id: instance for instance in instances}.values())


def parse_instance(entry: dict[str, Any], region: str) -> Instance:
    """Turn one Instance of DescribeInstances into ours; every member may be missing."""
    tags = {str(tag.get("Key", "")): str(tag.get("Value", "")) for tag in entry.get("Tags", [])}
    return Instance(
        id=str(entry.get("InstanceId", "")),
        region=region,
        name=tags.get("Name", ""),
        state=str(entry.get("State", {}).get("Name", "")),
        type=str(entry.get("InstanceType", "")),
        private_ip=str(entry.get("PrivateIpAddress", "")),
        public_ip=str(entry.get("PublicIpAddress", "")),
        az=str(entry.get("Placement", {}).get("AvailabilityZone", "")),
        platform=_platform(entry),
        vpc_id=str(entry.get("VpcId", "")),
        instance_profile=str(entry.get("IamInstanceProfile", {}).get("Arn", "")).rpartition("/")[2],
        launch_time=entry.get("LaunchTime"),
        tags=tags,
    )


def _platform(entry: dict[str, Any]) -> str:
    """Name the platform: `Platform` is `windows` or absent, `PlatformDetails` says what is billed."""
    if str(entry.get("Platform", "")).lower() == "windows":
        return "Windows"
    details = str(entry.get("PlatformDetails", ""))
    return "Linux" if details in ("", "Linux/UNIX") else details


def join(instances: Iterable[Instance], nodes: Iterable[ManagedNode] | None) -> list[Instance]:
    """Give each instance its node and add the nodes that EC2 does not know; `nodes` is None where SSM failed."""
    if nodes is None:
        return [replace(instance, ssm_known=False) for instance in instances]
    by_id = {node.id: node for node in nodes}
    joined = [
        replace(instance, node=node, platform=node.platform or instance.platform)
        if (node := by_id.pop(instance.id, None))
        else instance
        for instance in instances
    ]
    return joined + [from_node(node) for node in by_id.values()]


def from_node(node: ManagedNode) -> Instance:
    """Make a machine of a node that EC2 does not know, or was not asked about."""
    return Instance(
        id=node.id,
        region=node.region,
        name=node.label,
        type="hybrid" if node.is_hybrid else "",
        private_ip=node.ip,
        platform=node.platform,
        launch_time=node.registered,
        node=node,
    )


def explain_unreachable(instance: Instance, *, now: datetime) -> tuple[str, str]:
    """Say why a session cannot be opened and what to do: a sentence and a hint. Pure; for machines not connectable."""
    status = instance.ssm_status
    if status is SsmStatus.NOT_RUNNING:
        if instance.state == "stopped":
            start = f"aws ec2 start-instances --region {instance.region} --instance-ids {instance.id}"
            return "the instance is stopped", f"start it: {start}"
        stopping = instance.state == "stopping"
        return f"the instance is {instance.state}", "wait for it to stop, then start it" if stopping else ""
    if status is SsmStatus.NOT_MANAGED:
        if not instance.instance_profile:
            return (
                "SSM does not know the instance, and it has no instance profile",
                "attach one with the policy AmazonSSMManagedInstanceCore; the agent registers within an hour",
            )
        return (
            f"SSM does not know the instance: no agent has registered (instance profile {instance.instance_profile})",
            "see that the SSM Agent runs, its role has AmazonSSMManagedInstanceCore, its subnet reaches SSM",
        )
    last = instance.node.last_ping if instance.node else None
    since = f" for {describe_age((now - last).total_seconds())}" if last else ""
    return (
        f"its SSM Agent has been offline{since}",
        "check the machine's load and network, or reboot it, then list it again",
    )


def _ssm(instance: Instance, now: datetime) -> Cell:
    status = instance.ssm_status
    text: str = status.value
    if status is SsmStatus.NOT_RUNNING:
        text = instance.state
    elif status in (SsmStatus.CONNECTION_LOST, SsmStatus.INACTIVE) and instance.node and instance.node.last_ping:
        text = f"{status.value} {describe_age((now - instance.node.last_ping).total_seconds())} ago"
    return Cell(text=text, style=_SSM_STYLES.get(status, Style.DIM))


def _state(instance: Instance, _now: datetime) -> Cell:
    return Cell(text=instance.state or "-", style=_STATE_STYLES.get(instance.state, Style.DIM))


def _name(instance: Instance, _now: datetime) -> Cell:
    return Cell(text=instance.name, style=Style.STRONG)


def _tags(instance: Instance, _now: datetime) -> Cell:
    return Cell(text=" ".join(f"{key}={value}" for key, value in instance.tags.items()))


COLUMNS: tuple[Column[Instance], ...] = (
    Column(key="name", title="Name", cell=_name, priority=1, min_width=20, max_width=40),
    Column(key="region", title="Region", cell=lambda instance, _now: Cell(text=instance.region), priority=1),
    Column(key="id", title="Instance ID", cell=lambda instance, _now: Cell(text=instance.id)),
    Column(key="state", title="State", cell=_state, priority=4),
    Column(key="type", title="Type", cell=lambda instance, _now: Cell(text=instance.type), priority=8),
    Column(
        key="private_ip", title="Private IP", cell=lambda instance, _now: Cell(text=instance.private_ip), priority=3
    ),
    Column(key="public_ip", title="Public IP", cell=lambda instance, _now: Cell(text=instance.public_ip), priority=9),
    Column(key="az", title="AZ", cell=lambda instance, _now: Cell(text=instance.az), priority=7),
    Column(
        key="platform",
        title="Platform",
        cell=lambda instance, _now: Cell(text=instance.platform),
        priority=6,
        min_width=12,
    ),
    Column(key="ssm", title="SSM", cell=_ssm, priority=2, min_width=14),  # cut, it still says ConnectionLos…
    Column(
        key="age",
        title="Age",
        cell=lambda instance, now: age_cell(instance.launch_time, now),
        priority=5,
        align_right=True,
    ),
    Column(key="tags", title="Tags", cell=_tags, is_hidden=True),
)
