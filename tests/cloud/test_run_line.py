"""`ec2menu run` and `runs` as processes: what the shell gave arrives, stdout is data only, a signal only detaches."""

import json
import signal
from pathlib import Path

import pytest

from ec2menu.batch.report import NOT_KEPT
from ec2menu.demo.commands import simulation
from ec2menu.demo.invocations import Outcome as Answer
from ec2menu.demo.nodes import CONNECTION_LOST
from ec2menu.demo.server import DemoAws
from tests.cloud.command_line import CommandLine
from tests.terminal.stage import wait_until

REGION = "us-east-1"


@pytest.fixture
def cli(aws_demo: DemoAws, tmp_path: Path) -> CommandLine:
    return CommandLine(demo=aws_demo, folder=tmp_path)


def test_a_line_of_shell_reaches_the_nodes_as_one_argument(cli: CommandLine, aws_demo: DemoAws) -> None:
    ids = aws_demo.add_instances(REGION, 2, name="web-{n}")
    command = """echo "a  b"; echo '$HOME' $(id)"""
    found = cli.run("run", "--all", "--yes", "-o", "json", "--", command)
    document = json.loads(found.out)
    assert [node["id"] for node in document["nodes"]] == ids
    assert document["command"] == [command]
    assert found.status == 0
    assert "run on 2 nodes" in found.err
    assert [record.order.commands for record in simulation().records.values()] == [(command,)]


@pytest.mark.parametrize("place", ["logs-a/p", "s3://logs-a/p/"])
def test_a_place_in_s3_may_be_written_as_a_url(cli: CommandLine, aws_demo: DemoAws, place: str) -> None:
    aws_demo.add_instances(REGION, 1)
    found = cli.run("run", "--all", "--yes", "--output-s3", place, "--", "true")
    assert "full output goes to s3://logs-a/p" in found.err
    request = aws_demo.calls_of("SendCommand")[0].parameters
    assert (request["OutputS3BucketName"], request["OutputS3KeyPrefix"].split("/")[0]) == ("logs-a", "p")


def test_words_that_look_like_flags_are_the_commands_own(cli: CommandLine, aws_demo: DemoAws) -> None:
    aws_demo.add_instances(REGION, 1)
    assert cli.run("run", "--all", "--yes", "--", "echo", "--yes", "-o", "--").status == 0
    assert [record.order.commands for record in simulation().records.values()] == [("echo --yes -o --",)]


def test_a_node_that_is_skipped_is_the_exit_status(cli: CommandLine, aws_demo: DemoAws) -> None:
    aws_demo.add_instances(REGION, 1, name="web-1")
    aws_demo.add_instances(REGION, 1, name="web-2", ping=CONNECTION_LOST)
    found = cli.run("run", "web-1", "web-2", "--yes", "--", "echo", "hello")
    assert found.status == 1
    assert "1 node succeeded · exit 0: web-1" in found.lines
    assert found.lines[-1].startswith("2 nodes: 1 succeeded · 1 skipped · took ")


def test_without_a_yes_a_script_sends_nothing(cli: CommandLine, aws_demo: DemoAws) -> None:
    aws_demo.add_instances(REGION, 1)
    found = cli.run("run", "--all", "--", "reboot")
    assert (found.out, found.status) == ("", 2)
    assert found.told == ["ec2menu: a batch asks before it runs, and here is nobody to ask", "  hint: add --yes"]
    dry = cli.run("run", "--all", "--dry-run", "-o", "json", "--", "reboot")
    assert json.loads(dry.out)["commands"][0]["document"] == "AWS-RunShellScript"
    assert dry.status == 0
    assert not aws_demo.calls_of("SendCommand")


def run_until_signalled(cli: CommandLine, number: signal.Signals, *flags: str) -> tuple[str, str, int]:
    """Run on all machines, send a signal once two scripts have started; return stdout, stderr and status."""
    running = cli.start("run", "--all", "--yes", *flags, "--", "slow")
    try:
        wait_until(lambda: sum(simulation().executions().values()) == 2, what="started scripts")
        running.send_signal(number)
        out, err = running.communicate(timeout=30)
    finally:
        running.kill()
    return out, err, running.returncode


