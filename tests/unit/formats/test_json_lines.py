import json
from datetime import UTC, datetime

import pytest

from gateway.formats.charset import FieldRefusedError
from gateway.formats.column import Column
from gateway.formats.json_lines import JSONDocument, JSONLines, read_json_lines
from gateway.formats.record import BatchFacts, write_batch, write_single

FACTS = BatchFacts(
    sequence=7, count=2, closed_at=datetime(2026, 11, 20, 9, 30, tzinfo=UTC), name="B7.jsonl"
)


def test_a_whole_application_is_one_line_with_its_names_as_they_were_sent() -> None:
    written = write_single(JSONLines(), {"氏": "𠮷\n", "n": [1, None, True]})

    assert written == '{"氏":"𠮷\\n","n":[1,null,true]}\n'.encode()


def test_chosen_members_are_texts_converted_as_their_columns_say() -> None:
    records = JSONLines(columns=(Column(name="sex", pointers=("/sex",), codes={"1": "M"}),))

    assert write_single(records, {"sex": "1"}) == b'{"sex":"M"}\n'


def test_a_batch_has_a_line_before_and_a_line_after_its_records() -> None:
    records = JSONLines(
        batch_header=(Column(name="seq", pointers=("/batch/sequence",)),),
        batch_trailer=(Column(name="count", pointers=("/batch/count",)),),
    )

    lines = write_batch(records, [{"a": 1}, {"a": 2}], FACTS).splitlines()

    assert [json.loads(line) for line in lines][::3] == [{"seq": "7"}, {"count": "2"}]
    assert json.loads(lines[2])["batch"]["number"] == 2
    assert json.loads(lines[2])["batch"]["closed_at"] == "2026-11-20T09:30:00+00:00"


@pytest.mark.parametrize("records", [JSONLines(), JSONDocument()])
def test_a_lone_surrogate_is_refused(records: JSONLines) -> None:
    with pytest.raises(FieldRefusedError, match=r"text\.unmappable:U\+D842"):
        write_single(records, {"name": "\ud842"})


def test_a_bad_line_spoils_no_other() -> None:
    content = b'\xef\xbb\xbf{"a":1,"b":null}\n\n[1]\n{\n\xff\n{"a":"x"}'

    assert list(read_json_lines(content)) == [
        (1, {"a": "1"}),
        (3, "result.not_an_object"),
        (4, "result.not_json"),
        (5, "text.undecodable"),
        (6, {"a": "x"}),
    ]
