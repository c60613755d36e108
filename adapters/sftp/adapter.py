"""The sftp adapter: files into a folder of a server, result files back."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import ClassVar, Final

import structlog

from adapters.sftp.client import Line, UntrustedHostError
from adapters.sftp.config import SFTPConfig
from adapters.sftp.drop import Drop
from adapters.sftp.inbox import ResultFolder
from adapters.sftp.mapping import file_bytes, file_name, preview
from gateway.sdk import (
    AdapterSpec,
    Application,
    Context,
    Delivery,
    Feedback,
    Health,
    Idempotency,
    Receipt,
    TransientError,
)

MAX_IN_FLIGHT: Final = 8
"""OpenSSH's server lets ten channels into one connection (``MaxSessions``)."""

PRUNE_EVERY_S: Final = 24 * 3600.0
FIRST_PRUNE_S: Final = 3600.0
"""After opening: a start is no time to look through a large folder."""

log = structlog.get_logger()


class SFTPDestination:
    """Delivers one file for each application; see ``drop`` for what a cut leaves."""

    spec: ClassVar[AdapterSpec] = AdapterSpec(
        name="sftp",
        version="1.0.0",
        config=SFTPConfig,
        idempotency=Idempotency.LOOKUP,
        max_in_flight=MAX_IN_FLIGHT,
        feedback=True,
        # A lookup takes the last part away: no send can still rename it afterwards.
        settle_s=0.0,
    )

    def __init__(self, config: SFTPConfig) -> None:
        """Keep the configuration; connects to nothing."""
        self._config = config
        self._line = Line(config)
        self._drop = Drop(self._line, config)
        self._results = [ResultFolder(self._line, config, each) for each in config.results]
        self._pruning: asyncio.Task[None] | None = None
        self._prune_at = time.monotonic() + FIRST_PRUNE_S

    async def open(self, context: Context) -> None:
        """Read the credentials; the first delivery or check connects."""
        await asyncio.to_thread(self._drop.open, context.folder)
        await self._line.open()

    async def check(self) -> Health:
        """Log in and look at the folder; changes nothing."""
        try:
            await self._drop.check()
        except UntrustedHostError as error:
            return Health(ok=False, detail=error.detail)
        except TransientError as error:
            return Health(ok=False, detail=error.reason)
        return Health(ok=True)

    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        """Deliver the application's file, once for each idempotency key."""
        key = delivery.idempotency_key
        content = file_bytes(application, key, self._config)
        if delivery.dry_run:
            return Receipt(preview=preview(file_name(key, self._config), content, self._config))
        name = await self._drop.put(key, content, again=delivery.attempt > 1)
        self._prune_daily()
        return Receipt(reference=name)

    async def lookup(self, idempotency_key: str) -> Receipt | None:
        """Tell whether the file was delivered, even if it was taken away since."""
        name = await self._drop.find(idempotency_key)
        return None if name is None else Receipt(reference=name)

    async def feedback(self) -> AsyncIterator[Feedback]:
        """Yield what result files say; a file is moved away once all of it is durable."""
        if not self._results:
            await asyncio.Event().wait()  # without end, as the contract says
        while True:
            folder = min(self._results, key=lambda each: each.next_at)
            await asyncio.sleep(max(folder.next_at - time.monotonic(), 0.0))
            async for file in folder.files():
                for result in file.results:
                    yield Feedback(
                        id=result.id,
                        idempotency_key=result.key,
                        status=result.status,
                        at=result.at,
                        code=result.code,
                        reference=result.reference,
                    )

    async def close(self) -> None:
        """Wait for running deliveries, for a while, and end the connection."""
        pruning, self._pruning = self._pruning, None
        if pruning is not None:
            pruning.cancel()
            await asyncio.wait([pruning])
        await self._line.close()

    def _prune_daily(self) -> None:
        """Forget old deliveries beside the others, once a day: no delivery waits for it."""
        if time.monotonic() >= self._prune_at:
            self._prune_at = time.monotonic() + PRUNE_EVERY_S
            self._pruning = asyncio.create_task(self._prune())

    async def _prune(self) -> None:
        try:
            removed = await self._drop.prune()
        except TransientError:
            return  # tomorrow, then
        if removed:
            log.info("sftp.keys_forgotten", files=removed)
