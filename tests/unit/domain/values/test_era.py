from datetime import date

import pytest

from gateway.domain.values import era
from gateway.domain.values.era import CodeScheme, Era, EraDate


@pytest.mark.parametrize(
    ("written", "iso"),
    [
        ("明治6年1月1日", "1873-01-01"),
        ("明治45年7月29日", "1912-07-29"),
        ("明治45年7月30日", "1912-07-30"),
        ("大正元年7月30日", "1912-07-30"),
        ("大正15年12月24日", "1926-12-24"),
        ("大正15年12月25日", "1926-12-25"),
        ("昭和元年12月25日", "1926-12-25"),
        ("昭和64年1月7日", "1989-01-07"),
        ("平成元年1月8日", "1989-01-08"),
        ("平成1年01月08日", "1989-01-08"),
        ("平成31年4月30日", "2019-04-30"),
        ("令和元年5月1日", "2019-05-01"),
        ("令和8年2月28日", "2026-02-28"),
    ],
)
def test_a_day_within_its_era_is_valid_and_agrees_with_its_date(written: str, iso: str) -> None:
    assert era.fault(written) is None
    assert era.agrees(iso, written)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("明治5年12月2日", "date.before_era"),  # lunisolar before 1873
        ("明治45年7月31日", "date.after_era"),
        ("大正元年7月29日", "date.before_era"),
        ("大正15年12月26日", "date.after_era"),
        ("昭和元年12月24日", "date.before_era"),
        ("昭和64年1月8日", "date.after_era"),
        ("平成元年1月7日", "date.before_era"),
        ("平成31年5月1日", "date.after_era"),
        ("令和元年4月30日", "date.before_era"),
        ("令和7年2月29日", "date.not_in_calendar"),
        ("令和0年5月1日", "date.not_in_calendar"),
        ("令和9999年5月1日", "date.not_in_calendar"),
        ("慶応3年1月1日", "date.era_unknown"),
        ("令和８年５月１日", "date.era_format"),
        ("R8.5.1", "date.era_format"),
        ("令和8年5月1日\n", "date.era_format"),
        ("", "date.era_format"),
    ],
)
def test_a_day_outside_its_era_or_form_is_refused(written: str, code: str) -> None:
    assert era.fault(written) == code


def test_a_lenient_reader_gets_the_day_that_a_core_system_meant() -> None:
    day = era.parse("令和元年1月1日")

    assert day is not None
    assert day.fault() == "date.before_era"
    assert day.to_date() == date(2019, 1, 1)


@pytest.mark.parametrize(
    ("iso", "written"),
    [
        ("1989-01-08", "昭和64年1月7日"),
        ("1989-01-32", "平成元年1月8日"),
        ("1989-01-08", "H1.1.8"),
        ("1989-01-08", "平成元年13月8日"),
    ],
)
def test_days_that_are_not_the_same_do_not_agree(iso: str, written: str) -> None:
    assert not era.agrees(iso, written)


@pytest.mark.parametrize(
    ("day", "written"),
    [
        (date(1873, 1, 1), EraDate(Era.MEIJI, 6, 1, 1)),
        (date(1912, 7, 29), EraDate(Era.MEIJI, 45, 7, 29)),
        (date(1912, 7, 30), EraDate(Era.TAISHO, 1, 7, 30)),
        (date(1926, 12, 25), EraDate(Era.SHOWA, 1, 12, 25)),
        (date(1989, 1, 7), EraDate(Era.SHOWA, 64, 1, 7)),
        (date(2019, 4, 30), EraDate(Era.HEISEI, 31, 4, 30)),
        (date(2026, 11, 20), EraDate(Era.REIWA, 8, 11, 20)),
    ],
)
def test_a_day_is_written_in_the_era_it_belongs_to_and_the_new_one_on_a_shared_day(
    day: date, written: EraDate
) -> None:
    assert era.from_date(day) == written


def test_no_era_is_written_for_the_time_before_the_gregorian_calendar() -> None:
    assert era.from_date(date(1872, 12, 31)) is None


@pytest.mark.parametrize(
    ("scheme", "code"),
    [
        (CodeScheme.LETTERS, "S620527"),
        (CodeScheme.ORDINALS, "3620527"),
        (CodeScheme.ODD, "5620527"),
    ],
)
def test_one_day_has_another_code_in_each_scheme(scheme: CodeScheme, code: str) -> None:
    day = EraDate(Era.SHOWA, 62, 5, 27)

    assert era.encode(day, scheme) == code
    assert era.decode(code, scheme) == day


def test_one_code_is_another_day_in_each_scheme() -> None:
    # 日本年金機構's 昭和62 is 令和62 to a municipal layout: why nothing is ever detected.
    assert era.decode("5620527", CodeScheme.ODD) == EraDate(Era.SHOWA, 62, 5, 27)
    assert era.decode("5620527", CodeScheme.ORDINALS) == EraDate(Era.REIWA, 62, 5, 27)


@pytest.mark.parametrize("code", ["", "H01010", "X010108", "2010108", "H0101O8", "H01010８"])
def test_a_code_that_is_not_of_the_scheme_is_no_date(code: str) -> None:
    assert era.decode(code, CodeScheme.LETTERS) is None


@pytest.mark.parametrize("year", [0, 100])
def test_a_year_of_three_digits_has_no_code(year: int) -> None:
    assert era.encode(EraDate(Era.REIWA, year, 1, 1), CodeScheme.LETTERS) is None
