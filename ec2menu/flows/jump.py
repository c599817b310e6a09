"""The way into a VPC: a node is named, found by its tag, picked by the user, or started; then tunnels go through it.

Joins the survey of the instances (`resources/jumphosts`) with the choice (`connectors/jump`) and asks where there is
none. Opens nothing: the tunnel itself, and telling the user of the choice, belong to the caller.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime

from ec2menu.connectors.jump import JumpChoice, count_alike, describe_doubts, diagnose, select_jump_host
from ec2menu.errors import (
    Ec2MenuError,
    ExitStatus,
    Interrupted,
    NoJumpHost,
    TargetUnavailable,
    TargetUnclear,
)
from ec2menu.flows.context import Context
from ec2menu.flows.jump_start import start_jump_host
from ec2menu.flows.listing import get_listing
from ec2menu.flows.targets import describe, find_instance
from ec2menu.models import Instance, Listing, Problem, SsmStatus, Style
from ec2menu.resources.jumphosts import JumpTag, explain_unfit, parse_tag, survey
from ec2menu.resources.kinds import EC2
from ec2menu.ui import words
from ec2menu.ui.choices import Choice, draw_choices, find_choice
from ec2menu.ui.text import escape, shorten

MAX_OFFERED = 9
MAX_STARTABLE = 3
# Each costs some seconds; more than so many that all do not lead there have something in common.
MAX_TRIED = 5
_MAX_WHAT_COLUMNS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Via:
    """The node that a tunnel goes through; `note` says which, and what may be wrong, and is the caller's to tell."""

    instance: Instance
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """The nodes that were tried for one connection that began at `since`, by id, and why each does not lead there."""

    since: datetime
    failures: dict[str, Ec2MenuError] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def add(self, node: str, name: str, error: Ec2MenuError) -> str:
        """Remember that a node was tried in vain; return why in a few words, which do not begin with its name."""
        self.failures[node] = error
        self.reasons[node] = error.message.removeprefix(f"{name} ")
        return self.reasons[node]

    @property
    def first(self) -> Ec2MenuError | None:
        """The failure of the first one, which fitted best: its hint and its status are worth the most."""
        return next(iter(self.failures.values()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What is to be reached, and where it is; `vpc_id` is empty where AWS does not say."""

    region: str
    vpc_id: str
    what: str


def choose_via(
    context: Context, *, region: str, vpc_id: str, what: str, via: str = "", tries: Tries | None = None
) -> Via:
    """Return the node through which `what` in a VPC is reached: the one named `via`, else the best jump host.

    After `tries` it is the best that is left, from a list that is not older than they are. Where there is none the
    diagnosis is shown and, at a terminal, another node or the start of a stopped one offered, if there is any.
    Raises TargetUnclear or TargetUnavailable for a `via` that is not one fit node, NoJumpHost where nobody can be
    asked, InvalidInput for a bad setting `jump_tag`, AwsError; Interrupted where the user goes back.
    """
    wish = _Wish(region=region, vpc_id=vpc_id, what=shorten(escape(what), _MAX_WHAT_COLUMNS))
    if via:
        return _named(context, wish, via)
    tag = parse_tag(context.config.settings.jump_tag)
    tries = tries or Tries(since=context.clock.wall())

    def choose(instances: Sequence[Instance]) -> JumpChoice:
        near = vpc_id if _are_told(instances) else ""
        return select_for(instances, vpc_id=near, tag=tag, now=context.clock.wall(), tried=tries.reasons)

    listing = _look(context, region, lambda seen: not tries.failures and choose(seen).best is not None, tries.since)
    choice = choose(listing.items)
    if choice.best is not None and len(tries.failures) < MAX_TRIED:
        return _best(choice, choice.best, vpc_id)
    refusal = describe_refusal(
        choice, vpc_id=vpc_id, what=wish.what, tag=tag, unread=find_unread(listing), failure=tries.first
    )
    has_offer = bool(choice.online_in_vpc or choice.stopped)
    if not context.terminal.is_interactive or (tries.failures and not has_offer):
        raise refusal
    hint = tries.first.hint if tries.first else ""
    context.terminal.fail(NoJumpHost(refusal.message, hint=hint, diagnosis=refusal.diagnosis))
    return _ask(context, wish, choice, listing.items)


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
    instances: Sequence[Instance], *, vpc_id: str, tag: JumpTag, now: datetime, tried: Mapping[str, str] | None = None
) -> JumpChoice:
    """Survey the instances of a region and choose the way into a VPC, but for what has been tried. Pure."""
    return select_jump_host(
        survey(instances, tag=tag, now=now),
        [instance for instance in instances if _can_stand_in(instance, now)],
        vpc_id=vpc_id,
        looked_at=sum(not instance.is_hybrid for instance in instances),
        tried=tried,
    )


def describe_refusal(
    choice: JumpChoice,
    *,
    vpc_id: str,
    what: str,
    tag: JumpTag,
    unread: Problem | None = None,
    failure: Ec2MenuError | None = None,
) -> NoJumpHost:
    """Return the error that says, candidate by candidate, why nothing leads to `what`; `doctor` shows the same.

    Where tags were `unread`, or nodes were tried in vain, the exit status is that of the problem, or the failure.
    """
    where = f" in {vpc_id}" if vpc_id else ""
    near = "" if unread else vpc_id
    refusal = NoJumpHost(
        f"no jump host leads to {what}{where}",
        hint=(failure.hint if failure else "") or "name any node that is online there: --via NODE",
        diagnosis=diagnose(choice, what=what, vpc_id=near, tag=str(tag), unread=unread.message if unread else ""),
    )
    if cause := failure or unread:
        refusal.status = ExitStatus(cause.status)
    return refusal


def find_unread(listing: Listing[Instance]) -> Problem | None:
    """Return the problem that kept all tags and VPCs from being read: SSM's side of the machines has neither."""
    return listing.problems[0] if listing.problems and not _are_told(listing.items) else None


def _are_told(instances: Sequence[Instance]) -> bool:
    """Tell whether EC2 has told of the machines; every one of its own has a state."""
    return any(instance.state for instance in instances)


# -- finding --------------------------------------------------------------------------------------------------------


def _look(
    context: Context, region: str, is_enough: Callable[[Sequence[Instance]], bool], since: datetime
) -> Listing[Instance]:
    """Return the region's machines, asked anew where a list from before is not enough: it may be an old one."""
    listing = get_listing(context, EC2, (region,))
    if listing.as_of < since and not is_enough(listing.items):
        listing = get_listing(context, EC2, (region,), refresh=True)
    context.terminal.problems(listing.problems)
    return listing


def _named(context: Context, wish: _Wish, via: str) -> Via:
    def is_enough(instances: Sequence[Instance]) -> bool:
        try:
            return find_instance(via, instances, where=wish.region).is_connectable
        except TargetUnclear:
            return False

    found = _look(context, wish.region, is_enough, context.clock.wall())
    instance = find_instance(via, found.items, where=wish.region)
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
        if typed.lower() in words.LEAVE:
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
