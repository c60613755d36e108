"""One value of a record: from a JSON document to the text that the core system reads.

Lengths are bytes after encoding. A value that cannot be written as configured is refused
with a code and its JSON pointer; nothing is cut, replaced or guessed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Final, Literal

from gateway.domain.values import calendar_date, era, kana
from gateway.formats.charset import Encoding, FieldRefusedError, encode
from gateway.formats.pointer import at

DateStyle = Literal["iso", "yyyymmdd", "era7", "era_short", "era_kanji"]
EraCodes = Literal["ordinal", "odd", "letter"]
Width = Literal["full", "half", "kana_full", "kana_half"]
LineBreaks = Literal["refuse", "space", "keep"]
Side = Literal["left", "right"]

LINE_BREAK: Final = "\r\n"
"""How a line break that is kept is written."""

_LINE_BREAK: Final = re.compile(r"\r\n|\r|\n")
_CONTROL: Final = re.compile(
    r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)
"""C0, C1, and what Unicode ends lines and turns writing with (UAX 9; CWE-1007), and its mark."""
_ISO_DAY_LENGTH: Final = 10
_JST: Final = timezone(timedelta(hours=9), "JST")
_DECIMAL: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_LARGEST_EXACT: Final = 2**53
"""Up to here a float is every whole number (IEEE 754, binary64)."""
_SCHEMES: Final = {
    "ordinal": era.CodeScheme.ORDINALS,
    "odd": era.CodeScheme.ODD,
    "letter": era.CodeScheme.LETTERS,
}

_FULL_ASCII: Final = str.maketrans(
    {0x21 + i: 0xFF01 + i for i in range(94)}
    | {0x20: 0x3000}
    | dict(zip(map(ord, "｡｢｣､･"), "。「」、・", strict=True))
)
_HALF_ASCII: Final = str.maketrans({0xFF01 + i: 0x21 + i for i in range(94)} | {0x3000: 0x20})
"""The 94 characters of ASCII and the space, against U+FF01–FF5E and U+3000; to full width
also JIS X 0201's punctuation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Padding:
    """Fill a value up to a length.

    Attributes:
        length: In encoded bytes.
        fill: One character.
        side: Where the filling stands; zeros stand behind a number's minus.
        fills_empty: Whether an empty value becomes ``fill``; it becomes spaces otherwise.
    """

    length: int
    fill: str = " "
    side: Side = "right"
    fills_empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. Steps run in this order: codes, date, width, line breaks, padding, length.

    Attributes:
        name: Column name, member name, or path of an element, as the format has it.
        pointers: JSON pointers of the value (RFC 6901), or of its parts; empty with a literal.
        separator: Between parts; a missing part leaves none behind.
        literal: Fixed text, in place of pointers.
        required: Refuse a missing, null or empty value or part (``field.missing``).
        codes: Value to code.
        codes_default: Code of every value that is not in ``codes``; with ``None`` such a
            value is refused (``field.no_code``).
        date: How a date is written.
        era_codes: Codes of ``era7``.
        width: Conversion of width; never touches kanji.
        line_breaks: What becomes of them.
        padding: To a fixed length.
        max_bytes: Longest encoded value.
    """

    name: str
    pointers: tuple[str, ...] = ()
    separator: str = ""
    literal: str = ""
    required: bool = False
    codes: Mapping[str, str] | None = None
    codes_default: str | None = None
    date: DateStyle | None = None
    era_codes: EraCodes = "ordinal"
    width: Width | None = None
    line_breaks: LineBreaks = "refuse"
    padding: Padding | None = None
    max_bytes: int | None = None

    @property
    def pointer(self) -> str | None:
        """Where an error points that concerns the whole value."""
        return self.pointers[0] if self.pointers else None


def text_of(column: Column, document: Mapping[str, object], encoding: Encoding) -> str:
    """Return one column's text, as long as it must be.

    Raises:
        FieldRefusedError: It cannot be written so.
    """
    text = _text(column, document, encoding)
    if text and column.codes is not None:
        text = _code(text, column, column.codes)
    if text and column.date is not None:
        text = _date(text, column)
    if column.width is not None:
        text = _in_width(text, column.width)
        if column.width in {"half", "kana_half"} and kana.is_partly_half(text):
            raise FieldRefusedError("kana.not_half_width", column.pointer)
    text = _breaks(text, column)
    length = len(encode(text, encoding, column.pointer))
    if column.padding is not None:
        text = _padded(text, length, column, encoding)
        length = max(length, column.padding.length)
    if column.max_bytes is not None and length > column.max_bytes:
        raise FieldRefusedError("text.too_long", column.pointer)
    return text


def _text(column: Column, document: Mapping[str, object], encoding: Encoding) -> str:
    if not column.pointers:
        return column.literal
    parts = []
    for pointer in column.pointers:
        part = _scalar(at(document, pointer), pointer)
        if part:
            # Here, so that of several parts the right one is named.
            encode(part, encoding, pointer)
            parts.append(part)
        elif column.required:
            raise FieldRefusedError("field.missing", pointer)
    return column.separator.join(parts)


def _scalar(value: object, pointer: str) -> str:
    match value:
        case None:
            return ""
        case str(text):
            return text
        case bool(truth):
            return "true" if truth else "false"
        case int(number):
            return str(number)
        case float(number):
            return _decimal(number, pointer)
        case _:
            raise FieldRefusedError("field.not_a_value", pointer)


def _decimal(number: float, pointer: str) -> str:
    """Return it without an exponent: no core system reads 1e+16, nor 1.0 as a count."""
    text = (
        str(int(number)) if abs(number) <= _LARGEST_EXACT and number == int(number) else str(number)
    )
    if _DECIMAL.fullmatch(text) is None:
        raise FieldRefusedError("field.not_a_value", pointer)
    return text


def _code(text: str, column: Column, codes: Mapping[str, str]) -> str:
    code = codes.get(text, column.codes_default)
    if code is None:
        raise FieldRefusedError("field.no_code", column.pointer)
    return code


def _date(text: str, column: Column) -> str:
    """Write the day of an ISO date, or of an ISO time in Japan, in the column's style."""
    day = calendar_date.parse(text) or _day_in_japan(text)
    if day is None:
        # An open or partly unknown date (不詳) is no day: which code means it is not ours to guess.
        raise FieldRefusedError("date.not_exact", column.pointer)
    match column.date:
        case "iso" | None:
            return day.isoformat()
        case "yyyymmdd":
            return day.isoformat().replace("-", "")  # strftime writes the year 1 as 1
        case style:
            in_era = era.from_date(day)
            if in_era is None:
                raise FieldRefusedError("date.before_era", column.pointer)
            written = _in_era(in_era, style, _SCHEMES[column.era_codes])
            if written is None:
                raise FieldRefusedError("date.after_era", column.pointer)
            return written


