"""What the operations API says when it refuses."""

import pytest

from gateway.domain.errors import DeliveryNotFoundError, JournalUnavailableError, KeyNotFoundError
from gateway.http.ops.problems import (
    DETAILS,
    TITLES,
    OpsProblem,
    answer,
    document,
    problem_of,
)
from gateway.services.operate.refusals import ChangedMeanwhileError, NotFoundError, OperationError


@pytest.mark.parametrize("code", DETAILS)
def test_every_sentence_stands_in_both_languages(code: str) -> None:
    status, japanese, english = DETAILS[code]

    assert status in TITLES
    assert japanese.endswith(("。", '"3"'))
    assert english.endswith((".", '"3"'))


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (NotFoundError("no delivery has this id: x"), 404, "no delivery has this id: x"),
        (DeliveryNotFoundError("some id"), 404, None),
        (OperationError("a reason is required"), 422, "a reason is required"),
        (ChangedMeanwhileError("core: look again"), 409, None),
        (KeyNotFoundError("a file's path"), 422, None),
        (JournalUnavailableError("a database's text"), 503, None),
    ],
)
def test_only_what_is_written_for_operators_is_told(
    error: NotFoundError, status: int, told: str | None
) -> None:
    problem = problem_of(error, conditional=False)

    assert (problem.status, problem.told) == (status, told)


def test_what_failed_for_now_says_when_to_ask_again() -> None:
    problem = problem_of(JournalUnavailableError("core"), conditional=False)

    assert answer(problem, "en").headers["Retry-After"] == "5"


def test_a_code_without_a_sentence_still_has_a_title() -> None:
    made = document(OpsProblem(422, "new.code"), "en")

    assert made == {
        "type": "urn:kakehashi:problem:new.code",
        "title": "This cannot be done as it is asked for.",
        "status": 422,
        "code": "new.code",
    }
