"""`python -m ec2menu` and the `ec2menu` command; the only place that ends the process."""

import os
import sys
from contextlib import suppress
from typing import NoReturn


def run() -> NoReturn:
    """Run the command line and exit with its status; Ctrl-C while it is still being imported is quiet, too.

    The process ends at once: what must be closed is closed by then, while taking 10,000 machines apart piece by piece
    costs a quarter of a second, and threads that still wait for AWS may stumble over an interpreter going down.
    """
    try:
        from ec2menu.cli import main  # noqa: PLC0415 - inside the try

        status = main(sys.argv[1:])
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, OSError, ValueError):  # closed, or nobody reads: `main` has told
                stream.flush()
    except KeyboardInterrupt:
        status = 130
    os._exit(status)


if __name__ == "__main__":
    run()
