"""Shells in containers as a user has them: which one, waited for, told of beforehand, and the menu afterwards."""

import re
import sqlite3
import sys
from typing import Any

from ec2menu.demo import ecs_tables
from ec2menu.demo.ecs_tables import TaskSpec
from tests.terminal.harness import Robot
from tests.terminal.stage import REGION, Stage

# The ECS lists alone, without the screens before them.
MENU = f"""
import sys
from contextlib import ExitStack
from ec2menu.arguments import parse_arguments
from ec2menu.compose import build_context
from ec2menu.ui.menu import Menu
from ec2menu.ui.screens.containers import ContainerScreen

with ExitStack() as stack:
    context = build_context(parse_arguments(sys.argv[1:]), stack)
    status = Menu(context.terminal).run(ContainerScreen(context, ["{REGION}"]))
sys.exit(status)
"""
CONTAINERS = f"{REGION} containers:"
# Ends a session at once for commands that match, as the agent does where the image has no such program.
PICKY = """
case $1 in --version) exec {plugin} --version;; esac
case $AWS_SSM_START_SESSION_RESPONSE in {pattern}) ;; *) exec {plugin} "$@";; esac
id=$(printf '%s' "$AWS_SSM_START_SESSION_RESPONSE" | sed 's/.*"SessionId": "\\([^"]*\\)".*/\\1/')
case $AWS_SSM_START_SESSION_RESPONSE in *bash*) shell=/bin/bash;; *) shell=/bin/sh;; esac
printf '\\nStarting session with SessionId: %s\\n\\n\\nSessionId: %s : \\n----------ERROR-------\\n' "$id" "$id"
printf 'Unable to start command: Failed to start pty: fork/exec %s: no such file or directory\\n\\n' "$shell"
"""


def add_task(**spec: Any) -> dict[str, Any]:
    """Add a service with one task and return the task as AWS words it."""
    ecs_tables.add_cluster(REGION, "shop_prod")
    ecs_tables.add_service(REGION, "shop_prod", "web", spec=TaskSpec(**spec), tasks=1)
    (task,) = ecs_tables.tables.at(REGION).tasks["shop_prod"].values()
    return task


def open_containers(stage: Stage, *flags: str, columns: int = 160) -> Robot:
    """Start at the containers of the one task."""
    argv = [sys.executable, "-c", MENU, *flags]
    robot = Robot(argv, environment=stage.environment(), cwd=stage.folder, columns=columns)
    robot.wait_for(CONTAINERS)
    return robot


def commands(stage: Stage) -> list[str]:
    return [str(call.parameters["command"]) for call in stage.demo.calls_of("ExecuteCommand")]


def use_picky_plugin(stage: Stage, pattern: str) -> None:
    script = PICKY.format(plugin=stage.plugin, pattern=pattern)
    stage.variables["EC2MENU_PLUGIN"] = str(stage.program("picky", script))


def test_a_shell_in_a_container_is_announced_reported_and_recorded(stage: Stage) -> None:
    task = add_task()
    task_id, runtime_id = task["taskArn"].rpartition("/")[2], task["containers"][0]["runtimeId"]
    label = f"app (web, task {task_id[:8]} in shop_prod)"
    with open_containers(stage) as robot:
        robot.line("1")
        robot.wait_for(f"exec: {label} in {REGION}")
        robot.wait_for("ECS Exec ends after 20 idle minutes; if it hangs: Enter, then ~.")
        run = stage.wait_for_shell(robot)
        robot.line("exit")
        robot.wait_for(f"session with {label}: ended normally, after")
        robot.wait_for(CONTAINERS, new=True)
        robot.line("q")
        assert robot.wait_exit() == 0
    assert run.request == {"Target": f"ecs:shop_prod_{task_id}_{runtime_id}"}
    assert run.argv[1:4] == (REGION, "StartSession", "")
    assert run.argv[5] == stage.demo.endpoint_url  # SSM's, as of any session
    assert commands(stage) == ["/bin/bash"]
    (session,) = stage.sessions()
    assert session.id in run.response
    assert stage.count("TerminateSession") == 0
    with sqlite3.connect(next(path for path in stage.files() if path.name == "state.sqlite3")) as store:
        rows = store.execute("SELECT action, target, name, session_id, outcome FROM connection").fetchall()
    assert rows == [("exec", f"shop_prod/{task_id}/app", "app", session.id, "ended normally")]


def test_an_image_without_bash_gets_sh_and_one_without_either_is_told_to_be_no_fault(stage: Stage) -> None:
    add_task()
    use_picky_plugin(stage, "*bash*")
    with open_containers(stage) as robot:
        robot.line("1")
        robot.wait_for("that shell did not start; trying /bin/sh")
        stage.wait_for_shell(robot)
        robot.line("exit")
        robot.wait_for("ended normally, after")
        robot.wait_for(CONTAINERS, new=True)
        assert commands(stage) == ["/bin/bash", "/bin/sh"]
        use_picky_plugin(stage, "*")
        robot.line("1")
        robot.wait_for("ec2menu: the image of container app has no shell: it has no /bin/bash and no /bin/sh")
        robot.wait_for("hint: this is no fault, distroless images have none")
        robot.wait_for(CONTAINERS, new=True)
    assert commands(stage) == ["/bin/bash", "/bin/sh"] * 2
    assert stage.count("TerminateSession") == 0  # the service ended them itself


