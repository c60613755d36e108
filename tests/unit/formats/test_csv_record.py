import math

import pytest

from gateway.formats.charset import FieldRefusedError
from gateway.formats.column import Column, Padding
from gateway.formats.csv_record import CSVRecords
from gateway.formats.record import write_single

DOCUMENT = {
    "name": {"family": "髙﨑", "given": "健一", "kana": "タカサキ　ケンイチ"},
    "born": "1989-01-08",
    "at": "2026-11-20T09:30:00+09:00",
    "unknown": "2026-09-00",
    "old": "1872-12-31",
    "sex": "1",
    "count": 3,
    "yes": True,
    "whole": 1.0,
    "part": -0.25,
    "minus": -5,
    "large": 1e22,
    "small": 1e-7,
    "infinite": math.inf,
    "nothing": None,
    "empty": "",
    "lines": "一行目\n二行目",
    "bell": "a\x07b",
    "comma": 'a,"b"',
    "rare": "𠮷田",
    "list": [{"name": "陽菜"}],
}


def cell(*, encoding: str = "cp932", **over: object) -> str:
    column = Column(**{"name": "c", **over})
    written = write_single(
        CSVRecords(columns=(column,), encoding=encoding, header=False),
        DOCUMENT,  # type: ignore[arg-type]
    )
    return written.decode(encoding).removesuffix("\r\n")


def refusal(**over: object) -> tuple[str, str | None]:
    with pytest.raises(FieldRefusedError) as caught:
        cell(**over)
    return caught.value.reason, caught.value.pointer


def test_a_record_is_a_header_and_a_row_ended_by_cr_lf_in_microsofts_codes() -> None:
    columns = (
        Column(name="受付", pointers=("/sex",)),
        Column(name="氏名", pointers=("/name/family", "/name/given"), separator="　"),
    )

    written = write_single(CSVRecords(columns=columns), DOCUMENT)

    assert written == "受付,氏名\r\n1,".encode("cp932") + bytes.fromhex("FBFCFAB1") + (
        "　健一\r\n".encode("cp932")
    )


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ({"literal": "固定"}, "固定"),
        ({"pointers": ("/count",)}, "3"),
        ({"pointers": ("/yes",)}, "true"),
        ({"pointers": ("/yes",), "codes": {"true": "有", "false": "無"}}, "有"),
        ({"pointers": ("/nothing",), "codes": {"1": "x"}}, '""'),
        ({"pointers": ("/empty",), "date": "iso"}, '""'),
        ({"pointers": ("/missing/0/x",)}, '""'),
        ({"pointers": ("/list/0/name",)}, "陽菜"),
        ({"pointers": ("/list/1/name",)}, '""'),
        ({"pointers": ("/list/x/name",)}, '""'),
        ({"pointers": ("/missing", "/sex"), "separator": "-"}, "1"),
        ({"pointers": ("/born",), "date": "iso"}, "1989-01-08"),
        ({"pointers": ("/born",), "date": "yyyymmdd"}, "19890108"),
        ({"pointers": ("/born",), "date": "era7"}, "4010108"),
        ({"pointers": ("/born",), "date": "era7", "era_codes": "odd"}, "7010108"),
        ({"pointers": ("/born",), "date": "era7", "era_codes": "letter"}, "H010108"),
        ({"pointers": ("/born",), "date": "era_short"}, "H01.01.08"),
        ({"pointers": ("/born",), "date": "era_kanji"}, "平成元年1月8日"),
        ({"pointers": ("/at",), "date": "era_kanji"}, "令和8年11月20日"),
        ({"literal": "0999-12-31", "date": "yyyymmdd"}, "09991231"),
        ({"literal": "2026-11-20T15:30:00Z", "date": "yyyymmdd"}, "20261121"),
        ({"literal": "2026-11-20T23:30:00", "date": "iso"}, "2026-11-20"),
        ({"literal": "2117-12-31", "date": "era_kanji"}, "令和99年12月31日"),
        ({"pointers": ("/name/kana",), "width": "kana_half"}, "ﾀｶｻｷ ｹﾝｲﾁ"),
        ({"pointers": ("/sex",), "width": "full"}, "１"),
        ({"literal": "ﾀｶｻｷ A-1", "width": "full"}, "タカサキ　Ａ－１"),
        ({"literal": "タカサキ　Ａ－１", "width": "half"}, "ﾀｶｻｷ A-1"),
        ({"literal": "ﾀｶｻｷ A-1", "width": "kana_full"}, "タカサキ A-1"),
        ({"literal": "ﾀｶｻｷ JOHN ｱﾝ ﾘｰ", "width": "kana_full"}, "タカサキ JOHN アン　リー"),
        ({"literal": "七里ヶ浜、２号　「ラー」", "width": "kana_half"}, "七里ヶ浜、２号　「ﾗｰ」"),
        ({"literal": "A｡ ｱ", "width": "full"}, "Ａ。　ア"),
        ({"literal": "七里ヶ浜２号", "width": "half"}, "七里ヶ浜2号"),
        ({"pointers": ("/lines",), "line_breaks": "space"}, "一行目 二行目"),
        ({"pointers": ("/lines",), "line_breaks": "keep"}, '"一行目\r\n二行目"'),
        ({"pointers": ("/comma",)}, '"a,""b"""'),
        ({"pointers": ("/sex",), "padding": Padding(length=4, fill="0", side="left")}, "0001"),
        ({"literal": "山田", "padding": Padding(length=8, fill="　")}, "山田　　"),
        ({"pointers": ("/whole",)}, "1"),
        ({"pointers": ("/part",)}, "-0.25"),
        ({"pointers": ("/minus",), "padding": Padding(length=6, fill="0", side="left")}, "-00005"),
        ({"pointers": ("/minus",), "padding": Padding(length=4, side="left")}, "  -5"),
        ({"literal": "-", "padding": Padding(length=3, fill="0", side="left")}, "00-"),
        ({"pointers": ("/nothing",), "padding": Padding(length=3, fill="0")}, "   "),
        ({"pointers": ("/nothing",), "padding": Padding(length=4, fill="　")}, "　　"),
        (
            {"pointers": ("/nothing",), "padding": Padding(length=3, fill="0", fills_empty=True)},
            "000",
        ),
        ({"literal": "山田", "max_bytes": 4}, "山田"),
    ],
)
def test_a_value_is_written_as_its_column_says(column: dict[str, object], expected: str) -> None:
    assert cell(**column) == expected


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ({"pointers": ("/rare",)}, ("text.unmappable:U+20BB7", "/rare")),
        ({"pointers": ("/sex", "/rare")}, ("text.unmappable:U+20BB7", "/rare")),
        ({"pointers": ("/nothing",), "required": True}, ("field.missing", "/nothing")),
        ({"pointers": ("/empty",), "required": True}, ("field.missing", "/empty")),
        ({"pointers": ("/sex",), "codes": {"2": "F"}}, ("field.no_code", "/sex")),
        ({"pointers": ("/name",)}, ("field.not_a_value", "/name")),
        ({"pointers": ("/list",)}, ("field.not_a_value", "/list")),
        ({"pointers": ("/large",)}, ("field.not_a_value", "/large")),
        ({"pointers": ("/small",)}, ("field.not_a_value", "/small")),
        ({"pointers": ("/infinite",)}, ("field.not_a_value", "/infinite")),
        ({"pointers": ("/unknown",), "date": "era7"}, ("date.not_exact", "/unknown")),
        ({"pointers": ("/comma",), "date": "iso"}, ("date.not_exact", "/comma")),
        ({"pointers": ("/old",), "date": "era7"}, ("date.before_era", "/old")),
        ({"literal": "ヱビス", "width": "kana_half"}, ("kana.not_half_width", None)),
        ({"literal": "ヱビス１", "width": "half"}, ("kana.not_half_width", None)),
        ({"literal": "2026-11-20Txx", "date": "iso"}, ("date.not_exact", None)),
        ({"literal": "2026-11-20 ", "date": "iso"}, ("date.not_exact", None)),
        ({"literal": "9999-12-31T23:59:59Z", "date": "iso"}, ("date.not_exact", None)),
        ({"literal": "9999-12-31", "date": "era_kanji"}, ("date.after_era", None)),
        ({"literal": "2118-01-01", "date": "era7"}, ("date.after_era", None)),
        ({"pointers": ("/lines",)}, ("text.line_break", "/lines")),
        ({"pointers": ("/bell",)}, ("text.control_character", "/bell")),
        ({"pointers": ("/name/family",), "max_bytes": 3}, ("text.too_long", "/name/family")),
        (
            {"pointers": ("/name/family",), "padding": Padding(length=3)},
            ("text.too_long", "/name/family"),
        ),
        (
            {"pointers": ("/sex",), "padding": Padding(length=4, fill="　")},
            ("text.padding_uneven", "/sex"),
        ),
    ],
)
def test_a_value_that_cannot_be_written_so_is_refused(
    column: dict[str, object], expected: tuple[str, str]
) -> None:
    assert refusal(**column) == expected


