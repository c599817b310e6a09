"""`ec2menu connect TARGET`: find the one resource that is meant, and be in it."""

from ec2menu.errors import Ec2MenuError, ExitStatus, InvalidInput
from ec2menu.flows.connect import connect_one
from ec2menu.flows.containers import connect_container
from ec2menu.flows.context import Context
from ec2menu.flows.databases import Wishes, connect_store
from ec2menu.flows.listing import require_regions
from ec2menu.flows.several import HOLD_VARIABLE
from ec2menu.flows.stores import warn_of_redirects
from ec2menu.flows.targets import describe, find_resource
from ec2menu.models import Cache, Container, Database, Instance


def run_connect(context: Context, target: str, *, way: str, wishes: Wishes) -> int:
    """Connect to what is called `target`; `way` is `shell`, `rdp` or empty. Return the exit status."""
    if not context.environ.get(HOLD_VARIABLE):
        return _connect(context, target, way, wishes)
    try:
        status = _connect(context, target, way, wishes)
    except Ec2MenuError as error:  # told before the window waits to be closed, or nobody would ever read it
        context.terminal.fail(error)
        status = error.status
    context.terminal.pause("press Enter to close this window")
    return status


def _connect(context: Context, target: str, way: str, wishes: Wishes) -> int:
    item = find_resource(context, target, require_regions(context))
    if way and not isinstance(item, Instance):
        raise InvalidInput(f"{describe(item)} is not a machine", hint="leave --shell and --rdp out")
    if isinstance(item, Database | Cache):
        return _connect_store(context, item, wishes)
    if wishes != Wishes():
        raise InvalidInput(
            f"{describe(item)} is neither a database nor a cache", hint="only those take --via, --user and the like"
        )
    if isinstance(item, Container):
        return connect_container(context, item)
    return connect_one(context, item, way=way)


def _connect_store(context: Context, item: Database | Cache, wishes: Wishes) -> int:
    if not context.terminal.is_interactive:
        raise InvalidInput(
            "a client's prompt needs a terminal", hint=f"in scripts open a tunnel: ec2menu forward {item.id}"
        )
    warn_of_redirects(context, item)
    status = connect_store(context, item, wishes)
    if status is None:
        context.terminal.pause("press Enter to close the tunnel")
        return ExitStatus.DONE
    return status
