"""A cluster of three nodes loses one, and then two."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.domain.lifecycle import State
from gateway.testing.cores.http_core import Mode
from gateway.testing.rabbitmq_cluster import RabbitCluster
from tests.fault.broker.bridge import Bridge, until

pytestmark = [pytest.mark.timeout(240), pytest.mark.usefixtures("rabbit_node")]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitCluster]:
    cluster = RabbitCluster.start(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.stop()


@pytest.fixture
async def parts(tmp_path: Path, cluster: RabbitCluster) -> AsyncIterator[Bridge]:
    async with Bridge(tmp_path, url=cluster.url, worker_url=cluster.url) as parts:
        await until(
            lambda: all(cluster.is_on_disk(queue) for queue in parts.queues),
            "not every node keeps every queue",
        )
        parts.start_worker()
        yield parts


async def test_all_goes_on_without_the_node_that_everybody_was_connected_to_and_with_it_again(
    cluster: RabbitCluster, parts: Bridge
) -> None:
    first = cluster.nodes[0]
    parts.core.behave(Mode.SLOW, times=8, seconds=1)
    await parts.accept(20)
    await until(lambda: parts.arrived() == 8, "the worker's hands are not full")

    first.kill()
    await parts.accept(10)

    assert await parts.books.settled() == {State.DELIVERED: 30}
    await asyncio.to_thread(first.restart)
    await parts.accept(10)
    assert await parts.books.settled() == {State.DELIVERED: 40}


async def test_without_a_majority_accepting_goes_on_and_with_it_again_everything_arrives(
    cluster: RabbitCluster, parts: Bridge
) -> None:
    killed = cluster.nodes[:2]
    parts.core.behave(Mode.SLOW, times=8, seconds=1)
    await parts.accept(20)
    await until(lambda: parts.arrived() == 8, "the worker's hands are not full")

    for node in killed:
        node.kill()
    await parts.accept(10)
    assert await parts.is_ready()
    states = await parts.books.states()
    assert states[State.PENDING] >= 10
    await asyncio.to_thread(RabbitCluster.restart, killed)

    assert await parts.books.settled() == {State.DELIVERED: 30}
