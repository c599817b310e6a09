"""One run of the stand-in plugin as a process: its record on disk, its signals, its waits and its ways to end.

Standard library only and few imports, because it must start as fast as the real one. It follows the rules of a Go
program for signals: INT and HUP stay ignored when inherited so, until the program asks for INT itself.
"""

import contextlib
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

CONTROL_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
FATAL_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM)
KEPT_IGNORED = (signal.SIGINT, signal.SIGHUP)
SET_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
SIZE_WITHOUT_TTY = (300, 100)


class Run:
    """The process: everything that happens goes through it and into its record."""

    def __init__(self, *, modes: dict[str, Any], records: str) -> None:
        self.modes = modes
        self._facts = _facts_at_start()
        self._lock = threading.RLock()
        self._path = f"{records}/{time.time_ns():020d}-{os.getpid()}.json"
        self._controlled = False
        self._timers: list[tuple[float, Callable[[], None]]] = []
        self._wake_out, self._wake_in = os.pipe()
        os.set_blocking(self._wake_in, False)
        signal.set_wakeup_fd(self._wake_in, warn_on_full_buffer=False)
        self._catch_fatal_signals()
        self.note()

    def note(self, **facts: object) -> None:
        """Add to the record and write it, in one step so that a reader never sees half of it."""
        with self._lock:
            self._facts.update(facts)
            beside = f"{self._path}.new"
            with open(beside, "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs a third of the start
                json.dump(self._facts, file)
            os.replace(beside, self._path)  # noqa: PTH105 - the same

    def add(self, name: str, *items: object) -> None:
        """Append to one of the lists in the record."""
        with self._lock:
            self.note(**{name: [*self._facts[name], *items]})

    def receive(self, data: bytes) -> None:
        """Record what came on stdin."""
        self.note(received=self._facts["received"] + data.decode("latin-1"))

    def say(self, text: str) -> None:
        """Write to stdout at once. A reader that is gone means SIGPIPE, as for any Go program."""
        data = text.encode()
        try:
            while data:
                data = data[os.write(1, data) :]
        except BrokenPipeError:
            os.write(self._wake_in, bytes([signal.SIGPIPE]))

    def after(self, seconds: float | None, action: Callable[[], None]) -> None:
        """Have `wait` call `action` once `seconds` have passed; None is never."""
        if seconds is not None:
            self._timers.append((time.monotonic() + seconds, action))

    def wait(self, seconds: float | None, *files: int) -> tuple[list[signal.Signals], bool]:
        """Wait for signals or for something to read in `files`; fatal signals and timers act here."""
        until = [moment - time.monotonic() for moment, _ in self._timers]
        limits = [max(0.0, limit) for limit in (*until, seconds) if limit is not None]
        readable, _, _ = select.select([self._wake_out, *files], [], [], min(limits, default=None))
        signals = self._take_signals() if self._wake_out in readable else []
        self._fire_timers()
        return signals, any(file in readable for file in files)

    def hold(self, seconds: float | None) -> None:
        """Do nothing for `seconds`, or for ever; only a fatal signal ends it."""
        until = None if seconds is None else time.monotonic() + seconds
        while until is None or time.monotonic() < until:
            self.wait(None if until is None else until - time.monotonic())

    def take_over_signals(self) -> None:
        """Handle INT, QUIT and TSTP from here on, also where they were inherited as ignored."""
        self._controlled = True
        for number in CONTROL_SIGNALS:
            signal.signal(number, _leave_to_wait)

    def become_ready(self) -> None:
        """Start the clocks of the modes that count from readiness."""
        self.note(ready=True)
        self.after(self.modes.get("dies_after_seconds"), self.die)

    def finish(self, ended: str, *, session_ended: bool = False, status: int = 0) -> NoReturn:
        """Write the last line of the record and exit."""
        self.note(ended=ended, session_ended=session_ended, exit_status=status)
        os._exit(status)

    def die(self) -> NoReturn:
        """Be gone without a word, as after `kill -9`."""
        self._die_by(signal.SIGKILL)

    def panic(self, reason: str) -> NoReturn:
        """End as a Go program does that met what its author did not think of."""
        sys.stderr.write(f"panic: {reason}\n\ngoroutine 1 [running]:\nmain.main()\n")
        sys.stderr.flush()
        self.finish("panic", status=2)

    def _catch_fatal_signals(self) -> None:
        for number in FATAL_SIGNALS:
            if number not in KEPT_IGNORED or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _leave_to_wait)
        for number in (signal.SIGWINCH, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, _leave_to_wait)

    def _take_signals(self) -> list[signal.Signals]:
        signals = [signal.Signals(number) for number in os.read(self._wake_out, 64)]
        self.add("signals", *(number.name for number in signals if number is not signal.SIGWINCH))
        for number in signals:
            controlled = self._controlled and number in CONTROL_SIGNALS
            if number in (*FATAL_SIGNALS, signal.SIGPIPE) and not controlled:
                self._die_by(number)
        return signals

    def _fire_timers(self) -> None:
        now = time.monotonic()
        due = [timer for timer in self._timers if timer[0] <= now]
        self._timers = [timer for timer in self._timers if timer[0] > now]
        for _, action in due:
            action()

    def _die_by(self, number: signal.Signals) -> NoReturn:
        if number is signal.SIGQUIT:  # Go prints its stacks and exits
            self.finish(number.name, status=2)
        self.note(ended=number.name)
        with contextlib.suppress(OSError):  # SIGKILL cannot be set, and need not be
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        while True:
            signal.pause()


def window_size() -> tuple[int, int]:
    """Return (columns, rows) of stdout, or what the real plugin takes where there is no terminal."""
    try:
        return tuple(os.get_terminal_size(1))  # type: ignore[return-value] # a pair by its documentation
    except OSError:
        return SIZE_WITHOUT_TTY


def _leave_to_wait(number: int, frame: object) -> None:
    """Do nothing: the number waits in the wake-up pipe, and `Run.wait` acts on it between two steps."""


def _facts_at_start() -> dict[str, Any]:
    ignored = [n for n in signal.valid_signals() if signal.getsignal(n) is signal.SIG_IGN and n not in SET_BY_PYTHON]
    return {
        "argv": sys.argv[1:],
        "environment": {name: value for name, value in os.environ.items() if name.startswith("AWS_")},
        "response": "",
        "response_from": "",
        "pid": os.getpid(),
        "parent_pid": os.getppid(),
        "pgid": os.getpgrp(),
        "sid": os.getsid(0),
        "stdin_is_tty": os.isatty(0),
        "stdout_is_tty": os.isatty(1),
        "ignored": sorted(_name(number) for number in ignored),
        "blocked": sorted(_name(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "sizes": [window_size()],
        "signals": [],
        "received": "",
        "connections": [],
        "ready": False,
        "zombie": False,
        "ended": "",
        "exit_status": None,
        "session_ended": False,
    }


def _name(number: int) -> str:
    return number.name if isinstance(number, signal.Signals) else f"SIG{number}"
