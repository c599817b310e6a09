"""How an instance of moto looks in DescribeInstances: its facts under EC2's filter names, the filters, and the XML.

The XML is written directly: moto's general serializer asks moto for every attribute by name and scans all tags of the
region for each instance, which makes a thousand instances cost seconds. Nothing here pages, refuses or changes state.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any
from xml.sax.saxutils import escape

from ec2menu.demo.strict import ACCOUNT_ID

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"

_WILDCARD = re.compile(r"\\(.)|([*?])|([^*?\\]+)", re.DOTALL)
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(value: object) -> str:
    """Return a value as XML text; characters that XML 1.0 cannot carry become U+FFFD."""
    return escape(_NOT_XML.sub("\ufffd", str(value)))


class InstanceView:
    """One instance of moto's, read once: `facts` has a text per EC2 filter name, `tags` are its tags."""

    def __init__(self, instance: Any, *, reservation_id: str, tags: Mapping[str, str]) -> None:
        self.instance = instance
        self.reservation_id = reservation_id
        self.tags = tags

    @cached_property
    def facts(self) -> dict[str, str]:
        """What is known of the instance; unknown facts are absent."""
        one = self.instance
        nic = one.nics.get(0)
        profile = one.iam_instance_profile or {}
        found = {
            "instance-id": one.id,
            "image-id": one.image_id,
            "instance-state-name": one.state,
            "instance-state-code": str(one.state_code),
            "instance-type": one.instance_type,
            "launch-time": _moment(one.launch_time),
            "availability-zone": one.placement.zone,
            "key-name": one.key_name,
            "platform": one.platform,
            "platform-details": "Windows" if one.platform == "windows" else "Linux/UNIX",
            "architecture": one.architecture,
            "owner-id": ACCOUNT_ID,
            "reservation-id": self.reservation_id,
            "root-device-type": one.root_device_type,
            "root-device-name": one.root_device_name,
            "virtualization-type": one.virtualization_type,
            "hypervisor": one.hypervisor,
            "tenancy": one.placement.tenancy,
            "monitoring-state": one.monitoring_state,
            "instance-lifecycle": one.lifecycle,
            "state-reason-code": one.state_reason.code,
            "iam-instance-profile.arn": profile.get("Arn"),
            "iam-instance-profile.id": profile.get("Id"),
        }
        if nic is not None and one.state != "terminated":
            found |= {
                "private-ip-address": nic.private_ip_address,
                "ip-address": nic.public_ip,
                "private-dns-name": one.private_dns_name,
                "dns-name": one.public_dns_name,
                "subnet-id": nic.subnet.id,
                "vpc-id": nic.subnet.vpc_id,
            }
        return {name: str(value) for name, value in found.items() if value}

    @property
    def groups(self) -> list[Any]:
        """The security groups, as moto has them."""
        return list(self.instance.security_groups)

    def values(self, filter_name: str) -> list[str]:
        """Return what a filter compares with."""
        if filter_name == "tag-key":
            return list(self.tags)
        if filter_name.startswith("tag:"):
            key = filter_name.removeprefix("tag:")
            return [self.tags[key]] if key in self.tags else []
        if filter_name == "instance.group-id":
            return [group.id for group in self.groups]
        if filter_name == "instance.group-name":
            return [group.name for group in self.groups]
        return [self.facts[filter_name]] if filter_name in self.facts else []


FILTERS = frozenset(
    [
        "instance-id",
        "image-id",
        "instance-state-name",
        "instance-state-code",
        "instance-type",
        "launch-time",
        "availability-zone",
        "key-name",
        "platform",
        "platform-details",
        "architecture",
        "owner-id",
        "reservation-id",
        "root-device-type",
        "root-device-name",
        "virtualization-type",
        "hypervisor",
        "tenancy",
        "monitoring-state",
        "instance-lifecycle",
        "state-reason-code",
        "iam-instance-profile.arn",
        "iam-instance-profile.id",
        "private-ip-address",
        "ip-address",
        "private-dns-name",
        "dns-name",
        "subnet-id",
        "vpc-id",
        "tag-key",
        "instance.group-id",
        "instance.group-name",
    ]
)
"""The filter names that DescribeInstances takes here, next to `tag:KEY`."""


def is_filter(name: str) -> bool:
    """Say whether DescribeInstances knows a filter of this name."""
    return name in FILTERS or (name.startswith("tag:") and len(name) > len("tag:"))


