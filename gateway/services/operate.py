"""What a person may do: look, replay, confirm, cancel, and give keys to clients."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from gateway.audit.verify import Finding, Verifier
from gateway.crypto.pseudonym import Pseudonyms
from gateway.domain.claim import Heartbeat
from gateway.domain.entry import Action, Actor, Entry, Fact
from gateway.domain.errors import IllegalTransitionError, JournalUnavailableError, PermanentError
from gateway.domain.identifiers import (
    ApplicationId,
    ClientName,
    DeliveryId,
    DestinationName,
    MunicipalityCode,
)
from gateway.domain.lifecycle import NEEDS_A_PERSON, Event, State, following
from gateway.domain.records import DeliveryRecord, Dossier
from gateway.ports.clock import Clock
from gateway.ports.journal import Decision, DossierFilter, Journal
from gateway.services.authenticate import new_key
from gateway.services.policy import DestinationPolicy
from gateway.services.track import Track, delivery_view, destination_view, summary

_LONGEST_REASON: Final = 200
_ALIVE_S: Final = 20.0
_LARGEST_PAGE: Final = 500


class OperationError(PermanentError):
    """The operation cannot be done; the arguments say why, in words for the operator."""

    code = "operation.refused"


class NotFoundError(PermanentError):
    """There is no such application, delivery, client or key."""

    code = "operation.not_found"


class Operate:
    """The operations behind the command line and, later, the console."""

    def __init__(
        self,
        *,
        journal: Journal,
        pseudonyms: Pseudonyms,
        municipalities: frozenset[MunicipalityCode],
        policies: Mapping[DestinationName, DestinationPolicy],
        clients: frozenset[ClientName],
        clock: Clock,
        keys_changed: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Keep what it works with; opens nothing.

        ``keys_changed`` is awaited before a new or revoked client key is reported, so
        that it works at once in this process.
        """
        self._journal = journal
        self._pseudonyms = pseudonyms
        self._municipalities = municipalities
        self._policies = policies
        self._clients = clients
        self._clock = clock
        self._keys_changed = keys_changed
        self._track = Track(journal=journal)

    # Looking

    async def overview(self) -> dict[str, object]:
        """Return every destination's counts and every worker's last sign of life."""
        counts = await self._journal.counts()
        now = self._clock.now()
        return {
            "node": self._journal.node,
            "destinations": [
                destination_view(name, counts.get(name, {}), paused=policy.paused)
                for name, policy in self._policies.items()
            ],
            "workers": [_worker(beat, now) for beat in await self._journal.heartbeats()],
        }

    async def status(self, subject: str) -> list[dict[str, object]]:
        """Return the timeline of the application with this id, or those with this 受付番号.

        Raises:
            NotFoundError: There is none.
        """
        dossiers = await self._find(subject)
        if not dossiers:
            raise NotFoundError(subject)
        return [await self._track.timeline(dossier) for dossier in dossiers]

    async def _find(self, subject: str) -> list[Dossier]:
        try:
            dossier = await self._journal.dossier(ApplicationId(UUID(subject)))
        except ValueError:
            dossier = None
        if dossier is not None:
            return [dossier]
        found: list[Dossier] = []
        for municipality in sorted(self._municipalities):
            mac = self._pseudonyms.receipt_mac(municipality, subject)
            where = DossierFilter(municipality=municipality, receipt_mac=mac)
            found.extend(await self._journal.dossiers(where))
        return found

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
            before=None if before is None else ApplicationId(_uuid(before)),
            limit=max(1, min(limit, _LARGEST_PAGE)),
        )
        return [summary(dossier) for dossier in dossiers]

    async def parked(
        self, *, destination: str | None = None, limit: int = 50
    ) -> list[dict[str, object]]:
        """Return the deliveries that wait for a person, newest application first."""
        where = DossierFilter(
            destination=None if destination is None else DestinationName(destination),
            states=NEEDS_A_PERSON,
        )
        dossiers = await self._journal.dossiers(where, limit=max(1, min(limit, _LARGEST_PAGE)))
        return [
            delivery_view(delivery)
            for dossier in dossiers
            for delivery in dossier.deliveries
            if delivery.state in NEEDS_A_PERSON and destination in (None, delivery.destination)
        ]

    async def parked_one(self, delivery: str) -> dict[str, object]:
        """Return one delivery.

        Raises:
            NotFoundError: There is none with this id.
        """
        record = await self._journal.delivery(DeliveryId(_uuid(delivery)))
        if record is None:
            raise NotFoundError(delivery)
        return delivery_view(record)

    # Deciding

    async def replay(self, delivery: str, *, actor: Actor, reason: str) -> dict[str, object]:
        """Begin a new attempt of a parked or doubtful delivery.

        Raises:
            OperationError: It does not wait for a person, or there is no reason.
            DeliveryNotFoundError: No such delivery.
        """
        return await self._step(
            delivery, Event.REPLAYED, Action.DELIVERY_REPLAYED, actor, reason, _renewed
        )

    async def confirm(
        self, delivery: str, *, actor: Actor, reason: str, reference: str | None = None
    ) -> dict[str, object]:
        """Record that a person found the delivery in the core system.

        Raises:
            OperationError: It does not wait for a person, or there is no reason.
            DeliveryNotFoundError: No such delivery.
        """

        def confirmed(record: DeliveryRecord, _: datetime) -> DeliveryRecord:
            return replace(record, code=None, reference=reference or record.reference)

        return await self._step(
            delivery, Event.VOUCHED, Action.DELIVERY_CONFIRMED, actor, reason, confirmed
        )

    async def cancel(self, delivery: str, *, actor: Actor, reason: str) -> dict[str, object]:
        """Take a delivery back. What a worker has sent already cannot be called back.

        Raises:
            OperationError: It is final already, or there is no reason.
            DeliveryNotFoundError: No such delivery.
        """
        return await self._step(
            delivery,
            Event.CANCELLED,
            Action.DELIVERY_CANCELLED,
            actor,
            reason,
            lambda record, _: record,
        )

    async def _step(
        self,
        delivery: str,
        event: Event,
        action: Action,
        actor: Actor,
        reason: str,
        change: Callable[[DeliveryRecord, datetime], DeliveryRecord],
    ) -> dict[str, object]:
        reason = reason.strip()
        if not reason or len(reason) > _LONGEST_REASON or not reason.isprintable():
            raise OperationError(f"a reason of 1 to {_LONGEST_REASON} characters is required")
        now = self._clock.now()

        def rule(record: DeliveryRecord) -> Decision[DeliveryRecord]:
            changed = replace(
                change(record, now),
                state=following(record.state, event),
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
                "reason": reason,
            }
            entry = Entry(
                action=action,
                at=now,
                actor=actor,
                municipality=record.municipality,
                application=record.application_id,
                delivery=record.id,
                facts=facts,
            )
            return Decision(answer=changed, record=changed, entries=(entry,))

        try:
            record = await self._journal.decide(DeliveryId(_uuid(delivery)), rule)
        except IllegalTransitionError as error:
            state, _ = error.args
            raise OperationError(
                f"the delivery is {state}: {event.value} is not possible"
            ) from None
        return delivery_view(record)

    # Clients

    async def add_client_key(self, client: str, *, actor: Actor) -> dict[str, object]:
        """Make an API key for a configured client; the only time that it is shown.

        Raises:
            NotFoundError: The configuration knows no such client.
        """
        name = ClientName(client)
        if name not in self._clients:
            raise NotFoundError(f"the configuration has no client {client!r}")
        text, key = new_key(name, self._clock)
        await self._journal.add_client_key(
            key, self._key_entry(Action.CLIENT_KEY_ADDED, actor, key.id, client)
        )
        await self._tell_of_keys()
        return {"client": client, "id": key.id, "key": text}

    async def client_keys(self) -> list[dict[str, object]]:
        """Return every key's public part and state."""
        return [
            {
                "client": key.client,
                "id": key.id,
                "created_at": key.created_at.isoformat(timespec="seconds"),
                "revoked_at": None
                if key.revoked_at is None
                else key.revoked_at.isoformat(timespec="seconds"),
            }
            for key in await self._journal.client_keys()
        ]

    async def revoke_client_key(self, key: str, *, actor: Actor) -> dict[str, object]:
        """Refuse a key from now on; other gateway processes follow within two seconds.

        Raises:
            NotFoundError: There is no such key that is not revoked.
        """
        entry = self._key_entry(Action.CLIENT_KEY_REVOKED, actor, key, None)
        if not await self._journal.revoke_client_key(key, self._clock.now(), entry):
            raise NotFoundError(f"no unrevoked key {key!r}")
        await self._tell_of_keys()
        return {"id": key, "revoked": True}

    async def _tell_of_keys(self) -> None:
        if self._keys_changed is not None:
            # It is done, and the key is shown only now: not a failure.
            with suppress(JournalUnavailableError):
                await self._keys_changed()

    def _key_entry(self, action: Action, actor: Actor, key: str, client: str | None) -> Entry:
        return Entry(
            action=action,
            at=self._clock.now(),
            actor=actor,
            facts={"key": key, "client": client},
        )

    # The audit log

    async def verify_audit(self, *, actor: Actor) -> dict[str, object]:
        """Verify every node's chain, and record that the log was read.

        Returns:
            ``ok``, ``entries``, ``nodes`` (each one's last good entry), and the first bad
            entry of each chain with what is wrong there in words.
        """
        verifier = Verifier()
        async for stored in self._journal.entries():
            verifier.feed(stored)
        report = verifier.finish()
        entry = Entry(
            action=Action.LOG_READ,
            at=self._clock.now(),
            actor=actor,
            facts={"purpose": "verify", "ok": report.ok, "entries": report.entries},
        )
        await self._journal.record([entry])
        return {
            "ok": report.ok,
            "entries": report.entries,
            "nodes": {
                node: {"nseq": head.nseq, "leaf": head.leaf.hex()}
                for node, head in report.heads.items()
            },
            "failures": [_finding(finding) for finding in report.failures],
            "warnings": [_finding(finding) for finding in report.warnings],
        }


def _finding(finding: Finding) -> dict[str, object]:
    return {"node": finding.node, "nseq": finding.nseq, "problem": finding.problem}


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


def _worker(beat: Heartbeat, now: datetime) -> dict[str, object]:
    age_s = (now - beat.at).total_seconds()
    return {
        "worker": beat.worker,
        "destination": beat.destination,
        "version": beat.version,
        "adapter": beat.adapter,
        "in_flight": beat.in_flight,
        "healthy": beat.healthy,
        "last_seen_s": round(age_s, 1),
        "alive": age_s < _ALIVE_S,
    }


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundError(f"{text!r} is not an id") from None


def _state(text: str) -> State:
    try:
        return State(text)
    except ValueError:
        known = ", ".join(State)
        raise OperationError(f"unknown state {text!r}; known: {known}") from None
