"""How a batch ended, written: for programs as it is, and harmless where a person's screen shows it."""

import csv
import io
import json
from pathlib import Path

import pytest

from ec2menu.batch.nouns import BatchResult, CommandSpec, NodeResult, Outcome, Target
from ec2menu.flows.batch_report import show_result
from tests.unit.desk import CannedAws, context_at, sit_down

HOSTILE = "\x1b]0;pwn\x07\x1b[31mred\x9b\n한국\n"


def written(folder: Path, *, output: str, tty: bool) -> str:
    desk = sit_down(out_tty=tty, color=False)
    row = NodeResult(target=Target(id="i-1", region="us-east-1", name=HOSTILE), outcome=Outcome.SUCCEEDED, exit_code=0)
    show_result(
        context_at(desk, CannedAws(), folder),
        BatchResult(run_id="run-1", results=(row,)),
        CommandSpec(lines=("printf '\x1b[31m'",)),
        read=lambda _row: (HOSTILE, ""),
        output=output,
    )
    return desk.data


@pytest.mark.parametrize("output", ["table", "json", "csv"])
def test_what_nodes_printed_never_drives_the_screen(output: str, tmp_path: Path) -> None:
    text = written(tmp_path, output=output, tty=True)
    assert not {char for char in text if not char.isprintable()} - {"\n"}
    assert "한국" in text


def test_a_program_gets_every_character(tmp_path: Path) -> None:
    [row] = csv.DictReader(io.StringIO(written(tmp_path, output="csv", tty=False), newline=""))
    assert (row["name"], row["stdout"]) == (HOSTILE, HOSTILE)
    [node] = json.loads(written(tmp_path, output="json", tty=False))["nodes"]
    assert node["stdout"] == HOSTILE
