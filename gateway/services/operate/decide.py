"""Decide: replay, confirm or cancel what waits for a person, with a reason."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from gateway.crypto.detail import conceal
from gateway.domain.entry import Action, Actor, Entry, Fact
from gateway.domain.errors import IllegalTransitionError
from gateway.domain.identifiers import (
    DeliveryId,
)
from gateway.domain.lifecycle import FINAL, Event, State, following
from gateway.domain.records import DeliveryRecord
from gateway.domain.repair import ReplayId
from gateway.ports.clock import Clock
from gateway.ports.journal import Decision, Journal
from gateway.services.operate.refusals import OperationError, parse_id, printable
from gateway.services.operate.trace_decision import trace_decision
from gateway.services.spans import Spans
from gateway.services.track import delivery_view

_VERBS: Final[Mapping[Event, str]] = {
    Event.REPLAYED: "send again",
    Event.VOUCHED: "confirm",
    Event.CANCELLED: "take back",
}
"""What a person wanted to do."""


class Decide:
    """Changes a delivery because a person said so; the reason is in the audit log."""

    def __init__(self, *, journal: Journal, clock: Clock, spans: Spans | None = None) -> None:
        """Keep what it works with; opens nothing."""
        self._journal = journal
        self._clock = clock
        self._spans = spans or Spans()

    async def replay(self, delivery: str, *, actor: Actor, reason: str) -> dict[str, object]:
        """Begin a new attempt of a parked or doubtful delivery.

        Raises:
            OperationError: It does not wait for a person, or there is no reason.
            DeliveryNotFoundError: No such delivery.
        """
        rule = replay_rule(actor=actor, reason=printable(reason, "reason"), now=self._clock.now())
        return await self._decide(delivery, Event.REPLAYED, rule)

    async def confirm(
        self, delivery: str, *, actor: Actor, reason: str, reference: str | None = None
    ) -> dict[str, object]:
        """Record that a person found the delivery in the core system.

        Args:
            delivery: Its id.
            actor: Who says so.
            reason: Why; 1 to 200 printable characters.
            reference: The core system's own number, as long at most.

        Raises:
            OperationError: It does not wait for a person, or there is no reason.
            DeliveryNotFoundError: No such delivery.
        """
        if reference is not None:
            reference = printable(reference, "reference")

        words = {"reason": printable(reason, "reason")}
        if reference is not None:
            words["reference"] = reference
        step = _Step(Event.VOUCHED, Action.DELIVERY_CONFIRMED, actor, words)
        now = self._clock.now()

        def rule(record: DeliveryRecord) -> Decision[DeliveryRecord]:
            kept = reference or record.reference
            return _stepped(record, replace(record, code=None, reference=kept), step, now)

        return await self._decide(delivery, Event.VOUCHED, rule)

    async def cancel(self, delivery: str, *, actor: Actor, reason: str) -> dict[str, object]:
        """Take a delivery back. What a worker has sent already cannot be called back.

        Raises:
            OperationError: It is final already, or there is no reason.
            DeliveryNotFoundError: No such delivery.
        """
        words = {"reason": printable(reason, "reason")}
        step = _Step(Event.CANCELLED, Action.DELIVERY_CANCELLED, actor, words)
        now = self._clock.now()
        return await self._decide(
            delivery, Event.CANCELLED, lambda record: _stepped(record, record, step, now)
        )

    async def _decide(
        self,
        delivery: str,
        event: Event,
        rule: Callable[[DeliveryRecord], Decision[DeliveryRecord]],
    ) -> dict[str, object]:
        since = self._clock.now()
        try:
            record = await self._journal.decide(DeliveryId(parse_id(delivery)), rule)
        except IllegalTransitionError as error:
            raise OperationError(_not_now(error.args[0], event)) from None
        await trace_decision(self._spans, self._journal, record, event, since=since)
        return delivery_view(record)


def replay_rule(
    *, actor: Actor, reason: str, now: datetime, order: ReplayId | None = None
) -> Callable[[DeliveryRecord], Decision[DeliveryRecord]]:
    """Return the rule that begins a new attempt, with a new budget, because a person said so.

    Args:
        actor: Who said so.
        reason: Why; 1 to 200 printable characters.
        now: When the attempt begins.
        order: The order that it belongs to, for the audit entry.

    Returns:
        A rule that raises ``IllegalTransitionError`` unless the delivery is parked or in doubt.
    """
    step = _Step(Event.REPLAYED, Action.DELIVERY_REPLAYED, actor, {"reason": reason}, order)
    return lambda record: _stepped(record, _renewed(record, now), step, now)


@dataclass(frozen=True, slots=True)
class _Step:
    event: Event
    action: Action
    actor: Actor
    words: Mapping[str, str]
    order: ReplayId | None = None


def _stepped(
    record: DeliveryRecord, change: DeliveryRecord, step: _Step, now: datetime
) -> Decision[DeliveryRecord]:
    changed = replace(
        change,
        state=following(record.state, step.event),
        copy=None,
        worker=None,
        due_at=None,
        updated_at=now,
    )
    facts: dict[str, Fact] = {
        "destination": record.destination,
        "was": record.state.value,
        "state": changed.state.value,
        "attempt": changed.attempt,
        "order": None if step.order is None else str(step.order),
    }
    entry = Entry(
        action=step.action,
        at=now,
        actor=step.actor,
        municipality=record.municipality,
        application=record.application_id,
        delivery=record.id,
        detail=conceal(step.words),
        facts=facts,
    )
    return Decision(answer=changed, record=changed, entries=(entry,))


def _not_now(state: State, event: Event) -> str:
    verb = _VERBS[event]
    if state in FINAL:
        return f"it is {state} already: nothing to {verb}"
    return f"it is {state}: nothing to {verb} unless it is parked or in doubt"


def _renewed(record: DeliveryRecord, now: datetime) -> DeliveryRecord:
    return replace(
        record,
        attempt=record.attempt + 1,
        counted=0,
        resolves=0,
        claimed_at=None,
        code=None,
        pointer=None,
        budget_since=now,
    )
