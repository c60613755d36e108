"""Load that goes on while things are killed: paced, bounded, and remembered."""

import asyncio
import random
from collections.abc import Sequence
from typing import Final

from tests.acceptance.harness.applications import PROCEDURES, body
from tests.acceptance.harness.front import Front, Sent

_SENDERS: Final = 4
_LONGEST_PAUSE_S: Final = 0.15


class Load:
    """Several senders that go on until told to stop, or until the bound is reached.

    Attributes:
        sent: Every application, accepted by the time ``run`` returns.
    """

    def __init__(self, front: Front, *, most: int, seed: int) -> None:
        self._front = front
        self._most = most
        self._random = random.Random(seed)  # noqa: S311 - a rehearsal, not a secret
        self._stop = asyncio.Event()
        self.sent: list[Sent] = []

    def stop(self) -> None:
        """Let each sender finish what it has begun."""
        self._stop.set()

    async def run(self, procedures: Sequence[str] = PROCEDURES) -> None:
        """Send; return when every application that was begun has its 202."""
        async with asyncio.TaskGroup() as senders:
            for _ in range(_SENDERS):
                senders.create_task(self._send(procedures))

    async def _send(self, procedures: Sequence[str]) -> None:
        while not self._stop.is_set() and len(self.sent) < self._most:
            sent = Sent(body(procedures[len(self.sent) % len(procedures)]))
            self.sent.append(sent)
            await self._front.submit(sent)
            await asyncio.sleep(self._random.uniform(0, _LONGEST_PAUSE_S))
