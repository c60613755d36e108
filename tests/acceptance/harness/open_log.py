"""``kakehashi`` whose audit log hides nothing: the control run of the log's canary test.

Never part of the product: it replaces encryption of words by the words, and keyed hashes
by plain ones.
"""

import hashlib

from gateway.cli.main import main
from gateway.crypto import at_rest, detail
from gateway.crypto.pseudonym import Pseudonyms


class OpenCipher:
    """Looks like AES-GCM and leaves everything as it is."""

    def __init__(self, key: bytes) -> None: ...

    def encrypt(self, _nonce: bytes, data: bytes, _associated: bytes | None) -> bytes:
        """Return what is to be hidden."""
        return data

    def decrypt(self, _nonce: bytes, data: bytes, _associated: bytes | None) -> bytes:
        """Return what was not hidden."""
        return data


class OpenPseudonyms(Pseudonyms):
    """Hashes without a key."""

    def _mac(self, label: str, scope: str, text: bytes) -> bytes:  # noqa: ARG002 - its own rule
        return hashlib.sha256(text).digest()


if __name__ == "__main__":
    at_rest.AESGCM = OpenCipher  # type: ignore[assignment,misc,attr-defined]
    detail.AESGCM = OpenCipher  # type: ignore[assignment,misc,attr-defined]
    Pseudonyms._mac = OpenPseudonyms._mac  # type: ignore[method-assign]
    main()
