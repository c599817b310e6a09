"""Plans, orders and results as JSON texts for the journal, and back. Pure; a text of ours reads back as it was."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ec2menu.batch.actions import Order
from ec2menu.batch.nouns import (
    BatchPlan,
    Chunk,
    CommandSpec,
    Limits,
    NodeResult,
    Outcome,
    Skip,
    TagChoice,
    Target,
)


def plan_text(plan: BatchPlan) -> str:
    """Return the plan as text."""
    return json.dumps(asdict(plan), ensure_ascii=False)


def read_plan(text: str) -> BatchPlan:
    """Return the plan of a text."""
    data = json.loads(text)
    return BatchPlan(
        run_id=data["run_id"],
        spec=CommandSpec(**{**data["spec"], "lines": tuple(data["spec"]["lines"])}),
        limits=Limits(**data["limits"]),
        chunks=tuple(_chunk(each) for each in data["chunks"]),
        skipped=tuple(Skip(**{**each, "target": Target(**each["target"])}) for each in data["skipped"]),
        warnings=tuple(data["warnings"]),
    )


def order_text(order: Order) -> str:
    """Return the order as text."""
    return json.dumps(asdict(order), ensure_ascii=False)


def read_order(text: str) -> Order:
    """Return the order of a text."""
    data = json.loads(text)
    tag = TagChoice(**data["tag"]) if data["tag"] else None
    order = Order(**{**data, "tag": tag})
    return replace(order, node_ids=tuple(data["node_ids"]), attempts=tuple(data["attempts"]))


def result_text(result: NodeResult) -> str:
    """Return a node's row as text."""
    return json.dumps(asdict(result), ensure_ascii=False, default=str)


def read_result(text: str) -> NodeResult:
    """Return the row of a text."""
    data = json.loads(text)
    files: dict[str, Any] = {name: Path(data[name]) if data[name] else None for name in ("stdout_file", "stderr_file")}
    return NodeResult(**{**data, **files, "target": Target(**data["target"]), "outcome": Outcome(data["outcome"])})


def _chunk(data: dict[str, Any]) -> Chunk:
    return Chunk(
        region=data["region"],
        document=data["document"],
        targets=tuple(Target(**each) for each in data["targets"]),
        tag=TagChoice(**data["tag"]) if data["tag"] else None,
        expected=data.get("expected", 0),
    )
