"""Where the menu begins: the region screen, and behind it the one region named on the command line, if there is one."""

from ec2menu.errors import Interrupted
from ec2menu.flows.context import Context
from ec2menu.models import Style
from ec2menu.ui.menu import Menu
from ec2menu.ui.screens.regions import RegionScreen
from ec2menu.ui.terminal import EndOfInput


def run_menu(context: Context) -> int:
    """Run the menu until the user leaves; return the exit status."""
    if context.is_demo:
        context.terminal.note("DEMO: a made-up fleet; nothing you do here reaches AWS or runs anywhere", Style.WARN)
    screens = RegionScreen(context)
    first = context.regions[0] if len(context.regions) == 1 and context.regions[0] != "all" else ""
    menu = Menu(context.terminal, may_leave=lambda: _may_leave(context))
    return menu.run(screens, *((screens.enter(first),) if first else ()))


def _may_leave(context: Context) -> bool:
    """Ask before tunnels are closed behind somebody's back; where the answer is Ctrl-C or Ctrl-D, they mean it."""
    known = context.known_tunnels()
    if not known:
        return True
    from ec2menu.connectors.tunnel import ENDED  # noqa: PLC0415 - the first menu has no tunnels

    count = sum(tunnel.state not in ENDED for tunnel in known)
    if not count:
        return True
    what = "1 tunnel is open" if count == 1 else f"{count} tunnels are open"
    try:
        return context.terminal.confirm(f"{what}; close and leave?", default=True)
    except (Interrupted, EndOfInput):
        return True
