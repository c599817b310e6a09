"""The composition root: builds every object from flags and environment, dispatches, maps errors to exit statuses.

Nothing heavy is imported at the top: `--version`, `--help` and the first menu must be there at once.
"""

import argparse
import gc
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from types import FrameType

from ec2menu.arguments import parse_arguments
from ec2menu.clock import SystemClock
from ec2menu.errors import Ec2MenuError, ExitStatus, Interrupted, InvalidInput

_OBJECTS_BETWEEN_COLLECTIONS = 200_000
_DISK_HINT = "see that the place is there, has room and may be written to"


def main(argv: Sequence[str]) -> int:
    """Run the command line and return the exit status; no traceback ever reaches the user."""
    _prepare_streams()
    flags = argparse.Namespace(no_color="--no-color" in argv)
    try:
        try:
            flags = parse_arguments(argv)
            leave_in_peace = _end_on_signals()
            with ExitStack() as stack:
                try:
                    status = _run(flags, stack)
                finally:
                    leave_in_peace()
        except SystemExit as leaving:  # --help, --version, or a signal that ends us
            status = leaving.code if isinstance(leaving.code, int) else ExitStatus.DONE
        sys.stdout.flush()
    except (Interrupted, KeyboardInterrupt):
        status = ExitStatus.INTERRUPTED  # quietly: who pressed Ctrl-C knows
    except Ec2MenuError as error:
        status = _fail(error, flags)
    except BrokenPipeError:  # `ls | head -1`: the reader has what it wanted
        _give_up_stdout()
        status = ExitStatus.DONE
    except OSError as error:
        _give_up_stdout()
        what = f"{error.filename} cannot be used" if error.filename else "the output cannot be written"
        status = _fail(Ec2MenuError(f"{what}: {error.strerror or error}", hint=_DISK_HINT), flags)
    except Exception as bug:  # noqa: BLE001 - the last line of defence: a sentence, not a traceback
        from ec2menu.ui.menu import describe_bug  # noqa: PLC0415 - not needed where all goes well

        status = _fail(describe_bug(bug), flags)
    return int(status)


def _run(arguments: argparse.Namespace, stack: ExitStack) -> int:
    from ec2menu.compose import build_context  # noqa: PLC0415 - not needed for --help and --version

    _suit_large_lists(is_short=arguments.verb == "ls")
    context = build_context(arguments, stack)
    arguments.no_color = not context.config.settings.color  # config.toml counts for the error that ends us, too
    for warning in context.store.warnings:
        context.terminal.note(f"! {warning}")
    if arguments.verb:
        from ec2menu.commands.verbs import run_verb  # noqa: PLC0415 - not needed for the menu

        return run_verb(context, arguments)
    if not context.terminal.is_interactive:
        raise InvalidInput("the menu needs a terminal", hint="in scripts use: ec2menu ls ec2, ec2menu connect TARGET")
    from ec2menu.ui.screens.start import run_menu  # noqa: PLC0415 - not needed for the verbs

    return run_menu(context)


def _suit_large_lists(*, is_short: bool) -> None:
    """Set the interpreter up for lists of thousands; `is_short` says that it ends with one of them."""
    # They make millions of objects that stay; looking through them again and again doubles the cost. One list is over
    # before there is garbage worth collecting.
    gc.set_threshold(0 if is_short else _OBJECTS_BETWEEN_COLLECTIONS)


def _end_on_signals() -> Callable[[], None]:
    """Leave in order on SIGTERM and SIGHUP: terminals are restored, sessions ended, with the shell's 128 + signal.

    The first one counts; a closed window sends several, and neither they nor Ctrl-C may cut short what it has begun.
    Code that sets handlers for a while puts these back afterwards, and so they know themselves whether it has begun.
    Who leaves for another reason says so by the function that is returned.
    """
    found = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has no SIGHUP
    endings = {number: SystemExit(128 + number) for number in found}
    is_leaving = False

    def leave(number: int, _frame: FrameType | None) -> None:
        nonlocal is_leaving
        if not is_leaving:
            is_leaving = True
            raise endings[number]  # made before: where we are called beside the exception of Ctrl-C, no call succeeds

    def interrupt(number: int, frame: FrameType | None) -> None:
        if not is_leaving:
            signal.default_int_handler(number, frame)

    def leave_in_peace() -> None:
        nonlocal is_leaving
        is_leaving = True

    for number, handler in (*((number, leave) for number in found), (signal.SIGINT, interrupt)):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, handler)
    return leave_in_peace


def _fail(error: Ec2MenuError, flags: argparse.Namespace) -> int:
    from ec2menu.ui.terminal import Terminal  # noqa: PLC0415 - not needed where all goes well

    terminal = Terminal(
        stdin=sys.stdin,
        stdout=sys.stdout,
        stderr=sys.stderr,
        environ=os.environ,
        clock=SystemClock(),
        color=not flags.no_color,
    )
    terminal.fail(error)
    return error.status


def _prepare_streams() -> None:
    """See that all three streams are there and can carry any character: where not, its escape is shown."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by who started us (`>&-`); no other file may take its place
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - lives as long as we
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _give_up_stdout() -> None:
    """Lose what is still unwritten, about which Python itself would complain at exit."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
