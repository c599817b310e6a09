"""What SSM SendCommand accepts: its limits, patterns and defaults, and which nodes a request means.

A request becomes an `Order`, or AWS's own error. Nothing here runs, stores or lists a command.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ec2menu.demo import nodes
from ec2menu.demo.invocations import Limits, Target
from ec2menu.demo.strict import ACCOUNT_ID, Refused, aws_error

MAX_INSTANCE_IDS = 50
MAX_TARGETS = 5
MAX_TARGET_VALUES = 50
MAX_COMMENT = 100
MAX_PARAMETERS_BYTES = 64 * 1024
MAX_WORKING_DIRECTORY = 4096
DELIVERY_TIMEOUT_SECONDS = (30, 2592000)
EXECUTION_TIMEOUT_SECONDS = (1, 172800)
AGENT_TIMEOUT_SECONDS = (5, 172800)
DEFAULT_TIMEOUT_SECONDS = 3600
DEFAULT_MAX_CONCURRENCY = "50"
DEFAULT_MAX_ERRORS = "0"

PLUGIN_OF_DOCUMENT = {
    "AWS-RunShellScript": "aws:runShellScript",
    "AWS-RunPowerShellScript": "aws:runPowerShellScript",
}
_PLATFORMS = {"AWS-RunShellScript": ("Linux", "MacOS"), "AWS-RunPowerShellScript": ("Windows",)}
_PARAMETERS = frozenset({"commands", "workingDirectory", "executionTimeout"})
_NODE_ID = re.compile(r"i-(\w{8}|\w{17})|mi-\w{17}")
_MAX_CONCURRENCY = re.compile(r"[1-9][0-9]*|[1-9][0-9]%|[1-9]%|100%")
_MAX_ERRORS = re.compile(r"[1-9][0-9]*|0|[1-9][0-9]%|[0-9]%|100%")
_MAX_LIMIT_LENGTH = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A SendCommand request that passed every check that needs no look at the nodes."""

    document: str
    parameters: Mapping[str, list[str]]
    instance_ids: tuple[str, ...] = ()
    targets: Sequence[Mapping[str, Any]] = ()
    comment: str = ""
    max_concurrency: str = DEFAULT_MAX_CONCURRENCY
    max_errors: str = DEFAULT_MAX_ERRORS
    timeout_seconds: int = DEFAULT_TIMEOUT_SECONDS
    sinks: Mapping[str, Any] = field(default_factory=dict)

    @property
    def commands(self) -> tuple[str, ...]:
        """The script's lines as sent."""
        return tuple(self.parameters["commands"])

    @property
    def execution_timeout_seconds(self) -> int:
        """What the agent makes of the document's `executionTimeout`: outside 5..172800 it takes 3600."""
        asked = int(self.parameters.get("executionTimeout", [str(DEFAULT_TIMEOUT_SECONDS)])[0])
        return asked if AGENT_TIMEOUT_SECONDS[0] <= asked <= AGENT_TIMEOUT_SECONDS[1] else DEFAULT_TIMEOUT_SECONDS

    def limits(self, target_count: int) -> Limits:
        """Return the limits in nodes and seconds for a command on `target_count` nodes."""
        return Limits(
            max_concurrency=max(1, _in_nodes(self.max_concurrency, target_count)),
            max_errors=_in_nodes(self.max_errors, target_count),
            delivery_timeout_seconds=self.timeout_seconds,
            execution_timeout_seconds=self.execution_timeout_seconds,
        )


