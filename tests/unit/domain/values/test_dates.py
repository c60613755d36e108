"""Exact and partly known dates, points in time, and ages."""

from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.domain.values import age, calendar_date, fuzzy_date, timestamp
from gateway.domain.values.fuzzy_date import FuzzyDate


def test_an_exact_day_is_in_the_calendar() -> None:
    assert calendar_date.fault("2024-02-29") is None
    assert calendar_date.fault("2023-02-29") == "date.not_in_calendar"
    assert calendar_date.fault("0000-01-01") == "date.not_in_calendar"


@pytest.mark.parametrize(
    "text", ["", "20240229", "2024-2-29", "２０２４-02-29", "2024-W09-4", "2024-02-29\n"]
)
def test_another_form_of_a_day_is_refused(text: str) -> None:
    assert calendar_date.fault(text) == "date.format"
    assert calendar_date.parse(text) is None


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("1964-07-01", FuzzyDate(date(1964, 7, 1), date(1964, 7, 1))),
        ("1964-02-00", FuzzyDate(date(1964, 2, 1), date(1964, 2, 29))),
        ("1963-02-00", FuzzyDate(date(1963, 2, 1), date(1963, 2, 28))),
        ("1964-00-00", FuzzyDate(date(1964, 1, 1), date(1964, 12, 31))),
        ("0000-00-00", FuzzyDate(date.min, date.max)),
        ("0000-01-01", FuzzyDate(date.min, date.min)),
        ("9999-12-31", FuzzyDate(date.max, date.max)),
    ],
)
def test_a_date_known_in_part_means_all_its_days(text: str, days: FuzzyDate) -> None:
    assert fuzzy_date.fault(text) is None
    assert fuzzy_date.parse(text) == days


def test_only_a_known_day_is_exact() -> None:
    exact = [
        text
        for text in ("1964-07-01", "1964-07-00", "0000-00-00", "0000-01-01", "9999-12-31")
        if (days := fuzzy_date.parse(text)) is not None and days.is_exact
    ]

    assert exact == ["1964-07-01"]


@pytest.mark.parametrize(
    "text", ["1964-00-01", "0000-07-01", "0000-01-02", "1964-13-00", "1964-02-30", "1964-02-32"]
)
def test_a_day_without_its_month_or_year_is_not_a_date(text: str) -> None:
    assert fuzzy_date.fault(text) == "date.not_in_calendar"


@pytest.mark.parametrize("text", ["", "1964", "1964-7", "不詳", "1964-07-01T00:00:00"])
def test_another_form_of_a_partly_known_date_is_refused(text: str) -> None:
    assert fuzzy_date.fault(text) == "date.format"
    assert fuzzy_date.parse(text) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20T09:30:00+09:00", datetime(2026, 11, 20, 0, 30, tzinfo=UTC)),
        ("2026-11-20T00:30:00Z", datetime(2026, 11, 20, 0, 30, tzinfo=UTC)),
        ("2026-11-20T00:30:00.123456789Z", datetime(2026, 11, 20, 0, 30, 0, 123456, tzinfo=UTC)),
        ("2026-11-19T19:30:00.5-05:00", datetime(2026, 11, 20, 0, 30, 0, 500000, tzinfo=UTC)),
    ],
)
def test_a_time_with_an_offset_is_one_point_in_time(text: str, moment: datetime) -> None:
    assert timestamp.parse(text) == moment
    assert timestamp.fault(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-20",
        "2026-11-20T09:30:00",
        "2026-11-20 09:30:00+09:00",
        "2026-11-20T09:30+09:00",
        "2026-11-20T09:30:60Z",
        "2026-11-20T24:30:00Z",
        "2026-02-30T09:30:00Z",
        "2026-11-20T09:30:00+24:00",
        "2026-11-20T09:30:00+14:01",
        "1969-12-31T23:59:59Z",
        "9999-01-01T00:00:00Z",
        "0001-01-01T00:00:00+09:00",
        "２０２６-11-20T09:30:00Z",
    ],
)
def test_another_time_is_refused(text: str) -> None:
    assert timestamp.fault(text) == "timestamp.format"


def test_no_accepted_time_leaves_the_calendar_in_another_offset() -> None:
    for text in ("1970-01-01T00:00:00+14:00", "9998-12-31T23:59:59-14:00"):
        moment = timestamp.parse(text)

        assert abs(moment.astimezone(UTC).replace(tzinfo=None) - moment.replace(tzinfo=None)) == (
            timedelta(hours=14)
        )


@pytest.mark.parametrize(
    ("born", "day", "years"),
    [
        (date(1961, 4, 1), date(2026, 3, 30), 64),
        (date(1961, 4, 1), date(2026, 3, 31), 65),
        (date(1961, 4, 1), date(2026, 4, 1), 65),
        (date(2004, 2, 29), date(2025, 2, 27), 20),
        (date(2004, 2, 29), date(2025, 2, 28), 21),
        (date(2000, 1, 1), date(2025, 12, 31), 26),
        (date(2026, 1, 2), date(2025, 12, 31), -1),
        (date(2000, 12, 31), date.max, 7999),
    ],
)
def test_an_age_is_full_on_the_day_before_the_birthday(born: date, day: date, years: int) -> None:
    assert age.on(day, born=born) == years
