"""A big account: `ec2menu -r all ls ec2` over 17 regions against boto3 used plainly and against bare sockets.

Run it with `python -m tests.bench.all_regions [INSTANCES] [LATENCY_MS]`; 10,000 instances, all managed, every call
50 ms away. Whole processes, in turn. `boto3, one call after the other` is `sequential`; the two others are `ideal`: the
same calls side by side without parsing, and SSM asked for 50 ids at once. Then what one run of each cost: calls, the
most at once, processor time, peak memory.
"""

import sys
import tempfile
from collections.abc import Mapping

from tests.bench.canned import Canned
from tests.bench.fleet import Size
from tests.bench.timing import cost_of, output_of, report, time_process

OURS = [sys.executable, "-m", "ec2menu", "-r", "all", "ls", "ec2", "-o", "ids"]
SEQUENTIAL = [sys.executable, "-m", "tests.bench.sequential"]
IDEAL_CHAIN = [sys.executable, "-m", "tests.bench.ideal", "chain"]
IDEAL_SHARDS = [sys.executable, "-m", "tests.bench.ideal", "shards"]
ROUNDS, SLOW_ROUNDS = 9, 3


def main(instances: int, latency_ms: float) -> None:
    """Print the ratios and the costs."""
    with tempfile.TemporaryDirectory() as home, Canned(Size(instances=instances), latency_ms=latency_ms) as aws:
        environment = aws.environment(home)
        check_answers(environment, instances)
        print(f"{instances} instances, {latency_ms:.0f} ms a call", flush=True)
        for name, argv, rounds in (
            ("bare sockets, the same calls", IDEAL_CHAIN, ROUNDS),
            ("bare sockets, SSM in shards", IDEAL_SHARDS, ROUNDS),
            ("boto3, one call after the other", SEQUENTIAL, SLOW_ROUNDS),
        ):
            report(
                f"ec2menu -r all ls ec2 / {name}",
                lambda: time_process(OURS, environment),
                lambda argv=argv: time_process(argv, environment),  # type: ignore[misc] # mypy cannot infer it
                rounds=rounds,
            )
        for argv in (OURS, IDEAL_CHAIN, IDEAL_SHARDS, SEQUENTIAL):
            print_cost(" ".join(argv[2:]), argv, aws, environment)


def check_answers(environment: Mapping[str, str], instances: int) -> None:
    """See that all have found everything, before any is timed. Raises ValueError."""
    counts = {argv[2]: len(set(output_of(argv, environment).split())) for argv in (OURS, SEQUENTIAL)}
    counts |= {" ".join(argv): int(output_of(argv, environment).split()[0]) for argv in (IDEAL_CHAIN, IDEAL_SHARDS)}
    if set(counts.values()) != {instances}:
        raise ValueError(f"not all found {instances} instances: {counts}")


def print_cost(name: str, argv: list[str], aws: Canned, environment: Mapping[str, str]) -> None:
    """Run once more and say what it cost, at our end and at the endpoint's."""
    aws.stats(reset=True)
    cost = cost_of(argv, environment)
    stats = aws.stats(reset=True)
    calls = ", ".join(f"{count} {operation}" for operation, count in sorted(stats["calls"].items()))
    print(f"{name}:\n  calls: {calls}; most at once: {stats['most_at_once']}; {stats['sent_bytes'] / 1e6:.1f} MB")
    print(
        f"  {cost.seconds:.2f} s, of these {cost.cpu_seconds:.2f} s processor; peak memory {cost.peak_mb:.0f} MB;"
        f" the endpoint used {stats['cpu_seconds']:.2f} s processor",
        flush=True,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, float(sys.argv[2]) if len(sys.argv) > 2 else 50.0)