def read_order(request: Mapping[str, Any]) -> Order:
    """Check a SendCommand request against the service's limits and return it as an `Order`; raises `Refused`."""
    _check_instance_ids(request)
    _check_targets(request)
    _check_numbers(request)
    document = str(request["DocumentName"]).rpartition("/")[2]
    if document not in PLUGIN_OF_DOCUMENT:
        raise aws_error("InvalidDocument", f"Document {document} does not exist in your account")
    parameters = request.get("Parameters", {})
    _check_parameters(parameters)
    sinks = ("OutputS3BucketName", "OutputS3KeyPrefix", "CloudWatchOutputConfig", "NotificationConfig")
    return Order(
        document=document,
        parameters=parameters,
        instance_ids=tuple(request.get("InstanceIds", ())),
        targets=request.get("Targets", ()),
        comment=request.get("Comment", ""),
        max_concurrency=request.get("MaxConcurrency", DEFAULT_MAX_CONCURRENCY),
        max_errors=request.get("MaxErrors", DEFAULT_MAX_ERRORS),
        timeout_seconds=request.get("TimeoutSeconds", DEFAULT_TIMEOUT_SECONDS),
        sinks={name: request[name] for name in sinks if name in request},
    )


def find_targets(order: Order, *, region: str) -> list[Target]:
    """Return the nodes that `order` means.

    Ids have to be online and of the document's platform or the whole call is refused with `InvalidInstanceId` or
    `UnsupportedPlatformType`. Nodes found by tag are taken as they are; what cannot run shows in their status.
    """
    ids = (*order.instance_ids, *_listed_ids(order.targets))
    if ids:
        return _named_nodes(ids, document=order.document, region=region)
    found = [node for node in nodes.visible_nodes(region) if _matches(node, order.targets)]
    return [_as_target(node, refusal=_refusal(node, document=order.document)) for node in found]


def check_node_id(node_id: str, *, name: str) -> None:
    """Refuse what is not the id of a node, as the model's pattern does."""
    if not _NODE_ID.fullmatch(node_id):
        raise invalid(node_id, name=name, rule=f"Member must satisfy regular expression pattern: {_NODE_ID.pattern}")


def invalid(value: object, *, name: str, rule: str) -> Refused:
    """Return the ValidationException that every JSON service writes for a broken limit or pattern."""
    text = f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {rule}"
    return aws_error("ValidationException", text)


def _check_instance_ids(request: Mapping[str, Any]) -> None:
    ids = request.get("InstanceIds", [])
    if len(ids) > MAX_INSTANCE_IDS:
        # Not a validation error: SSM has been seen to answer so, and clients retry it in vain.
        raise aws_error("ThrottlingException", "Rate exceeded")
    for node_id in ids:
        check_node_id(node_id, name="instanceIds")
    if len(set(ids)) < len(ids):
        raise aws_error("DuplicateInstanceId", "You can't specify a managed node ID more than once.")
    if bool(ids) == bool(request.get("Targets")):
        raise aws_error("ValidationException", "Specify either InstanceIds or Targets, and not both.")


def _check_targets(request: Mapping[str, Any]) -> None:
    targets = request.get("Targets", [])
    at_most = "Member must have length less than or equal to {limit}"
    if len(targets) > MAX_TARGETS:
        raise invalid(targets, name="targets", rule=at_most.format(limit=MAX_TARGETS))
    for target in targets:
        if len(target.get("Values", [])) > MAX_TARGET_VALUES:
            raise invalid(target, name="targets", rule=at_most.format(limit=MAX_TARGET_VALUES))
        key = target.get("Key", "")
        if not key.startswith("tag:") and key not in {"InstanceIds", "tag-key"}:
            raise aws_error("ValidationException", f"Target key {key} is not supported.")


def _check_numbers(request: Mapping[str, Any]) -> None:
    comment = request.get("Comment", "")
    if len(comment) > MAX_COMMENT:
        rule = f"Member must have length less than or equal to {MAX_COMMENT}"
        raise invalid(comment, name="comment", rule=rule)
    seconds = request.get("TimeoutSeconds", DEFAULT_TIMEOUT_SECONDS)
    low, high = DELIVERY_TIMEOUT_SECONDS
    if not low <= seconds <= high:
        bound = f"greater than or equal to {low}" if seconds < low else f"less than or equal to {high}"
        raise invalid(seconds, name="timeoutSeconds", rule=f"Member must have value {bound}")
    for name, pattern in (("MaxConcurrency", _MAX_CONCURRENCY), ("MaxErrors", _MAX_ERRORS)):
        value = request.get(name, "1")
        if len(value) > _MAX_LIMIT_LENGTH or not pattern.fullmatch(value):
            rule = f"Member must satisfy regular expression pattern: ^({pattern.pattern})$"
            raise invalid(value, name=name[0].lower() + name[1:], rule=rule)


