"""Who said it: JWS signatures (RFC 7515) between gateway, workers and front ends.

The protected header has exactly three members, ``alg`` (``Ed25519``, RFC 9864), ``kid``
(RFC 7638 thumbprint) and ``typ`` (``kakehashi-`` and the purpose), written in one way
only: a verifier knows every header it accepts byte for byte and looks it up, so that no
algorithm, key, ``crit`` or ``b64`` is ever taken from a message.

Detached (RFC 7515, appendix F), ``header..signature``: the JWS payload is the 32-byte
SHA-256 digest of what is signed, which travels beside it. Attached: the payload itself.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.crypto import jose, keys
from gateway.crypto.algorithms import SIGN_ALG
from gateway.domain.errors import KeyUnusableError, SignatureInvalidError

MAX_ATTACHED_CHARS: Final = 65_536
"""Longest attached JWS that is looked at; a receipt has about 1,000."""

UNKNOWN_KEY: Final = "signed by an unknown key"
"""What ``SignatureInvalidError`` says when it cannot be told whether a signature is good."""

_MAX_DETACHED_CHARS: Final = 512
_COMPACT_PARTS: Final = 3


class Purpose(StrEnum):
    """What a signed message is; one kind can never be replayed as another."""

    DELIVERY = "delivery"
    """Gateway to worker: the sealed bytes."""
    CLAIM = "claim"
    """Worker to gateway: may I open this?"""
    CLAIM_ANSWER = "claim-answer"
    """Gateway to worker."""
    OUTCOME = "outcome"
    """Worker to gateway."""
    FEEDBACK = "feedback"
    """Worker to gateway."""
    HEARTBEAT = "heartbeat"
    """Worker to gateway."""
    TERMS = "terms"
    """Gateway to worker: the answer to a heartbeat."""
    RECEIPT = "receipt"
    """Gateway to front end, attached."""


class Signer:
    """Signs with one private key."""

    def __init__(self, private_jwk: bytes) -> None:
        """Take the key.

        Raises:
            KeyUnusableError: It is not a private signing key.
        """
        self._key = keys.signing_key(private_jwk)
        self.kid: Final = keys.thumbprint(private_jwk)
        self._headers = {purpose: _header(self.kid, purpose) for purpose in Purpose}

    def sign(self, payload: bytes, purpose: Purpose) -> str:
        """Return a detached JWS over the payload, about 230 ASCII characters.

        Args:
            payload: Any length; not contained in the result.
            purpose: What the message is.
        """
        header = self._headers[purpose]
        signature = self._key.sign(header + b"." + _digest(payload))
        return (header + b".." + jose.b64encode(signature)).decode("ascii")

    def sign_attached(self, payload: bytes, purpose: Purpose) -> str:
        """Return a compact JWS that contains the payload."""
        signed = self._headers[purpose] + b"." + jose.b64encode(payload)
        return (signed + b"." + jose.b64encode(self._key.sign(signed))).decode("ascii")


class Verifier:
    """Verifies what was signed with any of a set of keys."""

    def __init__(self, public_jwks: Mapping[str, bytes]) -> None:
        """Take the keys that are trusted.

        Args:
            public_jwks: ``kid`` to public JWK.

        Raises:
            KeyUnusableError: One of them is not a public signing key, or not of this ``kid``.
        """
        self._headers: dict[bytes, tuple[Purpose, str, Ed25519PublicKey]] = {}
        for kid, jwk in public_jwks.items():
            if kid != keys.thumbprint(jwk):
                raise KeyUnusableError(kid)
            key = keys.verifying_key(jwk)
            for purpose in Purpose:
                self._headers[_header(kid, purpose)] = (purpose, kid, key)

    def verify(self, payload: bytes, signature: str, purpose: Purpose) -> str:
        """Return the ``kid`` of the key that signed ``payload`` for ``purpose``, detached.

        Raises:
            SignatureInvalidError: Unsigned, signed by an unknown key or for another
                purpose, or not what was signed; the argument says which.
        """
        header, content, octets = _split(signature, _MAX_DETACHED_CHARS)
        if content:
            raise SignatureInvalidError("malformed")
        return self._verify(header, _digest(payload), octets, purpose)

    def verify_attached(self, signed: str, purpose: Purpose) -> tuple[bytes, str]:
        """Return the payload of an attached JWS, and the ``kid`` that signed it.

        Raises:
            SignatureInvalidError: As for ``verify``.
        """
        header, content, octets = _split(signed, MAX_ATTACHED_CHARS)
        kid = self._verify(header, content, octets, purpose)
        return _decoded(content), kid

    def _verify(self, header: bytes, content: bytes, octets: bytes, purpose: Purpose) -> str:
        known = self._headers.get(header)
        if known is None:
            raise SignatureInvalidError(self._why_unknown(header))
        signed_for, kid, key = known
        if signed_for is not purpose:
            raise SignatureInvalidError("signed for another purpose")
        try:
            key.verify(octets, header + b"." + content)
        except InvalidSignature as error:
            raise SignatureInvalidError("not what was signed") from error
        return kid

    def _why_unknown(self, header: bytes) -> str:
        """Tell an operator whether a key is missing; decides nothing."""
        try:
            kid = jose.read_object(jose.b64decode(header)).get("kid")
        except ValueError:
            return "malformed"
        known = any(kid == known_kid for _, known_kid, _ in self._headers.values())
        return "not a header of ours" if known else UNKNOWN_KEY


def _header(kid: str, purpose: Purpose) -> bytes:
    return jose.b64encode(
        jose.write_object({"alg": SIGN_ALG, "kid": kid, "typ": f"kakehashi-{purpose.value}"})
    )


def _digest(payload: bytes) -> bytes:
    return jose.b64encode(hashlib.sha256(payload).digest())


def _split(jws: str, limit: int) -> tuple[bytes, bytes, bytes]:
    """Return header and payload, encoded, and the signature, decoded."""
    if not jws:
        raise SignatureInvalidError("unsigned")
    if len(jws) > limit or not jws.isascii():
        raise SignatureInvalidError("malformed")
    parts = jws.encode("ascii").split(b".")
    if len(parts) != _COMPACT_PARTS:
        raise SignatureInvalidError("malformed")
    header, content, signature = parts
    return header, content, _decoded(signature)


def _decoded(text: bytes) -> bytes:
    try:
        return jose.b64decode(text)
    except ValueError as error:
        raise SignatureInvalidError("malformed") from error