def _day_in_japan(text: str) -> date | None:
    """Return the day that an ISO time lies in, Japan's if it says a zone."""
    if calendar_date.parse(text[:_ISO_DAY_LENGTH]) is None or text[_ISO_DAY_LENGTH] != "T":
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo is None else moment.astimezone(_JST)).date()
    except (ValueError, OverflowError):
        return None


def _in_era(
    day: era.EraDate,
    style: Literal["era7", "era_short", "era_kanji"],
    codes: era.CodeScheme,
) -> str | None:
    """Return ``None`` for a year of three digits: 9999-12-31 is no day of 令和."""
    coded = era.encode(day, codes if style == "era7" else era.CodeScheme.LETTERS)
    if coded is None or style == "era7":
        return coded
    if style == "era_short":
        return f"{coded[:3]}.{coded[3:5]}.{coded[5:]}"
    year = "元" if day.year == 1 else str(day.year)
    return f"{day.era.value}{year}年{day.month}月{day.day}日"


def _in_width(text: str, width: Width) -> str:
    match width:
        case "full":
            return kana.to_full(text).translate(_FULL_ASCII)
        case "half":
            return kana.to_half(text).translate(_HALF_ASCII)
        case "kana_full":
            return kana.to_full(text)
        case "kana_half":
            return kana.to_half(text)


def _breaks(text: str, column: Column) -> str:
    """Refuse control characters and treat line breaks as the column says."""
    if _CONTROL.search(text):
        raise FieldRefusedError("text.control_character", column.pointer)
    if not _LINE_BREAK.search(text):
        return text
    match column.line_breaks:
        case "refuse":
            raise FieldRefusedError("text.line_break", column.pointer)
        case "space":
            return _LINE_BREAK.sub(" ", text)
        case "keep":
            return _LINE_BREAK.sub(LINE_BREAK, text)


def _padded(text: str, length: int, column: Column, encoding: Encoding) -> str:
    padding = column.padding or Padding(length=0)
    if length > padding.length:
        raise FieldRefusedError("text.too_long", column.pointer)
    count, uneven = divmod(padding.length - length, len(encode(padding.fill, encoding)))
    if uneven:
        raise FieldRefusedError("text.padding_uneven", column.pointer)
    if not text and not padding.fills_empty and not padding.fill.isspace():
        return " " * (padding.length - length)  # 00000000 would be a value
    filling = padding.fill * count
    if padding.side == "right":
        return text + filling
    if padding.fill == "0" and text.startswith("-") and _DECIMAL.fullmatch(text):
        return "-" + filling + text[1:]
    return filling + text
