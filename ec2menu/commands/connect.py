"""`ec2menu connect TARGET`: find the one machine that is meant, and connect to it."""

from ec2menu.errors import Ec2MenuError
from ec2menu.flows.connect import connect_one
from ec2menu.flows.context import Context
from ec2menu.flows.listing import get_listing, require_regions
from ec2menu.flows.several import HOLD_VARIABLE
from ec2menu.flows.targets import find_instance
from ec2menu.resources.kinds import EC2


def run_connect(context: Context, target: str, *, way: str) -> int:
    """Connect to the machine called `target`; `way` is `shell`, `rdp` or empty. Return the exit status."""
    if not context.environ.get(HOLD_VARIABLE):
        return _connect(context, target, way)
    try:
        status = _connect(context, target, way)
    except Ec2MenuError as error:  # told before the window waits to be closed, or nobody would ever read it
        context.terminal.fail(error)
        status = error.status
    context.terminal.pause("press Enter to close this window")
    return status


def _connect(context: Context, target: str, way: str) -> int:
    regions = require_regions(context)
    listing = get_listing(context, EC2, regions)
    for problem in listing.problems:
        context.terminal.problem(problem)
    instance = find_instance(target, listing.items, where=", ".join(regions))
    return connect_one(context, instance, way=way)
