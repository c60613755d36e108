"""The request body round A票 and B票, and the one call that checks a whole body."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from gateway.domain.values import receipt_number, timestamp
from gateway.schema.catalogue import Catalogue
from gateway.schema.errors import SENTENCES, FieldError, fragment, in_order
from gateway.schema.procedure import Procedure

_NAMING_FIELDS: Final = frozenset({"#/procedure", "#/version"})

_DESTINATION: Final = ("applicant", "destination", "municipality_code")

_CODES: Final[dict[str, tuple[str, str | None]]] = {
    "missing": ("field.required", None),
    "string_type": ("field.type", None),
    "int_type": ("field.type", None),
    "dict_type": ("field.type", None),
    "string_too_long": ("text.too_long", "max_length"),
    "string_too_short": ("text.too_short", "min_length"),
    "greater_than_equal": ("number.too_small", "ge"),
    "less_than_equal": ("number.too_large", "le"),
    "string_pattern_mismatch": ("procedure.format", None),
}
"""Pydantic's error type to our code, and which fact of its context is the limit. A type that
is not here is one of ours and is the code itself."""


def _receipt_number(value: object) -> object:
    if isinstance(value, str) and receipt_number.fault(value):
        raise PydanticCustomError("receipt_number.format", "receipt_number.format")
    return value


def _application_id(value: object) -> object:
    # UUID() also takes braces, "urn:uuid:" and 32 bare digits; one spelling is enough.
    if value is None or isinstance(value, UUID):
        return value
    if isinstance(value, str):
        try:
            identifier = UUID(value)
        except ValueError:
            identifier = None
        if identifier is not None and str(identifier) == value.lower():
            return identifier
        raise PydanticCustomError("application_id.format", "application_id.format")
    raise PydanticCustomError("field.type", "field.type")


def _moment(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("field.type", "field.type")
    try:
        return timestamp.parse(value)
    except ValueError:
        raise PydanticCustomError("timestamp.format", "timestamp.format") from None


class ApplicationRequest(BaseModel):
    """One application as a front end submits it (design 6.1)."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
        json_schema_extra={"additionalProperties": False},
    )

    procedure: str = Field(
        description="手続: `area/procedure`, as in `GET /v1/procedures`.",
        max_length=100,
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*$",
        examples=["childcare/allowance-claim"],
    )
    version: int = Field(description="The procedure's version.", ge=1, le=9999)
    receipt_number: Annotated[str, BeforeValidator(_receipt_number)] = Field(
        description="受付番号: unique per client and municipality; visible characters, no spaces.",
        min_length=1,
        max_length=receipt_number.MAX_CHARACTERS,
        json_schema_extra={"pattern": receipt_number.PATTERN},
        examples=["A-2026-000123"],
    )
    supersedes: Annotated[UUID | None, BeforeValidator(_application_id)] = Field(
        default=None,
        description="Id of the application that this one replaces (補正, 再提出).",
    )
    submitted_at: Annotated[datetime, BeforeValidator(_moment)] = Field(
        description="When the resident submitted it: RFC 3339 in capitals, with an offset of at "
        "most 14 hours; 1970 to 9998.",
        examples=["2026-11-20T09:30:00+09:00"],
    )
    applicant: dict[str, object] = Field(description="A票: who applies, and to whom.")
    content: dict[str, object] = Field(description="B票: the form, per procedure.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a body without any error says of itself, outside A票 and B票.

    Attributes:
        procedure: What it was checked against.
        version: The procedure's version.
        receipt_number: 受付番号 of the front end, 1 to 64 visible characters.
        supersedes: Id of the application it replaces, or ``None``.
        submitted_at: Aware, with the offset it was sent with.
        document: The whole body as it was parsed; it goes no further than its acceptance.
    """

    procedure: Procedure
    version: int
    receipt_number: str
    supersedes: UUID | None
    submitted_at: datetime
    document: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class UnknownProcedure:
    """The catalogue has no such procedure, or not this version of it.

    Attributes:
        latest: The newest version the catalogue has, ``None`` when it has none at all.
    """

    latest: int | None = None


def check(
    document: Mapping[str, object], catalogue: Catalogue, *, municipality: str | None = None
) -> Checked | tuple[FieldError, ...] | UnknownProcedure:
    """Check a whole request body: envelope, A票 and B票.

    Args:
        document: What ``parse_json`` returned.
        catalogue: The procedures this gateway knows.
        municipality: Whom the request was sent to, which A票 must name as its
            destination; ``None`` leaves that unchecked.

    Returns:
        ``Checked``, or all errors of the body at once (at least 1, at most 100, in a
        fixed order), or ``UnknownProcedure`` when it names a procedure properly and the
        catalogue does not have it.
    """
    procedure = _procedure(document, catalogue)
    envelope = _envelope(document)
    if procedure is None:
        return _without_procedure(envelope, catalogue)
    errors = list(procedure.validate(document))
    errors += _other_municipality(document, municipality)
    if isinstance(envelope, list):
        return in_order([*envelope, *errors])
    return in_order(errors) if errors else _checked(envelope, procedure, document)


def _procedure(document: Mapping[str, object], catalogue: Catalogue) -> Procedure | None:
    name, version = document.get("procedure"), document.get("version")
    if isinstance(name, str) and isinstance(version, int):
        return catalogue.get(name, version)
    return None


def _without_procedure(
    envelope: ApplicationRequest | list[FieldError], catalogue: Catalogue
) -> tuple[FieldError, ...] | UnknownProcedure:
    if isinstance(envelope, ApplicationRequest):
        latest = catalogue.latest(envelope.procedure)
        return UnknownProcedure(None if latest is None else latest.version)
    named = not _NAMING_FIELDS & {error.pointer for error in envelope}
    return UnknownProcedure() if named else in_order(envelope)


def _other_municipality(
    document: Mapping[str, object], municipality: str | None
) -> list[FieldError]:
    code: object = document
    for token in _DESTINATION:
        code = code.get(token) if isinstance(code, Mapping) else None
    if municipality is None or not isinstance(code, str) or code == municipality:
        return []
    return [FieldError(fragment(_DESTINATION), "destination.other_municipality")]


def _envelope(document: Mapping[str, object]) -> ApplicationRequest | list[FieldError]:
    try:
        return ApplicationRequest.model_validate(document)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return [_field_error(detail) for detail in details]


def _field_error(error: ErrorDetails) -> FieldError:
    kind = error["type"]
    if kind == "extra_forbidden":
        # The location names the unknown member, which is the sender's: leave it out.
        return FieldError("#", "field.unknown")
    context = error.get("ctx", {})
    code, limit = _CODES.get(kind, (kind if kind in SENTENCES else "field.invalid", None))
    params = () if limit is None else (("limit", context[limit]),)
    return FieldError(fragment(error["loc"]), code, params)


def _checked(
    envelope: ApplicationRequest, procedure: Procedure, document: Mapping[str, object]
) -> Checked:
    return Checked(
        procedure=procedure,
        version=envelope.version,
        receipt_number=envelope.receipt_number,
        supersedes=envelope.supersedes,
        submitted_at=envelope.submitted_at,
        document=document,
    )
