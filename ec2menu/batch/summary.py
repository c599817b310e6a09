"""What became of a batch, for programs: one record per node, as JSON, as CSV, and as a folder of files (`--out DIR`).

Memory stays bounded: rows are written one after another, and a node's output is read when its row is.
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ec2menu.batch.nouns import BatchResult, CommandSpec, NodeResult
from ec2menu.batch.report import Read, exit_status, why_of
from ec2menu.errors import InvalidInput
from ec2menu.exports import csv_line

SUMMARY = "summary.json"
_STREAMS = ("stdout", "stderr")
_UNSAFE = re.compile(r"[^A-Za-z0-9-]")
_COLUMNS = (
    *("id", "name", "region", "platform", "outcome", "exit_code", "detail", "lasted_seconds", "attempts", "command_id"),
    *("is_stdout_cut", "is_stderr_cut"),
)


def node_record(result: NodeResult) -> dict[str, Any]:
    """Return one node's row JSON-ready, without its output."""
    record = {
        "id": result.target.id,
        "name": result.target.name,
        "region": result.target.region,
        "platform": result.target.platform,
        "outcome": result.outcome.value,
        "exit_code": result.exit_code,
        "detail": why_of(result),
        "lasted_seconds": round(result.lasted_seconds, 3),
        "attempts": result.attempts,
        "command_id": result.command_id,
        "is_stdout_cut": result.is_stdout_cut,
        "is_stderr_cut": result.is_stderr_cut,
    }
    return {column: record[column] for column in _COLUMNS}


def summary_record(result: BatchResult, spec: CommandSpec) -> dict[str, Any]:
    """Return what is true of the whole batch, JSON-ready; the nodes' records are not in it."""
    return {
        "run_id": result.run_id,
        "command": list(spec.lines),
        "exit_status": int(exit_status(result)),
        "is_detached": result.is_detached,
        "counts": dict(Counter(each.outcome.value for each in result.results)),
    }


def json_lines(result: BatchResult, spec: CommandSpec, *, read: Read | None, ascii_only: bool) -> Iterator[str]:
    """Yield the lines of one JSON document: the summary with `nodes`; with `read`, each node has its output."""
    head = json.dumps(summary_record(result, spec), ensure_ascii=ascii_only, indent=2)
    yield head.removesuffix("\n}") + ","
    yield '  "nodes": ['
    for number, each in enumerate(result.results, 1):
        record = node_record(each)
        if read is not None:
            record |= zip(_STREAMS, read(each), strict=True)
        yield "    " + json.dumps(record, ensure_ascii=ascii_only) + ("," if number < len(result.results) else "")
    yield "  ]"
    yield "}"


def csv_lines(result: BatchResult, *, read: Read) -> Iterator[str]:
    """Yield RFC 4180 lines with a header; the last two fields are the node's output."""
    yield csv_line([*_COLUMNS, *_STREAMS])
    for each in result.results:
        values = node_record(each).values()
        yield csv_line(["" if value is None else str(value) for value in values] + list(read(each)))


def check_out_folder(folder: Path) -> None:
    """Make sure, before anything is sent, that `--out` can be written. Creates the folder.

    Raises InvalidInput where it holds another run, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(path.name == SUMMARY or path.suffix in (".stdout", ".stderr") for path in folder.iterdir()):
            raise InvalidInput(f"{folder} holds the results of another run", hint="name a new folder with --out")
        probe = folder / f".{SUMMARY}.part"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise InvalidInput(
            f"{folder} cannot be written: {error.strerror}", hint="name another folder with --out"
        ) from error


def write_out(folder: Path, result: BatchResult, spec: CommandSpec) -> None:
    """Write each node's output to files of its own, and last `summary.json`, whose being there says that all is.

    Raises OSError where the disk does not take it.
    """
    for each in result.results:
        for stream, source in zip(_STREAMS, (each.stdout_file, each.stderr_file), strict=True):
            name = f"{_UNSAFE.sub('_', each.target.id)}.{stream}"
            if source is not None and source.exists():
                shutil.copyfile(source, folder / name)
            elif each.command_id:
                (folder / name).write_bytes(b"")
    part = folder / f".{SUMMARY}.part"
    with part.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in json_lines(result, spec, read=None, ascii_only=False))
    part.replace(folder / SUMMARY)
