"""`ec2menu --demo`: a fleet in three regions and toy shells, with nothing of the user's AWS and nothing left behind."""

import sys
from pathlib import Path

from tests.terminal.harness import Robot

USERS = {
    "AWS_PROFILE": "production",
    "AWS_DEFAULT_PROFILE": "production",
    "AWS_REGION": "af-south-1",
    "AWS_DEFAULT_REGION": "af-south-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ENDPOINT_URL_EC2": "http://127.0.0.1:1",
    "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
    "AWS_SECRET_ACCESS_KEY": "real",
    "AWS_SESSION_TOKEN": "real",
    "AWS_CA_BUNDLE": "/nonexistent",
    "HTTP_PROXY": "http://127.0.0.1:1",
    "http_proxy": "http://127.0.0.1:1",
    "HTTPS_PROXY": "http://127.0.0.1:1",
    "ALL_PROXY": "http://127.0.0.1:1",
    "EC2MENU_REGION": "af-south-1",
    "EC2MENU_PROFILE": "production",
    "EC2MENU_PLUGIN": "/nonexistent",
    "EC2MENU_DEMO_ENDPOINT": "http://127.0.0.1:2",
}


def demo(folder: Path, *arguments: str) -> Robot:
    """Start the demo at a terminal, in an environment that is full of the user's own settings."""
    home = folder / "home"
    home.mkdir()
    here = {"HOME": str(home), "PATH": "/usr/bin:/bin", "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    argv = [sys.executable, "-m", "ec2menu", "--demo", *arguments]
    return Robot(argv, environment={**here, **USERS}, cwd=folder, columns=120, rows=40)


def test_the_demo_is_a_fleet_in_three_regions_with_toy_shells_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with demo(tmp_path) as robot:
        before = robot.termios()
        robot.wait_for("starting the demo")
        robot.wait_for("DEMO: a made-up fleet; nothing reaches AWS, runs anywhere or is remembered", seconds=60)
        for region, machine in (("eu-west-1", "shop-1"), ("ap-northeast-2", "결제-api-1"), ("us-east-1", "jump-a")):
            robot.wait_for("region [us-east-1]:", new=True)
            robot.line(region)
            robot.wait_for(f"{region}, list (0 back, q quit):")
            robot.line("1")
            robot.wait_for(machine)
            robot.wait_for(f"{region} ec2:", new=True)
            if region != "us-east-1":
                robot.line("0")
                robot.wait_for("q quit):", new=True)
                robot.line("0")
        robot.line("jump-a")
        robot.wait_for("with jump-a")
        robot.wait_for("us-east-1 ec2:", new=True)
        robot.line("1")
        robot.wait_for("$ ", new=True)
        robot.line("touch proof; exit")
        robot.line("exit")
        robot.wait_for("session with jump-a")
        robot.wait_for("us-east-1 ec2:", new=True)
        robot.line("q")
        assert robot.wait_exit() == 0
        assert robot.termios() == before
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_without_moto_the_demo_says_what_to_install(tmp_path: Path) -> None:
    program = "import sys; sys.modules['moto'] = None; from ec2menu.__main__ import run; run()"
    with Robot([sys.executable, "-c", program, "--demo", "ls", "ec2"], cwd=tmp_path) as robot:
        assert robot.wait_exit(seconds=60) == 2
        assert "ec2menu: the demo needs a package that is not installed: moto" in robot.transcript
        assert "pip install '.[demo]'" in robot.transcript


def test_the_demo_answers_one_line_commands_too(tmp_path: Path) -> None:
    with demo(tmp_path, "ls", "ec2", "web-1", "-o", "ids") as robot:
        assert robot.wait_exit(seconds=60) == 0
        shown = [line for line in robot.lines() if line]
    assert len(shown) == 1
    assert shown[0].startswith("i-")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
