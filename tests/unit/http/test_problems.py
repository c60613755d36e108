"""Problems as documents."""

from uuid import UUID

import pytest

from gateway.http.problems import DETAILS, TITLES, document, problem
from gateway.schema.errors import FieldError
from gateway.schema.parse import JSONRefusedError
from gateway.services.accept import Refusal


def test_every_detail_belongs_to_a_status_with_a_title() -> None:
    assert {status for status, _, _ in DETAILS.values()} == TITLES.keys()


@pytest.mark.parametrize("code", JSONRefusedError.CODES)
def test_everything_the_parser_refuses_has_a_sentence(code: str) -> None:
    assert DETAILS[code][0] == 400


@pytest.mark.parametrize("code", DETAILS.keys() - {"internal"})
def test_every_sentence_stands_in_both_languages(code: str) -> None:
    _, japanese, english = DETAILS[code]

    assert not japanese.isascii()
    assert english
    assert japanese.endswith("。")
    assert english.endswith((".", "§"))


def test_a_refusal_that_nobody_has_words_for_still_has_a_title() -> None:
    assert document(Refusal(status=418, code="new.code"), "en") == {
        "type": "urn:kakehashi:problem:new.code",
        "title": TITLES[500][1],
        "status": 418,
        "code": "new.code",
    }


def test_a_field_error_that_nobody_has_words_for_keeps_its_code() -> None:
    refusal = Refusal(
        status=422, code="application.invalid", errors=(FieldError("#/x", "new.code"),)
    )

    assert document(refusal, "en")["errors"] == [
        {"pointer": "#/x", "code": "new.code", "detail": "The value is not valid."}
    ]


def test_the_existing_application_is_named() -> None:
    refusal = Refusal(status=422, code="application.already_received", existing=UUID(int=7))

    assert document(refusal, "ja")["existing"] == str(UUID(int=7))


@pytest.mark.parametrize(("wait_s", "header"), [(0.0, "1"), (0.01, "1"), (1.2, "2"), (30.0, "30")])
def test_the_wait_is_rounded_up_to_whole_seconds(wait_s: float, header: str) -> None:
    answer = problem(Refusal(status=429, code="client.rate_exceeded", retry_after_s=wait_s), "ja")

    assert answer.headers["Retry-After"] == header
