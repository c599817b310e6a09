"""The second screen: which kind of resource in the chosen region."""

from ec2menu.flows.context import Context
from ec2menu.models import Style
from ec2menu.resources.kinds import EC2, NODES
from ec2menu.resources.region_names import TITLES
from ec2menu.ui.choices import Choice, draw_choices, find_choice
from ec2menu.ui.menu import Move, Screen
from ec2menu.ui.screens.machines import MachineScreen

RESERVED_LINES = 5
_CHOICES = (
    Choice(key=EC2.name, label=EC2.title, remark="with hybrid nodes; a number opens a shell"),
    Choice(key=NODES.name, label=NODES.title, remark="every registered SSM agent"),
)
_HELP = "a number lists that kind; 0, b or Ctrl-D goes back; q quits"


class ResourceScreen:
    """Choose what to list; credentials are loaded on the way in, where an MFA prompt may come."""

    def __init__(self, context: Context, region: str) -> None:
        self._context = context
        self._region = region
        self._quiet = False

    def open(self) -> None:
        """Load the credentials in this thread, so that no later thread has to ask for an MFA code."""
        self._context.attempt(self._context.load_credentials)

    def ask(self) -> "Move | Screen":
        """Draw the kinds, read a choice."""
        terminal = self._context.terminal
        if not self._quiet:
            self._draw()
        self._quiet = False
        typed = terminal.ask(f"{self._region}, list (0 back, q quit):").strip()
        if typed.lower() in ("q", "quit", "exit"):
            return Move.QUIT
        if typed.lower() in ("0", "b", "back"):
            return Move.BACK
        if not typed:
            return Move.STAY
        found = _HELP if typed.lower() in ("?", "help") else find_choice(typed, _CHOICES)
        if isinstance(found, Choice):
            return MachineScreen(self._context, EC2 if found.key == EC2.name else NODES, (self._region,))
        terminal.note(found)
        self._quiet = True
        return Move.STAY

    def _draw(self) -> None:
        terminal = self._context.terminal
        place = TITLES.get(self._region, "")
        terminal.data("")
        terminal.data(terminal.paint(f"{self._region} {place}".rstrip(), Style.STRONG))
        draw_choices(_CHOICES, terminal, reserved_lines=RESERVED_LINES)
