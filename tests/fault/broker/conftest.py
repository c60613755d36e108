"""One RabbitMQ for all tests of this folder; each has a virtual host and lines of its own."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.testing.proxy import ProxiedLine
from gateway.testing.rabbitmq import RabbitNode
from tests.fault.broker.bridge import Bridge, until

StartBridge = Callable[..., Awaitable[Bridge]]
Events = list[MutableMapping[str, Any]]

_VHOSTS = 6


@pytest.fixture(scope="session")
def vhosts(rabbit_node: RabbitNode) -> Iterator[str]:
    """Names of virtual hosts that nobody has used, made a few at a time.

    Alone each takes a second, and each that stands makes every restart of the node longer.
    """

    def make() -> Iterator[str]:
        for first in itertools.count(step=_VHOSTS):
            names = [f"fault-{number}" for number in range(first, first + _VHOSTS)]
            rabbit_node.add_vhosts(*names)
            yield from names

    return make()


@pytest.fixture
def vhost(vhosts: Iterator[str]) -> str:
    return next(vhosts)


@pytest.fixture
def node(own_rabbit: RabbitNode) -> RabbitNode:
    """The broker, running again after the test whatever that does to it."""
    return own_rabbit


@pytest.fixture
async def bridge(tmp_path: Path, node: RabbitNode, vhost: str) -> AsyncIterator[StartBridge]:
    """Return a function that starts gateway and core systems once the queues survive a kill."""
    async with AsyncExitStack() as stack:

        async def start(
            *, vhost: str = vhost, missing: Sequence[str] = (), **options: Any
        ) -> Bridge:
            for side in ("url", "worker_url"):
                options.setdefault(side, node.url + vhost)
            folder = tmp_path / vhost
            folder.mkdir()
            bridge = await stack.enter_async_context(Bridge(folder, **options))

            def is_kept() -> bool:
                queues = set(bridge.queues).difference(missing)
                return all(node.is_on_disk(queue, vhost=vhost) for queue in queues)

            await until(is_kept, "the gateway declares no queues")
            return bridge

        yield start


@pytest.fixture
def events() -> Iterator[Events]:
    """What is logged, as it comes."""
    with capture_logs() as captured:
        yield captured


@pytest.fixture
async def line(node: RabbitNode) -> AsyncIterator[ProxiedLine]:
    """A line to the broker that the test may break."""
    line = await ProxiedLine.start(node.port)
    yield line
    await line.close()
