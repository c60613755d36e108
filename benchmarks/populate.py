"""Fill a journal as if a gateway had run for a long time.

Every record and every audit entry is what the gateway's own rules decide (accepted, published,
claimed, reported) at times that are spread over the past, chained by its own code, so that the
log verifies. Two things are not as in life. The rows are stored as they stand after their last
step, many to a transaction and without synchronising: tables are denser than after weeks of
updates. And of the sealed payloads only the oldest unfinished deliveries' are their own, since no
others can be opened during a measurement; the rest are copies of one of these.
"""

import os
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from benchmarks.applications import DESTINATIONS, PROCEDURE, bodies
from gateway.audit.head import Head, Position
from gateway.bootstrap.key_names import GATEWAY_KEY, PSEUDONYM_KEY, destination_key
from gateway.bootstrap.stores import open_keys
from gateway.crypto.pseudonym import Pseudonyms
from gateway.crypto.seal import Sealer
from gateway.crypto.sign import Purpose, Signer
from gateway.domain.claim import Claim
from gateway.domain.entry import Entry
from gateway.domain.envelope import Envelope
from gateway.domain.identifiers import (
    ApplicationId,
    ClientName,
    CopyId,
    DeliveryId,
    DestinationName,
    MunicipalityCode,
    NodeName,
    ProcedureName,
    WorkerName,
    uuid7,
)
from gateway.domain.lifecycle import State
from gateway.domain.outcome import Outcome, OutcomeKind
from gateway.domain.records import ApplicationRecord, DeliveryRecord, SealedDelivery
from gateway.drivers.journal_sqlite import steps
from gateway.drivers.journal_sqlite.database import open_database
from gateway.ports.journal import Acceptance, Decision
from gateway.sdk import Idempotency
from gateway.services.accept_entries import AcceptEntries
from gateway.services.answer_claims import claim_rule
from gateway.services.outcome_rules import outcome_rule
from gateway.services.policy import DestinationPolicy
from gateway.services.relay import published_rule
from gateway.settings.load import load

IN_USE: Final[Mapping[State, float]] = {
    State.DELIVERED: 0.955,
    State.PARKED: 0.010,
    State.IN_DOUBT: 0.002,
    State.RETRYING: 0.012,
    State.QUEUED: 0.001,
    State.PENDING: 0.020,
}
"""Shares of a journal in daily use: what waits for a person is spread over all the time, what is
on its way came last."""
WAITING: Final[Mapping[State, float]] = {State.PENDING: 1.0}
"""A backlog of which nothing has ever been published."""

_CAME_LAST: Final = (State.RETRYING, State.QUEUED, State.PENDING)
_OUTCOMES: Final[Mapping[State, tuple[OutcomeKind, str | None]]] = {
    State.DELIVERED: (OutcomeKind.DELIVERED, None),
    State.PARKED: (OutcomeKind.REJECTED, "http.422"),
    State.IN_DOUBT: (OutcomeKind.IN_DOUBT, "http.answer_late"),
    State.RETRYING: (OutcomeKind.DEFERRED, "http.503"),
}
_CLIENT: Final = ClientName("portal")
_WORKER: Final = WorkerName("worker-1/00000000")
_STEP: Final = timedelta(milliseconds=20)
"""From one step of a delivery to the next."""
_PER_TRANSACTION: Final = 1000
_SAY_EVERY: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What a journal is filled with.

    Attributes:
        count: Applications, with one delivery each.
        shares: How many of them are in which state.
        span: Over which time they came in, evenly, until now.
        own_seals: How many of the unfinished, oldest first, have a payload of their own.
        destinations: Municipality to destination; they take turns.
        first: Entries before all others.
    """

    count: int
    shares: Mapping[State, float]
    span: timedelta
    own_seals: int = 50_000
    destinations: Mapping[str, str] = field(default_factory=lambda: DESTINATIONS)
    first: tuple[Entry, ...] = ()


def receipt_number(number: int) -> str:
    """Return the 受付番号 of the application with this number, from 0."""
    return f"P-{number:07}"


def fill(config: Path, filling: Filling, say: Callable[[str], None]) -> list[str]:
    """Write a new SQLite journal where ``config`` says; return each application's id, in order."""
    settings = load(config)
    path = Path(settings.journal.url.removeprefix("sqlite:///"))
    connection = open_database(path, NodeName(settings.node))
    for setting in ("synchronous = OFF", "cache_size = -262144"):
        connection.execute(f"PRAGMA {setting}")
    head = Head(NodeName(settings.node), Position())
    past = _Past(config, filling)
    ids = []
    connection.execute("BEGIN")
    steps.append(connection, head, filling.first)
    for acceptance, later in past.histories():
        steps.accept(connection, head, acceptance)
        connection.execute("RELEASE acceptance")
        steps.append(connection, head, later)
        ids.append(str(acceptance.application.id))
        if len(ids) % _PER_TRANSACTION == 0:
            connection.execute("COMMIT")
            connection.execute("BEGIN")
        if len(ids) % _SAY_EVERY == 0:
            say(f"  {len(ids):,} applications in the journal")
    connection.execute("COMMIT")
    # As the gateway leaves it: the planner's statistics are not kept by it, so not here.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return ids


