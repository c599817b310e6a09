"""ECS Exec in the demo from ExecuteCommand to the plugin's last word, and what the tasks of the showcase look like."""

import json
import subprocess
import sys
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any

import pexpect
import pytest

from ec2menu.connectors.plugin import Ending, read_ending
from ec2menu.demo import ecs, ecs_tables
from ec2menu.demo.account import HOME_REGION as REGION
from ec2menu.demo.ecs_exec import command_facts
from ec2menu.demo.ecs_tables import TaskSpec
from ec2menu.demo.server import DemoAws
from tests.cloud.conftest import RESPONSE_VARIABLE, Client

LIMIT_SECONDS = 30
EITHER = "/bin/sh -c 'if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi'"
Execute = Callable[..., list[str]]


@pytest.fixture
def execute(aws_demo: DemoAws, client: Client, monkeypatch: pytest.MonkeyPatch) -> Execute:
    """`execute(command, shells=…)`: ask for a command in a new container and return the plugin's command line."""
    ecs_tables.add_cluster(REGION, "shop_prod")

    def start(command: str, **spec: Any) -> list[str]:
        (arn,) = ecs_tables.add_tasks(REGION, "shop_prod", spec=TaskSpec(**spec))
        answer = client("ecs").execute_command(cluster="shop_prod", task=arn, command=command, interactive=True)
        monkeypatch.setenv(RESPONSE_VARIABLE, json.dumps(answer["session"]))
        asked = json.dumps({"Target": aws_demo.sessions(REGION)[-1].target})
        return [
            *(sys.executable, "-m", "ec2menu.demo.plugin"),
            *(RESPONSE_VARIABLE, REGION, "StartSession", "", asked, aws_demo.endpoint_url),
        ]

    return start


def output_of(command: list[str]) -> str:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=LIMIT_SECONDS
    )
    return done.stdout


@pytest.mark.parametrize(
    ("command", "spec", "prompt", "user"),
    [
        ("/bin/bash", {}, ":/# ", "root"),
        ("/bin/sh", {"shells": {"app": ("sh",)}}, "# ", "root"),
        (EITHER, {"shells": {"app": ("sh",)}}, "# ", "root"),
        (EITHER, {}, ":/# ", "root"),
        ("powershell.exe", {"windows": True}, "PS C:\\> ", "ContainerAdministrator"),
        ("cmd.exe", {"windows": True, "launch_type": "EC2"}, "C:\\>", "ContainerAdministrator"),
    ],
)
def test_a_shell_that_the_image_has_is_opened(
    execute: Execute, aws_demo: DemoAws, command: str, spec: dict[str, Any], prompt: str, user: str
) -> None:
    argv = execute(command, **spec)
    (session,) = aws_demo.sessions(REGION)
    child = pexpect.spawn(argv[0], argv[1:], encoding="utf-8", timeout=LIMIT_SECONDS)
    child.expect_exact(f"Starting session with SessionId: {session.id}\r\n")
    child.expect_exact("Nothing typed here is executed anywhere")
    child.expect_exact(prompt)
    child.sendline("whoami")
    child.expect_exact(f"\n{user}\r\n")
    child.sendline("exit")
    child.expect_exact(f"Exiting session with sessionId: {session.id}.")
    child.expect(pexpect.EOF)
    child.close()
    assert session.target.startswith("ecs:shop_prod_")
    assert not aws_demo.sessions(REGION)[0].is_active


@pytest.mark.parametrize(
    ("command", "spec", "complaint"),
    [
        ("/bin/bash", {"shells": {"app": ("sh",)}}, "fork/exec /bin/bash: no such file or directory"),
        ("/bin/sh", {"shells": {"app": ()}}, "fork/exec /bin/sh: no such file or directory"),
        ("bash", {"shells": {"app": ()}}, 'exec: "bash": executable file not found in $PATH'),
        ("ls -l", {"shells": {"app": ()}}, 'exec: "ls": executable file not found in $PATH'),
        (EITHER, {"shells": {"app": ()}}, "fork/exec /bin/sh: no such file or directory"),
        (
            "powershell.exe",
            {"windows": True, "shells": {"app": ("cmd",)}},
            'exec: "powershell.exe": executable file not found in %PATH%',
        ),
    ],
)
def test_a_program_that_the_image_lacks_ends_the_session_with_the_agents_words(
    execute: Execute, aws_demo: DemoAws, command: str, spec: dict[str, Any], complaint: str
) -> None:
    text = output_of(execute(command, **spec))
    (session,) = aws_demo.sessions(REGION)
    verdict = read_ending(text, session.id, status=0)
    assert verdict.ending is Ending.BY_SERVICE
    assert verdict.detail.endswith(f"Unable to start command: Failed to start pty: {complaint}")
    assert not session.is_active


