"""What the first version sealed and signed still opens and verifies."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from gateway.crypto import keys
from gateway.crypto.seal import Opener
from gateway.crypto.sign import Purpose, Verifier
from gateway.domain.envelope import Envelope
from gateway.domain.identifiers import (
    ApplicationId,
    DeliveryId,
    DestinationName,
    MunicipalityCode,
    ProcedureName,
)

DATA = Path(__file__).parents[2] / "data" / "sealed-1"
SIGNED_BY = "pifkliTQxMk4wnc0ok39mVuctjr_mfbwkH_kERhVG7s"


def golden(name: str) -> bytes:
    return (DATA / name).read_bytes()


def test_an_old_sealed_delivery_opens() -> None:
    plaintext, envelope = Opener([golden("destination.private.jwk")]).open(golden("sealed.jwe"))

    assert plaintext == golden("plaintext.json")
    assert envelope == Envelope(
        application_id=ApplicationId(UUID("01936b1e-0000-7000-8000-000000000001")),
        delivery_id=DeliveryId(UUID("01936b1e-0000-7000-8000-000000000002")),
        municipality=MunicipalityCode("131016"),
        destination=DestinationName("jido-teate"),
        procedure=ProcedureName("childcare/allowance-claim"),
        version=1,
        accepted_at=datetime(2026, 11, 20, 0, 30, 0, 123000, UTC),
    )


def test_old_signatures_verify() -> None:
    jwk = golden("gateway.public.jwk")
    verifier = Verifier({keys.thumbprint(jwk): jwk})
    detached, attached = golden("sealed.jws").decode(), golden("receipt.jws").decode()

    assert verifier.verify(golden("sealed.jwe"), detached, Purpose.DELIVERY) == SIGNED_BY
    assert verifier.verify_attached(attached, Purpose.RECEIPT) == (
        b'{"id":"01936b1e-0000-7000-8000-000000000001"}',
        SIGNED_BY,
    )
