"""What every record format promises, whatever the text: written so, read back so, or refused."""

import csv
import io
import json
from datetime import UTC, date, datetime
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.domain.values import era
from gateway.formats import column as columns
from gateway.formats.charset import FieldRefusedError, decode, encode
from gateway.formats.column import Column, Padding, text_of
from gateway.formats.csv_record import CSVRecords
from gateway.formats.fixed_text import FixedField, FixedLayout, FixedRecords, read_fixed
from gateway.formats.json_lines import JSONLines, read_json_lines
from gateway.formats.record import BatchFacts, write_batch, write_single
from gateway.formats.xml_record import XMLRecords, read_xml

HOSTILE: Final = (
    "髙﨑①㈱",
    "𠮷田",
    "葛\U000e0100城",
    "辻\ufe00",
    "ﾀｶｻｷ ｹﾝｲﾁ",
    "ｶﾞｷﾞﾊﾟｳﾞ",
    "か\u3099",
    "\x00",
    "a\x1fb",
    "",
    " ",
    "\u3000",
    '",\r\n"',
    "<&'\">]]>",
    "\ud842",
    "\ufeff",
    "〜−‖—¢£¬",
    "\ue000\ue757\ue758",
    "あ" * 4000,
)
REASONS: Final = frozenset(
    {"text.unmappable", "text.too_long", "text.control_character", "text.line_break"}
)
ENCODINGS: Final = ("cp932", "utf-8")
FACTS: Final = BatchFacts(
    sequence=1, count=0, closed_at=datetime(2026, 11, 20, tzinfo=UTC), name="B1"
)

texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=40),
    st.text(alphabet='髙﨑①㈱アｱガｶﾞ 　A～−\n,"<&', max_size=20),
)
encodings = st.sampled_from(ENCODINGS)


def test_the_hostile_texts_are_as_hostile_as_they_look() -> None:
    refused = [text for text in HOSTILE if not _is_written(text, "cp932")]

    assert len(refused) > 7
    assert all(_is_written(text, "cp932") for text in ("髙﨑①㈱", "ﾀｶｻｷ ｹﾝｲﾁ", "\u3000"))


def _is_written(text: str, encoding: str) -> bool:
    try:
        write_single(CSVRecords(columns=(a_column(),), encoding=encoding), {"v": text})  # type: ignore[arg-type]
    except FieldRefusedError:
        return False
    return True


def a_column(**over: Any) -> Column:
    return Column(**{"name": "値", "pointers": ("/v",), **over})


def folded(text: str, encoding: str) -> str:
    """Return ``text`` as its reader sees it: CP932 has one code for both of a pair."""
    shown = decode(encode(text, encoding), encoding)  # type: ignore[arg-type]
    assert shown is not None
    return shown


@given(
    text=texts,
    encoding=encodings,
    length=st.integers(1, 60),
    side=st.sampled_from(["left", "right"]),
)
@example(text="髙﨑①", encoding="cp932", length=6, side="right")
def test_a_fixed_field_has_its_length_in_bytes_and_its_text_or_is_refused(
    text: str, encoding: Any, length: int, side: Any
) -> None:
    column = a_column(padding=Padding(length=length, side=side))
    layout = FixedLayout(
        fields=(FixedField(column=column, start=2, length=length),), length=length + 3
    )
    records = FixedRecords(layout=layout, encoding=encoding)
    refusals: list[tuple[str | None, str]] = []

    try:
        written = write_single(records, {"v": text})
    except FieldRefusedError as error:
        refusals.append((error.pointer, error.reason.split(":")[0]))
    assert all(pointer == "/v" and reason in REASONS for pointer, reason in refusals)
    if refusals:
        return

    assert len(written) == length + 5
    [(number, read)] = read_fixed(written, layout, encoding, "crlf")
    assert number == 1
    assert isinstance(read, dict)
    assert len(encode(text, encoding)) <= length
    filling = " " * (length - len(encode(text, encoding)))
    seen = folded(text, encoding)
    assert read["値"] == (filling + seen if side == "left" else seen + filling)


@given(values=st.lists(texts, min_size=1, max_size=4), encoding=encodings)
def test_a_csv_row_is_read_back_by_another_reader_or_refused(
    values: list[str], encoding: Any
) -> None:
    row = tuple(
        Column(name=str(place), pointers=(f"/{place}",), line_breaks="keep")
        for place in range(len(values))
    )
    records = CSVRecords(columns=row, encoding=encoding, header=False)

    try:
        written = write_single(records, {str(place): text for place, text in enumerate(values)})
    except FieldRefusedError:
        return

    rows = list(csv.reader(io.StringIO(decode(written, encoding), newline=""), strict=True))
    breaks = [folded(text, encoding).replace("\r\n", "\n").replace("\r", "\n") for text in values]
    expected = [text.replace("\n", "\r\n") for text in breaks]
    assert rows == [expected]


