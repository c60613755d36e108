"""Count who was turned away at the door, and write it down once a second.

A flood of refusals must not become a flood of fsyncs (security model, A8): there is one
audit entry a second for each reason and client, with the number. Of people who have signed in
the first denial is written at once, by ``services.operate.guard``, and what follows within a
second counted here.
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
        self._sign_ins: Counter[tuple[str, str | None]] = Counter()
        self._operations: Counter[tuple[Actor, str]] = Counter()
        self._turn = asyncio.Lock()

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

    def count_sign_in(self, code: str, account: str | None) -> None:
        """Count one person who was not let in.

        Args:
            code: Why.
            account: Whose name was given, if there is such an account.
        """
        self._sign_ins[code, account] += 1

    def count_operation(self, actor: Actor, operation: str) -> None:
        """Count one operation that somebody who had signed in may not do.

        Args:
            actor: Who tried.
            operation: Which; one that there is.
        """
        self._operations[actor, operation] += 1

    async def run(self) -> None:
        """Write every second until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                # What is being written when the process ends is written to its end.
                await asyncio.shield(self.write())
            except JournalUnavailableError as error:
                log.warning("denials.not_recorded", code=error.code)

    async def write(self) -> None:
        """Write what was counted since the last time; keep it if that fails.

        Raises:
            JournalUnavailableError: Nothing was written.
        """
        async with self._turn:
            await self._write()

    async def _write(self) -> None:
        counted, self._counted = self._counted, Counter()
        sign_ins, self._sign_ins = self._sign_ins, Counter()
        operations, self._operations = self._operations, Counter()
        if not counted and not sign_ins and not operations:
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
        entries += [
            Entry(
                action=Action.SESSION_REFUSED,
                at=now,
                actor=Actor(ActorKind.NOBODY, "console"),
                facts={"account": account, "code": code, "count": count},
            )
            for (code, account), count in sign_ins.items()
        ]
        entries += [
            Entry(
                action=Action.OPERATION_DENIED,
                at=now,
                actor=actor,
                facts={"operation": operation, "count": count},
            )
            for (actor, operation), count in operations.items()
        ]
        try:
            await self._journal.record(entries)
        except JournalUnavailableError:
            self._operations.update(operations)
            self._counted.update(counted)
            self._sign_ins.update(sign_ins)
            raise
