"""What a log commits to at one size: a few lines, signed as a note.

C2SP ``tlog-checkpoint``, the text of a signed note (``audit.note``)::

    <origin>                         which log this is, not empty
    <size>                           decimal, without leading zeros
    <base64(root, 32 bytes)>         RFC 6962 root of that size
    <extension line>                 optional, any number, none empty

The key that signs for a log is named like its origin; other keys may sign beside it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.audit.note import NoteKey, Verify, from_base64, open_note, to_base64
from gateway.audit.tree import EMPTY_ROOT, HASH_BYTES, MAX_SIZE

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_LINE: Final = re.compile(r"[^\x00-\x1f]+")
_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's size and root.

    Attributes:
        origin: Which log; C2SP recommends an address without scheme.
        size: How many entries, 0 to ``tree.MAX_SIZE``.
        root: 32 bytes.
        extensions: Lines behind, without newlines; signed with the rest, not interpreted.

    Raises:
        ValueError: A line that cannot be written, a size out of its range, no root.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what could not be written."""
        for line in (self.origin, *self.extensions):
            if _LINE.fullmatch(line) is None:
                raise ValueError("a line of a checkpoint is empty or has control characters")
        if not 0 <= self.size <= MAX_SIZE:
            raise ValueError("no log has this size")
        if len(self.root) != HASH_BYTES:
            raise ValueError("a root is not 32 bytes long")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise ValueError("an empty log has another root")

    def text(self) -> str:
        """Return the text to be signed, with its last newline."""
        lines = (self.origin, str(self.size), to_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def parse(text: str) -> Checkpoint:
    """Return the checkpoint that a note's text is.

    Raises:
        ValueError: Not a checkpoint; the argument says why in words.
    """
    lines = text.split("\n")
    if lines.pop() or len(lines) < _LINES:
        raise ValueError("not a checkpoint")
    origin, size, root, *extensions = lines
    return Checkpoint(origin, read_number(size), from_base64(root), tuple(extensions))


def open_checkpoint(note: bytes, keys: Sequence[NoteKey], verify: Verify) -> Checkpoint:
    """Return the checkpoint in a note that the log's own key has signed.

    Args:
        note: Its bytes.
        keys: The log's keys, named like its origin; others may be among them.
        verify: Checks one Ed25519 signature.

    Raises:
        ValueError: Not a checkpoint, or signed by none of ``keys`` that bears the origin's
            name; in words.
    """
    return open_signed(note, keys, verify)[0]


def open_signed(
    note: bytes, keys: Sequence[NoteKey], verify: Verify
) -> tuple[Checkpoint, tuple[NoteKey, ...]]:
    """Return the checkpoint as ``open_checkpoint`` does, and which of the log's own keys signed.

    Raises:
        ValueError: As ``open_checkpoint``.
    """
    opened = open_note(note, keys, verify)
    checkpoint = parse(opened.text)
    # A key that is known for one log must not speak for another.
    own = tuple(key for key in opened.by if key.name == checkpoint.origin)
    if not own:
        raise ValueError("not signed by the log's own key")
    return checkpoint, own


def read_number(text: str) -> int:
    """Return a size or an index written in decimal, 0 to ``tree.MAX_SIZE``.

    Raises:
        ValueError: Signs, spaces, leading zeros, other digits than ASCII's, or too large.
    """
    if _NUMBER.fullmatch(text) is None or (number := int(text)) > MAX_SIZE:
        raise ValueError("a number is malformed")
    return number