def test_a_signal_detaches_and_runs_takes_it_up_without_sending_again(cli: CommandLine, aws_demo: DemoAws) -> None:
    ids = aws_demo.add_instances(REGION, 2, name="web-{n}")
    with simulation().lock:
        simulation().behave = lambda _node, _lines: Answer(delay_seconds=5.0, stdout="late\n")
    out, err, status = run_until_signalled(cli, signal.SIGTERM)
    assert (out, status) == ("", 128 + signal.SIGTERM)
    [listed] = json.loads(cli.run("runs", "-o", "json").out)
    assert err.splitlines()[-2:] == [
        f"! run {listed['id']} is left, and goes on at AWS where it was sent",
        f"  to go on with it: ec2menu runs {listed['id']}",
    ]
    assert (listed["state"], listed["command"], listed["targets"]) == ("detached", "slow", 2)
    found = cli.run("runs", listed["id"][:12])
    assert "2 nodes succeeded · exit 0: web-[1-2]" in found.lines
    assert "  late" in found.lines
    assert found.status == 0
    assert simulation().executions() == dict.fromkeys(ids, 1)
    assert len(aws_demo.calls_of("SendCommand")) == 1
    [ended] = json.loads(cli.run("runs", "-o", "json").out)
    assert (ended["state"], ended["counts"]) == ("finished", {"succeeded": 2})


def test_ctrl_c_where_nobody_can_be_asked_is_130_and_the_rest_can_be_sent(cli: CommandLine, aws_demo: DemoAws) -> None:
    ids = aws_demo.add_instances(REGION, 5, name="web-{n}")
    with simulation().lock:
        simulation().behave = lambda _node, _lines: Answer(delay_seconds=2.0, stdout="late\n")
    out, _, status = run_until_signalled(cli, signal.SIGINT, "--concurrency", "2")
    assert status == 130
    run_id = json.loads(cli.run("runs", "-o", "json").out)[0]["id"]
    assert out.splitlines()[-2:] == [
        f"to go on with it: ec2menu runs {run_id}",
        f"3 nodes never sent to; to send the rest: ec2menu runs {run_id} --send-rest",
    ]
    rest = [cli.start("runs", run_id, "--send-rest", "--yes", "-o", "json") for _ in range(2)]
    answers = [process.communicate(timeout=60) for process in rest]
    assert sorted(process.returncode for process in rest) in ([0, 0], [0, 1])  # the second came late, or too early
    assert any(json.loads(told)["counts"] == {"succeeded": 5} for told, _ in answers if told)
    assert simulation().executions() == dict.fromkeys(ids, 1)


def test_credentials_that_expire_half_way_detach_the_run_and_nothing_is_lost(
    cli: CommandLine, aws_demo: DemoAws
) -> None:
    ids = aws_demo.add_instances(REGION, 2, name="web-{n}")
    with simulation().lock:
        simulation().behave = lambda _node, _lines: Answer(delay_seconds=4.0, stdout="late\n")
    running = cli.start("run", "--all", "--yes", "--", "slow")
    try:
        wait_until(lambda: sum(simulation().executions().values()) == 2, what="started scripts")
        aws_demo.faults.expire_credentials()
        out, err = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 1
    assert "2 nodes unknown, still running there:" in out
    assert "expired" in err
    run_id = out.splitlines()[-1].rpartition(" ")[2]
    aws_demo.faults.clear()
    found = cli.run("runs", run_id)
    assert "2 nodes succeeded · exit 0: web-[1-2]" in found.lines
    assert simulation().executions() == dict.fromkeys(ids, 1)


def test_where_no_state_can_be_kept_it_is_told_before_anything_is_sent_and_the_output_is_there(
    cli: CommandLine, aws_demo: DemoAws, tmp_path: Path
) -> None:
    aws_demo.add_instances(REGION, 2, name="web-{n}")
    asked = cli.run("run", "--all", "--dry-run", "--", "x")
    assert "state cannot be kept" not in asked.err
    no_folder = tmp_path / "file"
    no_folder.write_text("")
    here = {"XDG_STATE_HOME": str(no_folder), "TMPDIR": str(tmp_path)}
    found = cli.run("run", "--all", "--yes", "--", "echo", "hello", **here)
    told = next(line for line in found.told if line.endswith("nobody can tell what was sent or go on with it"))
    assert told.startswith("! state cannot be kept in ")
    assert found.told.index(told) < min(index for index, line in enumerate(found.told) if line.startswith("ok "))
    assert "  hello" in found.lines
    assert found.status == 0
    assert not list(tmp_path.glob("ec2menu-*"))  # what was kept for the report went with the process


def test_a_run_that_no_journal_keeps_does_not_promise_to_be_gone_on_with(
    cli: CommandLine, aws_demo: DemoAws, tmp_path: Path
) -> None:
    aws_demo.add_instances(REGION, 1, name="web-1")
    with simulation().lock:
        simulation().behave = lambda _node, _lines: Answer(delay_seconds=600)
    (cli.home).mkdir()
    (cli.home / ".local").write_text("")
    running = cli.start("run", "--all", "--yes", "--", "slow")
    try:
        wait_until(lambda: sum(simulation().executions().values()) == 1, what="started script")
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=30)
    finally:
        running.kill()
    assert out.splitlines()[-1] == NOT_KEPT
