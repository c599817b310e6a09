"""The command as typed: not a character of it is changed, and what may go wrong is said before."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2menu.batch.limits import MAX_COMMAND_BYTES
from ec2menu.batch.script import command_warnings, line_end_warning, lines_of, read_script, secrets_warning
from ec2menu.errors import InvalidInput


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))))
def test_lines_come_out_as_they_went_in(lines: list[str]) -> None:
    while lines and not lines[-1]:
        lines.pop()
    assert lines_of("\n".join(lines)) == tuple(lines)
    assert lines_of("\r\n".join(lines)) == tuple(lines)


def test_quotes_substitutions_and_semicolons_are_the_nodes_business() -> None:
    text = """echo "$(hostname)"; echo 'a;b' && \\\n  printf '%s\\n' "${x:-y}"\x0b\u2028"""
    assert "\n".join(lines_of(text)) == text


def test_empty_lines_at_the_end_are_no_lines() -> None:
    assert lines_of("a\n\nb\n\n\n") == ("a", "", "b")
    assert lines_of("") == ()


def test_a_script_file_is_read_whole_and_a_byte_order_mark_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "script.ps1"
    path.write_bytes("\ufeffecho 가\r\necho 2\r\n".encode())
    text = read_script(path)
    assert lines_of(text) == ("echo 가", "echo 2")
    assert "CRLF" in line_end_warning(text)
    assert line_end_warning("echo 1\n") == ""


def test_a_script_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"nothing\.sh cannot be read: No such file"):
        read_script(tmp_path / "nothing.sh")
    with pytest.raises(InvalidInput, match="cannot be read: Is a directory"):
        read_script(tmp_path)
    latin = tmp_path / "latin.sh"
    latin.write_bytes(b"echo \xe9")
    with pytest.raises(InvalidInput, match="is not UTF-8"):
        read_script(latin)
    huge = tmp_path / "huge.sh"
    huge.write_bytes(b"#" * (MAX_COMMAND_BYTES + 1))
    with pytest.raises(InvalidInput, match="too long"):
        read_script(huge)


@pytest.mark.parametrize(
    "line",
    [
        "export DB_PASSWORD=hunter2",
        "curl -H 'Authorization: Bearer abc' https://x",
        "mysql -u root -phunter2 -e 'select 1'",
        "mysql -u root -p'hunter 2'",
        "aws configure set aws_secret_access_key=abc",
        "AWS_SECRET_ACCESS_KEY=$KEY env",
        "echo AKIAIOSFODNN7EXAMPLE",
        "cat <<E\n-----BEGIN RSA PRIVATE KEY-----\nE",
        "tool --token abc",
        "git clone https://me:pw@example.com/x",
        "PGPASSWORD=x psql",
        "redis-cli -a hunter2 ping",
        '{"api_key": "abc"}',
    ],
)
def test_a_secret_in_the_command_is_warned_of(line: str) -> None:
    assert "CloudTrail keep the text of every command" in secrets_warning(line.split("\n"))


@pytest.mark.parametrize(
    "line",
    [
        "uptime",
        "cat /etc/passwd",
        'export PASSWORD="$(aws secretsmanager get-secret-value --secret-id x)"',
        "PGPASSWORD=$PW psql",
        "mysql --port 3306 -p < script.sql",
        "redis-cli -p 6379 ping",
        "curl https://example.com:8080/x@y",
        "ls -p tokens",
        "passwd --status root",
    ],
)
def test_a_command_without_a_secret_is_not(line: str) -> None:
    assert secrets_warning([line]) == ""


@pytest.mark.parametrize(
    ("line", "warning"),
    [
        ("exit 194", "exit 194 makes the SSM Agent reboot the node and run the script again (Linux)"),
        ("  exit 3010", "exit 3010 makes the SSM Agent reboot the node and run the script again (Windows)"),
        ("cd /tmp; vim x", "vim waits for a keyboard"),
        ("sudo top", "top waits for a keyboard"),
        ("tail -f /var/log/messages", "tail -f waits for a keyboard"),
        ("dmesg | less", "less waits for a keyboard"),
        ("printf '\x1b[2J'", "the command holds control characters, such as \\x1b"),
    ],
)
def test_what_would_hang_or_surprise_is_warned_of(line: str, warning: str) -> None:
    assert [each[: len(warning)] for each in command_warnings([line])] == [warning]


@pytest.mark.parametrize(
    "line", ["exit 1940", "top -b -n1", "echo vim", "lessc x", "stop it", "systemctl restart top-x"]
)
def test_a_plain_command_is_not(line: str) -> None:
    assert command_warnings([line]) == ()
