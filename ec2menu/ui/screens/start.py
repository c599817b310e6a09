"""Where the menu begins: the region screen, and behind it the regions named on the command line, if there are any."""

from ec2menu.errors import Ec2MenuError, Interrupted
from ec2menu.flows.context import Context
from ec2menu.models import Style
from ec2menu.ui.menu import Menu, Screen
from ec2menu.ui.screens.regions import RegionScreen
from ec2menu.ui.terminal import EndOfInput


def run_menu(context: Context) -> int:
    """Run the menu until the user leaves; return the exit status."""
    if context.is_demo:
        context.terminal.note("DEMO: a made-up fleet; nothing reaches AWS, runs anywhere or is remembered", Style.WARN)
    screens = RegionScreen(context)
    menu = Menu(context.terminal, may_leave=lambda: _may_leave(context))
    return menu.run(screens, *_named_screen(context, screens))


def _named_screen(context: Context, regions: RegionScreen) -> tuple[Screen, ...]:
    """Return the screen of the regions that the command line names, if it names any that can be listed."""
    if not context.regions:
        return ()
    try:
        return (regions.enter_all(context.regions),)
    except Ec2MenuError as error:
        context.terminal.fail(error)
        return ()


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
