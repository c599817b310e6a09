"""What sessions and tunnels share: the request, what starts and ends a session, and the call of the plugin."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ec2menu.clock import Clock
from ec2menu.connectors.plugin import Plugin, invocation
from ec2menu.errors import Ec2MenuError, IncompleteAnswer, TargetNotConnected
from ec2menu.fanout import Task

if TYPE_CHECKING:
    from ec2menu.aws.session import Aws

REASON = "ec2menu"
SESSION_KEYS = ("SessionId", "TokenValue", "StreamUrl")
TERMINATE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSpec:
    """What to start: a target (node id), its region, and a session document with its parameters (empty: a shell).

    `reason` is what the session's history at AWS shows; only StartSession takes one.
    """

    target: str
    region: str
    document: str = ""
    parameters: Mapping[str, list[str]] = field(default_factory=dict)
    reason: str = REASON

    @property
    def request(self) -> dict[str, Any]:
        """The StartSession request; the plugin is given the same."""
        request: dict[str, Any] = {"Target": self.target}
        if self.reason:
            request["Reason"] = self.reason
        if self.document:
            request["DocumentName"] = self.document
        if self.parameters:
            request["Parameters"] = {key: list(value) for key, value in self.parameters.items()}
        return request


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """What sessions and tunnels need: the identity, the plugin, the environment to run it in, and time."""

    aws: "Aws"
    plugin: Plugin
    environ: Mapping[str, str]
    clock: Clock
    answer_seconds: float

    def start(self, spec: SessionSpec) -> dict[str, Any]:
        """Call StartSession once. Raises AwsError; a reply without a token closes what it may have opened."""
        try:
            answer = self.aws.call("ssm", "StartSession", spec.region, once=True, **spec.request)
        except TargetNotConnected as error:
            raise _not_connected(spec, error) from error
        return self.require_session(answer, spec.region, action="ssm:StartSession")

    def require_session(self, answer: dict[str, Any], region: str, *, action: str) -> dict[str, Any]:
        """Return a started session's answer if it is whole; raises IncompleteAnswer, closing what may be open."""
        if not all(answer.get(key) for key in SESSION_KEYS):
            if answer.get("SessionId"):
                self.terminate(region, str(answer["SessionId"]))
            raise IncompleteAnswer(f"the answer of {action} was cut short", hint="try again")
        return answer

    def terminate(self, region: str, session_id: str) -> bool:
        """Close a session at the service in bounded time, and return whether that went well; an error helps nobody."""
        task = Task(lambda: self.aws.call("ssm", "TerminateSession", region, SessionId=session_id))
        try:
            return task.wait(TERMINATE_SECONDS) and bool(task.result())
        except Ec2MenuError:
            return False

    def plugin_call(self, spec: SessionSpec, answer: Mapping[str, Any]) -> tuple[tuple[str, ...], Mapping[str, str]]:
        """Return argv and environment of the plugin for a started session."""
        call = invocation(
            self.plugin,
            answer=answer,
            request=spec.request,
            region=spec.region,
            endpoint=self.aws.client("ssm", spec.region).meta.endpoint_url,
            identity=self.aws.plugin_identity(),
            environ=self.environ,
        )
        return call.argv, call.environment


def _not_connected(spec: SessionSpec, error: TargetNotConnected) -> TargetNotConnected:
    """Name the target, which AWS's error does not: the one that was chosen need not be the one that was typed."""
    if spec.target.startswith("ecs:"):
        return TargetNotConnected(
            "SSM has no connection to the container's agent", hint="see if it runs: ec2menu ls ecs", code=error.code
        )
    return TargetNotConnected(
        f"SSM has no connection to the agent of {spec.target}",
        hint=f"type: ec2menu -r {spec.region} doctor {spec.target}",
        code=error.code,
    )
