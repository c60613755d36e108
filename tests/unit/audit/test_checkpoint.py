"""A checkpoint is three lines that a log has signed, and nothing else is one."""

import base64
import re

import pytest

from gateway.audit.checkpoint import Checkpoint, open_checkpoint, parse, read_number
from gateway.audit.note import Note, sign
from gateway.audit.note import parse as parse_note
from gateway.audit.tree import EMPTY_ROOT, MAX_SIZE
from gateway.testing.notes import NoteSigner, verify

ROOT = bytes(range(32))
ROOT_TEXT = base64.b64encode(ROOT).decode()
LOG = NoteSigner("audit.example.lg.jp/log")
OTHER = NoteSigner("audit.example.lg.jp/another-log")
CHECKPOINT = Checkpoint(LOG.name, 20_852_163, ROOT)


def signed(checkpoint: Checkpoint, by: NoteSigner = LOG) -> bytes:
    return sign(checkpoint.text(), by.name, by.key.public, by.sign)


def test_the_text_is_that_of_the_specification() -> None:
    assert CHECKPOINT.text() == f"audit.example.lg.jp/log\n20852163\n{ROOT_TEXT}\n"


@pytest.mark.parametrize(
    "checkpoint",
    [
        CHECKPOINT,
        Checkpoint("日本 語", MAX_SIZE, ROOT, ("one", "another")),
        Checkpoint("a", 0, EMPTY_ROOT),
    ],
)
def test_a_checkpoint_reads_as_it_was_written(checkpoint: Checkpoint) -> None:
    assert parse(checkpoint.text()) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"a\n1\n{ROOT_TEXT}",
        f"a\n{ROOT_TEXT}\n",
        f"\n1\n{ROOT_TEXT}\n",
        f"a\n01\n{ROOT_TEXT}\n",
        f"a\n+1\n{ROOT_TEXT}\n",
        f"a\n-1\n{ROOT_TEXT}\n",
        f"a\n1 \n{ROOT_TEXT}\n",
        f"a\n1_0\n{ROOT_TEXT}\n",
        f"a\n\u0661\n{ROOT_TEXT}\n",
        f"a\n\n{ROOT_TEXT}\n",
        f"a\n9223372036854775808\n{ROOT_TEXT}\n",
        f"a\n{'9' * 5000}\n{ROOT_TEXT}\n",
        f"a\n0\n{ROOT_TEXT}\n",
        f"a\n1\n{ROOT_TEXT[:-1]}\n",
        f"a\n1\n{ROOT_TEXT[4:]}\n",
        f"a\n1\n{ROOT_TEXT}\n\n",
        f"a\n1\n{ROOT_TEXT}\nextension\n\nanother\n",
        f"a\r\n1\n{ROOT_TEXT}\n",
    ],
)
def test_what_is_no_checkpoint_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"^[a-z0-9 ]+$"):
        parse(text)


def test_what_cannot_be_written_is_no_checkpoint() -> None:
    for origin, size, root, extensions in (
        ("", 1, ROOT, ()),
        ("a\nb", 1, ROOT, ()),
        ("a", -1, ROOT, ()),
        ("a", 1, ROOT[1:], ()),
        ("a", 1, ROOT, ("",)),
    ):
        with pytest.raises(ValueError, match=r"\w+ \w+"):
            Checkpoint(origin, size, root, extensions)


def test_a_log_s_own_key_opens_its_checkpoint() -> None:
    assert open_checkpoint(signed(CHECKPOINT), [LOG.key], verify) == CHECKPOINT


def test_the_key_of_one_log_does_not_speak_for_another() -> None:
    note = signed(CHECKPOINT, OTHER)

    with pytest.raises(ValueError, match="not signed by the log's own key"):
        open_checkpoint(note, [LOG.key, OTHER.key], verify)


def test_other_keys_may_sign_beside_the_log_s() -> None:
    notes = [parse_note(signed(CHECKPOINT, by)) for by in (OTHER, LOG)]
    both = Note(CHECKPOINT.text(), notes[0].signatures + notes[1].signatures)

    assert open_checkpoint(both.encode(), [LOG.key, OTHER.key], verify) == CHECKPOINT


def test_a_signed_text_that_is_no_checkpoint_is_refused() -> None:
    note = sign("hello\n", LOG.name, LOG.key.public, LOG.sign)

    with pytest.raises(ValueError, match="not a checkpoint"):
        open_checkpoint(note, [LOG.key], verify)


@pytest.mark.parametrize("number", [0, 1, 10, MAX_SIZE])
def test_a_number_reads_as_it_was_written(number: int) -> None:
    assert read_number(str(number)) == number
    with pytest.raises(ValueError, match=re.escape("a number is malformed")):
        read_number(f"0{number}")


def test_a_number_that_no_log_reaches_is_refused() -> None:
    with pytest.raises(ValueError, match="a number is malformed"):
        read_number(str(MAX_SIZE + 1))
