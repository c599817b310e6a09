"""How long until there is something to see: the first menu to a bare interpreter, an EC2 table to bare boto3.

Run it with `python -m tests.bench.start [INSTANCES]`. Whole processes are timed in turn, so that a drifting machine
slows both sides alike; medians are printed.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping

from tests.bench.timing import Screen, read_exports, report, time_process

PROMPT = rb"region \["
BARE_CALLS = """
import boto3
session = boto3.session.Session()
reservations = [r for page in session.client("ec2").get_paginator("describe_instances").paginate(
    PaginationConfig={"PageSize": 1000}) for r in page["Reservations"]]
nodes = [n for page in session.client("ssm").get_paginator("describe_instance_information").paginate(
    PaginationConfig={"PageSize": 50}) for n in page["InstanceInformationList"]]
print(len(reservations), len(nodes))
"""


def main(instances: int) -> None:
    """Print both ratios."""
    with tempfile.TemporaryDirectory() as home:
        menu_environment = {**os.environ, "HOME": home, "AWS_DEFAULT_REGION": "us-east-1", "TERM": "xterm"}
        bare = lambda: _seconds([sys.executable, "-c", "pass"], menu_environment)  # noqa: E731 - two one-line timers
        report("first menu / bare interpreter", lambda: _seconds_to_menu(menu_environment), bare)
        server = subprocess.Popen(
            [sys.executable, "-m", "ec2menu.demo", "--instances", str(instances), "--region", "us-east-1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            environment = {**menu_environment, **read_exports(server)}
            report(
                f"EC2 table of {instances} / bare boto3, call after call",
                lambda: _seconds([sys.executable, "-m", "ec2menu", "ls", "ec2"], environment),
                lambda: _seconds([sys.executable, "-c", BARE_CALLS], environment),
            )
        finally:
            server.terminate()
            server.wait()


def _seconds(argv: list[str], environment: Mapping[str, str]) -> float:
    return time_process(argv, environment)


def _seconds_to_menu(environment: Mapping[str, str]) -> float:
    """Time from the start of the process to the first prompt on a terminal."""
    with Screen([sys.executable, "-m", "ec2menu"], environment) as screen:
        elapsed = screen.wait_for(PROMPT) - screen.started
        screen.type("q")
    return elapsed


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
