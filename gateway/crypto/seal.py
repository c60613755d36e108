"""Sealed deliveries: what only the destination can open.

A sealed delivery is a JWE in compact serialisation (RFC 7516, 7.1), ASCII::

    BASE64URL(protected header) . . BASE64URL(iv) . BASE64URL(ciphertext) . BASE64URL(tag)

with ``ECDH-ES`` on P-256 and ``A256GCM``. Every seal has a key pair of its own, so every
content key is used once. The protected header is JSON with exactly these members, in any
order; it is the associated data of the encryption, so none of them can be exchanged:

============  ===========================================================================
accepted_at   RFC 3339, UTC, three digits of a second
alg           ``ECDH-ES``
application   UUID in lower case
delivery      UUID in lower case
destination   the destination's name
enc           ``A256GCM``
epk           the message's own public key: ``{"crv", "kty", "x", "y"}``
kid           RFC 7638 thumbprint of the destination's public key
municipality  six digits
procedure     ``area/procedure``
typ           ``kakehashi-sealed-1``: this table
version       the procedure's version, from 1
============  ===========================================================================

joserfc can do this too, and the tests hold us against it both ways. It is not used here
because it reads far more than the one form we write, and costs a third more (ADR 0007).
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.crypto import jose, keys
from gateway.crypto.algorithms import (
    CONTENT_KEY_BYTES,
    COORDINATE_BYTES,
    IV_BYTES,
    SEAL_ALG,
    SEAL_CURVE,
    SEAL_ENC,
    TAG_BYTES,
)
from gateway.domain.envelope import MAX_PLAINTEXT_BYTES, Envelope
from gateway.domain.errors import SealInvalidError
from gateway.domain.identifiers import (
    NAME_PATTERN,
    ApplicationId,
    DeliveryId,
    DestinationName,
    MunicipalityCode,
    ProcedureName,
)

SEALED_TYPE: Final = "kakehashi-sealed-1"

_MAX_HEADER_CHARS: Final = 4096
_MAX_SEALED_BYTES: Final = _MAX_HEADER_CHARS + MAX_PLAINTEXT_BYTES * 4 // 3 + 64
_MEMBERS: Final = frozenset(
    {"alg", "enc", "typ", "kid", "epk"}
    | {"application", "delivery", "municipality", "destination"}
    | {"procedure", "version", "accepted_at"}
)
_CURVE: Final = ec.SECP256R1()
# RFC 7518, 4.6.2: AlgorithmID (for direct agreement: "enc"), no PartyUInfo and PartyVInfo,
# SuppPubInfo (the key's length in bits); each but the last with its length before it.
_KDF_INFO: Final = b"".join(
    (
        len(SEAL_ENC).to_bytes(4, "big") + SEAL_ENC.encode(),
        (0).to_bytes(4, "big"),
        (0).to_bytes(4, "big"),
        (CONTENT_KEY_BYTES * 8).to_bytes(4, "big"),
    )
)
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_MUNICIPALITY: Final = re.compile(r"[0-9]{6}")
_PROCEDURE: Final = re.compile(r"[a-z0-9-]{1,63}/[a-z0-9-]{1,63}")


class Sealer:
    """Seals to one destination."""

    def __init__(self, public_jwk: bytes) -> None:
        """Take the destination's public key.

        Raises:
            KeyUnusableError: It is not the public half of an encryption key.
        """
        self._key = keys.sealing_key(public_jwk)
        self._kid = keys.thumbprint(public_jwk)

    def seal(self, plaintext: bytes, envelope: Envelope) -> bytes:
        """Return the plaintext as a JWE that only the destination can open.

        Args:
            plaintext: At most ``MAX_PLAINTEXT_BYTES``; may be empty.
            envelope: What stands in clear on it; ``accepted_at`` is written with
                milliseconds, further digits are cut off.

        Returns:
            ASCII, about 4/3 of the plaintext and 850 bytes.

        Raises:
            ValueError: The plaintext is too long, or ``accepted_at`` is naive.
        """
        if len(plaintext) > MAX_PLAINTEXT_BYTES:
            raise ValueError(len(plaintext))
        own = ec.generate_private_key(_CURVE)
        header = jose.b64encode(
            jose.write_object(
                {
                    "alg": SEAL_ALG,
                    "enc": SEAL_ENC,
                    "typ": SEALED_TYPE,
                    "kid": self._kid,
                    "epk": _public_members(own.public_key()),
                }
                | _envelope_members(envelope)
            )
        )
        iv = os.urandom(IV_BYTES)
        locked = AESGCM(_content_key(own, self._key)).encrypt(iv, plaintext, header)
        ciphertext, tag = locked[:-TAG_BYTES], locked[-TAG_BYTES:]
        # The second part, the encrypted key, is empty: it is agreed upon (RFC 7516, 5.1).
        return b".".join((header, b"", *(jose.b64encode(part) for part in (iv, ciphertext, tag))))


class Opener:
    """Opens what is sealed to one destination: with its key, and the keys it had before."""

    def __init__(self, private_jwks: Iterable[bytes]) -> None:
        """Take the destination's private keys.

        Raises:
            KeyUnusableError: One of them is not a private encryption key.
        """
        self._keys = {keys.thumbprint(jwk): keys.opening_key(jwk) for jwk in private_jwks}

    def open(self, sealed: bytes) -> tuple[bytes, Envelope]:
        """Return the plaintext, and the envelope that was sealed with it.

        Raises:
            SealInvalidError: Sealed to another key, altered, moved, or not a seal.
        """
        header, iv, ciphertext, tag = _split(sealed)
        parsed = _parse_header(header)
        key = self._keys.get(parsed.kid)
        if key is None:
            raise SealInvalidError("sealed to another key")
        try:
            sender = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, parsed.point)
            locked = jose.b64decode(ciphertext) + jose.b64decode(tag)
            plaintext = AESGCM(_content_key(key, sender)).decrypt(
                jose.b64decode(iv), locked, header
            )
        except ValueError as error:
            raise SealInvalidError("malformed") from error
        except InvalidTag as error:
            raise SealInvalidError("altered or moved") from error
        return plaintext, parsed.envelope


def read_envelope(sealed: bytes) -> Envelope:
    """Return what stands on a sealed delivery, without opening it.

    It is what somebody wrote there: true only if the gateway's signature over
    ``sealed`` verifies, or once ``Opener.open`` has returned it.

    Raises:
        SealInvalidError: Not a seal as documented above.
    """
    header, *_ = _split(sealed)
    return _parse_header(header).envelope


@dataclass(frozen=True, slots=True)
class _Header:
    kid: str
    point: bytes
    envelope: Envelope


def _split(sealed: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Return header, iv, ciphertext and tag, encoded, of the right number and lengths."""
    parts = sealed.split(b".", 5) if len(sealed) <= _MAX_SEALED_BYTES else ()
    match parts:
        case (header, b"", iv, ciphertext, tag) if (
            len(header) <= _MAX_HEADER_CHARS
            and len(iv) == _encoded_length(IV_BYTES)
            and len(tag) == _encoded_length(TAG_BYTES)
        ):
            return header, iv, ciphertext, tag
    raise SealInvalidError("not a compact JWE of the documented kind")


