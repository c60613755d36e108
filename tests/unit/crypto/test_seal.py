"""Sealed deliveries are RFC 7516 to the byte, and nothing but the documented form opens."""

import base64
import dataclasses
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM
from joserfc import jwe
from joserfc.jwk import ECKey
from joserfc.registry import HeaderParameter

from gateway.crypto import keys
from gateway.crypto.seal import Opener, Sealer, read_envelope
from gateway.domain.envelope import MAX_PLAINTEXT_BYTES, Envelope
from gateway.domain.errors import KeyUnusableError, SealInvalidError
from gateway.domain.identifiers import (
    ApplicationId,
    DeliveryId,
    DestinationName,
    MunicipalityCode,
    ProcedureName,
)

JWK = keys.new_encryption_key()
SEALER = Sealer(keys.public_half(JWK))
OPENER = Opener([JWK])
ENVELOPE = Envelope(
    application_id=ApplicationId(UUID("01936b1e-0000-7000-8000-000000000001")),
    delivery_id=DeliveryId(UUID("01936b1e-0000-7000-8000-000000000002")),
    municipality=MunicipalityCode("131016"),
    destination=DestinationName("jido-teate"),
    procedure=ProcedureName("childcare/allowance-claim"),
    version=1,
    accepted_at=datetime(2026, 11, 20, 0, 30, 0, 123000, UTC),
)
OTHER_UUID = "01936b1e-0000-7000-8000-00000000000f"
KIB = 1024

Header = dict[str, Any]


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def reference_cipher(
    private: ec.EllipticCurvePrivateKey, public: ec.EllipticCurvePublicKey, mode: GCM
) -> Cipher[GCM]:
    """Derive the key as RFC 7518, 4.6.2 says, with no code in common with the gateway."""
    info = b"\0\0\0\x07A256GCM" + b"\0\0\0\0" + b"\0\0\0\0" + b"\0\0\x01\0"
    shared = private.exchange(ec.ECDH(), public)
    return Cipher(AES(hashlib.sha256(b"\0\0\0\x01" + shared + info).digest()), mode)


def reference_open(sealed: bytes, jwk: bytes) -> tuple[Header, bytes]:
    header, encrypted_key, iv, ciphertext, tag = sealed.decode("ascii").split(".")
    assert encrypted_key == ""
    members = json.loads(unb64(header))
    epk = ec.EllipticCurvePublicNumbers(
        int.from_bytes(unb64(members["epk"]["x"])),
        int.from_bytes(unb64(members["epk"]["y"])),
        ec.SECP256R1(),
    ).public_key()
    scalar = int.from_bytes(unb64(json.loads(jwk)["d"]))
    private = ec.derive_private_key(scalar, ec.SECP256R1())
    decryptor = reference_cipher(private, epk, GCM(unb64(iv), unb64(tag))).decryptor()
    decryptor.authenticate_additional_data(header.encode())
    return members, decryptor.update(unb64(ciphertext)) + decryptor.finalize()


def forge(
    change: Callable[[Header], None] = lambda _: None,
    plaintext: bytes = b"x",
    iv: bytes = b"\x01" * 12,
) -> bytes:
    """Seal correctly, by the reference, under a header of the forger's choice."""
    own = ec.generate_private_key(ec.SECP256R1())
    numbers = own.public_key().public_numbers()
    public = json.loads(keys.public_half(JWK))
    header: Header = {
        "alg": "ECDH-ES",
        "enc": "A256GCM",
        "typ": "kakehashi-sealed-1",
        "kid": public["kid"],
        "epk": {
            "kty": "EC",
            "crv": "P-256",
            "x": b64(numbers.x.to_bytes(32)),
            "y": b64(numbers.y.to_bytes(32)),
        },
        "application": str(ENVELOPE.application_id),
        "delivery": str(ENVELOPE.delivery_id),
        "municipality": "131016",
        "destination": "jido-teate",
        "procedure": "childcare/allowance-claim",
        "version": 1,
        "accepted_at": "2026-11-20T00:30:00.123Z",
    }
    change(header)
    encoded = b64(json.dumps(header).encode())
    point = ec.EllipticCurvePublicNumbers(
        int.from_bytes(unb64(public["x"])), int.from_bytes(unb64(public["y"])), ec.SECP256R1()
    ).public_key()
    encryptor = reference_cipher(own, point, GCM(iv)).encryptor()
    encryptor.authenticate_additional_data(encoded.encode())
    ciphertext = encryptor.update(plaintext) + encryptor.finalize()
    return ".".join([encoded, "", b64(iv), b64(ciphertext), b64(encryptor.tag)]).encode()


