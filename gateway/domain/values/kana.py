"""Katakana in both widths: what each is, and from one to the other.

Half-width kana are JIS X 0201's right half, U+FF61 to U+FF9F; a voicing mark is a
character of its own there, and composes with its base on the way to full width
(ｶ + ﾞ → ガ). Small kana keep their size both ways, as in the official municipality list.
"""

import re
from typing import Final

_HALF: Final = "｡｢｣､･ｦｧｨｩｪｫｬｭｮｯｰｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝﾞﾟ"
_FULL: Final = (
    "。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソ"
    "タチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン゛゜"
)
"""Place by place the full-width forms of ``_HALF`` (JIS X 0201 and JIS X 0208)."""

_VOICEABLE: Final = "ウカキクケコサシスセソタチツテトハヒフヘホワヲ"
_VOICED: Final = "ヴガギグゲゴザジズゼゾダヂヅデドバビブベボヷヺ"
_SEMIVOICEABLE: Final = "ハヒフヘホ"
_SEMIVOICED: Final = "パピプペポ"

_TO_FULL: Final = {
    **dict(zip(_HALF, _FULL, strict=True)),
    " ": "\u3000",
}
_COMPOSED: Final = {
    **{base + "゛": voiced for base, voiced in zip(_VOICEABLE, _VOICED, strict=True)},
    **{base + "゜": voiced for base, voiced in zip(_SEMIVOICEABLE, _SEMIVOICED, strict=True)},
}
_MARKED: Final = re.compile(f"[{_VOICEABLE}]゛|[{_SEMIVOICEABLE}]゜")
_HALF_RUN: Final = re.compile("[ｦ-ｯｱ-ﾝ][･ｦ-ﾟ]*(?: +[ｦ-ｯｱ-ﾝ][･ｦ-ﾟ]*)*")
_FULL_RUN: Final = re.compile("[ァ-ヺ][ァ-ヺー・゛゜]*(?:\u3000+[ァ-ヺ][ァ-ヺー・゛゜]*)*")
"""Katakana and the spaces between them: in らー the mark belongs to hiragana. A run begins with
a kana in both widths, never with a mark, so that the way back finds the same runs."""

_TO_FULL_TABLE: Final = str.maketrans(_TO_FULL)
_TO_HALF_TABLE: Final = str.maketrans(
    {
        **{full: half for half, full in _TO_FULL.items()},
        **{
            composed: "".join(" " if c == "\u3000" else _HALF[_FULL.index(c)] for c in parts)
            for parts, composed in _COMPOSED.items()
        },
    }
)

_FULL_WIDTH: Final = re.compile("[・\u3000]*[ァ-ヺ][ァ-ヺー・\u3000]*")
"""U+30A1 ァ to U+30FA ヺ, the long-vowel mark, the middle dot, and the space that parts
a name's elements (住登外者宛名番号付番API: one full-width space)."""

_HALF_WIDTH: Final = re.compile("[･ ]*[ｦ-ﾝ][･ｦ-ﾟ ]*")
"""U+FF66 ｦ to U+FF9F ﾟ, the middle dot and the ASCII space."""

_NO_HALF: Final = re.compile("[ヮヰヱヵヶヸヹ]")
_ONLY_HALF: Final = re.compile("[\x20-\x7e｡-ﾟ]*")

_STRAY_MARK: Final = re.compile("(?<![ｳｶ-ﾄﾊ-ﾎﾜｦ])ﾞ|(?<![ﾊ-ﾎ])ﾟ")


def full_fault(value: str) -> str | None:
    """Return ``kana.not_full_width`` or ``None``; there must be a kana among the spaces."""
    return None if _FULL_WIDTH.fullmatch(value) else "kana.not_full_width"


def half_fault(value: str) -> str | None:
    """Return ``kana.not_half_width``, ``kana.mark_without_base`` or ``None``."""
    if _HALF_WIDTH.fullmatch(value) is None:
        return "kana.not_half_width"
    return "kana.mark_without_base" if has_stray_mark(value) else None


def has_stray_mark(value: str) -> bool:
    """Tell whether a half-width voicing mark follows a character that cannot take it."""
    return _STRAY_MARK.search(value) is not None


def to_full(value: str) -> str:
    """Return ``value`` with half-width kana and spaces between them in full width, marks composed.

    Everything else stays as it is: this is not NFKC, which would rewrite names.
    """
    return _HALF_RUN.sub(lambda run: _composed(run[0].translate(_TO_FULL_TABLE)), value)


def _composed(full: str) -> str:
    return _MARKED.sub(lambda marked: _COMPOSED[marked[0]], full)


def to_half(value: str) -> str:
    """Return ``value`` with full-width katakana and spaces between them in half width, marks apart.

    Kana without a half-width form (ヮ, ヰ, ヱ, ヵ, ヶ, ヸ, ヹ) and all else stay as they
    are: a caller that must have half width checks the result with ``half_fault``.
    """
    return _FULL_RUN.sub(lambda run: run[0].translate(_TO_HALF_TABLE), value)


def is_partly_half(value: str) -> bool:
    """Tell whether katakana kept their full width among half-width characters only.

    Beside kanji and hiragana, which have one width, they do no harm: 七里ヶ浜.
    """
    rest = _NO_HALF.sub("", value)
    return rest != value and _ONLY_HALF.fullmatch(rest) is not None
