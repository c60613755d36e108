"""What becomes of a trace outside of us: a collector, and a witness at the broker."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiormq
from aiohttp import web

from gateway.testing.collector import Collected, Collector


class Collecting:
    """A collector in a thread of its own: processes that outlive a test's event loop use it."""

    def __init__(self) -> None:
        """Listen."""
        self.collector = Collector()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._in_thread(self.collector.__aenter__())

    def stop(self) -> None:
        """Listen no more."""
        self._in_thread(self.collector.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _in_thread(self, doing: Any) -> None:
        asyncio.run_coroutine_threadsafe(doing, self._loop).result(10)

    @property
    def url(self) -> str:
        """Where spans are posted."""
        return self.collector.url

    def of(self, trace_id: str) -> list[Collected]:
        """Return what came of one trace so far."""
        return [span for span in list(self.collector.spans) if span.trace_id == trace_id]


@asynccontextmanager
async def witnessed(url: str, exchange: str, queue: str) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield the headers of whatever is published for ``queue`` meanwhile."""
    connection = await aiormq.connect(url)
    seen: list[dict[str, Any]] = []

    async def take(message: aiormq.abc.DeliveredMessage) -> None:
        seen.append(dict(message.header.properties.headers or {}))

    try:
        channel = await connection.channel()
        declared = await channel.queue_declare(exclusive=True)
        assert declared.queue
        await channel.queue_bind(declared.queue, exchange, routing_key=queue)
        await channel.basic_consume(declared.queue, take, no_ack=True)
        yield seen
    finally:
        await connection.close()


@asynccontextmanager
async def endpoint(port: int) -> AsyncIterator[list[str | None]]:
    """Take webhooks meanwhile and yield their trace contexts."""
    told: list[str | None] = []

    async def take(request: web.Request) -> web.Response:
        await request.read()
        told.append(request.headers.get("traceparent"))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield told
    finally:
        await runner.cleanup()


def path_to(spans: Sequence[Collected], leaf: Collected) -> list[str]:
    """Return the names from ``leaf`` up to what came from outside."""
    known = {span.span_id: span for span in spans}
    names, span = [leaf.name], leaf
    while span.parent_id in known:
        span = known[span.parent_id]
        names.append(span.name)
    return names
