"""What the front door answers when all is well, as models: they write it and document it."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from gateway.domain.lifecycle import ApplicationState, State
from gateway.domain.outcome import FeedbackStatus
from gateway.schema.catalogue import Catalogue
from gateway.schema.procedure import Procedure
from gateway.services.accept import COMMITMENT_ALGORITHM, AcceptanceReceipt
from gateway.services.prove import ProvedEntry


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


Moment = Annotated[
    datetime,
    PlainSerializer(_rfc3339, return_type=str),
    Field(description="RFC 3339, UTC, milliseconds."),
]
"""Any aware time."""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Links(_Answer):
    """Where to go from here."""

    self: str = Field(description="Path of this resource.")


class ApplicationLinks(Links):
    """Where to go from an application."""

    proof: str = Field(description="Path of the proof that it was accepted.")


class Commitment(_Answer):
    """Lets the client prove later what it sent, and nobody else guess it."""

    alg: Literal["HMAC-SHA-256"] = COMMITMENT_ALGORITHM
    key: str = Field(description="32 bytes, base64url without padding; leaves only here.")
    value: str = Field(description="HMAC of the raw body under the key, base64url.")


class AcceptedApplication(_Answer):
    """The application is durable. Keep ``receipt`` and ``commitment``."""

    id: UUID
    status: Literal["accepted"] = "accepted"
    accepted_at: Moment
    procedure: str = Field(description="`area/procedure`.")
    version: int
    commitment: Commitment
    receipt: str = Field(
        description="Compact JWS (RFC 7515) over the acceptance: `application`, `commitment`, "
        "`accepted_at`, `leaf` (the hash of its entry in the audit log, RFC 6962), `log` (the "
        "log's origin) and `iss`."
    )
    links: ApplicationLinks


class DeliveryStatus(_Answer):
    """How far the application is on its way to one destination."""

    destination: str
    state: State


class FeedbackLine(_Answer):
    """A status that came back from a core system."""

    delivery: UUID
    status: FeedbackStatus
    status_ja: str = Field(description="受理, 差戻し, 却下, 取下げ, 完了")
    at: Moment
    code: str | None = Field(description="The core system's reason code.")
    reference: str | None = Field(description="The core system's own number (整理番号).")


class ApplicationStatus(_Answer):
    """What is known of an application; nothing of what it says."""

    id: UUID
    status: ApplicationState
    accepted_at: Moment
    procedure: str
    version: int
    supersedes: UUID | None
    superseded_by: UUID | None
    deliveries: list[DeliveryStatus]
    feedback: list[FeedbackLine]
    links: ApplicationLinks


class AcceptanceProof(_Answer):
    """Proves offline, to anybody who has the log's verifier key, that it was accepted."""

    entry: str = Field(
        description="The exact bytes of the acceptance's entry in the audit log, base64url "
        "without padding. SHA-256 of 0x00 and these bytes is the leaf that is proved, and the "
        "`leaf` of the receipt."
    )
    index: int = Field(description="Its place in the log, from 0.", ge=0)
    proof: str = Field(
        description="C2SP `tlog-proof`: the path from the leaf to the root, and the signed "
        "checkpoint of that root."
    )


class ProcedureLine(_Answer):
    """One version of a procedure in the catalogue."""

    procedure: str
    version: int
    title: dict[str, str] = Field(description="The official name, by language: `ja`, `en`.")
    links: Links


class ProcedureList(_Answer):
    """The catalogue."""

    procedures: list[ProcedureLine]


class ProcedureDocument(ProcedureLine):
    """One version of a procedure: what its applications look like."""

    source: str = Field(description="The law or standard that the form follows.")
    body_schema: dict[str, object] = Field(
        alias="schema",
        description="JSON Schema 2020-12 of `applicant` and `content` of a request body.",
    )
    example: dict[str, object] = Field(description="A whole request body that is valid.")


class FieldProblem(_Answer):
    """One thing that is wrong with the body."""

    pointer: str = Field(
        description="JSON pointer as a URI fragment (RFC 6901, 6).",
        examples=["#/content/children/0/birth_date"],
    )
    code: str = Field(description="Stable dotted code.", examples=["date.era_mismatch"])
    detail: str = Field(description="A sentence in the answer's language.")


class Problem(_Answer):
    """Why a request was refused (RFC 9457). Holds nothing of what was sent."""

    type: str = Field(description="`urn:kakehashi:problem:` and the code.")
    title: str
    status: int
    code: str = Field(description="Stable dotted code.", examples=["application.invalid"])
    detail: str | None = None
    existing: UUID | None = Field(
        default=None, description="The application that holds the 受付番号 already."
    )
    errors: list[FieldProblem] | None = Field(
        default=None, description="All errors of the body at once, at most 100.", max_length=100
    )


def accepted(receipt: AcceptanceReceipt) -> AcceptedApplication:
    """Return the body of a 202."""
    return AcceptedApplication(
        id=receipt.id,
        accepted_at=receipt.accepted_at,
        procedure=receipt.procedure,
        version=receipt.version,
        commitment=Commitment(
            key=_base64url(receipt.commitment_key), value=_base64url(receipt.commitment_value)
        ),
        receipt=receipt.receipt,
        links=links_to(receipt.id),
    )


def status(tracked: Mapping[str, object]) -> ApplicationStatus:
    """Return what the client that sent an application is told of it.

    Args:
        tracked: As ``Track.status`` returns it.
    """
    return ApplicationStatus.model_validate(
        {**tracked, "links": links_to(UUID(str(tracked["id"])))}
    )


def procedure_list(catalogue: Catalogue) -> ProcedureList:
    """Return the catalogue's table of contents."""
    return ProcedureList(
        procedures=[
            ProcedureLine(
                procedure=procedure.name,
                version=procedure.version,
                title=dict(procedure.title),
                links=_procedure_links(procedure),
            )
            for procedure in catalogue.procedures()
        ]
    )


def procedure_document(procedure: Procedure) -> ProcedureDocument:
    """Return one version of a procedure: its schema and an example."""
    return ProcedureDocument(
        procedure=procedure.name,
        version=procedure.version,
        title=dict(procedure.title),
        links=_procedure_links(procedure),
        source=procedure.source,
        schema=dict(procedure.json_schema),
        example=dict(procedure.example),
    )


def _procedure_links(procedure: Procedure) -> Links:
    return Links(self=f"/v1/procedures/{procedure.name}/v{procedure.version}")


def proof(proved: ProvedEntry) -> AcceptanceProof:
    """Return the proof of an acceptance."""
    return AcceptanceProof(entry=_base64url(proved.entry), index=proved.index, proof=proved.proof)


def links_to(application_id: UUID) -> ApplicationLinks:
    """Return the links of an application."""
    path = f"/v1/applications/{application_id}"
    return ApplicationLinks(self=path, proof=f"{path}/proof")


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
