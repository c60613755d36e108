"""Pseudonyms are what their documentation says, byte for byte, and never equal by kind."""

import hmac
import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from gateway.crypto import keys
from gateway.crypto.jose import b64decode
from gateway.crypto.pseudonym import Pseudonyms, year_of
from gateway.domain.errors import KeyUnusableError
from gateway.domain.identifiers import ApplicationId, ClientName, DestinationName, MunicipalityCode

SECRET = keys.new_secret()
MASTER = b64decode(json.loads(SECRET)["k"].encode())
PSEUDONYMS = Pseudonyms(SECRET)
TOKYO, OSAKA = MunicipalityCode("131016"), MunicipalityCode("271004")
APPLICATION = ApplicationId(UUID("01936b1e-0000-7000-8000-000000000001"))


def sha256_mac(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, "sha256").digest()


def reference_key(label: bytes, scope: bytes) -> bytes:
    """HKDF written out (RFC 5869, 2.2 and 2.3), one block."""
    extracted = sha256_mac(bytes(32), MASTER)
    return sha256_mac(extracted, b"kakehashi/1/" + label + b"\x00" + scope + b"\x01")


def test_a_receipt_number_is_hashed_as_documented() -> None:
    expected = sha256_mac(reference_key(b"receipt-number", b"131016"), "受付１".encode())

    assert PSEUDONYMS.receipt_mac(TOKYO, "受付１") == expected


def test_a_receipt_number_in_the_log_has_a_key_of_its_municipality_and_year() -> None:
    expected = sha256_mac(reference_key(b"subject", b"131016/2026"), "受付１".encode())

    assert PSEUDONYMS.subject(TOKYO, 2026, "受付１") == expected
    others = {PSEUDONYMS.subject(OSAKA, 2026, "受付１"), PSEUDONYMS.subject(TOKYO, 2027, "受付１")}
    assert len({expected, PSEUDONYMS.receipt_mac(TOKYO, "受付１"), *others}) == 4


def test_a_year_begins_in_japan() -> None:
    assert year_of(datetime(2026, 12, 31, 14, 59, 59, tzinfo=UTC)) == 2026
    assert year_of(datetime(2026, 12, 31, 15, 0, tzinfo=UTC)) == 2027


def test_a_configuration_is_hashed_as_documented() -> None:
    expected = sha256_mac(reference_key(b"settings", b""), b"{}")

    assert PSEUDONYMS.settings_mac("{}") == expected


def test_an_order_key_is_hashed_as_documented() -> None:
    expected = sha256_mac(reference_key(b"order", b"jido-teate"), '"甲-1"'.encode())

    assert PSEUDONYMS.order_mac(DestinationName("jido-teate"), '"甲-1"') == expected


def test_an_idempotency_key_is_hashed_as_documented() -> None:
    expected = sha256_mac(reference_key(b"idempotency-key", b"portal"), b"k-1")

    assert PSEUDONYMS.idempotency_mac(ClientName("portal"), "k-1") == expected


def test_a_commitment_is_made_as_documented() -> None:
    key, value = PSEUDONYMS.commitment(APPLICATION, b"body")

    assert key == reference_key(b"commitment", b"01936b1e-0000-7000-8000-000000000001")
    assert value == sha256_mac(key, b"body")


def test_kind_scope_and_secret_each_make_another_pseudonym() -> None:
    macs = {
        PSEUDONYMS.receipt_mac(TOKYO, "1"),
        PSEUDONYMS.receipt_mac(OSAKA, "1"),
        PSEUDONYMS.receipt_mac(TOKYO, "2"),
        PSEUDONYMS.idempotency_mac(ClientName(TOKYO), "1"),
        Pseudonyms(keys.new_secret()).receipt_mac(TOKYO, "1"),
    }

    assert len(macs) == 5


def test_the_boundary_between_scope_and_text_cannot_be_moved() -> None:
    one = PSEUDONYMS.idempotency_mac(ClientName("a"), "bc")

    assert one != PSEUDONYMS.idempotency_mac(ClientName("ab"), "c")


def test_only_a_secret_is_taken() -> None:
    with pytest.raises(KeyUnusableError):
        Pseudonyms(keys.new_signing_key())
