"""Sessions that are refused: by AWS, or for want of a usable plugin; one StartSession at most, never for nothing."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ec2menu.demo.faults import Faults
from ec2menu.demo.strict import USER_ARN
from tests.fakes.plugin import PLUGIN_NAME
from tests.terminal.stage import LIST_PROMPT, REGION, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A fault of AWS, and what the user reads of it."""

    fault: Callable[[Faults], None]
    words: str
    sessions: int = 0


REFUSALS = (
    Refusal(fault=lambda faults: faults.throttle("StartSession", times=9), words="throttling ssm:StartSession"),
    Refusal(fault=lambda faults: faults.fail("StartSession", 500, times=9), words="internal error"),
    Refusal(fault=lambda faults: faults.fail("StartSession", 503, times=9), words="unavailable"),
    Refusal(fault=lambda faults: faults.lose_reply("StartSession", times=9), words="cannot be reached", sessions=1),
    Refusal(
        fault=lambda faults: faults.truncate_reply("StartSession", times=9),
        words="the answer of ssm:StartSession was cut short",
        sessions=1,
    ),
    Refusal(fault=lambda faults: faults.deny("StartSession"), words="ssm:StartSession"),
)


def test_startsession_is_sent_once_whatever_becomes_of_it_and_the_menu_stays(stage: Stage) -> None:
    stage.add_instance()
    with stage.open_list() as robot:
        for position, refusal in enumerate(REFUSALS, 1):
            refusal.fault(stage.demo.faults)
            known = len(stage.sessions())
            robot.line("1")
            robot.wait_for("ec2menu: ", new=True)
            robot.wait_for(refusal.words, new=True)
            robot.wait_for(LIST_PROMPT, new=True)
            assert stage.count("StartSession") == position
            assert len(stage.sessions()) == known + refusal.sessions
            stage.demo.faults.clear()
        assert stage.runs() == ()
        robot.line("1")
        stage.wait_for_shell(robot)
        robot.line("exit")
        robot.wait_for(LIST_PROMPT, new=True)
        assert "Traceback" not in robot.transcript


def test_a_denied_session_names_the_action_and_the_identity(stage: Stage) -> None:
    stage.demo.faults.deny("StartSession")
    with stage.connect(stage.add_instance()) as robot:
        assert robot.wait_exit() == 3
        words = " ".join(robot.transcript.split())
    assert "ssm:StartSession" in words
    assert USER_ARN in words


def test_a_node_that_lost_its_connection_since_it_was_listed_is_told_with_a_hint(stage: Stage) -> None:
    node = stage.add_instance()
    with stage.open_list() as robot:
        stage.demo.set_ping(node, "ConnectionLost")
        robot.line("1")
        robot.wait_for("SSM has no connection", new=True)
        robot.wait_for("hint:", new=True)
        robot.wait_for(LIST_PROMPT, new=True)
    assert stage.count("StartSession") == 1


def test_a_node_whose_ssm_status_nobody_may_know_is_tried_and_its_refusal_is_exit_status_3(stage: Stage) -> None:
    node = stage.add_instance()
    stage.demo.faults.deny("DescribeInstanceInformation")
    stage.demo.set_ping(node, "ConnectionLost")
    with stage.connect(node) as robot:
        robot.wait_for("SSM has no connection")
        robot.wait_for("hint:")
        assert robot.wait_exit() == 3
    assert (stage.count("StartSession"), stage.runs()) == (1, ())


def test_a_node_that_is_known_to_be_offline_is_not_even_tried(stage: Stage) -> None:
    node = stage.add_instance(ping="ConnectionLost")
    with stage.connect(node) as robot:
        robot.wait_for("cannot connect to web-1")
        robot.wait_for("hint:")
        assert robot.wait_exit() == 1
    assert stage.count("StartSession") == 0


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda stage: stage.plugin.unlink(), f"{PLUGIN_NAME} is not installed"),
        (lambda stage: stage.misbehave(version="1.2.330.0"), "1.2.330.0 is too old"),
        (lambda stage: stage.plugin.write_text("#!/nowhere/python\n"), "does not run: [Errno 2] No such file"),
    ],
    ids=["missing", "too-old", "no-interpreter"],
)
def test_without_a_usable_plugin_aws_is_not_asked_and_the_install_line_is_shown(
    stage: Stage, break_it: Callable[[Stage], object], words: str
) -> None:
    break_it(stage)
    with stage.connect(stage.add_instance(), columns=300) as robot:
        robot.wait_for(words)
        robot.wait_for("hint: install it: ")
        assert robot.wait_exit() == 4
    assert stage.count("StartSession") == 0


def test_a_plugin_installed_meanwhile_is_found_without_leaving_the_menu(stage: Stage) -> None:
    stage.plugin.chmod(0o644)
    stage.add_instance()
    with stage.open_list() as robot:
        robot.line("1")
        robot.wait_for("may not", new=True)
        robot.wait_for(LIST_PROMPT, new=True)
        stage.plugin.chmod(0o755)
        robot.line("1")
        stage.wait_for_shell(robot)


def test_a_plugin_built_from_source_works_and_is_warned_of_once(stage: Stage) -> None:
    stage.misbehave(version="1.2.0.0")
    stage.add_instance()
    with stage.open_list() as robot:
        for _ in range(2):
            robot.line("1")
            run = stage.wait_for_shell(robot)
            assert run.response_from == "AWS_SSM_START_SESSION_RESPONSE"
            robot.line("exit")
            robot.wait_for(LIST_PROMPT, new=True)
        assert robot.transcript.count("was built from source") == 1


def test_an_old_plugin_that_cannot_read_the_environment_gets_the_answer_in_argv(stage: Stage) -> None:
    stage.misbehave(version="1.2.497.0")
    with stage.shell() as robot:
        run = stage.last_run()
        assert run.response_from == "argv"
        assert stage.sessions()[0].token in run.argv[0]
        robot.line("exit")
        assert robot.wait_exit() == 0


def test_a_configured_plugin_may_be_named_without_its_folder(stage: Stage) -> None:
    stage.variables["EC2MENU_PLUGIN"] = PLUGIN_NAME
    with stage.shell() as robot:
        assert stage.last_run().argv[1] == REGION
        robot.line("exit")
        assert robot.wait_exit() == 0


def test_without_stty_no_shell_is_started_because_the_plugin_needs_it(stage: Stage) -> None:
    stage.variables["PATH"] = str(stage.plugin.parent)
    with stage.connect(stage.add_instance()) as robot:
        robot.wait_for("the plugin needs the program stty")
        assert robot.wait_exit() == 4
    assert stage.count("StartSession") == 0
