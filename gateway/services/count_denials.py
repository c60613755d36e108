"""Count who was turned away at the door, and write it down once a second.

A flood of refusals must not become a flood of fsyncs (security model, A8): there is one
audit entry a second for each reason and client, with the number.
"""

import asyncio
from collections import Counter
from typing import Final

import structlog

from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import ClientName
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal

log = structlog.get_logger()

_EVERY_S: Final = 1.0


class CountDenials:
    """Counts by reason and, once that is known, by client."""

    def __init__(self, *, journal: Journal, clock: Clock) -> None:
        """Start with nothing counted."""
        self._journal = journal
        self._clock = clock
        self._counted: Counter[tuple[str, ClientName | None, str]] = Counter()

    def count(
        self, code: str, client: ClientName | None = None, *, door: str = "front-end"
    ) -> None:
        """Count one denial.

        Args:
            code: Its stable code.
            client: Who was denied, if it had authenticated.
            door: At which door.
        """
        self._counted[code, client, door] += 1

    async def run(self) -> None:
        """Write every second until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                await self.write()
            except JournalUnavailableError as error:
                log.warning("denials.not_recorded", code=error.code)

    async def write(self) -> None:
        """Write what was counted since the last time; keep it if that fails.

        Raises:
            JournalUnavailableError: Nothing was written.
        """
        counted, self._counted = self._counted, Counter()
        if not counted:
            return
        now = self._clock.now()
        entries = [
            Entry(
                action=Action.REQUESTS_DENIED,
                at=now,
                actor=Actor(ActorKind.NOBODY, door)
                if client is None
                else Actor(ActorKind.CLIENT, client),
                facts={"code": code, "count": count},
            )
            for (code, client, door), count in counted.items()
        ]
        try:
            await self._journal.record(entries)
        except JournalUnavailableError:
            self._counted.update(counted)
            raise
