"""One production footing for all the tests of this folder: they end its processes themselves."""

import os
from collections.abc import Iterator

import pytest

from gateway.testing.postgres import PostgresNode
from gateway.testing.rabbitmq import RabbitNode
from tests.fault.processes.cutter import Cutter
from tests.fault.processes.footing import Footing, make_virtual_host


@pytest.fixture(scope="session")
def cutter(postgres_node: PostgresNode) -> Iterator[Cutter]:
    """The way from the gateway to PostgreSQL."""
    with Cutter(postgres_node.port) as cutter:
        yield cutter


@pytest.fixture(scope="session")
def standing(
    rabbit_node: RabbitNode,
    postgres_node: PostgresNode,
    cutter: Cutter,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Footing]:
    """A gateway on PostgreSQL and a worker, on RabbitMQ; not started."""
    footing = Footing(
        tmp_path_factory.mktemp("steps") / "production",
        journal=postgres_node.database().replace(f":{postgres_node.port}/", f":{cutter.port}/"),
        broker=make_virtual_host(rabbit_node),
    )
    yield footing
    footing.kill()


@pytest.fixture
def production(standing: Footing) -> Iterator[Footing]:
    """The same, running, with core systems that take everything."""
    standing.reset()
    standing.start()
    return standing


# These start a broker and a database of their own: by hand, `make crash`, until they stand
# beside all the others in one run.
collect_ignore: list[str] = (
    []
    if os.environ.get("KILLS_IN_SEND")
    else ["test_poison.py", "test_production_steps.py", "test_unknown_commits.py"]
)
