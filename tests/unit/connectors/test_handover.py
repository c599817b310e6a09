"""What travels into a new window, how private it is, and what the window's first process does with it."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pexpect
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2menu.connectors.handover import (
    Handover,
    handover_argv,
    handover_directory,
    make_private_directory,
    merge_environ,
    quote_for_windows,
    run_and_wait,
    select_environ,
    take_handover,
    write_handover,
)
from ec2menu.errors import ConnectorError
from tests.unit.desk import CannedAws, context_at, sit_down

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]))"


@dataclass(frozen=True, slots=True)
class StoppedClock:
    """A clock at one moment."""

    def now(self) -> float:
        return 0.0

    def wall(self) -> datetime:
        return NOW

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nothing here waits, asked for {seconds} s")


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Let every permission through that the code does not hold back itself."""
    previous = os.umask(0)
    yield
    os.umask(previous)


def a_handover(*argv: str, **environ: str) -> Handover:
    return Handover(argv=argv or ("ec2menu", "connect", "i-1"), title="웹 서버", environ=environ, directory="/")


def start(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the window's first process as a terminal would, with an environment that is not ours."""
    argv = (*handover_argv(Path("FILE"), python=sys.executable)[:-1], *arguments)
    return subprocess.run(argv, env=environ, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o7777


CREDENTIALS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "EC2MENU_CONFIG")
NETWORK = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
PLACES = ("PATH", "PYTHONPATH", "XDG_STATE_HOME", "LANG", "LC_ALL", "NO_COLOR")


@pytest.mark.parametrize("name", [*CREDENTIALS, *NETWORK, *PLACES])
def test_a_variable_that_a_session_needs_is_handed_over(name: str) -> None:
    assert select_environ({name: "value"}) == {name: "value"}


@pytest.mark.parametrize(
    "name",
    ["TERM", "HOME", "TMUX", "TMUX_PANE", "DISPLAY", "SSH_AUTH_SOCK", "GITHUB_TOKEN", "XDG_RUNTIME_DIR", "LAWS_X"],
)
def test_any_other_variable_stays_behind(name: str) -> None:
    assert select_environ({name: "value"}) == {}


def test_our_variables_replace_the_windows_own_even_where_we_have_none() -> None:
    window = {"TERM": "screen", "AWS_PROFILE": "old", "AWS_REGION": "us-east-1", "https_proxy": "http://old"}

    merged = merge_environ(window, {"AWS_REGION": "ap-northeast-2"})

    assert merged == {"TERM": "screen", "AWS_REGION": "ap-northeast-2"}


@pytest.mark.usefixtures("open_umask")
def test_the_folder_and_the_file_are_private_whatever_the_umask(tmp_path: Path) -> None:
    directory = handover_directory(tmp_path / "run", clock=StoppedClock())

    path = write_handover(a_handover(AWS_SECRET_ACCESS_KEY="s3cret"), directory=directory)

    assert [mode_of(tmp_path / "run"), mode_of(directory), mode_of(path)] == [0o700, 0o700, 0o600]


def test_a_secret_is_not_in_the_repr_of_a_handover() -> None:
    assert "s3cret" not in repr(a_handover(AWS_SECRET_ACCESS_KEY="s3cret"))


def test_what_was_written_is_taken_once_and_is_gone(tmp_path: Path) -> None:
    session = a_handover("ec2menu", "connect", 'a "b" $(c)\n', AWS_PROFILE="prod", PATH="/usr/bin:/\udcff")
    path = write_handover(session, directory=tmp_path)

    assert take_handover(path) == session
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConnectorError, match="opened already, or waited too long"):
        take_handover(path)


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", "{}", '{"argv": []}', '{"argv": [], "environ": {}, "title": ""}']
)
def test_a_file_that_is_no_handover_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)

    with pytest.raises(ConnectorError, match="damaged or is none of ours"):
        take_handover(path)

    assert path.read_text() == text


def test_a_link_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    real = write_handover(a_handover(), directory=tmp_path)
    link = tmp_path / "link.json"
    link.symlink_to(real)

    with pytest.raises(ConnectorError, match="Cannot read the hand-over file"):
        take_handover(link)

    assert real.exists()


def test_files_of_windows_that_never_opened_go_after_ten_minutes(tmp_path: Path) -> None:
    directory = handover_directory(tmp_path, clock=StoppedClock())
    ages = {"old.json": 601, "young.json": 599, "other.txt": 9999}
    for name, seconds in ages.items():
        (directory / name).touch()
        moment = (NOW - timedelta(seconds=seconds)).timestamp()
        os.utime(directory / name, (moment, moment))

    handover_directory(tmp_path, clock=StoppedClock())

    assert {path.name for path in directory.iterdir()} == {"young.json", "other.txt"}


def test_leaving_ec2menu_deletes_them_too(tmp_path: Path) -> None:
    context = context_at(sit_down(), CannedAws(), tmp_path)
    old = handover_directory(context.runtime_folder, clock=StoppedClock()) / "old.json"
    old.touch()
    os.utime(old, (0, 0))
    context.close()
    assert not old.exists()


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o755)

    with pytest.raises(ConnectorError, match="open to other users") as caught:
        make_private_directory(tmp_path / "shared")

    assert caught.value.hint.startswith("Run: chmod 700 ")


def test_a_link_or_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").touch()

    with pytest.raises(ConnectorError, match="is not ours"):
        make_private_directory(tmp_path / "link")
    with pytest.raises(ConnectorError, match="Cannot create the folder"):
        make_private_directory(tmp_path / "file")


