"""The way into a VPC: a node is named, found by its tag, picked by the user, or started; then tunnels go through it.

Joins the survey of the instances (`resources/jumphosts`) with the choice (`connectors/jump`) and asks where there is
none. Opens nothing: the tunnel itself, and telling the user of the choice, belong to the caller.
"""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from ec2menu.connectors.jump import JumpChoice, count_alike, describe_doubts, diagnose, select_jump_host
from ec2menu.errors import (
    AwsError,
    IncompleteAnswer,
    Interrupted,
    NoJumpHost,
    TargetUnavailable,
    TargetUnclear,
    Throttled,
    Unreachable,
)
from ec2menu.flows.context import Context
from ec2menu.flows.listing import get_listing
from ec2menu.flows.targets import describe, find_instance
from ec2menu.models import Instance, ManagedNode, PingStatus, SsmStatus, Style
from ec2menu.resources.jumphosts import JumpTag, explain_unfit, parse_tag, survey
from ec2menu.resources.kinds import EC2
from ec2menu.resources.nodes import fetch_nodes
from ec2menu.ui.choices import Choice, draw_choices, find_choice
from ec2menu.ui.terminal import Stopped
from ec2menu.ui.text import escape, shorten

MAX_OFFERED = 9
MAX_STARTABLE = 3
POLL_SECONDS = 3.0
# A small instance boots in a minute or two; its agent has registered once before and comes back soon after.
START_SECONDS = 300.0
_MAX_WHAT_COLUMNS = 60
_PASSING = (Throttled, Unreachable, IncompleteAnswer)
_BACK = ("0", "b", "back", "q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Via:
    """The node that a tunnel goes through; `note` says which, and what may be wrong, and is the caller's to tell."""

    instance: Instance
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What is to be reached, and where it is; `vpc_id` is empty where AWS does not say."""

    region: str
    vpc_id: str
    what: str


def choose_via(
    context: Context, *, region: str, vpc_id: str, what: str, via: str = "", only_in_vpc: bool = False
) -> Via:
    """Return the node through which `what` in a VPC is reached: the one named `via`, else the best jump host.

    `only_in_vpc` is for the second try, when a jump host of another VPC was taken and did not reach it. Where there is
    none the diagnosis is shown and, at a terminal, another node or the start of a stopped one offered.
    Raises TargetUnclear or TargetUnavailable for a `via` that is not one fit node, NoJumpHost where nobody can be
    asked, InvalidInput for a bad setting `jump_tag`, AwsError; Interrupted where the user goes back.
    """
    wish = _Wish(region=region, vpc_id=vpc_id, what=shorten(escape(what), _MAX_WHAT_COLUMNS))
    if via:
        return _named(context, wish, via)
    tag = parse_tag(context.config.settings.jump_tag)

    def choose(instances: Sequence[Instance]) -> JumpChoice:
        return select_for(instances, vpc_id=vpc_id, tag=tag, now=context.clock.wall(), only_in_vpc=only_in_vpc)

    instances = _look(context, region, lambda seen: choose(seen).best is not None)
    choice = choose(instances)
    if choice.best is not None:
        return _best(choice, choice.best, vpc_id)
    refusal = describe_refusal(choice, vpc_id=vpc_id, what=wish.what, tag=tag)
    if not context.terminal.is_interactive:
        raise refusal
    context.terminal.fail(NoJumpHost(refusal.message, diagnosis=refusal.diagnosis))
    return _ask(context, wish, choice, instances)


def choose_another(context: Context, *, region: str, vpc_id: str, exclude: Set[str]) -> Via | None:
    """Return the best jump host that is not among the ids in `exclude`, from a fresh list, or None.

    For the thread that watches over a tunnel: asks nothing, shows nothing, starts nothing. Raises AwsError.
    """
    tag = parse_tag(context.config.settings.jump_tag)
    listing = context.inventory.listing(EC2, (region,), refresh=True)
    left = [instance for instance in listing.items if instance.id not in exclude]
    choice = select_for(left, vpc_id=vpc_id, tag=tag, now=context.clock.wall())
    return None if choice.best is None else _best(choice, choice.best, vpc_id)


def select_for(
    instances: Sequence[Instance], *, vpc_id: str, tag: JumpTag, now: datetime, only_in_vpc: bool = False
) -> JumpChoice:
    """Survey the instances of a region and choose the way into a VPC. Pure."""
    return select_jump_host(
        survey(instances, tag=tag, now=now),
        [instance for instance in instances if _can_stand_in(instance, now)],
        vpc_id=vpc_id,
        looked_at=sum(not instance.is_hybrid for instance in instances),
        only_in_vpc=only_in_vpc,
    )


def describe_refusal(choice: JumpChoice, *, vpc_id: str, what: str, tag: JumpTag) -> NoJumpHost:
    """Return the error that says, candidate by candidate, why nothing leads to `what`; `doctor` shows the same."""
    where = f" in {vpc_id}" if vpc_id else ""
    return NoJumpHost(
        f"no jump host leads to {what}{where}",
        hint="name any node that is online there: --via NODE",
        diagnosis=diagnose(choice, what=what, vpc_id=vpc_id, tag=str(tag)),
    )


# -- finding --------------------------------------------------------------------------------------------------------


def _look(context: Context, region: str, is_enough: Callable[[Sequence[Instance]], bool]) -> Sequence[Instance]:
    """Return the region's machines, asked anew where a kept list is not enough: nobody is sent away by an old list."""
    began = context.clock.wall()
    listing = get_listing(context, EC2, (region,))
    if listing.as_of < began and not is_enough(listing.items):
        listing = get_listing(context, EC2, (region,), refresh=True)
    context.terminal.problems(listing.problems)
    return listing.items


def _named(context: Context, wish: _Wish, via: str) -> Via:
    def is_enough(instances: Sequence[Instance]) -> bool:
        try:
            return find_instance(via, instances, where=wish.region).is_connectable
        except TargetUnclear:
            return False

    instance = find_instance(via, _look(context, wish.region, is_enough), where=wish.region)
    check_fit(context, instance)
    return _told(instance, wish.vpc_id)


def check_fit(context: Context, instance: Instance) -> None:
    """Raise TargetUnavailable, saying why and what to do, for a machine that cannot carry a tunnel to another host."""
    now = context.clock.wall()
    if not _can_stand_in(instance, now):
        why, hint = explain_unfit(instance, now=now)
        raise TargetUnavailable(f"no tunnel can go through {describe(instance)}: {why}", hint=hint)


def _can_stand_in(instance: Instance, now: datetime) -> bool:
    """Tell whether a machine can carry a tunnel, or may, SSM having told nothing."""
    if instance.ssm_status is SsmStatus.UNKNOWN:
        return instance.state in ("", "running")
    return not explain_unfit(instance, now=now)[0]


def _best(choice: JumpChoice, best: Instance, vpc_id: str) -> Via:
    more = count_alike(choice, vpc_id)
    also = f", {more} {'other fits' if more == 1 else 'others fit'} (--via, or another way in, chooses)" if more else ""
    return _told(best, vpc_id, also)


def _told(instance: Instance, vpc_id: str, also: str = "") -> Via:
    doubts = describe_doubts(instance, vpc_id)
    return Via(instance=instance, note=f"via {describe(instance)}{also}" + (f"; {doubts}" if doubts else ""))


# -- asking ---------------------------------------------------------------------------------------------------------


def _ask(context: Context, wish: _Wish, choice: JumpChoice, instances: Sequence[Instance]) -> Via:
    """Let the user pick a node, or a stopped jump host to be started, until one is fit."""
    terminal = context.terminal
    startable = {host.instance.id for host in choice.stopped}
    choices = _offers(context, choice)
    terminal.data(terminal.paint(f"reach {wish.what} through another node", Style.STRONG))
    draw_choices(choices, terminal, reserved_lines=0)
    while True:
        typed = terminal.ask("a number, or an id or Name (0 back):").strip()
        if typed.lower() in _BACK:
            raise Interrupted("not connected")
        try:
            instance = _picked(typed, choices, instances, wish.region)
            if isinstance(instance, str):
                terminal.note(instance)
            elif instance.id not in startable:
                check_fit(context, instance)
                return _told(instance, wish.vpc_id)
            elif terminal.confirm(f"start {describe(instance)}? it is billed until it is stopped", default=False):
                return _told(start_jump_host(context, instance), wish.vpc_id)
        except (TargetUnclear, TargetUnavailable) as error:
            terminal.fail(error)


def _offers(context: Context, choice: JumpChoice) -> list[Choice]:
    plain = context.terminal.plain
    starts = [
        Choice(
            key=host.instance.id, label=f"start {describe(host.instance)}", remark=f"stopped, {host.instance.vpc_id}"
        )
        for host in choice.stopped[:MAX_STARTABLE]
    ]
    nodes = [
        Choice(key=node.id, label=describe(node), remark=f"{node.ssm_status.value}, {plain(node.platform)}")
        for node in choice.online_in_vpc[:MAX_OFFERED]
    ]
    return starts + nodes


def _picked(typed: str, choices: Sequence[Choice], instances: Sequence[Instance], region: str) -> Instance | str:
    """Return the machine that was typed by its number, id or Name, or a sentence why there is none.

    Raises TargetUnclear for a name of none or several.
    """
    if not typed:
        return "type a number, an id or a Name, or 0 to go back"
    if not typed.isdecimal():
        return find_instance(typed, instances, where=region)
    found = find_choice(typed, choices)
    if isinstance(found, str):
        return found
    return next(instance for instance in instances if instance.id == found.key)


# -- starting -------------------------------------------------------------------------------------------------------


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
