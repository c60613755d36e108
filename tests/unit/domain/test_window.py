"""When a core system may be sent to."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.window import JST, Window, parse_openings


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=JST)


OFFICE = Window(
    openings=parse_openings(["mon-fri 08:30-17:15", "sat 09:00-12:00"]),
    closed_on=frozenset({date(2026, 11, 23)}),
)


def test_a_day_of_maintenance_closes_whatever_its_openings() -> None:
    friday = frozenset({date(2026, 11, 20)})
    always = Window(maintained_on=friday)
    office = Window(openings=OFFICE.openings, maintained_on=friday)

    assert [window.is_open(at("2026-11-20T10:00:00")) for window in (always, office)] == [False] * 2
    assert always.is_open(at("2026-11-19T23:59:59"))
    assert always.opens_at(at("2026-11-20T10:00:00")) == at("2026-11-21T00:00:00")
    assert office.opens_at(at("2026-11-20T10:00:00")) == at("2026-11-21T09:00:00")


def test_its_openings_hold_on_a_holiday_that_is_a_working_day() -> None:
    holiday = frozenset({date(2026, 11, 23)})
    window = Window(openings=OFFICE.openings, closed_on=holiday, open_on=holiday)
    maintained = Window(openings=OFFICE.openings, maintained_on=holiday, open_on=holiday)

    assert window.is_open(at("2026-11-23T10:00:00"))
    assert not window.is_open(at("2026-11-23T20:00:00"))
    assert not maintained.is_open(at("2026-11-23T10:00:00"))


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        ("2026-11-20T08:29:59", False),
        ("2026-11-20T08:30:00", True),
        ("2026-11-20T17:14:59", True),
        ("2026-11-20T17:15:00", False),
        ("2026-11-21T10:00:00", True),
        ("2026-11-22T10:00:00", False),
        ("2026-11-23T10:00:00", False),
        ("2026-11-24T10:00:00", True),
    ],
    ids=["early", "first", "last", "late", "saturday", "sunday", "holiday", "after it"],
)
def test_it_is_open_on_its_weekdays_in_its_hours_and_not_on_holidays(
    now: str,
    is_open: bool,  # noqa: FBT001 - what the table says
) -> None:
    assert OFFICE.is_open(at(now)) == is_open


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-20T07:00:00", "2026-11-20T08:30:00"),
        ("2026-11-20T09:00:00", "2026-11-20T09:00:00"),
        ("2026-11-20T18:00:00", "2026-11-21T09:00:00"),
        ("2026-11-21T12:00:00", "2026-11-24T08:30:00"),
    ],
    ids=["this morning", "now", "tomorrow", "after a long weekend"],
)
def test_it_says_when_it_opens_next(now: str, opens: str) -> None:
    assert OFFICE.opens_at(at(now)) == at(opens)


def test_without_openings_it_is_always_open() -> None:
    window = Window(closed_on=frozenset({date(2026, 11, 23)}))

    assert window.is_open(at("2026-11-23T03:00:00"))


def test_its_hours_are_japan_s_wherever_the_clock_stands() -> None:
    assert OFFICE.is_open(datetime(2026, 11, 19, 23, 30, tzinfo=UTC))
    assert not OFFICE.is_open(datetime(2026, 11, 20, 8, 30, tzinfo=UTC))


def test_the_end_of_the_day_is_24_00() -> None:
    window = Window(openings=parse_openings(["fri-mon 00:00-24:00"]))

    assert window.is_open(at("2026-11-20T23:59:59"))
    assert window.is_open(at("2026-11-23T00:00:00"))
    assert not window.is_open(at("2026-11-24T00:00:00"))


def test_one_that_never_opens_says_so() -> None:
    start = date(2026, 1, 1)
    closed = frozenset(start + timedelta(days=days) for days in range(800))
    window = Window(openings=parse_openings(["mon-sun 09:00-10:00"]), closed_on=closed)

    assert window.opens_at(at("2026-01-05T09:30:00")) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("weekdays 9-5", "must look like"),
        ("mon-fri 8:30-17:15", "must look like"),
        ("mon-fry 08:30-17:15", "fry is none of mon"),
        ("mon 17:15-08:30", "must end after it starts"),
        ("mon 08:60-09:00", "08:60 is no time of day"),
        ("mon 08:00-24:01", "24:01 is no time of day"),
        ("", "must look like"),
    ],
)
def test_what_is_no_opening_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_openings([text])


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 1)))  # noqa: DTZ001 - made aware below
def test_it_is_open_when_it_says_it_opens_and_closed_until_then(moment: datetime) -> None:
    now = moment.replace(tzinfo=JST)

    opens = OFFICE.opens_at(now)

    assert opens is not None
    assert OFFICE.is_open(opens)
    if opens > now:
        assert not OFFICE.is_open(opens - timedelta(microseconds=1))
        assert not OFFICE.is_open(now + (opens - now) / 2)


@pytest.mark.parametrize(
    "text", ["mon-fri 08:30-17:15", "mon,wed-thu,sun 00:00-24:00", "sat 09:05-12:00"]
)
def test_it_is_written_as_it_is_read(text: str) -> None:
    [opening] = parse_openings([text])

    assert opening.text == text
