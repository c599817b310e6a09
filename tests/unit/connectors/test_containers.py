"""Which shells are tried in a container, and what the agent's words say of one that is not there."""

from typing import Any

import pytest

from ec2menu.connectors.containers import has_not_started, is_missing, shells_of
from ec2menu.connectors.plugin import Ending, Verdict, read_ending
from ec2menu.models import Container

SID = "ecs-execute-command-0123456789abcdef0"
# As the plugin prints what the agent in a container says.
NO_BASH = (
    f"\nStarting session with SessionId: {SID}\n\n\nSessionId: {SID} : \n----------ERROR-------\n"
    "Unable to start command: Failed to start pty: fork/exec /bin/bash: no such file or directory\n\n"
)


def container(**members: Any) -> Container:
    return Container(id="c/t/app", region="r", cluster="c", task_id="t", name="app", **members)


def refusal(detail: str, ending: Ending = Ending.BY_SERVICE) -> Verdict:
    return Verdict(ending=ending, detail=detail)


@pytest.mark.parametrize(
    ("is_windows", "shells"), [(False, ("/bin/bash", "/bin/sh")), (True, ("powershell.exe", "cmd.exe"))]
)
def test_the_better_shell_is_tried_first(is_windows: bool, shells: tuple[str, ...]) -> None:
    assert shells_of(container(is_windows=is_windows), can_hear=True) == shells


def test_where_a_failure_cannot_be_heard_there_is_one_try_that_fits_all() -> None:
    (linux,) = shells_of(container(), can_hear=False)
    assert linux.startswith("/bin/sh -c 'if command -v bash ")
    assert shells_of(container(is_windows=True), can_hear=False) == ("cmd.exe",)


def test_the_agent_s_own_words_mean_that_the_shell_is_missing() -> None:
    verdict = read_ending(NO_BASH, SID, status=0)
    assert verdict.ending is Ending.BY_SERVICE
    assert has_not_started(verdict)
    assert is_missing(verdict, "/bin/bash")
    assert not is_missing(verdict, "/bin/sh")


@pytest.mark.parametrize(
    ("detail", "shell"),
    [
        ('Unable to start command: Failed to start pty: exec: "bash": executable file not found in $PATH', "bash -l"),
        ('exec: "powershell.exe": executable file not found in %PATH%', "powershell.exe"),
        ("Unable to start command: PowerShell.exe: The system cannot find the file specified.", "powershell.exe"),
    ],
)
def test_other_words_for_a_missing_shell_are_known(detail: str, shell: str) -> None:
    assert has_not_started(refusal(detail))
    assert is_missing(refusal(detail), shell)


@pytest.mark.parametrize(
    "detail",
    [
        "Unable to start command: Failed to start pty: fork/exec /bin/bash: permission denied",
        "Unable to start command: Failed to start pty: open /dev/ptmx: no such file or directory",
    ],
)
def test_a_shell_that_did_not_start_for_another_reason_is_not_called_missing(detail: str) -> None:
    assert has_not_started(refusal(detail))
    assert not is_missing(refusal(detail), "/bin/bash")


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(ending=Ending.NORMAL),
        refusal("Your session has been terminated."),
        refusal("/bin/bash: no such file or directory", Ending.FAILED),  # words of the plugin's own start
        refusal("/bin/bash: no such file or directory", Ending.NORMAL),
        Verdict(ending=Ending.TIMED_OUT, detail="it was idle too long"),
    ],
)
def test_a_session_that_did_start_is_not_opened_again(verdict: Verdict) -> None:
    assert not has_not_started(verdict)
    assert not is_missing(verdict, "/bin/bash")
