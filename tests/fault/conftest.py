"""Core systems that nobody kills, and what is printed at the end of the session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.harness.landscape import Landscape


@pytest.fixture
def landscape(tmp_path: Path) -> Iterator[Landscape]:
    """Four core systems of this test's own."""
    running = Landscape.start(tmp_path / "cores")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def report() -> Iterator[list[str]]:
    """Lines to print when all is done, also when nothing failed."""
    lines: list[str] = []
    yield lines
    if lines:
        print("\n" + "\n".join(lines))
