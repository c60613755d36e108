"""Find what the broker lost and what was claimed and abandoned, and set it going again."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import structlog

from gateway.domain.errors import JournalUnavailableError, TransientError
from gateway.domain.identifiers import DestinationName, WorkerName
from gateway.domain.lifecycle import State
from gateway.domain.records import SealedDelivery
from gateway.ports.broker import Broker, destination_queue
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.outcome_rules import abandoned_rule
from gateway.services.policy import DestinationPolicy
from gateway.services.relay import Relay

log = structlog.get_logger()

EVERY_S: Final = 30.0
_LOST_AFTER: Final = timedelta(seconds=60)
_ALIVE: Final = timedelta(seconds=20)


class Reconcile:
    """Compares the journal with the broker, destination by destination.

    A queued delivery is missing when nobody has claimed it a minute after its publish
    and its queue is empty: it is published again, which claims make safe. A claimed one
    that came to nothing is put in doubt (``abandoned_rule``).
    """

    def __init__(
        self,
        *,
        policies: Mapping[DestinationName, DestinationPolicy],
        journal: Journal,
        broker: Broker,
        relay: Relay,
        clock: Clock,
    ) -> None:
        """Keep what it works with; opens nothing."""
        self._policies = policies
        self._journal = journal
        self._broker = broker
        self._relay = relay
        self._clock = clock

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

        Raises:
            JournalUnavailableError: It was not finished; look again later.
        """
        alive = await self._alive()
        for policy in self._policies.values():
            is_empty = await self._is_empty(policy.name)
            async for delivery in self._journal.unclaimed(policy.name):
                if delivery.record.state == State.QUEUED:
                    if is_empty and not policy.paused:
                        self._republish(delivery)
                else:
                    await self._doubt(delivery, policy, alive)

    async def _alive(self) -> frozenset[WorkerName]:
        seen_since = self._clock.now() - _ALIVE
        beats = await self._journal.heartbeats()
        return frozenset(beat.worker for beat in beats if beat.at >= seen_since)

    async def _is_empty(self, destination: DestinationName) -> bool:
        try:
            return await self._broker.depth(destination_queue(destination)) == 0
        except TransientError:
            # Unreachable or missing: the lane deals with it, and tells.
            return False

    def _republish(self, delivery: SealedDelivery) -> None:
        if self._clock.now() - delivery.record.updated_at < _LOST_AFTER:
            return
        log.warning(
            "delivery.republished",
            delivery_id=str(delivery.record.id),
            destination=delivery.record.destination,
        )
        self._relay.offer([delivery])

    async def _doubt(
        self,
        delivery: SealedDelivery,
        policy: DestinationPolicy,
        alive: frozenset[WorkerName],
    ) -> None:
        rule = abandoned_rule(policy, alive, self._clock.now())
        if not rule(delivery.record).answer:
            return
        if await self._journal.decide(delivery.record.id, rule):
            log.warning(
                "delivery.abandoned",
                delivery_id=str(delivery.record.id),
                destination=delivery.record.destination,
                worker=delivery.record.worker,
            )
