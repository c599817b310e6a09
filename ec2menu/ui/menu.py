"""The numbered loop: a stack of screens, and what happens when one of them fails.

A screen is opened once (it may fetch), then asked again and again; each answer is a move. Errors never end the loop:
they are shown, and the user is where they were before. Knows no screen by name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from ec2menu.errors import Ec2MenuError, ExitStatus, Interrupted, bug_error
from ec2menu.ui.terminal import EndOfInput, Stopped, Terminal


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
    """The stack of screens; the first one is the way out, unless `may_leave` says that the user stays after all."""

    terminal: Terminal
    may_leave: Callable[[], bool] = lambda: True

    def run(self, *screens: Screen) -> int:
        """Run until the user leaves, starting with the last of the screens; return the exit status."""
        stack: list[Screen] = []
        for screen in screens:
            self._enter(stack, screen)
        while stack:
            try:
                move = self._ask(stack[-1], is_first=len(stack) == 1)
            except Interrupted:
                if self.may_leave():
                    return ExitStatus.INTERRUPTED
                continue
            if move is Move.QUIT or (move is Move.BACK and len(stack) == 1):
                if self.may_leave():
                    return ExitStatus.DONE
            elif move is Move.BACK:
                stack.pop()
            elif not isinstance(move, Move):
                self._enter(stack, move)
        return ExitStatus.DONE

    def _ask(self, screen: Screen, *, is_first: bool) -> Move | Screen:
        """Return the screen's move, or what its failure means; raises Interrupted, and bugs, for the first one only."""
        try:
            return screen.ask()
        except Stopped:
            self.terminal.note("stopped")
        except EndOfInput:
            return Move.BACK
        except Interrupted:
            if is_first:
                raise
            return Move.BACK
        except Ec2MenuError as error:
            self.terminal.fail(error)
        except KeyboardInterrupt:
            pass  # between two prompts: the screen is drawn again
        except Exception as bug:
            if is_first:
                raise
            self.terminal.fail(describe_bug(bug))
            return Move.BACK
        return Move.STAY

    def _enter(self, stack: list[Screen], screen: Screen) -> None:
        try:
            screen.open()
        except (Interrupted, EndOfInput, KeyboardInterrupt):
            self.terminal.note("stopped")
        except Ec2MenuError as error:
            self.terminal.fail(error)
        except Exception as bug:
            if not stack:
                raise
            self.terminal.fail(describe_bug(bug))
        else:
            stack.append(screen)


def describe_bug(bug: Exception) -> Ec2MenuError:
    """Log an exception that should not have happened, where there is a log, and return what to tell the user."""
    from ec2menu.logs import log_bug  # noqa: PLC0415 - where all goes well, nothing is logged

    log_bug()
    return bug_error(bug)
