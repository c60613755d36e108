"""Numbers with a form of their own: insurers, postal codes, telephones, receipts."""

import pytest

from gateway.domain.values import insurer_number, phone_number, postal_code, receipt_number


def test_an_insurers_number_ends_in_its_check_digit() -> None:
    # 設定要領's own example: 33 12 001 gives 5.
    assert insurer_number.check_digit("3312001") == "5"
    assert insurer_number.fault("33120015") is None
    assert insurer_number.fault("33120016") == "insurer_number.check_digit"


def test_national_health_insurers_have_six_digits() -> None:
    assert insurer_number.fault("138016") is None
    assert insurer_number.fault("138017") == "insurer_number.check_digit"


@pytest.mark.parametrize("number", ["", "1380160", "13801", "３３１２００１５", "3312001５"])
def test_an_insurers_number_of_another_form_is_refused(number: str) -> None:
    assert insurer_number.fault(number) == "insurer_number.format"


def test_a_postal_code_has_seven_digits_and_no_hyphen() -> None:
    assert postal_code.fault("1000014") is None
    assert postal_code.fault("100-0014") == "postal_code.format"
    assert postal_code.fault("１００００１４") == "postal_code.format"


@pytest.mark.parametrize("number", ["0312345678", "09012345678", "0120123456", "05012345678"])
def test_a_telephone_number_has_ten_or_eleven_digits(number: str) -> None:
    assert phone_number.fault(number) is None


@pytest.mark.parametrize(
    "number", ["", "03-1234-5678", "312345678", "+81312345678", "090123456789"]
)
def test_another_telephone_number_is_refused(number: str) -> None:
    assert phone_number.fault(number) == "phone_number.format"


@pytest.mark.parametrize("number", ["A", "A-2026-000123", "令和8年第17号", "x" * 64])
def test_a_receipt_number_is_up_to_64_visible_characters(number: str) -> None:
    assert receipt_number.fault(number) is None


@pytest.mark.parametrize(
    "number", ["", "x" * 65, "A 1", "A\u30001", "A\n", "A\x00", "A\u200b", "A\ud800", "\u202eA"]
)
def test_a_receipt_number_with_something_invisible_is_refused(number: str) -> None:
    assert receipt_number.fault(number) == "receipt_number.format"
