"""The console of a gateway in this process, where nobody has to sign in: for tests."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from aiohttp import web

from gateway.bootstrap.gateway import Gateway
from gateway.console.page import Visit
from gateway.console.room import Rooms
from gateway.console.site import Console, add_console
from gateway.domain.account import Person, Role
from gateway.drivers.system_clock import SystemClock
from gateway.http.protocol import FrontRunner
from gateway.services.operate.by_name import operations
from gateway.services.operate.guard import Guard

_TOKEN = "of-a-test"  # noqa: S105 - opens nothing


@asynccontextmanager
async def console_site(
    gateway: Gateway,
    *,
    roles: Collection[Role] = tuple(Role),
    name: str = "hanako",
    port: int = 0,
    rooms: Rooms | None = None,
) -> AsyncIterator[str]:
    """Serve the console on loopback, where everybody is one person with these roles.

    Yields:
        Its address, ``http://127.0.0.1:PORT``.
    """
    visit = Visit(Person(name, frozenset(roles)), _TOKEN)

    async def visitor(_request: web.Request) -> Visit | None:
        return visit

    app = web.Application()
    guard = Guard(
        operations(gateway.operate),
        journal=gateway.journal,
        clock=SystemClock(),
        denials=gateway.denials,
    )
    add_console(app, Console(guard=guard, visitor=visitor, rooms=rooms or Rooms()))
    runner = FrontRunner(app, observe=lambda _answered: None, shutdown_timeout_s=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
