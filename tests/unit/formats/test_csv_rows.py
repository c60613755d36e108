from gateway.formats.csv_rows import Row, read_rows


def rows(content: bytes, encoding: str = "cp932") -> list[Row]:
    return list(read_rows(content, encoding))  # type: ignore[arg-type]


def test_rows_are_read_with_either_line_end_and_without_empty_ones() -> None:
    content = '甲,乙\r\n\r\n1,"a\r\nb"\n2,c\n'.encode("cp932")

    assert rows(content) == [
        Row(1, ("甲", "乙")),
        Row(4, ("1", "a\r\nb")),
        Row(5, ("2", "c")),
    ]


def test_a_line_that_is_not_cp932_spoils_no_other() -> None:
    found = rows(b"a,b\r\n1,\x80\r\n2,c\r\n")

    assert found == [Row(1, ("a", "b")), Row(2, (), "text.undecodable"), Row(3, ("2", "c"))]


def test_a_misquoted_line_spoils_no_other() -> None:
    found = rows(b'a,b\r\n"1"x,2\r\n3,4\r\n')

    assert found == [Row(1, ("a", "b")), Row(2, (), "csv.malformed"), Row(3, ("3", "4"))]


def test_an_unclosed_quote_is_one_bad_row() -> None:
    assert [row.fault for row in rows(b'a\r\n"1\r\n2\r\n')] == [None, "csv.malformed"]


def test_the_end_mark_of_old_programs_and_the_signature_of_new_ones_are_no_text() -> None:
    assert rows(b"a\r\n\x1a") == [Row(1, ("a",))]
    assert rows(b"\xef\xbb\xbfa\r\n", "utf-8") == [Row(1, ("a",))]


def test_a_file_cut_off_anywhere_gives_no_row_that_its_writer_did_not_write() -> None:
    whole = '甲,乙\r\n1,"a""b"\r\n2,A-123456\r\n'.encode()
    written = {row.cells for row in rows(whole, "utf-8")}

    for length in range(len(whole)):
        found = rows(whole[:length], "utf-8")
        assert {row.cells for row in found if row.fault is None} <= written


def test_a_last_line_without_its_end_is_a_fault_but_for_the_end_mark_of_old_programs() -> None:
    assert rows(b"a\r\nb,1") == [Row(1, ("a",)), Row(2, (), "csv.cut_off")]
    assert rows(b"a\r\nb,1\x1a")[-1] == Row(2, ("b", "1"))
    assert rows(b"") == []