def test_a_windows_container_gets_powershell(stage: Stage) -> None:
    add_task(windows=True, launch_type="EC2")
    with open_containers(stage) as robot:
        robot.line("1")
        stage.wait_for_shell(robot)
    assert commands(stage) == ["powershell.exe"]


def test_a_shell_that_ends_badly_is_told_and_the_session_closed(stage: Stage) -> None:
    add_task()
    with open_containers(stage) as robot:
        before = robot.termios()
        robot.line("1")
        stage.wait_for_shell(robot)
        robot.line("die")
        robot.wait_for("the plugin died (signal 9), after")
        robot.wait_for(CONTAINERS, new=True)
        assert robot.termios() == before
    assert commands(stage) == ["/bin/bash"]  # a session that was there is not opened again
    (call,) = stage.demo.calls_of("TerminateSession")
    assert call.parameters == {"SessionId": stage.sessions()[0].id}


def test_a_read_only_container_is_tried_after_a_warning(stage: Stage) -> None:
    add_task(read_only_root=True)
    with open_containers(stage, columns=300) as robot:
        robot.line("1")
        robot.wait_for("! it may fail: its root file system is read-only")
        stage.wait_for_shell(robot)


def test_a_container_without_exec_gets_the_command_to_copy_on_one_line(stage: Stage) -> None:
    add_task(exec_enabled=False)
    with open_containers(stage) as robot:
        robot.line("1")
        robot.wait_for("ECS Exec is not enabled on its task", new=True)
        robot.wait_for(CONTAINERS, new=True)
        words = "aws ecs update-service --region us-east-1 --cluster shop_prod --service web --enable-execute-command"
        assert f"hint: {words} --force-new-deployment (" in robot.transcript
    assert commands(stage) == []


def test_an_agent_that_is_not_connected_yet_is_waited_for_with_a_countdown(stage: Stage) -> None:
    task = add_task()
    ecs_tables.cut_off(REGION, task["containers"][0]["containerArn"])
    with open_containers(stage) as robot:
        robot.line("1")
        robot.wait_for("SSM has no connection to the container's agent yet; it is tried for 15 s")
        robot.wait_for(re.compile(r"trying for 1[0-5] s more"))
        ecs_tables.tables.at(REGION).cut_off.clear()
        stage.wait_for_shell(robot)
        assert all("trying for" not in line for line in robot.lines())


def test_ctrl_c_while_the_agent_is_waited_for_goes_back_to_the_list(stage: Stage) -> None:
    task = add_task()
    ecs_tables.cut_off(REGION, task["containers"][0]["containerArn"])
    with open_containers(stage) as robot:
        robot.line("1")
        robot.wait_for(re.compile(r"trying for \d+ s more"))
        robot.control("c")
        robot.wait_for("not connected", new=True)
        robot.wait_for(CONTAINERS, new=True)
        ecs_tables.tables.at(REGION).cut_off.clear()
        robot.line("1")
        stage.wait_for_shell(robot)
    assert len(stage.sessions()) == 1


def test_refusals_end_at_the_list(stage: Stage) -> None:
    add_task()
    with open_containers(stage, columns=300) as robot:
        for fault, words in (
            ("deny", "ecs:ExecuteCommand in us-east-1 is denied"),
            ("truncate_reply", "the answer of ecs:ExecuteCommand was cut short"),
            ("throttle", "AWS keeps throttling ecs:ExecuteCommand"),
        ):
            getattr(stage.demo.faults, fault)("ExecuteCommand")
            robot.line("1")
            robot.wait_for(words, new=True)
            robot.wait_for(CONTAINERS, new=True)
            stage.demo.faults.clear()
        stage.plugin.unlink()
        robot.line("1")
        robot.wait_for("session-manager-plugin is not installed", new=True)
        robot.wait_for(CONTAINERS, new=True)
        assert "Traceback" not in robot.transcript
    assert len(commands(stage)) == 3


def test_the_demo_s_containers_have_its_toy_shell(stage: Stage) -> None:
    argv = [sys.executable, "-c", MENU, "--demo"]
    with Robot(argv, environment=stage.environment(), cwd=stage.folder, columns=120) as robot:
        robot.wait_for(f"{REGION} clusters:", seconds=60)
        for chosen, prompt in (("shop-prod", "clusters"), ("1", "services"), ("web", "services"), ("1", "tasks")):
            robot.line(chosen)
            robot.wait_for(f"{REGION} {prompt}:", new=True)
        robot.line("1")
        robot.wait_for(CONTAINERS, new=True)
        robot.line("1")
        robot.wait_for("toy shell for app", new=True)
        robot.wait_for(re.compile(r"root@\S+:/# "))
        robot.line("exit")
        robot.wait_for("ended normally, after")
        robot.wait_for(CONTAINERS, new=True)
        robot.line("2")
        robot.wait_for("the image of container envoy has no shell", new=True)
        robot.wait_for(CONTAINERS, new=True)
        robot.send("q\r")
        assert robot.wait_exit() == 0
