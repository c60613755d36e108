import pytest

from gateway.domain.values import resident_code


@pytest.mark.parametrize(
    "code",
    [
        "12345678903",
        "00000000019",
        "99999999995",
        "10000000006",
        "10000000030",  # remainder 0
        "10000000090",  # remainder 1
    ],
)
def test_a_code_with_its_check_digit_is_valid(code: str) -> None:
    assert resident_code.fault(code) is None
    assert not resident_code.doubtful(code)


def test_a_remainder_of_zero_is_also_taken_with_one_but_marked_as_doubtful() -> None:
    assert resident_code.fault("10000000031") is None
    assert resident_code.doubtful("10000000031")


@pytest.mark.parametrize("code", ["12345678904", "10000000032", "10000000091"])
def test_another_check_digit_is_refused(code: str) -> None:
    assert resident_code.fault(code) == "resident_code.check_digit"


@pytest.mark.parametrize("code", ["", "1234567890", "123456789033", "１2345678903"])
def test_what_is_not_eleven_ascii_digits_is_refused(code: str) -> None:
    assert resident_code.fault(code) == "resident_code.format"
