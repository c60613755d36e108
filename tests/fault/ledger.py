"""The books of a run: what was promised, what the journal says of it, and what arrived."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from typing import Final

from gateway.domain.identifiers import ApplicationId
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord
from gateway.ports.journal import Journal
from gateway.testing.cores.ledger import Ledger

IN_FLIGHT: Final = frozenset({State.PENDING, State.QUEUED, State.SENDING, State.RETRYING})
AT_REST: Final = frozenset({State.DELIVERED, State.PARKED, State.IN_DOUBT})
PATIENCE_S: Final = 60.0
"""Nothing may be under way this long after the last fault has ended."""
_LOOK_S: Final = 0.1


class Books:
    """Accepted = delivered + parked + in doubt + in flight, and nothing twice.

    Attributes:
        promised: Every application with a 202.
    """

    def __init__(self, journal: Journal, sinks: Mapping[str, Ledger]) -> None:
        """Keep the books of ``journal``, all of whose applications go to every sink."""
        self.promised: list[ApplicationId] = []
        self._journal = journal
        self._sinks = sinks

    async def states(self, destination: str | None = None) -> Counter[State]:
        """Return how many deliveries there are in each state, once the books balance."""
        deliveries = await self._deliveries()
        for name, sink in self._sinks.items():
            self._balance(name, sink, [each for each in deliveries if each.destination == name])
        counts = await self._journal.counts()
        assert sum(sum(states.values()) for states in counts.values()) == len(deliveries)
        return Counter(each.state for each in deliveries if destination in (None, each.destination))

    async def settled(self, destination: str | None = None) -> Counter[State]:
        """Wait until nothing is in flight; return what became of everything.

        Raises:
            AssertionError: Something still was after ``PATIENCE_S``, or was lost or doubled.
        """
        deadline = time.monotonic() + PATIENCE_S
        while True:
            states = await self.states(destination)
            if not IN_FLIGHT & set(states):
                return states
            assert time.monotonic() < deadline, f"stuck: {states}, {await self._codes()}"
            await asyncio.sleep(_LOOK_S)

    async def _deliveries(self) -> list[DeliveryRecord]:
        deliveries: list[DeliveryRecord] = []
        for promised in self.promised:
            dossier = await self._journal.dossier(promised)
            assert dossier is not None, f"lost after 202: {promised}"
            assert {each.destination for each in dossier.deliveries} == set(self._sinks)
            deliveries += dossier.deliveries
        return deliveries

    @staticmethod
    def _balance(name: str, sink: Ledger, deliveries: list[DeliveryRecord]) -> None:
        assert {each.state for each in deliveries} <= IN_FLIGHT | AT_REST
        arrived = [arrival.key for arrival in sink.arrivals]
        assert sink.doubled == (), f"{name}: twice"
        assert set(arrived) <= {str(each.id) for each in deliveries}, f"{name}: from nowhere"
        delivered = {str(each.id) for each in deliveries if each.state == State.DELIVERED}
        assert delivered <= set(arrived), f"{name}: said to be delivered, and not there"

    async def _codes(self) -> Counter[str]:
        return Counter(
            f"{each.destination}:{each.state}:{each.code}" for each in await self._deliveries()
        )