def test_a_full_disk_or_missing_folder_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ConnectorError, match="Cannot write the hand-over file"):
        write_handover(a_handover(), directory=tmp_path / "missing")


def test_the_process_becomes_the_session_with_our_variables_in_our_folder(tmp_path: Path) -> None:
    session = Handover(
        argv=(sys.executable, "-c", SHOW, "a b", "$(x)"),
        title="web",
        environ={"AWS_SECRET_ACCESS_KEY": "s3cret", "PATH": "/usr/bin"},
        directory=str(tmp_path),
    )
    path = write_handover(session, directory=tmp_path)

    done = start(str(path), AWS_PROFILE="old", HOME="/home/x", TERM="screen")

    argv, environ, folder = json.loads(done.stdout)
    assert argv == ["a b", "$(x)"]
    assert {name: environ.get(name) for name in ("AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "HOME", "TERM")} == {
        "AWS_SECRET_ACCESS_KEY": "s3cret",
        "AWS_PROFILE": None,
        "HOME": "/home/x",
        "TERM": "screen",
    }
    assert folder == str(tmp_path)
    assert not path.exists()


def test_a_module_in_the_windows_folder_is_not_imported_in_place_of_the_librarys(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('hijacked')")
    path = write_handover(a_handover(sys.executable, "-c", "print('in')"), directory=tmp_path)
    words = shlex.join(handover_argv(path, python=sys.executable))

    done = subprocess.run(["/bin/sh", "-c", words], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("in\n", "")


def test_the_sessions_status_is_the_windows_status(tmp_path: Path) -> None:
    path = write_handover(a_handover(sys.executable, "-c", "raise SystemExit(7)"), directory=tmp_path)

    assert start(str(path)).returncode == 7


def test_a_missing_file_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    done = start(str(tmp_path / "gone.json"))

    assert done.returncode == 2
    assert done.stderr == (
        "ec2menu: This window's session was opened already, or waited too long. Pick the target again in ec2menu.\n"
    )


def test_of_processes_that_take_the_same_file_one_starts_the_session(tmp_path: Path) -> None:
    path = write_handover(a_handover(sys.executable, "-c", "print('in')"), directory=tmp_path)
    argv = handover_argv(path, python=sys.executable)

    racers = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    outputs = [racer.communicate()[0] for racer in racers]

    assert sorted(outputs) == [b"", b"", b"", b"in\n"]
    assert sorted(racer.returncode for racer in racers) == [0, 2, 2, 2]


def test_in_a_terminal_the_sentence_stays_until_enter(tmp_path: Path) -> None:
    words = shlex.join(handover_argv(tmp_path / "gone.json", python=sys.executable))
    window = pexpect.spawn("/bin/sh", ["-c", f'{words}; read line; echo "after: $line"'], timeout=30, encoding="utf-8")

    window.expect_exact("waited too long. Pick the target again in ec2menu.\r\nPress Enter to close this window.")
    window.sendline("for the window")
    window.sendline("for the shell")
    window.expect(pexpect.EOF)
    window.close()

    assert str(window.before).endswith("after: for the shell\r\n")


@pytest.mark.parametrize(("term", "named"), [("xterm-256color", True), ("dumb", False), ("linux", False)])
def test_a_terminal_that_knows_titles_is_named_from_inside(tmp_path: Path, term: str, named: bool) -> None:
    path = write_handover(a_handover(sys.executable, "-c", "print('in')"), directory=tmp_path)
    argv = handover_argv(path, python=sys.executable)

    window = pexpect.spawn(argv[0], list(argv[1:]), timeout=30, encoding="utf-8", env={**os.environ, "TERM": term})
    window.expect(pexpect.EOF)
    window.close()

    assert window.before == ("\x1b]2;웹 서버\x07in\r\n" if named else "in\r\n")


def test_no_file_at_all_is_one_sentence_and_status_2() -> None:
    done = start()

    assert (done.returncode, done.stderr.count("\n"), "Traceback" in done.stderr) == (2, 1, False)


def test_a_command_that_does_not_exist_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    path = write_handover(a_handover("no-such-program", PATH="/usr/bin"), directory=tmp_path)

    done = start(str(path))

    assert (done.returncode, done.stderr) == (2, "ec2menu: cannot start no-such-program: No such file or directory.\n")
    assert not path.exists()


def test_waiting_for_the_session_gives_its_status_and_restores_the_handler() -> None:
    before = signal.getsignal(signal.SIGINT)

    status = run_and_wait([sys.executable, "-c", "raise(SystemExit(7))"], {"PATH": "/usr/bin"})

    assert (status, signal.getsignal(signal.SIGINT)) == (7, before)


def test_waiting_for_a_command_that_does_not_exist_raises_what_the_caller_expects() -> None:
    with pytest.raises(OSError, match="no such program"):
        run_and_wait(["no-such-program"], {"PATH": "/usr/bin"})


@pytest.mark.parametrize(
    ("argument", "quoted"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("a b", '"a b"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("C:\\Program Files\\", '"C:\\Program Files\\\\"'),
        ("C:\\x\\", "C:\\x\\"),
        ('a"b', '"a\\"b"'),
    ],
)
def test_an_argument_is_quoted_for_windows(argument: str, quoted: str) -> None:
    assert quote_for_windows(argument) == quoted


@given(st.text(alphabet='ab \\"\t;%한', max_size=20))
def test_quoting_for_windows_agrees_with_the_standard_library(text: str) -> None:
    with_space = f"{text} {text}"  # the library leaves a quotation mark without spaces bare, we do not

    assert quote_for_windows(with_space) == subprocess.list2cmdline([with_space])
