"""That one entry is in the log, in a file of its own that anybody can check offline.

C2SP ``tlog-proof``, version 1, lines ending in a newline::

    c2sp.org/tlog-proof@v1
    extra <base64>                   optional; unsigned, so never to be believed by itself
    index <decimal>                  from 0, without leading zeros
    <base64(hash, 32 bytes)>         inclusion path (RFC 6962, 2.1.1), leaf's sibling first
    <an empty line>
    <the checkpoint, a signed note, byte for byte>

The entry's own bytes are not in it. At 1,000,000 entries a proof is about 1.1 KB.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.audit import checkpoint as checkpoints
from gateway.audit import note as notes
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.note import NoteKey, Verify, from_base64, to_base64
from gateway.audit.tree import HASH_BYTES, MAX_SIZE, leaf_hash, verify_inclusion

MAX_PROOF_BYTES: Final = notes.MAX_NOTE_BYTES + 100_000
"""A checkpoint as long as a note may be, a path, and some ``extra``."""

MAX_PATH: Final = MAX_SIZE.bit_length()
"""The most hashes a path has."""

_FIRST: Final = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Proof:
    """The place of an entry in a signed tree.

    Attributes:
        index: From 0.
        path: Hashes of 32 bytes, at most ``MAX_PATH``.
        checkpoint: A signed note.
        extra: Anything the application adds; empty for nothing.

    Raises:
        ValueError: A number or a hash that cannot be written.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""

    def __post_init__(self) -> None:
        """Refuse what could not be written."""
        if not 0 <= self.index <= MAX_SIZE:
            raise ValueError("no log has an entry of this index")
        if len(self.path) > MAX_PATH or any(len(each) != HASH_BYTES for each in self.path):
            raise ValueError("a path is malformed")

    def encode(self) -> bytes:
        """Return the file's bytes.

        Raises:
            ValueError: Longer than ``MAX_PROOF_BYTES``.
        """
        extra = [f"extra {to_base64(self.extra)}"] if self.extra else []
        path = [to_base64(each) for each in self.path]
        head = "\n".join([_FIRST, *extra, f"index {self.index}", *path, "", ""])
        proof = head.encode() + self.checkpoint
        if len(proof) > MAX_PROOF_BYTES:
            raise ValueError("longer than a proof may be")
        return proof


def parse(proof: bytes) -> Proof:
    """Return a proof's parts, without verifying anything.

    Raises:
        ValueError: Not a proof of version 1; the argument says why in words.
    """
    if len(proof) > MAX_PROOF_BYTES:
        raise ValueError("longer than a proof may be")
    head, separator, checkpoint = proof.partition(b"\n\n")
    if not separator or not head.isascii():
        raise ValueError("not a proof")
    lines = head.decode().split("\n")
    if lines.pop(0) != _FIRST:
        raise ValueError("not a proof of version 1")
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = from_base64(lines.pop(0).removeprefix("extra "))
        if not extra:
            raise ValueError("the extra data are empty")
    if not lines or not lines[0].startswith("index "):
        raise ValueError("the index is missing")
    index = checkpoints.read_number(lines.pop(0).removeprefix("index "))
    notes.parse(checkpoint)
    return Proof(index, tuple(from_base64(line) for line in lines), checkpoint, extra)


def verify(proof: Proof, entry: bytes, keys: Sequence[NoteKey], verify: Verify) -> Checkpoint:
    """Return the checkpoint under which an entry is proven to be in the log.

    Args:
        proof: Where it is said to be.
        entry: Its bytes, as they were hashed.
        keys: The log's keys (``checkpoint.open_checkpoint``).
        verify: Checks one Ed25519 signature.

    Raises:
        ValueError: The checkpoint is not the log's, or the entry is not in it; in words.
    """
    signed = checkpoints.open_checkpoint(proof.checkpoint, keys, verify)
    verify_inclusion(proof.index, signed.size, leaf_hash(entry), proof.path, signed.root)
    return signed
