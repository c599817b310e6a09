"""The only door to the screen and the keyboard: every print, prompt, colour and progress line goes through `Terminal`.

Data goes to stdout, everything else to stderr. Foreign text (names, AWS's messages) is escaped here or in `tables`,
never trusted. Knows nothing of AWS.
"""

import os
import select
import shutil
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol, TextIO, TypeVar

from ec2menu.clock import Clock
from ec2menu.errors import Ec2MenuError, Interrupted, InvalidInput
from ec2menu.models import Problem, Style
from ec2menu.ui.colors import color_codes, is_tty, painted
from ec2menu.ui.problems import describe_problem, fold_problems
from ec2menu.ui.signals import hear_signals, several_signals, stoppable
from ec2menu.ui.text import escape, narrow, shorten, wrap

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

SHOW_PROGRESS_AFTER_SECONDS = 0.3
PROGRESS_STEP_SECONDS = 0.1
PAUSE_STEP_SECONDS = 0.5
DEFAULT_SIZE = (80, 24)
_CLEAR_LINE = "\r\x1b[K"
_ECHOED_CTRL_C = "^C"  # the terminal writes it behind the status, which must stay one line to be cleared


class Waitable(Protocol[R_co]):
    """Something that ends sometime, such as a `fanout.Task`."""

    def wait(self, seconds: float) -> bool:
        """Wait at most `seconds`; return whether it has ended."""

    def result(self) -> R_co:
        """Return what came out of it, or raise."""


class EndOfInput(Ec2MenuError):
    """Ctrl-D, or the end of a script that was typing."""


class Stopped(Interrupted):
    """Ctrl-C while something was being waited for: that ends, and nothing else does."""


