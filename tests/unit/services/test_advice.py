"""What is said of codes, to people."""

from gateway.services.advice import ADVICE, OF_THE_CORE_SYSTEM, advice_on
from gateway.services.verdict import PUT_OFF


def test_every_code_is_explained_in_both_languages():
    said = [words for each in ADVICE.values() for words in (each.happened, each.action)]

    assert all(japanese and english for japanese, english in said)
    assert all(not japanese.isascii() for japanese, _ in said)
    assert all(english.isascii() for _, english in said)


def test_what_is_put_off_by_our_own_doing_is_explained():
    assert ADVICE.keys() >= PUT_OFF


def test_a_code_of_a_core_system_is_said_to_be_one():
    assert advice_on("http.422") is OF_THE_CORE_SYSTEM
