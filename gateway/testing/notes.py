"""Ed25519 keys for signed notes, made from a word: the same word gives the same key."""

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from gateway.audit.note import NoteKey


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """Signs notes; never a key to use, since anybody can make it.

    Attributes:
        name: Of the key.
        word: What the key is made from.
    """

    name: str
    word: str = "a log"

    @property
    def key(self) -> NoteKey:
        """The public half."""
        return NoteKey(self.name, self._private().public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature over ``message``, 64 bytes."""
        return self._private().sign(message)

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(self.word.encode()).digest())


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Say whether an Ed25519 signature is good (``audit.note.Verify``)."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
