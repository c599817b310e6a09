"""A batch from the choice of machines to the moment before it is sent: what is asked, planned, told and agreed to.

Following a batch that runs is in `batch_watch`, telling how it ended in `batch_report`.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from ec2menu.batch.describe import describe_plan
from ec2menu.batch.nouns import BatchPlan, CommandSpec, Limits, TagChoice
from ec2menu.batch.plan import make_plan, make_tag_plan, needs_count_confirmation, sensitive_targets
from ec2menu.errors import InvalidInput
from ec2menu.flows.context import Context
from ec2menu.flows.listing import get_listing
from ec2menu.models import Instance, Listing
from ec2menu.resources.ec2 import explain_unreachable, from_node
from ec2menu.resources.kinds import EC2
from ec2menu.resources.region_names import describe_regions

if TYPE_CHECKING:  # these come with boto3
    from ec2menu.batch.journal import Journal
    from ec2menu.batch.outputs import OutputStore

RUNS_FOLDER = "runs"
NOT_RUN = "not run; nothing was sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A batch ready to be sent: the plan, how many nodes it will reach, and whether one of them is sensitive.

    Where not `are_tags_known`, one of them may be, and nobody can tell.
    """

    plan: BatchPlan
    count: int
    is_sensitive: bool
    are_tags_known: bool = True

    def warned(self, warning: str) -> "Prepared":
        """Return the batch with another sentence to be read first."""
        return replace(self, plan=replace(self.plan, warnings=(*self.plan.warnings, warning)))


def open_journal(context: Context) -> "Journal":
    """Return the journal of all runs."""
    from ec2menu.batch.journal import Journal  # noqa: PLC0415 - the first menu runs nothing

    return Journal(context.store, clock=context.clock)


def open_outputs(context: Context) -> "OutputStore":
    """Return where the nodes' output is kept: beside the state file, or until we end where no state can be kept."""
    from ec2menu.batch.outputs import OutputStore  # noqa: PLC0415 - the first menu runs nothing

    folder = context.scratch_folder if context.store.is_in_memory else context.store.path.parent
    return OutputStore(folder / RUNS_FOLDER)


def fresh_machines(context: Context, regions: Sequence[str]) -> Listing[Instance]:
    """List the machines of the regions anew, all pages, and tell which parts failed."""
    listing = get_listing(context, EC2, regions, refresh=True)
    context.terminal.problems(listing.problems)
    return listing


def renewed(context: Context, machines: Sequence[Instance]) -> list[Instance]:
    """Return the machines as they are now, in their order; one that has vanished counts as terminated."""
    listing = fresh_machines(context, tuple(dict.fromkeys(machine.region for machine in machines)))
    now = {(machine.region, machine.id): machine for machine in listing.items}
    failed = {problem.where for problem in listing.problems}
    return [now.get((machine.region, machine.id)) or _vanished(machine, failed) for machine in machines]


def prepare(context: Context, spec: CommandSpec, limits: Limits, machines: Sequence[Instance]) -> Prepared:
    """Plan a command on machines that were just listed. Raises InvalidInput for what cannot be sent."""
    now = context.clock.wall()
    plan = make_plan(
        spec,
        machines,
        limits=limits,
        run_id=new_run_id(now),
        explain=lambda machine: explain_unreachable(machine, now=now),
    )
    wanted = {(target.region, target.id) for target in plan.targets}
    reached = [machine for machine in machines if (machine.region, machine.id) in wanted]
    return judge(context, plan, reached, count=len(plan.targets))


def prepare_tag(
    context: Context, spec: CommandSpec, limits: Limits, *, tag: TagChoice, regions: Sequence[str], is_asked: bool
) -> Prepared:
    """Plan a command on all nodes with a tag, whom SSM itself will choose. Raises InvalidInput where there are none.

    `is_asked` says that somebody will be asked, for whom the nodes' other tags are looked up.
    """
    nodes = [node for region in regions for node in nodes_with(context, tag, region)]
    if not nodes:
        where = describe_regions(regions)
        raise InvalidInput(
            f"no SSM node in {where} has the tag {tag.key}={tag.value}", hint="tags are compared letter by letter"
        )
    now = context.clock.wall()
    plan = make_tag_plan(
        spec,
        tag,
        nodes,
        limits=limits,
        run_id=new_run_id(now),
        explain=lambda machine: explain_unreachable(machine, now=now),
    )
    tagged = _tagged(context, nodes, tag) if is_asked and context.config.settings.confirm_tag else []
    return judge(context, plan, tagged, count=plan.expected)


