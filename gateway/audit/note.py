"""Text that one or more keys have signed, and the keys' public form.

C2SP ``signed-note``, in UTF-8 without control characters other than newline::

    <text, one or more lines, each ending in a newline>
    <an empty line, the last one of the note>
    — <key name> <base64(key id || signature)>

one line a signature, each begun by an em dash (U+2014) and a space and ended by a newline.
base64 is RFC 4648, section 4, with padding. Only Ed25519 signatures (type 0x01) over the
text's bytes are verified here; others, such as a witness's (type 0x04, C2SP
``tlog-cosignature``), are kept as they stand and never believed. For Ed25519::

    key id = SHA-256(name || 0x0A || 0x01 || 32-byte public key)[:4]
    vkey   = name + "+" + hex(key id) + "+" + base64(0x01 || 32-byte public key)

Signing and verifying are callables: this layer knows bytes, not keys.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

MAX_NOTE_BYTES: Final = 1_000_000
"""As much as Go's ``note`` signs and opens."""

MAX_SIGNATURES: Final = 100
"""As many as Go's ``note`` reads; the standard asks for 16 at least."""

_ED25519: Final = b"\x01"
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_ID_BYTES: Final = 4
_DASH: Final = "\u2014 "
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_HEX_ID: Final = re.compile(r"[0-9a-f]{8}")

Sign = Callable[[bytes], bytes]
"""Returns the Ed25519 signature over a message, 64 bytes (RFC 8032)."""

Verify = Callable[[bytes, bytes, bytes], bool]
"""Says whether ``(public key, signature, message)`` agree; raises for no input."""


@dataclass(frozen=True, slots=True)
class NoteKey:
    """An Ed25519 key that signs notes, its public half.

    Attributes:
        name: Who signs, as ``audit.example.lg.jp/gateway``: without spaces and plus signs.
        public: 32 bytes (RFC 8032).

    Raises:
        ValueError: A name that no signature line can hold, or not 32 bytes.
    """

    name: str
    public: bytes

    def __post_init__(self) -> None:
        """Refuse what could not be written."""
        _check_name(self.name)
        if len(self.public) != _KEY_BYTES:
            raise ValueError("a public key is not 32 bytes long")

    @property
    def id(self) -> bytes:
        """The key id, 4 bytes: an address, not a fingerprint to trust."""
        described = self.name.encode() + b"\n" + _ED25519 + self.public
        return hashlib.sha256(described).digest()[:_ID_BYTES]

    def vkey(self) -> str:
        """Return the key as the line by which verifiers are configured."""
        return f"{self.name}+{self.id.hex()}+{to_base64(_ED25519 + self.public)}"


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature line, of whatever type.

    Attributes:
        name: Of the key that is said to have signed.
        key_id: 4 bytes.
        signature: At least one byte; what they mean depends on the key.
    """

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """Return the line, with its newline."""
        return f"{_DASH}{self.name} {to_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A note as written; that it can be read says nothing about who signed it.

    Attributes:
        text: With its last newline.
        signatures: In the order in which they stand.
    """

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """Return the note's bytes."""
        return (self.text + "\n" + "".join(each.line() for each in self.signatures)).encode()


@dataclass(frozen=True, slots=True)
class Opened:
    """A note that at least one known key has signed.

    Attributes:
        text: With its last newline.
        by: The known keys that signed it.
        unknown: Signatures of other keys, not verified.
    """

    text: str
    by: tuple[NoteKey, ...]
    unknown: tuple[Signature, ...]


def parse_vkey(vkey: str) -> NoteKey:
    """Return the key that a verifier's line describes.

    Raises:
        ValueError: Malformed, of another type than Ed25519, or an id that is not the key's.
    """
    # The base64 may have plus signs of its own.
    name, _, rest = vkey.partition("+")
    key_id, _, encoded = rest.partition("+")
    if _HEX_ID.fullmatch(key_id) is None:
        raise ValueError("not a verifier key")
    described = from_base64(encoded)
    if described[:1] != _ED25519:
        raise ValueError("not a key for Ed25519")
    key = NoteKey(name, described[1:])
    if key.id.hex() != key_id:
        raise ValueError("the key's id is not its own")
    return key