class _Past:
    """Makes applications with all that became of them."""

    def __init__(self, config: Path, filling: Filling) -> None:
        settings = load(config)
        store = open_keys(settings)
        self._filling = filling
        self._pseudonyms = Pseudonyms(store.private(PSEUDONYM_KEY))
        tenants = frozenset(MunicipalityCode(code) for code in settings.municipalities)
        self._entries = AcceptEntries(self._pseudonyms, tenants)
        self._signer = Signer(store.private(GATEWAY_KEY))
        self._sealers = {
            name: Sealer(store.public(destination_key(name)))
            for name in filling.destinations.values()
        }
        self._bodies = bodies(filling.destinations)
        self._seals_left = filling.own_seals
        self._sealed: dict[str, tuple[bytes, str]] = {}

    def histories(self) -> Iterator[tuple[Acceptance, tuple[Entry, ...]]]:
        """Yield each acceptance, its delivery as it is now, and the entries that followed."""
        filling, now = self._filling, datetime.now(UTC)
        places = list(filling.destinations.items())
        for number, state in enumerate(_states(filling)):
            at = now - filling.span * (1 - number / filling.count)
            code, destination = places[number % len(places)]
            application, body = self._application(number, MunicipalityCode(code), at)
            record = DeliveryRecord(
                id=DeliveryId(_id(at)),
                application_id=application.id,
                municipality=application.municipality,
                destination=DestinationName(destination),
                state=State.PENDING,
                budget_since=at,
                updated_at=at,
            )
            final, later = _history(record, state)
            sealed, signature = self._seal(application, record, body, state)
            delivery = SealedDelivery(
                record=final,
                sealed=sealed,
                signature=signature,
                procedure=application.procedure,
                version=application.version,
            )
            entry = self._entries.accepted(application, receipt_number(number), (record.id,))
            yield Acceptance(application=application, deliveries=(delivery,), entry=entry), later

    def _application(
        self, number: int, municipality: MunicipalityCode, at: datetime
    ) -> tuple[ApplicationRecord, bytes]:
        mark = receipt_number(number)
        before, after = self._bodies[municipality]
        body = before + mark.encode() + after
        application_id = ApplicationId(_id(at))
        application = ApplicationRecord(
            id=application_id,
            client=_CLIENT,
            municipality=municipality,
            procedure=ProcedureName(PROCEDURE),
            version=1,
            idempotency_mac=self._pseudonyms.idempotency_mac(_CLIENT, mark),
            receipt_mac=self._pseudonyms.receipt_mac(municipality, mark),
            commitment=self._pseudonyms.commitment(application_id, body)[1],
            accepted_at=at,
        )
        return application, body

    def _seal(
        self, application: ApplicationRecord, record: DeliveryRecord, body: bytes, state: State
    ) -> tuple[bytes, str]:
        known = self._sealed.get(record.destination)
        if known is not None and (state not in _CAME_LAST or self._seals_left == 0):
            return known
        self._seals_left -= state in _CAME_LAST
        envelope = Envelope(
            application_id=application.id,
            delivery_id=record.id,
            municipality=application.municipality,
            destination=record.destination,
            procedure=application.procedure,
            version=application.version,
            accepted_at=application.accepted_at,
        )
        sealed = self._sealers[record.destination].seal(body, envelope)
        made = sealed, self._signer.sign(sealed, Purpose.DELIVERY)
        self._sealed[record.destination] = made
        return made


def _states(filling: Filling) -> Iterator[State]:
    chance = random.Random(filling.count)
    last = {state: filling.shares.get(state, 0.0) for state in _CAME_LAST}
    first = {state: share for state, share in filling.shares.items() if state not in last}
    earlier = round(filling.count * (1 - sum(last.values())))
    for shares, count in ((first, earlier), (last, filling.count - earlier)):
        if count:
            yield from chance.choices(list(shares), list(shares.values()), k=count)


def _history(record: DeliveryRecord, state: State) -> tuple[DeliveryRecord, tuple[Entry, ...]]:
    """Take a pending delivery to ``state`` by the gateway's rules."""
    if state == State.PENDING:
        return record, ()
    policy = DestinationPolicy(
        name=record.destination, municipality=record.municipality, idempotency=Idempotency.NONE
    )
    at, copy = record.updated_at, CopyId(_id(record.updated_at))
    record, queued = _decided(record, published_rule(attempt=1, copy=copy, now=at + _STEP))
    if state not in _OUTCOMES:
        return record, queued
    claim = Claim(
        delivery_id=record.id, destination=record.destination, attempt=1, copy=copy, worker=_WORKER
    )
    record, claimed = _decided(record, claim_rule(claim, policy, at + 2 * _STEP))
    outcome = _outcome(record, copy, state, at)
    record, reported = _decided(record, outcome_rule(outcome, policy, at + 4 * _STEP, 0.5))
    if record.state != state:
        raise ValueError(record.state, state)
    return record, (*queued, *claimed, *reported)


def _decided(
    record: DeliveryRecord, rule: Callable[[DeliveryRecord], Decision[object]]
) -> tuple[DeliveryRecord, tuple[Entry, ...]]:
    decision = rule(record)
    return decision.record or record, decision.entries


def _outcome(record: DeliveryRecord, copy: CopyId, state: State, at: datetime) -> Outcome:
    kind, code = _OUTCOMES[state]
    return Outcome(
        delivery_id=record.id,
        attempt=1,
        copy=copy,
        worker=_WORKER,
        kind=kind,
        code=code,
        pointer="/applicant/phone" if kind == OutcomeKind.REJECTED else None,
        # Later than any measurement.
        retry_at=at + timedelta(hours=12) if kind == OutcomeKind.DEFERRED else None,
        reference=f"R-{str(record.id)[-7:]}" if kind == OutcomeKind.DELIVERED else None,
        received_at=at + _STEP,
        opened_at=at + 2 * _STEP,
        sent_at=at + 2 * _STEP,
        answered_at=at + 3 * _STEP,
    )


def _id(at: datetime) -> UUID:
    return uuid7(int(at.timestamp() * 1000), os.urandom(10))
