"""The same menu the second time: to the first prompt, and from the choice of EC2 instances to their table.

Run it with `python -m tests.bench.warm_start [INSTANCES] [LATENCY_MS] [REGIONS]`; with more than one region the list is
that of all of them, and the choice of "all" is part of the way there. Cold is a home folder that ec2menu has never
seen; warm is the next run in the same one, where the last listing may be drawn before AWS has answered. Only the
screen is looked at: a table counts as drawn when rows with ids are there and the prompt below them. The rounds are
whole pairs, each in a folder of its own; every warm start is compared with a bare interpreter and a first menu right
after it. Bytecode is cached as it is for whoever has installed ec2menu. Last, the processor time of a menu that is left
alone with its list.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence

from tests.bench.canned import Canned
from tests.bench.fleet import REGION_NAMES, Size
from tests.bench.timing import Screen, time_process

REGION = REGION_NAMES[0]
MENU = [sys.executable, "-m", "ec2menu", "-r", REGION]
FIRST_MENU = [sys.executable, "-m", "ec2menu"]
BARE = [sys.executable, "-c", "pass"]
REGION_PROMPT = rb"region \["
FIRST_PROMPT = rb"list \(0 back"
TABLE = rb"(?s)i-0[0-9a-f]{16}.* ec2[^\r\n]*: ?\S*$"
ROUNDS = 7
SETTLING_SECONDS = 2
IDLE_SECONDS = 10


def main(instances: int, latency_ms: float, regions: int) -> None:
    """Print the medians, cold and warm, and how they compare."""
    look = look_everywhere if regions > 1 else look_in_one_region
    pairs: list[tuple[tuple[float, float], tuple[float, float]]] = []
    baselines: list[tuple[float, float]] = []
    with Canned(Size(instances=instances, regions=regions), latency_ms=latency_ms) as aws:
        for _ in range(ROUNDS + 1):
            with tempfile.TemporaryDirectory() as home:
                environment = environment_of(aws, home)
                pairs.append((look(environment), look(environment)))
                baselines.append((time_process(BARE, environment), look_at_first_menu(environment)))
        idle = idle_cpu_seconds(aws)
    del pairs[0], baselines[0]  # caches of files and bytecode
    print(f"{instances} instances, regions: {regions}, {latency_ms:.0f} ms a call, medians of {ROUNDS}")
    for position, what in enumerate(("start to first prompt", "choice to table")):
        cold, warm = (statistics.median(pair[run][position] for pair in pairs) for run in (0, 1))
        ratio = statistics.median(pair[1][position] / pair[0][position] for pair in pairs)
        print(f"{what}, warm / cold: {ratio:.2f}  ({warm * 1000:.0f} ms / {cold * 1000:.0f} ms)")
    report_ratio([sum(warm) for _, warm in pairs], baselines)
    print(f"left alone with its list for {IDLE_SECONDS} s: {idle * 1000:.0f} ms of processor time")


def report_ratio(tables: Sequence[float], baselines: Sequence[tuple[float, float]]) -> None:
    """Print how warm starts compare with what no start can do without."""
    ratio = statistics.median(table / sum(baseline) for table, baseline in zip(tables, baselines, strict=True))
    bare, menu = (statistics.median(column) * 1000 for column in zip(*baselines, strict=True))
    table = statistics.median(tables) * 1000
    theirs = f"{bare:.0f} + {menu:.0f} ms"
    print(f"warm prompt + table / bare interpreter + first menu: {ratio:.2f}  ({table:.0f} ms / {theirs})")


def environment_of(aws: Canned, home: str) -> dict[str, str]:
    """Return the environment of a menu at home in a folder."""
    return {name: value for name, value in aws.environment(home).items() if name != "PYTHONDONTWRITEBYTECODE"}


def idle_cpu_seconds(aws: Canned) -> float:
    """Return what a menu uses while nobody touches it, everything having been fetched."""
    with tempfile.TemporaryDirectory() as home, Screen(MENU, environment_of(aws, home)) as screen:
        screen.wait_for(FIRST_PROMPT)
        screen.type("1")
        screen.wait_for(TABLE)
        time.sleep(SETTLING_SECONDS)
        before = screen.cpu_seconds()
        time.sleep(IDLE_SECONDS)
        used = screen.cpu_seconds() - before
        screen.type("q")
    return used


def look_in_one_region(environment: Mapping[str, str]) -> tuple[float, float]:
    """Run the menu once: seconds from start to first prompt, and from the choice of EC2 to its table."""
    with Screen(MENU, environment) as screen:
        to_prompt = screen.wait_for(FIRST_PROMPT) - screen.started
        return to_prompt, seconds_to_table(screen)


def look_everywhere(environment: Mapping[str, str]) -> tuple[float, float]:
    """Run the menu once: seconds from start to the kinds of all regions, and from the choice of EC2 to its table."""
    with Screen(FIRST_MENU, environment) as screen:
        to_regions = screen.wait_for(REGION_PROMPT) - screen.started
        chosen = screen.type("all")
        return to_regions + screen.wait_for(FIRST_PROMPT) - chosen, seconds_to_table(screen)


def seconds_to_table(screen: Screen) -> float:
    """Choose EC2, wait for its table, and leave."""
    chosen = screen.type("1")
    seconds = screen.wait_for(TABLE) - chosen
    screen.type("q")
    return seconds


def look_at_first_menu(environment: Mapping[str, str]) -> float:
    """Return the seconds from start to the prompt for a region."""
    with Screen(FIRST_MENU, environment) as screen:
        seconds = screen.wait_for(REGION_PROMPT) - screen.started
        screen.type("q")
    return seconds


if __name__ == "__main__":
    instances, latency_ms, regions = [*sys.argv[1:], *("1000", "50", "1")[len(sys.argv) - 1 :]]
    main(int(instances), float(latency_ms), int(regions))
