import json

import pytest

from gateway.schema.parse import MAX_DEPTH, MAX_INTEGER, MAX_VALUES, JSONRefusedError, parse_json


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def refusal(raw: bytes) -> tuple[str, int | None]:
    with pytest.raises(JSONRefusedError) as caught:
        parse_json(raw)
    return caught.value.code, caught.value.offset


def test_an_object_is_read_as_it_stands() -> None:
    raw = '{"name":"𠮷田 \ufa19 \\ud842\\udfb7","n":[1,-2.5,1e3,true,null,{}]}'.encode()

    assert parse_json(raw) == {"name": "𠮷田 \ufa19 𠮷", "n": [1, -2.5, 1000.0, True, None, {}]}


@pytest.mark.parametrize(
    ("raw", "code", "offset"),
    [
        (b"", "json.malformed", 0),
        (b"{", "json.malformed", 1),
        (b"{'a':1}", "json.malformed", 1),
        (b'{"a":1}x', "json.malformed", 7),
        (b'{"a":1,}', "json.malformed", None),
        (b'{"a":01}', "json.malformed", 6),
        (b'{"a":\xc2\xa01}', "json.malformed", 5),
        ('{"氏":"\x01"}'.encode(), "json.malformed", 8),
        (b'{"a":"\\u12"}', "json.malformed", None),
        (b"[]", "json.not_an_object", None),
        (b"null", "json.not_an_object", None),
        (b'"text"', "json.not_an_object", None),
        (b"\xef\xbb\xbf{}", "json.byte_order_mark", 0),
        (b'{"a":"\xff"}', "json.not_utf8", 6),
        ('{"氏":"山"}'.encode("cp932"), "json.not_utf8", 2),
        ('{"a":1}'.encode("utf-16"), "json.not_utf8", 0),
        (b'{"a":"\xed\xa0\x80"}', "json.not_utf8", 6),
        (b'{"a":"\xc0\xaf"}', "json.not_utf8", 6),
        (b'{"a":1,"a":1}', "json.duplicate_key", None),
        (b'{"b":[{"a":1,"\\u0061":2}]}', "json.duplicate_key", None),
        (b'{"a":"\\ud800"}', "json.lone_surrogate", None),
        (b'{"\\uDFFF":1}', "json.lone_surrogate", None),
        (b'{"a":{"b":["\\udc00\\ud800"]}}', "json.lone_surrogate", None),
        (b'{"a":NaN}', "json.number_out_of_range", None),
        (b'{"a":-Infinity}', "json.number_out_of_range", None),
        (b'{"a":1e999}', "json.number_out_of_range", None),
        (b'{"a":-1e999}', "json.number_out_of_range", None),
        (b'{"a":' + b"1" * 500_000 + b"}", "json.number_out_of_range", None),
        (b'{"a":0.' + b"1" * 500_000 + b"}", "json.number_out_of_range", None),
        (b'{"a":9007199254740992}', "json.number_out_of_range", None),
        (b'{"a":-9007199254740992}', "json.number_out_of_range", None),
        (nested(MAX_DEPTH + 1), "json.too_deep", None),
        (nested(MAX_VALUES - 1), "json.too_deep", None),
        (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "json.too_deep", None),
        (b'{"a":' + b"[" * 1_000 + b"]" * 1_000 + b"}", "json.too_deep", None),
        (b'{"a":' * 200_000, "json.too_many_values", None),
        (b'{"a":[' + b"[]," * MAX_VALUES + b"[]]}", "json.too_many_values", None),
    ],
)
def test_what_is_not_strict_json_is_refused(raw: bytes, code: str, offset: int | None) -> None:
    found, place = refusal(raw)

    assert found == code
    assert offset is None or place == offset


def test_the_limits_themselves_are_accepted() -> None:
    assert parse_json(nested(MAX_DEPTH))
    assert parse_json(b'{"a":%d,"b":-%d}' % (MAX_INTEGER, MAX_INTEGER))
    assert (
        len(parse_json(json.dumps({str(n): n for n in range(MAX_VALUES)}).encode())) == MAX_VALUES
    )


def test_brackets_inside_texts_are_not_depth() -> None:
    assert parse_json(b'{"a":"' + b"[" * 200 + b'"}') == {"a": "[" * 200}


def test_every_code_is_listed() -> None:
    assert JSONRefusedError.code in JSONRefusedError.CODES
    assert refusal(b"\xff")[0] in JSONRefusedError.CODES


def test_a_refusal_says_nothing_of_the_content() -> None:
    for raw in (b'{"CANARY":1,"CANARY":2}', b'{"CANARY', b'{"CANARY":"\\ud800"}', b'["CANARY"]'):
        with pytest.raises(JSONRefusedError) as caught:
            parse_json(raw)

        assert "CANARY" not in f"{caught.value!s}{caught.value!r}{caught.value.__cause__!r}"
