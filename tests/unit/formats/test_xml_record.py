from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from gateway.formats.charset import FieldRefusedError
from gateway.formats.column import Column
from gateway.formats.record import BatchFacts, write_batch, write_single
from gateway.formats.xml_record import DEEPEST, XMLRecords, read_xml

COLUMNS = (
    Column(name="@版", pointers=("/version",)),
    Column(name="申請者/氏名", pointers=("/name",)),
    Column(name="申請者/住所/@種別", literal="現住所"),
    Column(name="申請者/住所/町名", pointers=("/town",)),
    Column(name="備考", pointers=("/note",), line_breaks="keep"),
)
RECORDS = XMLRecords(record_name="申請", columns=COLUMNS)
DOCUMENT = {"version": 1, "name": "𠮷田&<\"'>]]>", "town": "九段", "note": ""}
FACTS = BatchFacts(
    sequence=7, count=2, closed_at=datetime(2026, 11, 20, 9, 30, tzinfo=UTC), name="B7.xml"
)

BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>
<申請><氏名>&b;</氏名></申請>"""
FOREIGN = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><申請><氏名>&e;</氏名></申請>'


def parsed(content: bytes) -> ET.Element:
    return ET.fromstring(content)  # noqa: S314 - what we have just written ourselves


def test_another_parser_sees_elements_and_attributes_where_the_paths_say() -> None:
    root = parsed(write_single(RECORDS, DOCUMENT))

    assert root.tag == "申請"
    assert root.attrib == {"版": "1"}
    assert root.findtext("申請者/氏名") == DOCUMENT["name"]
    assert [(child.tag, child.attrib) for child in root.iter("住所")] == [
        ("住所", {"種別": "現住所"})
    ]
    assert root.find("備考") is None


def test_cp932_is_declared_as_iana_calls_it_and_read_back() -> None:
    records = XMLRecords(record_name="申請", columns=COLUMNS[1:2], encoding="cp932")

    written = write_single(records, {"name": "髙﨑①㈱"})

    assert written.startswith(b'<?xml version="1.0" encoding="Windows-31J"?>\n')
    assert bytes.fromhex("FBFCFAB1") in written
    assert list(read_xml(written, "申請", "cp932")) == [(1, {"申請者/氏名": "髙﨑①㈱"})]


def test_a_batch_is_one_document_with_header_and_trailer_in_one_namespace() -> None:
    records = XMLRecords(
        record_name="申請",
        columns=COLUMNS[1:2],
        root_name="申請一覧",
        namespace="urn:x?a=1&b=2",
        batch_header=(Column(name="通番", pointers=("/batch/sequence",)),),
        batch_trailer=(Column(name="@件数", pointers=("/batch/count",)),),
    )

    written = write_batch(records, [DOCUMENT, DOCUMENT], FACTS)

    root = parsed(written)
    assert [child.tag for child in root] == [
        "{urn:x?a=1&b=2}header",
        "{urn:x?a=1&b=2}申請",
        "{urn:x?a=1&b=2}申請",
        "{urn:x?a=1&b=2}trailer",
    ]
    assert root[3].attrib == {"件数": "2"}
    assert [number for number, _ in read_xml(written, "申請", "utf-8")] == [1, 2]


def test_a_batch_without_records_is_a_document_too() -> None:
    assert parsed(write_batch(RECORDS, [], FACTS)).tag == "batch"


def test_a_line_break_that_is_kept_comes_back() -> None:
    written = write_single(RECORDS, {**DOCUMENT, "note": "一\n二"})

    assert parsed(written).findtext("備考") == "一\r\n二"


@pytest.mark.parametrize("wrong", ["\ufffe", "\uffff"])
def test_what_xml_cannot_hold_is_refused_with_its_pointer(wrong: str) -> None:
    with pytest.raises(FieldRefusedError) as caught:
        write_single(RECORDS, {"name": f"a{wrong}"})

    assert (caught.value.reason, caught.value.pointer) == (
        f"text.unmappable:U+{ord(wrong):04X}",
        "/name",
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (BOMB, "xml.forbidden"),
        (FOREIGN, "xml.forbidden"),
        ("<申請><?php x?></申請>", "xml.forbidden"),
        ("<a>" * (DEEPEST + 1) + "</a>" * (DEEPEST + 1), "xml.forbidden"),
        ("<申請>", "xml.malformed"),
        ("<申請>&x;</申請>", "xml.malformed"),
        ("", "xml.malformed"),
    ],
)
def test_what_can_hurt_or_is_no_xml_is_the_fault_of_the_whole_file(text: str, fault: str) -> None:
    assert list(read_xml(text.encode(), "申請", "utf-8")) == [(0, fault)]


def test_bytes_of_another_encoding_are_the_fault_of_the_whole_file() -> None:
    assert list(read_xml("<申請>髙</申請>".encode(), "申請", "cp932")) != []
    assert list(read_xml(b"<a>\xff</a>", "a", "utf-8")) == [(0, "text.undecodable")]


def test_records_are_read_by_path_whatever_their_prefixes() -> None:
    content = (
        '<r:結果 xmlns:r="urn:x"><r:件 番号="1"><r:状態>受理</r:状態></r:件>\n'
        "<r:件><r:状態> 却<!-- x -->下 </r:状態></r:件></r:結果>"
    )

    assert list(read_xml(content.encode(), "件", "utf-8")) == [
        (1, {"@番号": "1", "状態": "受理"}),
        (2, {"状態": " 却下 "}),
    ]


@pytest.mark.parametrize(
    "inside",
    [
        "a<b/>" * 10_001,
        f"<{'n' * 201}/>",
        f"<b {'n' * 201}='1'/>",
        f"<b {' '.join(f'n{number}=&#34;&#34;' for number in range(3))}/>".replace("&#34;", '"')
        * 4_000,
    ],
)
def test_a_record_of_too_many_or_too_long_parts_is_not_read(inside: str) -> None:
    found = list(read_xml(f"<a><r>{inside}</r></a>".encode(), "r", "utf-8"))

    assert found == [(0, "xml.forbidden")]


def test_a_text_in_many_parts_is_one_text() -> None:
    content = f"<a><r>{'a<b/>' * 9_999}</r><r>{'x' * 100_000}</r></a>".encode()

    assert list(read_xml(content, "r", "utf-8")) == [
        (1, {"": "a" * 9_999}),
        (2, {"": "x" * 100_000}),
    ]
