"""Find what the broker lost and what was claimed and abandoned, and set it going again."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import Final

import structlog

from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.domain.errors import JournalUnavailableError, TransientError
from gateway.domain.identifiers import DestinationName, WorkerName
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord, SealedDelivery
from gateway.ports.broker import Broker, destination_queue
from gateway.ports.clock import Clock
from gateway.ports.journal import Decision, Journal
from gateway.services.destinations import Destinations
from gateway.services.missing_copies import Signs
from gateway.services.outcome_rules import abandoned_rule
from gateway.services.policy import DestinationPolicy
from gateway.services.relay import Relay
from gateway.services.unchanged import Unchanged

log = structlog.get_logger()

EVERY_S: Final = 30.0
_UNSEEN_S: Final = 3 * EVERY_S
"""Between two looks that ended; one may have been broken off. Was it longer, nobody looked."""


def republished_rule(
    published_at: datetime, now: datetime
) -> Callable[[DeliveryRecord], Decision[DeliveryRecord | None]]:
    """Return the rule for a queued delivery whose copy is missing; the answer is what to publish.

    It changes nothing if the delivery was claimed or published again meanwhile.
    """

    def rule(record: DeliveryRecord) -> Decision[DeliveryRecord | None]:
        if record.state != State.QUEUED or record.updated_at != published_at:
            return Decision(answer=None)
        again = replace(record, updated_at=now)
        entry = Entry(
            action=Action.DELIVERY_REPUBLISHED,
            at=now,
            actor=Actor(ActorKind.GATEWAY, "reconciliation"),
            municipality=record.municipality,
            application=record.application_id,
            delivery=record.id,
            facts={
                "destination": record.destination,
                "state": record.state.value,
                "attempt": record.attempt,
                "published_at": published_at.isoformat(timespec="milliseconds"),
            },
        )
        return Decision(answer=again, record=again, entries=(entry,))

    return rule


class Reconcile:
    """Compares the journal with the broker, destination by destination.

    A queued delivery whose copy is missing (``missing_copies``) is published again, which
    claims make safe. A claimed one that came to nothing is put in doubt (``abandoned_rule``).
    """

    def __init__(
        self,
        *,
        destinations: Destinations,
        journal: Journal,
        broker: Broker,
        relay: Relay,
        clock: Clock,
        monotonic: Callable[[], float] = monotonic,
    ) -> None:
        """Keep what it works with; opens nothing. ``monotonic`` tells how long things last."""
        self._destinations = destinations
        self._journal = journal
        self._broker = broker
        self._relay = relay
        self._clock = clock
        self._monotonic = monotonic
        self._unchanged: defaultdict[DestinationName, Unchanged] = defaultdict(Unchanged)
        self._ended = monotonic()
        self._signs: defaultdict[DestinationName, Signs] = defaultdict(Signs)
        self.republished: Counter[DestinationName] = Counter()
        """How many copies were found missing, by destination, since the process began."""
        self.abandoned: Counter[DestinationName] = Counter()
        """How many claims were found to have come to nothing."""

    def note_claimed(self, destination: DestinationName, published_at: datetime) -> None:
        """Note that a copy published at this time was claimed."""
        self._signs[destination].note_claimed(published_at)

    async def run(self) -> None:
        """Look every half minute until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.look()
            except JournalUnavailableError as error:
                log.warning("reconciliation.put_off", code=error.code)

    async def look(self) -> None:
        """Look once.

        While nobody looked, for the process stood still or the journal was away, nobody
        recorded outcomes either: they come first, and everything is as it is since now.

        Raises:
            JournalUnavailableError: It was not finished; look again later.
        """
        if self._monotonic() - self._ended > _UNSEEN_S:
            self._unchanged.clear()
        for policy in self._destinations.values():
            workers = self._destinations.alive(policy.name)
            alive = frozenset(beat.worker for beat in workers)
            signs, unchanged = self._signs[policy.name], self._unchanged[policy.name]
            is_empty, at = await self._is_empty(policy.name), self._monotonic()
            signs.note_look(at, is_empty=is_empty, workers=workers)
            is_open = self._destinations.hold(policy.name) is None
            async for delivery in self._journal.unclaimed(policy.name):
                since = unchanged.since(delivery.record, at)
                if delivery.record.state != State.QUEUED:
                    await self._doubt(delivery, policy, alive, at - since)
                elif is_open and signs.is_missing(delivery.record, since):
                    await self._republish(delivery)
            unchanged.end_look(at)
        self._ended = self._monotonic()

    async def _is_empty(self, destination: DestinationName) -> bool:
        try:
            return await self._broker.depth(destination_queue(destination)) == 0
        except TransientError:
            # Unreachable or missing: the lane deals with it, and tells.
            return False

    async def _republish(self, delivery: SealedDelivery) -> None:
        record = delivery.record
        rule = republished_rule(record.updated_at, self._clock.now())
        again = await self._journal.decide(record.id, rule)
        if again is None:
            return
        self.republished[record.destination] += 1
        log.warning(
            "delivery.republished",
            application_id=str(record.application_id),
            delivery_id=str(record.id),
            destination=record.destination,
        )
        self._relay.republish(replace(delivery, record=again))

    async def _doubt(
        self,
        delivery: SealedDelivery,
        policy: DestinationPolicy,
        alive: frozenset[WorkerName],
        unchanged_s: float,
    ) -> None:
        rule = abandoned_rule(
            policy, alive, self._clock.now(), seen=delivery.record, unchanged_s=unchanged_s
        )
        if not rule(delivery.record).answer:
            return
        if await self._journal.decide(delivery.record.id, rule):
            self.abandoned[policy.name] += 1
            log.warning(
                "delivery.abandoned",
                application_id=str(delivery.record.application_id),
                delivery_id=str(delivery.record.id),
                destination=delivery.record.destination,
                worker=delivery.record.worker,
            )
