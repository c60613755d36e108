import pytest

from gateway.formats.core_reference import is_reference


@pytest.mark.parametrize(
    "text",
    [
        "0193453a-0000-7000-8000-123456789018",
        "A-123456",
        "整000001",
        "整理番号１２３",
        "123456789012",
        "1234567890123",
        "1" * 200,
    ],
)
def test_a_number_with_letters_about_it_is_a_reference(text: str) -> None:
    assert is_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        "佐藤花子",
        "佐藤花子 個人番号123456789018",
        "123456789018",
        "A123456789018B",
        "1234-5678-9018",
        "１２３４５６７８９０１８",
        "A 1",
        "A　1",
        "A\u20281",
        "A\x001",
        "",
        "1" * 201,
    ],
)
def test_what_may_name_a_person_is_no_reference(text: str) -> None:
    assert not is_reference(text)
