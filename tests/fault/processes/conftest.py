"""A production footing for each file of this folder: its tests end its processes themselves."""

from collections.abc import Iterator

import pytest

from gateway.testing.postgres import PostgresNode
from gateway.testing.rabbitmq import RabbitNode
from tests.fault.processes.cutter import Cutter
from tests.fault.processes.footing import Footing
from tests.fault.processes.standing import Standing, build_production


@pytest.fixture(scope="module")
def cutter(postgres_node: PostgresNode) -> Iterator[Cutter]:
    """The way from the gateway to PostgreSQL."""
    with Cutter(postgres_node.port) as cutter:
        yield cutter


@pytest.fixture(scope="module")
def standing(
    rabbit_node: RabbitNode,
    postgres_node: PostgresNode,
    cutter: Cutter,
    tmp_path_factory: pytest.TempPathFactory,
) -> Standing:
    """The file's own gateway on PostgreSQL and worker, on RabbitMQ; not started."""
    return Standing(
        lambda: build_production(
            tmp_path_factory.mktemp("steps") / "production",
            rabbit=rabbit_node,
            postgres=postgres_node,
            cutter=cutter,
        )
    )


@pytest.fixture
def production(standing: Standing) -> Iterator[Footing]:
    """The same, running, with core systems that take everything."""
    yield standing.start()
    standing.stop()
