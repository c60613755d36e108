"""What an open page is told while the journal does not answer."""

import asyncio
from pathlib import Path

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from gateway.console.live import stream
from gateway.console.page import Page, Visit
from gateway.console.render import Renderer
from gateway.console.room import Rooms
from gateway.domain.account import Person
from gateway.domain.errors import JournalUnavailableError
from gateway.drivers.system_clock import SystemClock
from gateway.services.operate.by_name import operations
from gateway.services.operate.guard import Guard
from gateway.testing.world import World


async def test_an_open_page_is_told_that_the_journal_is_gone_and_what_there_is_once_it_is_back(
    tmp_path: Path,
) -> None:
    gone = iter((False, True, True))

    async def part(_page: Page) -> str:
        if next(gone, False):
            raise JournalUnavailableError
        return "as it was"

    async with World.make(tmp_path) as world:
        visit = Visit(Person("hanako", frozenset()), "of-a-test")
        guard = Guard(
            operations(world.gateway.operate), journal=world.gateway.journal, clock=SystemClock()
        )

        async def still() -> Visit:
            return visit

        async def show(request: web.Request) -> web.StreamResponse:
            page = Page(
                request,
                visit,
                guard,
                Renderer(),
                still=still,
                stopping=asyncio.Event(),
                rooms=Rooms(),
            )
            return await stream(part, every_s=0.01)(page)

        app = web.Application()
        app.router.add_get("/live/x", show)
        async with (
            TestServer(app) as server,
            ClientSession() as browser,
            browser.get(server.make_url("/live/x")) as answer,
        ):
            told = [await answer.content.readuntil(b"\n\n") for _ in range(4)]

    back = b"data: as it was\n\n"
    assert told == [back, b"event: no-journal\ndata: -\n\n", b": alive\n\n", back]
