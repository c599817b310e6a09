"""Timing of whole processes, in turn, as ratios: shared by all benchmarks. Knows no AWS and asserts no time."""

import os
import pty
import re
import select
import statistics
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

ROUNDS = 9
SCREEN_SECONDS = 60.0
READ_BYTES = 65536
ROWS, COLUMNS = 40, 120
# What ru_maxrss counts in: kilobytes, but bytes on macOS.
_RSS_PER_MB = 2**20 if sys.platform == "darwin" else 2**10


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one process cost: time from start to end, processor time of all its threads, and its peak memory."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


def run_process(argv: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """Run a process to its end, its output thrown away, and return its cost. Raises CalledProcessError.

    Peak memory counts from this process's own size (a child starts as its copy), so benchmarks keep themselves small.
    """
    started = time.perf_counter()
    process = subprocess.Popen(list(argv), env=dict(environment), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(argv))
    return Cost(seconds=seconds, cpu_seconds=usage.ru_utime + usage.ru_stime, peak_mb=usage.ru_maxrss / _RSS_PER_MB)


def output_of(argv: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run a process once, untimed, and return what it printed. Raises CalledProcessError."""
    return subprocess.run(list(argv), env=dict(environment), check=True, stdout=subprocess.PIPE, text=True).stdout


def report(what: str, ours: Callable[[], float], theirs: Callable[[], float], *, rounds: int = ROUNDS) -> None:
    """Time both in turn, so that a drifting machine slows both alike; print medians and the median of the ratios."""
    ours(), theirs()  # caches of files and bytecode
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    ratio = statistics.median(a / b for a, b in pairs)
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{what}: {ratio:.2f}  ({mine * 1000:.0f} ms / {other * 1000:.0f} ms, medians of {rounds})", flush=True)


def read_exports(server: "subprocess.Popen[str]") -> dict[str, str]:
    """Read the `export NAME=VALUE` lines that a server for tests prints when it is ready; `no_proxy` is the last."""
    found: dict[str, str] = {}
    for line in server.stdout or ():
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").strip().partition("=")
            found[name] = value.strip("'\"")
        if "no_proxy" in found and "AWS_ENDPOINT_URL" in found:
            break
    return found


class Screen:
    """A program on a terminal of its own, looked at only to tell when something shows; a context manager."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self._seen = b""
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (ROWS, COLUMNS))
        self.started = time.perf_counter()
        self._child = subprocess.Popen(list(argv), env=dict(environment), stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._child.kill()
        self._child.wait()
        os.close(self._master)

    def type(self, text: str) -> float:
        """Type a line with its Enter and return the moment; what was on the screen before no longer counts."""
        self._seen = b""
        moment = time.perf_counter()
        os.write(self._master, f"{text}\r".encode())
        return moment

    def cpu_seconds(self) -> float:
        """Return the processor time that the program has used so far (Linux)."""
        fields = Path(f"/proc/{self._child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait_for(self, wanted: bytes) -> float:
        """Wait until a regular expression shows and return the moment. Raises TimeoutError with what shows instead."""
        while not re.search(wanted, self._seen):
            if not select.select([self._master], [], [], SCREEN_SECONDS)[0]:
                raise TimeoutError(f"no {wanted!r} on the screen, but {self._seen[-500:]!r}")
            self._seen += os.read(self._master, READ_BYTES)
        return time.perf_counter()
