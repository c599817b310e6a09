"""How long until there is something to see: the first menu to a bare interpreter, an EC2 table to bare boto3.

Run it with `python -m tests.bench.start [INSTANCES]`. Whole processes are timed in turn, so that a drifting machine
slows both sides alike; medians are printed.
"""

import os
import pty
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping

ROUNDS = 9
PROMPT = b"region ["
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
            environment = {**menu_environment, **_exports(server)}
            report(
                f"EC2 table of {instances} / bare boto3, call after call",
                lambda: _seconds([sys.executable, "-m", "ec2menu", "ls", "ec2"], environment),
                lambda: _seconds([sys.executable, "-c", BARE_CALLS], environment),
            )
        finally:
            server.terminate()
            server.wait()


def report(what: str, ours: Callable[[], float], theirs: Callable[[], float]) -> None:
    """Time both in turn and print medians and the median of the ratios."""
    ours(), theirs()  # caches of files and bytecode
    pairs = [(ours(), theirs()) for _ in range(ROUNDS)]
    ratio = statistics.median(a / b for a, b in pairs)
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{what}: {ratio:.2f}  ({mine * 1000:.0f} ms / {other * 1000:.0f} ms, medians of {ROUNDS})")


def _seconds(argv: list[str], environment: Mapping[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(argv, env=dict(environment), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _seconds_to_menu(environment: Mapping[str, str]) -> float:
    """Time from the start of the process to the first prompt on a terminal."""
    master, slave = pty.openpty()
    started = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", "ec2menu"], env=dict(environment), stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    seen = b""
    while PROMPT not in seen and select.select([master], [], [], 30)[0]:
        seen += os.read(master, 65536)
    elapsed = time.perf_counter() - started
    os.write(master, b"q\n")
    child.wait()
    os.close(master)
    return elapsed


def _exports(server: "subprocess.Popen[str]") -> dict[str, str]:
    """Read the `export NAME=VALUE` lines that the demo's server prints when it is ready."""
    found: dict[str, str] = {}
    for line in server.stdout or ():
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").strip().partition("=")
            found[name] = value.strip("'\"")
        if "no_proxy" in found and "AWS_ENDPOINT_URL" in found:
            break
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
