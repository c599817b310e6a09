"""An SSM in memory on a clock that stands still: the demo's simulated nodes behind botocore's errors, and a weather.

Everything above the client is real: `Aws.call`, its translation of errors, the batch. A `Weather` says for every call
what happens to it; a crash stops the process as kill -9 does, between any two of its steps.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from botocore import exceptions as boto
from botocore.response import StreamingBody

from ec2menu.aws.profiles import Profiles
from ec2menu.aws.session import Aws
from ec2menu.batch.nouns import Target
from ec2menu.demo import command_rules
from ec2menu.demo.command_answers import command_answer, invocation_answer, result_answer
from ec2menu.demo.commands import Simulation
from ec2menu.demo.invocations import Outcome as Ended
from ec2menu.demo.invocations import Target as SimulatedNode
from ec2menu.demo.strict import Refused
from ec2menu.models import Identity
from tests.fakes.clock import FakeClock

REGION = "us-east-1"
Weather = Callable[[str, int], str]


class Crash(BaseException):
    """The process is gone."""


def fair(_operation: str, _number: int) -> str:
    return ""


@dataclass
class Ssm:
    """The service: nodes by region, what they do (`behave`), and the record of calls and starts."""

    clock: FakeClock
    nodes: dict[str, dict[str, SimulatedNode]] = field(default_factory=dict)
    behave: dict[str, Ended] = field(default_factory=dict)
    refused_ids: set[str] = field(default_factory=set)
    names_bad_ids: bool = True
    lists_backwards: bool = False
    weather: Weather = fair
    latency_seconds: float = 0.05
    calls: Counter[str] = field(default_factory=Counter)
    simulation: Simulation = field(init=False)
    tagged: dict[str, str] = field(default_factory=dict)
    is_crashed: bool = False
    objects: Callable[[str], bytes | None] = lambda _key: None
    asked_keys: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.simulation = Simulation(
            clock=self.clock, behave=lambda node_id, _: self.behave.get(node_id, Ended(delay_seconds=5, stdout="ok\n"))
        )

    def add(self, count: int, *, region: str = REGION, platform: str = "Linux", start: int = 0) -> list[Target]:
        """Add nodes; return them as targets."""
        ids = [f"i-{len(self.nodes):02x}{index:015x}" for index in range(start, start + count)]
        place = self.nodes.setdefault(region, {})
        place |= {each: SimulatedNode(id=each, platform_type=platform) for each in ids}
        return [Target(id=each, region=region, platform=platform) for each in ids]

    def answer(self, operation: str, region: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a call as the weather lets it."""
        if self.is_crashed:
            raise Crash
        self.calls[operation] += 1
        self.clock.advance(self.latency_seconds)
        what = self.weather(operation, self.calls[operation])
        self._refuse(what, operation)
        try:
            answer = getattr(self, f"_{operation}")(request, region)
        except Refused as refused:
            raise _client_error(refused.code, refused.message, operation, status=refused.status) from refused
        if what == "lose":
            raise boto.ConnectionClosedError(endpoint_url="https://ssm")
        if what == "truncate":
            return {"ResponseMetadata": {}}
        if what == "crash after":
            self._crash()
        return dict(answer)

    def _refuse(self, what: str, operation: str) -> None:
        if what == "crash before":
            self._crash()
        if what == "reset":
            raise boto.ConnectionClosedError(endpoint_url="https://ssm")
        if what == "unsent":
            raise boto.EndpointConnectionError(endpoint_url="https://ssm")
        refusals = {
            "throttle": ("ThrottlingException", "Rate exceeded", 400),
            "deny": ("AccessDeniedException", "User: kim is not authorized to perform: ssm:X", 400),
            "expire": ("ExpiredTokenException", "The security token included in the request is expired", 400),
            "fail": ("InternalServerError", "An error occurred on the server side.", 500),
        }
        if what in refusals:
            code, text, status = refusals[what]
            raise _client_error(code, text, operation, status=status)

    def _crash(self) -> None:
        self.is_crashed = True
        raise Crash

    def _send_command(self, request: dict[str, Any], region: str) -> dict[str, Any]:
        order = command_rules.read_order(request)
        bad = [each for each in order.instance_ids if each in self.refused_ids]
        if bad:
            named = ", ".join(bad) if self.names_bad_ids else ""
            raise Refused("InvalidInstanceId", f"Instances [[{named}]] not in a valid state for account 1")
        place = self.nodes[region]
        ids = order.instance_ids or [each for each in place if self.tagged.get(each) == order.targets[0]["Values"][0]]
        found = [_as_listed(place[each], order.document) for each in ids]
        record = self.simulation.send(order, found, region=region)
        return {"Command": command_answer(record, details="Pending")}

    def _list_commands(self, request: dict[str, Any], region: str) -> dict[str, Any]:
        found = self.simulation.newest_first(request, region=region)
        now = self.clock.now()
        return {"Commands": [command_answer(record) for record in found if record.listed_at <= now]}

    def _list_command_invocations(self, request: dict[str, Any], region: str) -> dict[str, Any]:
        now = self.clock.now()
        rows = [
            invocation_answer(record, each, with_output=bool(request.get("Details")))
            for record in self.simulation.newest_first(request, region=region)
            if record.visible_at <= now
            for each in record.run.invocations.values()
        ]
        return {"CommandInvocations": [row | self._spelt(row) for row in rows[:: -1 if self.lists_backwards else 1]]}

    def _spelt(self, row: dict[str, Any]) -> dict[str, Any]:
        """Spell status details with spaces, as parts of AWS do."""
        return {"StatusDetails": row["StatusDetails"].replace("TimedOut", " Timed Out").strip()}

    def _get_command_invocation(self, request: dict[str, Any], _region: str) -> dict[str, Any]:
        record = self.simulation.records[request["CommandId"]]
        self.simulation.advance([record])
        return result_answer(record, record.run.invocations[request["InstanceId"]])

    def _cancel_command(self, request: dict[str, Any], _region: str) -> dict[str, Any]:
        self.simulation.records[request["CommandId"]].run.cancel(
            self.clock.now(), node_ids=request.get("InstanceIds", ())
        )
        return {}

    def _get_object(self, request: dict[str, Any], _region: str) -> dict[str, Any]:
        self.asked_keys.append(request["Key"])
        found = self.objects(request["Key"])
        if found is None:
            raise Refused("NoSuchKey", "The specified key does not exist.", status=404)
        return {"Body": StreamingBody(io.BytesIO(found), len(found))}

    # -- what really happened -----------------------------------------------------------------------------------

    def executions(self) -> Counter[str]:
        return self.simulation.executions()

    def sends_to(self, node_id: str) -> int:
        return sum(node_id in record.run.invocations for record in self.simulation.records.values())

    def tries_of(self, node_id: str) -> int:
        """Return how many commands SSM tried to begin with on the node; one that was withdrawn in time is none."""
        parts = (record.run.invocations.get(node_id) for record in self.simulation.records.values())
        return sum(part is not None and (part.details != "Cancelled" or part.started_at is not None) for part in parts)

    def peak_running(self) -> int:
        """Return the most nodes that ever ran at the same moment."""
        self.simulation.advance(self.simulation.records.values())
        events = []
        for record in self.simulation.records.values():
            for each in record.run.invocations.values():
                if each.ran and each.started_at is not None:
                    events += [(each.started_at, 1), (each.ended_at or record.run.expires_at, -1)]
        peak = running = 0
        for _, step in sorted(events):
            running += step
            peak = max(peak, running)
        return peak

    def last_details(self, node_id: str) -> str:
        """Return how the last command that was sent to the node ended there, or stands."""
        found = [record for record in self.simulation.records.values() if node_id in record.run.invocations]
        return found[-1].run.invocations[node_id].details if found else ""


