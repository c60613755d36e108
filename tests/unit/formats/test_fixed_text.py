from datetime import UTC, datetime

import pytest

from gateway.formats.charset import FieldRefusedError
from gateway.formats.column import Column, Padding
from gateway.formats.fixed_text import (
    FixedField,
    FixedLayout,
    FixedRecords,
    overlapping,
    read_fixed,
)
from gateway.formats.record import BatchFacts, write_batch, write_single

NAME = FixedField(column=Column(name="氏名", pointers=("/name",)), start=0, length=8)
BORN = FixedField(
    column=Column(name="生年月日", pointers=("/born",), date="era7"), start=10, length=7
)
LAYOUT = FixedLayout(fields=(BORN, NAME), length=20)
DOCUMENT = {"name": "髙﨑", "born": "1989-01-08"}
FACTS = BatchFacts(
    sequence=7, count=2, closed_at=datetime(2026, 11, 20, 9, 30, tzinfo=UTC), name="B7.txt"
)


def a_number(pointer: str, start: int, length: int) -> FixedField:
    padding = Padding(length=length, fill="0", side="left")
    return FixedField(
        column=Column(name=pointer, pointers=(pointer,), padding=padding),
        start=start,
        length=length,
    )


def test_every_field_stands_at_its_place_and_the_rest_is_spaces() -> None:
    written = write_single(FixedRecords(layout=LAYOUT), DOCUMENT)

    assert written == bytes.fromhex("FBFCFAB1") + b"    " + b"  4010108   \r\n"


def test_a_missing_value_is_spaces_and_no_zero() -> None:
    layout = FixedLayout(fields=(NAME, a_number("/count", 8, 4)), length=12)

    assert layout.write({}, "cp932") == b" " * 12


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_value_longer_than_its_field_is_refused_and_never_cut(length: int) -> None:
    field = FixedField(column=NAME.column, start=0, length=length)

    with pytest.raises(FieldRefusedError) as caught:
        FixedLayout(fields=(field,), length=8).write(DOCUMENT, "cp932")

    assert (caught.value.reason, caught.value.pointer) == ("text.too_long", "/name")


@pytest.mark.parametrize(
    ("places", "pair"),
    [
        (((0, 4), (4, 4)), None),
        (((4, 4), (0, 4)), None),
        (((0, 4), (3, 4)), (0, 1)),
        (((8, 2), (0, 9)), (0, 1)),
        (((0, 10), (2, 2)), (0, 1)),
        (((0, 2), (4, 2), (5, 1)), (1, 2)),
    ],
)
def test_fields_that_share_a_byte_are_found(
    places: tuple[tuple[int, int], ...], pair: tuple[int, int] | None
) -> None:
    fields = [
        FixedField(column=NAME.column, start=start, length=length) for start, length in places
    ]

    assert overlapping(fields) == pair


@pytest.mark.parametrize(("line_end", "end"), [("crlf", b"\r\n"), ("lf", b"\n"), ("none", b"")])
def test_a_batch_stands_between_its_header_and_its_trailer(line_end: str, end: bytes) -> None:
    records = FixedRecords(
        layout=FixedLayout(fields=(a_number("/batch/number", 0, 4),), length=6),
        line_end=line_end,  # type: ignore[arg-type]
        batch_header=FixedLayout(fields=(a_number("/batch/sequence", 0, 4),), length=6),
        batch_trailer=FixedLayout(fields=(a_number("/batch/count", 0, 6),), length=6),
    )

    written = write_batch(records, [{}, {}], FACTS)

    assert written == end.join([b"0007  ", b"0001  ", b"0002  ", b"000002", b""])
    assert [text for _, text in read_fixed(written, records.layout, "cp932", records.line_end)][
        1
    ] == {"/batch/number": "0001"}


def test_records_are_read_back_and_a_bad_one_spoils_no_other() -> None:
    records = FixedRecords(layout=LAYOUT)
    good = write_single(records, DOCUMENT)
    undecodable = b"\xfd" * 20 + b"\r\n"

    read = list(
        read_fixed(good + b"short\r\n" + undecodable + good + b"\x1a", LAYOUT, "cp932", "crlf")
    )

    assert [number for number, _ in read] == [1, 2, 3, 4]
    assert read[0][1] == read[3][1] == {"氏名": "髙﨑    ", "生年月日": "4010108"}
    assert [fault for _, fault in read[1:3]] == ["record.wrong_length", "text.undecodable"]


def test_people_see_each_field_with_its_place_its_text_and_its_bytes() -> None:
    records = FixedRecords(layout=LAYOUT)

    shown = records.shown(write_single(records, DOCUMENT)).splitlines()

    assert shown[0] == "    1    8 氏名 |髙﨑    | fb fc fa b1 20 20 20 20"
    assert shown[1] == "   11    7 生年月日 |4010108| 34 30 31 30 31 30 38"


def test_people_see_header_and_trailer_by_their_own_layouts() -> None:
    records = FixedRecords(
        layout=FixedLayout(fields=(a_number("/batch/number", 0, 4),), length=4),
        batch_header=FixedLayout(fields=(a_number("/batch/sequence", 0, 4),), length=4),
        batch_trailer=FixedLayout(fields=(a_number("/batch/count", 0, 4),), length=4),
    )

    shown = records.shown(write_batch(records, [{}], FACTS))

    assert [line.split()[2] for line in shown.splitlines() if line] == [
        "/batch/sequence",
        "/batch/number",
        "/batch/count",
    ]
