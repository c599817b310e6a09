"""The report for programs: JSON, CSV and a folder of files say the same as the report for people."""

import csv
import io
import json
import stat
from pathlib import Path

import pytest

from ec2menu.batch.nouns import BatchResult, CommandSpec, NodeResult, Outcome, Target
from ec2menu.batch.summary import check_out_folder, csv_lines, json_lines, write_out
from ec2menu.errors import InvalidInput

SPEC = CommandSpec(lines=("echo 가", 'echo "$(id)"'))
HOSTILE = "=cmd|'x'\n\x1b[31m,\"결제\""


def read(result: NodeResult) -> tuple[str, str]:
    return f"out of {result.target.id}\n", 'err, "quoted"\n'


@pytest.fixture
def result(tmp_path: Path) -> BatchResult:
    stdout = tmp_path / "kept"
    stdout.write_bytes(b"full output\n\xff\xfe")
    stdout.chmod(0o600)
    ok = NodeResult(
        target=Target(id="i-1", region="us-east-1", name=HOSTILE),
        outcome=Outcome.SUCCEEDED,
        exit_code=0,
        command_id="c-1",
        attempts=1,
        lasted_seconds=1.23456,
        stdout_file=stdout,
        is_stdout_cut=True,
    )
    skipped = NodeResult(
        target=Target(id="../i-2", region="us-east-1"), outcome=Outcome.SKIPPED, detail="the instance is stopped"
    )
    return BatchResult(run_id="run-1", results=(ok, skipped))


def test_json_is_one_document_with_a_record_per_node(result: BatchResult) -> None:
    document = json.loads("\n".join(json_lines(result, SPEC, read=read, ascii_only=False)))
    assert document["command"] == list(SPEC.lines)
    assert document["counts"] == {"succeeded": 1, "skipped": 1}
    assert (document["run_id"], document["exit_status"], document["is_detached"]) == ("run-1", 1, False)
    first, second = document["nodes"]
    assert first["name"] == HOSTILE
    assert first["stdout"] == "out of i-1\n"
    assert (first["exit_code"], first["lasted_seconds"], first["is_stdout_cut"]) == (0, 1.235, True)
    assert (second["outcome"], second["exit_code"]) == ("skipped", None)


def test_json_for_a_stream_that_is_not_unicode_is_ascii(result: BatchResult) -> None:
    text = "\n".join(json_lines(result, SPEC, read=None, ascii_only=True))
    assert text.isascii()
    assert json.loads(text)["nodes"][0]["name"] == HOSTILE
    assert "stdout" not in json.loads(text)["nodes"][0]


def test_no_nodes_are_valid_json_too() -> None:
    text = "\n".join(json_lines(BatchResult(run_id="r", results=()), SPEC, read=read, ascii_only=False))
    assert json.loads(text)["nodes"] == []


def test_csv_gives_back_every_value(result: BatchResult) -> None:
    rows = list(csv.DictReader(io.StringIO("\n".join(csv_lines(result, read=read)))))
    assert [row["id"] for row in rows] == ["i-1", "../i-2"]
    assert rows[0]["name"] == HOSTILE
    assert rows[0]["stderr"] == 'err, "quoted"\n'
    assert rows[1]["exit_code"] == ""


def test_a_folder_gets_the_summary_and_the_streams_of_every_node_that_was_sent_to(
    result: BatchResult, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "out"
    check_out_folder(folder)
    write_out(folder, result, SPEC)
    assert sorted(path.name for path in folder.iterdir()) == ["i-1.stderr", "i-1.stdout", "summary.json"]
    assert (folder / "i-1.stdout").read_bytes() == b"full output\n\xff\xfe"
    assert (folder / "i-1.stderr").read_bytes() == b""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert [node["outcome"] for node in summary["nodes"]] == ["succeeded", "skipped"]
    assert stat.S_IMODE((folder / "i-1.stdout").stat().st_mode) == stat.S_IMODE(
        (folder / "summary.json").stat().st_mode
    )


def test_a_file_never_gets_a_name_that_leads_out_of_the_folder(tmp_path: Path) -> None:
    escaping = NodeResult(
        target=Target(id="../../x/i-2", region="r"), outcome=Outcome.FAILED, command_id="c-1", exit_code=1
    )
    folder = tmp_path / "out"
    check_out_folder(folder)
    write_out(folder, BatchResult(run_id="r", results=(escaping,)), SPEC)
    assert sorted(path.name for path in folder.iterdir()) == [
        "______x_i-2.stderr",
        "______x_i-2.stdout",
        "summary.json",
    ]


@pytest.mark.parametrize("name", ["summary.json", "i-1.stdout", "i-1.stderr"])
def test_the_results_of_another_run_are_never_overwritten(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(InvalidInput, match="holds the results of another run"):
        check_out_folder(tmp_path)
    assert (tmp_path / name).read_text() == "precious"


def test_other_files_may_be_there_and_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    check_out_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in ("file", "file/below"):
        with pytest.raises(InvalidInput, match="cannot be written"):
            check_out_folder(tmp_path / place)
