"""Names, addresses and free text: kept to the last code point, refused when not text.

Nothing here normalises, and nothing may: even NFC turns U+FA19 into U+795E and so writes
another name than the family register (戸籍) does. Refused are only code points that are
no characters at all or that act on the reader's terminal or record.
"""

import re
from typing import Final

_CONTROL: Final = r"\x00-\x1f\x7f-\x9f"
"""C0, DEL and C1 (Unicode, 23.1)."""

_LINE_BREAKS: Final = "\n"
"""Only U+000A breaks lines; CR LF is the business of whoever writes records."""

_SEPARATORS: Final = "\u2028\u2029"
"""Line and paragraph separator: some readers break lines there, some do not."""

_BIDI: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Bidirectional controls make text look like another (UTR 36, 2.5)."""

_SURROGATES: Final = "\ud800-\udfff"

_NONCHARACTERS: Final = "\ufdd0-\ufdef" + "".join(
    f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17)
)
"""The 66 noncharacters (Unicode, 23.7)."""

_IN_LINE: Final = re.compile(f"[{_CONTROL}{_SEPARATORS}{_BIDI}{_SURROGATES}{_NONCHARACTERS}]")
_NOT_BLANK: Final = re.compile(r"[^\s\u200b\ufeff]")


def fault(value: str, *, lines: bool = False) -> str | None:
    """Return why ``value`` is not text a record can hold, or ``None``.

    Args:
        value: Any text. Private use (外字), variation selectors, compatibility and
            supplementary ideographs are all text.
        lines: Whether line feeds (U+000A) are allowed.

    Returns:
        ``text.control_character``, ``text.lone_surrogate``, ``text.noncharacter``,
        ``text.blank`` (there is something, and nothing of it is visible) or ``None``;
        the empty string is text.
    """
    found = _IN_LINE.search(value.replace(_LINE_BREAKS, "") if lines else value)
    if found is None:
        return "text.blank" if value and not _NOT_BLANK.search(value) else None
    point = ord(found[0])
    if 0xD800 <= point <= 0xDFFF:  # noqa: PLR2004  # the surrogates (Unicode, 3.8)
        return "text.lone_surrogate"
    if point in range(0xFDD0, 0xFDF0) or point & 0xFFFE == 0xFFFE:  # noqa: PLR2004  # 23.7
        return "text.noncharacter"
    return "text.control_character"
