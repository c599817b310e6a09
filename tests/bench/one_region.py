"""One busy region: `ec2menu ls ec2` of 1,000 managed instances against boto3 that asks EC2 alone.

Run it with `python -m tests.bench.one_region [INSTANCES] [LATENCY_MS]`. We ask EC2 and SSM and join them; the script
we are measured against (`sequential --ec2-only`) walks DescribeInstances and nothing else, so 1.0 means that what SSM
knows came for free. Both are whole processes, in turn; last comes what a run of each cost.
"""

import sys
import tempfile

from tests.bench.all_regions import print_cost
from tests.bench.canned import Canned
from tests.bench.fleet import REGION_NAMES, Size
from tests.bench.timing import output_of, report, time_process

REGION = REGION_NAMES[0]
OURS = [sys.executable, "-m", "ec2menu", "-r", REGION, "ls", "ec2", "-o", "ids"]
EC2_ONLY = [sys.executable, "-m", "tests.bench.sequential", "--ec2-only", REGION]
BOTH = [sys.executable, "-m", "tests.bench.sequential", REGION]


def main(instances: int, latency_ms: float) -> None:
    """Print the ratios and the costs."""
    size = Size(instances=instances, regions=1)
    with tempfile.TemporaryDirectory() as home, Canned(size, latency_ms=latency_ms) as aws:
        environment = aws.environment(home)
        for argv in (OURS, EC2_ONLY, BOTH):
            found = len(set(output_of(argv, environment).split()))
            if found != instances:
                raise ValueError(f"{argv} found {found} of {instances} instances")
        print(f"{instances} instances, {latency_ms:.0f} ms a call", flush=True)
        for name, argv in (("boto3, EC2 alone", EC2_ONLY), ("boto3, EC2 then SSM", BOTH)):
            report(
                f"ec2menu ls ec2 / {name}",
                lambda: time_process(OURS, environment),
                lambda argv=argv: time_process(argv, environment),  # type: ignore[misc] # mypy cannot infer it
            )
        for argv in (OURS, EC2_ONLY, BOTH):
            print_cost(" ".join(argv[2:]), argv, aws, environment)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, float(sys.argv[2]) if len(sys.argv) > 2 else 50.0)
