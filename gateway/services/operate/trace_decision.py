"""Tell traces what a person decided of a delivery."""

from datetime import datetime

from gateway.domain.errors import JournalUnavailableError
from gateway.domain.lifecycle import Event
from gateway.domain.records import DeliveryRecord
from gateway.ports.journal import Journal
from gateway.services.spans import Spans


async def trace_decision(
    spans: Spans, journal: Journal, record: DeliveryRecord, event: Event, *, since: datetime
) -> None:
    """Write a span of what was decided, linked to the trace of the application's acceptance.

    Args:
        spans: Where to; nothing is read if nobody keeps it.
        journal: Knows which trace that is.
        record: The delivery as it is now.
        event: What the person decided.
        since: When that began.
    """
    if spans.is_off:
        return
    try:
        dossier = await journal.dossier(record.application_id)
    except JournalUnavailableError:
        # What was decided is committed; a trace is no reason to say otherwise.
        dossier = None
    origin = None if dossier is None else dossier.application.traceparent
    spans.decide(record.application_id, record.id, origin, event.value, since=since).end()
