"""What is said of codes, to people."""

import re
from collections.abc import Iterator
from pathlib import Path

from gateway.domain.lifecycle import State
from gateway.services.advice import ADVICE, OF_THE_CORE_SYSTEM, advice_on
from gateway.services.operate.causes import cause_of
from gateway.services.verdict import PUT_OFF

ROOT = Path(__file__).parents[3]


def test_every_code_is_explained_in_both_languages() -> None:
    said = [words for each in ADVICE.values() for words in (each.happened, each.action)]

    assert all(japanese and english for japanese, english in said)
    assert all(not japanese.isascii() for japanese, _ in said)
    assert all(english.isascii() for _, english in said)


def test_what_is_put_off_by_our_own_doing_is_explained() -> None:
    assert ADVICE.keys() >= PUT_OFF


def test_a_code_of_a_core_system_is_said_to_be_one() -> None:
    assert advice_on("K-7") is OF_THE_CORE_SYSTEM


def codes_in_the_readmes() -> Iterator[str]:
    """Yield the codes in the tables of outcomes of the shipped adapters."""
    for readme in (ROOT / "adapters").glob("*/README.md"):
        for line in readme.read_text(encoding="utf-8").splitlines():
            cells = line.split("|")
            if len(cells) > 3 and re.search("parked|retrying|in doubt", cells[2]):
                yield from re.findall(r"`([a-z]+\.[A-Za-z0-9_:+*]+)`", cells[1])


def test_every_code_of_a_shipped_adapter_is_explained_to_whoever_must_act() -> None:
    codes = {
        code.replace("4XX", "422").replace("5XX", "502").replace("3XX", "302")
        for code in codes_in_the_readmes()
    }

    assert {"http.422", "file.disk_full", "sftp.login_refused"} <= codes
    assert {code for code in codes if advice_on(code) is OF_THE_CORE_SYSTEM} == set()


def test_attention_explains_them_too_and_never_sends_blindly_what_is_in_doubt() -> None:
    refused = cause_of("http.422", State.PARKED)
    lost = cause_of("http.answer_lost", State.IN_DOUBT)

    assert refused.meaning[1] == "The core system refused it; it is not there."
    assert "the answer was late" in lost.meaning[1]
    assert cause_of("http.422", State.IN_DOUBT).action == lost.action


def test_what_is_to_be_done_is_said_in_the_words_of_the_buttons() -> None:
    said = [advice_on(code).action[0] for code in (*ADVICE, *codes_in_the_readmes())]

    assert [text for text in said if re.search("confirm|replay|cancel", text)] == []
