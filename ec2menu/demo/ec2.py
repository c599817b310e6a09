"""EC2 as AWS answers it where moto does not.

DescribeInstances paged by instance, StartInstances that takes time, DescribeRegions with opt-in states, DescribeSubnets
in pages. Everything else of EC2 (RunInstances, StopInstances, tags, networks) stays moto's own.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ec2menu.demo import account, boot, strict
from ec2menu.demo.instances import InstanceView, describe_xml, is_filter, matches, pattern
from ec2menu.demo.strict import EC2, aws_error, paginate, param, reply

SMALLEST_PAGE, LARGEST_PAGE = 5, 1000
MOST_FILTER_VALUES = 200
_INSTANCE_ID = re.compile(r"^i-([0-9a-f]{8}|[0-9a-f]{17})$")
_REGION_FILTERS = {"region-name": "RegionName", "endpoint": "Endpoint", "opt-in-status": "OptInStatus"}


def install() -> None:
    """Put DescribeInstances and DescribeRegions onto moto."""
    from moto.ec2.responses import EC2Response  # noqa: PLC0415 - moto is imported when the server starts

    strict.install(EC2Response, "describe_instances", _describe_instances)
    strict.install(EC2Response, "start_instances", _start_instances)
    strict.install(EC2Response, "describe_regions", _describe_regions)
    strict.install(EC2Response, "describe_subnets", _describe_subnets)


def _describe_instances(response: Any) -> Any:
    _refuse_dry_run(response)
    ids = list(param(response, "InstanceIds", []))
    size = param(response, "MaxResults")
    if ids and size is not None:
        text = "The parameter instancesSet cannot be used with the parameter maxResults"
        raise aws_error("InvalidParameterCombination", text)
    filters = _filters(response)
    views = list(_views(response.ec2_backend))
    if ids:
        views = _pick(views, ids)
    page, token = paginate(
        [view for view in views if matches(view, filters)],
        token=param(response, "NextToken"),
        size=size,
        default=None,
        minimum=SMALLEST_PAGE,
        maximum=LARGEST_PAGE,
        style=EC2,
    )
    body = describe_xml(page, next_token=token, request_id=strict.REQUEST_ID)
    return 200, {"status": 200, "Content-Type": "text/xml"}, body


def _views(backend: Any) -> Iterable[InstanceView]:
    boot.settle(backend.region_name)
    for reservation in list(backend.reservations.values()):
        for instance in list(reservation.instances):
            tags = dict(backend.tags.get(instance.id, {}))
            yield InstanceView(instance, reservation_id=reservation.id, tags=tags)


def _pick(views: Sequence[InstanceView], ids: Sequence[str]) -> list[InstanceView]:
    """Return the views of `ids`; raises InvalidInstanceID errors if one is malformed or unknown."""
    for wanted in ids:
        if not _INSTANCE_ID.match(wanted):
            raise aws_error("InvalidInstanceID.Malformed", f'Invalid id: "{wanted}"')
    known = {view.instance.id: view for view in views}
    missing = [wanted for wanted in ids if wanted not in known]
    if len(missing) == 1:
        raise aws_error("InvalidInstanceID.NotFound", f"The instance ID '{missing[0]}' does not exist")
    if missing:
        raise aws_error("InvalidInstanceID.NotFound", f"The instance IDs '{', '.join(missing)}' do not exist")
    return [known[wanted] for wanted in dict.fromkeys(ids)]


def _start_instances(response: Any) -> Any:
    """Start stopped instances; those that run or start already are left as they are, and all or none are started."""
    _refuse_dry_run(response)
    ids = list(param(response, "InstanceIds", []))
    if not ids:
        raise aws_error("MissingParameter", "The request must contain the parameter InstanceId")
    found = [view.instance for view in _pick(list(_views(response.ec2_backend)), ids)]
    for instance in found:
        if instance.state not in ("stopped", "pending", "running"):
            text = f"The instance '{instance.id}' is not in a state from which it can be started."
            raise aws_error("IncorrectInstanceState", text)
    return reply({"StartingInstances": [_started(response.region, instance) for instance in found]})


def _started(region: str, instance: Any) -> dict[str, Any]:
    before = {"Code": instance.state_code, "Name": instance.state}
    if instance.state == "stopped":
        boot.begin(region, instance)
    now = {"Code": instance.state_code, "Name": instance.state}
    return {"InstanceId": instance.id, "CurrentState": now, "PreviousState": before}


def _describe_subnets(response: Any) -> Any:
    """Leave looking and filtering to moto, and cut what it finds into pages."""
    _refuse_dry_run(response)
    ids, size = param(response, "SubnetIds"), param(response, "MaxResults")
    if ids and size is not None:
        text = "The parameter subnetIdSet cannot be used with the parameter maxResults"
        raise aws_error("InvalidParameterCombination", text)
    filters = {str(each["Name"]): list(each.get("Values", [])) for each in param(response, "Filters", [])}
    page, token = paginate(
        response.ec2_backend.describe_subnets(ids, filters),
        token=param(response, "NextToken"),
        size=size,
        default=None,
        minimum=SMALLEST_PAGE,
        maximum=LARGEST_PAGE,
        style=EC2,
    )
    return reply({"Subnets": page, "NextToken": token})


def _filters(response: Any) -> list[tuple[str, list[re.Pattern[str]]]]:
    """Read and check the request's filters; each value is a pattern."""
    filters = [(str(each.get("Name", "null")), each.get("Values", [])) for each in param(response, "Filters", [])]
    if sum(len(values) for _, values in filters) > MOST_FILTER_VALUES:
        text = f"The maximum number of filter values specified on a single call is {MOST_FILTER_VALUES}"
        raise aws_error("FilterLimitExceeded", text)
    for name, _ in filters:
        if not is_filter(name):
            raise aws_error("InvalidParameterValue", f"The filter '{name}' is invalid")
    return [(name, [pattern(str(value)) for value in values]) for name, values in filters]


def _describe_regions(response: Any) -> Any:
    _refuse_dry_run(response)
    regions = [_region(name, "opt-in-not-required") for name in account.ENABLED_REGIONS]
    if param(response, "AllRegions", False):
        regions += [_region(name, "not-opted-in") for name in account.OPT_IN_REGIONS]
    names = param(response, "RegionNames", [])
    unknown = [name for name in names if name not in account.ENABLED_REGIONS + account.OPT_IN_REGIONS]
    if unknown:
        raise aws_error("InvalidParameterValue", f"Invalid region provided: {', '.join(unknown)}")
    for each in param(response, "Filters", []):
        key = _REGION_FILTERS.get(str(each.get("Name", "null")))
        if key is None:
            raise aws_error("InvalidParameterValue", f"The filter '{each.get('Name', 'null')}' is invalid")
        patterns = [pattern(str(value)) for value in each.get("Values", [])]
        regions = [region for region in regions if any(wanted.fullmatch(region[key]) for wanted in patterns)]
    return reply({"Regions": [region for region in regions if not names or region["RegionName"] in names]})


def _region(name: str, opt_in_status: str) -> dict[str, str]:
    return {"RegionName": name, "Endpoint": f"ec2.{name}.amazonaws.com", "OptInStatus": opt_in_status}


def _refuse_dry_run(response: Any) -> None:
    if param(response, "DryRun"):
        raise aws_error("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", status=412)
