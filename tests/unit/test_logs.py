"""The debug log: private, new for each run, and without anything that opens a door."""

import logging
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ec2menu.logs import log_bug, start_debug_log
from tests.fakes.clock import START

TOKEN = "IQoJb3JpZ2luX2VjEJv" + "Ab9/" * 20


@pytest.fixture(autouse=True)
def _logger_as_it_was() -> Iterator[None]:
    logger = logging.getLogger("ec2menu")
    before, level, propagate = list(logger.handlers), logger.level, logger.propagate
    logger.handlers.clear()
    yield
    for handler in logger.handlers:
        if type(handler) is logging.StreamHandler:  # ours; pytest's own are subclasses
            handler.stream.close()
    logger.handlers[:] = before
    logger.setLevel(level)
    logger.propagate = propagate


def meet_a_bug(text: str) -> None:
    try:
        int(text)
    except ValueError:
        log_bug()


def written(tmp_path: Path, text: str) -> str:
    path = start_debug_log(tmp_path / "state", now=START)
    logging.getLogger("ec2menu.aws.session").debug("%s", text)
    return path.read_text(encoding="utf-8")


def test_the_log_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = start_debug_log(tmp_path / "state", now=START)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert re.fullmatch(r"debug-20260301-120000-\d+\.log", path.name)


def test_a_line_says_when_in_which_thread_and_from_where(tmp_path: Path) -> None:
    line = written(tmp_path, "DescribeInstances -> 200  attempts=1 request=abc")
    assert re.match(r"\d{4}-\d\d-\d\d .*MainThread ec2menu\.aws\.session DescribeInstances -> 200", line)
    assert line.endswith("attempts=1 request=abc\n")


@pytest.mark.parametrize(
    "text",
    [
        '"TokenValue": "hush-1/2=="',
        "{'TokenValue': 'hush words with blanks', 'x': 1}",
        "SessionToken=hush",
        "aws_session_token = hush",
        "aws_secret_access_key=hush",
        "SecretAccessKey: hush",
        "PGPASSWORD=hush psql",
        "MYSQL_PWD=hush mysql",
        "{'REDISCLI_AUTH': 'hush'}",
        "db.example:5432/?Action=connect&DBUser=app&X-Amz-Date=20260301&X-Amz-Signature=hush",
        '{"SecretString": "{\\"username\\":\\"app\\",\\"password\\":\\"hush\\"}"}',
        "password: 'hush \\n hush'",
        '"StreamUrl": "wss://hush.example/data-channel/x"',
        "X-Amz-Security-Token: hush",
        "https://example/?X-Amz-Security-Token=hush&x=1",
        "Authorization: AWS4-HMAC-SHA256 Credential=AKIAABCDEFGHIJKLMNOP/20260301, Signature=hush",
        "'Authorization': 'Bearer hush'",
        "key AKIAHUSHHUSHHUSHHUSH was used",
        "the token is " + TOKEN,
    ],
)
def test_what_looks_like_a_secret_never_reaches_the_file(tmp_path: Path, text: str) -> None:
    line = written(tmp_path, text)
    assert "[redacted]" in line
    assert "hush" not in line.lower()
    assert TOKEN[:30] not in line


@pytest.mark.parametrize("text", ["DescribeInstances in us-east-1", "i-0123456789abcdef0", "arn:aws:iam::123:user/x"])
def test_what_is_no_secret_stays(tmp_path: Path, text: str) -> None:
    assert text in written(tmp_path, text)


def test_a_traceback_is_written_without_its_secrets(tmp_path: Path) -> None:
    path = start_debug_log(tmp_path, now=START)
    meet_a_bug("{'TokenValue': 'hush'}")
    text = path.read_text(encoding="utf-8")
    assert "Traceback" in text
    assert "ValueError" in text
    assert "hush" not in text


def test_without_a_log_a_bug_is_printed_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    meet_a_bug("quiet")
    assert capfd.readouterr() == ("", "")


def test_a_log_that_exists_is_never_written_over(tmp_path: Path) -> None:
    start_debug_log(tmp_path, now=START)
    with pytest.raises(FileExistsError):
        start_debug_log(tmp_path, now=START)


def test_a_folder_that_cannot_be_made_raises_oserror(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        start_debug_log(tmp_path / "file" / "state", now=START)
