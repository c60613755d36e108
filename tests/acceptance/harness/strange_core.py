"""A core system over HTTP that answers what a test tells it, word by word."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.acceptance.harness.applications import MUNICIPALITY
from tests.acceptance.harness.landscape import RETRY


class StrangeCore:
    """One server for several destinations.

    Attributes:
        url: Where it listens.
        answers: By destination: status, headers and body of the next answers, the last for good.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, list[tuple[int, Mapping[str, str], bytes]]] = {}

    def destination(self, name: str) -> dict[str, Any]:
        """Return its section of a configuration."""
        return {
            "municipality": MUNICIPALITY,
            "adapter": "http",
            "idempotency": "native",
            "retry": RETRY,
            "config": {
                "url": f"{self.url}/{name}",
                "health_url": f"{self.url}/health",
                "reference_pointer": "/reference",
                "error_code_pointer": "/code",
                "error_field_pointer": "/pointer",
            },
        }

    async def answer(self, request: web.Request) -> web.Response:
        """Answer as told."""
        await request.read()
        answers = self.answers[request.match_info["name"]]
        status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
        return web.Response(status=status, headers=headers, body=body)


@asynccontextmanager
async def strange_core() -> AsyncIterator[StrangeCore]:
    """Run one."""
    app = web.Application()
    runner = web.AppRunner(app)
    core = StrangeCore("")

    async def well(_request: web.Request) -> web.Response:
        return web.Response()

    app.router.add_get("/health", well)
    app.router.add_post("/{name}", core.answer)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    core.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield core
    finally:
        await runner.cleanup()
