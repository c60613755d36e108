import pytest

from gateway.domain.values import municipality_code

VALID = [
    "010006",
    "011002",
    "011011",
    "012050",
    "012131",
    "016951",
    "020001",
    "100005",
    "130001",
    "131016",
    "131105",
    "141003",
    "151009",
    "182079",
    "240001",
    "271004",
    "380008",
    "382019",
    "400009",
    "472018",
]


@pytest.mark.parametrize("code", VALID)
def test_an_official_code_is_valid(code: str) -> None:
    assert municipality_code.fault(code) is None


@pytest.mark.parametrize("code", VALID)
def test_every_other_check_digit_is_refused(code: str) -> None:
    others = [f"{code[:-1]}{digit}" for digit in range(10) if str(digit) != code[-1]]

    assert {municipality_code.fault(other) for other in others} == {"municipality_code.check_digit"}


@pytest.mark.parametrize("code", ["", "13101", "1310160", "１３１０１６", "13101X", "131016 "])
def test_what_is_not_six_ascii_digits_is_refused(code: str) -> None:
    assert municipality_code.fault(code) == "municipality_code.format"


@pytest.mark.parametrize("prefecture", ["00", "48", "99"])
def test_a_prefecture_beyond_47_is_refused_whatever_its_check_digit(prefecture: str) -> None:
    body = f"{prefecture}101"

    assert municipality_code.fault(body + municipality_code.check_digit(body)) == (
        "municipality_code.prefecture"
    )
