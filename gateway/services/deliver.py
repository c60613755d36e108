"""Carry copies from a destination's queue into its core system: the worker."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, assert_never
from uuid import UUID

import structlog

from gateway.crypto.seal import Opener
from gateway.crypto.sign import Signer, Verifier
from gateway.domain.claim import Claim, Heartbeat, Verdict
from gateway.domain.errors import (
    ConfigError,
    DestinationTransientError,
    PermanentError,
    SealInvalidError,
    TransientError,
)
from gateway.domain.identifiers import (
    CopyId,
    DeliveryId,
    DestinationName,
    MunicipalityCode,
    WorkerName,
)
from gateway.domain.outcome import CopyRefused, Outcome, OutcomeKind
from gateway.domain.records import FeedbackRecord
from gateway.ports.broker import HEARTBEATS, Broker, Received, destination_queue
from gateway.ports.clock import Clock
from gateway.sdk import (
    Context,
    Delivery,
    Destination,
    Feedback,
    FeedbackStatus,
    GivesFeedback,
    Health,
    Idempotency,
    LooksUp,
)
from gateway.services.stages.claim import ClaimDesk
from gateway.services.stages.open import open_copy
from gateway.services.stages.report import report
from gateway.services.stages.send import Result, look_up, safe_code, safe_reference, send
from gateway.services.stages.verify import VerifiedCopy, verify
from gateway.services.wire import (
    FEEDBACK_CODEC,
    FEEDBACK_TYPE,
    HEARTBEAT_CODEC,
    KIND_HEADER,
    OUTCOME_CODEC,
    OUTCOME_TYPE,
    REFUSED_CODEC,
    REFUSED_TYPE,
    is_plain,
)

log = structlog.get_logger()

HEARTBEAT_S: Final = 5.0
_CHECK_S: Final = 30.0
_OPEN_PAUSE_S: Final = 1.0
_LONGEST_OPEN_PAUSE_S: Final = 30.0
_COPIES_REMEMBERED: Final = 10_000
_LONGEST_TEXT: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """What a worker is told about its destination.

    Attributes:
        destination: Its configured name.
        municipality: Whose core system it is.
        worker: ``NAME/INSTANCE`` of this process.
        adapter: ``name version`` of the adapter, for heartbeats.
        version: The gateway's version.
        idempotency: What the core system offers against doubles.
        max_in_flight: How many copies are in hand at once, 1 to 2,000.
        send_timeout_s: Deadline of one send.
        settle_s: How long after a send a lookup's "no" proves nothing.
        key_memory_s: How long the core system remembers an idempotency key.
    """

    destination: DestinationName
    municipality: MunicipalityCode
    worker: WorkerName
    adapter: str
    version: str
    idempotency: Idempotency
    max_in_flight: int
    send_timeout_s: float
    settle_s: float
    key_memory_s: float


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
        self._health = Health(ok=False, detail="not checked yet")
        self._checked_at = clock.now()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop`` is set, then finish what is in hand.

        What is still in hand when the caller cancels goes back to the broker, and
        whoever gets it next finds out what became of it.

        Raises:
            ConfigError: The adapter cannot work as configured.
        """
        try:
            if not await self._open(stop):
                return
            async with asyncio.TaskGroup() as tasks:
                services = [
                    tasks.create_task(self._desk.run()),
                    tasks.create_task(self._beat()),
                    tasks.create_task(self._check_for_ever()),
                ]
                if isinstance(self._adapter, GivesFeedback):
                    services.append(tasks.create_task(self._carry_feedback(self._adapter)))
                await self._consume(stop)
                for service in services:
                    service.cancel()
        except BaseExceptionGroup as errors:
            raise _config_error(errors) or errors from None
        finally:
            await self._close()

    async def _open(self, stop: asyncio.Event) -> bool:
        """Open and check the adapter until the core system is there; ``False`` if stopped."""
        pause_s, is_reported, is_open = _OPEN_PAUSE_S, False, False
        while not stop.is_set():
            is_open = is_open or await self._succeeds(self._adapter.open(self._context))
            if is_open:
                await self._succeeds(self._check())
            if self._health.ok:
                log.info("destination.opened", destination=self._settings.destination)
                return True
            if not is_reported:
                is_reported = True
                log.warning(
                    "destination.not_available",
                    destination=self._settings.destination,
                    detail=self._health.detail,
                )
            await self._send_heartbeat()
            try:
                async with asyncio.timeout(pause_s):
                    await stop.wait()
            except TimeoutError:
                pause_s = min(pause_s * 2, _LONGEST_OPEN_PAUSE_S)
        return False

    async def _succeeds(self, step: Awaitable[None]) -> bool:
        """Take a step of the adapter's; what it raises is bad health, not the worker's end.

        Raises:
            ConfigError: The adapter cannot work as configured.
        """
        try:
            await step
        except ConfigError:
            raise
        except DestinationTransientError as error:
            self._note_health(Health(ok=False, detail=safe_code(error.reason, error.code)))
        except Exception as error:  # noqa: BLE001 - an adapter's defect hurts its destination only
            self._note_health(Health(ok=False, detail=f"adapter.defect {type(error).__qualname__}"))
        else:
            return True
        return False

    async def _check(self) -> None:
        health = await self._adapter.check()
        self._note_health(Health(ok=health.ok, detail=health.detail))

    def _note_health(self, health: Health) -> None:
        self._health, self._checked_at = health, self._clock.now()

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
        answer = await self._desk.ask(
            Claim(
                delivery_id=copy.envelope.delivery_id,
                destination=copy.envelope.destination,
                attempt=copy.attempt,
                copy=copy.copy,
                worker=self._settings.worker,
                opened=copy.copy in self._opened,
            )
        )
        since = answer.first_claimed_at or copy.received_at
        match answer.verdict:
            case Verdict.GO:
                outcome = await self._send(copy)
            case Verdict.RESOLVE:
                outcome = await self._resolve(copy, since)
            case Verdict.DROP | Verdict.WAIT as verdict:
                delivery_id = str(copy.envelope.delivery_id)
                log.info("copy.dropped", delivery_id=delivery_id, verdict=verdict.value)
                return
            case _:
                assert_never(answer.verdict)
        headers = {KIND_HEADER: OUTCOME_TYPE}
        await report(self._broker, OUTCOME_CODEC.write(outcome, self._signer, headers))

    async def _send(self, copy: VerifiedCopy) -> Outcome:
        self._opened[copy.copy] = None
        if len(self._opened) > _COPIES_REMEMBERED:
            self._opened.popitem(last=False)
        opened_at = self._clock.now()
        try:
            application = open_copy(copy, self._opener)
        except SealInvalidError as error:
            result = Result(kind=OutcomeKind.REJECTED, code=error.code)
            return self._outcome(copy, result, opened_at=opened_at)
        delivery = Delivery(
            idempotency_key=str(copy.envelope.delivery_id),
            attempt=copy.attempt,
            deadline=opened_at + timedelta(seconds=self._settings.send_timeout_s),
            traceparent=copy.traceparent,
        )
        sent_at = self._clock.now()
        result = await send(self._adapter, application, delivery, self._clock)
        return self._outcome(copy, result, opened_at=opened_at, sent_at=sent_at)

    async def _resolve(self, copy: VerifiedCopy, since: datetime) -> Outcome:
        """Find out what became of an attempt; resend only where doubles are ignored."""
        key_is_remembered = self._clock.now() < since + timedelta(
            seconds=self._settings.key_memory_s
        )
        match self._settings.idempotency:
            case Idempotency.NATIVE if key_is_remembered:
                return await self._send(copy)
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

    async def _check_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_CHECK_S)
            was_ok = self._health.ok
            await self._succeeds(self._check())
            if was_ok != self._health.ok:
                event = "destination.recovered" if self._health.ok else "destination.down"
                log.warning(event, destination=self._settings.destination)

    async def _beat(self) -> None:
        while True:
            await self._send_heartbeat()
            await asyncio.sleep(HEARTBEAT_S)

    async def _send_heartbeat(self) -> None:
        heartbeat = Heartbeat(
            worker=self._settings.worker,
            destination=self._settings.destination,
            version=self._settings.version,
            adapter=self._settings.adapter,
            in_flight=len(self._in_hand),
            healthy=self._health.ok,
            checked_at=self._checked_at,
            at=self._clock.now(),
        )
        try:
            await self._broker.publish(HEARTBEATS, HEARTBEAT_CODEC.write(heartbeat, self._signer))
        except TransientError as error:
            log.debug("heartbeat.not_sent", code=error.code)

    async def _carry_feedback(self, adapter: GivesFeedback) -> None:
        """Report each status; asking the adapter for the next says that this one is safe.

        An adapter that fails at it, or ends, is asked again after a while: what was
        not taken away comes again with the same id.
        """
        pause_s = _OPEN_PAUSE_S
        while True:
            try:
                async for feedback in adapter.feedback():
                    await self._report_feedback(feedback)
                    pause_s = _OPEN_PAUSE_S
            except ConfigError:
                raise
            except Exception as error:  # noqa: BLE001 - deliveries go on without feedback
                log.warning(
                    "feedback.failed",
                    destination=self._settings.destination,
                    error=type(error).__qualname__,
                )
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_OPEN_PAUSE_S)

    async def _report_feedback(self, feedback: Feedback) -> None:
        record = _feedback_record(feedback, self._clock.now())
        if record is None:
            log.error("feedback.unusable", destination=self._settings.destination)
            return
        headers = {KIND_HEADER: FEEDBACK_TYPE}
        await report(self._broker, FEEDBACK_CODEC.write(record, self._signer, headers))


def _config_error(group: BaseExceptionGroup[BaseException]) -> ConfigError | None:
    """Return the adapter's own word among what ended its tasks, however deep it lies."""
    for error in group.exceptions:
        found = _config_error(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, ConfigError):
            return found
    return None


def _feedback_record(feedback: Feedback, now: datetime) -> FeedbackRecord | None:
    """Return the status as it is reported; ``None`` if the adapter broke its contract."""
    try:
        record = FeedbackRecord(
            id=feedback.id,
            delivery_id=DeliveryId(UUID(feedback.idempotency_key)),
            status=FeedbackStatus(feedback.status),
            at=feedback.at.astimezone(UTC),
            received_at=now,
            code=None if feedback.code is None else safe_code(feedback.code, "feedback.code"),
            reference=safe_reference(feedback.reference),
        )
        is_usable = (
            feedback.at.tzinfo is not None and len(record.id) <= _LONGEST_TEXT and is_plain(record)
        )
    except (ValueError, TypeError, AttributeError, OverflowError):
        return None
    return record if is_usable else None
