"""Write down what workers report, and acknowledge it once it is durable."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import structlog

from gateway.crypto.sign import Verifier
from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.domain.errors import (
    DeliveryNotFoundError,
    JournalUnavailableError,
    KakehashiError,
    MessageMalformedError,
    PermanentError,
    SignatureInvalidError,
)
from gateway.domain.identifiers import DestinationName
from gateway.domain.lifecycle import FINAL, State
from gateway.domain.outcome import UNUSABLE_CODE, safe_code, without_free_words
from gateway.domain.records import DeliveryRecord
from gateway.ports.broker import OUTCOMES, Broker, Received
from gateway.ports.clock import Clock
from gateway.ports.journal import Decision, Journal
from gateway.services import wire
from gateway.services.answer_claims import refusal_entry
from gateway.services.flow import Flow
from gateway.services.outcome_rules import outcome_rule
from gateway.services.policy import DestinationPolicy
from gateway.services.record_feedback import RecordFeedback
from gateway.services.spans import ATTEMPT, OUTCOME, STATE, Spans
from gateway.services.wire import (
    KIND_HEADER,
    OUTCOME_CODEC,
    REFUSED_CODEC,
    TRACEPARENT_HEADER,
)
from gateway.services.workers import WorkerRegister

log = structlog.get_logger()

_MESSAGES_AT_ONCE: Final = 500
_RETRY_S: Final = 1.0


class RecordOutcomes:
    """Listens for outcomes and feedback; acknowledges once the journal has them."""

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        *,
        journal: Journal,
        broker: Broker,
        verifier: Verifier,
        workers: WorkerRegister,
        policies: Mapping[DestinationName, DestinationPolicy],
        clock: Clock,
        feedback: RecordFeedback,
        turn_came: Callable[[DestinationName], None],
        flow: Flow,
        spans: Spans | None = None,
    ) -> None:
        """Keep what it works with; opens nothing.

        ``turn_came`` is told when what waits for its turn at a destination may go on.
        """
        self._journal = journal
        self._broker = broker
        self._verifier = verifier
        self._workers = workers
        self._policies = policies
        self._clock = clock
        self._feedback = feedback
        self._turn_came = turn_came
        self._spans = spans or Spans()
        self._flow = flow
        self.refused: Counter[str] = Counter()
        """Reports that were not believed or not readable, by code."""

    async def run(self) -> None:
        """Record until cancelled."""
        async with (
            asyncio.TaskGroup() as tasks,
            self._broker.consume(OUTCOMES, prefetch=_MESSAGES_AT_ONCE) as reports,
        ):
            async for report in reports:
                tasks.create_task(self._record(report))

    async def _record(self, report: Received) -> None:
        """Retry until the journal has it: an unacknowledged report is never lost."""
        # The header only says how to read it; what it is, the signature says.
        match report.message.headers.get(KIND_HEADER):
            case wire.FEEDBACK_TYPE:
                record = self._record_feedback
            case wire.REFUSED_TYPE:
                record = self._record_refused
            case _:
                record = self._record_outcome
        while True:
            try:
                await record(report)
            except DeliveryNotFoundError as error:
                log.warning("outcome.delivery_unknown", code=error.code)
            except (PermanentError, ValueError) as error:
                # ValueError: what the journal cannot store, such as an entry too long.
                refusal = (
                    error
                    if isinstance(error, PermanentError)
                    else MessageMalformedError("not storable")
                )
                self.refused[refusal.code] += 1
                log.warning("outcome.refused", code=refusal.code)
                refused = refusal_entry("outcome", refusal, self._clock.now())
                if not await self._is_recorded(refused):
                    continue
            except JournalUnavailableError as error:
                log.warning("outcome.not_committed", code=error.code)
                await asyncio.sleep(_RETRY_S)
                continue
            await report.ack()
            return

    async def _is_recorded(self, entry: Entry) -> bool:
        try:
            await self._journal.record([entry])
        except JournalUnavailableError:
            await asyncio.sleep(_RETRY_S)
            return False
        return True

    async def _record_outcome(self, report: Received) -> None:
        reported, kid = OUTCOME_CODEC.read(report.message, self._verifier)
        outcome = without_free_words(reported)
        grant = self._workers.require(kid, worker=outcome.worker)
        ends_turn: list[DestinationName] = []
        changed: list[DeliveryRecord | None] = []
        seen: list[DeliveryRecord] = []
        now, fraction = self._clock.now(), random.random()  # noqa: S311 - jitter, not a secret

        def rule(record: DeliveryRecord) -> Decision[State]:
            if record.destination not in grant.destinations:
                raise SignatureInvalidError("destination")
            policy = self._policies.get(record.destination) or DestinationPolicy(
                name=record.destination, municipality=record.municipality
            )
            decision = outcome_rule(outcome, policy, now, fraction)(record)
            if record.order_key is not None and decision.answer in FINAL:
                ends_turn.append(record.destination)
            changed.append(decision.record)
            seen.append(record)
            return decision

        cause = report.message.headers.get(TRACEPARENT_HEADER)
        span = self._spans.process_report(OUTCOMES, cause, outcome.delivery_id)
        span.note({OUTCOME: outcome.kind.value, ATTEMPT: outcome.attempt})
        try:
            state = await self._journal.decide(outcome.delivery_id, rule)
        except KakehashiError as error:
            span.end(error=error.code)
            raise
        span.note({STATE: state.value})
        span.end()
        for destination in ends_turn:
            self._turn_came(destination)
        # A rule that met a deadlock was asked more than once: its last word counts.
        if (record := changed[-1]) is not None:
            self._flow.recorded(record, outcome, now)
        log.info(
            "outcome.recorded",
            application_id=str(seen[-1].application_id),
            delivery_id=str(outcome.delivery_id),
            destination=seen[-1].destination,
            worker=outcome.worker,
            attempt=outcome.attempt,
            outcome=outcome.kind.value,
            code=outcome.code,
            state=state.value,
            defect=outcome.defect,
            send_ms=_milliseconds(outcome.sent_at, outcome.answered_at),
            age_ms=self._spans.age_ms(seen[-1].application_id),
            trace_id=span.context.trace_id,
        )

    async def _record_refused(self, report: Received) -> None:
        refused, kid = REFUSED_CODEC.read(report.message, self._verifier)
        self._workers.require(kid, worker=refused.worker, destination=refused.destination)
        code = safe_code(refused.code, UNUSABLE_CODE)
        entry = Entry(
            action=Action.MESSAGE_REFUSED,
            at=self._clock.now(),
            actor=Actor(ActorKind.WORKER, refused.worker),
            facts={"kind": "copy", "destination": refused.destination, "code": code},
        )
        await self._journal.record([entry])

    async def _record_feedback(self, report: Received) -> None:
        try:
            await self._feedback(report.message)
        except DeliveryNotFoundError as error:
            # A core system that speaks of what there is not is worth an entry.
            log.warning("feedback.delivery_unknown", code=error.code)
            unknown = refusal_entry("feedback", error, self._clock.now())
            await self._journal.record([unknown])


def _milliseconds(start: datetime | None, end: datetime) -> float | None:
    return None if start is None else round((end - start).total_seconds() * 1000, 1)
