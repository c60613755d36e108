import pytest

from gateway.cli import preview
from gateway.sdk import FieldSpan, Preview

RECORD = Preview(
    content="0001千代田  \x1f".encode("cp932"),
    charset="cp932",
    spans=(FieldSpan("番号", 0, 4), FieldSpan("氏名", 4, 12)),
)


def test_text_is_shown_as_it_is() -> None:
    assert [*preview.lines('{"a": "千"}\n')] == ['{"a": "千"}']


def test_bytes_with_a_charset_and_no_fields_are_shown_as_text() -> None:
    assert [*preview.lines(Preview(content="千\r\n".encode("cp932"), charset="cp932"))] == ["千\r"]


def test_fields_are_shown_with_their_boundaries_text_and_hex() -> None:
    assert [*preview.lines(RECORD)] == [
        "     0 +4     番号  |0001|",
        "               30 30 30 31",
        "     4 +8     氏名  |千代田  |",
        "               90 e7 91 e3 93 63 20 20",
        "    12 +1     -  |·|",
        "               1f",
    ]


@pytest.mark.parametrize("charset", [None, "no-such-charset", "ascii"])
def test_what_cannot_be_read_is_shown_in_hex(charset: str | None) -> None:
    shown = [*preview.lines(Preview(content=bytes(range(240, 258 - 2)) + b"\xff", charset=charset))]

    assert shown[0].split() == ["0", "+17", "-"]
    assert shown[2].split() == ["ff"]


def test_for_machines_bytes_are_hex_with_fields() -> None:
    assert preview.document("text") == "text"
    assert preview.document(RECORD)["fields"][1] == {"name": "氏名", "start": 4, "end": 12}
    assert bytes.fromhex(preview.document(RECORD)["hex"]) == RECORD.content
