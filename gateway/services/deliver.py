"""Carry copies from a destination's queue into its core system: the worker."""

import asyncio
from collections import OrderedDict
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, assert_never

import structlog

from gateway.crypto.seal import Opener
from gateway.crypto.sign import Signer, Verifier
from gateway.domain.claim import Claim, ClaimAnswer, Verdict
from gateway.domain.errors import (
    ConfigError,
    PermanentError,
    SealInvalidError,
)
from gateway.domain.identifiers import CopyId, DestinationName
from gateway.domain.outcome import CopyRefused, Outcome, OutcomeKind
from gateway.ports.broker import Broker, Received, destination_queue
from gateway.ports.clock import Clock
from gateway.sdk import (
    Context,
    Delivery,
    Destination,
    GivesFeedback,
    Idempotency,
    LooksUp,
)
from gateway.services.carry_feedback import CarryFeedback
from gateway.services.delivery_settings import DeliverySettings
from gateway.services.stages.claim import ClaimDesk
from gateway.services.stages.open import open_copy
from gateway.services.stages.report import report
from gateway.services.stages.send import Result, look_up, send
from gateway.services.stages.verify import VerifiedCopy, verify
from gateway.services.wire import (
    KIND_HEADER,
    OUTCOME_CODEC,
    OUTCOME_TYPE,
    REFUSED_CODEC,
    REFUSED_TYPE,
)
from gateway.services.worker_health import WorkerHealth

log = structlog.get_logger()

_COPIES_REMEMBERED: Final = 10_000
_FRESH_S: Final = 10.0
"""How long an answer to a claim may be under way: twice as long as is waited for one."""


