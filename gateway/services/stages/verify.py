"""First stage: is this copy ours, and did our gateway sign it?"""

from dataclasses import dataclass
from datetime import datetime

from gateway.crypto.seal import read_envelope
from gateway.crypto.sign import Purpose, Verifier
from gateway.domain.envelope import Envelope
from gateway.domain.errors import SealInvalidError
from gateway.domain.identifiers import CopyId, DestinationName, MunicipalityCode
from gateway.ports.broker import Message
from gateway.services.wire import read_copy_headers


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedCopy:
    """A copy that the gateway signed for this destination, still sealed.

    Attributes:
        envelope: The protected header; the only source of ids.
        copy: The publish it came with; a hint until the claim.
        attempt: The attempt it belongs to; a hint until the claim.
        sealed: The JWE.
        received_at: When the worker got it.
        traceparent: W3C trace context or ``None``.
    """

    envelope: Envelope
    copy: CopyId
    attempt: int
    sealed: bytes
    received_at: datetime
    traceparent: str | None


def verify(
    message: Message,
    *,
    verifier: Verifier,
    destination: DestinationName,
    municipality: MunicipalityCode,
    received_at: datetime,
) -> VerifiedCopy:
    """Return the copy, or refuse it before anything is claimed.

    Raises:
        SignatureInvalidError: Unsigned, or not signed by the gateway.
        MessageMalformedError: Its headers name no copy or attempt.
        SealInvalidError: Not a sealed delivery, or one for somebody else.
    """
    headers = read_copy_headers(message)
    verifier.verify(message.body, headers.signature, Purpose.DELIVERY)
    envelope = read_envelope(message.body)
    if (envelope.destination, envelope.municipality) != (destination, municipality):
        raise SealInvalidError("moved")
    return VerifiedCopy(
        envelope=envelope,
        copy=headers.copy,
        attempt=headers.attempt,
        sealed=message.body,
        received_at=received_at,
        traceparent=headers.traceparent,
    )
