"""The last step before another program runs: `python -I -S launch.py MODE PARENT PROGRAM [ARGUMENT ...]`.

Runs in the new process, imports the standard library only, and ends in exec. It does what must happen between fork and
exec, and what Python's own `preexec_fn` cannot do safely in a program with threads: make the pseudo-terminal the
controlling one (MODE `tty`), give the program default signal dispositions, and on Linux ask the kernel for SIGINT when
ec2menu dies (MODE `tunnel`), which ends a tunnel and its session. Where no kernel does that, this process stays as the
program's parent (MODE `guard`) and sends the SIGINT itself: its stdin is a pipe that ends with ec2menu.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1
GUARD_GRACE_SECONDS = 3.0
# As the plugin itself begins when it cannot start; `plugin.read_ending` knows it.
PLUGIN_WORDS = "Cannot perform start session: "


def main(mode: str, parent: int, argv: list[str]) -> None:
    """Prepare the process and become the program, or its guard."""
    for name in ("SIGINT", "SIGQUIT", "SIGTSTP", "SIGHUP", "SIGTERM", "SIGPIPE"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    if mode == "tty":
        import fcntl  # noqa: PLC0415 - only this mode needs it, and every import delays the session
        import termios  # noqa: PLC0415

        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    if mode == "tunnel" and sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - only this mode needs it, and every import delays the tunnel

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:  # ec2menu died before the kernel was asked
            sys.exit(1)
    if mode == "guard":
        _guard()
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - an argv built by ec2menu, no shell wanted
    except OSError as error:
        sys.stdout.write(f"{'' if mode == 'plain' else PLUGIN_WORDS}{argv[0]}: {error.strerror}\n")
        sys.exit(127)


def _guard() -> None:
    """Fork; return in the child, with an empty stdin, and in the parent never: that ends as the child does."""
    wake_out, wake_in = os.pipe()
    os.set_blocking(wake_in, False)
    signal.set_wakeup_fd(wake_in)
    # Handlers, unlike ignored signals, are not passed on by exec: the program starts with the defaults.
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: None)
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        return
    status = _watch_over(child, wake_out)
    if status < 0:
        if -status in (signal.SIGINT, signal.SIGTERM):
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)


def _watch_over(child: int, wake_out: int) -> int:
    """Pass signals on to the child, end it when stdin ends, and return its status (negative: signal)."""
    import select  # noqa: PLC0415 - only a guard needs it

    sources, limit = [wake_out, 0], None
    while True:
        ready, _, _ = select.select(sources, [], [], limit)
        if 0 in ready:  # ec2menu writes nothing there: this is its end
            sources, limit = [wake_out], GUARD_GRACE_SECONDS
            os.kill(child, signal.SIGINT)
        elif not ready:
            os.kill(child, signal.SIGKILL)
            limit = None
        for number in os.read(wake_out, 64) if wake_out in ready else b"":
            if number != signal.SIGCHLD:
                os.kill(child, number)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
