"""The demo's stand-in for session-manager-plugin, run as a process, on a pseudo-terminal where it plays a shell."""

import json
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator
from typing import Any

import pexpect
import pytest

from ec2menu.demo.plugin_channel import Panic, read_channel
from ec2menu.demo.server import DemoAws
from tests.cloud.conftest import PluginCommand

LIMIT_SECONDS = 30
VARIABLE = "AWS_SSM_START_SESSION_RESPONSE_1"


def terminal(command: list[str]) -> "pexpect.spawn[str]":
    return pexpect.spawn(command[0], command[1:], encoding="utf-8", timeout=LIMIT_SECONDS, echo=True)


@pytest.fixture
def shell(plugin_command: PluginCommand) -> Iterator["pexpect.spawn[str]"]:
    child = terminal(plugin_command())
    child.expect_exact("sh-5.2$ ")
    yield child
    child.close(force=True)


def ended(child: "pexpect.spawn[str]") -> str:
    """Wait for the end and return what was printed on the way; the exit status is 0 as the real one's always is."""
    child.expect(pexpect.EOF)
    text = child.before or ""
    child.close()
    assert child.exitstatus == 0
    return text.replace("\r\n", "\n")


def test_the_version_is_printed_bare() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ec2menu.demo.plugin", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "1.2.814.0\n"


def test_without_arguments_it_says_that_it_is_installed() -> None:
    done = subprocess.run([sys.executable, "-m", "ec2menu.demo.plugin"], capture_output=True, text=True, check=True)
    assert "The Session Manager plugin was installed successfully" in done.stdout


def test_it_needs_neither_moto_nor_boto3() -> None:
    program = (
        "import sys, ec2menu.demo.plugin, ec2menu.demo.plugin_shell, ec2menu.demo.plugin_ports;"
        "from ec2menu.demo.servers import make_server;"
        "[make_server({'speaks': name}) for name in "
        "('postgres', 'mysql', 'redis', 'memcached', 'sqlserver', 'http', '')];"
        "slow = {'moto', 'boto3', 'botocore', 'werkzeug', 'asyncio', 'cryptography', 'ssl'};"
        "print({name.partition('.')[0] for name in sys.modules} & slow)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("response", "request_json"),
    [
        ('{"SessionId": "demo-1", "TokenValue": "t", "StreamUrl": "ws://x"}', "{}"),
        ('{"SessionId": "demo-1", "TokenValue": "t", "StreamUrl": "ws://x"}', '{"Target": 7}'),
        ('{"TokenValue": "t", "StreamUrl": "ws://x"}', '{"Target": "i-1"}'),
        ("not json", '{"Target": "i-1"}'),
        ("AWS_SSM_START_SESSION_RESPONSE_THAT_IS_NOT_SET", '{"Target": "i-1"}'),
    ],
)
def test_without_target_or_session_it_panics_with_status_2(response: str, request_json: str) -> None:
    arguments = [response, "us-east-1", "StartSession", "", request_json, "http://127.0.0.1:1"]
    done = subprocess.run(
        [sys.executable, "-m", "ec2menu.demo.plugin", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("panic: ")


def test_the_response_may_be_json_with_keys_in_any_case() -> None:
    grant = {
        "sessionId": "demo-7",
        "tokenValue": "secret-token",
        "streamUrl": "ws://127.0.0.1:99/v1/data-channel/demo-7?name=a%20b",
    }
    channel = read_channel(json.dumps(grant), '{"Target": "i-1"}')
    assert (channel.session_id, channel.token, channel.port) == ("demo-7", "secret-token", 99)
    assert channel.facts == {"name": "a b"}
    assert "secret-token" not in repr(channel)


def test_the_response_variable_is_unset_once_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, '{"SessionId": "demo-7"}')
    assert read_channel(VARIABLE, '{"Target": "i-1"}').session_id == "demo-7"
    assert VARIABLE not in os.environ
    with pytest.raises(Panic):
        read_channel(VARIABLE, '{"Target": "i-1"}')


def test_a_shell_greets_and_says_that_nothing_is_executed(plugin_command: PluginCommand, aws_demo: DemoAws) -> None:
    child = terminal(plugin_command())
    child.expect_exact("sh-5.2$ ")
    text = (child.before or "").replace("\r\n", "\n")
    assert text.startswith(f"\nStarting session with SessionId: {aws_demo.sessions()[0].id}\n")
    assert "ec2menu's demo" in text
    assert "Nothing typed here is executed anywhere" in text
    assert "web-1" in text
    child.close(force=True)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("whoami", "ssm-user"),
        ("hostname", "ip-"),
        ("uptime", "load average"),
        ("ls", "README.demo"),
        ("date", "20"),
        ("help", "anything else is not run"),
        ("rm -rf /tmp/x", "demo: rm: not run"),
        ("한글명령", "demo: 한글명령: not run"),
    ],
)
def test_a_few_commands_are_answered_from_a_table(shell: "pexpect.spawn[str]", typed: str, answer: str) -> None:
    shell.sendline(typed)
    shell.expect_exact(typed)
    shell.expect_exact(answer)
    shell.expect_exact("sh-5.2$ ")


