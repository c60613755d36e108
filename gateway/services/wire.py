"""How gateway and workers write what they say to each other.

Bodies are JSON of the domain's own dataclasses; each travels with a detached
signature whose purpose is part of what is signed, so that an outcome cannot be
replayed as a claim. A delivery's body is its sealed bytes, with CloudEvents 1.0
attributes as ``ce-`` headers (the RabbitMQ 0-9-1 binding, binary mode).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from gateway.crypto.sign import Purpose, Signer, Verifier
from gateway.domain.claim import Claim, ClaimAnswer, Heartbeat, Terms
from gateway.domain.errors import MessageMalformedError, SignatureInvalidError
from gateway.domain.identifiers import CopyId, NodeName
from gateway.domain.outcome import CopyRefused, Outcome
from gateway.domain.records import FeedbackRecord, SealedDelivery
from gateway.ports.broker import Message

T = TypeVar("T")

SIGNATURE_HEADER: Final = "kakehashi-signature"
TRACEPARENT_HEADER: Final = "traceparent"
ATTEMPT_HEADER: Final = "ce-attempt"
KIND_HEADER: Final = "ce-type"
ID_HEADER: Final = "ce-id"

DELIVERY_TYPE: Final = "jp.kakehashi.delivery.v1"
OUTCOME_TYPE: Final = "jp.kakehashi.outcome.v1"
FEEDBACK_TYPE: Final = "jp.kakehashi.feedback.v1"
REFUSED_TYPE: Final = "jp.kakehashi.copy-refused.v1"

SEALED_CONTENT_TYPE: Final = "application/jose"
"""JWE compact serialisation (RFC 7515, 9.2.1)."""

_MOST_CLAIMS: Final = 256
_LARGEST_COUNT: Final = 2**31 - 1
_YEARS: Final = range(1970, 9999)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_LONGEST_TEXT: Final = 2_048
_MOST_CLAIM_BYTES: Final = 512 * _MOST_CLAIMS
_MOST_REPORT_BYTES: Final = 8_192
"""What a report says must fit into an audit entry even if every character is escaped."""


@dataclass(frozen=True, slots=True)
class Claims:
    """Several claims of one worker, asked in one message."""

    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to ``Claims``, in the same order; a claim the gateway refused has none."""

    answers: tuple[ClaimAnswer, ...]


@dataclass(frozen=True, slots=True)
class CopyHeaders:
    """What a copy's headers say of it: hints, which the gateway checks at the claim."""

    copy: CopyId
    attempt: int
    signature: str
    traceparent: str | None


class _Codec(Generic[T]):
    """Reads and writes one kind of signed message."""

    def __init__(
        self, kind: type[T], purpose: Purpose, *, most_bytes: int = _MOST_REPORT_BYTES
    ) -> None:
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)
        self._purpose = purpose
        self._most_bytes = most_bytes

    def write(self, value: T, signer: Signer, headers: Mapping[str, str] | None = None) -> Message:
        """Return ``value`` as a signed message."""
        body = self._adapter.dump_json(value)
        return Message(
            body=body,
            content_type="application/json",
            headers={**(headers or {}), SIGNATURE_HEADER: signer.sign(body, self._purpose)},
        )

    def read(self, message: Message, verifier: Verifier) -> tuple[T, str]:
        """Return the value and the id of the key that signed it.

        Raises:
            SignatureInvalidError: Not signed for this purpose by a known key.
            MessageMalformedError: Signed, but not of the documented shape.
        """
        signature = message.headers.get(SIGNATURE_HEADER)
        if signature is None:
            raise SignatureInvalidError("unsigned")
        if len(message.body) > self._most_bytes:
            raise MessageMalformedError("too long")
        kid = verifier.verify(message.body, signature, self._purpose)
        try:
            value = self._adapter.validate_json(message.body)
        except ValidationError as error:
            raise MessageMalformedError(self._purpose) from error
        if not is_plain(value):
            raise MessageMalformedError(self._purpose)
        return value, kid


def is_plain(value: object) -> bool:
    """Tell whether ``value`` holds nothing that a journal could not store or compare.

    That is a time without a zone or beyond what databases count in, a number that is no
    count, a control character (PostgreSQL has no NUL), a text beyond 2,048 characters, or more
    claims than one message may have.
    """
    match value:
        case datetime():
            return value.tzinfo is not None and value.year in _YEARS
        case int():
            return 0 <= value <= _LARGEST_COUNT
        case float():
            return 0.0 <= value <= _LARGEST_COUNT
        case str():
            return len(value) <= _LONGEST_TEXT and _CONTROL.search(value) is None
        case tuple():
            return len(value) <= _MOST_CLAIMS and all(map(is_plain, value))
        case _ if is_dataclass(value):
            return all(is_plain(getattr(value, field.name)) for field in fields(value))
        case _:
            return True


CLAIMS_CODEC: Final = _Codec(Claims, Purpose.CLAIM, most_bytes=_MOST_CLAIM_BYTES)
ANSWERS_CODEC: Final = _Codec(Answers, Purpose.CLAIM_ANSWER, most_bytes=_MOST_CLAIM_BYTES)
OUTCOME_CODEC: Final = _Codec(Outcome, Purpose.OUTCOME)
FEEDBACK_CODEC: Final = _Codec(FeedbackRecord, Purpose.FEEDBACK)
REFUSED_CODEC: Final = _Codec(CopyRefused, Purpose.OUTCOME)
HEARTBEAT_CODEC: Final = _Codec(Heartbeat, Purpose.HEARTBEAT)
TERMS_CODEC: Final = _Codec(Terms, Purpose.TERMS)


def delivery_message(delivery: SealedDelivery, *, copy: CopyId, node: NodeName) -> Message:
    """Return one copy of a delivery as it is published."""
    headers = {
        "ce-specversion": "1.0",
        KIND_HEADER: DELIVERY_TYPE,
        "ce-source": f"/kakehashi/{node}",
        ID_HEADER: str(copy),
        "ce-subject": f"{delivery.procedure}/v{delivery.version}",
        ATTEMPT_HEADER: str(delivery.record.attempt),
        SIGNATURE_HEADER: delivery.signature,
    }
    if delivery.traceparent is not None:
        headers[TRACEPARENT_HEADER] = delivery.traceparent
    return Message(body=delivery.sealed, content_type=SEALED_CONTENT_TYPE, headers=headers)


def read_copy_headers(message: Message) -> CopyHeaders:
    """Read a copy's headers, also under the prefixes ``cloudEvents_`` and ``cloudEvents:``.

    Raises:
        MessageMalformedError: The copy's id or attempt is missing or malformed.
        SignatureInvalidError: It is not signed.
    """
    headers = {
        name.lower().replace("cloudevents_", "ce-").replace("cloudevents:", "ce-"): value
        for name, value in message.headers.items()
    }
    try:
        copy, attempt = CopyId(UUID(headers[ID_HEADER])), int(headers[ATTEMPT_HEADER])
    except (KeyError, ValueError) as error:
        raise MessageMalformedError("copy headers") from error
    if not 1 <= attempt <= _LARGEST_COUNT:
        # Else the claim would be malformed, and with it those asked in the same message.
        raise MessageMalformedError("attempt")
    if SIGNATURE_HEADER not in headers:
        raise SignatureInvalidError("unsigned")
    return CopyHeaders(
        copy=copy,
        attempt=attempt,
        signature=headers[SIGNATURE_HEADER],
        traceparent=headers.get(TRACEPARENT_HEADER),
    )
