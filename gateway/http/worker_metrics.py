"""What a worker process serves, if it is told to: that it lives, and its metrics."""

from collections.abc import Awaitable, Callable, Iterator, Sequence

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from gateway.http.exposed import machine as of_machine
from gateway.http.exposed import worker as of_worker
from gateway.http.exposed.worker import Talking, Working
from gateway.http.protocol import naming_its_route
from gateway.services.machine import Machine


class WorkerMetrics(Collector):
    """Shows the workers of one process as they are."""

    def __init__(
        self, working: Callable[[], Sequence[Working]], talking: Callable[[], Talking]
    ) -> None:
        """Keep whom to ask at a scrape."""
        self._working = working
        self._talking = talking
        self._machine = Machine()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield what is so now; prometheus_client calls it at a scrape."""
        yield from of_worker.families(self._working(), self._talking())
        yield from of_machine.families(self._machine)

    def exposition(self, machine: Machine, accept: str = "") -> tuple[bytes, str]:
        """Return everything, and the media type it is in, as ``Metrics.exposition`` does."""
        self._machine = machine
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


def worker_app(
    metrics: WorkerMetrics, machine: Callable[[], Awaitable[Machine]]
) -> web.Application:
    """Return ``/livez`` and ``/metrics``; serve it with ``FrontRunner``. It knows nobody."""

    async def live(_request: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def scrape(request: web.Request) -> web.Response:
        accept = request.headers.get("Accept", "")
        body, content_type = metrics.exposition(await machine(), accept)
        return web.Response(body=body, headers={"Content-Type": content_type})

    app = web.Application(middlewares=[naming_its_route])
    app.router.add_get("/livez", live)
    app.router.add_get("/metrics", scrape)
    return app
