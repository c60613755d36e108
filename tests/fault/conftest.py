"""The same fixtures as the acceptance tests, and what is printed at the end of the session."""

from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import landscape, own_rabbit, production

__all__ = ["landscape", "own_rabbit", "production"]


@pytest.fixture(scope="session")
def report() -> Iterator[list[str]]:
    """Lines to print when all is done, also when nothing failed."""
    lines: list[str] = []
    yield lines
    if lines:
        print("\n" + "\n".join(lines))
