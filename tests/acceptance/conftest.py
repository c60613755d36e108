"""What acceptance and fault tests start, and that all of it has ended afterwards."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.testing.postgres import PostgresNode
from gateway.testing.rabbitmq import RabbitNode
from tests.acceptance.harness import processes
from tests.acceptance.harness.landscape import Landscape
from tests.acceptance.harness.production import Production


@pytest.fixture(scope="session", autouse=True)
def nothing_left_running() -> Iterator[None]:
    """Fail the last test of the session if a process it started lives on."""
    yield
    left = [process.args for process in processes.started if process.poll() is None]
    assert left == []


@pytest.fixture
def landscape(tmp_path: Path) -> Iterator[Landscape]:
    """Four core systems of this test's own."""
    running = Landscape.start(tmp_path / "cores")
    yield running
    running.stop()


@pytest.fixture
def own_rabbit(rabbit_node: RabbitNode) -> Iterator[RabbitNode]:
    """The node, running again whatever the test did to it; a virtual host a test is enough."""
    yield rabbit_node
    if rabbit_node.is_running:
        rabbit_node.resume()
    else:
        rabbit_node.restart()


@pytest.fixture
def production(
    tmp_path: Path, own_rabbit: RabbitNode, postgres_node: PostgresNode
) -> Iterator[Callable[..., Production]]:
    """Return a function that sets a production footing up; all its processes end with the test."""
    made: list[Production] = []

    def set_up(destinations: Mapping[str, Any], **more: Any) -> Production:
        made.append(
            Production(
                # Short: the path of the socket in it may have 107 bytes (unix(7)).
                tmp_path / f"p{len(made)}",
                destinations,
                rabbit=own_rabbit,
                journal=postgres_node.database(),
                **more,
            )
        )
        return made[-1]

    yield set_up
    for each in made:
        each.kill()
