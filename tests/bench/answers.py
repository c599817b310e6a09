"""What the canned endpoint answers to one request: AWS's limits, paging and refusals over pre-rendered bytes.

Pure: bytes of a request in, parts of a reply out. What it does not know it refuses, so that a client which asks for
something else is noticed. Signatures are not checked, only that there is one; `canned` does the HTTP.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl
from zlib import crc32

from tests.bench.fleet import DEFAULT_REGIONS, REGION_NAMES, Machine, RegionFleet

Buffer = bytes | memoryview
XML, JSON = b"text/xml;charset=UTF-8", b"application/x-amz-json-1.1"
EC2_PAGE, SSM_PAGE, SSM_DEFAULT = (5, 1000), (5, 50), 10
MOST_FILTER_VALUES = 100
_EC2_SPACE = b'xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"'
_REQUEST_ID = b"<requestId>59dbff89-35bd-4eac-99ed-be587ed81825</requestId>"
_FACTS: Mapping[str, Callable[[Machine], str]] = {
    "InstanceIds": lambda machine: machine.id,
    "PingStatus": lambda machine: machine.ping,
    "PlatformTypes": lambda machine: machine.platform,
    "ResourceType": lambda machine: machine.resource_type,
}


class Refused(Exception):
    """AWS's refusal of a call."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call: who signed it for what (the credential scope), its operation, and its parameters undecoded."""

    service: str
    region: str
    operation: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer, its body in parts to be sent one after the other."""

    status: int
    content_type: bytes
    parts: Sequence[Buffer]


Operation = Callable[[Request, Mapping[str, RegionFleet]], Reply]


def read_request(headers: Mapping[bytes, bytes], body: bytes) -> Request:
    """Read what is asked from the headers (lower-case names) and the body."""
    scope = headers.get(b"authorization", b"").partition(b"Credential=")[2].partition(b",")[0].decode().split("/")
    region, service = (scope[2], scope[3]) if len(scope) == 5 else ("", "")
    target = headers.get(b"x-amz-target", b"").decode()
    operation = target.rpartition(".")[2] if target else dict(parse_qsl(body.decode())).get("Action", "")
    return Request(service=service, region=region, operation=operation, body=body)


def answer(request: Request, fleets: Mapping[str, RegionFleet]) -> Reply:
    """Answer the request, a refusal included."""
    try:
        return _find(request, fleets)(request, fleets)
    except Refused as refused:
        return refuse(request, refused)


def refuse(request: Request, refused: Refused) -> Reply:
    """Write a refusal in the words of the service's protocol."""
    if request.service == "ssm":
        text = json.dumps({"__type": refused.code, "message": refused.message})
        return Reply(status=400, content_type=JSON, parts=[text.encode()])
    inner = f"<Code>{refused.code}</Code><Message>{refused.message}</Message></Error>"
    if request.service == "ec2":
        text = f"<Response><Errors><Error>{inner}</Errors><RequestID>59dbff89</RequestID></Response>"
    else:
        text = f"<ErrorResponse><Error><Type>Sender</Type>{inner}<RequestId>59dbff89</RequestId></ErrorResponse>"
    return Reply(status=400, content_type=XML, parts=[text.encode()])


def _find(request: Request, fleets: Mapping[str, RegionFleet]) -> Operation:
    known = _OPERATIONS.get((request.service, request.operation))
    if known is None:
        raise Refused("InvalidAction", f"The action {request.operation} is not valid for {request.service or '?'}")
    if request.region not in fleets:
        raise Refused(_BAD_KEY_CODES[request.service], "AWS was not able to validate the provided credentials")
    return known


def _describe_instances(request: Request, fleets: Mapping[str, RegionFleet]) -> Reply:
    parameters = _query(request, "MaxResults", "NextToken")
    instances = fleets[request.region].instances
    token = parameters.get("NextToken", "")
    size = parameters.get("MaxResults")
    _check_size(size, EC2_PAGE, "InvalidParameterValue")
    first = _place(token, request.region, "InvalidParameterValue")
    last = min(len(instances), first + int(size)) if size else len(instances)
    end = b"</reservationSet>"
    if last < len(instances):
        end += f"<nextToken>{_token(last, request.region)}</nextToken>".encode()
    opening = b"<DescribeInstancesResponse %b>%b<reservationSet>" % (_EC2_SPACE, _REQUEST_ID)
    return _xml(opening, instances.run(first, last), end + b"</DescribeInstancesResponse>")


