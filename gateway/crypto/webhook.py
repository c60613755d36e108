"""Sign webhooks as Standard Webhooks has it: ``v1`` HMAC-SHA-256 and ``v1a`` Ed25519.

Source: https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
"""

import base64
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.crypto import keys
from gateway.domain.errors import KeyUnusableError

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the prefix of one
_PUBLIC_PREFIX: Final = "whpk_"


class WebhookSigner:
    """Signs with every key of a client, so that a receiver may know the old or the new one."""

    def __init__(self, jwks: Sequence[bytes]) -> None:
        """Take the keys.

        Args:
            jwks: Private JWKs: secrets, or Ed25519 signing keys.

        Raises:
            KeyUnusableError: One of them is neither.
        """
        self._keys = [_key(jwk) for jwk in jwks]

    def headers(self, webhook: str, at: datetime, body: bytes) -> dict[str, str]:
        """Return the three headers of one attempt.

        Args:
            webhook: The id, ASCII without a full stop.
            at: Of this attempt, not of the event: receivers refuse what is minutes old.
            body: As it is sent.
        """
        timestamp = str(int(at.timestamp()))
        signed = f"{webhook}.{timestamp}.".encode() + body
        return {
            ID_HEADER: webhook,
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: " ".join(_sign(key, signed) for key in self._keys),
        }


def receivers_key(jwk: bytes) -> str:
    """Return what the receiver is given: ``whsec_…``, a secret, or ``whpk_…``, a public key.

    Raises:
        KeyUnusableError: It is neither a secret nor a signing key.
    """
    key = _key(jwk)
    if isinstance(key, bytes):
        return _SECRET_PREFIX + _base64(key)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return _PUBLIC_PREFIX + _base64(public)


def _key(jwk: bytes) -> bytes | Ed25519PrivateKey:
    try:
        return keys.secret(jwk)
    except KeyUnusableError:
        return keys.signing_key(jwk)


def _sign(key: bytes | Ed25519PrivateKey, signed: bytes) -> str:
    if isinstance(key, bytes):
        return "v1," + _base64(hmac.digest(key, signed, "sha256"))
    return "v1a," + _base64(key.sign(signed))


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
