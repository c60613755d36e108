"""Words at rest are read with the secret only."""

import pytest

from gateway.crypto import keys
from gateway.crypto.at_rest import WordsAtRest

WORDS = "山田様の申請のため停止"


def test_words_are_read_again_and_never_look_the_same() -> None:
    at_rest = WordsAtRest(keys.new_secret())

    stored = {at_rest.seal(WORDS) for _ in range(3)}

    assert len(stored) == 3
    assert {at_rest.open(each) for each in stored} == {WORDS}
    assert all(each.isascii() for each in stored)


def test_words_of_an_earlier_version_are_read_as_they_stand() -> None:
    assert WordsAtRest(keys.new_secret()).open(WORDS) == WORDS


@pytest.mark.parametrize("ending", ["", "A", "!", "AAAA"])
def test_words_under_another_secret_or_changed_are_not_read(ending: str) -> None:
    sealed = WordsAtRest(keys.new_secret()).seal(WORDS)

    assert WordsAtRest(keys.new_secret()).open(sealed + ending) is None
