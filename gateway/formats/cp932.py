"""CP932 with Microsoft's choices: what Windows reads and writes as Shift_JIS.

Decoding is CPython's, made strict. Encoding is not: where one character has several
codes, CPython's encoder writes NEC-selected IBM extensions (髙 as EEE0), while Windows,
Java, ICU and glibc write IBM extensions (FBFC). The table here is derived from the
decoder by Microsoft's order of preference (KB170559). Nothing is normalised, and
nothing is replaced: a character without a code is refused.
"""

from functools import cache
from typing import Final

from gateway.domain.errors import PermanentError

WAVE_DASH_PAIRS: Final = {
    "\u301c": "\uff5e",  # 〜 ～  8160
    "\u2212": "\uff0d",  # − －  817C
    "\u2016": "\u2225",  # ‖ ∥  8161
    "\u2014": "\u2015",  # — ―  815C
    "\u00a2": "\uffe0",  # ¢ ￠  8191
    "\u00a3": "\uffe1",  # £ ￡  8192
    "\u00ac": "\uffe2",  # ¬ ￢  81CA
}
"""JIS's reading of seven codes to Microsoft's; either is written, Microsoft's is read."""

_UNDEFINED: Final = frozenset("\u0080\u00a0\uf8f0\uf8f1\uf8f2\uf8f3")
"""What CPython makes of the bytes 80, A0, FD, FE and FF, which no character has."""

_LEADS: Final = (*range(0x81, 0xA0), *range(0xE0, 0xFD))
_TRAILS: Final = (*range(0x40, 0x7F), *range(0x80, 0xFD))


class UnmappableError(PermanentError):
    """A character has no code; says which and where, never what stands round it.

    Attributes:
        index: Of the character in the text, from 0.
        code_point: Such as ``U+20BB7``.
    """

    code = "text.unmappable"

    def __init__(self, character: str, index: int) -> None:
        """Keep the code point and its place."""
        self.code_point = f"U+{ord(character):04X}"
        self.index = index
        super().__init__(self.code_point, index)


class UndecodableError(PermanentError):
    """The bytes are not CP932.

    Attributes:
        offset: Of the first wrong byte, from 0.
    """

    code = "text.undecodable"

    def __init__(self, offset: int) -> None:
        """Keep the place."""
        super().__init__(offset)
        self.offset = offset


def encode(text: str) -> bytes:
    """Return ``text`` in CP932; private use U+E000–E757 (外字) become F040–F9FC.

    Raises:
        UnmappableError: A character has no code.
    """
    if text.isascii():
        return text.encode("ascii")
    codes = _codes()
    try:
        return b"".join([codes[character] for character in text])
    except KeyError:
        index = next(i for i, character in enumerate(text) if character not in codes)
        raise UnmappableError(text[index], index) from None


def decode(encoded: bytes) -> str:
    """Return the text; F040–F9FC become private use U+E000–E757.

    Raises:
        UndecodableError: A byte begins or ends no code; 80, A0 and FD–FF are none.
    """
    try:
        text = encoded.decode("cp932")
    except UnicodeDecodeError as error:
        raise UndecodableError(_first_undefined(encoded[: error.start], error.start)) from None
    if not _UNDEFINED.isdisjoint(text):
        raise UndecodableError(_first_undefined(encoded, len(encoded)))
    return text


def _first_undefined(encoded: bytes, otherwise: int) -> int:
    """Return the offset of the first byte that CPython decodes and nobody defines."""
    offset = 0
    for character in encoded.decode("cp932"):
        if character in _UNDEFINED:
            return offset
        offset += 1 if _is_single(character) else 2
    return otherwise


def _is_single(character: str) -> bool:
    """Tell whether the character's code is one byte: ASCII and half-width kana."""
    return character < "\x80" or "\uff61" <= character <= "\uff9f"


@cache
def _codes() -> dict[str, bytes]:
    """Return each character's code."""
    codes: dict[str, bytes] = {}
    for code in sorted(_double_byte_codes(), key=_preference):
        try:
            codes.setdefault(code.decode("cp932"), code)
        except UnicodeDecodeError:
            continue
    for byte in (*range(0x80), *range(0xA1, 0xE0)):
        codes[bytes([byte]).decode("cp932")] = bytes([byte])
    for jis, microsoft in WAVE_DASH_PAIRS.items():
        codes[jis] = codes[microsoft]
    return codes


def _double_byte_codes() -> list[bytes]:
    return [bytes([lead, trail]) for lead in _LEADS for trail in _TRAILS]


def _preference(code: bytes) -> int:
    """Return 0 for what Windows prefers: JIS X 0208, NEC row 13, IBM, then NEC-selected IBM."""
    lead = code[0]
    if lead == 0x87:  # noqa: PLR2004 - NEC row 13: ① Ⅰ ㈱ № ℡
        return 1
    if lead >= 0xFA:  # noqa: PLR2004 - IBM extensions FA40–FC4B
        return 2
    if lead in {0xED, 0xEE}:  # NEC-selected IBM extensions
        return 3
    return 0
