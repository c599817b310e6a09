"""Windows opened through a stand-in tmux and through a real one: what arrives there, and what is left behind."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from ec2menu.clock import SystemClock
from ec2menu.connectors.windows import WindowOpener, WindowRequest, WindowResult, find_opener, open_windows
from ec2menu.errors import ConnectorError

SECRET = "wJalrXUtnFEMI/K7MDENG"
# Writes what it was started with, in one step so that a reader never sees half of it; "stay" keeps the window open.
PROBE = """import json, os, sys
record = {"argv": sys.argv[2:], "environ": dict(os.environ), "directory": os.getcwd()}
with open(sys.argv[1] + ".part", "w") as file:
    json.dump(record, file)
os.rename(sys.argv[1] + ".part", sys.argv[1])
if "stay" in sys.argv:
    sys.stdin.readline()
"""
# Stands in for tmux: records its words and starts the command in an environment that is the server's, not the caller's.
STAND_IN = """#!{python}
import json, os, subprocess, sys
with open({log!r}, "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
if {status}:
    sys.exit({status})
words = sys.argv[sys.argv.index("--") + 1:]
server = {{"PATH": "/usr/bin:/bin", "HOME": "/", "TERM": "screen", "AWS_PROFILE": "stale"}}
sys.exit(subprocess.call(words, env=server, cwd="/"))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """A tmux that is none, the log of its words, and the folder of hand-overs."""

    opener: WindowOpener
    log: Path
    runtime_dir: Path

    def open(self, *requests: WindowRequest, environ: Mapping[str, str]) -> list[WindowResult]:
        return open_windows(
            self.opener,
            requests,
            environ=environ,
            run=subprocess.call,
            runtime_dir=self.runtime_dir,
            clock=SystemClock(),
            python=sys.executable,
        )

    def words(self) -> list[list[str]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def left_over(self) -> list[Path]:
        return [path for path in self.runtime_dir.rglob("*") if path.is_file()]


def install_stand_in(tmp_path: Path, *, status: int = 0) -> StandIn:
    program = tmp_path / "bin" / "tmux"
    program.parent.mkdir()
    log = tmp_path / "log"
    program.write_text(STAND_IN.format(python=sys.executable, log=str(log), status=status))
    program.chmod(0o755)
    opener = find_opener(
        environ={"TMUX": "/tmp/t,1,0"},
        platform="linux",
        which=lambda name: shutil.which(name, path=str(program.parent)),
        is_wsl=False,
    )
    assert opener is not None
    return StandIn(opener=opener, log=log, runtime_dir=tmp_path / "run")


def a_probe(output: Path, *words: str, title: str) -> WindowRequest:
    return WindowRequest(argv=(sys.executable, "-c", PROBE, str(output), *words), title=title)


OURS = {"AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "ap-northeast-2", "https_proxy": "http://p:1", "TERM": "xterm"}


def test_a_window_gets_our_command_our_variables_and_our_folder(tmp_path: Path) -> None:
    stand_in = install_stand_in(tmp_path)
    request = a_probe(tmp_path / "out", 'a "b"; $(touch x)', title="서울\x1b[31m;")

    results = stand_in.open(request, environ={**OURS, "PATH": "/usr/bin:/bin", "GITHUB_TOKEN": "not yours"})

    record = json.loads((tmp_path / "out").read_text())
    environ = record["environ"]
    assert record["argv"] == ['a "b"; $(touch x)']
    assert {name: environ[name] for name in OURS} == {**OURS, "TERM": "screen"}
    assert "AWS_PROFILE" not in environ
    assert "GITHUB_TOKEN" not in environ
    assert record["directory"] == str(Path.cwd())
    assert results == [WindowResult(title="서울 [31m;", ok=True, message="Opened in a new tmux window.")]


def test_the_secret_is_in_no_argument_and_the_file_is_gone_afterwards(tmp_path: Path) -> None:
    stand_in = install_stand_in(tmp_path)

    stand_in.open(a_probe(tmp_path / "out", title="web;"), environ=OURS)

    [words] = stand_in.words()
    assert words[:4] == ["new-window", "-n", "web\\;", "--"]
    assert words[4:8] == [sys.executable, "-P", "-m", "ec2menu.connectors.handover"]
    assert not any(SECRET in word for word in words)
    assert not {PROBE, str(tmp_path / "out")} & set(words)
    assert stand_in.left_over() == []


def test_each_request_gets_its_own_window_in_order(tmp_path: Path) -> None:
    stand_in = install_stand_in(tmp_path)
    requests = [a_probe(tmp_path / f"out{number}", str(number), title=f"web {number}") for number in range(3)]

    results = stand_in.open(*requests, environ=OURS)

    assert [result.title for result in results] == ["web 0", "web 1", "web 2"]
    assert [json.loads((tmp_path / f"out{number}").read_text())["argv"] for number in range(3)] == [["0"], ["1"], ["2"]]
    assert len({words[-1] for words in stand_in.words()}) == 3


def test_a_tmux_that_fails_is_reported_and_its_file_does_not_stay(tmp_path: Path) -> None:
    stand_in = install_stand_in(tmp_path, status=1)

    results = stand_in.open(a_probe(tmp_path / "out", title="a"), a_probe(tmp_path / "out", title="b"), environ=OURS)

    message = "tmux ended with status 1; no window was opened."
    assert [(result.title, result.ok, result.message) for result in results] == [
        ("a", False, message),
        ("b", False, message),
    ]
    assert stand_in.left_over() == []
    assert not (tmp_path / "out").exists()


def test_a_terminal_that_cannot_be_started_is_reported_and_its_file_does_not_stay(tmp_path: Path) -> None:
    stand_in = install_stand_in(tmp_path)
    Path(stand_in.opener.program).unlink()

    [result] = stand_in.open(a_probe(tmp_path / "out", title="a"), environ=OURS)

    assert not result.ok
    assert result.message.endswith("could not be started: No such file or directory.")
    assert stand_in.left_over() == []


def test_without_a_private_folder_no_terminal_is_started(tmp_path: Path) -> None:
    stand_in = install_stand_in(tmp_path)
    stand_in.runtime_dir.mkdir()
    stand_in.runtime_dir.chmod(0o777)

    with pytest.raises(ConnectorError, match="open to other users"):
        stand_in.open(a_probe(tmp_path / "out", title="a"), environ=OURS)

    assert not stand_in.log.exists()


@dataclass(frozen=True, slots=True, kw_only=True)
class RealTmux:
    """A tmux server of our own."""

    base: tuple[str, ...]
    environ: Mapping[str, str]

    def ask(self, *words: str) -> str:
        return subprocess.check_output([*self.base, *words], env=self.environ, text=True).strip()

    def run(self, command: Sequence[str]) -> int:
        """Run a command as if from inside of a window of that server."""
        inside = {**self.environ, "TMUX": self.ask("display-message", "-p", "#{socket_path},#{pid},0")}
        return subprocess.call(command, env=inside)


@pytest.fixture
def real_tmux(tmp_path: Path) -> Iterator[RealTmux]:
    program = shutil.which("tmux")
    if program is None:
        pytest.skip("tmux is not installed")
    # A socket's path may have about 100 characters, pytest's own folder can be longer.
    with tempfile.TemporaryDirectory(prefix="e2m") as sockets:
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm", "TMUX_TMPDIR": sockets}
        tmux = RealTmux(base=(program, "-u", "-L", "ec2menu-test", "-f", "/dev/null"), environ=environ)
        stale = {**environ, "AWS_PROFILE": "stale"}
        subprocess.run([*tmux.base, "new-session", "-d", "-x", "80", "-y", "24"], env=stale, cwd=tmp_path, check=True)
        try:
            yield tmux
        finally:
            subprocess.run([*tmux.base, "kill-server"], env=environ, check=False)


def wait_for(path: Path) -> dict[str, object]:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} was not written: the window did not start its session"
        time.sleep(0.02)
    record: dict[str, object] = json.loads(path.read_text())
    return record


def test_a_real_tmux_opens_windows_with_hostile_names_and_runs_only_the_sessions(
    tmp_path: Path, real_tmux: RealTmux
) -> None:
    titles = ['"; do shell script "x', "$(touch pwned);", "a;b", "#(touch pwned)", "`touch pwned`", "서울 웹;", ";"]
    requests = [a_probe(tmp_path / f"out{number}", title, "stay", title=title) for number, title in enumerate(titles)]
    opener = find_opener(environ={"TMUX": "x"}, platform="linux", which=shutil.which, is_wsl=False)
    assert opener is not None

    results = open_windows(
        opener,
        requests,
        environ=OURS,
        run=real_tmux.run,
        runtime_dir=tmp_path / "run",
        clock=SystemClock(),
        python=sys.executable,
    )
    records = [wait_for(tmp_path / f"out{number}") for number in range(len(titles))]

    assert [result.ok for result in results] == [True] * len(titles)
    assert real_tmux.ask("list-windows", "-F", "#{window_name}").splitlines()[1:] == titles
    for title, record in zip(titles, records, strict=True):
        environ = record["environ"]
        assert isinstance(environ, dict)
        assert record["argv"] == [title, "stay"]
        assert (environ["AWS_SECRET_ACCESS_KEY"], environ.get("AWS_PROFILE")) == (SECRET, None)
        assert environ["TERM"] != "xterm"
    assert list((tmp_path / "run" / "handover").iterdir()) == []
    assert not list(tmp_path.rglob("pwned"))
