"""Carry what a core system says later back to the gateway."""

import asyncio
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog

from gateway.crypto.sign import Signer
from gateway.domain.errors import ConfigError
from gateway.domain.identifiers import DeliveryId, DestinationName
from gateway.domain.outcome import safe_code
from gateway.domain.records import FeedbackRecord
from gateway.ports.broker import OUTCOMES, Broker
from gateway.ports.clock import Clock
from gateway.sdk import Feedback, FeedbackStatus, GivesFeedback
from gateway.services.delivery_settings import DeliverySettings
from gateway.services.spans import Spans
from gateway.services.stages.report import report
from gateway.services.stages.send import safe_reference
from gateway.services.wire import (
    FEEDBACK_CODEC,
    FEEDBACK_TYPE,
    KIND_HEADER,
    TRACEPARENT_HEADER,
    is_plain,
)
from gateway.services.worker_health import LONGEST_PAUSE_S, PAUSE_S

log = structlog.get_logger()

_LONGEST_ID: Final = 200


class CarryFeedback:
    """Reports each status of one destination.

    Asking the adapter for the next one says that this one is safe. An adapter that
    fails at it, or ends, is asked again after a while: what was not taken away comes
    again with the same id.
    """

    def __init__(
        self,
        *,
        settings: DeliverySettings,
        broker: Broker,
        signer: Signer,
        clock: Clock,
        spans: Spans | None = None,
    ) -> None:
        """Keep what it works with; opens nothing."""
        self._destination = settings.destination
        self._broker = broker
        self._signer = signer
        self._clock = clock
        self._spans = spans or Spans()

    async def run(self, adapter: GivesFeedback) -> None:
        """Carry until cancelled.

        Raises:
            ConfigError: The adapter cannot work as configured.
        """
        pause_s = PAUSE_S
        while True:
            try:
                async for feedback in adapter.feedback():
                    await self._report(feedback)
                    pause_s = PAUSE_S
            except ConfigError:
                raise
            except Exception as error:  # noqa: BLE001 - deliveries go on without feedback
                log.warning(
                    "feedback.failed",
                    destination=self._destination,
                    error=type(error).__qualname__,
                )
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _report(self, feedback: Feedback) -> None:
        record = _record(feedback, self._destination, self._clock.now())
        if record is None:
            log.error("feedback.unusable", destination=self._destination)
            return
        span = self._spans.send_report(OUTCOMES, None, record.delivery_id)
        headers = {KIND_HEADER: FEEDBACK_TYPE, TRACEPARENT_HEADER: span.context.traceparent}
        await report(self._broker, FEEDBACK_CODEC.write(record, self._signer, headers))
        span.end()


def _record(
    feedback: Feedback, destination: DestinationName, now: datetime
) -> FeedbackRecord | None:
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
            destination=destination,
        )
        is_usable = (
            feedback.at.tzinfo is not None and len(record.id) <= _LONGEST_ID and is_plain(record)
        )
    except (ValueError, TypeError, AttributeError, OverflowError):
        return None
    return record if is_usable else None
