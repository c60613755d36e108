"""What check digits promise, and that no text whatever makes a rule stumble."""

from datetime import date

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gateway.domain.values import (
    age,
    calendar_date,
    corporate_number,
    era,
    fuzzy_date,
    insurer_number,
    kana,
    municipality_code,
    my_number,
    resident_code,
)
from gateway.domain.values.era import CodeScheme
from gateway.schema.errors import SENTENCES
from gateway.schema.formats import FAULTS

DIGITS = "0123456789"
ANY_TEXT = st.text(st.characters(categories=None), max_size=40)
NEAR_MISSES = st.text("0123456789０-/年月日元平成令和昭ｱﾞァー　 A\n\ud800", max_size=16)


def body(length: int) -> st.SearchStrategy[str]:
    return st.text(DIGITS, min_size=length, max_size=length)


@pytest.mark.parametrize("name", FAULTS)
@given(value=ANY_TEXT | NEAR_MISSES)
@example(value="")
@example(value="\ud800")
def test_every_rule_answers_any_text_with_nothing_or_a_known_code(name: str, value: str) -> None:
    fault = FAULTS[name](value)

    assert fault is None or fault in SENTENCES


@given(body(11))
def test_a_my_number_is_valid_with_exactly_one_check_digit(digits: str) -> None:
    valid = [digit for digit in DIGITS if my_number.fault(digits + digit) is None]

    assert valid == [my_number.check_digit(digits)]


@given(body(11), st.integers(0, 10), st.sampled_from(DIGITS))
def test_a_my_number_catches_a_changed_digit_unless_both_remainders_give_zero(
    digits: str, place: int, other: str
) -> None:
    assume(digits[place] != other)
    number = digits + my_number.check_digit(digits)
    changed = number[:place] + other + number[place + 1 :]

    # The rule maps the remainders 0 and 1 to the digit 0: it is blind between those two.
    blind = number[-1] == "0" == my_number.check_digit(changed[:-1])
    assert (my_number.fault(changed) is None) == blind


@given(body(5), st.integers(0, 5), st.sampled_from(DIGITS))
def test_a_municipality_code_catches_every_changed_digit_but_one_pair_of_remainders(
    digits: str, place: int, other: str
) -> None:
    code = digits + municipality_code.check_digit(digits)
    changed = code[:place] + other + code[place + 1 :]
    assume(changed != code)

    # The last digit of 11 - r is 0 for r = 1 and 1 for both r = 0 and r = 10.
    same = municipality_code.check_digit(changed[:-1]) == changed[-1]
    assert not same or code[-1] == changed[-1] == "1"


@given(body(12), st.integers(0, 12), st.sampled_from(DIGITS))
def test_a_corporate_number_catches_a_changed_digit_unless_it_weighs_the_same_modulo_nine(
    digits: str, place: int, other: str
) -> None:
    number = corporate_number.check_digit(digits) + digits
    changed = number[:place] + other + number[place + 1 :]
    assume(changed != number)

    # 0 and 9 weigh the same modulo 9.
    blind = place > 0 and {number[place], other} == {"0", "9"}
    assert (corporate_number.fault(changed) is None) == blind


@given(st.sampled_from([5, 7]).flatmap(body), st.integers(0, 7), st.sampled_from(DIGITS))
def test_an_insurers_number_catches_every_changed_digit(
    digits: str, place: int, other: str
) -> None:
    number = digits + insurer_number.check_digit(digits)
    place %= len(number)
    changed = number[:place] + other + number[place + 1 :]
    assume(changed != number)

    assert insurer_number.fault(changed) == "insurer_number.check_digit"


@given(body(10))
def test_a_resident_code_takes_one_digit_and_a_doubtful_one_beside_zero(digits: str) -> None:
    valid = [digit for digit in DIGITS if resident_code.fault(digits + digit) is None]

    doubtful = [digit for digit in valid if resident_code.doubtful(digits + digit)]
    assert [digit for digit in valid if digit not in doubtful] == [
        resident_code.check_digit(digits)
    ]
    assert doubtful in ([], ["1"])


@given(st.dates(date(1873, 1, 1)))
def test_every_day_since_1873_has_an_era_date_that_is_valid_and_agrees(day: date) -> None:
    written = era.from_date(day)

    assert written is not None
    assert written.fault() is None
    text = f"{written.era.value}{written.year}年{written.month}月{written.day}日"
    assert era.fault(text) is None
    assert era.agrees(day.isoformat(), text)


@given(st.dates(date(1873, 1, 1), date(2117, 12, 31)), st.sampled_from(CodeScheme))
def test_a_coded_era_date_comes_back_in_its_own_scheme(day: date, scheme: CodeScheme) -> None:
    written = era.from_date(day)
    assert written is not None

    code = era.encode(written, scheme)

    assert code is not None
    assert era.decode(code, scheme) == written


@given(ANY_TEXT | NEAR_MISSES, st.sampled_from(CodeScheme))
def test_no_text_makes_a_date_reader_stumble(value: str, scheme: CodeScheme) -> None:
    decoded = era.decode(value, scheme)
    partly = fuzzy_date.parse(value)

    assert decoded is None or decoded.fault() is None or decoded.fault() in SENTENCES
    assert partly is None or partly.earliest <= partly.latest
    assert (calendar_date.parse(value) is None) == (calendar_date.fault(value) is not None)


@given(st.dates(), st.dates())
def test_an_age_grows_by_one_in_a_year(day: date, born: date) -> None:
    assume(day.year < 9998 and (day.month, day.day) != (2, 29))
    assume((day.month, day.day) != (2, 28))

    assert age.on(day.replace(year=day.year + 1), born=born) == age.on(day, born=born) + 1


@given(st.text("ｦｧｨｩｪｫｬｭｮｯｰｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝﾞﾟ ･"))
def test_half_width_kana_survive_full_width_and_back(value: str) -> None:
    assert kana.to_half(kana.to_full(value)) == value


@given(st.text(st.characters(exclude_characters="゛゜", min_codepoint=0x20), max_size=30))
def test_what_has_no_other_width_is_untouched(value: str) -> None:
    plain = "".join(c for c in value if not "\uff61" <= c <= "\uff9f" and c != " ")

    assert kana.to_full(plain) == plain
