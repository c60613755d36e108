"""The days on which offices are closed."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from gateway.domain.errors import ConfigError
from gateway.settings.holidays import load_holidays, shipped_holidays

SUBSTITUTE_DAYS = {date(2026, 5, 6), date(2027, 3, 22)}
BETWEEN_TWO = {date(2026, 9, 22)}


def test_the_shipped_list_has_the_holidays_and_the_turn_of_the_year() -> None:
    listed = load_holidays(shipped_holidays())

    assert {date(2026, 1, 1), date(2026, 11, 23), date(2026, 12, 31)} <= listed.days
    assert {date(2027, 1, 2), date(2027, 1, 3)} <= listed.days
    assert date(2026, 12, 28) not in listed.days
    assert listed.known_until == date(2027, 12, 31)


def test_the_shipped_list_follows_the_law_s_rules_for_days_between_and_after_sundays() -> None:
    """Article 3 of 国民の祝日に関する法律, paragraphs 2 and 3, derived anew."""
    # A name apart: 1 January and the days of the turn of the year are no 休日 of this law.
    listed = load_holidays(shipped_holidays()).days
    turn = {day for day in listed if (day.month, day.day) in {(1, 2), (1, 3)} or day.month == 12}
    named = listed - turn - SUBSTITUTE_DAYS - BETWEEN_TWO
    day_after = timedelta(days=1)

    after_sundays = set()
    for day in named:
        if day.weekday() == 6:
            substitute = day + day_after
            while substitute in named:
                substitute += day_after
            after_sundays.add(substitute)
    between = {
        day + day_after
        for day in named
        if day + 2 * day_after in named
        and day + day_after not in named | after_sundays
        and (day + day_after).weekday() != 6
    }

    assert after_sundays == SUBSTITUTE_DAYS
    assert between == BETWEEN_TWO
    assert len(named) == 2 * 16


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("dates: [2026-01-01]", "known_until"),
        ("known_until: soon\ndates: []", "known_until"),
        ("known_until: 2026-12-31\ndates: [2026-02-30]", "cannot be read|dates"),
        ('known_until: 2026-12-31\ndates: []\nyearly: ["13-01"]', "yearly"),
        ("[", "cannot be read"),
    ],
)
def test_a_list_of_another_shape_is_refused(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "holidays.yaml"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(ConfigError, match=says):
        load_holidays(path)


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"calendar\.file"):
        load_holidays(tmp_path / "none.yaml")
