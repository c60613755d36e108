"""No change to a sealed delivery or a signature goes unnoticed, and no input is a crash."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.crypto import keys
from gateway.crypto.seal import Opener, Sealer, read_envelope
from gateway.crypto.sign import Purpose, Signer, Verifier
from gateway.domain.envelope import Envelope
from gateway.domain.errors import KeyUnusableError, SealInvalidError, SignatureInvalidError
from gateway.domain.identifiers import (
    ApplicationId,
    DeliveryId,
    DestinationName,
    MunicipalityCode,
    ProcedureName,
)

JWK = keys.new_encryption_key()
SEALER, OPENER = Sealer(keys.public_half(JWK)), Opener([JWK])
SIGNING_JWK = keys.new_signing_key()
SIGNER = Signer(SIGNING_JWK)
VERIFIER = Verifier({SIGNER.kid: keys.public_half(SIGNING_JWK)})

labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
envelopes = st.builds(
    Envelope,
    application_id=st.builds(ApplicationId, st.uuids()),
    delivery_id=st.builds(DeliveryId, st.uuids()),
    municipality=st.from_regex(r"[0-9]{6}", fullmatch=True).map(MunicipalityCode),
    destination=labels.map(DestinationName),
    procedure=st.tuples(labels, labels).map("/".join).map(ProcedureName),
    version=st.integers(1, 10**6),
    accepted_at=st.datetimes(
        timezones=st.just(UTC),
        min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    ).map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)),
)
ENVELOPE = Envelope(
    application_id=ApplicationId(UUID(int=1)),
    delivery_id=DeliveryId(UUID(int=2)),
    municipality=MunicipalityCode("131016"),
    destination=DestinationName("jido-teate"),
    procedure=ProcedureName("childcare/allowance-claim"),
    version=1,
    accepted_at=datetime(2026, 11, 20, tzinfo=UTC),
)
# Of every length modulo 3, so that the last character of base64url has all its forms.
SEALED = [SEALER.seal(b"x" * size, ENVELOPE) for size in (30, 31, 32)]
DETACHED = SIGNER.sign(b"payload", Purpose.OUTCOME)
ATTACHED = SIGNER.sign_attached(b"payload", Purpose.RECEIPT)


@given(st.binary(max_size=300), envelopes)
def test_whatever_is_sealed_opens_as_it_was(plaintext: bytes, envelope: Envelope) -> None:
    sealed = SEALER.seal(plaintext, envelope)

    assert read_envelope(sealed) == envelope
    assert OPENER.open(sealed) == (plaintext, envelope)


@given(st.sampled_from(SEALED), st.integers(0, 10**6), st.integers(1, 255))
@settings(max_examples=500)
def test_a_seal_with_any_byte_changed_does_not_open(
    sealed: bytes, place: int, difference: int
) -> None:
    changed = bytearray(sealed)
    changed[place % len(changed)] ^= difference

    with pytest.raises(SealInvalidError):
        OPENER.open(bytes(changed))


def test_a_seal_with_any_bit_changed_does_not_open() -> None:
    for sealed in SEALED:
        for bit in range(len(sealed) * 8):
            changed = bytearray(sealed)
            changed[bit // 8] ^= 1 << bit % 8
            with pytest.raises(SealInvalidError):
                OPENER.open(bytes(changed))


@given(st.sampled_from(SEALED), st.integers(0, 10**6))
def test_a_seal_cut_short_does_not_open(sealed: bytes, length: int) -> None:
    with pytest.raises(SealInvalidError):
        OPENER.open(sealed[: length % len(sealed)])


@given(envelopes, envelopes)
def test_a_header_does_not_fit_another_seal(one: Envelope, two: Envelope) -> None:
    header = SEALER.seal(b"x", one).partition(b".")[0]
    rest = SEALER.seal(b"x", two).partition(b".")[2]

    with pytest.raises(SealInvalidError):
        OPENER.open(header + b"." + rest)


@given(st.integers(0, 10**6), st.characters())
@settings(max_examples=500)
def test_a_signature_with_any_character_changed_does_not_verify(place: int, other: str) -> None:
    changed, changed_attached = (
        jws[: place % len(jws)] + other + jws[place % len(jws) + 1 :]
        for jws in (DETACHED, ATTACHED)
    )

    if changed != DETACHED:
        with pytest.raises(SignatureInvalidError):
            VERIFIER.verify(b"payload", changed, Purpose.OUTCOME)
    if changed_attached != ATTACHED:
        with pytest.raises(SignatureInvalidError):
            VERIFIER.verify_attached(changed_attached, Purpose.RECEIPT)


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_a_signature_fits_one_payload(signed: bytes, other: bytes) -> None:
    signature = SIGNER.sign(signed, Purpose.CLAIM)

    assert VERIFIER.verify(signed, signature, Purpose.CLAIM) == SIGNER.kid
    if other != signed:
        with pytest.raises(SignatureInvalidError):
            VERIFIER.verify(other, signature, Purpose.CLAIM)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_opener_fail_otherwise(octets: bytes) -> None:
    with pytest.raises(SealInvalidError):
        OPENER.open(octets)


@given(st.text(max_size=200))
def test_no_text_makes_the_verifier_fail_otherwise(text: str) -> None:
    with pytest.raises(SignatureInvalidError):
        VERIFIER.verify(b"payload", text, Purpose.OUTCOME)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reading_of_a_key_fail_otherwise(octets: bytes) -> None:
    with pytest.raises(KeyUnusableError):
        keys.thumbprint(octets)
