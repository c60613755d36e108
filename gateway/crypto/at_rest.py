"""An operator's words in a row of the journal: not in plain on its disk or in its backups.

Reasons of orders and of destinations' settings concern no one application, so nothing shreds
them; whoever has the journal alone reads none. Byte for byte::

    key  = HKDF-SHA256 (RFC 5869), ikm = the secret of ``crypto.pseudonym``, no salt, 32 bytes,
           info = ASCII("kakehashi/1/words") || 0x00
    text = "sealed.1." || base64url(nonce 12 || AES-256-GCM(key, nonce, UTF-8(words)) || tag 16)
"""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.crypto import jose, keys

_PREFIX: Final = "sealed.1."
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


class WordsAtRest:
    """Seals and opens words; random nonces allow some billions of them (NIST SP 800-38D, 8.3)."""

    def __init__(self, secret_jwk: bytes) -> None:
        """Take the secret.

        Raises:
            KeyUnusableError: It is not an ``oct`` key of 256 bits.
        """
        info = b"kakehashi/1/words\x00"
        derived = HKDF(SHA256(), _KEY_BYTES, salt=None, info=info).derive(keys.secret(secret_jwk))
        self._cipher = AESGCM(derived)

    def seal(self, words: str) -> str:
        """Return what to store instead: ASCII, a third longer than the words' UTF-8."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, words.encode(), None)
        return _PREFIX + jose.b64encode(sealed).decode("ascii")

    def open(self, text: str) -> str | None:
        """Return the words; ``None`` if they were sealed under another secret, or changed.

        Those that an earlier version stored are returned as they stand.
        """
        if not text.startswith(_PREFIX):
            return text
        try:
            sealed = jose.b64decode(text.removeprefix(_PREFIX).encode())
            words = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
        except (InvalidTag, ValueError):
            return None
        return words.decode()
