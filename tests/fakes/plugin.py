"""A stand-in for AWS's session-manager-plugin: how tests install it, misbehave it and read back what it saw.

The executable itself is in `plugin_main`, `plugin_run`, `plugin_shell` and `plugin_tunnel`; this file is the only one
that tests import. POSIX only. It knows AWS's plugin, and nothing of ec2menu.
"""

import json
import os
import stat
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, Unpack

REPOSITORY = Path(__file__).resolve().parents[2]
PLUGIN_NAME = "session-manager-plugin"
POLL_SECONDS = 0.01

SCRIPT = """\
#!{python} -IS
import sys
sys.path.insert(0, {repository!r})
from tests.fakes.plugin_main import main
main({config!r})
"""


class PluginModes(TypedDict, total=False):
    """How the stand-in behaves; without modes it is a healthy plugin of version 1.2.814.0.

    `version` is what `--version` prints, `version_hangs` prints nothing and stays.
    Before readiness: `silent` hangs without a line, `never_answers` hangs after the first line, `cannot_start` fails
    with that text, `panics` is a Go panic, `slow_ready_seconds` is the length of the handshake.
    After readiness: `dies_after_seconds` is SIGKILL, `ends_after_seconds` is the service ending the session with
    `end_text` (or normally; SIGUSR2 does it to a tunnel at once), `deaf` leaves a tunnel untouched by Ctrl-C.
    Tunnels: `basic` is an old agent (one connection at a time), `port_busy_line` and `port_busy_hang` claim that the
    local port is taken, `busy_hangs` chooses the hang for a port that really is, `destination_failed` refuses every
    connection, `refuses_after_seconds` does so after a while, `zombie_after_seconds` is the time from readiness after
    which no byte passes (SIGUSR1 does it at once), `map` sends `host:port` to another `host:port`,
    `upload_pause_seconds` is slept per KiB (the real 0.001).
    `by_target` overlays modes for the Target it names.
    """

    version: str
    version_hangs: bool
    silent: bool
    never_answers: bool
    cannot_start: str
    panics: bool
    slow_ready_seconds: float
    dies_after_seconds: float
    ends_after_seconds: float
    end_text: str
    deaf: bool
    basic: bool
    port_busy_line: bool
    port_busy_hang: bool
    busy_hangs: bool
    destination_failed: bool
    refuses_after_seconds: float
    zombie_after_seconds: float
    map: Mapping[str, str]
    upload_pause_seconds: float
    by_target: "Mapping[str, PluginModes]"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRun:
    """What one run of the stand-in saw and did, as far as it had come when the record was read.

    `environment` holds the AWS_* variables at start, `response` the StartSession response wherever it came from
    (`response_from` is the variable's name, or `argv`). `ignored` and `blocked` name signals as inherited. `sizes` are
    (columns, rows): at start, then each change. `signals` came after start, `received` is all of stdin.
    `connections` are the tunnel's: where to, bytes up and down; `zombie` is a tunnel that passes nothing more. `ended`
    is empty while it runs or when it was killed by what nobody can catch; `session_ended` says whether the service
    knows of the end.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    response: str
    response_from: str
    pid: int
    parent_pid: int
    pgid: int
    sid: int
    stdin_is_tty: bool
    stdout_is_tty: bool
    ignored: tuple[str, ...]
    blocked: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    signals: tuple[str, ...]
    received: bytes
    connections: tuple[Mapping[str, Any], ...]
    ready: bool
    zombie: bool
    ended: str
    exit_status: int | None
    session_ended: bool

    @property
    def is_session(self) -> bool:
        """Whether a session was asked for, and not the version."""
        return len(self.argv) > 2

    @property
    def request(self) -> Mapping[str, Any]:
        """The StartSession request as it was passed, empty where it was not."""
        return dict(json.loads(self.argv[4])) if len(self.argv) > 4 else {}

    @property
    def is_alive(self) -> bool:
        """Whether the process still exists and is no zombie."""
        return process_is_alive(self.pid)


def install_plugin(
    directory: Path, *, executable: bool = True, records: Path | None = None, **modes: Unpack[PluginModes]
) -> Path:
    """Put the stand-in into `directory` as `session-manager-plugin` and return its path.

    Installing again changes the modes of later runs. Records of runs go to `records`, by default a folder beside it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    plugin, config = directory / PLUGIN_NAME, _config_of(directory / PLUGIN_NAME)
    records = records or directory / f"{PLUGIN_NAME}.runs"
    records.mkdir(parents=True, exist_ok=True)
    _replace(config, json.dumps({"records": str(records.resolve()), "modes": modes}))
    script = SCRIPT.format(python=sys.executable, repository=str(REPOSITORY), config=str(config.resolve()))
    _replace(plugin, script, mode=0o755 if executable else 0o644)
    return plugin


def plugin_runs(plugin: Path) -> tuple[PluginRun, ...]:
    """Read the records of all runs of the stand-in at `plugin`, oldest first."""
    records = Path(json.loads(_config_of(plugin).read_text())["records"])
    return tuple(_read_run(path) for path in sorted(records.glob("*.json")))


def plugin_sessions(plugin: Path) -> tuple[PluginRun, ...]:
    """Read the records of the runs that were asked for a session, oldest first."""
    return tuple(run for run in plugin_runs(plugin) if run.is_session)


def wait_for_run(plugin: Path, condition: Callable[[PluginRun], bool], *, seconds: float = 20.0) -> PluginRun:
    """Return the first run for which `condition` holds, polling the records; AssertionError when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        runs = plugin_runs(plugin)
        for run in runs:
            if condition(run):
                return run
        assert time.monotonic() < deadline, f"no such run within {seconds} s: {runs}"
        time.sleep(POLL_SECONDS)


def process_is_alive(pid: int) -> bool:
    """Tell whether a process exists; one that is dead and not waited for counts as gone where that can be seen."""
    try:
        os.kill(pid, 0)
        facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self").exists()
    state, threads = facts[0], int(facts[17])
    return state not in ("Z", "X") or threads > 1  # its first thread is dead first, and cannot be waited for alone


def _config_of(plugin: Path) -> Path:
    return plugin.with_name(f"{PLUGIN_NAME}.json")


def _replace(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file in one step, so that a run that starts meanwhile sees the old one or the new one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text)
    beside.chmod(stat.S_IMODE(mode))
    beside.replace(path)


def _read_run(path: Path) -> PluginRun:
    facts = json.loads(path.read_text())
    for name in ("argv", "ignored", "blocked", "signals", "connections"):
        facts[name] = tuple(facts[name])
    facts["sizes"] = tuple((columns, rows) for columns, rows in facts["sizes"])
    facts["received"] = facts["received"].encode("latin-1")
    return PluginRun(**facts)
