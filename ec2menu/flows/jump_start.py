"""Starting a stopped jump host, and waiting until SSM can reach it."""

from dataclasses import replace

from ec2menu.errors import AwsError, IncompleteAnswer, TargetUnavailable, Throttled, Unreachable
from ec2menu.flows.context import Context
from ec2menu.flows.listing import get_listing
from ec2menu.flows.targets import describe
from ec2menu.models import Instance, ManagedNode, PingStatus, Style
from ec2menu.resources.kinds import EC2
from ec2menu.resources.nodes import fetch_nodes
from ec2menu.ui.terminal import Stopped

POLL_SECONDS = 3.0
# A small instance boots in a minute or two; its agent has registered once before and comes back soon after.
START_SECONDS = 300.0
_PASSING = (Throttled, Unreachable, IncompleteAnswer)


def start_jump_host(context: Context, instance: Instance) -> Instance:
    """Start a stopped instance (EC2 StartInstances), wait until SSM says Online, and return it as it is then.

    Raises TargetUnavailable where it is not stopped yet or does not come up in `START_SECONDS`, AwsError; Stopped
    where the user does not wait: the instance goes on starting.
    """
    if instance.state == "stopping":
        raise TargetUnavailable(f"{describe(instance)} is stopping", hint="wait until it is stopped, then start it")
    name = describe(instance)
    context.attempt(lambda: context.in_background(lambda: _start(context, instance), lambda: f"starting {name}"))
    deadline = context.clock.now() + START_SECONDS
    try:
        node = context.attempt(lambda: _wait_until_online(context, instance, deadline))
    except Stopped:
        context.terminal.note(f"{name} goes on starting, and is billed, whether it is waited for or not", Style.WARN)
        raise
    if node is None:
        raise TargetUnavailable(
            f"{name} was started and is not online after {START_SECONDS / 60:.0f} minutes",
            hint="see that its SSM Agent runs and its subnet reaches SSM; it goes on running",
        )
    context.terminal.note(f"{name} is online", Style.GOOD)
    fresh = get_listing(context, EC2, (instance.region,), refresh=True).items
    started = replace(instance, state="running", node=node)
    return next((found for found in fresh if found.id == instance.id and found.is_connectable), started)


def _start(context: Context, instance: Instance) -> None:
    """Call EC2 StartInstances; sent again after a lost reply it does no harm."""
    context.aws.call("ec2", "StartInstances", instance.region, key="StartingInstances", InstanceIds=[instance.id])


def _wait_until_online(context: Context, instance: Instance, deadline: float) -> ManagedNode | None:
    """Look at the node again and again until it is online; None where it is not by the deadline."""
    is_wanted = True

    def watch() -> ManagedNode | None:
        while is_wanted:
            if (node := _find_online(context, instance)) is not None:
                return node
            if context.clock.now() + POLL_SECONDS > deadline:
                break
            context.clock.sleep(POLL_SECONDS)
        return None

    try:
        return context.in_background(watch, lambda: f"waiting for {describe(instance)} to be online in SSM")
    finally:
        is_wanted = False


def _find_online(context: Context, instance: Instance) -> ManagedNode | None:
    """Ask SSM (DescribeInstanceInformation) for one node; what passes by itself counts as not online yet."""
    try:
        nodes = fetch_nodes(context.aws, instance.region, filters=[{"Key": "InstanceIds", "Values": [instance.id]}])
    except _PASSING:
        return None
    except AwsError as error:
        if error.code == "InvalidInstanceId":  # how SSM may call an instance that it does not know yet
            return None
        raise
    return next((node for node in nodes if node.id == instance.id and node.ping is PingStatus.ONLINE), None)
