"""How a process ends in time, whatever hangs: a journal, a broker, who asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog

from gateway.ports.broker import Broker
from gateway.ports.journal import Journal
from gateway.ports.telemetry import Telemetry

log = structlog.get_logger()

GIVE_UP_S: Final = 8.6
"""After SIGTERM nothing that has not answered by then is waited for any longer."""

CLOSE_S: Final = 0.5
"""How long closing may take; with the end of the process it stays within ten seconds."""


async def opened(journal: Journal, stop: asyncio.Event) -> bool:
    """Open ``journal``, which may migrate for minutes; tell whether to go on.

    When ``stop`` is set meanwhile it is given up, and what it had begun is rolled back, by
    the database if not by us.

    Raises:
        JournalUnavailableError: As ``Journal.open``; and its other errors.
    """
    opening = asyncio.ensure_future(journal.open())
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({opening, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if opening.done():
            await opening
            return True
        log.info("gateway.stopped_at_start")
        return False
    finally:
        stopped.cancel()
        if not opening.done():
            opening.cancel()
            await asyncio.wait({opening}, timeout=CLOSE_S)


@asynccontextmanager
async def given_up_after(stop: asyncio.Event) -> AsyncIterator[None]:
    """Cancel the block if it goes on for ``GIVE_UP_S`` after ``stop`` is set."""
    limit = asyncio.timeout(None)

    async def watch() -> None:
        await stop.wait()
        limit.reschedule(asyncio.get_running_loop().time() + GIVE_UP_S)

    try:
        async with limit:
            watching = asyncio.create_task(watch())
            try:
                yield
            finally:
                watching.cancel()
    except TimeoutError:
        if not limit.expired():
            raise
        log.warning("gateway.stop_cut_short")


async def close(*closed: Broker | Journal | Telemetry) -> None:
    """Close all at once; what has not closed within ``CLOSE_S`` hangs up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_S), asyncio.TaskGroup() as closing:
            for each in closed:
                closing.create_task(each.close())
