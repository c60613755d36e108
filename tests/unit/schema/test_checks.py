"""Cross-field checks look at whatever stands there: they find, or keep silent."""

from typing import Any

import pytest

from gateway.schema.checks import CHECKS

ON_20_NOVEMBER = {"submitted_at": "2026-11-20T09:30:00+09:00"}


def found(check: str, subject: dict[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
    return list(CHECKS[check](subject))


@pytest.mark.parametrize(
    ("subject", "mismatch"),
    [
        ({"birth_date": "1989-01-08", "birth_date_era": "平成元年1月8日"}, False),
        ({"birth_date": "1989-01-08", "birth_date_era": "平成元年1月9日"}, True),
        ({"birth_date": "1912-07-30", "birth_date_era": "明治45年7月30日"}, False),
        ({"birth_date": "1912-07-30", "birth_date_era": "大正元年7月30日"}, False),
        ({"birth_date": "1989-01-08", "birth_date_era": "昭和64年1月8日"}, False),  # the format's
        ({"birth_date": "1989-02-30", "birth_date_era": "平成元年1月8日"}, False),  # the format's
        ({"birth_date": 5, "birth_date_era": "平成元年1月8日"}, False),
        ({"birth_date": "1989-01-08", "birth_date_era": ["平成元年1月9日"]}, False),
        ({"birth_date_era": "平成元年1月8日"}, False),
        ({"_era": "平成元年1月8日"}, False),
    ],
)
def test_a_date_and_its_era_date_are_one_day(subject: dict[str, Any], *, mismatch: bool) -> None:
    expected = [(("birth_date_era",), "date.era_mismatch")] if mismatch else []

    assert found("era-dates-agree", subject) == expected


@pytest.mark.parametrize(
    ("subject", "reversed_"),
    [
        ({"from": "2026-01-01", "until": "2026-01-01"}, False),
        ({"from": "2026-01-02", "until": "2026-01-01"}, True),
        ({"from": "2026-01-02"}, False),
        ({"from": "2026-01-02", "until": "soon"}, False),
        ({"from": {}, "until": 5}, False),
    ],
)
def test_a_period_ends_after_it_begins(subject: dict[str, Any], *, reversed_: bool) -> None:
    assert found("period-in-order", subject) == (
        [(("until",), "date.reversed")] if reversed_ else []
    )


def test_nobody_is_born_after_the_day_of_submission_in_tokyo() -> None:
    request = {
        "submitted_at": "2026-11-20T15:30:00Z",  # 21 November in Tokyo
        "content": {
            "children": [
                {"birth_date": "2026-11-21"},
                {"birth_date": "2026-11-22"},
                {"birth_date": "9999-99-99"},
                {"birth_date": ["2026-11-22"]},
                "2026-11-22",
            ]
        },
    }

    assert found("born-before-submission", request) == [
        (("content", "children", 1, "birth_date"), "date.in_the_future")
    ]


@pytest.mark.parametrize("submitted", [None, 5, "yesterday"])
def test_without_a_time_of_submission_no_day_is_late(submitted: object) -> None:
    request = {"submitted_at": submitted, "damaged_on": "9998-01-01"}

    assert found("happened-before-submission", request) == []


def test_the_second_place_of_a_repeated_my_number_is_pointed_at() -> None:
    request = {
        "a": {"my_number": "123456789018"},
        "b": [{"my_number": 5}, {"my_number": "123456789018"}, {"my_number": ["x"]}],
    }

    assert found("my-numbers-differ", request) == [(("b", 1, "my_number"), "my_number.repeated")]


@pytest.mark.parametrize(
    ("household", "wrong"),
    [
        ([{"relationship": "head"}, {"relationship": "wife"}], False),
        ([{"relationship": "head"}, {"relationship": "head"}], True),
        ([{"relationship": "wife"}], True),
        ([], False),
        (["head"], False),
        ("head", False),
        (None, False),
    ],
)
def test_a_household_has_one_head(household: object, *, wrong: bool) -> None:
    expected = [(("household",), "household.heads")] if wrong else []

    assert found("one-household-head", {"household": household}) == expected


@pytest.mark.parametrize(
    ("born", "category", "wrong"),
    [
        ("1961-11-21", "first", False),  # 65 on 20 November
        ("1961-11-22", "first", True),
        ("1961-11-22", "second", False),
        ("1961-11-21", "second", True),
        ("1986-11-21", "second", False),  # 40 on 20 November
        ("1986-11-22", "second", True),
        ("1986-11-22", "third", False),
        ("1986", "first", False),
        ("1986-11-22", ["first"], False),
    ],
)
def test_the_category_of_an_insured_person_is_that_of_their_age(
    born: str, category: object, *, wrong: bool
) -> None:
    request = ON_20_NOVEMBER | {"content": {"insured": {"birth_date": born, "category": category}}}

    expected = [(("content", "insured", "category"), "care.category_by_age")] if wrong else []
    assert found("insured-by-age", request) == expected


@pytest.mark.parametrize("content", [None, [], {"insured": []}, {}])
def test_a_request_of_another_shape_is_left_alone(content: object) -> None:
    assert found("insured-by-age", ON_20_NOVEMBER | {"content": content}) == []
