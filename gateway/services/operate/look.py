"""Look: where everything is, and what waits for a person."""

from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from gateway.crypto.pseudonym import Pseudonyms
from gateway.domain.claim import Heartbeat
from gateway.domain.entry import Action, Actor, Entry
from gateway.domain.identifiers import (
    ApplicationId,
    DeliveryId,
    DestinationName,
    MunicipalityCode,
)
from gateway.domain.lifecycle import NEEDS_A_PERSON, State
from gateway.domain.records import Dossier
from gateway.ports.clock import Clock
from gateway.ports.journal import DossierFilter, Journal
from gateway.services.destinations import Destinations
from gateway.services.operate.refusals import NotFoundError, OperationError, parse_id
from gateway.services.operate.webhooks import OperateWebhooks
from gateway.services.track import Track, delivery_view, destination_view, summary

_LARGEST_PAGE: Final = 500


class Look:
    """Reads; changes nothing. Who looks at one application is written down."""

    def __init__(
        self,
        *,
        journal: Journal,
        pseudonyms: Pseudonyms,
        municipalities: frozenset[MunicipalityCode],
        destinations: Destinations,
        webhooks: OperateWebhooks,
        clock: Clock,
    ) -> None:
        """Keep what it works with; opens nothing."""
        self._journal = journal
        self._pseudonyms = pseudonyms
        self._municipalities = municipalities
        self._destinations = destinations
        self._webhooks = webhooks
        self._clock = clock
        self._track = Track(journal=journal, destinations=destinations)

    async def overview(self) -> dict[str, object]:
        """Return every destination's counts, every worker's last sign of life, and endpoints.

        Destinations that are configured no more, but have deliveries, come last: what
        waits there waits until somebody configures them again or cancels it.
        """
        counts = await self._journal.counts()
        await self._destinations.refresh()
        now = self._clock.now()
        return {
            "node": self._journal.node,
            "destinations": [
                destination_view(name, counts.get(name, {}), self._destinations)
                for name in (*self._destinations, *sorted(counts.keys() - self._destinations))
            ],
            "workers": [
                {**_worker(beat, now), "alive": self._destinations.is_alive(beat)}
                for beat in self._destinations.heartbeats()
            ],
            "webhooks": await self._webhooks.list(),
        }

    async def status(self, subject: str, *, actor: Actor) -> list[dict[str, object]]:
        """Return the timeline of the application with this id, or those with this 受付番号.

        A timeline is what the audit log says: each is a read of it, and an entry.

        Raises:
            NotFoundError: There is none.
        """
        await self._destinations.refresh()
        dossiers = await self._find(subject)
        if not dossiers:
            raise NotFoundError(f"no application has this id or 受付番号: {subject}")
        timelines = [await self._track.timeline(dossier) for dossier in dossiers]
        seen = [dossier.application for dossier in dossiers]
        await self._journal.record(
            [self._read("status", actor, one.municipality, one.id) for one in seen]
        )
        return timelines

    async def _find(self, subject: str) -> list[Dossier]:
        try:
            dossier = await self._journal.dossier(ApplicationId(UUID(subject)))
        except ValueError:
            dossier = None
        if dossier is not None:
            return [dossier]
        macs = (
            self._pseudonyms.receipt_mac(municipality, subject)
            for municipality in sorted(self._municipalities)
        )
        where = DossierFilter(receipt_macs=tuple(macs))
        return list(await self._journal.dossiers(where)) if where.receipt_macs else []

    async def messages(
        self,
        *,
        destination: str | None = None,
        municipality: str | None = None,
        states: tuple[str, ...] = (),
        before: str | None = None,
        limit: int = 50,
    ) -> list[dict[str, object]]:
        """Return applications, newest first, in pages of at most 500."""
        where = DossierFilter(
            destination=None if destination is None else DestinationName(destination),
            municipality=None if municipality is None else MunicipalityCode(municipality),
            states=frozenset(_state(state) for state in states),
        )
        dossiers = await self._journal.dossiers(
            where,
            before=None if before is None else ApplicationId(parse_id(before)),
            limit=max(1, min(limit, _LARGEST_PAGE)),
        )
        return [summary(dossier) for dossier in dossiers]

    async def parked(
        self, *, destination: str | None = None, before: str | None = None, limit: int = 50
    ) -> list[dict[str, object]]:
        """Return the deliveries that wait for a person, newest application first.

        Args:
            destination: Only those for it.
            before: Only those of applications older than this one, or than this delivery's.
            limit: Those of so many applications; at most 500.

        Raises:
            NotFoundError: ``before`` is no id.
        """
        await self._destinations.refresh()
        where = DossierFilter(
            destination=None if destination is None else DestinationName(destination),
            states=NEEDS_A_PERSON,
        )
        dossiers = await self._journal.dossiers(
            where,
            before=None if before is None else await self._application(parse_id(before)),
            limit=max(1, min(limit, _LARGEST_PAGE)),
        )
        return [
            delivery_view(delivery, self._track.standing(delivery))
            for dossier in dossiers
            for delivery in dossier.deliveries
            if delivery.state in NEEDS_A_PERSON and destination in (None, delivery.destination)
        ]

    async def _application(self, either: UUID) -> ApplicationId:
        """Return the application of the delivery with this id, or else the id itself."""
        delivery = await self._journal.delivery(DeliveryId(either))
        return ApplicationId(either) if delivery is None else delivery.application_id

    async def parked_one(self, delivery: str, *, actor: Actor) -> dict[str, object]:
        """Return one delivery; that somebody looked at it is an entry.

        Raises:
            NotFoundError: There is none with this id.
        """
        await self._destinations.refresh()
        record = await self._journal.delivery(DeliveryId(parse_id(delivery)))
        if record is None:
            raise NotFoundError(f"no delivery has this id: {delivery}")
        read = self._read("parked.show", actor, record.municipality, record.application_id)
        await self._journal.record([replace(read, delivery=record.id)])
        return delivery_view(record, self._track.standing(record))

    def _read(
        self, purpose: str, actor: Actor, municipality: MunicipalityCode, of: ApplicationId
    ) -> Entry:
        return Entry(
            action=Action.LOG_READ,
            at=self._clock.now(),
            actor=actor,
            municipality=municipality,
            application=of,
            facts={"purpose": purpose},
        )


def _worker(beat: Heartbeat, now: datetime) -> dict[str, object]:
    age_s = (now - (beat.heard_at or beat.at)).total_seconds()
    return {
        "worker": beat.worker,
        "destination": beat.destination,
        "version": beat.version,
        "adapter": beat.adapter,
        "in_flight": beat.in_flight,
        "healthy": beat.healthy,
        "last_seen_s": round(max(0.0, age_s), 1),
    }


def _state(text: str) -> State:
    try:
        return State(text)
    except ValueError:
        known = ", ".join(State)
        raise OperationError(f"unknown state {text!r}; known: {known}") from None