@pytest.mark.parametrize("command", ["ls -l", "/bin/sh -c 'ls -l'", "/bin/sh -c 'unclosed"])
def test_a_command_that_is_no_shell_is_not_run(execute: Execute, command: str) -> None:
    text = output_of(execute(command))
    assert f"demo: {command}: not run\n" in text
    assert "Exiting session with sessionId" in text


def test_an_empty_command_is_the_agents_complaint() -> None:
    assert command_facts("  ", ("bash",)) == {"missing": "empty command"}


# -- how tasks look ---------------------------------------------------------------------------------------------------


@pytest.fixture
def showcase(client: Client) -> list[dict[str, Any]]:
    """The running tasks of the showcase, as DescribeTasks has them."""
    ecs.seed(REGION)
    found = []
    for cluster in ("shop-prod", "payments_prod", "batch"):
        arns = client("ecs").list_tasks(cluster=cluster)["taskArns"]
        found += client("ecs").describe_tasks(cluster=cluster, tasks=arns)["tasks"]
    return found


def definition_of(client: Client, task: dict[str, Any]) -> dict[str, Any]:
    arn = task["taskDefinitionArn"]
    return dict(client("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"])


def detail(task: dict[str, Any], name: str) -> str:
    (attachment,) = task["attachments"]
    return str({each["name"]: each["value"] for each in attachment["details"]}[name])


def test_a_task_on_fargate_has_an_address_of_its_own_in_its_subnet(
    client: Client, showcase: list[dict[str, Any]]
) -> None:
    tasks = [each for each in showcase if each["launchType"] == "FARGATE" and each["lastStatus"] == "RUNNING"]
    addresses = [detail(task, "privateIPv4Address") for task in tasks]
    (subnet,) = client("ec2").describe_subnets(SubnetIds=[detail(tasks[0], "subnetId")])["Subnets"]
    assert len(set(addresses)) == len(tasks) > 5
    assert all(ip_address(address) in ip_network(subnet["CidrBlock"]) for address in addresses)
    for task, address in zip(tasks, addresses, strict=True):
        interfaces = [each for container in task["containers"] for each in container["networkInterfaces"]]
        assert {each["privateIpv4Address"] for each in interfaces} == {address}
        assert {each["attachmentId"] for each in interfaces} == {task["attachments"][0]["id"]}


def test_a_task_on_an_ec2_host_is_reached_by_ports_of_the_host(showcase: list[dict[str, Any]]) -> None:
    api = next(each for each in showcase if each["group"] == "service:api")
    (container,) = api["containers"]
    assert (api["attachments"], container["networkInterfaces"]) == ([], [])
    assert [each["containerPort"] for each in container["networkBindings"]] == [3000]


def test_a_task_that_has_not_started_has_no_address_yet(showcase: list[dict[str, Any]]) -> None:
    (pending,) = [each for each in showcase if each["lastStatus"] == "PENDING"]
    assert (pending["attachments"], pending["containers"][0]["networkInterfaces"]) == ([], [])


def test_definitions_tell_images_ports_and_the_system(client: Client, showcase: list[dict[str, Any]]) -> None:
    definitions = {each["group"]: definition_of(client, each) for each in showcase}
    app, envoy = definitions["service:web"]["containerDefinitions"]
    assert [each["containerPort"] for each in app["portMappings"]] == [8080]
    assert "distroless" in envoy["image"]
    assert definitions["service:web"]["runtimePlatform"]["operatingSystemFamily"] == "LINUX"
    assert definitions["service:invoices"]["runtimePlatform"]["operatingSystemFamily"].startswith("WINDOWS_SERVER")
    assert definitions["service:search"]["containerDefinitions"][0]["readonlyRootFilesystem"] is True
    assert app["readonlyRootFilesystem"] is False
    for task in showcase:
        images = {each["name"]: each["image"] for each in definitions[task["group"]]["containerDefinitions"]}
        assert {each["name"]: each["image"] for each in task["containers"]} == images


def test_the_showcase_has_an_image_with_sh_only_and_one_without_a_shell(showcase: list[dict[str, Any]]) -> None:
    shells = ecs_tables.tables.at(REGION).shells
    found = {shells[container["containerArn"]] for task in showcase for container in task["containers"]}
    assert found == {("bash", "sh"), ("sh",), (), ("powershell", "cmd")}


def test_a_windows_task_says_so_on_both_launch_types(client: Client) -> None:
    ecs_tables.add_cluster(REGION, "shop")
    arns = [
        ecs_tables.add_tasks(REGION, "shop", spec=TaskSpec(family=launch.lower(), launch_type=launch, windows=True))[0]
        for launch in ("FARGATE", "EC2")
    ]
    fargate, on_host = client("ecs").describe_tasks(cluster="shop", tasks=arns)["tasks"]
    assert fargate["platformFamily"].startswith("Windows")
    assert {"name": "ecs.os-type", "value": "windows"} in on_host["attributes"]
