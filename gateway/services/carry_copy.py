"""Take one verified copy through its turn, claim, open, send and report."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

import structlog

from gateway.crypto.seal import Opener
from gateway.crypto.sign import Signer
from gateway.domain.claim import Claim, ClaimAnswer, Verdict
from gateway.domain.errors import ConfigError, SealInvalidError
from gateway.domain.outcome import Outcome, OutcomeKind
from gateway.domain.trace import parse
from gateway.ports.broker import OUTCOMES, Broker
from gateway.ports.clock import Clock
from gateway.sdk import Delivery, Destination, Idempotency, LooksUp
from gateway.services.attempts import Attempts
from gateway.services.delivery_settings import DeliverySettings
from gateway.services.spans import OUTCOME, VERDICT, Carried, Spans
from gateway.services.stages.claim import ClaimDesk
from gateway.services.stages.open import open_copy
from gateway.services.stages.report import report
from gateway.services.stages.send import Result, look_up, send
from gateway.services.stages.verify import VerifiedCopy
from gateway.services.wire import KIND_HEADER, OUTCOME_CODEC, OUTCOME_TYPE, TRACEPARENT_HEADER
from gateway.services.worker_gate import UNAVAILABLE, Turn, WorkerGate
from gateway.services.worker_memory import Attempt, WorkerMemory

log = structlog.get_logger()


def _loop_time() -> float:
    """Return the time on a clock that nobody sets, in seconds."""
    return asyncio.get_running_loop().time()


def _trace_id(copy: VerifiedCopy) -> str | None:
    place = parse(copy.traceparent)
    return None if place is None else place.trace_id


def _attempt(copy: VerifiedCopy) -> Attempt:
    return (copy.envelope.delivery_id, copy.attempt)


def carried(copy: VerifiedCopy) -> Carried:
    """Return what spans say of a copy."""
    envelope = copy.envelope
    return Carried(
        envelope.application_id, envelope.delivery_id, copy.copy, envelope.destination, copy.attempt
    )


class CarryCopy:
    """Carries copies that are in hand, any number at once."""

    def __init__(
        self,
        *,
        settings: DeliverySettings,
        broker: Broker,
        opener: Opener,
        signer: Signer,
        clock: Clock,
        desk: ClaimDesk,
        gate: WorkerGate,
        spans: Spans | None = None,
    ) -> None:
        """Keep what it works with; opens nothing."""
        self._settings = settings
        self._broker = broker
        self._opener = opener
        self._signer = signer
        self._clock = clock
        self._desk = desk
        self._gate = gate
        self._spans = spans or Spans()
        self._memory = WorkerMemory(settle_s=settings.settle_s, key_memory_s=settings.key_memory_s)
        self._unclaimed = 0
        self.attempts = Attempts()
        """What attempts came to so far."""

    @property
    def unclaimed(self) -> int:
        """How many copies have no answer to their claim yet."""
        return self._unclaimed

    async def __call__(self, copy: VerifiedCopy, adapter: Destination) -> None:
        """Return once everything about ``copy`` is said and it can be given up.

        Raises:
            ConfigError: The adapter cannot work as configured; the worker must stop.
        """
        self._unclaimed += 1
        is_claimed = False
        try:
            async with self._gate.turn() as turn:
                span = self._spans.claim(parse(copy.traceparent), carried(copy))
                answer, asked_at = await self._claim(copy, turn)
                span.note({VERDICT: answer.verdict.value})
                span.end()
                is_claimed = True
                self._unclaimed -= 1
                outcome = await self._obey(copy, adapter, turn, answer, asked_at)
                if outcome is not None:
                    await self._report(outcome, copy)
        finally:
            if not is_claimed:
                self._unclaimed -= 1

    async def _claim(self, copy: VerifiedCopy, turn: Turn) -> tuple[ClaimAnswer, float]:
        """Return the answer to this copy's claim, and the event loop's time when it was asked.

        A worker that was frozen with a "go" in its hands (a suspended machine, a
        blocked event loop) must not send: the gateway may have had the delivery looked
        up and given to another meanwhile. So a late answer is asked for again, as if the
        copy had been opened, and the send's deadline counts from the question, on a
        clock that only goes forward.
        """
        claim = Claim(
            delivery_id=copy.envelope.delivery_id,
            destination=copy.envelope.destination,
            attempt=copy.attempt,
            copy=copy.copy,
            worker=self._settings.worker,
            opened=self._memory.has_opened(copy.copy),
            declined=turn.declined,
        )
        while True:
            answer, asked_at = await self._desk.ask(claim)
            if self._memory.is_fresh(asked_at, _loop_time()):
                return answer, asked_at
            claim = replace(claim, opened=True)

    async def _obey(
        self,
        copy: VerifiedCopy,
        adapter: Destination,
        turn: Turn,
        answer: ClaimAnswer,
        asked_at: float,
    ) -> Outcome | None:
        """Do what the gateway answered; ``None`` if there is nothing to report."""
        expires_at = asked_at + self._settings.send_timeout_s
        match answer.verdict:
            case Verdict.GO if self._gate.may_send(turn):
                return await self._send(copy, adapter, expires_at)
            case Verdict.GO:
                result = Result(kind=OutcomeKind.DEFERRED, code=self._why_not(turn), counted=False)
                return self._outcome(copy, result)
            case Verdict.RESOLVE:
                is_remembered = self._memory.key_is_remembered(
                    _attempt(copy), asked_at=asked_at, age_s=answer.age_s, now=_loop_time()
                )
                return await self._resolve(
                    copy, adapter, turn, expires_at, key_is_remembered=is_remembered
                )
            case Verdict.DROP | Verdict.WAIT as verdict:
                log.info(
                    "copy.dropped",
                    destination=self._settings.destination,
                    application_id=str(copy.envelope.application_id),
                    delivery_id=str(copy.envelope.delivery_id),
                    attempt=copy.attempt,
                    verdict=verdict.value,
                    declined=turn.declined,
                    trace_id=_trace_id(copy),
                )
                return None
            case _:
                assert_never(answer.verdict)

    def _why_not(self, turn: Turn) -> str:
        return turn.declined or self._gate.closed_by or UNAVAILABLE

    async def _resend(self, copy: VerifiedCopy, adapter: Destination, expires_at: float) -> Outcome:
        """Send with the same key; that this had no effect tells nothing of what was sent before."""
        outcome = await self._send(copy, adapter, expires_at, nothing_done=OutcomeKind.IN_DOUBT)
        if outcome.kind == OutcomeKind.DEFERRED:
            return replace(outcome, kind=OutcomeKind.IN_DOUBT)
        return outcome

    async def _send(
        self,
        copy: VerifiedCopy,
        adapter: Destination,
        expires_at: float,
        *,
        nothing_done: OutcomeKind = OutcomeKind.DEFERRED,
    ) -> Outcome:
        self._memory.note_opened(copy.copy)
        opened_at = self._clock.now()
        parent, about = parse(copy.traceparent), carried(copy)
        opening = self._spans.open_copy(parent, about)
        try:
            application = open_copy(copy, self._opener)
        except SealInvalidError as error:
            opening.end(error=error.code)
            result = Result(kind=OutcomeKind.REJECTED, code=error.code)
            return self._outcome(copy, result, opened_at=opened_at)
        opening.end()
        span = self._spans.deliver(parent, about)
        remaining_s = expires_at - _loop_time()
        delivery = Delivery(
            idempotency_key=str(copy.envelope.delivery_id),
            attempt=copy.attempt,
            deadline=opened_at + timedelta(seconds=remaining_s),
            traceparent=span.context.traceparent,
        )
        sent_at, epoch = self._clock.now(), self._gate.epoch
        try:
            result = await send(
                adapter, application, delivery, timeout_s=remaining_s, clock=self._clock
            )
        except ConfigError as error:
            span.end(error=error.code)
            # Nothing was sent: say so before the worker stops, or it would be in doubt.
            result = Result(kind=nothing_done, code=error.code, counted=False)
            await self._report(self._outcome(copy, result, opened_at=opened_at), copy)
            raise
        span.note({OUTCOME: result.kind.value})
        span.end(error=result.code)
        self._learn(result, epoch)
        return self._outcome(copy, result, opened_at=opened_at, sent_at=sent_at)

    async def _resolve(
        self,
        copy: VerifiedCopy,
        adapter: Destination,
        turn: Turn,
        expires_at: float,
        *,
        key_is_remembered: bool,
    ) -> Outcome:
        """Find out what became of an attempt; resend only where doubles are ignored."""
        put_off = Result(kind=OutcomeKind.IN_DOUBT, code=self._why_not(turn))
        match self._settings.idempotency:
            case Idempotency.NATIVE if key_is_remembered:
                if self._gate.may_send(turn):
                    return await self._resend(copy, adapter, expires_at)
                result = put_off
            case Idempotency.LOOKUP if isinstance(adapter, LooksUp):
                result = (
                    await self._look_up(copy, adapter) if self._gate.may_send(turn) else put_off
                )
            case _:
                result = Result(kind=OutcomeKind.IN_DOUBT, code="delivery.effect_unknown")
        return self._outcome(copy, result)

    async def _look_up(self, copy: VerifiedCopy, adapter: LooksUp) -> Result:
        now, epoch = _loop_time(), self._gate.epoch
        span = self._spans.look_up(parse(copy.traceparent), carried(copy))
        result = await look_up(
            adapter,
            str(copy.envelope.delivery_id),
            settles_in_s=self._memory.settles_at(_attempt(copy), now) - now,
            clock=self._clock,
            timeout_s=self._settings.send_timeout_s,
        )
        span.note({OUTCOME: result.kind.value})
        span.end(error=result.code)
        self._learn(result, epoch)
        return result

    def _learn(self, result: Result, epoch: int) -> None:
        if result.sign is not None:
            self._gate.learn(result.sign, epoch=epoch, code=result.code)

    async def _report(self, outcome: Outcome, copy: VerifiedCopy) -> None:
        parent = parse(copy.traceparent)
        span = self._spans.send_report(OUTCOMES, parent, outcome.delivery_id)
        headers = {KIND_HEADER: OUTCOME_TYPE, TRACEPARENT_HEADER: span.context.traceparent}
        await report(self._broker, OUTCOME_CODEC.write(outcome, self._signer, headers))
        span.end()

    def _outcome(
        self,
        copy: VerifiedCopy,
        result: Result,
        *,
        opened_at: datetime | None = None,
        sent_at: datetime | None = None,
    ) -> Outcome:
        if result.kind != OutcomeKind.IN_DOUBT:
            self._memory.settle(_attempt(copy))
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
            adapter=self._settings.adapter,
        )
        self.attempts.note(outcome)
        log.info(
            "delivery.attempted",
            delivery_id=str(outcome.delivery_id),
            application_id=str(copy.envelope.application_id),
            destination=self._settings.destination,
            attempt=outcome.attempt,
            outcome=outcome.kind.value,
            code=outcome.code,
            sealed_bytes=len(copy.sealed),
            send_ms=_milliseconds(sent_at, outcome.answered_at),
            in_hand_ms=_milliseconds(copy.received_at, outcome.answered_at),
            age_ms=self._spans.age_ms(copy.envelope.application_id),
            trace_id=_trace_id(copy),
        )
        return outcome


def _milliseconds(since: datetime | None, until: datetime) -> float | None:
    return None if since is None else round((until - since).total_seconds() * 1000, 1)