class Deliver:
    """One destination's worker."""

    def __init__(
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
    ) -> None:
        """Keep what it works with; opens nothing."""
        self._settings = settings
        self._context = context
        self._adapter = adapter
        self._broker = broker
        self._opener = opener
        self._signer = signer
        self._verifier = verifier
        self._clock = clock
        self._desk = ClaimDesk(broker=broker, signer=signer, verifier=verifier)
        self._in_hand: dict[CopyId, asyncio.Future[None]] = {}
        self._opened: OrderedDict[CopyId, None] = OrderedDict()
        self._health = WorkerHealth(
            settings=settings,
            context=context,
            broker=broker,
            signer=signer,
            clock=clock,
            in_flight=lambda: len(self._in_hand),
        )
        self._feedback = CarryFeedback(settings=settings, broker=broker, signer=signer, clock=clock)

    @property
    def destination(self) -> DestinationName:
        """The destination's configured name."""
        return self._settings.destination

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop`` is set, then finish what is in hand.

        What is still in hand when the caller cancels goes back to the broker, and
        whoever gets it next finds out what became of it.

        Raises:
            ConfigError: The adapter cannot work as configured.
        """
        try:
            if not await self._health.open(self._adapter, stop):
                return
            async with asyncio.TaskGroup() as tasks:
                services = [
                    tasks.create_task(self._desk.run()),
                    tasks.create_task(self._health.beat()),
                    tasks.create_task(self._health.check_for_ever(self._adapter)),
                ]
                if isinstance(self._adapter, GivesFeedback):
                    services.append(tasks.create_task(self._feedback.run(self._adapter)))
                await self._consume(stop)
                for service in services:
                    service.cancel()
        except BaseExceptionGroup as errors:
            raise _config_error(errors) or errors from None
        finally:
            await self._close()

    async def _close(self) -> None:
        try:
            await self._adapter.close()
        except Exception as error:  # noqa: BLE001 - it is over; nothing can be done about it
            log.warning("adapter.failed", error=type(error).__qualname__)

    async def _consume(self, stop: asyncio.Event) -> None:
        queue = destination_queue(self._settings.destination)
        stopped = asyncio.ensure_future(stop.wait())
        arriving: asyncio.Future[Received] | None = None
        try:
            async with (
                self._broker.consume(queue, prefetch=self._settings.max_in_flight) as copies,
                asyncio.TaskGroup() as tasks,
            ):
                iterator = aiter(copies)
                while not stop.is_set():
                    arriving = asyncio.ensure_future(anext(iterator))
                    await asyncio.wait({arriving, stopped}, return_when=asyncio.FIRST_COMPLETED)
                    if arriving.done():
                        tasks.create_task(self._deliver(arriving.result()))
        finally:
            stopped.cancel()
            if arriving is not None:
                arriving.cancel()

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
        earlier = self._in_hand.get(copy.copy)
        if earlier is not None:
            # The broker gave us a copy again that we still hold: after a lost connection.
            await asyncio.wait({earlier})
        else:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._in_hand[copy.copy] = done
            try:
                await self._carry(copy)
            finally:
                del self._in_hand[copy.copy]
                done.set_result(None)
        await received.ack()

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

    async def _carry(self, copy: VerifiedCopy) -> None:
        """Take a verified copy through claim, open, send and report."""
        answer, expires_at = await self._claim(copy)
        match answer.verdict:
            case Verdict.GO:
                outcome = await self._send(copy, expires_at)
            case Verdict.RESOLVE:
                since = self._clock.now() - timedelta(seconds=answer.age_s)
                outcome = await self._resolve(copy, since, expires_at)
            case Verdict.DROP | Verdict.WAIT as verdict:
                delivery_id = str(copy.envelope.delivery_id)
                log.info("copy.dropped", delivery_id=delivery_id, verdict=verdict.value)
                return
            case _:
                assert_never(answer.verdict)
        await self._report(outcome)

    async def _claim(self, copy: VerifiedCopy) -> tuple[ClaimAnswer, float]:
        """Return the answer to this copy's claim, and when it is worth nothing any more.

        A worker that was frozen with a "go" in its hands (a suspended machine, a
        blocked event loop) must not send: the gateway may have had the delivery looked
        up and given to another meanwhile. So a late answer is asked for again, as if the
        copy had been opened, and the send's deadline counts from the question, on a
        clock that only goes forward.
        """
        loop = asyncio.get_running_loop()
        claim = Claim(
            delivery_id=copy.envelope.delivery_id,
            destination=copy.envelope.destination,
            attempt=copy.attempt,
            copy=copy.copy,
            worker=self._settings.worker,
            opened=copy.copy in self._opened,
        )
        while True:
            answer, asked_at = await self._desk.ask(claim)
            if loop.time() - asked_at <= _FRESH_S:
                return answer, asked_at + self._settings.send_timeout_s
            claim = replace(claim, opened=True)

    async def _send(self, copy: VerifiedCopy, expires_at: float) -> Outcome:
        self._opened[copy.copy] = None
        if len(self._opened) > _COPIES_REMEMBERED:
            self._opened.popitem(last=False)
        opened_at = self._clock.now()
        try:
            application = open_copy(copy, self._opener)
        except SealInvalidError as error:
            result = Result(kind=OutcomeKind.REJECTED, code=error.code)
            return self._outcome(copy, result, opened_at=opened_at)
        remaining_s = expires_at - asyncio.get_running_loop().time()
        delivery = Delivery(
            idempotency_key=str(copy.envelope.delivery_id),
            attempt=copy.attempt,
            deadline=opened_at + timedelta(seconds=remaining_s),
            traceparent=copy.traceparent,
        )
        sent_at = self._clock.now()
        try:
            result = await send(
                self._adapter, application, delivery, timeout_s=remaining_s, clock=self._clock
            )
        except ConfigError as error:
            # Nothing was sent: say so before the worker stops, or it would be in doubt.
            result = Result(kind=OutcomeKind.DEFERRED, code=error.code, counted=False)
            await self._report(self._outcome(copy, result, opened_at=opened_at))
            raise
        return self._outcome(copy, result, opened_at=opened_at, sent_at=sent_at)

    async def _report(self, outcome: Outcome) -> None:
        headers = {KIND_HEADER: OUTCOME_TYPE}
        await report(self._broker, OUTCOME_CODEC.write(outcome, self._signer, headers))

    async def _resolve(self, copy: VerifiedCopy, since: datetime, expires_at: float) -> Outcome:
        """Find out what became of an attempt; resend only where doubles are ignored."""
        key_is_remembered = self._clock.now() < since + timedelta(
            seconds=self._settings.key_memory_s
        )
        match self._settings.idempotency:
            case Idempotency.NATIVE if key_is_remembered:
                return await self._send(copy, expires_at)
            case Idempotency.LOOKUP if isinstance(self._adapter, LooksUp):
                result = await look_up(
                    self._adapter,
                    str(copy.envelope.delivery_id),
                    settled_at=since + timedelta(seconds=self._settings.settle_s),
                    clock=self._clock,
                    timeout_s=self._settings.send_timeout_s,
                )
            case _:
                result = Result(kind=OutcomeKind.IN_DOUBT, code="delivery.effect_unknown")
        return self._outcome(copy, result)

    def _outcome(
        self,
        copy: VerifiedCopy,
        result: Result,
        *,
        opened_at: datetime | None = None,
        sent_at: datetime | None = None,
    ) -> Outcome:
        outcome = Outcome(
            delivery_id=copy.envelope.delivery_id,
            attempt=copy.attempt,
            copy=copy.copy,
            worker=self._settings.worker,
            kind=result.kind,
            code=result.code,
            pointer=result.pointer,
            retry_at=result.retry_at,
            counted=result.counted,
            reference=result.reference,
            defect=result.defect,
            received_at=copy.received_at,
            opened_at=opened_at,
            sent_at=sent_at,
            answered_at=self._clock.now(),
        )
        log.info(
            "delivery.attempted",
            delivery_id=str(outcome.delivery_id),
            application_id=str(copy.envelope.application_id),
            destination=self._settings.destination,
            attempt=outcome.attempt,
            outcome=outcome.kind.value,
            code=outcome.code,
        )
        return outcome


def _config_error(group: BaseExceptionGroup[BaseException]) -> ConfigError | None:
    """Return the adapter's own word among what ended its tasks, however deep it lies."""
    for error in group.exceptions:
        found = _config_error(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, ConfigError):
            return found
    return None