def setting(name: str, value: object) -> Callable[[Header], None]:
    return lambda header: header.__setitem__(name, value)


def epk(**members: object) -> Callable[[Header], None]:
    return lambda header: header["epk"].update(members)


def test_what_is_sealed_opens_with_its_envelope() -> None:
    sealed = SEALER.seal("氏名".encode(), ENVELOPE)

    assert OPENER.open(sealed) == ("氏名".encode(), ENVELOPE)


@pytest.mark.parametrize(
    "size", [0, 1, 48 * KIB - 1, 48 * KIB, 48 * KIB + 1, 64 * KIB + 1, KIB * KIB]
)
def test_every_size_opens_again(size: int) -> None:
    plaintext = hashlib.shake_256(b"size").digest(size)

    assert OPENER.open(SEALER.seal(plaintext, ENVELOPE))[0] == plaintext


def test_the_longest_plaintext_opens_and_a_longer_one_is_not_sealed() -> None:
    longest = bytes(MAX_PLAINTEXT_BYTES)

    assert OPENER.open(SEALER.seal(longest, ENVELOPE))[0] == longest
    with pytest.raises(ValueError, match=str(MAX_PLAINTEXT_BYTES + 1)):
        SEALER.seal(longest + b"x", ENVELOPE)


def test_two_seals_of_the_same_have_nothing_secret_in_common() -> None:
    one, two = (SEALER.seal(b"x" * 32, ENVELOPE).split(b".") for _ in range(2))

    assert one[0] != two[0]
    assert one[2:] != two[2:]


def test_a_reader_written_from_the_rfc_opens_it() -> None:
    members, plaintext = reference_open(SEALER.seal(b"plain", ENVELOPE), JWK)

    assert plaintext == b"plain"
    assert {name: value for name, value in members.items() if name != "epk"} == {
        "alg": "ECDH-ES",
        "enc": "A256GCM",
        "typ": "kakehashi-sealed-1",
        "kid": keys.thumbprint(JWK),
        "application": "01936b1e-0000-7000-8000-000000000001",
        "delivery": "01936b1e-0000-7000-8000-000000000002",
        "municipality": "131016",
        "destination": "jido-teate",
        "procedure": "childcare/allowance-claim",
        "version": 1,
        "accepted_at": "2026-11-20T00:30:00.123Z",
    }


def test_what_a_writer_made_from_the_rfc_seals_opens() -> None:
    assert OPENER.open(forge(plaintext=b"plain")) == (b"plain", ENVELOPE)


def joserfc_registry() -> jwe.JWERegistry:
    own = {"application", "delivery", "municipality", "destination", "procedure", "accepted_at"}
    headers = {name: HeaderParameter(name, "str") for name in own}
    return jwe.JWERegistry(
        header_registry={**headers, "version": HeaderParameter("version", "int")},
        algorithms=["ECDH-ES", "A256GCM"],
    )


def test_joserfc_opens_what_we_seal() -> None:
    key = ECKey.import_key(json.loads(JWK))

    opened = jwe.decrypt_compact(SEALER.seal(b"plain", ENVELOPE), key, registry=joserfc_registry())

    assert opened.plaintext == b"plain"


def test_what_joserfc_seals_opens() -> None:
    members = reference_open(SEALER.seal(b"", ENVELOPE), JWK)[0]
    members.pop("epk")
    public = ECKey.import_key(json.loads(keys.public_half(JWK)))

    sealed = jwe.encrypt_compact(members, b"plain", public, registry=joserfc_registry())

    assert OPENER.open(sealed.encode()) == (b"plain", ENVELOPE)


def test_the_envelope_is_read_without_a_key() -> None:
    assert read_envelope(SEALER.seal(b"x", ENVELOPE)) == ENVELOPE


def test_an_opener_has_the_keys_of_before_too() -> None:
    newer = keys.new_encryption_key()

    opener = Opener([newer, JWK])

    assert opener.open(SEALER.seal(b"old", ENVELOPE))[0] == b"old"
    assert opener.open(Sealer(keys.public_half(newer)).seal(b"new", ENVELOPE))[0] == b"new"


def test_another_destinations_key_does_not_open_it() -> None:
    with pytest.raises(SealInvalidError, match="another key"):
        Opener([keys.new_encryption_key()]).open(SEALER.seal(b"x", ENVELOPE))