def _as_listed(node: SimulatedNode, document: str) -> SimulatedNode:
    """Refuse the shell's document on Windows; PowerShell's is taken by every platform, as at AWS."""
    is_refused = document == "AWS-RunShellScript" and node.platform_type == "Windows"
    return replace(node, refusal="InvalidPlatform") if is_refused else node


@dataclass
class SsmAws(Aws):
    """An `Aws` whose only service is the SSM in memory."""

    ssm: Ssm

    def __post_init__(self) -> None:
        super().__init__(
            profile="demo", explicit=False, home=REGION, profiles=Profiles(sections={}), ask_mfa=lambda text: text
        )

    def identity(self) -> Identity:
        return Identity(account="1", arn="arn:aws:iam::1:user/kim")

    def client(self, service: str, region: str, *, once: bool = False) -> Any:
        return _Client(self.ssm, region)


class _Client:
    def __init__(self, ssm: Ssm, region: str) -> None:
        self._ssm = ssm
        self._region = region

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        return lambda **request: self._ssm.answer(operation, self._region, request)

    def get_paginator(self, operation: str) -> "_Paginator":
        return _Paginator(self, operation)


@dataclass
class _Paginator:
    client: _Client
    operation: str

    def paginate(self, *, PaginationConfig: dict[str, int], **request: Any) -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's name
        assert 1 <= PaginationConfig["PageSize"] <= 50
        yield getattr(self.client, self.operation)(**request)


def _client_error(code: str, text: str, operation: str, *, status: int) -> boto.ClientError:
    meta = {"HTTPStatusCode": status}
    return boto.ClientError({"Error": {"Code": code, "Message": text}, "ResponseMetadata": meta}, operation)