def _encoded_length(octets: int) -> int:
    return -(-octets * 4 // 3)


def _parse_header(header: bytes) -> _Header:
    try:
        members = jose.read_object(jose.b64decode(header))
        return _checked_header(members)
    except ValueError as error:
        raise SealInvalidError("header malformed") from error


def _checked_header(members: dict[str, object]) -> _Header:
    """Return the header; nothing but the one documented form passes (``ValueError``)."""
    if members.keys() != _MEMBERS:
        raise ValueError("members")
    if (members["alg"], members["enc"], members["typ"]) != (SEAL_ALG, SEAL_ENC, SEALED_TYPE):
        raise ValueError("algorithms")
    version = members["version"]
    if type(version) is not int or version < 1:
        raise ValueError("version")
    instant = _text(members, "accepted_at", _INSTANT)
    return _Header(
        kid=_text(members, "kid"),
        point=_point(members["epk"]),
        envelope=Envelope(
            application_id=ApplicationId(_uuid(members, "application")),
            delivery_id=DeliveryId(_uuid(members, "delivery")),
            municipality=MunicipalityCode(_text(members, "municipality", _MUNICIPALITY)),
            destination=DestinationName(_text(members, "destination", NAME_PATTERN)),
            procedure=ProcedureName(_text(members, "procedure", _PROCEDURE)),
            version=version,
            accepted_at=datetime.fromisoformat(instant),
        ),
    )


def _text(members: dict[str, object], name: str, pattern: re.Pattern[str] | None = None) -> str:
    text = members[name]
    if not isinstance(text, str) or (pattern and pattern.fullmatch(text) is None):
        raise ValueError(name)
    return text


def _uuid(members: dict[str, object], name: str) -> UUID:
    text = _text(members, name)
    value = UUID(text)
    if str(value) != text:
        raise ValueError(name)
    return value


def _point(epk: object) -> bytes:
    """Return the uncompressed point (SEC 1, 2.3.3); whether it is on the curve is not seen."""
    match epk:
        case {"kty": "EC", "crv": crv, "x": str(x), "y": str(y), **rest} if (
            crv == SEAL_CURVE and not rest
        ):
            point = jose.b64decode(x.encode()) + jose.b64decode(y.encode())
            if len(x) == len(y) and len(point) == 2 * COORDINATE_BYTES:
                return b"\x04" + point
    raise ValueError("epk")


def _public_members(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    x, y = point[1 : 1 + COORDINATE_BYTES], point[1 + COORDINATE_BYTES :]
    return {
        "kty": "EC",
        "crv": SEAL_CURVE,
        "x": jose.b64encode(x).decode("ascii"),
        "y": jose.b64encode(y).decode("ascii"),
    }


def _envelope_members(envelope: Envelope) -> dict[str, object]:
    if envelope.accepted_at.tzinfo is None:
        raise ValueError(envelope.accepted_at)
    instant = envelope.accepted_at.astimezone(UTC).isoformat(timespec="milliseconds")
    return {
        "application": str(envelope.application_id),
        "delivery": str(envelope.delivery_id),
        "municipality": envelope.municipality,
        "destination": envelope.destination,
        "procedure": envelope.procedure,
        "version": envelope.version,
        "accepted_at": instant.removesuffix("+00:00") + "Z",
    }


def _content_key(private: ec.EllipticCurvePrivateKey, public: ec.EllipticCurvePublicKey) -> bytes:
    """Return the agreed-upon key (RFC 7518, 4.6.2), 32 bytes."""
    shared = private.exchange(ec.ECDH(), public)
    return ConcatKDFHash(SHA256(), CONTENT_KEY_BYTES, _KDF_INFO).derive(shared)
