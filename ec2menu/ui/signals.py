"""What signals do to a question at the terminal: they are heard at once, and Ctrl-Z and `fg` bring it back.

Python's readline leaves signals to Python, and shells leave a program's terminal settings to the program. Nothing here
knows what is asked.
"""

import functools
import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from ec2menu.fanout import Task

# How long after a signal the main thread is woken up, and how long after that again.
WAKE_AFTER_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_ENOUGH_BYTES = 64


def hear_signals() -> None:
    """See to it that a signal's handler runs at once from now on, even where the main thread has just begun to read.

    Python only notes a signal when it comes; its handler runs once the main thread is interrupted. A Ctrl-C in the
    moment between a prompt and the read behind it interrupts nothing and would be lost until the next key. Windows has
    no signal to wake anybody with.
    """
    if hasattr(signal, "SIGURG") and threading.current_thread() is threading.main_thread():
        _wake_this_thread_for_signals()


@functools.cache
def _wake_this_thread_for_signals() -> None:
    import faulthandler  # noqa: PLC0415 - Windows does without

    # A signal that ends a read and does nothing else, because its handler is in C: one in Python would run
    # beside the exception of Ctrl-C (CPython makes a SystemError of it). Nothing else sends SIGURG to this process.
    faulthandler.register(signal.SIGURG, file=os.open(os.devnull, os.O_WRONLY), all_threads=False)
    signal.siginterrupt(signal.SIGURG, True)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    sleeper = threading.get_ident()
    Task(lambda: _wake(reading, sleeper))


def _wake(pipe: int, thread: int) -> None:
    """Wake a thread up some times after each signal whose number comes out of the pipe; it may well be awake."""
    while os.read(pipe, _ENOUGH_BYTES):
        for seconds in WAKE_AFTER_SECONDS:
            has_another, _, _ = select.select([pipe], [], [], seconds)
            if has_another:
                break
            signal.pthread_kill(thread, signal.SIGURG)


@contextmanager
def several_signals() -> Iterator[None]:
    """Raise what the first of several signals at once has raised in `input`.

    There CPython runs the handlers of the others beside that exception, and makes a SystemError of it where one of them
    returns.
    """
    try:
        yield
    except SystemError as error:
        first: BaseException = error
        while isinstance(first, SystemError) and first.__cause__:
            first = first.__cause__
        raise first from None


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
