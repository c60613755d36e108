"""Accept one application: check it, seal it, commit it, and only then say 202."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hmac import compare_digest
from typing import Final
from uuid import UUID

import structlog

from gateway.crypto.pseudonym import Pseudonyms
from gateway.crypto.seal import Sealer
from gateway.crypto.sign import Purpose, Signer
from gateway.domain.envelope import Envelope
from gateway.domain.errors import JournalUnavailableError
from gateway.domain.identifiers import (
    ApplicationId,
    ClientName,
    DeliveryId,
    DestinationName,
    MunicipalityCode,
    ProcedureName,
)
from gateway.domain.lifecycle import State
from gateway.domain.records import ApplicationRecord, DeliveryRecord, SealedDelivery
from gateway.domain.trace import parse
from gateway.ports.clock import Clock
from gateway.ports.journal import (
    Acceptance,
    Accepted,
    Journal,
    KeyKnown,
    NothingToSupersede,
    ReceiptNumberKnown,
)
from gateway.schema.catalogue import Catalogue
from gateway.schema.envelope import Checked, UnknownProcedure, check
from gateway.schema.errors import FieldError
from gateway.schema.parse import JSONRefusedError, parse_json
from gateway.services.accept_entries import AcceptEntries
from gateway.services.flow import Flow
from gateway.services.ordering import Ordering
from gateway.services.relay import Relay
from gateway.services.routing import Grant, RoutingTable
from gateway.services.spans import Spans

log = structlog.get_logger()

COMMITMENT_ALGORITHM: Final = "HMAC-SHA-256"
_BACKLOG_RETRY_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One authenticated request.

    Attributes:
        client: Who sends it.
        municipality: The code in the URL, unchecked.
        idempotency_key: 1 to 255 visible ASCII characters.
        raw: The body as received.
        traceparent: W3C trace context, well-formed, or ``None``.
    """

    client: ClientName
    municipality: str
    idempotency_key: str
    raw: bytes = field(repr=False)
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceReceipt:
    """What a 202 says.

    Attributes:
        id: The application's id.
        accepted_at: When it was committed first.
        procedure: ``area/procedure``.
        version: The procedure's version.
        commitment_key: 32 bytes that leave the gateway only here.
        commitment_value: 32 bytes, HMAC-SHA-256 of the raw body under that key.
        receipt: Compact JWS over the acceptance.
        replayed: The answer repeats an earlier one.
    """

    id: ApplicationId
    accepted_at: datetime
    procedure: ProcedureName
    version: int
    commitment_key: bytes
    commitment_value: bytes
    receipt: str
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request is not accepted.

    Attributes:
        status: HTTP status.
        code: Stable dotted code.
        errors: What is wrong in the body, if that is why.
        existing: The application that stands in the way, if one does.
        retry_after_s: When to try again, if that helps.
    """

    status: int
    code: str
    errors: tuple[FieldError, ...] = ()
    existing: UUID | None = None
    retry_after_s: float | None = None


class AcceptApplication:
    """The way of a submission from its raw bytes to the committed acceptance."""

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        *,
        catalogue: Catalogue,
        municipalities: frozenset[MunicipalityCode],
        grants: Mapping[ClientName, Grant],
        routing: RoutingTable,
        ordering: Ordering,
        sealers: Mapping[DestinationName, Sealer],
        signer: Signer,
        pseudonyms: Pseudonyms,
        journal: Journal,
        relay: Relay,
        clock: Clock,
        new_id: Callable[[], UUID],
        has_room: Callable[[], bool],
        flow: Flow,
        log_origin: Callable[[], str | None] = lambda: None,
        spans: Spans | None = None,
    ) -> None:
        """Keep what it works with; opens nothing."""
        self._catalogue = catalogue
        self._municipalities = municipalities
        self._grants = grants
        self._routing = routing
        self._ordering = ordering
        self._sealers = sealers
        self._signer = signer
        self._pseudonyms = pseudonyms
        self._entries = AcceptEntries(pseudonyms, municipalities)
        self._journal = journal
        self._relay = relay
        self._clock = clock
        self._new_id = new_id
        self._has_room = has_room
        self._flow = flow
        self._log_origin = log_origin
        self._spans = spans or Spans()

    async def __call__(self, submission: Submission) -> AcceptanceReceipt | Refusal:
        """Return the receipt once the application is durable, or the recorded refusal.

        Raises:
            JournalUnavailableError: Nothing was accepted, or (commit unknown) the same
                request must be sent again to learn whether it was.
        """
        if not self._has_room():
            full = Refusal(status=503, code="journal.backlog_full", retry_after_s=_BACKLOG_RETRY_S)
            return await self._replayed(submission) or full
        checked = self._check(submission)
        answer = (
            checked if isinstance(checked, Refusal) else await self._commit(submission, *checked)
        )
        if isinstance(answer, AcceptanceReceipt):
            return answer
        replayed = await self._replayed(submission)
        if replayed is None:
            await self._record_refused(submission, answer)
        return replayed or answer

    async def _replayed(self, submission: Submission) -> AcceptanceReceipt | None:
        """Return the receipt of what this very request was accepted as before.

        Whatever stands against it now (a route, a grant or a procedure that changed, a full
        backlog) does not undo an acceptance, and its client has to learn of it.
        """
        mac = self._pseudonyms.idempotency_mac(submission.client, submission.idempotency_key)
        known = await self._journal.accepted_under(submission.client, mac)
        if known is None or known.application.municipality != submission.municipality:
            return None
        return self._repeated(submission, known)

    def _repeated(self, submission: Submission, known: KeyKnown) -> AcceptanceReceipt | None:
        """Return the receipt of what is known, unless it had another body."""
        _, value = self._pseudonyms.commitment(known.application.id, submission.raw)
        if not compare_digest(value, known.application.commitment):
            return None
        return self._receipt(known.application, known.leaf, replayed=True)

    def _check(
        self, submission: Submission
    ) -> Refusal | tuple[Checked, tuple[DestinationName, ...]]:
        municipality = MunicipalityCode(submission.municipality)
        grant = self._grants.get(submission.client)
        if municipality not in self._municipalities:
            return Refusal(status=404, code="municipality.unknown")
        if grant is None or municipality not in grant.municipalities:
            return Refusal(status=403, code="client.municipality_not_allowed")
        checked = self._read(submission.raw, municipality)
        if isinstance(checked, Refusal):
            return checked
        procedure = ProcedureName(checked.procedure.name)
        if not grant.allows(municipality, procedure):
            return Refusal(status=403, code="client.procedure_not_allowed")
        destinations = self._routing.destinations(municipality, procedure)
        if not destinations:
            return Refusal(status=404, code="procedure.not_offered")
        return checked, destinations

    def _read(self, raw: bytes, municipality: MunicipalityCode) -> Refusal | Checked:
        try:
            document = parse_json(raw)
        except JSONRefusedError as error:
            return Refusal(status=400, code=error.code)
        checked = check(document, self._catalogue, municipality=municipality)
        if isinstance(checked, UnknownProcedure):
            return Refusal(status=404, code="procedure.unknown")
        if isinstance(checked, tuple):
            return Refusal(status=422, code="application.invalid", errors=checked)
        return checked

    async def _commit(
        self, submission: Submission, checked: Checked, destinations: tuple[DestinationName, ...]
    ) -> AcceptanceReceipt | Refusal:
        acceptance = self._acceptance(submission, checked, destinations)
        span = self._spans.commit(
            parse(submission.traceparent), acceptance.application.id, len(acceptance.deliveries)
        )
        began = time.perf_counter()
        try:
            answer = await self._journal.accept(acceptance)
        except JournalUnavailableError as failure:
            span.end(error=failure.code)
            raise
        span.end()
        commit_ms = round((time.perf_counter() - began) * 1000, 1)
        match answer:
            case Accepted(application, leaf):
                self._relay.offer(acceptance.deliveries)
                for delivery in acceptance.deliveries:
                    self._flow.accepted(delivery.record.destination, application.accepted_at)
                log.info(
                    "application.accepted",
                    application_id=str(application.id),
                    client=application.client,
                    municipality=application.municipality,
                    procedure=application.procedure,
                    deliveries=len(acceptance.deliveries),
                    body_bytes=len(submission.raw),
                    commit_ms=commit_ms,
                    trace_id=span.context.trace_id,
                )
                return self._receipt(application, leaf, replayed=False)
            case KeyKnown() as known:
                reused = Refusal(status=422, code="idempotency.key_reused")
                return self._repeated(submission, known) or reused
            case ReceiptNumberKnown(existing):
                return Refusal(status=422, code="application.already_received", existing=existing)
            case NothingToSupersede():
                error = FieldError(pointer="#/supersedes", code="application.not_supersedable")
                return Refusal(status=422, code="application.invalid", errors=(error,))

    def _acceptance(
        self, submission: Submission, checked: Checked, destinations: tuple[DestinationName, ...]
    ) -> Acceptance:
        now = self._clock.now()
        municipality = MunicipalityCode(submission.municipality)
        application_id = ApplicationId(self._new_id())
        _, commitment = self._pseudonyms.commitment(application_id, submission.raw)
        application = ApplicationRecord(
            id=application_id,
            client=submission.client,
            municipality=municipality,
            procedure=ProcedureName(checked.procedure.name),
            version=checked.version,
            idempotency_mac=self._pseudonyms.idempotency_mac(
                submission.client, submission.idempotency_key
            ),
            receipt_mac=self._pseudonyms.receipt_mac(municipality, checked.receipt_number),
            commitment=commitment,
            accepted_at=now,
            supersedes=None if checked.supersedes is None else ApplicationId(checked.supersedes),
            traceparent=submission.traceparent,
        )
        deliveries = tuple(
            self._seal(
                application,
                destination,
                submission.raw,
                order_key=self._ordering.key(destination, checked.document),
            )
            for destination in destinations
        )
        return Acceptance(
            application=application,
            deliveries=deliveries,
            entry=self._entries.accepted(
                application,
                checked.receipt_number,
                tuple(delivery.record.id for delivery in deliveries),
            ),
        )

    def _seal(
        self,
        application: ApplicationRecord,
        destination: DestinationName,
        raw: bytes,
        *,
        order_key: bytes | None,
    ) -> SealedDelivery:
        delivery_id = DeliveryId(self._new_id())
        envelope = Envelope(
            application_id=application.id,
            delivery_id=delivery_id,
            municipality=application.municipality,
            destination=destination,
            procedure=application.procedure,
            version=application.version,
            accepted_at=application.accepted_at,
        )
        sealed = self._sealers[destination].seal(raw, envelope)
        return SealedDelivery(
            record=DeliveryRecord(
                id=delivery_id,
                application_id=application.id,
                municipality=application.municipality,
                destination=destination,
                state=State.PENDING,
                budget_since=application.accepted_at,
                updated_at=application.accepted_at,
                order_key=order_key,
            ),
            sealed=sealed,
            signature=self._signer.sign(sealed, Purpose.DELIVERY),
            procedure=application.procedure,
            version=application.version,
            traceparent=application.traceparent,
        )

    async def _record_refused(self, submission: Submission, refusal: Refusal) -> None:
        log.info(
            "application.refused",
            client=submission.client,
            status=refusal.status,
            code=refusal.code,
            errors=len(refusal.errors),
            body_bytes=len(submission.raw),
            trace_id=None if (place := parse(submission.traceparent)) is None else place.trace_id,
        )
        entry = self._entries.refused(
            submission.client,
            MunicipalityCode(submission.municipality),
            submission.raw,
            at=self._clock.now(),
            facts={
                "status": refusal.status,
                "code": refusal.code,
                "errors": " ".join(sorted({error.code for error in refusal.errors})) or None,
            },
        )
        await self._journal.record([entry])

    def _receipt(
        self, application: ApplicationRecord, leaf: bytes, *, replayed: bool
    ) -> AcceptanceReceipt:
        key, _ = self._pseudonyms.commitment(application.id, b"")
        claims = {
            "iss": self._journal.node,
            "application": str(application.id),
            "commitment": application.commitment.hex(),
            "accepted_at": application.accepted_at.isoformat(timespec="milliseconds"),
            "leaf": leaf.hex(),
            "log": self._log_origin(),
        }
        payload = json.dumps(claims, separators=(",", ":"), sort_keys=True).encode()
        return AcceptanceReceipt(
            id=application.id,
            accepted_at=application.accepted_at,
            procedure=application.procedure,
            version=application.version,
            commitment_key=key,
            commitment_value=application.commitment,
            receipt=self._signer.sign_attached(payload, Purpose.RECEIPT),
            replayed=replayed,
        )
