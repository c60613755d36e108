"""What is read from headers."""

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.http.headers import authorization, language, traceparent


def headers(name: str, *values: str) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict([(name, value) for value in values]))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), "ja"),
        (("en",), "en"),
        (("en-US,en;q=0.9,ja;q=0.8",), "en"),
        (("ja,en;q=0.9",), "ja"),
        (("en;q=0.5", "ja;q=0.4"), "en"),
        (("en;q=0.5, *;q=0.6",), "ja"),
        (("fr",), "ja"),
        (("fr, en;q=0.1",), "en"),
        (("en;q=0",), "ja"),
        (("en, ja",), "ja"),
        (("en;q=2",), "ja"),
        (("en;q=0.0001",), "ja"),
        (("\udcff, en",), "en"),
        (("",), "ja"),
        (("en" + ",fr" * 5000,), "en"),
        ((",".join(["fr"] * 17 + ["en"]),), "ja"),
    ],
)
def test_japanese_is_answered_unless_english_is_preferred(
    values: tuple[str, ...], expected: str
) -> None:
    assert language(headers("Accept-Language", *values)) == expected


@pytest.mark.parametrize("value", ["Bearer abc", "bearer abc", "BEARER a-b._~+/=="])
def test_one_bearer_header_is_handed_on_as_it_is(value: str) -> None:
    assert authorization(headers("Authorization", value)) == value


@pytest.mark.parametrize(
    "values",
    [
        (),
        ("",),
        ("Basic abc",),
        ("Bearer a b",),
        ("Bearer é",),
        ("Bearer a", "Bearer a"),
        ("Bearer \udcff",),
        ("Bearer " + "a" * 4097,),
    ],
)
def test_anything_else_counts_as_no_authorization(values: tuple[str, ...]) -> None:
    assert authorization(headers("Authorization", *values)) is None


def test_two_traceparents_are_none() -> None:
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"

    assert traceparent(headers("traceparent", trace)) == trace
    assert traceparent(headers("traceparent", trace, trace)) is None
