"""Where the menu begins: the region screen, and behind it the one region named on the command line, if there is one."""

from ec2menu.flows.context import Context
from ec2menu.models import Style
from ec2menu.ui.menu import Menu
from ec2menu.ui.screens.regions import RegionScreen


def run_menu(context: Context) -> int:
    """Run the menu until the user leaves; return the exit status."""
    if context.is_demo:
        context.terminal.note("DEMO: a made-up fleet; nothing you do here reaches AWS or runs anywhere", Style.WARN)
    screens = RegionScreen(context)
    first = context.regions[0] if len(context.regions) == 1 and context.regions[0] != "all" else ""
    return Menu(context.terminal).run(screens, *((screens.enter(first),) if first else ()))
