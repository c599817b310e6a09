"""The demo's AWS for the programs that a robot user starts, and a place of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ec2menu.demo.server import DemoAws
from tests.terminal.stage import Stage


@pytest.fixture(scope="session")
def terminal_demo() -> Iterator[DemoAws]:
    with DemoAws() as started:
        yield started


@pytest.fixture
def stage(terminal_demo: DemoAws, tmp_path: Path) -> Iterator[Stage]:
    """An empty account without faults, a healthy stand-in plugin, a home without files."""
    terminal_demo.reset()
    yield Stage(demo=terminal_demo, folder=tmp_path)
    terminal_demo.reset()
