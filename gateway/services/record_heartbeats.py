"""Keep each worker's last sign of life, and tell it on what terms it works now."""

from datetime import timedelta
from typing import Final

import structlog

from gateway.crypto.sign import Signer, Verifier
from gateway.domain.claim import Heartbeat
from gateway.domain.errors import JournalUnavailableError, PermanentError
from gateway.ports.broker import HEARTBEATS, Broker, Message
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.destinations import Destinations
from gateway.services.wire import HEARTBEAT_CODEC, TERMS_CODEC
from gateway.services.workers import WorkerRegister

log = structlog.get_logger()

_AT_ONCE: Final = 100
_MOST_AHEAD: Final = timedelta(seconds=60)


class RecordHeartbeats:
    """Listens for heartbeats; one that is forged, or from the future, is passed over."""

    def __init__(
        self,
        *,
        journal: Journal,
        broker: Broker,
        signer: Signer,
        verifier: Verifier,
        workers: WorkerRegister,
        destinations: Destinations,
        clock: Clock,
    ) -> None:
        """Keep what it works with; opens nothing."""
        self._journal = journal
        self._broker = broker
        self._signer = signer
        self._verifier = verifier
        self._workers = workers
        self._destinations = destinations
        self._clock = clock

    async def run(self) -> None:
        """Record until cancelled."""
        async with self._broker.consume(HEARTBEATS, prefetch=_AT_ONCE) as beats:
            async for received in beats:
                try:
                    beat, kid = HEARTBEAT_CODEC.read(received.message, self._verifier)
                    self._workers.require(kid, worker=beat.worker, destination=beat.destination)
                    # A replayed beat is older than the kept one; one from the future
                    # would hide a dead worker until its time comes.
                    if beat.at <= self._clock.now() + _MOST_AHEAD:
                        await self._journal.put_heartbeat(beat)
                        await self._answer(received.message, beat)
                except (PermanentError, JournalUnavailableError) as error:
                    log.warning("heartbeat.refused", code=error.code)
                except ValueError:
                    log.warning("heartbeat.refused", code="message.malformed")
                await received.ack()

    async def _answer(self, question: Message, beat: Heartbeat) -> None:
        """Tell the worker its terms, if it asks for them: earlier versions do not."""
        terms = self._destinations.terms(beat)
        if terms is not None and question.reply_to is not None:
            await self._broker.reply(question, TERMS_CODEC.write(terms, self._signer))
