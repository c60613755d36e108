"""Operations that read the whole log: one at a time, and while somebody waits for the answer.

They share the gateway's process and database with those who send applications.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from gateway.services.operate.refusals import OperationError

WHOLE_LOG: Final = frozenset({"audit.verify", "audit.report"})
"""Which operations these are."""

_LOOK_S: Final = 0.2


class OneAtATime:
    """Runs one of them, and ends it when its caller hangs up."""

    def __init__(self) -> None:
        """Begin with none."""
        self._is_taken = False

    async def run(
        self,
        request: web.Request,
        work: Callable[[], Awaitable[object]],
        look: Callable[[], Awaitable[None]] | None = None,
    ) -> object:
        """Return what ``work`` does, and ``look`` meanwhile again and again.

        Nothing is known from it to a caller who is gone: the entry that the log was read is
        written before the answer.

        Raises:
            OperationError: Another one runs, or nobody waits any more.
        """
        if self._is_taken:
            raise OperationError("the whole log is being read already; ask when that is done")
        self._is_taken = True
        task = asyncio.ensure_future(work())
        try:
            while not (await asyncio.wait({task}, timeout=_LOOK_S))[0]:
                if request.transport is None or request.transport.is_closing():
                    raise OperationError("nobody waits for the answer any more")
                if look is not None:
                    await look()
            return task.result()
        finally:
            task.cancel()
            await asyncio.wait({task})
            self._is_taken = False
