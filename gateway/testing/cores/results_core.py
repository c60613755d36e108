"""A core system that lists what it decided, in each way in which HTTP services page.

====================  ==================================================================
``GET /link``         pages by a Link header (RFC 8288)
``GET /next``         the next page's address at ``/page/next``
``GET /cursor``       the next page's cursor at ``/page/cursor``; taken as ``?after=``
``GET /all``          one page
====================  ==================================================================
"""

from collections.abc import Callable
from typing import Final

from aiohttp import web

_HOST: Final = "127.0.0.1"

Answering = Callable[[web.Request], web.StreamResponse | None]


class ResultsCore:
    """Lists its decisions in the order in which they were made.

    Attributes:
        items: The list; append to it.
        page_items: How many stand on a page.
        asked: Path and query of every request, in order.
        authorizations: Their ``Authorization``.
    """

    def __init__(self, items: list[object] | None = None, *, page_items: int = 2) -> None:
        """Begin with some decisions."""
        self.items = items or []
        self.page_items = page_items
        self.asked: list[str] = []
        self.authorizations: list[str | None] = []
        self._answering: Answering | None = None
        self._runner: web.AppRunner | None = None

    def answer_with(self, answering: Answering | None) -> None:
        """Ask ``answering`` first; ``None`` from it, or in its place, is the usual answer."""
        self._answering = answering

    async def start(self, port: int = 0) -> int:
        """Listen on loopback and return the port."""
        app = web.Application()
        app.add_routes(
            [web.get(path, self._list) for path in ("/link", "/next", "/cursor", "/all")]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOST, port).start()
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening. Idempotent."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _list(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        self.authorizations.append(request.headers.get("Authorization"))
        if self._answering is not None:
            answer = self._answering(request)
            if answer is not None:
                return answer
        if request.path == "/all":
            return web.json_response(self.items)
        begin = int(request.query.get("after", "0"))
        end = begin + self.page_items
        shown: dict[str, object] = {"items": self.items[begin:end]}
        is_last = end >= len(self.items)
        if request.path == "/link":
            # An anchor in quotes with a comma in it, and several relations.
            links = f'</help>; title="a, b"; rel=help, <?after={end}>; rel="next last"'
            return web.json_response(shown, headers={} if is_last else {"Link": links})
        names = {"/next": ("next", f"/next?after={end}"), "/cursor": ("cursor", end)}
        name, value = names[request.path]
        return web.json_response({**shown, "page": {name: None if is_last else value}})