def pattern(value: str) -> re.Pattern[str]:
    r"""Return EC2's filter value as a pattern: `*` any text, `?` one character, `\` makes the next one literal."""
    parts = (
        re.escape(quoted or plain) if not wild else {"*": ".*", "?": "."}[wild]
        for quoted, wild, plain in _WILDCARD.findall(value)
    )
    return re.compile("".join(parts), re.DOTALL)


def matches(view: InstanceView, filters: Sequence[tuple[str, Sequence[re.Pattern[str]]]]) -> bool:
    """Say whether the instance passes all filters; one matching value is enough in each."""
    return all(
        any(wanted.fullmatch(value) for wanted in patterns for value in view.values(name)) for name, patterns in filters
    )


def describe_xml(views: Sequence[InstanceView], *, next_token: str | None, request_id: str) -> str:
    """Return the body of a DescribeInstances answer; neighbours of one reservation share its element."""
    parts: list[str] = []
    reservation = ""
    for view in views:
        if view.reservation_id != reservation:
            if reservation:
                parts.append("</instancesSet></item>")
            reservation = view.reservation_id
            parts.append(
                f"<item><reservationId>{reservation}</reservationId><ownerId>{ACCOUNT_ID}</ownerId>"
                "<groupSet/><instancesSet>"
            )
        parts.append(instance_xml(view))
    if reservation:
        parts.append("</instancesSet></item>")
    token = f"<nextToken>{text(next_token)}</nextToken>" if next_token else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<DescribeInstancesResponse xmlns="{NAMESPACE}">'
        f"<requestId>{request_id}</requestId><reservationSet>{''.join(parts)}</reservationSet>{token}"
        "</DescribeInstancesResponse>"
    )


_PLAIN = (
    ("instance-id", "instanceId"),
    ("image-id", "imageId"),
    ("private-dns-name", "privateDnsName"),
    ("dns-name", "dnsName"),
    ("key-name", "keyName"),
    ("instance-type", "instanceType"),
    ("launch-time", "launchTime"),
    ("platform", "platform"),
    ("platform-details", "platformDetails"),
    ("subnet-id", "subnetId"),
    ("vpc-id", "vpcId"),
    ("private-ip-address", "privateIpAddress"),
    ("ip-address", "ipAddress"),
    ("architecture", "architecture"),
    ("root-device-type", "rootDeviceType"),
    ("root-device-name", "rootDeviceName"),
    ("virtualization-type", "virtualizationType"),
    ("hypervisor", "hypervisor"),
    ("instance-lifecycle", "instanceLifecycle"),
)


def instance_xml(view: InstanceView) -> str:
    """Return one `item` of an instancesSet."""
    facts, one = view.facts, view.instance
    parts = [f"<{tag}>{text(facts[name])}</{tag}>" for name, tag in _PLAIN if name in facts]
    parts.append(f"<instanceState><code>{one.state_code}</code><name>{one.state}</name></instanceState>")
    parts.append(f"<placement><availabilityZone>{text(facts.get('availability-zone', ''))}</availabilityZone>")
    parts.append(f"<groupName/><tenancy>{one.placement.tenancy}</tenancy></placement>")
    parts.append(f"<amiLaunchIndex>{one.ami_launch_index}</amiLaunchIndex><reason>{text(one._reason)}</reason>")  # noqa: SLF001 - moto's property serves its serializer only
    parts.append(f"<monitoring><state>{one.monitoring_state}</state></monitoring>")
    if one.state_reason.code:
        parts.append(f"<stateReason><code>{text(one.state_reason.code)}</code>")
        parts.append(f"<message>{text(one.state_reason.message)}</message></stateReason>")
    if "iam-instance-profile.arn" in facts:
        parts.append(f"<iamInstanceProfile><arn>{text(facts['iam-instance-profile.arn'])}</arn>")
        parts.append(f"<id>{text(facts.get('iam-instance-profile.id', ''))}</id></iamInstanceProfile>")
    groups = (f"<item><groupId>{g.id}</groupId><groupName>{text(g.name)}</groupName></item>" for g in view.groups)
    parts.append(f"<groupSet>{''.join(groups)}</groupSet>")
    # AWS leaves the whole element out where there are no tags.
    tags = (f"<item><key>{text(k)}</key><value>{text(v)}</value></item>" for k, v in view.tags.items())
    if view.tags:
        parts.append(f"<tagSet>{''.join(tags)}</tagSet>")
    return f"<item>{''.join(parts)}</item>"


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
