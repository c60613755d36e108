"""Keep each worker's last sign of life, and tell it on what terms it works now."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

import structlog

from gateway.crypto.sign import Signer, Verifier
from gateway.domain.claim import Heartbeat
from gateway.domain.errors import JournalUnavailableError, PermanentError
from gateway.domain.identifiers import WorkerName
from gateway.ports.broker import HEARTBEATS, Broker, Message
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.destinations import Destinations
from gateway.services.wire import HEARTBEAT_CODEC, TERMS_CODEC
from gateway.services.workers import WorkerRegister

log = structlog.get_logger()

_AT_ONCE: Final = 100
_FAR_OFF: Final = timedelta(seconds=30)


class RecordHeartbeats:
    """Listens for heartbeats; one that is forged is passed over, a replayed one changes nothing."""

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
        self._astray: set[WorkerName] = set()

    async def run(self) -> None:
        """Record until cancelled."""
        async with self._broker.consume(HEARTBEATS, prefetch=_AT_ONCE) as beats:
            async for received in beats:
                try:
                    beat, kid = HEARTBEAT_CODEC.read(received.message, self._verifier)
                    self._workers.require(kid, worker=beat.worker, destination=beat.destination)
                    # Clocks need not agree: who lives is told by ours. Theirs only tells a
                    # replayed beat, which is not later than the one that is kept.
                    beat = replace(beat, heard_at=self._clock.now())
                    self._compare(beat)
                    await self._journal.put_heartbeat(beat)
                    await self._answer(received.message, beat)
                except (PermanentError, JournalUnavailableError) as error:
                    log.warning("heartbeat.refused", code=error.code)
                except ValueError:
                    log.warning("heartbeat.refused", code="message.malformed")
                await received.ack()

    def _compare(self, beat: Heartbeat) -> None:
        """Say once that a worker's clock is far from ours: its times in the log are wrong."""
        if beat.heard_at is None or beat.worker in self._astray:
            return
        off = beat.at - beat.heard_at
        if abs(off) > _FAR_OFF:
            self._astray.add(beat.worker)
            log.warning("worker.clock_differs", worker=beat.worker, off_s=off.total_seconds())

    async def _answer(self, question: Message, beat: Heartbeat) -> None:
        """Tell the worker its terms, if it asks for them: earlier versions do not."""
        terms = self._destinations.terms(beat)
        if terms is not None and question.reply_to is not None:
            await self._broker.reply(question, TERMS_CODEC.write(terms, self._signer))