def test_a_kid_that_names_our_key_on_what_was_sealed_to_another_does_not_open() -> None:
    other = keys.new_encryption_key()
    header, *rest = Sealer(keys.public_half(other)).seal(b"x", ENVELOPE).decode().split(".")
    members = json.loads(unb64(header)) | {"kid": keys.thumbprint(JWK)}

    with pytest.raises(SealInvalidError, match="altered or moved"):
        OPENER.open(".".join([b64(json.dumps(members).encode()), *rest]).encode())


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("application", OTHER_UUID),
        ("delivery", OTHER_UUID),
        ("municipality", "271004"),
        ("destination", "kaigo"),
        ("procedure", "care/certification-claim"),
        ("version", 2),
        ("accepted_at", "2026-11-20T00:30:00.124Z"),
    ],
)
def test_a_seal_moved_to_another_envelope_does_not_open(member: str, value: object) -> None:
    header, *rest = SEALER.seal(b"x", ENVELOPE).decode().split(".")
    members = json.loads(unb64(header)) | {member: value}
    moved = ".".join([b64(json.dumps(members).encode()), *rest]).encode()

    assert read_envelope(moved) != ENVELOPE
    with pytest.raises(SealInvalidError, match="altered or moved"):
        OPENER.open(moved)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(setting("alg", "none"), id="none"),
        pytest.param(setting("alg", "dir"), id="dir"),
        pytest.param(setting("alg", "RSA1_5"), id="RSA1_5"),
        pytest.param(setting("alg", "RSA-OAEP-256"), id="RSA-OAEP"),
        pytest.param(setting("alg", "PBES2-HS256+A128KW"), id="PBES2"),
        pytest.param(setting("alg", "A256KW"), id="A256KW"),
        pytest.param(setting("alg", "ECDH-ES+A256KW"), id="ECDH-ES+A256KW"),
        pytest.param(setting("alg", ["ECDH-ES"]), id="alg as a list"),
        pytest.param(setting("enc", "A128GCM"), id="A128GCM"),
        pytest.param(setting("enc", "A256CBC-HS512"), id="A256CBC-HS512"),
        pytest.param(setting("typ", "JWT"), id="another typ"),
        pytest.param(setting("zip", "DEF"), id="zip"),
        pytest.param(setting("crit", []), id="crit, empty"),
        pytest.param(setting("crit", ["exp"]), id="crit"),
        pytest.param(setting("apu", "QQ"), id="apu"),
        pytest.param(setting("jku", "https://example.org/"), id="jku"),
        pytest.param(setting("kid", 1), id="kid as a number"),
        pytest.param(setting("kid", None), id="kid as null"),
        pytest.param(setting("kid", ""), id="kid empty"),
        pytest.param(setting("application", "{" + OTHER_UUID + "}"), id="UUID in braces"),
        pytest.param(setting("delivery", OTHER_UUID.upper()), id="UUID in capitals"),
        pytest.param(setting("municipality", "13101"), id="five digits"),
        pytest.param(setting("municipality", "13101６"), id="a full-width digit"),
        pytest.param(setting("municipality", "131016\n"), id="a line break"),
        pytest.param(setting("destination", "../kaigo"), id="a path"),
        pytest.param(setting("procedure", "childcare"), id="no area"),
        pytest.param(setting("version", 0), id="version 0"),
        pytest.param(setting("version", "1"), id="version as text"),
        pytest.param(setting("version", 1.0), id="version as a float"),
        pytest.param(setting("version", True), id="version as a boolean"),
        pytest.param(setting("accepted_at", "2026-11-20T00:30:00Z"), id="no milliseconds"),
        pytest.param(setting("accepted_at", "2026-13-20T00:30:00.000Z"), id="month 13"),
        pytest.param(setting("accepted_at", "2026-11-20T09:30:00.000+09:00"), id="offset"),
        pytest.param(lambda header: header.pop("delivery"), id="a member missing"),
        pytest.param(lambda header: header.pop("epk"), id="no epk"),
        pytest.param(setting("epk", "x"), id="epk as text"),
        pytest.param(epk(d="AQ"), id="epk with a private half"),
        pytest.param(epk(crv="P-384"), id="epk on P-384"),
        pytest.param(epk(kty="OKP", crv="X25519"), id="epk on X25519"),
        pytest.param(epk(y=b64(b"\x01" * 32)), id="epk not on the curve"),
        pytest.param(epk(x=b64(bytes(32)), y=b64(bytes(32))), id="epk at the origin"),
        pytest.param(epk(x=b64(b"\xff" * 32)), id="epk beyond the field"),
        pytest.param(epk(x=b64(b"\x01" * 31)), id="epk with a short coordinate"),
        pytest.param(epk(x=b64(b"\x01" * 31), y=b64(b"\x01" * 33)), id="epk split elsewhere"),
        pytest.param(epk(x=b64(b"\x01" * 32) + "="), id="epk with padding"),
        pytest.param(epk(x=1), id="epk as a number"),
    ],
)
def test_a_header_of_another_form_is_refused(change: Callable[[Header], None]) -> None:
    with pytest.raises(SealInvalidError):
        OPENER.open(forge(change))


