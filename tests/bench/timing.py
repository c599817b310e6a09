"""Timing of whole processes, in turn, as ratios: shared by all benchmarks. Knows no AWS and asserts no time."""

import os
import pty
import re
import select
import statistics
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

ROUNDS = 9
SCREEN_SECONDS = 60.0
READ_BYTES = 65536
ROWS, COLUMNS = 40, 120
SAMPLE_SECONDS = 0.005
_TICKS_PER_SECOND, _PAGES_PER_MB = os.sysconf("SC_CLK_TCK"), 2**20 / os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a process and its children cost: time from start to end, processor time, and the most memory of all."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


def time_process(argv: Sequence[str], environment: Mapping[str, str]) -> float:
    """Run a process to its end, its output thrown away; return the seconds. Raises CalledProcessError."""
    started = time.perf_counter()
    subprocess.run(list(argv), env=dict(environment), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def cost_of(argv: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """Run a process to its end and return what it cost, looked at all the time (Linux). Raises CalledProcessError."""
    started = time.perf_counter()
    process = subprocess.Popen(list(argv), env=dict(environment), stdout=subprocess.DEVNULL)
    ticks: dict[int, int] = {}
    peak_pages = 0
    while process.poll() is None:
        pages = 0
        for pid in (process.pid, *_children(process.pid)):
            with suppress(OSError):  # it has ended
                ticks[pid] = _ticks(pid)
                pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        peak_pages = max(peak_pages, pages)
        time.sleep(SAMPLE_SECONDS)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(argv))
    cpu_seconds = sum(ticks.values()) / _TICKS_PER_SECOND
    return Cost(seconds=seconds, cpu_seconds=cpu_seconds, peak_mb=peak_pages / _PAGES_PER_MB)


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
        return [int(child) for text in lists for child in text.split()]
    return []


def _ticks(pid: int) -> int:
    """Return the processor time that a process has used so far, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


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
        return _ticks(self._child.pid) / _TICKS_PER_SECOND

    def wait_for(self, wanted: bytes) -> float:
        """Wait until a regular expression shows and return the moment. Raises TimeoutError with what shows instead."""
        while not re.search(wanted, self._seen):
            if not select.select([self._master], [], [], SCREEN_SECONDS)[0]:
                raise TimeoutError(f"no {wanted!r} on the screen, but {self._seen[-500:]!r}")
            self._seen += os.read(self._master, READ_BYTES)
        return time.perf_counter()
