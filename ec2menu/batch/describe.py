"""A plan in words, for a person to agree to: how many nodes, how, who is skipped and why, and how long it may take.

Pure: lines with their meaning; the terminal breaks, escapes and paints them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from math import ceil
from typing import Any

from ec2menu.batch.names import count_nodes, fold_names, labels_of
from ec2menu.batch.nouns import TAG_PREFIX, BatchPlan, Skip, Target
from ec2menu.clock import describe_duration
from ec2menu.exports import csv_line
from ec2menu.models import Style

Line = tuple[str, Style]

MAX_LINES = 8
MAX_NAMES = 12
_DETAILS = re.compile(r" for \d+[smhdy]$| \([^()]*\)$")


def describe_plan(plan: BatchPlan, *, expected: int = 0) -> list[Line]:
    """Return the plan as lines to read before agreeing; `expected` is how many nodes have the plan's tag now."""
    count = expected or len(plan.targets)
    title = f"run on {count_nodes(count)}" if plan.chunks else "no node can be reached, nothing can be run"
    lines = [(title, Style.STRONG), *_command(plan.spec.lines), *_places(plan)]
    if any(chunk.tag for chunk in plan.chunks):
        lines.append(("  SSM chooses the nodes with the tag when it runs", Style.PLAIN))
    if plan.targets:
        lines.append((f"  nodes: {fold_names(labels_of(plan.targets).values(), limit=MAX_NAMES)}", Style.PLAIN))
    lines += [(f"  {text}", Style.WARN) for text in _skipped(plan.skipped)]
    lines += [(f"  {text}", Style.DIM) for text in _conditions(plan, count) if plan.chunks]
    return lines + [(f"! {warning}", Style.WARN) for warning in plan.warnings]


def fold_skips(skips: Iterable[Skip]) -> dict[str, list[Skip]]:
    """Return the skipped by reason; how long an agent has been offline, or its role, make no reason of their own."""
    folded: dict[str, list[Skip]] = {}
    for skip in skips:
        folded.setdefault(_DETAILS.sub("", skip.reason), []).append(skip)
    return folded


def worst_seconds(plan: BatchPlan, count: int) -> int:
    """Return how long it takes where every node needs its whole time, and the last one is late."""
    rounds = ceil(count / plan.limits.concurrency) if count else 0
    return rounds * plan.spec.execution_seconds + (plan.spec.delivery_seconds if count else 0)


def plan_record(plan: BatchPlan) -> dict[str, Any]:
    """Return the plan JSON-ready: what `--dry-run -o json` prints, one entry per region and document."""
    lots: dict[tuple[str, str, str], list[Target]] = {}
    for chunk in plan.chunks:
        tag = f"{chunk.tag.key}={chunk.tag.value}" if chunk.tag else ""
        lots.setdefault((chunk.region, chunk.document, tag), []).extend(chunk.targets)
    return {
        "command": list(plan.spec.lines),
        "execution_seconds": plan.spec.execution_seconds,
        "delivery_seconds": plan.spec.delivery_seconds,
        "output_s3": plan.spec.output_s3,
        "concurrency": plan.limits.concurrency,
        "retries": plan.limits.retries,
        "max_errors": plan.limits.max_errors,
        "commands": [
            {
                "region": region,
                "document": document,
                "tag": tag,
                "targets": [{"id": target.id, "name": target.name} for target in targets],
            }
            for (region, document, tag), targets in lots.items()
        ],
        "skipped": [
            {
                "id": skip.target.id,
                "region": skip.target.region,
                "name": skip.target.name,
                "reason": skip.reason,
                "hint": skip.hint,
            }
            for skip in plan.skipped
        ],
        "warnings": list(plan.warnings),
    }


def plan_csv(plan: BatchPlan) -> Iterator[str]:
    """Yield the plan as RFC 4180 lines with a header: what `--dry-run -o csv` prints, one line for every target.

    A tag is a line of its own; `skipped` is why nothing would be sent.
    """
    yield csv_line(("id", "name", "region", "document", "skipped"))
    for chunk in plan.chunks:
        if chunk.tag:
            yield csv_line((f"{TAG_PREFIX}{chunk.tag.key}={chunk.tag.value}", "", chunk.region, chunk.document, ""))
        for target in chunk.targets:
            yield csv_line((target.id, target.name, chunk.region, chunk.document, ""))
    for skip in plan.skipped:
        yield csv_line((skip.target.id, skip.target.name, skip.target.region, "", skip.reason))


def _command(lines: tuple[str, ...]) -> list[Line]:
    shown = lines if len(lines) <= MAX_LINES else lines[: MAX_LINES - 1]
    more = [] if shown is lines else [(f"  … and {len(lines) - len(shown)} more lines", Style.DIM)]
    return [*((f"  | {line.expandtabs(4)}", Style.PLAIN) for line in shown), *more]


def _places(plan: BatchPlan) -> list[Line]:
    """Say which document goes where, and to how many nodes; how many commands that takes is seen as it runs."""
    nodes: Counter[tuple[str, str]] = Counter()
    tags: dict[tuple[str, str], str] = {}
    for chunk in plan.chunks:
        nodes[chunk.region, chunk.document] += len(chunk.targets)
        if chunk.tag is not None:
            tags[chunk.region, chunk.document] = f"nodes with tag:{chunk.tag.key}={chunk.tag.value}"
    return [
        (f"  {region} {document}: {tags.get((region, document), count_nodes(number))}", Style.PLAIN)
        for (region, document), number in nodes.items()
    ]


def _skipped(skips: tuple[Skip, ...]) -> list[str]:
    labels = labels_of(skip.target for skip in skips)
    lines = []
    for reason, members in fold_skips(skips).items():
        shown = members[0].reason if len(members) == 1 else reason
        names = fold_names((labels[member.target.id] for member in members), limit=MAX_NAMES)
        lines.append(f"{len(members):,} skipped, {shown}: {names}")
    return lines


def _conditions(plan: BatchPlan, count: int) -> list[str]:
    limits, spec = plan.limits, plan.spec
    stop = f"stops after more than {limits.max_errors} errors" if limits.max_errors else "never stops for errors"
    times = (
        f"timeouts: {describe_duration(spec.execution_seconds)} to run, "
        f"{describe_duration(spec.delivery_seconds)} to reach it · "
        f"at worst {describe_duration(worst_seconds(plan, count))}"
    )
    lines = [
        f"at most {limits.concurrency} at a time · {stop} · "
        + (f"{limits.retries} retries where it never ran" if limits.retries else "no retries"),
        times,
    ]
    return lines + ([f"full output goes to s3://{spec.output_s3}"] if spec.output_s3 else [])
