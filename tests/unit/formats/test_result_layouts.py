from typing import Any

import pytest
from pydantic import ValidationError

from gateway.domain.outcome import FeedbackStatus
from gateway.formats.result_config import ResultFileConfig
from gateway.formats.result_file import Result, ResultFault, read_results

KEY = "0193453a-0000-7000-8000-000000000001"
AT = "20261120101500"
FIELDS = [
    {"name": "key", "start": 2, "length": 36},
    {"name": "status", "start": 38, "length": 4},
    {"name": "decided_at", "start": 42, "length": 14},
]
FRAME = {"header": r"1\d{6}", "trailer": r"8(?P<count>\d{6})"}


def config(**over: Any) -> ResultFileConfig:
    return ResultFileConfig.model_validate({"decided_at_format": "%Y%m%d%H%M%S", **over})


def fixed(**over: Any) -> ResultFileConfig:
    layout = {"fields": FIELDS, "record_bytes": 55}
    return config(format="fixed", fixed=layout, frame=FRAME, **over)


def record(status: str = "受理") -> bytes:
    return f"2{KEY}{status}{AT}\r\n".encode("cp932")


def read(content: bytes, layout: ResultFileConfig) -> tuple[list[Result], list[str]]:
    results, faults = read_results(content, layout)
    return list(results), [fault.code for fault in faults]


def test_fixed_length_results_stand_between_a_header_and_a_trailer_that_counts_them() -> None:
    content = b"1000007\r\n" + record() + record("却下") + b"8000002\r\n\x1a"

    results, faults = read(content, fixed())

    assert faults == []
    assert [result.status for result in results] == [
        FeedbackStatus.ACCEPTED,
        FeedbackStatus.REJECTED,
    ]
    assert results[0].key == KEY
    assert results[0].at.isoformat() == "2026-11-20T10:15:00+09:00"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"1000007\r\n" + record() + b"8000002\r\n", "batch.count_differs"),
        (b"1000007\r\n" + record(), "batch.trailer_missing"),
        (record() + b"8000001\r\n", "batch.header_missing"),
        (b"", "batch.header_missing"),
        (b"1000007\r\n", "batch.trailer_missing"),
    ],
)
def test_a_file_that_was_cut_off_says_nothing_at_all(content: bytes, fault: str) -> None:
    assert read_results(content, fixed()) == ((), (ResultFault(0, fault),))


def test_a_file_of_no_result_is_no_fault() -> None:
    assert read(b"1000007\r\n8000000\r\n", fixed()) == ([], [])


def test_a_bad_record_counts_and_spoils_no_other() -> None:
    content = b"1000007\r\n" + record() + b"2short\r\n" + b"8000002\r\n"

    results, faults = read(content, fixed())

    assert len(results) == 1
    assert faults == ["record.wrong_length"]


def test_csv_has_a_frame_round_its_names_too() -> None:
    content = f"H,1\nkey,status,decided_at\n{KEY},受理,{AT}\nT,1\n".encode("cp932")
    framed = config(frame={"header": "H,.*", "trailer": r"T,(?P<count>\d+)"})

    assert [result.key for result in read(content, framed)[0]] == [KEY]


def test_json_lines_are_utf_8_and_a_bad_line_spoils_no_other() -> None:
    good = f'{{"key": "{KEY}", "status": "受理", "decided_at": "{AT}"}}\n'
    content = (good + "{\n" + good).encode()

    results, faults = read(content, config(format="jsonl"))

    assert [len(results), faults] == [2, ["result.not_json"]]


def test_xml_results_are_read_by_path() -> None:
    columns = {"key": "@鍵", "status": "結果/区分", "decided_at": "結果/日時"}
    layout = config(format="xml", xml_record="件", encoding="utf-8", columns=columns)
    one = f'<件 鍵="{KEY}"><結果><区分>完了</区分><日時>{AT}</日時></結果></件>'

    results, faults = read(f"<通知>{one}{one}</通知>".encode(), layout)

    assert [result.status for result in results] == [FeedbackStatus.COMPLETED] * 2
    assert faults == []
    assert read(b"<!DOCTYPE x><x/>", layout) == ([], ["xml.forbidden"])


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"format": "fixed"}, "fixed layout is needed"),
        ({"format": "xml"}, "xml layout is needed"),
        ({"xml_record": "x"}, "xml layout is needed"),
        ({"format": "json", "frame": FRAME}, "such files have no lines"),
        (
            {
                "format": "fixed",
                "frame": FRAME,
                "fixed": {"fields": FIELDS, "record_bytes": 55, "line_end": "none"},
            },
            "such files have no lines",
        ),
        ({"frame": {"header": "("}}, "not a regular expression"),
        (
            {"format": "fixed", "fixed": {"fields": FIELDS, "record_bytes": 54}},
            r"fields\.2 \(decided_at\): beyond record_bytes",
        ),
        (
            {
                "format": "fixed",
                "fixed": {
                    "fields": [*FIELDS, {"name": "x", "start": 37, "length": 1}],
                    "record_bytes": 55,
                },
            },
            r"fields\.3 \(x\): overlaps fields\.0 \(key\)",
        ),
    ],
)
def test_a_layout_that_cannot_be_read_is_refused(over: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        config(**over)
