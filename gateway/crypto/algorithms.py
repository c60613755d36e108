"""Which algorithms there are, named in this one place.

All of them are on Japan's national list (CRYPTREC: AES-GCM with a 96-bit IV, SHA-2,
HMAC, ECDH, EdDSA). None is chosen by a message: what a header names must be exactly
what stands here, or the message is refused.
"""

from typing import Final

SEAL_ALG: Final = "ECDH-ES"
"""Direct key agreement with a fresh key pair for every message (RFC 7518, 4.6)."""

SEAL_ENC: Final = "A256GCM"
"""AES-256-GCM, 96-bit IV, 128-bit tag (RFC 7518, 5.3)."""

SEAL_CURVE: Final = "P-256"

SIGN_ALG: Final = "Ed25519"
"""The fully specified name (RFC 9864, 2.2); its predecessor ``EdDSA`` is deprecated there."""

SIGN_CURVE: Final = "Ed25519"

MAC_ALG: Final = "HS256"
"""HMAC with SHA-256 (RFC 7518, 3.2); keys for it are derived by HKDF-SHA256 (RFC 5869)."""

CONTENT_KEY_BYTES: Final = 32
IV_BYTES: Final = 12
TAG_BYTES: Final = 16
COORDINATE_BYTES: Final = 32
SECRET_BYTES: Final = 32
