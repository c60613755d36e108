"""The same fixtures as the acceptance tests, and what is printed at the end of the session."""

from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import (
    landscape,
    nothing_left_running,
    own_rabbit,
    production,
)

__all__ = ["landscape", "nothing_left_running", "own_rabbit", "production"]

_LINE = "line"


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Lines to show at the end of the session, whether anything failed or not."""
    lines: list[str] = []
    yield lines
    # They travel with the test's result, from whichever process it ran in.
    request.node.user_properties += [(_LINE, line) for line in lines]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the crash runs came to."""
    for reports in terminalreporter.stats.values():
        for each in reports:
            # A test's teardown is the last that is told of it.
            if getattr(each, "when", None) == "teardown":
                for name, line in each.user_properties:
                    if name == _LINE:
                        terminalreporter.write_line(line)
