"""A bench for every test of a batch."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.batch.rig import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()
