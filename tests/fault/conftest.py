"""The same fixtures as the acceptance tests, and what is printed at the end of the session."""

import pytest

from tests.acceptance.conftest import (
    landscape,
    nothing_left_running,
    own_rabbit,
    production,
)

__all__ = ["landscape", "nothing_left_running", "own_rabbit", "production"]


_LINES: list[str] = []


@pytest.fixture
def report() -> list[str]:
    """Lines to show at the end of the session, whether anything failed or not."""
    return _LINES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the crash runs came to."""
    for line in _LINES:
        terminalreporter.write_line(line)
