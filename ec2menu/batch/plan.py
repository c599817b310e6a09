"""From machines to a plan: who is sent to, by which document, in which commands, and who is skipped and why.

Pure: the machines are listed by the caller, freshly, and nothing is sent here. How a plan is told is in `describe`.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from ec2menu.batch.limits import check_limits, check_spec
from ec2menu.batch.nouns import MAX_CHUNK, BatchPlan, Chunk, CommandSpec, Limits, Skip, TagChoice, Target
from ec2menu.batch.script import command_warnings
from ec2menu.models import Instance, SsmStatus

SHELL_DOCUMENT = "AWS-RunShellScript"
POWERSHELL_DOCUMENT = "AWS-RunPowerShellScript"
Explain = Callable[[Instance], tuple[str, str]]

# People write the same thing in several ways, and the setting's default should find them all.
_SYNONYMS = {"prod": "prod|production|prd"}


def make_plan(
    spec: CommandSpec, machines: Sequence[Instance], *, limits: Limits, run_id: str, explain: Explain
) -> BatchPlan:
    """Return the plan of running `spec` on the machines, each once, in their order.

    The machines come with what SSM knows of them now; `explain` says why one cannot be reached, and what to do. Raises
    InvalidInput for a command or limits that cannot be.
    """
    check_spec(spec)
    check_limits(limits)
    chosen = list({(machine.region, machine.id): machine for machine in machines}.values())
    ready = [machine for machine in chosen if machine.ssm_status is SsmStatus.ONLINE]
    skipped = [_skip(machine, explain) for machine in chosen if machine.ssm_status is not SsmStatus.ONLINE]
    return BatchPlan(
        run_id=run_id,
        spec=spec,
        limits=limits,
        chunks=cut_into_chunks([to_target(machine) for machine in ready]),
        skipped=tuple(skipped),
        warnings=command_warnings(spec.lines),
    )


def make_tag_plan(
    spec: CommandSpec,
    tag: TagChoice,
    nodes: Sequence[Instance],
    *,
    limits: Limits,
    run_id: str,
    explain: Explain,
) -> BatchPlan:
    """Return the plan of leaving the choice of nodes to SSM: one command by the tag for each region.

    `nodes` are those that have the tag now. Where a region has both kinds, the shell's document goes out by the tag and
    Windows gets its own by id, as in `make_plan`: the shell's is refused on Windows (InvalidPlatform), but PowerShell's
    runs on Linux as well (its PlatformTypes), and no node may run the command twice. Raises InvalidInput.
    """
    documents: dict[str, set[str]] = {}
    for node in nodes:
        documents.setdefault(node.region, set()).add(document_for(to_target(node)))
    by_id = [
        node for node in nodes if len(documents[node.region]) > 1 and document_for(to_target(node)) != SHELL_DOCUMENT
    ]
    windows = make_plan(spec, by_id, limits=limits, run_id=run_id, explain=explain)
    count = Counter(node.region for node in nodes) - Counter(node.region for node in by_id)
    by_tag = (
        Chunk(
            region=region,
            document=SHELL_DOCUMENT if SHELL_DOCUMENT in found else POWERSHELL_DOCUMENT,
            tag=tag,
            expected=count[region],
        )
        for region, found in documents.items()
    )
    warnings = windows.warnings
    if by_id:
        warnings += ("Windows nodes get it by id where Linux has the tag too: only those that have the tag now",)
    return replace(windows, chunks=(*by_tag, *windows.chunks), warnings=warnings)


def to_target(machine: Instance) -> Target:
    """Return the machine as a target, with SSM's PlatformType where SSM knows it."""
    known = machine.node.platform_type if machine.node else ""
    platform = known or ("Windows" if machine.is_windows else "Linux")
    return Target(id=machine.id, region=machine.region, name=machine.name, platform=platform)


def document_for(target: Target) -> str:
    """Return the document that runs a script there: PowerShell on Windows, the shell on Linux and macOS."""
    return POWERSHELL_DOCUMENT if target.platform == "Windows" else SHELL_DOCUMENT


def cut_into_chunks(targets: Sequence[Target]) -> tuple[Chunk, ...]:
    """Spread the targets evenly over as few commands as possible: at most 50 each, one region and document each."""
    groups: dict[tuple[str, str], list[Target]] = {}
    for target in targets:
        groups.setdefault((target.region, document_for(target)), []).append(target)
    chunks = []
    for (region, document), members in groups.items():
        count = -(-len(members) // MAX_CHUNK)
        bounds = [len(members) * index // count for index in range(count + 1)]
        chunks += [
            Chunk(region=region, document=document, targets=tuple(members[low:high])) for low, high in pairwise(bounds)
        ]
    return tuple(chunks)


def sensitive_targets(machines: Sequence[Instance], confirm_tag: str) -> tuple[Instance, ...]:
    """Return the machines with a tag whose value holds `confirm_tag` as a word, ignoring case; none where it is empty.

    `prod` finds `Prod-EU`, `prod2` and `production`, and neither `product` nor `non-prod`.
    """
    word = _fold(confirm_tag.strip())
    if not word:
        return ()
    pattern = re.compile(rf"(?<![^\W_])(?<!non[-_ ])(?:{_SYNONYMS.get(word, re.escape(word))})(?![^\W\d_])")
    return tuple(
        machine for machine in machines if any(pattern.search(_fold(value)) for value in machine.tags.values())
    )


def needs_count_confirmation(count: int, *, above: int, is_sensitive: bool) -> bool:
    """Whether the user has to type the number of nodes, instead of y, before the command is sent."""
    return count > above or (is_sensitive and count > 0)


def _skip(machine: Instance, explain: Explain) -> Skip:
    if machine.ssm_status is SsmStatus.UNKNOWN:
        reason, hint = "SSM could not be asked about it", "ec2menu doctor says what is missing"
    else:
        reason, hint = explain(machine)
    return Skip(target=to_target(machine), reason=reason, hint=hint)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()
