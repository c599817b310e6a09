"""The last step before another program runs: `python -I -S launch.py MODE PARENT PROGRAM [ARGUMENT ...]`.

Runs in the new process, imports the standard library only, and ends in exec. It does what must happen between fork and
exec, and what Python's own `preexec_fn` cannot do safely in a program with threads: make the pseudo-terminal the
controlling one (MODE `tty`), give the program default signal dispositions, and on Linux ask the kernel for SIGINT when
ec2menu dies (MODE `tunnel`), which ends a tunnel and its session.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1
# As the plugin itself begins when it cannot start; `plugin.read_ending` knows it.
PLUGIN_WORDS = "Cannot perform start session: "


def main(mode: str, parent: int, argv: list[str]) -> None:
    """Prepare the process and become the program."""
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
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - an argv built by ec2menu, no shell wanted
    except OSError as error:
        sys.stdout.write(f"{'' if mode == 'plain' else PLUGIN_WORDS}{argv[0]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
