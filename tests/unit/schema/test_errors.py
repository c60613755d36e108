import string

from gateway.schema.errors import MAX_ERRORS, SENTENCES, FieldError, detail, in_order
from gateway.schema.findings import _CODES


def test_every_code_has_a_sentence_in_both_languages() -> None:
    for code, (japanese, english) in SENTENCES.items():
        assert japanese.endswith("。"), code
        assert english.endswith("."), code
        assert english.isascii() or "era" in code, code


def test_both_sentences_of_a_code_take_the_same_parameters() -> None:
    def parameters(sentence: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(sentence)} - {None}

    for japanese, english in SENTENCES.values():
        assert parameters(japanese) == parameters(english)


def test_every_code_of_the_validator_has_a_sentence_with_its_limit() -> None:
    for code, limit in _CODES.values():
        assert "4" in detail(code, "ja", {"limit": 4}) or limit is None


def test_a_sentence_carries_its_parameters() -> None:
    error = FieldError("#/a", "text.too_long", (("limit", 50),))

    assert error.detail("ja") == "50文字以内で入力してください。"
    assert error.detail("en") == "Must have at most 50 characters."


def test_errors_come_in_the_order_of_places_with_items_as_numbers() -> None:
    errors = [
        FieldError(pointer, "field.required")
        for pointer in ("#/a/10/b", "#/a/2/b", "#/a", "#", "#/a/2/b")
    ]

    assert [error.pointer for error in in_order(errors)] == ["#", "#/a", "#/a/2/b", "#/a/10/b"]


def test_at_most_a_hundred_errors_are_reported() -> None:
    errors = [FieldError(f"#/{number}", "field.type") for number in range(1_000)]

    assert len(in_order(errors)) == MAX_ERRORS
