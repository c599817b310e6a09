"""`python -m ec2menu.demo`: the demo's AWS in the foreground, for people and for tools other than ec2menu.

Prints on stdout the lines to paste into a shell; everything else goes to stderr.
"""

import argparse
import shlex
import signal
import sys
from collections.abc import Sequence

from ec2menu.clock import SystemClock
from ec2menu.demo.account import ENABLED_REGIONS, HOME_REGION
from ec2menu.demo.server import CONFLICTING_VARIABLES, DemoAws

NAP_SECONDS = 3600


def read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line; ends the program with status 2 if it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m ec2menu.demo", description="An AWS with no account behind it.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    content = parser.add_mutually_exclusive_group()
    content.add_argument("--instances", type=int, metavar="N", help="N plain managed instances instead of the fleet")
    content.add_argument("--empty", action="store_true", help="nothing in the account")
    parser.add_argument("--region", choices=ENABLED_REGIONS, metavar="R", help="where --instances go (us-east-1)")
    parsed = parser.parse_args(arguments)
    if parsed.region and parsed.instances is None:
        parser.error("--region goes with --instances")
    return parsed


def fill(demo: DemoAws, options: argparse.Namespace) -> None:
    """Put into the account what the options ask for."""
    if options.instances is not None:
        demo.add_instances(options.region or HOME_REGION, options.instances)
    elif not options.empty:
        demo.seed_fleet(_note)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM and return the exit status."""
    options = read_arguments(sys.argv[1:] if arguments is None else arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        with DemoAws(port=options.port) as demo:
            fill(demo, options)
            print(f"unset {' '.join(CONFLICTING_VARIABLES)}")
            for name, value in demo.environment().items():
                print(f"export {name}={shlex.quote(value)}")
            sys.stdout.flush()
            _note("Ctrl-C stops it")
            while True:
                SystemClock().sleep(NAP_SECONDS)
    except _StoppedError:
        return 0
    except OSError as error:
        _note(f"cannot listen on port {options.port}: {error.strerror}")
        return 1


class _StoppedError(Exception):
    """The way out of `main`: an Event set by a signal handler can lock up with the wait for it."""


def _stop(*_signal: object) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # once is enough; the second would disturb the closing
    raise _StoppedError


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