def sign(text: str, name: str, public: bytes, sign: Sign) -> bytes:
    """Return the note of ``text`` with one signature.

    Args:
        text: Lines without control characters; ends in a newline.
        name: The key's name.
        public: The key's public half, 32 bytes.
        sign: Signs with the private half.

    Raises:
        ValueError: The text or the name cannot stand in a note, or the key is none.
    """
    key = NoteKey(name, public)
    if not text.endswith("\n") or _CONTROL.search(text):
        raise ValueError("not the text of a note")
    try:
        message = text.encode()
    except UnicodeEncodeError:
        raise ValueError("not the text of a note") from None
    note = Note(text, (Signature(name, key.id, sign(message)),)).encode()
    if len(note) > MAX_NOTE_BYTES:
        raise ValueError("longer than a note may be")
    return note


def parse(note: bytes) -> Note:
    """Return a note's text and signature lines, without verifying any.

    Raises:
        ValueError: Not a signed note; the argument says why in words.
    """
    if len(note) > MAX_NOTE_BYTES:
        raise ValueError("longer than a note may be")
    try:
        whole = note.decode()
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    if _CONTROL.search(whole):
        raise ValueError("a control character stands in a note")
    text, separator, block = whole.rpartition("\n\n")
    if not separator or not block.endswith("\n"):
        raise ValueError("not a signed note")
    lines = block[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise ValueError("more signatures than a note may have")
    return Note(text + "\n", tuple(_signature(line) for line in lines))


def open_note(note: bytes, known: Sequence[NoteKey], verify: Verify) -> Opened:
    """Return a note's text if a known key has signed it.

    Signatures of unknown keys are ignored, as are a known key's second and later ones; a
    bad signature of a known key refuses the note, however many others are good.

    Args:
        note: Its bytes.
        known: The keys to believe.
        verify: Checks one Ed25519 signature.

    Raises:
        ValueError: Not a signed note, or not signed by one of these; in words.
    """
    parsed = parse(note)
    message = parsed.text.encode()
    keys = {(key.name, key.id): key for key in known}
    if len(keys) != len(set(known)):
        raise ValueError("two known keys have one name and id")
    by: list[NoteKey] = []
    unknown: list[Signature] = []
    for each in parsed.signatures:
        key = keys.get((each.name, each.key_id))
        if key is None:
            unknown.append(each)
        elif key not in by:
            if len(each.signature) != _SIGNATURE_BYTES or not verify(
                key.public, each.signature, message
            ):
                raise ValueError("a signature does not verify")
            by.append(key)
    if not by:
        raise ValueError("not signed by a known key")
    return Opened(parsed.text, tuple(by), tuple(unknown))


def to_base64(data: bytes) -> str:
    """Return standard base64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes:
    """Return what standard base64 with padding stands for.

    Raises:
        ValueError: Not base64, or not the one way in which these bytes are written.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
    # Bits behind the last byte must be zero, or one signature would have several forms.
    if to_base64(data) != text:
        raise ValueError("not base64")
    return data


def _signature(line: str) -> Signature:
    name, separator, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not separator:
        raise ValueError("a signature line is malformed")
    _check_name(name)
    data = from_base64(encoded)
    if len(data) <= _ID_BYTES:
        raise ValueError("a signature line is malformed")
    return Signature(name, data[:_ID_BYTES], data[_ID_BYTES:])


def _check_name(name: str) -> None:
    if not name or any(each.isspace() or each == "+" for each in name) or _CONTROL.search(name):
        raise ValueError("not the name of a key")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError("not the name of a key") from None
