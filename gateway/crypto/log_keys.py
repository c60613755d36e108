"""The keys that sign the audit log's checkpoints: plain Ed25519 over a note's text (RFC 8032)."""

from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.crypto import keys


class LogKeys:
    """One private key, and the public halves of those before it."""

    def __init__(self, private_jwk: bytes, earlier: Sequence[bytes] = ()) -> None:
        """Take the keys.

        Args:
            private_jwk: Signs.
            earlier: Public JWKs that signed before, oldest first.

        Raises:
            KeyUnusableError: One of them is not a signing key.
        """
        self._key = keys.signing_key(private_jwk)
        public = [keys.verifying_key(jwk) for jwk in earlier]
        public.append(self._key.public_key())
        self.public: tuple[bytes, ...] = tuple(_raw(each) for each in public)
        """32 bytes each, oldest first; the last one's private half signs."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature, 64 bytes."""
        return self._key.sign(message)


def raw_public(public_jwk: bytes) -> bytes:
    """Return the 32 bytes of a public JWK.

    Raises:
        KeyUnusableError: It is not a signing key.
    """
    return _raw(keys.verifying_key(public_jwk))


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Return whether an Ed25519 signature is good, whatever the input is."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
