"""Ctrl-Z at a question: the shell stops us and wakes us up again; the question must then be as it was.

Python's readline leaves signals to Python, and shells leave a program's terminal settings to the program. Nothing here
knows what is asked.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType


@contextmanager
def stoppable(show_again: Callable[[], None], *, descriptor: int = 0) -> Iterator[None]:
    """Let Ctrl-Z stop us while a question is asked on the terminal; awake, we set the terminal as it was and ask again.

    Somebody who has Ctrl-Z ignored keeps that. Windows has none.
    """
    if not hasattr(signal, "SIGTSTP") or threading.current_thread() is not threading.main_thread():
        yield
        return
    import termios  # noqa: PLC0415 - does not exist on Windows

    def stop(number: int, _frame: FrameType | None) -> None:
        settings = termios.tcgetattr(descriptor)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # here we stand until somebody wakes us
        signal.signal(number, stop)
        with suppress(termios.error):  # it has been closed meanwhile, and SIGHUP is on its way
            termios.tcsetattr(descriptor, termios.TCSADRAIN, settings)
        show_again()

    before = signal.getsignal(signal.SIGTSTP)
    if before is signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGTSTP, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)
