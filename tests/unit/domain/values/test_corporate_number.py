import pytest

from gateway.domain.values import corporate_number


@pytest.mark.parametrize(
    "number",
    [
        "4000012090001",
        "8700110005901",
        "5835678256246",
        "8000020130001",  # 東京都: 000020, the municipality code, and the check digit before
        "9000020011002",
        "5000020240001",
        "1000020380008",
        "8000020131016",
    ],
)
def test_a_number_whose_first_digit_checks_the_rest_is_valid(number: str) -> None:
    assert corporate_number.fault(number) is None


@pytest.mark.parametrize("number", ["5000012090001", "6000012090001", "2835678256246"])
def test_another_first_digit_is_refused(number: str) -> None:
    assert corporate_number.fault(number) == "corporate_number.check_digit"


@pytest.mark.parametrize("number", ["", "400001209000", "40000120900011", "４000012090001"])
def test_what_is_not_thirteen_ascii_digits_is_refused(number: str) -> None:
    assert corporate_number.fault(number) == "corporate_number.format"


def test_the_check_digit_is_never_zero() -> None:
    assert corporate_number.check_digit("000000000000") == "9"
    assert {corporate_number.check_digit(f"{n:012}") for n in range(100)} == set("123456789")