def _describe_regions(request: Request, fleets: Mapping[str, RegionFleet]) -> Reply:
    parameters = _query(request, "AllRegions")
    entries = []
    for number, name in enumerate(REGION_NAMES):
        opt_in = "opt-in-not-required" if number < DEFAULT_REGIONS else "opted-in"
        if name not in fleets:
            opt_in = "not-opted-in"
        if name in fleets or parameters.get("AllRegions") == "true":
            endpoint = f"<regionEndpoint>ec2.{name}.amazonaws.com</regionEndpoint>"
            status = f"<optInStatus>{opt_in}</optInStatus>"
            entries.append(f"<item><regionName>{name}</regionName>{endpoint}{status}</item>")
    opening = b"<DescribeRegionsResponse %b>%b<regionInfo>" % (_EC2_SPACE, _REQUEST_ID)
    return _xml(opening, "".join(entries).encode(), b"</regionInfo></DescribeRegionsResponse>")


def _describe_nodes(request: Request, fleets: Mapping[str, RegionFleet]) -> Reply:
    parameters = json.loads(request.body or b"{}")
    if unknown := parameters.keys() - {"MaxResults", "NextToken", "Filters"}:
        raise Refused("ValidationException", f"not known here: {', '.join(sorted(unknown))}")
    size = parameters.get("MaxResults", SSM_DEFAULT)
    _check_size(size, SSM_PAGE, "ValidationException")
    filters = _filters(parameters.get("Filters", []))
    fleet, query = fleets[request.region], json.dumps([request.region, parameters.get("Filters", [])])
    first = _place(parameters.get("NextToken", ""), query, "InvalidNextToken")
    chosen = _choose(fleet, filters) if filters else range(len(fleet.machines))
    page = chosen[first : first + size]
    parts: list[Buffer] = [b'{"InstanceInformationList":[']
    if isinstance(page, range):
        parts.append(fleet.nodes.run(page.start, page.stop))
    else:
        parts.append(b",".join(fleet.nodes.run(number, number + 1) for number in page))
    left = f',"NextToken":"{_token(first + size, query)}"' if first + size < len(chosen) else ""
    return Reply(status=200, content_type=JSON, parts=[*parts, f"]{left}}}".encode()])


def _filters(entries: Sequence[Mapping[str, object]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for entry in entries:
        key, values = str(entry.get("Key", "")), entry.get("Values", [])
        if key not in _FACTS:
            raise Refused("InvalidFilterKey", f"not known here: {key}")
        if not isinstance(values, list) or not 1 <= len(values) <= MOST_FILTER_VALUES:
            raise Refused("ValidationException", f"Filters.Values must have 1 to {MOST_FILTER_VALUES} members")
        found[key] = set(values)
    return found


def _choose(fleet: RegionFleet, filters: Mapping[str, set[str]]) -> list[int]:
    ids = filters.get("InstanceIds")
    numbers = range(len(fleet.machines)) if ids is None else sorted(fleet.numbers[i] for i in ids if i in fleet.numbers)
    return [
        number
        for number in numbers
        if all(_FACTS[key](fleet.machines[number]) in values for key, values in filters.items())
    ]


def _get_caller_identity(request: Request, _fleets: Mapping[str, RegionFleet]) -> Reply:
    _query(request)
    space = b'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"'
    identity = b"<Arn>arn:aws:iam::123456789012:user/bench</Arn><UserId>AIDA</UserId><Account>123456789012</Account>"
    inner = b"<GetCallerIdentityResult>%b</GetCallerIdentityResult>" % identity
    return _xml(b"<GetCallerIdentityResponse %b>" % space, inner, b"</GetCallerIdentityResponse>")


def _xml(*parts: Buffer) -> Reply:
    return Reply(status=200, content_type=XML, parts=parts)


def _query(request: Request, *known: str) -> dict[str, str]:
    """Return the parameters of a query protocol; raises Refused for those that are not known here."""
    parameters = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    if unknown := parameters.keys() - {"Action", "Version", *known}:
        raise Refused("UnknownParameter", f"not known here: {', '.join(sorted(unknown))}")
    return parameters


def _check_size(size: object, limits: tuple[int, int], code: str) -> None:
    low, high = limits
    if size is not None and not (str(size).isdecimal() and low <= int(str(size)) <= high):
        raise Refused(code, f"Value ( {size} ) for parameter maxResults is invalid. Expecting {low} to {high}")


def _token(place: int, query: str) -> str:
    """Return a token that only continues the same query."""
    return f"{crc32(query.encode()):08x}{place:08x}"


def _place(token: str, query: str, code: str) -> int:
    """Return the place that a token of this query stands for; raises Refused for any other."""
    if not token:
        return 0
    try:
        place = int(token[8:], 16)
    except ValueError:
        place = -1
    if place < 0 or token != _token(place, query):
        raise Refused(code, "The specified token is not valid.")
    return place


_BAD_KEY_CODES = {"ec2": "AuthFailure", "ssm": "UnrecognizedClientException", "sts": "InvalidClientTokenId"}
_OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("ec2", "DescribeInstances"): _describe_instances,
    ("ec2", "DescribeRegions"): _describe_regions,
    ("ssm", "DescribeInstanceInformation"): _describe_nodes,
    ("sts", "GetCallerIdentity"): _get_caller_identity,
}