def test_nothing_that_is_typed_is_executed(shell: "pexpect.spawn[str]", tmp_path: Any) -> None:
    trace = tmp_path / "trace"
    for typed in (f"touch {trace}", f"; touch {trace}", f"$(touch {trace})", f"`touch {trace}`", f"ls; touch {trace}"):
        shell.sendline(typed)
        shell.expect_exact("sh-5.2$ ")
    assert not trace.exists()


@pytest.mark.parametrize(("key", "echo"), [("c", "^C"), ("z", "^Z"), ("\\", "^\\")])
def test_control_keys_are_echoed_and_drop_the_line(shell: "pexpect.spawn[str]", key: str, echo: str) -> None:
    shell.send("half a li")
    shell.expect_exact("half a li")
    shell.sendcontrol(key)
    shell.expect_exact(echo)
    shell.expect_exact("sh-5.2$ ")
    shell.sendline("whoami")
    shell.expect_exact("ssm-user")


def test_backspace_takes_the_last_character_back_whatever_its_width(shell: "pexpect.spawn[str]") -> None:
    shell.send("whoami결\x7f")
    shell.expect_exact("\r\x1b[Ksh-5.2$ whoami")
    shell.sendline("")
    shell.expect_exact("ssm-user")


def test_arrow_keys_do_not_get_into_the_line(shell: "pexpect.spawn[str]") -> None:
    shell.send("who\x1b[A\x1b[3~ami")
    shell.sendline("")
    shell.expect_exact("ssm-user")


@pytest.mark.parametrize("way", ["exit\r", "logout\r", "\x04"])
def test_exit_and_control_d_end_the_session(shell: "pexpect.spawn[str]", aws_demo: DemoAws, way: str) -> None:
    shell.send(way)
    (session,) = aws_demo.sessions()
    assert ended(shell).endswith(f"\n\nExiting session with sessionId: {session.id}.\n\n")
    assert not aws_demo.sessions()[0].is_active


def test_control_d_after_typing_does_not_end_the_session(shell: "pexpect.spawn[str]") -> None:
    shell.send("who\x04ami\r")
    shell.expect_exact("ssm-user")


def test_the_terminal_is_put_back_as_it_was(plugin_command: PluginCommand) -> None:
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    with subprocess.Popen(plugin_command(), stdin=slave, stdout=slave, start_new_session=True) as child:
        seen = b""
        while b"sh-5.2$ " not in seen:
            seen += os.read(master, 4096)
        os.write(master, b"exit\n")
        assert child.wait(timeout=LIMIT_SECONDS) == 0
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


def test_input_at_its_end_is_an_error_and_leaves_the_session_open(
    plugin_command: PluginCommand, aws_demo: DemoAws
) -> None:
    done = subprocess.run(plugin_command(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("Cannot perform start session: EOF\n")
    assert aws_demo.sessions()[0].is_active


def test_a_windows_node_has_a_powershell_prompt(plugin_command: PluginCommand, aws_demo: DemoAws) -> None:
    (node,) = aws_demo.add_instances("us-east-1", 1, platform="Windows", computer_name="WIN-1")
    child = terminal(plugin_command(node))
    child.expect_exact("PS C:\\> ")
    child.sendline("whoami")
    child.expect_exact("WIN-1\\ssm-user")
    child.close(force=True)


def test_a_hostile_name_is_spelled_out(plugin_command: PluginCommand, aws_demo: DemoAws) -> None:
    (node,) = aws_demo.add_instances("us-east-1", 1, name="a\x1b[31mb\nc")
    done = subprocess.run(plugin_command(node), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    assert "a\\x1b[31mb\\nc" in done.stdout
    assert "\x1b" not in done.stdout


def test_an_interactive_command_other_than_a_shell_is_not_run(plugin_command: PluginCommand, aws_demo: DemoAws) -> None:
    command = plugin_command(DocumentName="AWS-StartInteractiveCommand", Parameters={"command": ["top -d 1"]})
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    assert "demo: top -d 1: not run\n" in done.stdout
    assert "Exiting session with sessionId" in done.stdout
    assert not aws_demo.sessions()[0].is_active
