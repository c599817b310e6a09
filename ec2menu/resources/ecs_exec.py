"""Whether ECS Exec can get into a container, and if not, why and what to type: rules only, pure.

What a task and its definition say is read in `ecs_parse`; opening the session is a connector's business.
"""

from dataclasses import dataclass, replace
from shlex import quote

from ec2menu.models import Container, ExecStatus

RUNNING = "RUNNING"
_COMING = frozenset({"PROVISIONING", "PENDING", "ACTIVATING"})
_WAIT = "wait until it runs, then list it again"
_ROLE_NEEDS = (
    "its task role needs ssmmessages:CreateControlChannel, ssmmessages:CreateDataChannel, "
    "ssmmessages:OpenControlChannel and ssmmessages:OpenDataChannel"
)
# ECS developer guide, ECS Exec: the oldest that have the agent.
_AGENT_NEEDS = "Fargate needs platform version 1.4.0, an EC2 host needs ECS agent 1.50.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecFacts:
    """What decides about exec besides the container itself, from DescribeTasks and DescribeTaskDefinition.

    `enabled` is fixed when the task starts. The agent is ExecuteCommandAgent; its status is empty where there is none.
    """

    enabled: bool
    task_status: str
    agent_status: str = ""
    agent_reason: str = ""
    has_read_only_root: bool = False


def judge_exec(container: Container, facts: ExecFacts) -> Container:
    """Return the container with its `exec_status`, `reason` and `fix`; the first thing in the way decides."""
    found = _obstacle(container, facts)
    if found is not None:
        return replace(container, exec_status=ExecStatus.NO, reason=found[0], fix=found[1])
    if facts.has_read_only_root:
        return replace(
            container,
            exec_status=ExecStatus.MAY_FAIL,
            reason="its root file system is read-only, and the agent of ECS Exec has to write to it",
            fix=f"set readonlyRootFilesystem to false in the task definition {container.family}, "
            "or give it volumes at /var/lib/amazon and /var/log/amazon",
        )
    return replace(container, exec_status=ExecStatus.READY, reason="", fix="")


def _obstacle(container: Container, facts: ExecFacts) -> tuple[str, str] | None:
    if not facts.enabled:
        return "ECS Exec is not enabled on its task", _how_to_enable(container)
    if facts.task_status != RUNNING:
        return f"its task is {facts.task_status}", _WAIT if facts.task_status in _COMING else ""
    if container.status != RUNNING:
        return f"the container is {container.status}", _WAIT if container.status in _COMING else ""
    if facts.agent_status != RUNNING:
        return _agent_obstacle(container, facts)
    if not container.runtime_id:
        return "AWS has not said its runtime id yet", "wait a moment, then list it again"
    return None


def _agent_obstacle(container: Container, facts: ExecFacts) -> tuple[str, str]:
    because = f" ({facts.agent_reason})" if facts.agent_reason else ""
    if facts.agent_status in _COMING:
        return f"its ExecuteCommandAgent is {facts.agent_status}{because}", "wait a moment, then list it again"
    anew = _how_to_start_anew(container)
    if not facts.agent_status:
        return f"no ExecuteCommandAgent runs in it{because}", f"{_AGENT_NEEDS}; then {anew}"
    return (
        f"its ExecuteCommandAgent is {facts.agent_status}{because}",
        f"{anew}; {_ROLE_NEEDS}, and its subnet must reach ssmmessages",
    )


def _how_to_enable(container: Container) -> str:
    """Say what enables exec. It only counts for tasks that start later, and does nothing without the role's rights."""
    but = f"(only new tasks get it; {_ROLE_NEEDS})"
    if container.service:
        return f"{_update(container)} --enable-execute-command --force-new-deployment {but}"
    return f"{_run(container)} --enable-execute-command and the options it was started with {but}"


def _how_to_start_anew(container: Container) -> str:
    """Return what to type to have the container's task replaced by a new one that has exec."""
    if container.service:
        return f"{_update(container)} --force-new-deployment"
    return f"{_run(container)} --enable-execute-command"


def _update(container: Container) -> str:
    return (
        f"aws ecs update-service --region {container.region} --cluster {quote(container.cluster)} "
        f"--service {quote(container.service)}"
    )


def _run(container: Container) -> str:
    return (
        f"aws ecs run-task --region {container.region} --cluster {quote(container.cluster)} "
        f"--task-definition {quote(container.family)}"
    )
