import pytest
from pydantic import ValidationError

from gateway.formats.record_config import RecordConfig

NAME = {"name": "氏名", "pointer": "/name"}
FIXED = {**NAME, "length": 8}
COUNT = {"name": "件数", "pointer": "/batch/count", "pad_with": "0", "pad_side": "left"}


def csv(*columns: object, **over: object) -> dict[str, object]:
    return {"format": "csv", "csv": {"columns": columns, **over}}


def fixed(*fields: object, **over: object) -> dict[str, object]:
    return {"format": "fixed", "fixed": {"fields": fields, **over}}


def xml(*elements: object, **over: object) -> dict[str, object]:
    return {"format": "xml", "xml": {"record": "申請", "elements": elements, **over}}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (csv({**NAME, "kana": "half"}), r"csv\.columns\.0\.kana\n.*Extra inputs"),
        (csv({**NAME, "width": "wide"}), r"csv\.columns\.0\.width\n.*'full'"),
        (csv({**NAME, "date": "heisei"}), r"csv\.columns\.0\.date\n"),
        (csv({**NAME, "era_codes": "auto"}), r"csv\.columns\.0\.era_codes\n"),
        (csv({**NAME, "codes_default": "9"}), "codes_default without codes"),
        (csv({**NAME, "pad_bytes": 9, "max_bytes": 8}), "pad_bytes is more than max_bytes"),
        (csv({**NAME, "pad_bytes": 5, "pad_with": "　"}), r"columns\.0 \(氏名\): its length is no"),
        (csv(NAME, {**NAME, "codes": {"1": "𠮷"}}), r"columns\.1 \(氏名\): text\.unmappable"),
        (csv({**NAME, "codes": {"1": "123"}, "max_bytes": 2}), "123 is longer than 2 bytes"),
        (csv({"name": "空き", "literal": "山田", "pad_bytes": 3}), "山田 is longer than 3"),
        (csv(NAME, batch_trailer=[COUNT]), r"csv\.batch_trailer\.0 \(件数\): needs batch"),
        (csv({**NAME, "pointer": "/batch/number"}), "/batch/number is no fact"),
        (fixed(FIXED, {**FIXED, "name": "住所", "start": 8}), r"fields\.1 \(住所\): bytes 8 to 15"),
        (fixed(FIXED, FIXED), r"fields\.1 \(氏名\): the name of fields\.0"),
        (fixed(FIXED, record_bytes=7), "fields: 8 bytes, but a record has 7"),
        (fixed({**FIXED, "max_bytes": 3}), "max_bytes has no meaning"),
        (fixed({**FIXED, "pad_bytes": 3}), "pad_bytes has no meaning"),
        (fixed({**FIXED, "line_breaks": "keep"}), "line_breaks cannot be kept"),
        (fixed({**FIXED, "length": 7, "pad_with": "　"}), "no multiple of its padding's 2"),
        (xml({**NAME, "name": "氏 名"}), "no path of element names"),
        (xml({**NAME, "name": "a/@b/c"}), "no path of element names"),
        (xml({**NAME, "name": "a"}, {**NAME, "name": "a/b"}), "a has a text of its own"),
        (xml(NAME, encoding="cp932", root="𠮷"), r"root: text\.unmappable"),
        (xml(NAME, record="<x>"), r"xml\.record\n.*pattern"),
        ({"format": "jsonl", "jsonl": {"members": [NAME, NAME]}}, r"the name of members\.0"),
        ({"format": "fixed"}, "fixed is needed with format: fixed"),
        ({"format": "csv", "jsonl": {}}, "csv is needed"),
        ({"jsonl": {}}, "jsonl is needed"),
        ({"batch": {}}, "several documents are no JSON"),
    ],
)
def test_a_layout_that_cannot_work_is_refused_with_the_path_of_its_fault(
    config: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        RecordConfig.model_validate(config)


@pytest.mark.parametrize(
    ("frame", "batch", "said"),
    [
        (
            {"batch_trailer": [{**COUNT, "pad_bytes": 2}]},
            {"max_records": 100},
            "too_long at /batch",
        ),
        ({"batch_header": [NAME]}, {}, "/name is not of the batch"),
        ({"batch_header": [{**NAME, "pointer": "/batch/number"}]}, {}, "is no fact of a batch"),
        (
            {"columns": [{**NAME, "pointer": "/batch/number", "codes": {"1": "A", "200": "B"}}]},
            {},
            r"csv\.columns\.0 \(氏名\): codes of /batch/number need codes_default",
        ),
        (
            {"batch_header": [{**COUNT, "codes": {"0": "A", "200": "B"}, "codes_default": None}]},
            {},
            "codes of /batch/count need codes_default",
        ),
        ({}, {"file_name": "KEKKA"}, "needs {sequence}"),
        ({}, {"file_name": "{sequence}{day}"}, "knows {date}"),
        ({}, {"file_name": "{sequence"}, "unpaired brace"),
        ({}, {"file_name": "../{sequence}"}, "not a file name"),
        ({}, {"file_name": ".{sequence}"}, "not a file name"),
        ({}, {"file_name": "{sequence}", "sequence_restarts": "daily"}, "needs {date}"),
        ({}, {"max_records": 0}, "max_records"),
        ({}, {"empty_file_at": "18:00+09:00"}, "in quotes"),
        ({}, {"empty_file_at": 1080}, "in quotes"),
    ],
)
def test_a_batch_that_cannot_work_is_refused(
    frame: dict[str, object], batch: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        RecordConfig.model_validate(
            {"format": "csv", "csv": {"columns": [NAME], **frame}, "batch": batch}
        )


def test_every_configured_value_is_known_with_its_path() -> None:
    config = RecordConfig.model_validate(
        {**fixed(FIXED, batch_trailer=[{**COUNT, "length": 8}]), "batch": {}}
    )

    assert [part.where for part in config.mapped()] == [
        "fixed.fields.0 (氏名)",
        "fixed.batch_trailer.0 (件数)",
    ]
    assert [part.is_frame for part in config.mapped()] == [False, True]


@pytest.mark.parametrize(
    ("config", "suffix"),
    [
        ({}, ".json"),
        (csv(NAME), ".csv"),
        ({"format": "jsonl"}, ".jsonl"),
        (fixed(FIXED), ".txt"),
        (xml(NAME), ".xml"),
    ],
)
def test_each_format_has_its_usual_ending(config: dict[str, object], suffix: str) -> None:
    assert RecordConfig.model_validate(config).records.suffix == suffix
