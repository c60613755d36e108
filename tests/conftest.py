"""What every test may ask for: private servers, and logging that starts afresh."""

import asyncio
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

from gateway.testing.postgres import PostgresNode
from gateway.testing.rabbitmq import RabbitNode

# On 3.11 pytest-asyncio asks for the current loop before its own, which makes one that nobody
# closes; the warning about it would fail whichever test the collector runs in.
asyncio.set_event_loop(None)

# How long an example takes is no verdict on a busy machine.
settings.register_profile("unhurried", parent=settings.default, deadline=None)
settings.load_profile("unhurried")

SERVERS = {"rabbit_node": "rabbitmq", "postgres_node": "postgres"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the servers that its fixtures start."""
    for item in items:
        for fixture, marker in SERVERS.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)


@pytest.fixture(autouse=True)
def _fresh_logging() -> Iterator[None]:
    """Undo what a test, or the code it ran, configured and bound in structlog."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(scope="session")
def rabbit_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode]:
    """A private RabbitMQ, shared by the tests of one session: use queues of your own."""
    if not RabbitNode.is_installed():
        # In CI a server that is not there is a fault of the build, not a reason to test less.
        (pytest.fail if os.environ.get("CI") else pytest.skip)("rabbitmq-server is not installed")
    node = RabbitNode.start(tmp_path_factory.mktemp("rabbitmq"))
    yield node
    node.kill()  # An orderly end of what is thrown away would be a waste of time.
    node.stop()


@pytest.fixture(scope="session")
def postgres_node() -> Iterator[PostgresNode]:
    """A private PostgreSQL, shared by the tests of one session: use a database of your own."""
    node = PostgresNode.start()
    yield node
    node.remove()
