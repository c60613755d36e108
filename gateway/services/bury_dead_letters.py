"""Write down the copies that the broker gave up because they kept killing their workers."""

import asyncio
from collections.abc import Iterable
from typing import Final

import structlog

from gateway.crypto.seal import read_envelope
from gateway.crypto.sign import Purpose, Verifier
from gateway.domain.errors import (
    DeliveryNotFoundError,
    JournalUnavailableError,
    PermanentError,
)
from gateway.domain.identifiers import DestinationName
from gateway.ports.broker import Broker, Received, dead_letter_queue
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.answer_claims import refusal_entry
from gateway.services.outcome_rules import crash_loop_rule
from gateway.services.wire import read_copy_headers

log = structlog.get_logger()

_AT_ONCE: Final = 50
_RETRY_S: Final = 1.0


class BuryDeadLetters:
    """Listens on every destination's dead-letter queue."""

    def __init__(
        self,
        *,
        journal: Journal,
        broker: Broker,
        verifier: Verifier,
        destinations: Iterable[DestinationName],
        clock: Clock,
    ) -> None:
        """Keep what it works with; ``verifier`` knows the gateway's own keys."""
        self._journal = journal
        self._broker = broker
        self._verifier = verifier
        self._destinations = tuple(destinations)
        self._clock = clock

    async def run(self) -> None:
        """Record until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for destination in self._destinations:
                tasks.create_task(self._listen(destination))

    async def _listen(self, destination: DestinationName) -> None:
        queue = dead_letter_queue(destination)
        async with self._broker.consume(queue, prefetch=_AT_ONCE) as letters:
            async for letter in letters:
                await self._bury(letter, destination)

    async def _bury(self, letter: Received, destination: DestinationName) -> None:
        while True:
            try:
                await self._record(letter, destination)
            except DeliveryNotFoundError as error:
                log.warning("dead_letter.delivery_unknown", code=error.code)
            except JournalUnavailableError as error:
                log.warning("dead_letter.not_committed", code=error.code)
                await asyncio.sleep(_RETRY_S)
                continue
            await letter.ack()
            return

    async def _record(self, letter: Received, destination: DestinationName) -> None:
        try:
            headers = read_copy_headers(letter.message)
            self._verifier.verify(letter.message.body, headers.signature, Purpose.DELIVERY)
            envelope = read_envelope(letter.message.body)
        except PermanentError as error:
            log.warning("dead_letter.refused", destination=destination, code=error.code)
            refused = refusal_entry("dead-letter", error, self._clock.now())
            await self._journal.record([refused])
            return
        rule = crash_loop_rule(attempt=headers.attempt, copy=headers.copy, now=self._clock.now())
        state = await self._journal.decide(envelope.delivery_id, rule)
        log.error(
            "delivery.crash_looped",
            application_id=str(envelope.application_id),
            delivery_id=str(envelope.delivery_id),
            destination=destination,
            attempt=headers.attempt,
            state=state,
        )
