"""A running world, and one that a test configures."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.testing.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway that runs, and a worker that does not yet."""
    async with World.make(tmp_path) as world:
        yield world
