"""Carry copies from a destination's queue into its core system: the worker."""

import asyncio
from dataclasses import replace
from datetime import datetime

import structlog

from gateway.crypto.seal import Opener
from gateway.crypto.sign import Signer, Verifier
from gateway.domain.claim import BreakerState
from gateway.domain.errors import ConfigError, PermanentError
from gateway.domain.identifiers import CopyId, DestinationName
from gateway.domain.outcome import CopyRefused
from gateway.ports.broker import Broker, Received, destination_queue
from gateway.ports.clock import Clock
from gateway.sdk import Context, Destination, GivesFeedback
from gateway.services.ask_terms import AskTerms, InHand
from gateway.services.attempts import Attempts
from gateway.services.carry_copy import CarryCopy, carried
from gateway.services.carry_feedback import CarryFeedback
from gateway.services.delivery_settings import DeliverySettings
from gateway.services.log_levels import LogLevels
from gateway.services.spans import Spans
from gateway.services.stages.claim import ClaimDesk
from gateway.services.stages.report import report
from gateway.services.stages.verify import verify
from gateway.services.wire import KIND_HEADER, REFUSED_CODEC, REFUSED_TYPE
from gateway.services.worker_gate import WorkerGate
from gateway.services.worker_health import WorkerHealth

log = structlog.get_logger()


