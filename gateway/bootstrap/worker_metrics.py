"""The metrics port of a worker process, and what measures it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from gateway.bootstrap.machine import look_at_machine
from gateway.http.exposed.lost import Lost
from gateway.http.exposed.worker import Talking, Working
from gateway.http.protocol import FrontRunner
from gateway.http.worker_metrics import WorkerMetrics, worker_app
from gateway.services.deliver import Deliver
from gateway.services.measured_broker import MeasuredBroker
from gateway.services.watch_loop import WatchLoop
from gateway.settings.model import Settings

_SHUTDOWN_S = 1.0


@asynccontextmanager
async def measured(
    settings: Settings,
    workers: Sequence[Deliver],
    broker: MeasuredBroker,
    *,
    lost: Callable[[], Lost] = Lost,
) -> AsyncIterator[str | None]:
    """Serve the metrics of ``workers`` while the block runs, where the configuration says so.

    ``lost`` tells what of the process's own telling got lost.

    Yields:
        Its address, ``None`` if nothing is served.

    Raises:
        OSError: The port cannot be used.
    """
    port = settings.metrics.port
    if port is None:
        yield None
        return
    watch = WatchLoop()

    def working() -> list[Working]:
        return [
            Working(
                destination=worker.destination,
                in_flight=worker.in_flight,
                breaker=worker.breaker,
                attempts=worker.attempts,
            )
            for worker in workers
        ]

    def talking() -> Talking:
        return Talking(
            is_connected=broker.is_connected,
            published_s=broker.published_s,
            unpublished=broker.unpublished,
            answered_s=broker.answered_s,
            unanswered=broker.unanswered,
            late_s=watch.late_s,
            lost=lost(),
        )

    runner = FrontRunner(
        worker_app(WorkerMetrics(working, talking), look_at_machine(settings)),
        shutdown_timeout_s=_SHUTDOWN_S,
    )
    await runner.setup()
    watching = asyncio.create_task(watch.run())
    try:
        await web.TCPSite(runner, settings.metrics.host, port).start()
        host = settings.metrics.host
        yield f"http://{f'[{host}]' if ':' in host else host}:{runner.addresses[0][1]}"
    finally:
        watching.cancel()
        await runner.cleanup()
