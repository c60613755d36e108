"""Garbage in: an error or a valid application, never anything else."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.schema.catalogue import load_catalogue
from gateway.schema.envelope import Checked, UnknownProcedure, check
from gateway.schema.errors import MAX_ERRORS, SENTENCES
from gateway.schema.parse import JSONRefusedError, parse_json

CATALOGUE = load_catalogue()
EXAMPLES = [dict(procedure.example) for procedure in CATALOGUE.procedures()]

SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else []
    children = enumerate(value) if isinstance(value, list) else children
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: object) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@st.composite
def spoilt_examples(draw: st.DrawFn) -> object:
    body: Any = draw(st.sampled_from(EXAMPLES))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(body)))
        body = replaced(body, path, draw(VALUES))
    return body


def assert_answered(raw: bytes) -> None:
    try:
        document = parse_json(raw)
    except JSONRefusedError as error:
        assert error.code in JSONRefusedError.CODES  # noqa: PT017  # a refusal is one right answer
        return
    answer = check(document, CATALOGUE, municipality="131016")
    if isinstance(answer, tuple):
        assert 1 <= len(answer) <= MAX_ERRORS
        for error in answer:
            assert error.code in SENTENCES
            assert error.detail("ja")
            assert error.detail("en")
            assert error.pointer.isascii()
    else:
        assert isinstance(answer, Checked | UnknownProcedure)


@given(
    st.binary(max_size=200)
    | st.text('{}[]",:\\u0dD8eE+-.1 trufalsn\x00', max_size=60).map(str.encode)
)
def test_any_bytes_are_refused_or_checked(raw: bytes) -> None:
    assert_answered(raw)


@settings(max_examples=300)
@given(spoilt_examples())
def test_an_example_with_anything_in_any_place_is_answered(body: object) -> None:
    assert_answered(json.dumps(body).encode())


@given(VALUES)
def test_strict_json_reads_what_it_accepts_as_any_reader_would(value: object) -> None:
    raw = json.dumps({"value": value}).encode()
    try:
        document = parse_json(raw)
    except JSONRefusedError:
        return

    assert document == json.loads(raw)
    json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


@given(st.lists(st.text(max_size=3), min_size=1, max_size=4))
def test_a_key_that_stands_twice_is_always_refused(keys: list[str]) -> None:
    members = ",".join(f"{json.dumps(key)}:1" for key in keys)
    try:
        parse_json(f"{{{members}}}".encode())
    except JSONRefusedError as error:
        assert error.code == "json.duplicate_key"  # noqa: PT017  # the other answer is below
        assert len(set(keys)) < len(keys)
    else:
        assert len(set(keys)) == len(keys)
