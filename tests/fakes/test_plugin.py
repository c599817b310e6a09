"""The stand-in plugin outside shells and tunnels: arguments, failures before readiness, signals, and the record."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.fakes.plugin import install_plugin, plugin_runs, plugin_sessions, process_is_alive, wait_for_run
from tests.fakes.plugin_calls import FIRST_LINE, RESPONSE, SESSION_ID, TARGET, StartedPlugin, shell_call

VARIABLE = "AWS_SSM_START_SESSION_RESPONSE_1"


def run_plugin(*argv: str | Path, text: str = "exit\n") -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in argv], input=text, capture_output=True, text=True, check=False)


def test_version_is_printed_bare(tmp_path: Path) -> None:
    answer = run_plugin(install_plugin(tmp_path), "--version")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "1.2.814.0\n", "")


def test_version_is_what_the_mode_says(tmp_path: Path) -> None:
    assert run_plugin(install_plugin(tmp_path, version="1.2.0.0"), "--version").stdout == "1.2.0.0\n"


def test_version_that_hangs_prints_nothing_and_stays_until_killed(tmp_path: Path) -> None:
    plugin = install_plugin(tmp_path, version_hangs=True)
    with StartedPlugin([str(plugin), "--version"]) as started:
        wait_for_run(plugin, lambda run: run.argv == ("--version",))
        started.signal(signal.SIGTERM)
        assert started.wait() == -signal.SIGTERM
        assert started.output == ""


def test_without_arguments_it_says_that_it_is_installed(tmp_path: Path) -> None:
    answer = run_plugin(install_plugin(tmp_path))
    assert answer.returncode == 0
    assert "The Session Manager plugin was installed successfully" in answer.stdout


def test_an_unknown_operation_is_told_with_status_zero(tmp_path: Path) -> None:
    answer = run_plugin(install_plugin(tmp_path), "help")
    assert (answer.returncode, "Unknown operation help" in answer.stdout) == (0, True)


def test_an_operation_other_than_start_session_is_invalid(tmp_path: Path) -> None:
    request = json.dumps({"Target": TARGET})
    answer = run_plugin(install_plugin(tmp_path), RESPONSE, "r", "StopSession", "", request, "")
    assert (answer.returncode, answer.stdout) == (0, "Invalid Operation")


def test_a_plugin_that_is_not_executable_cannot_be_run(tmp_path: Path) -> None:
    plugin = install_plugin(tmp_path, executable=False)
    with pytest.raises(PermissionError):
        run_plugin(plugin, "--version")


def test_the_response_comes_from_the_variable_that_argv_names(tmp_path: Path) -> None:
    plugin = install_plugin(tmp_path)
    environment = {"PATH": os.environ["PATH"], VARIABLE: RESPONSE, "AWS_PROFILE": "ops", "OTHER": "1"}
    with StartedPlugin(shell_call(plugin, response=VARIABLE), environment=environment) as started:
        started.type("exit\n")
        assert started.wait() == 0
    (run,) = plugin_runs(plugin)
    assert (run.response, run.response_from, run.argv[0]) == (RESPONSE, VARIABLE, VARIABLE)
    assert run.environment == {VARIABLE: RESPONSE, "AWS_PROFILE": "ops"}


def test_the_variable_is_unset_before_anything_is_started(tmp_path: Path) -> None:
    plugin, seen = install_plugin(tmp_path), tmp_path / "seen"
    stty = tmp_path / "stty"
    stty.write_text(f"#!/bin/sh\nenv > {seen}\n")
    stty.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", VARIABLE: RESPONSE, "AWS_PROFILE": "ops"}
    with StartedPlugin(shell_call(plugin, response=VARIABLE), environment=environment) as started:
        started.type("exit\n")
        assert started.wait() == 0
    assert "AWS_PROFILE=ops" in seen.read_text()
    assert VARIABLE not in seen.read_text()


def test_keys_of_the_response_may_be_in_any_case(tmp_path: Path) -> None:
    response = json.dumps({"sessionId": SESSION_ID, "tokenValue": "t", "streamUrl": "wss://x"})
    answer = run_plugin(*shell_call(install_plugin(tmp_path), response=response))
    assert answer.stdout.startswith(FIRST_LINE)


@pytest.mark.parametrize("response", ["", "no json", VARIABLE])
def test_a_response_that_is_no_json_cannot_start_a_session(tmp_path: Path, response: str) -> None:
    answer = run_plugin(*shell_call(install_plugin(tmp_path), response=response))
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith("Cannot perform start session: ")


@pytest.mark.parametrize(
    ("response", "request_text"),
    [(RESPONSE, "{}"), (RESPONSE, '{"Target": 3}'), ("{}", json.dumps({"Target": TARGET}))],
)
def test_no_target_or_session_id_is_a_panic(tmp_path: Path, response: str, request_text: str) -> None:
    plugin = install_plugin(tmp_path)
    answer = run_plugin(plugin, response, "r", "StartSession", "", request_text, "")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("panic: ")
    assert [(run.ended, run.exit_status) for run in plugin_runs(plugin)] == [("panic", 2)]


def test_a_panic_can_be_asked_for(tmp_path: Path) -> None:
    assert run_plugin(*shell_call(install_plugin(tmp_path, panics=True))).returncode == 2


def test_never_answering_stops_after_the_first_line_and_ctrl_c_kills(tmp_path: Path) -> None:
    plugin = install_plugin(tmp_path, never_answers=True)
    with StartedPlugin(shell_call(plugin)) as started:
        started.read_until(FIRST_LINE)
        started.signal(signal.SIGINT)
        assert started.wait() == -signal.SIGINT
        assert started.output == FIRST_LINE
    assert [(run.ended, run.ready, run.session_ended) for run in plugin_runs(plugin)] == [("SIGINT", False, False)]


def test_ctrl_c_before_the_handshake_does_nothing_when_inherited_as_ignored(tmp_path: Path) -> None:
    plugin = install_plugin(tmp_path, never_answers=True)
    ignoring = ["/bin/sh", "-c", 'trap "" INT; exec "$0" "$@"', *shell_call(plugin)]
    with StartedPlugin(ignoring) as started:
        started.read_until(FIRST_LINE)
        started.signal(signal.SIGINT)
        started.signal(signal.SIGTERM)
        assert started.wait() == -signal.SIGTERM
    (run,) = plugin_runs(plugin)
    assert (run.ignored, run.signals) == (("SIGINT",), ("SIGTERM",))


def test_ctrl_backslash_before_the_handshake_exits_as_go_does(tmp_path: Path) -> None:
    with StartedPlugin(shell_call(install_plugin(tmp_path, slow_ready_seconds=60))) as started:
        started.read_until(FIRST_LINE)
        started.signal(signal.SIGQUIT)
        assert started.wait() == 2


def test_silence_prints_not_even_the_first_line(tmp_path: Path) -> None:
    plugin = install_plugin(tmp_path, silent=True)
    with StartedPlugin(shell_call(plugin)) as started:
        wait_for_run(plugin, lambda run: run.response != "")
        started.signal(signal.SIGTERM)
        assert started.wait() == -signal.SIGTERM
        assert started.output == ""


def test_a_slow_handshake_can_be_interrupted(tmp_path: Path) -> None:
    plugin = install_plugin(tmp_path, slow_ready_seconds=60)
    with StartedPlugin(shell_call(plugin)) as started:
        started.read_until(FIRST_LINE)
        started.signal(signal.SIGINT)
        assert started.wait() == -signal.SIGINT
    assert [run.signals for run in plugin_runs(plugin)] == [("SIGINT",)]


def test_a_session_that_cannot_start_says_so_with_status_zero(tmp_path: Path) -> None:
    plugin = install_plugin(tmp_path, cannot_start="retry later")
    answer = run_plugin(*shell_call(plugin))
    assert (answer.returncode, answer.stdout) == (0, f"{FIRST_LINE}Cannot perform start session: retry later\n")
    assert [(run.ended, run.session_ended) for run in plugin_runs(plugin)] == [("refused", False)]


def test_modes_may_differ_by_target(tmp_path: Path) -> None:
    plugin = install_plugin(tmp_path, by_target={TARGET: {"cannot_start": "not this one"}})
    assert "not this one" in run_plugin(*shell_call(plugin)).stdout
    assert "not this one" not in run_plugin(*shell_call(plugin, target="i-1")).stdout


def test_installing_again_changes_the_next_run(tmp_path: Path) -> None:
    plugin = install_plugin(tmp_path, version="1.0.0.0")
    install_plugin(tmp_path, version="2.0.0.0")
    assert run_plugin(plugin, "--version").stdout == "2.0.0.0\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_term_and_hup_kill_without_ending_the_session(tmp_path: Path, number: signal.Signals) -> None:
    plugin = install_plugin(tmp_path)
    with StartedPlugin(shell_call(plugin)) as started:
        started.read_until("fake$ ")
        started.signal(number)
        assert started.wait() == -number
    (run,) = plugin_runs(plugin)
    assert (run.signals, run.ended, run.exit_status, run.session_ended) == ((number.name,), number.name, None, False)


def test_kill_leaves_no_end_in_the_record(tmp_path: Path) -> None:
    plugin = install_plugin(tmp_path)
    with StartedPlugin(shell_call(plugin)) as started:
        wait_for_run(plugin, lambda run: run.ready and run.is_alive)
        started.signal(signal.SIGKILL)
        assert started.wait() == -signal.SIGKILL
    (run,) = plugin_runs(plugin)
    assert (run.ended, run.is_alive) == ("", False)


def test_writing_to_a_reader_that_is_gone_is_death_by_sigpipe(tmp_path: Path) -> None:
    plugin = install_plugin(tmp_path)
    with StartedPlugin(shell_call(plugin)) as started:
        started.read_until("fake$ ")
        started.close_output()
        started.type("size\n")
        assert wait_for_run(plugin, lambda run: run.ended != "").ended == "SIGPIPE"


def test_the_record_tells_groups_streams_and_signals(tmp_path: Path) -> None:
    plugin = install_plugin(tmp_path, records=tmp_path / "elsewhere")
    with StartedPlugin(shell_call(plugin), start_new_session=True) as started:
        started.type("si")
        started.type("ze\nexit\n")
        assert started.wait() == 0
    (run,) = plugin_runs(plugin)
    assert (run.pid, run.pgid, run.sid, run.parent_pid) == (started.pid, started.pid, started.pid, os.getpid())
    assert (run.stdin_is_tty, run.stdout_is_tty, run.ignored, run.blocked) == (False, False, (), ())
    assert (run.received, run.sizes, run.exit_status) == (b"size\nexit\n", ((300, 100),), 0)
    assert run.request == {"Target": TARGET}
    assert len(list((tmp_path / "elsewhere").glob("*.json"))) == 1


def test_sessions_are_told_from_other_runs_and_come_in_order(tmp_path: Path) -> None:
    plugin = install_plugin(tmp_path)
    run_plugin(plugin, "--version")
    for target in ("i-1", "i-2"):
        run_plugin(*shell_call(plugin, target=target))
    assert [run.request["Target"] for run in plugin_sessions(plugin)] == ["i-1", "i-2"]
    assert len(plugin_runs(plugin)) == 3


def test_a_process_that_is_dead_and_not_waited_for_counts_as_gone() -> None:
    with subprocess.Popen(["/bin/sh", "-c", "exit 0"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not process_is_alive(process.pid)
    assert process_is_alive(os.getpid())
    assert not process_is_alive(process.pid)
