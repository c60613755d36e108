"""The operations API of a gateway in this process, where everybody is one person: for tests."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from aiohttp import web

from gateway.bootstrap.gateway import Gateway
from gateway.domain.account import Person, Role
from gateway.drivers.system_clock import SystemClock
from gateway.http.ops.caller import Caller
from gateway.http.ops.door import OperationsAPI, add_operations_api
from gateway.http.protocol import FrontRunner, naming_its_route
from gateway.services.accept import Refusal
from gateway.services.operate.by_name import operations
from gateway.services.operate.guard import Guard

CSRF = "of-a-test"
NOBODY = "X-Nobody"
AS_A_BROWSER = "X-Browser"
"""Headers with which a test is nobody, or has a browser's session instead of a token."""


@asynccontextmanager
async def operations_site(
    gateway: Gateway, *, roles: Collection[Role] = tuple(Role), name: str = "hanako", port: int = 0
) -> AsyncIterator[str]:
    """Serve the operations API on loopback, where everybody is one person with these roles.

    Yields:
        Its address, ``http://127.0.0.1:PORT/ops/v1``.
    """
    person = Person(name, frozenset(roles))

    async def identify(request: web.Request) -> Caller | Refusal:
        if NOBODY in request.headers:
            return Refusal(status=401, code="operator.unauthenticated")
        return Caller(person, CSRF if AS_A_BROWSER in request.headers else None)

    app = web.Application(middlewares=[naming_its_route])
    guard = Guard(
        operations(gateway.operate),
        journal=gateway.journal,
        clock=SystemClock(),
        denials=gateway.denials,
    )
    add_operations_api(app, OperationsAPI(guard=guard, identify=identify))
    runner = FrontRunner(app, shutdown_timeout_s=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/ops/v1"
    finally:
        await runner.cleanup()
