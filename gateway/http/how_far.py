"""Long operations that tell how far they are: a line each time, and the answer in the last one.

For people at a terminal (``Accept: application/x-ndjson``). Every line is one JSON object:
``done`` and ``of`` (0 if that is not known), ``answer``, or ``problem``.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from aiohttp import web
from pydantic import TypeAdapter

from gateway.http.whole_log import WHOLE_LOG

LINES: Final = "application/x-ndjson"
TELLING: Final = WHOLE_LOG | {"retention.run"}
"""Which operations have the argument ``told``."""

_JSON: Final = TypeAdapter(object)
LOOK_S: Final = 0.2
"""So often it is said."""


class HowFar:
    """The lines of one answer."""

    def __init__(self) -> None:
        """Begin with nothing done."""
        self._response = web.StreamResponse(headers={"Content-Type": LINES})
        self._done = 0
        self._of = 0

    @property
    def response(self) -> web.StreamResponse:
        """What is answered."""
        return self._response

    def note(self, done: int, of: int) -> None:
        """Be told."""
        self._done, self._of = done, of

    async def begin(self, request: web.Request) -> None:
        """Answer that it has begun."""
        await self._response.prepare(request)

    async def tell(self) -> None:
        """Say how far it is, also where nothing has changed: who waits knows that we live."""
        await self._line({"done": self._done, "of": self._of})

    async def end(self, line: object) -> None:
        """Say the last line."""
        await self._line(line)

    async def _line(self, line: object) -> None:
        with suppress(ConnectionError):  # Nobody listens any more.
            await self._response.write(_JSON.dump_json(line) + b"\n")


async def looking(
    work: Callable[[], Awaitable[object]], look: Callable[[], Awaitable[None]]
) -> object:
    """Return what ``work`` does, and ``look`` meanwhile again and again."""
    task = asyncio.ensure_future(work())
    try:
        while not (await asyncio.wait({task}, timeout=LOOK_S))[0]:
            await look()
    except BaseException:
        task.cancel()
        raise
    return task.result()
