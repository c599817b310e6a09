"""The numbered loop: a stack of screens, and what happens when one of them fails.

A screen is opened once (it may fetch), then asked again and again; each answer is a move. Errors never end the loop:
they are shown, and the user is where they were before. Knows no screen by name.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from ec2menu.errors import Ec2MenuError, ExitStatus, Interrupted
from ec2menu.ui.terminal import EndOfInput, Terminal

_BUG_HINT = "run it again with --debug and report it with the log"


class Move(Enum):
    """What a screen wants next, other than another screen."""

    STAY = "stay"
    BACK = "back"
    QUIT = "quit"


class Screen(Protocol):
    """One screen of the menu."""

    def open(self) -> None:
        """Get ready (fetch); an error means that the screen is not entered."""

    def ask(self) -> "Move | Screen":
        """Draw, ask once, act, and say where to go."""


@dataclass(slots=True)
class Menu:
    """The stack of screens; the first one is the way out."""

    terminal: Terminal

    def run(self, *screens: Screen) -> int:
        """Run until the user leaves, starting with the last of the screens; return the exit status."""
        stack: list[Screen] = []
        for screen in screens:
            self._enter(stack, screen)
        while stack:
            try:
                move = stack[-1].ask()
            except (Interrupted, EndOfInput) as left:
                if len(stack) == 1:
                    return ExitStatus.INTERRUPTED if isinstance(left, Interrupted) else ExitStatus.DONE
                move = Move.BACK
            except Ec2MenuError as error:
                self.terminal.fail(error)
                move = Move.STAY
            except KeyboardInterrupt:
                move = Move.STAY  # between two prompts: the screen is drawn again
            except Exception as bug:
                if len(stack) == 1:
                    raise
                from ec2menu.logs import log_bug  # noqa: PLC0415 - where all goes well, nothing is logged

                log_bug()
                self.terminal.fail(
                    Ec2MenuError(f"this is a bug in ec2menu: {type(bug).__name__}: {bug}", hint=_BUG_HINT)
                )
                move = Move.BACK
            if move is Move.QUIT:
                return ExitStatus.DONE
            if move is Move.BACK:
                stack.pop()
            elif not isinstance(move, Move):
                self._enter(stack, move)
        return ExitStatus.DONE

    def _enter(self, stack: list[Screen], screen: Screen) -> None:
        try:
            screen.open()
        except (Interrupted, KeyboardInterrupt):
            self.terminal.note("stopped")
        except Ec2MenuError as error:
            self.terminal.fail(error)
        else:
            stack.append(screen)
