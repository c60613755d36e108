"""The operators' door of a gateway in this process, with its sign-in: for tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from gateway.bootstrap.console import add_operators_door
from gateway.bootstrap.gateway import Gateway
from gateway.http.protocol import FrontRunner, naming_its_route
from gateway.services.throttle import OF_ACCOUNT, Patience


@asynccontextmanager
async def operators_site(
    gateway: Gateway,
    *,
    stopping: asyncio.Event | None = None,
    patience: Patience = OF_ACCOUNT,
    port: int = 0,
) -> AsyncIterator[str]:
    """Serve console and operations API on loopback, as a gateway does.

    Yields:
        Its address, ``http://127.0.0.1:PORT``.
    """
    app = web.Application(middlewares=[naming_its_route])
    add_operators_door(app, gateway, stopping or asyncio.Event(), patience)
    runner = FrontRunner(app, observe=lambda _answered: None, shutdown_timeout_s=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