def _check_parameters(parameters: Mapping[str, list[str]]) -> None:
    """Apply the parameter rules of AWS-RunShellScript, which are those of AWS-RunPowerShellScript as well."""
    unknown = sorted(set(parameters) - _PARAMETERS)
    if unknown:
        raise aws_error("InvalidParameters", f"Parameters provided in request are not supported: {unknown}")
    if not parameters.get("commands"):
        raise aws_error("InvalidParameters", "Parameter commands is required and must not be empty.")
    for name in ("workingDirectory", "executionTimeout"):
        if name in parameters and len(parameters[name]) != 1:
            raise aws_error("InvalidParameters", f"Parameter {name} takes exactly one value.")
    if len(parameters.get("workingDirectory", [""])[0]) > MAX_WORKING_DIRECTORY:
        raise aws_error("InvalidParameters", f"workingDirectory is longer than {MAX_WORKING_DIRECTORY} characters.")
    timeout = parameters.get("executionTimeout", ["3600"])[0]
    low, high = EXECUTION_TIMEOUT_SECONDS
    if not timeout.isdecimal() or not low <= int(timeout) <= high:
        raise aws_error("InvalidParameters", f"executionTimeout {timeout!r} is not within {low} and {high} seconds.")
    if len(json.dumps(parameters, ensure_ascii=False).encode()) > MAX_PARAMETERS_BYTES:
        raise aws_error("MaxDocumentSizeExceeded", "The size limit of a document is 64 KB.")


def _in_nodes(limit: str, target_count: int) -> int:
    return target_count * int(limit[:-1]) // 100 if limit.endswith("%") else int(limit)


def _listed_ids(targets: Sequence[Mapping[str, Any]]) -> list[str]:
    return [node_id for target in targets if target["Key"] == "InstanceIds" for node_id in target["Values"]]


def _named_nodes(ids: Sequence[str], *, document: str, region: str) -> list[Target]:
    found = {node_id: nodes.find_node(region, node_id) for node_id in ids}
    bad = [node_id for node_id, node in found.items() if node is None or not node.is_online]
    if bad:
        listed = ", ".join(bad)
        raise aws_error("InvalidInstanceId", f"Instances [[{listed}]] not in a valid state for account {ACCOUNT_ID}")
    known = [node for node in found.values() if node is not None]
    if any(node.platform_type not in _PLATFORMS[document] for node in known):
        text = f"The document {document} does not support the platform type of the given managed node IDs."
        raise aws_error("UnsupportedPlatformType", text)
    return [_as_target(node) for node in known]


def _matches(node: nodes.Node, targets: Sequence[Mapping[str, Any]]) -> bool:
    return all(_matches_one(node, target) for target in targets)


def _matches_one(node: nodes.Node, target: Mapping[str, Any]) -> bool:
    if target["Key"] == "tag-key":
        return any(key in node.tags for key in target["Values"])
    return node.tags.get(target["Key"].removeprefix("tag:")) in target["Values"]


def _refusal(node: nodes.Node, *, document: str) -> str:
    if not node.is_online:
        return "Undeliverable"
    return "" if node.platform_type in _PLATFORMS[document] else "InvalidPlatform"


def _as_target(node: nodes.Node, *, refusal: str = "") -> Target:
    return Target(id=node.id, platform_type=node.platform_type, computer_name=node.computer_name, refusal=refusal)