@given(text=texts)
def test_a_json_line_is_one_line_and_the_same_text(text: str) -> None:
    for records in (JSONLines(), JSONLines(columns=(a_column(line_breaks="keep"),))):
        try:
            written = write_single(records, {"値": text, "v": text})
        except FieldRefusedError:
            continue
        assert written.count(b"\n") == 1
        [(_, read)] = read_json_lines(written)
        assert isinstance(read, dict)
        expected = text if not records.columns else _kept(text)
        assert read["値"] == expected
        assert json.loads(written)["値"] == expected


def _kept(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


@given(text=texts, encoding=encodings)
def test_an_xml_element_and_attribute_have_the_same_text_or_it_is_refused(
    text: str, encoding: Any
) -> None:
    both = (
        a_column(name="要素/値", line_breaks="keep"),
        a_column(name="@値", line_breaks="keep"),
    )
    records = XMLRecords(record_name="申請", columns=both, encoding=encoding)
    try:
        written = write_single(records, {"v": text})
    except FieldRefusedError:
        return

    [(_, read)] = read_xml(written, "申請", encoding)

    seen = _kept(folded(text, encoding))
    assert isinstance(read, dict)
    assert read.get("@値", "") == seen
    if seen.strip():
        assert read["要素/値"] == seen


@given(content=st.binary(max_size=200), encoding=encodings)
@example(content=b"<!DOCTYPE a><a/>", encoding="utf-8")
def test_readers_take_any_bytes_without_an_error(content: bytes, encoding: Any) -> None:
    layout = FixedLayout(fields=(FixedField(column=a_column(), start=0, length=3),), length=5)

    list(read_xml(content, "a", encoding))
    list(read_json_lines(content))
    for line_end in ("crlf", "lf", "none"):
        list(read_fixed(content, layout, encoding, line_end))  # type: ignore[arg-type]


@given(
    day=st.dates(date(1873, 1, 1), date(2099, 12, 31)),
    codes=st.sampled_from(["ordinal", "odd", "letter"]),
)
def test_a_coded_era_date_names_the_day_again_in_its_own_scheme(day: date, codes: Any) -> None:
    schemes = {
        "ordinal": era.CodeScheme.ORDINALS,
        "odd": era.CodeScheme.ODD,
        "letter": era.CodeScheme.LETTERS,
    }

    written = text_of(a_column(date="era7", era_codes=codes), {"v": day.isoformat()}, "cp932")

    read = era.decode(written, schemes[codes])
    assert read is not None
    assert read.fault() is None
    assert read.to_date() == day


@given(
    text=st.text(alphabet=st.characters(min_codepoint=0x30A1, max_codepoint=0x30FA), max_size=20)
)
def test_kana_made_half_and_full_again_are_the_same(text: str) -> None:
    try:
        half = text_of(a_column(width="kana_half"), {"v": text}, "utf-8")
    except FieldRefusedError:
        assert set(text) & set("ヮヰヱヵヶヸヹ")
        return

    assert text_of(a_column(width="kana_full"), {"v": half}, "utf-8") == text


@given(text=texts, width=st.sampled_from(["full", "half", "kana_full", "kana_half"]))
def test_a_width_never_touches_kanji_private_use_or_selectors(
    text: str, width: columns.Width
) -> None:
    try:
        written = text_of(a_column(width=width, line_breaks="keep"), {"v": text}, "utf-8")
    except FieldRefusedError:
        return

    def kept(value: str) -> list[str]:
        return [
            c
            for c in value
            if "\u3400" <= c <= "\u9fff" or (c >= "\ue000" and not "\uff00" <= c <= "\uffef")
        ]

    assert kept(written) == kept(text)


@given(count=st.integers(0, 30))
def test_a_batch_has_every_record_once_in_order_between_its_frame(count: int) -> None:
    numbered = Padding(length=4, fill="0", side="left")
    records = CSVRecords(
        columns=(a_column(), Column(name="連番", pointers=("/batch/number",), padding=numbered)),
        header=False,
        batch_header=(Column(name="種別", literal="H"),),
        batch_trailer=(
            Column(name="種別", literal="T"),
            Column(name="件", pointers=("/batch/count",)),
        ),
    )
    facts = BatchFacts(sequence=1, count=count, closed_at=FACTS.closed_at, name="B1")

    lines = write_batch(records, [{"v": str(n)} for n in range(count)], facts).decode().splitlines()

    assert lines == ["H", *(f"{n},{n + 1:04}" for n in range(count)), f"T,{count}"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_largest_record_is_written_whole(encoding: Any) -> None:
    layout = FixedLayout(
        fields=(FixedField(column=a_column(), start=0, length=65_535),), length=1024 * 1024
    )
    text = "x" * 65_535

    assert len(layout.write({"v": text}, encoding)) == 1024 * 1024
    with pytest.raises(FieldRefusedError, match="too_long"):
        layout.write({"v": text + "x"}, encoding)