class Deliver:
    """One destination's worker."""

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        *,
        settings: DeliverySettings,
        context: Context,
        adapter: Destination,
        broker: Broker,
        opener: Opener,
        signer: Signer,
        verifier: Verifier,
        clock: Clock,
        spans: Spans | None = None,
        levels: LogLevels | None = None,
    ) -> None:
        """Keep what it works with; opens nothing."""
        self._settings = settings
        self._adapter = adapter
        self._broker = broker
        self._signer = signer
        self._verifier = verifier
        self._clock = clock
        self._spans = spans or Spans()
        self._in_hand: dict[CopyId, asyncio.Future[None]] = {}
        self._gate = WorkerGate(
            settings=settings,
            terms=settings.terms(clock.now()),
            most_in_flight=adapter.spec.max_in_flight,
        )
        self._health = WorkerHealth(
            settings=settings, context=context, gate=self._gate, clock=clock
        )
        self._desk = ClaimDesk(broker=broker, signer=signer, verifier=verifier)
        self._carry = CarryCopy(
            settings=settings,
            broker=broker,
            opener=opener,
            signer=signer,
            clock=clock,
            desk=self._desk,
            gate=self._gate,
            spans=self._spans,
        )
        self._ask_terms = AskTerms(
            settings=settings,
            broker=broker,
            signer=signer,
            verifier=verifier,
            clock=clock,
            gate=self._gate,
            health=self._health,
            in_hand=lambda: InHand(len(self._in_hand), self._carry.unclaimed),
            levels=levels,
        )
        self._feedback = CarryFeedback(
            settings=settings, broker=broker, signer=signer, clock=clock, spans=self._spans
        )

    @property
    def destination(self) -> DestinationName:
        """The destination's configured name."""
        return self._settings.destination

    @property
    def in_flight(self) -> int:
        """How many copies are in hand."""
        return len(self._in_hand)

    @property
    def breaker(self) -> BreakerState:
        """What is let through."""
        return self._gate.breaker.state

    @property
    def attempts(self) -> Attempts:
        """What attempts came to so far."""
        return self._carry.attempts

    @property
    def spans(self) -> Spans:
        """Where it is traced."""
        return self._spans

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop`` is set, then finish what is in hand.

        What is still in hand when the caller cancels goes back to the broker, and
        whoever gets it next finds out what became of it.

        Raises:
            ConfigError: The adapter cannot work as configured.
        """
        # So that what its adapter logs says whose it is, too.
        structlog.contextvars.bind_contextvars(destination=self._settings.destination)
        try:
            async with asyncio.TaskGroup() as tasks:
                services = [
                    tasks.create_task(self._ask_terms.run()),
                    tasks.create_task(self._stop_gate(stop)),
                ]
                if await self._health.open(self._adapter, stop):
                    services.append(tasks.create_task(self._desk.run()))
                    services.append(tasks.create_task(self._health.check_for_ever(self._adapter)))
                    if isinstance(self._adapter, GivesFeedback):
                        services.append(tasks.create_task(self._feedback.run(self._adapter)))
                    await self._consume(stop)
                for service in services:
                    service.cancel()
        except BaseExceptionGroup as errors:
            raise _config_error(errors) or errors from None
        finally:
            await self._close()

    async def _stop_gate(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._gate.stop()

    async def _close(self) -> None:
        try:
            await self._adapter.close()
        except Exception as error:  # noqa: BLE001 - it is over; nothing can be done about it
            log.warning("adapter.failed", error=type(error).__qualname__)

    async def _consume(self, stop: asyncio.Event) -> None:
        """Take as many copies as the gate is wide, from the broker's queue, until stopped."""
        while not stop.is_set():
            await self._gate.until(lambda: self._gate.width > 0 or stop.is_set())
            if not stop.is_set():
                await self._take(self._gate.width)

    async def _take(self, width: int) -> None:
        """Take copies while the gate is ``width`` wide, then finish what is in hand.

        What arrives while the last ones are finished goes back to the broker. It is then
        first in the queue and is taken first, so that no copy goes back time and again
        (the queue's delivery limit counts that).
        """
        queue = destination_queue(self._settings.destination)
        moved = asyncio.ensure_future(self._gate.until(lambda: self._gate.width != width))
        try:
            async with (
                self._broker.consume(queue, prefetch=width) as copies,
                asyncio.TaskGroup() as tasks,
            ):
                iterator = aiter(copies)
                while not moved.done():
                    arriving = asyncio.ensure_future(anext(iterator))
                    try:
                        await asyncio.wait({arriving, moved}, return_when=asyncio.FIRST_COMPLETED)
                        if arriving.done():
                            tasks.create_task(self._deliver(arriving.result()))
                    finally:
                        arriving.cancel()
        finally:
            moved.cancel()

    async def _deliver(self, received: Received) -> None:
        now = self._clock.now()
        try:
            copy = verify(
                received.message,
                verifier=self._verifier,
                destination=self._settings.destination,
                municipality=self._settings.municipality,
                received_at=now,
            )
        except PermanentError as error:
            await self._refuse(error, now)
            await received.ack()
            return
        queue = destination_queue(self._settings.destination)
        span = self._spans.process_copy(queue, carried(copy), copy.traceparent, len(copy.sealed))
        copy = replace(copy, traceparent=span.context.traceparent)
        earlier = self._in_hand.get(copy.copy)
        if earlier is not None:
            # The broker gave us a copy again that we still hold: after a lost connection.
            await asyncio.wait({earlier})
            span.end()
        else:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._in_hand[copy.copy] = done
            try:
                await self._carry(copy, self._adapter)
            finally:
                del self._in_hand[copy.copy]
                done.set_result(None)
                span.end()
        settling = self._spans.settle(queue, span.context, carried(copy))
        await received.ack()
        settling.end()

    async def _refuse(self, error: PermanentError, now: datetime) -> None:
        log.error("copy.refused", destination=self._settings.destination, code=error.code)
        refused = CopyRefused(
            worker=self._settings.worker,
            destination=self._settings.destination,
            code=error.code,
            at=now,
        )
        headers = {KIND_HEADER: REFUSED_TYPE}
        await report(self._broker, REFUSED_CODEC.write(refused, self._signer, headers))


def _config_error(group: BaseExceptionGroup[BaseException]) -> ConfigError | None:
    """Return the adapter's own word among what ended its tasks, however deep it lies."""
    for error in group.exceptions:
        found = _config_error(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, ConfigError):
            return found
    return None
