"""One AWS request as a value: who calls what, where, with which parameters.

Parsed once from the WSGI environment, for the record and for the faults. Nothing is answered or refused here.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

Environ = dict[str, Any]

_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/,\s]+)/\d{8}/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)/aws4_request")
_TARGET_SERVICES = {"AmazonSSM": "ssm", "AmazonEC2ContainerServiceV20141113": "ecs"}
_VERSION_SERVICES = {"2016-11-15": "ec2", "2014-10-31": "rds", "2015-02-02": "elasticache", "2011-06-15": "sts"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request: `service` is the signing name, `access_key` is empty where the request is not signed.

    `parameters` are as on the wire: nested for JSON services, flat (`InstanceId.1`) for EC2, RDS, ElastiCache and STS.
    """

    service: str
    operation: str
    region: str
    access_key: str
    user_agent: str
    parameters: Mapping[str, Any]


def read_body(environ: Environ) -> bytes:
    """Return the request's body and leave it in place for whoever reads it next."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body: bytes = environ["wsgi.input"].read(length) if length else b""
    environ["wsgi.input"] = BytesIO(body)
    return body


def parse_call(environ: Environ) -> Call:
    """Read a request: service and region from the credential scope, operation from target, Action or path."""
    body = read_body(environ)
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    parameters = _json(body) if target or body.startswith(b"{") else dict(parse_qsl(body.decode(errors="replace")))
    scope = _CREDENTIAL.search(str(environ.get("HTTP_AUTHORIZATION", "")))
    return Call(
        service=scope["service"] if scope else _unsigned_service(target, parameters),
        operation=_operation(target, parameters, str(environ.get("PATH_INFO", ""))),
        region=scope["region"] if scope else "",
        access_key=scope["key"] if scope else "",
        user_agent=str(environ.get("HTTP_USER_AGENT", "")),
        parameters=parameters,
    )


def _json(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _operation(target: str, parameters: Mapping[str, Any], path: str) -> str:
    """REST services such as account have neither target nor Action: there the path is the operation."""
    if target:
        return target.rpartition(".")[2]
    if "Action" in parameters:
        return str(parameters["Action"])
    name = path.strip("/")
    return name[:1].upper() + name[1:]


def _unsigned_service(target: str, parameters: Mapping[str, Any]) -> str:
    by_target = _TARGET_SERVICES.get(target.partition(".")[0], "")
    return by_target or _VERSION_SERVICES.get(str(parameters.get("Version", "")), "")
