"""Nodes that the contract suites run against; one of each for the whole run."""

from collections.abc import Iterator

import pytest

from gateway.testing.rabbitmq import RabbitNode


@pytest.fixture(scope="session")
def rabbit_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode]:
    node = RabbitNode.start(tmp_path_factory.mktemp("rabbitmq"))
    yield node
    node.stop()