def test_length_is_counted_in_bytes_of_the_encoding_that_is_written() -> None:
    assert cell(literal="山田", max_bytes=6, encoding="utf-8") == "山田"
    assert refusal(literal="山田", max_bytes=5, encoding="utf-8") == ("text.too_long", None)


def test_a_lone_surrogate_is_refused_in_utf_8_too() -> None:
    assert refusal(literal="\ud800", encoding="utf-8") == ("text.unmappable:U+D800", None)


def test_all_values_are_quoted_on_demand() -> None:
    records = CSVRecords(columns=(Column(name="性", pointers=("/sex",)),), quoting="all")

    assert write_single(records, DOCUMENT).decode("cp932") == '"性"\r\n"1"\r\n'


def test_a_refusal_never_holds_the_value() -> None:
    with pytest.raises(FieldRefusedError) as caught:
        cell(pointers=("/rare",))

    assert "田" not in str(caught.value)


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+A", "@A", "-A1", " =1", "＝１", "-1+2"])
def test_a_formula_is_refused_where_people_open_the_file(text: str) -> None:
    columns = (Column(name="c", pointers=("/v",)),)
    document = {"v": text}

    with pytest.raises(FieldRefusedError) as caught:
        CSVRecords(columns=columns, formulas="refuse").record(document)

    assert (caught.value.reason, caught.value.pointer) == ("text.formula", "/v")
    assert CSVRecords(columns=columns).record(document).decode("cp932") == f"{text}\r\n"


@pytest.mark.parametrize("text", ["-5", "+81-3-1234-5678", "A=1", "100-0001", ""])
def test_a_number_is_no_formula(text: str) -> None:
    records = CSVRecords(columns=(Column(name="c", literal=text),) * 2, formulas="refuse")

    assert records.record({}).decode("cp932") == f"{text},{text}\r\n"


def test_a_row_of_one_empty_cell_is_no_empty_line() -> None:
    assert cell(literal="") == '""'


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\u202e", "\u2066", "\u200f", "\ufeff"])
def test_what_turns_or_ends_lines_unseen_is_a_control_character(mark: str) -> None:
    assert refusal(literal=f"a{mark}b", encoding="utf-8") == ("text.control_character", None)