def judge(context: Context, plan: BatchPlan, machines: Sequence[Instance], *, count: int) -> Prepared:
    """Return a plan with what the tags of the machines that it reaches say of it."""
    word = context.config.settings.confirm_tag
    return Prepared(
        plan=plan,
        count=count,
        is_sensitive=bool(sensitive_targets(machines, word)),
        are_tags_known=not word or all(machine.are_tags_known for machine in machines),
    )


def tell_plan(context: Context, prepared: Prepared, *, more: Iterable[str] = ()) -> None:
    """Show the plan, and `more` to be warned of, before it is agreed to."""
    for text, style in describe_plan(prepared.plan, expected=prepared.count):
        context.terminal.note(text, style)
    for warning in more:
        context.terminal.note(f"! {warning}")
    if not open_journal(context).is_durable:
        for warning in context.store.warnings[:1]:
            context.terminal.note(f"! {warning}: once ec2menu ends, nobody can tell what was sent or go on with it")


def agree(context: Context, prepared: Prepared, *, yes: bool = False, more: Iterable[str] = ()) -> bool:
    """Show the plan and ask whether to send it, unless `yes` says so or there is nothing to send; return the answer."""
    tell_plan(context, prepared, more=more)
    if not prepared.plan.chunks or yes or _confirm(context, prepared):
        return True
    context.terminal.note(NOT_RUN)
    return False


def _confirm(context: Context, prepared: Prepared) -> bool:
    """Ask whether to send it: y, or the number of nodes where they are many or one of them is sensitive."""
    if not needs_count(context, prepared):
        return context.terminal.confirm("run it?", default=False)
    return is_count(prepared, context.terminal.ask(f"{count_question(context, prepared)}:"))


def needs_count(context: Context, prepared: Prepared) -> bool:
    """Whether a y is not enough."""
    above = context.config.settings.confirm_above
    may_be_sensitive = prepared.is_sensitive or not prepared.are_tags_known
    return needs_count_confirmation(prepared.count, above=above, is_sensitive=may_be_sensitive)


def count_question(context: Context, prepared: Prepared) -> str:
    """Return the words that ask for the number of nodes, and why."""
    why = "" if prepared.are_tags_known else "not all of their tags are known: "
    if prepared.is_sensitive:
        why = f"a tag says {context.config.settings.confirm_tag}: "
    return f"{why}type the number of nodes to run it"


def is_count(prepared: Prepared, typed: str) -> bool:
    """Whether the number of nodes was typed."""
    return typed.strip().replace(",", "") == str(prepared.count)


def new_run_id(now: datetime) -> str:
    """Return a name for a run that sorts by time and that nobody else in the account has."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _vanished(machine: Instance, failed: set[str]) -> Instance:
    if machine.region in failed:
        return replace(machine, node=None, ssm_known=False)
    return replace(machine, node=None, state="terminated")


def _tagged(context: Context, nodes: Sequence[Instance], tag: TagChoice) -> list[Instance]:
    """Return the nodes with all tags that EC2 knows of them, and the one they were chosen by."""
    listing = fresh_machines(context, tuple(dict.fromkeys(node.region for node in nodes)))
    known = {(each.region, each.id): each for each in listing.items}
    found = (known.get((node.region, node.id), node) for node in nodes)
    return [replace(each, tags={**each.tags, tag.key: tag.value}) for each in found]


def nodes_with(context: Context, tag: TagChoice, region: str) -> list[Instance]:
    """Return the nodes that have the tag now (SSM DescribeInstanceInformation), hybrid ones included."""
    from ec2menu.resources.nodes import fetch_nodes  # noqa: PLC0415 - rarely needed

    filters = [{"Key": f"tag:{tag.key}", "Values": [tag.value]}]
    found = context.attempt(
        lambda: context.in_background(
            lambda: fetch_nodes(context.aws, region, filters=filters),
            lambda: f"asking SSM in {region} who has the tag {tag.key}={tag.value}",
        )
    )
    return [from_node(node) for node in found]
