from datetime import timedelta

import pytest

from gateway.cli import words
from gateway.domain.lifecycle import ApplicationState, State
from gateway.domain.outcome import FeedbackStatus


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "ja_JP.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "C", "LC_ALL": "ja_JP"}, "ja"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": ""}, "ja"),
    ],
)
def test_the_first_variable_that_is_set_decides_the_language(
    environment: dict[str, str], language: str
) -> None:
    assert words.language(environment) == language


def test_every_state_has_words() -> None:
    assert set(words.STATES) == {*State, *ApplicationState}


def test_the_words_of_feedback_are_the_official_ones() -> None:
    official = {status.value: status.japanese for status in FeedbackStatus}

    assert official == words.FEEDBACK_JA


def test_times_are_shown_as_japan_has_them() -> None:
    assert words.moment("2026-11-20T15:30:00.123+00:00") == "2026-11-21 00:30:00"
    assert words.clock("2026-11-20T15:30:00.123Z") == "00:30:00.123"


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(milliseconds=12), "12 ms"),
        (timedelta(seconds=1.25), "1.2 s"),
        (timedelta(minutes=5), "5.0 min"),
        (timedelta(hours=30), "30.0 h"),
        (timedelta(days=9), "9.0 d"),
    ],
)
def test_a_duration_is_told_in_the_unit_a_person_would_choose(span: timedelta, text: str) -> None:
    assert words.duration(span) == text