class Terminal:
    """stdin, stdout and stderr, with one colour policy and one way to ask."""

    def __init__(
        self, *, stdin: TextIO, stdout: TextIO, stderr: TextIO, environ: Mapping[str, str], clock: Clock, color: bool
    ) -> None:
        self._stdin, self._stdout, self._stderr = stdin, stdout, stderr
        self._clock = clock
        self._environ = environ
        self._line_editing = False
        # One of the two may be a file: what is written there is not for a screen.
        self._codes = color_codes(stdout, environ) if color else {}
        self._note_codes = color_codes(stderr, environ) if color else {}

    # -- what it is ---------------------------------------------------------------------------------------------

    @property
    def is_interactive(self) -> bool:
        """Whether a person can be asked: both the keyboard and the screen are there."""
        return is_tty(self._stdin) and is_tty(self._stdout)

    @property
    def is_screen(self) -> bool:
        """Whether stdout is a screen, whose width matters."""
        return is_tty(self._stdout)

    @property
    def is_unicode(self) -> bool:
        """Whether stdout can carry any character; where not, Python's own escapes stand for the others."""
        return self._stdout.encoding is None or self._stdout.encoding.lower().startswith("utf")

    @property
    def width(self) -> int:
        """Display columns of the screen, and never less than 20."""
        return max(20, shutil.get_terminal_size(DEFAULT_SIZE).columns)

    @property
    def height(self) -> int:
        """Lines of the screen."""
        return max(5, shutil.get_terminal_size(DEFAULT_SIZE).lines)

    # -- showing ------------------------------------------------------------------------------------------------

    def paint(self, text: str, style: Style) -> str:
        """Colour a text by its meaning, if there is colour."""
        return painted(text, style, self._codes)

    @staticmethod
    def plain(text: str) -> str:
        """Make foreign text harmless for `data`."""
        return escape(text)

    def data(self, text: str) -> None:
        """Write a line (or lines) of data or of a screen to stdout."""
        self._stdout.write(f"{text}\n")

    def document(self, text: str) -> None:
        """Write lines of JSON or CSV to stdout: as they are for a program, harmless where stdout is a screen."""
        self.data("\n".join(map(escape, text.split("\n"))) if self.is_screen else text)

    def copy(self, text: str) -> bool:
        """Ask the terminal to put a text onto its clipboard (OSC 52); return whether there is one to ask.

        It works through ssh and tmux; a terminal that does not know how ignores it.
        """
        if not self.is_interactive or self._environ.get("TERM") == "dumb":
            return False
        self._stdout.write(f"\x1b]52;c;{b64encode(text.encode()).decode()}\x07")
        self._stdout.flush()
        return True

    def flush(self) -> None:
        """Send what was written on its way; raises BrokenPipeError where nobody reads."""
        self._stdout.flush()

    def note(self, text: str, style: Style = Style.PLAIN) -> None:
        """Tell the user something that is not data; on a screen it is broken between words."""
        for line in self._wrapped(text):
            self._tell(line, style)

    def fail(self, error: Ec2MenuError) -> None:
        """Show an error: one sentence, one hint, and between them the lines that only this error has."""
        self.note(f"ec2menu: {error.message}", Style.BAD)
        for line in error.details:
            self._tell(f"  {escape(line)}", Style.PLAIN)
        if error.hint:  # often a command, which can only be copied from a line that is not broken
            self._tell(f"  hint: {escape(error.hint)}", Style.DIM)

    def problems(self, problems: Sequence[Problem]) -> None:
        """Show the parts of a listing that failed, dimly; what failed alike in many places once."""
        for problem in fold_problems(problems):
            self.note(describe_problem(problem), Style.DIM)

    def _wrapped(self, text: str) -> list[str]:
        shown = escape(text)
        return wrap(shown, self._note_width, indent="  ") if is_tty(self._stderr) else [shown]

    def _tell(self, line: str, style: Style) -> None:
        with suppress(OSError):
            self._stdout.flush()
        with suppress(OSError):
            self._stderr.write(f"{painted(line, style, self._note_codes)}\n")
            self._stderr.flush()

    @property
    def _note_width(self) -> int:
        """Display columns of the screen that notes go to; `width` knows only stdout's."""
        try:
            return max(20, os.get_terminal_size(self._stderr.fileno()).columns)
        except (OSError, ValueError):
            return self.width

    # -- asking -------------------------------------------------------------------------------------------------

    def ask(self, prompt: str) -> str:
        """Ask for a line. Raises Interrupted on Ctrl-C and EndOfInput on Ctrl-D."""
        self._edit_lines()
        self._stdout.flush()
        try:
            line = self._read_line(prompt)
        except KeyboardInterrupt:
            self.data("")
            raise Interrupted("interrupted") from None
        except EOFError:
            line = ""
        except UnicodeDecodeError:
            return "\N{REPLACEMENT CHARACTER}"
        if not line:
            self.data("")
            raise EndOfInput("the input has ended")
        return line.rstrip("\r\n")

    def _read_line(self, prompt: str) -> str:
        """Read a line with its newline; nothing, or EOFError, at the end of the input."""
        if self._has_keyboard:
            with stoppable(lambda: self._show_again(prompt, _typed())), several_signals():
                return input(escape(prompt) + " ") + "\n"
        self._stderr.write(f"{escape(prompt)} ")
        self._stderr.flush()
        return self._stdin.readline()

    @property
    def _has_keyboard(self) -> bool:
        """Whether what is asked can be read from the process's own terminal."""
        return is_tty(self._stdin) and self._stdin is sys.stdin

    def _show_again(self, prompt: str, typed: str = "") -> None:
        self._stdout.write(f"\r{escape(prompt)} {typed}")
        self._stdout.flush()

    def confirm(self, question: str, *, default: bool) -> bool:
        """Ask a yes-or-no question; an empty Enter is the default shown in brackets."""
        while True:
            answer = narrow(self.ask(f"{question} [{'Y/n' if default else 'y/N'}]")).strip().lower()
            if not answer:
                return default
            if answer in ("y", "yes", "n", "no"):
                return answer[0] == "y"
            self.note("type y or n")

    def secret(self, prompt: str) -> str:
        """Ask without echo. Raises InvalidInput where nobody can be asked."""
        if not self.is_interactive:
            raise InvalidInput(
                "a secret is needed and there is no terminal to ask at", hint="run ec2menu in a terminal"
            )
        from getpass import getpass  # noqa: PLC0415 - rarely needed, and the first menu is fast

        hear_signals()
        try:
            with stoppable(lambda: self._show_again(prompt)):
                return getpass(escape(prompt) + " ")
        except KeyboardInterrupt:
            self.data("")
            raise Interrupted("interrupted") from None
        except EOFError:
            raise EndOfInput("the input has ended") from None

    def pause(self, prompt: str, *, is_over: Callable[[], bool] = lambda: False) -> None:
        """Wait for Enter; anything else that ends the waiting is as good, and so is that `is_over` says so."""
        with suppress(Interrupted, EndOfInput):
            if os.name == "nt" or not self._has_keyboard:
                self.ask(prompt)
            elif not self._has_line(prompt, is_over):
                self.data("")

    def _has_line(self, prompt: str, is_over: Callable[[], bool]) -> bool:
        """Wait for a line and drop it; return False where `is_over` has said so, or after Ctrl-C or Ctrl-D."""
        hear_signals()
        self._show_again(prompt)
        with suppress(KeyboardInterrupt), stoppable(lambda: self._show_again(prompt)):
            while not is_over():
                if select.select([self._stdin], [], [], PAUSE_STEP_SECONDS)[0]:
                    return bool(self._stdin.readline())
        return False

    # -- waiting ------------------------------------------------------------------------------------------------

    def watch(self, task: Waitable[R], describe: Callable[[], str]) -> R:
        """Wait for a task, showing after a moment what it is doing and for how long. Raises Stopped on Ctrl-C."""
        started = self._clock.now()
        shown = False
        try:
            while not task.wait(PROGRESS_STEP_SECONDS):
                elapsed = self._clock.now() - started
                if elapsed >= SHOW_PROGRESS_AFTER_SECONDS and self._can_redraw:
                    shown = True  # before it is: Ctrl-C may come right after
                    self._show_status(f"{describe()} ({elapsed:.0f} s)")
            return task.result()
        except KeyboardInterrupt:
            raise Stopped("interrupted") from None
        finally:
            if shown:
                self._clear_status()

    def follow(
        self, task: Waitable[R], describe: Callable[[], str], *, news: Callable[[], Iterable[tuple[str, Style]]]
    ) -> R:
        """Wait for a task above whose status line lines keep coming: what `news` gives is told as it comes.

        `describe` words the status line, which is there on a screen only. Raises Stopped on Ctrl-C.
        """
        try:
            while True:
                is_done = task.wait(PROGRESS_STEP_SECONDS)
                status = describe()  # before the news: it must not count what has not been told yet
                for text, style in news():
                    self._clear_status()
                    self.note(text, style)
                if is_done:
                    return task.result()
                if self._can_redraw:
                    self._show_status(status)
        except KeyboardInterrupt:
            raise Stopped("interrupted") from None
        finally:
            self._clear_status()

    def working(self, function: Callable[[], None], text: str) -> None:
        """Do something that must be done in this thread, under a line that says what; nothing where nobody watches."""
        if not self._can_redraw:
            function()
            return
        try:
            self._show_status(f"{text} …")
            function()
        finally:
            self._clear_status()

    @property
    def _can_redraw(self) -> bool:
        """Whether a line that was written can be taken back."""
        return is_tty(self._stderr) and self._environ.get("TERM") != "dumb"

    def _clear_status(self) -> None:
        if self._can_redraw:
            with suppress(OSError):  # the window has been closed
                self._stderr.write(_CLEAR_LINE)
                self._stderr.flush()

    def _show_status(self, text: str) -> None:
        line = shorten(escape(text), self._note_width - 1 - len(_ECHOED_CTRL_C))
        self._stderr.write(f"{_CLEAR_LINE}{painted(line, Style.DIM, self._note_codes)}")
        self._stderr.flush()

    def _edit_lines(self) -> None:
        """Give prompts arrow keys and history; importing readline is enough for `input`."""
        if not self._line_editing and self.is_interactive:
            self._line_editing = True
            hear_signals()
            with suppress(ImportError):  # Windows has it in the console itself
                import readline  # noqa: PLC0415 - costs time that a one-line command does not have

                readline.set_auto_history(True)


def _typed() -> str:
    """Return what has been typed at `input` so far."""
    readline = sys.modules.get("readline")
    return readline.get_line_buffer() if readline else ""