def test_a_coordinate_may_not_lend_a_byte_to_the_other() -> None:
    def shift(header: Header) -> None:
        point = unb64(header["epk"]["x"]) + unb64(header["epk"]["y"])
        header["epk"].update(x=b64(point[:31]), y=b64(point[31:]))

    with pytest.raises(SealInvalidError):
        OPENER.open(forge(shift))


def test_the_ciphertext_may_not_lend_bytes_to_the_tag() -> None:
    *rest, ciphertext, tag = forge(plaintext=b"xyz").decode().split(".")
    longer_tag = b64(unb64(ciphertext) + unb64(tag))

    with pytest.raises(SealInvalidError):
        OPENER.open(".".join([*rest, "", longer_tag]).encode())


@pytest.mark.parametrize("size", [8, 11, 13, 16])
def test_an_iv_of_another_length_is_refused_though_it_would_decrypt(size: int) -> None:
    with pytest.raises(SealInvalidError, match="not a compact JWE"):
        OPENER.open(forge(iv=b"\x01" * size))


PARTS = forge().split(b".")


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param(PARTS[:4], id="no tag"),
        pytest.param([*PARTS, b""], id="six parts"),
        pytest.param([PARTS[0], b"AA", *PARTS[2:]], id="an encrypted key"),
        pytest.param([*PARTS[:2], b64(b"\x01" * 11).encode(), *PARTS[3:]], id="a short iv"),
        pytest.param([*PARTS[:2], b64(b"\x01" * 16).encode(), *PARTS[3:]], id="a long iv"),
        pytest.param([*PARTS[:4], PARTS[4][:-1]], id="a short tag"),
        pytest.param([*PARTS[:4], b64(bytes(12)).encode()], id="a 96-bit tag"),
        pytest.param([*PARTS[:4], b64(bytes(16)).encode()], id="another tag"),
        pytest.param([*PARTS[:3], b"", PARTS[4]], id="no ciphertext"),
        pytest.param([*PARTS[:3], PARTS[3] + b"AA", PARTS[4]], id="more ciphertext"),
        pytest.param([*PARTS[:3], PARTS[3] + b"==", PARTS[4]], id="padding"),
        pytest.param([b"", *PARTS[1:]], id="no header"),
        pytest.param([b64(b"[]").encode(), *PARTS[1:]], id="a list for a header"),
        pytest.param([b64(b'{"alg":"ECDH-ES",').encode(), *PARTS[1:]], id="half a header"),
        pytest.param([b64(b"[" * 3000).encode(), *PARTS[1:]], id="a deep header"),
        pytest.param([b"A" * 5000, *PARTS[1:]], id="a long header"),
        pytest.param([b"\xff", *PARTS[1:]], id="not ASCII"),
        pytest.param([b""], id="nothing"),
    ],
)
def test_a_seal_of_another_shape_is_refused(parts: list[bytes]) -> None:
    with pytest.raises(SealInvalidError):
        OPENER.open(b".".join(parts))


def test_a_member_that_stands_twice_is_refused() -> None:
    twice = unb64(PARTS[0].decode()).replace(b"{", b'{"version": 2, ', 1)

    with pytest.raises(SealInvalidError):
        read_envelope(b".".join([b64(twice).encode(), *PARTS[1:]]))


def test_a_seal_longer_than_any_is_refused() -> None:
    with pytest.raises(SealInvalidError):
        OPENER.open(b".".join([*PARTS[:3], b"A" * (3 * MAX_PLAINTEXT_BYTES), PARTS[4]]))


def test_a_naive_time_is_not_sealed() -> None:
    naive = dataclasses.replace(ENVELOPE, accepted_at=datetime(2026, 11, 20))  # noqa: DTZ001

    with pytest.raises(ValueError, match="2026"):
        SEALER.seal(b"", naive)


def test_only_the_right_half_of_the_right_key_is_taken() -> None:
    for jwk in (JWK, keys.new_signing_key(), keys.new_secret()):
        with pytest.raises(KeyUnusableError):
            Sealer(jwk)
    for jwk in (keys.public_half(JWK), keys.new_signing_key(), keys.new_secret()):
        with pytest.raises(KeyUnusableError):
            Opener([jwk])
