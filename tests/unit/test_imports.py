"""What is imported before the user sees something: neither boto3 nor botocore nor tabulate."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

HEAVY = ("boto3", "botocore", "tabulate", "cachetools", "moto")
# Ends like `python -m ec2menu` does, and tells on stderr which of the heavy modules it imported.
RUN = """
import json, sys
from ec2menu.cli import main
status = main(sys.argv[2:])
print(json.dumps([status, [name for name in json.loads(sys.argv[1]) if name in sys.modules]]), file=sys.stderr)
"""
# The menu at a screen and keyboard that only look like a terminal's: each write to the screen before the prompt notes
# which of the heavy modules are there. The question is answered when boto3 has come in from behind.
MENU = """
import io, json, sys, time

heavy = json.loads(sys.argv[1])
seen = {"drawn": [], "text": "", "asked": False, "came": []}

class Screen(io.StringIO):
    def isatty(self):
        return True
    def write(self, text):
        seen["asked"] = seen["asked"] or text.startswith("region")
        if not seen["asked"]:
            seen["drawn"] += [name for name in heavy if name in sys.modules]
            seen["text"] += text
        return len(text)

class Keyboard(io.StringIO):
    def isatty(self):
        return True
    def readline(self, *_size):
        deadline = time.monotonic() + 30
        while "boto3.session" not in sys.modules and time.monotonic() < deadline:
            time.sleep(0.01)
        seen["came"] = [name for name in heavy if name in sys.modules]
        return "q\\n"

real, sys.stdout, sys.stdin = sys.stdout, Screen(), Keyboard()
from ec2menu.cli import main
status = main([])
print(json.dumps([status, seen]), file=real)
"""


def python(program: str, *arguments: str, home: Path) -> "subprocess.CompletedProcess[str]":
    """Run a program in a process without AWS settings and with a home of its own, where no network is needed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "EC2MENU_", "XDG_"))}
    environ |= {
        "HOME": str(home),
        "AWS_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "TERM": "dumb",
    }
    argv = [sys.executable, "-c", program, json.dumps(HEAVY), *arguments]
    return subprocess.run(argv, env=environ, capture_output=True, text=True, check=True, timeout=60)


@pytest.mark.parametrize(
    ("argv", "shown", "status"),
    [
        (["--version"], "ec2menu ", 0),
        (["--help"], "usage: ec2menu", 0),
        (["ls", "--help"], "usage: ec2menu ls", 0),
        (["config"], "ttl_seconds", 0),
    ],
)
def test_what_needs_no_aws_imports_none_of_it(tmp_path: Path, *, argv: Sequence[str], shown: str, status: int) -> None:
    run = python(RUN, *argv, home=tmp_path)
    assert shown in run.stdout
    ended, heavy = json.loads(run.stderr.splitlines()[-1])
    assert ended == status
    assert set(heavy) <= ({"tabulate"} if argv == ["config"] else set())


def test_a_command_line_that_cannot_be_understood_imports_none_of_it(tmp_path: Path) -> None:
    run = python(RUN, "--nonsense", home=tmp_path)
    assert json.loads(run.stderr.splitlines()[-1]) == [2, []]


def test_the_first_menu_is_drawn_before_boto3_is_imported_behind_it(tmp_path: Path) -> None:
    run = python(MENU, home=tmp_path)
    status, seen = json.loads(run.stdout)
    assert status == 0
    assert seen["asked"]
    assert "eu-west-1" in seen["text"], "the region screen was drawn"
    assert "Ireland" in seen["text"]
    assert seen["drawn"] == []
    assert "boto3" in seen["came"], "while the user reads, boto3 comes in"
    assert "tabulate" not in seen["came"]
