"""What stands in clear, and protected, on a sealed delivery, and how much is in it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.domain.identifiers import (
    ApplicationId,
    DeliveryId,
    DestinationName,
    MunicipalityCode,
    ProcedureName,
)

MAX_PLAINTEXT_BYTES: Final = 2 * 1024 * 1024
"""Twice the door's limit for a body (1 MiB), which leaves room for what stands round it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The JWE's protected header but for its cryptographic members.

    The whole header is the associated data of the encryption (RFC 7516, 5.1):
    moving the ciphertext to another delivery, destination, municipality or
    procedure makes it impossible to open.
    """

    application_id: ApplicationId
    delivery_id: DeliveryId
    municipality: MunicipalityCode
    destination: DestinationName
    procedure: ProcedureName
    version: int
    accepted_at: datetime
