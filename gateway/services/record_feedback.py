"""Write down what core systems say later, and put it into the outbox for its front end."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from uuid import UUID

import structlog

from gateway.crypto.sign import Verifier
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.errors import (
    JournalUnavailableError,
    MessageMalformedError,
    SignatureInvalidError,
)
from gateway.domain.identifiers import ApplicationId, ClientName, DestinationName
from gateway.domain.outcome import UNUSABLE_CODE, safe_code
from gateway.domain.records import DeliveryRecord, FeedbackRecord
from gateway.domain.webhook import Announcement, WebhookId
from gateway.ports.broker import OUTCOMES, Message
from gateway.ports.clock import Clock
from gateway.ports.journal import Decision, Journal
from gateway.services.outcome_rules import feedback_rule
from gateway.services.spans import DELIVERY, STATUS, Spans
from gateway.services.wire import FEEDBACK_CODEC, TRACEPARENT_HEADER
from gateway.services.workers import WorkerRegister

log = structlog.get_logger()


class RecordFeedback:
    """Keeps a status that is reported, if it can be what it says it is.

    It must come from a worker that may report for the delivery's destination, from the
    adapter of that very destination, and about a delivery that was sent: so that no core
    system can say anything of another municipality's applications.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        *,
        journal: Journal,
        verifier: Verifier,
        workers: WorkerRegister,
        clock: Clock,
        codes: Mapping[DestinationName, Mapping[str, str]],
        clients: frozenset[ClientName],
        new_id: Callable[[], UUID],
        announced: Callable[[], None],
        spans: Spans | None = None,
    ) -> None:
        """Keep what it works with; opens nothing.

        Args:
            journal: Where it is written down.
            verifier: Of workers' signatures.
            workers: What each may report for.
            clock: For what is written down.
            codes: Of each destination, the core system's reason codes to ours.
            clients: Those that are told by webhook.
            new_id: Makes a webhook's id.
            announced: Told that something may have been put into the outbox.
            spans: Where it is traced.
        """
        self._journal = journal
        self._verifier = verifier
        self._workers = workers
        self._clock = clock
        self._codes = codes
        self._clients = clients
        self._new_id = new_id
        self._announced = announced
        self._spans = spans or Spans()
        self.recorded: Counter[tuple[str, str]] = Counter()
        """Statuses recorded so far, by destination and status."""

    async def __call__(self, message: Message) -> None:
        """Record one status.

        Raises:
            SignatureInvalidError: Not signed by a worker that may report for its destination.
            MessageMalformedError: Not of the documented shape, or about what was never sent.
            DeliveryNotFoundError: About a delivery that there is not.
            JournalUnavailableError: Perhaps not recorded; the same once more changes nothing.
        """
        reported, kid = FEEDBACK_CODEC.read(message, self._verifier)
        grant = self._workers.require_key(kid)
        now = self._clock.now()
        announcement = Announcement(id=WebhookId(self._new_id()), clients=self._clients)

        about: list[DeliveryRecord] = []

        def rule(record: DeliveryRecord) -> Decision[FeedbackRecord]:
            is_granted = record.destination in grant.destinations
            # Workers before 1.1 do not say whose adapter it was.
            if not is_granted or reported.destination not in (None, record.destination):
                raise SignatureInvalidError("destination")
            if record.claimed_at is None and record.attempt == 1:
                raise MessageMalformedError("never sent")
            about.append(record)
            feedback = replace(reported, code=self._code(reported.code, record.destination))
            actor = Actor(ActorKind.WORKER, grant.name)
            return feedback_rule(feedback, actor, now, announcement)(record)

        kept = await self._journal.decide(reported.delivery_id, rule)
        self._announced()
        application, destination = about[-1].application_id, about[-1].destination
        self.recorded[destination, kept.status.value] += 1
        cause = message.headers.get(TRACEPARENT_HEADER)
        origin = await self._origin(application)
        span = self._spans.process_feedback(OUTCOMES, application, origin, cause, since=now)
        span.note({DELIVERY: str(kept.delivery_id), STATUS: kept.status.value})
        span.end()
        log.info(
            "feedback.recorded",
            application_id=str(application),
            delivery_id=str(kept.delivery_id),
            destination=destination,
            status=kept.status.value,
            code=kept.code,
            age_ms=self._spans.age_ms(application),
            trace_id=span.context.trace_id,
        )

    async def _origin(self, application: ApplicationId) -> str | None:
        """Return the trace that the application's acceptance belongs to, if it can be read."""
        try:
            dossier = await self._journal.dossier(application)
        except JournalUnavailableError:
            # The status is recorded; a trace is no reason to do it again.
            return None
        return None if dossier is None else dossier.application.traceparent

    def _code(self, code: str | None, destination: DestinationName) -> str | None:
        """Return our code for the core system's; its own if the configuration has none."""
        if code is None:
            return None
        return safe_code(self._codes.get(destination, {}).get(code, code), UNUSABLE_CODE)
