"""`doctor TARGET` over real calls: a container by what ECS says of it, a database and a cache by their VPC."""

from pathlib import Path

import pytest

from ec2menu.commands.doctor import run_doctor
from ec2menu.demo import ecs_tables, elasticache_tables, rds_tables
from ec2menu.demo.ecs_tables import TaskSpec
from ec2menu.demo.server import DemoAws
from ec2menu.errors import ExitStatus
from tests.cloud.identities import aws_as
from tests.fakes.plugin import install_plugin
from tests.store_world import REGION, add_jump_host
from tests.unit.desk import context_at, sit_down


@pytest.fixture(autouse=True)
def _programs(aws_demo: DemoAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{install_plugin(tmp_path / 'bin').parent}:/usr/bin:/bin")


def examine(folder: Path, target: str) -> tuple[list[str], int]:
    """Return the lines about the target, its verdict first, and the status."""
    desk = sit_down()
    status = run_doctor(context_at(desk, aws_as(), folder), target)
    lines = desk.data.splitlines()
    first = next(number for number, line in enumerate(lines) if " target: " in line)
    return lines[first:], status


def add_task(**spec: object) -> None:
    ecs_tables.add_cluster(REGION, "shop")
    ecs_tables.add_service(REGION, "shop", "web", spec=TaskSpec(**spec), tasks=1)  # type: ignore[arg-type]  # of its fields


def test_a_container_that_exec_can_enter_is_fine(tmp_path: Path) -> None:
    add_task()
    (line,), status = examine(tmp_path, "app")
    assert line.startswith("ok   target: app (web, task ")
    assert line.endswith(" in shop): exec ready")
    assert status == ExitStatus.DONE


def test_a_container_that_exec_may_fail_in_says_why_and_what_to_do(tmp_path: Path) -> None:
    add_task(read_only_root=True)
    (line, why, fix), status = examine(tmp_path, "app")
    assert line.endswith(" in shop): exec may fail")
    assert why.startswith("     its root file system is read-only")
    assert fix.startswith("     set readonlyRootFilesystem to false")
    assert status == ExitStatus.DONE


def test_a_container_that_exec_cannot_enter_fails_with_the_fix(tmp_path: Path) -> None:
    add_task(exec_enabled=False)
    (line, fix), status = examine(tmp_path, "app")
    assert line.startswith("FAIL target: cannot connect to app (web, task ")
    assert line.endswith("ECS Exec is not enabled on its task")
    assert "--enable-execute-command" in fix
    assert status == ExitStatus.TARGET_FAILED


def test_a_database_and_a_cache_go_by_the_jump_host_of_their_vpc(aws_demo: DemoAws, tmp_path: Path) -> None:
    jump = add_jump_host(aws_demo)
    rds_tables.add_cluster(REGION, "orders")
    elasticache_tables.add_cache_cluster(REGION, "sessions", engine="redis")
    for target, port in (("orders:writer", 5432), ("orders-2", 5432), ("sessions", 6379)):
        (line,), status = examine(tmp_path, target)
        assert line.startswith(f"ok   target: {target}")
        assert line.endswith(f".amazonaws.com:{port} via jump-1 ({jump})")
        assert status == ExitStatus.DONE


def test_a_cache_in_a_vpc_without_a_jump_host_gets_the_diagnosis(aws_demo: DemoAws, tmp_path: Path) -> None:
    aws_demo.add_instances(REGION, 1, name="jump-1", tags={"role": "jumphost"})
    elasticache_tables.add_cache_cluster(REGION, "sessions", engine="redis")
    lines, status = examine(tmp_path, "sessions")
    assert lines[0].startswith("FAIL target: sessions")
    assert lines[1] == "     instances looked at: 1; tagged Role=jumphost: none; nearly so: 1"
    assert "its tag is role=jumphost, not Role=jumphost" in lines[2]
    assert status == ExitStatus.TARGET_FAILED
