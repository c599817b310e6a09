"""SSM's inventory, which moto lacks: DescribeInstanceInformation and GetConnectionStatus over the node table.

Sessions are answered in `sessions`, Run Command in `commands`; the nodes themselves are kept in `nodes`.
"""

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ec2menu.clock import SystemClock
from ec2menu.demo import strict
from ec2menu.demo.nodes import Node, complete, find_node, visible_agents, visible_nodes
from ec2menu.demo.strict import aws_error, check_length, paginate, param, reply

SMALLEST_PAGE, DEFAULT_PAGE, LARGEST_PAGE = 5, 10, 50
MOST_FILTER_VALUES = 100
HEARTBEAT_SECONDS = 300

_NODE_ID = re.compile(r"^(i-([0-9a-f]{8}|[0-9a-f]{17})|mi-[0-9a-f]{17})$")
_ALLOWED_VALUES = {
    "PingStatus": {"Online", "ConnectionLost", "Inactive"},
    "PlatformTypes": {"Windows", "Linux", "MacOS"},
    "ResourceType": {"EC2Instance", "ManagedInstance"},
    "AssociationStatus": {"Success", "Pending", "Failed"},
}
_FACTS: dict[str, Callable[[Node], str]] = {
    "InstanceIds": lambda node: node.id,
    "AgentVersion": lambda node: node.agent_version,
    "PingStatus": lambda node: node.ping,
    "PlatformTypes": lambda node: node.platform_type,
    "ActivationIds": lambda node: node.activation_id,
    "IamRole": lambda node: node.iam_role,
    "ResourceType": lambda node: "ManagedInstance" if node.is_hybrid else "EC2Instance",
    "AssociationStatus": lambda _: "Success",
    "SourceIds": lambda node: node.id,
    "SourceTypes": lambda node: "AWS::SSM::ManagedInstance" if node.is_hybrid else "AWS::EC2::Instance",
}
"""What a filter key of DescribeInstanceInformation compares with."""

Filters = list[tuple[str, list[str]]]


def install() -> None:
    """Put the inventory operations onto moto."""
    from moto.ssm.responses import SimpleSystemManagerResponse  # noqa: PLC0415 - moto is imported when the server starts

    strict.install(SimpleSystemManagerResponse, "describe_instance_information", _describe_instance_information)
    strict.install(SimpleSystemManagerResponse, "get_connection_status", _get_connection_status)


def _describe_instance_information(response: Any) -> Any:
    filters = _filters(response)
    token = param(response, "NextToken")
    now = SystemClock().wall()
    page, following = paginate(
        _selected(response.region, filters),
        token=token,
        size=param(response, "MaxResults"),
        default=DEFAULT_PAGE,
        minimum=SMALLEST_PAGE,
        maximum=LARGEST_PAGE,
    )
    result: dict[str, Any] = {
        "InstanceInformationList": [information(node, now=now) for node in complete(response.region, page)]
    }
    # SSM ends a list with an empty token as well as with none, so both forms occur here.
    if following or token:
        result["NextToken"] = following or ""
    return reply(result)


def _selected(region: str, filters: Filters) -> list[Node]:
    """Return the nodes that pass; without a filter nothing but the page needs to be looked up in EC2."""
    if not filters:
        return visible_agents(region)
    return [node for node in visible_nodes(region) if all(_passes(node, *each) for each in filters)]


def information(node: Node, *, now: datetime) -> dict[str, Any]:
    """Return the node as an entry of InstanceInformationList."""
    # Heartbeats of different agents come at different moments, up to five minutes apart.
    age = timedelta(seconds=zlib.crc32(node.id.encode()) % HEARTBEAT_SECONDS)
    found = {
        "InstanceId": node.id,
        "PingStatus": node.ping,
        "LastPingDateTime": node.last_ping or now - age,
        "AgentVersion": node.agent_version,
        "IsLatestVersion": False,
        "PlatformType": node.platform_type,
        "PlatformName": node.platform_name,
        "PlatformVersion": node.platform_version,
        "ActivationId": node.activation_id,
        "IamRole": node.iam_role,
        "RegistrationDate": node.registered if node.is_hybrid else None,
        "ResourceType": _FACTS["ResourceType"](node),
        "Name": node.name,
        "IPAddress": node.ip,
        "ComputerName": node.computer_name,
        "AssociationStatus": "Success",
        "SourceId": node.id,
        "SourceType": _FACTS["SourceTypes"](node),
    }
    return {key: value for key, value in found.items() if value not in (None, "")}


def _filters(response: Any) -> Filters:
    """Read the filters of either style and check them; raises SSM's own errors."""
    modern, legacy = param(response, "Filters") or [], param(response, "InstanceInformationFilterList") or []
    if modern and legacy:
        raise aws_error("ValidationException", "Filters and InstanceInformationFilterList cannot both be specified.")
    filters = [(str(each.get("Key", "")), list(each.get("Values", []))) for each in modern]
    filters += [(str(each.get("key", "")), list(each.get("valueSet", []))) for each in legacy]
    tagged = [key for key, _ in filters if _is_tag(key)]
    if tagged and len(tagged) != len(filters):
        raise aws_error("ValidationException", "Tag filters cannot be combined with other filters.")
    if tagged and legacy:
        raise aws_error("InvalidFilterKey", "The specified key isn't valid.")
    for key, values in filters:
        _check_filter(key, values)
    return filters


def _check_filter(key: str, values: Sequence[str]) -> None:
    if key not in _FACTS and not _is_tag(key):
        raise aws_error("InvalidFilterKey", "The specified key isn't valid.")
    check_length("filters", len(values), maximum=MOST_FILTER_VALUES)
    if key in _ALLOWED_VALUES and not _ALLOWED_VALUES[key].issuperset(values):
        raise aws_error("InvalidInstanceInformationFilterValue", "The specified filter value isn't valid.")
    if key == "InstanceIds" and not all(_NODE_ID.match(value) for value in values):
        raise aws_error("InvalidInstanceId", "The specified instance ID isn't valid.")


def _is_tag(key: str) -> bool:
    return key == "tag-key" or key.startswith("tag:")


def _passes(node: Node, key: str, values: Sequence[str]) -> bool:
    tags: Mapping[str, str] = node.tags
    if key == "tag-key":
        return any(value in tags for value in values)
    if key.startswith("tag:"):
        return tags.get(key.removeprefix("tag:")) in values
    return _FACTS[key](node) in values


def _get_connection_status(response: Any) -> Any:
    target = str(param(response, "Target", ""))
    node = find_node(response.region, target)
    status = "connected" if node is not None and node.is_online else "notconnected"
    return reply({"Target": target, "Status": status})
