"""Keep each worker's last sign of life, and tell it on what terms it works now."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import Final, NamedTuple

import structlog

from gateway.crypto.sign import Signer, Verifier
from gateway.domain.claim import Heartbeat, Terms
from gateway.domain.errors import JournalUnavailableError, PermanentError
from gateway.domain.identifiers import DestinationName, WorkerName
from gateway.ports.broker import HEARTBEATS, Broker, Message
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.destinations import Destinations
from gateway.services.log_levels import About, LogLevels
from gateway.services.wire import HEARTBEAT_CODEC, TERMS_CODEC
from gateway.services.workers import WorkerRegister

log = structlog.get_logger()

_AT_ONCE: Final = 100
_FAR_OFF: Final = timedelta(seconds=30)
OLD_S: Final = 15.0
"""Three heartbeats: the broker keeps none for longer, nor does what waits here say anything."""


class _Heard(NamedTuple):
    """A heartbeat that waits to be written, the question that it was, and when it was heard."""

    beat: Heartbeat
    question: Message
    at: float


class RecordHeartbeats:
    """Listens for heartbeats; one that is forged is passed over, a replayed one changes nothing.

    All are heard at once, and of each worker only the last one waits to be written; what waits
    is written together. So a slow journal makes nobody look dead, or alive, for longer than
    two commits. Who was heard and not written down before the process ended is heard again.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        *,
        journal: Journal,
        broker: Broker,
        signer: Signer,
        verifier: Verifier,
        workers: WorkerRegister,
        destinations: Destinations,
        clock: Clock,
        monotonic: Callable[[], float] = monotonic,
        levels: LogLevels | None = None,
    ) -> None:
        """Keep what it works with; opens nothing. ``monotonic`` tells how long one waited.

        ``levels`` are this process's; a destination's are handed on to its workers.
        """
        self._levels = levels
        self._journal = journal
        self._broker = broker
        self._signer = signer
        self._verifier = verifier
        self._workers = workers
        self._destinations = destinations
        self._clock = clock
        self._monotonic = monotonic
        self._waiting: dict[tuple[WorkerName, DestinationName], _Heard] = {}
        self._waits = asyncio.Event()
        self._astray: set[WorkerName] = set()

    async def run(self) -> None:
        """Record until cancelled."""
        async with (
            asyncio.TaskGroup() as writing,
            self._broker.consume(HEARTBEATS, prefetch=_AT_ONCE) as beats,
        ):
            writing.create_task(self._write())
            async for received in beats:
                self._hear(received.message)
                await received.ack()

    def _hear(self, message: Message) -> None:
        try:
            beat, kid = HEARTBEAT_CODEC.read(message, self._verifier)
            self._workers.require(kid, worker=beat.worker, destination=beat.destination)
        except PermanentError as error:
            log.warning("heartbeat.refused", code=error.code)
            return
        except ValueError:
            log.warning("heartbeat.refused", code="message.malformed")
            return
        # Clocks need not agree: who lives is told by ours. Theirs only tells a replayed
        # beat, which is not later than the one that is kept.
        beat = replace(beat, heard_at=self._clock.now())
        self._compare(beat)
        one = (beat.worker, beat.destination)
        if one not in self._waiting or self._waiting[one].beat.at < beat.at:
            self._waiting[one] = _Heard(beat, message, self._monotonic())
            self._waits.set()

    async def _write(self) -> None:
        while True:
            await self._waits.wait()
            self._waits.clear()
            heard, self._waiting = self._waiting.values(), {}
            since = self._monotonic() - OLD_S
            await asyncio.gather(*(self._keep(one) for one in heard if one.at >= since))

    async def _keep(self, heard: _Heard) -> None:
        try:
            await self._journal.put_heartbeat(heard.beat)
        except JournalUnavailableError as error:
            log.warning("heartbeat.refused", code=error.code)
        else:
            await self._answer(heard.question, heard.beat)

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
            terms = self._with_level(terms)
            await self._broker.reply(question, TERMS_CODEC.write(terms, self._signer))

    def _with_level(self, terms: Terms) -> Terms:
        for each, left_s in () if self._levels is None else self._levels.changes():
            if each.about == About(terms.destination) and left_s is not None and left_s > 0:
                return replace(terms, log_level=each.level, log_for_s=left_s)
        return terms
