"""What a batch costs: calls to AWS per node, nodes running at the peak, and wall time over the ideal.

Run it with `python -m tests.bench.batch [NODES] [CONCURRENCY] [SECONDS]`. The ideal is nodes x duration / concurrency.
The SSM is simulated on a clock that stands still, so that hours take seconds and the numbers are the same every time;
scripts take half to one and a half of SECONDS, a call 100 ms.
"""

import sys
import tempfile
import time
import tracemalloc
from math import inf
from pathlib import Path
from random import Random

from ec2menu.demo.invocations import Outcome as Ended
from tests.unit.batch.rig import Bench, make

CASES = ((200, 5, 5.0), (1000, 50, 2.0), (1000, 50, 10.0), (1000, 50, 60.0), (10_000, 100, 10.0))
CALL_SECONDS = 0.1
OUTPUT_BYTES = 2000


def measure(nodes: int, concurrency: int, seconds: float, *, hung: int = 0) -> None:
    """Run one batch and print a line about it."""
    with tempfile.TemporaryDirectory() as folder:
        bench, rng = Bench(Path(folder)), Random(5)
        bench.ssm.latency_seconds = CALL_SECONDS
        targets = bench.ssm.add(nodes)
        for target in targets:
            delay = rng.uniform(0.5 * seconds, 1.5 * seconds)
            bench.ssm.behave[target.id] = Ended(delay_seconds=delay, stdout="x" * OUTPUT_BYTES)
        for target in rng.sample(targets, hung):
            bench.ssm.behave[target.id] = Ended(delay_seconds=inf)
        runner = bench.runner(make(targets, concurrency=concurrency))
        began, started = bench.clock.now(), time.perf_counter()
        tracemalloc.start()
        result = runner.run()
        peak_mb = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        took, ours = bench.clock.now() - began, time.perf_counter() - started
        ideal = nodes * seconds / concurrency
        calls = {name: bench.ssm.calls[name] for name in ("send_command", "list_command_invocations")}
        calls["get_command_invocation"] = bench.ssm.calls["get_command_invocation"]
        print(
            f"{nodes} nodes at {concurrency}, {seconds:g} s each, {hung} hung:"
            f" {sum(bench.ssm.calls.values()) / nodes:.2f} calls a node"
            f" ({', '.join(f'{name} {count}' for name, count in calls.items())}),"
            f" {bench.ssm.peak_running()} running at the peak, {took / ideal:.2f} of the ideal time,"
            f" {len(result.succeeded)} succeeded ({ours:.0f} s of our own, simulation included, {peak_mb:.0f} MB)",
            flush=True,
        )
        bench.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        count, limit, each = (*sys.argv[1:], *("1000", "50", "10")[len(sys.argv) - 1 :])[:3]
        measure(int(count), int(limit), float(each))
    else:
        for case in CASES:
            measure(*case)
        measure(1000, 50, 10.0, hung=10)
